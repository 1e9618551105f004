/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses: an inventory ('i'), or the questions before it, of a machine that is not
 * there. */
#include "fuzz.h"

#include "gpu/cache_code.h"
#include "gpu/cache_facts.h"

static void read_inventory(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(strbuf_done) struct strbuf again = STRBUF_INIT(1 << 24);
	struct cache_code in = { .at = data, .end = data + size, .arena = a };
	struct cache_code out = { .out = &again };
	struct inventory inv = { 0 };

	CHECK(a);
	cache_code_inventory(&in, &inv);
	CHECK(in.at >= data && in.at <= in.end);
	if (in.failed)
		return;
	/* What is read is what was written. */
	cache_code_inventory(&out, &inv);
	CHECK(!strbuf_failed(&again) && again.length == (size_t)(in.at - data));
	CHECK(memcmp(again.data, data, again.length) == 0);
	vec_foreach (struct gpu, gpu, &inv.gpus) {
		CHECK(gpu_vendor_name(gpu->vendor) && gpu_state_name(gpu->state));
		(void)inventory_driver(&inv, gpu);
	}
}

static void ask(const uint8_t *data, size_t size)
{
	char prefix[] = "/nowhere";
	const struct host_tree tree = { .root_fd = -1, .prefix = prefix };
	struct cache_code in = { .at = data, .end = data + size };

	(void)cache_facts_hold(&tree, &in);
	CHECK(in.at >= data && in.at <= in.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* In memory of its own, so a read behind its end is seen. */
	_cleanup_free_ uint8_t *copy = malloc(size ? size : 1);

	CHECK(copy);
	if (!size)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] == 'i')
		read_inventory(copy, size - 1);
	else
		ask(copy, size - 1);
	return 0;
}
