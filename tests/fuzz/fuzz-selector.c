/* SPDX-License-Identifier: Apache-2.0 */
/* Every text against a machine with a whole GPU, one with MIG instances, and one that is lost. */
#include "fuzz.h"

#include "request/selector.h"

static struct gpu_partition instances[] = {
	{ .index = 0, .gi = 1, .ci = 0, .uuid = "MIG-11111111-2222-3333-4444-555555555555" },
	{ .index = 1, .gi = 2, .ci = 0, .uuid = "MIG-11111111-2222-3333-4444-666666666666" },
};

static struct gpu gpus[] = {
	{ .index = 0,
		.vendor = GPU_VENDOR_NVIDIA,
		.uuid = "GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
		.pci_address = "0000:10:00.0" },
	{ .index = 1,
		.vendor = GPU_VENDOR_NVIDIA,
		.uuid = "GPU-aaaaaaaa-bbbb-cccc-dddd-ffffffffffff",
		.pci_address = "0000:11:00.0",
		.mig_enabled = true,
		.partitions = { .items = instances, .n = 2, .capacity = 2 } },
	{ .index = 2,
		.vendor = GPU_VENDOR_AMD,
		.state = GPU_LOST,
		.state_reason = "it fell off the bus",
		.pci_address = "0001:12:00.0" },
};

static const struct inventory machine = {
	.host_prefix = "",
	.gpus = { .items = gpus, .n = 3, .capacity = 3 },
};

static void check_selection(const struct selection *s)
{
	CHECK(s->n <= 2 + 2);
	CHECK(!s->none || s->n == 0);
	for (size_t i = 0; i < s->n; i++) {
		CHECK(s->items[i].gpu >= gpus && s->items[i].gpu < gpus + 3);
		CHECK(s->items[i].gpu->state == GPU_USABLE);
		for (size_t k = 0; k < i; k++)
			CHECK(s->items[k].gpu != s->items[i].gpu ||
				s->items[k].partition != s->items[i].partition);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *check_err = NULL, *err = NULL;
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct string_list selectors = { 0 };
	struct selection selection;
	int check, r;

	CHECK(a && string_list_add(a, &selectors, text) == 0);
	check = selector_check(text, &check_err);
	CHECK((check < 0) == (check_err != NULL));
	(void)selector_needs_enrichment(&selectors);
	r = selector_resolve(&selectors, &machine, a, &selection, &err);
	CHECK((r < 0) == (err != NULL));
	/* What is not the grammar selects nothing. */
	CHECK(check >= 0 || r < 0);
	if (r >= 0)
		check_selection(&selection);
	return 0;
}
