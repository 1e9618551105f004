/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row per container: what it asks for, its bounds, and what is left, on a machine of two
 * NVIDIA GPUs (the second with two MIG instances) and one of AMD.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "runtime/gpu_bounds.h"

#define NVIDIA(list)                                                                               \
	{                                                                                          \
		"NVIDIA_VISIBLE_DEVICES", GPU_VENDOR_NVIDIA, false, list                           \
	}
#define AMD(list)                                                                                  \
	{                                                                                          \
		"AMD_VISIBLE_DEVICES", GPU_VENDOR_AMD, false, list                                 \
	}
#define ALL(list)                                                                                  \
	{                                                                                          \
		"NVBIND_GPU", GPU_VENDOR_NVIDIA, true, list                                        \
	}

static struct gpu *add_gpu(struct arena *a, struct inventory *inv, enum gpu_vendor vendor)
{
	struct gpu *gpu = vec_push(a, &inv->gpus);

	assert_non_null(gpu);
	gpu->index = (unsigned)(inv->gpus.n - 1);
	gpu->vendor = vendor;
	return gpu;
}

static struct inventory make_machine(struct arena *a)
{
	struct inventory inv = { 0 };
	struct gpu *gpu;

	(void)add_gpu(a, &inv, GPU_VENDOR_NVIDIA);
	gpu = add_gpu(a, &inv, GPU_VENDOR_NVIDIA);
	for (unsigned i = 0; i < 2; i++) {
		struct gpu_partition *p = vec_push(a, &gpu->partitions);

		assert_non_null(p);
		p->index = i;
	}
	(void)add_gpu(a, &inv, GPU_VENDOR_AMD);
	return inv;
}

/* "a b": two selectors. */
static struct string_list words(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text), *save = NULL;
	struct string_list list = { 0 };

	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
		assert_int_equal(string_list_add(a, &list, p), 0);
	return list;
}

struct bound_case {
	const char *asks;
	struct {
		const char *variable;
		enum gpu_vendor vendor;
		bool all_vendors;
		const char *list;
	} bounds[2];
	/* "0 1:0", and what is left of `foreign`; "-": nothing; or "!": an error */
	const char *want;
	const char *foreign, *message;
};

static void format(const struct selection *s, int r, struct strbuf *out)
{
	if (r == 0)
		strbuf_str_add(out, "-");
	assert_int_equal(s->none, r == 0);
	for (size_t i = 0; i < s->n; i++) {
		strbuf_printf(out, "%s%u", i ? " " : "", s->items[i].gpu->index);
		if (s->items[i].partition)
			strbuf_printf(out, ":%u", s->items[i].partition->index);
	}
}

static void check(const struct bound_case *c)
{
	_cleanup_(strbuf_done) struct strbuf got = STRBUF_INIT(1024);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	const struct inventory inv = make_machine(a);
	struct container_request request = { .asker = "NVBIND_GPU" };
	struct string_list asks = words(a, c->asks),
			   foreign = words(a, c->foreign ? c->foreign : "");
	struct selection s = { 0 };
	int r;

	for (size_t i = 0; i < ELEMENTS(c->bounds) && c->bounds[i].variable; i++) {
		struct container_bound *slot = vec_push(a, &request.bounds);

		assert_non_null(slot);
		*slot = (struct container_bound){ c->bounds[i].variable, c->bounds[i].vendor,
			c->bounds[i].all_vendors, words(a, c->bounds[i].list) };
	}
	if (asks.n)
		assert_int_equal(selector_resolve(&asks, &inv, a, &s, NULL), 0);
	r = gpu_bounds_apply(&request, &foreign, &inv, a, &s, &err);
	assert_int_equal(r < 0, err != NULL);
	if (r < 0) {
		assert_int_equal(r, NVB_ERR_NO_GPU);
		strbuf_str_add(&got, "!");
		if (c->message)
			assert_string_equal(nvb_error_message(err), c->message);
	} else {
		format(&s, r, &got);
		vec_foreach (const char *, name, &foreign)
			strbuf_printf(&got, " %s", *name);
	}
	assert_string_equal(strbuf_str(&got), c->want);
}

static void test_bounds(void **state)
{
	static const struct bound_case cases[] = {
		{ "all", { { 0 } }, "0 1 2" },
		{ "all", { NVIDIA("nvidia.com/gpu=1") }, "1 2" },
		{ "all", { NVIDIA("nvidia.com/gpu=all") }, "0 1 2" },
		{ "all", { NVIDIA("nvidia.com/gpu=0"), AMD("") }, "0" },
		{ "all", { NVIDIA(""), AMD("") }, "-" },
		{ "all", { AMD("amd.com/gpu=0") }, "0 1 2" },
		{ "0", { NVIDIA("") }, "-" },
		{ "0", { AMD("") }, "0" },
		{ "2", { NVIDIA("") }, "2" },
		{ "0", { NVIDIA("nvidia.com/gpu=1") }, "!",
			.message = "select GPUs by NVBIND_GPU: none of them is among those of "
				   "NVIDIA_VISIBLE_DEVICES" },
		/* The list that leaves some is named, not the one that leaves none. */
		{ "0 2", { NVIDIA("nvidia.com/gpu=1"), AMD("") }, "!",
			.message = "select GPUs by NVBIND_GPU: none of them is among those of "
				   "NVIDIA_VISIBLE_DEVICES" },
		/* A GPU holds its instances; an instance is not the GPU. */
		{ "1:0 1:1", { NVIDIA("nvidia.com/gpu=1") }, "1:0 1:1" },
		{ "1:0 1:1", { NVIDIA("nvidia.com/gpu=1:1") }, "1:1" },
		{ "1:0", { NVIDIA("nvidia.com/gpu=1:1") }, "!" },
		/* Of the GPU, its allowed instances stay. */
		{ "1", { NVIDIA("nvidia.com/gpu=1:1") }, "1:1" },
		{ "all", { NVIDIA("nvidia.com/gpu=1:0 nvidia.com/gpu=1:1") }, "1:0 1:1 2" },
		{ "0 1", { NVIDIA("nvidia.com/gpu=0 nvidia.com/gpu=1:1") }, "0 1:1" },
		{ "1 1:1", { NVIDIA("nvidia.com/gpu=1:1") }, "1:1" },
		{ "nvidia.com/gpu=1:0", { ALL("1") }, "1:0" },
		{ "nvidia.com/gpu=all", { ALL("1:0 0"), NVIDIA("nvidia.com/gpu=1") }, "1:0" },
		/* What does not exist gives no right. */
		{ "all", { NVIDIA("nvidia.com/gpu=7 nvidia.com/gpu=1") }, "1 2" },
		{ "0", { NVIDIA("nvidia.com/gpu=7") }, "!" },
		/* NVBIND_GPU over annotations counts all GPUs. */
		{ "nvidia.com/gpu=all", { ALL("1") }, "1" },
		{ "amd.com/gpu=0", { ALL("2") }, "2" },
		{ "nvidia.com/gpu=0", { ALL("") }, "-" },
		{ "nvidia.com/gpu=0", { ALL("2") }, "!" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		check(&cases[i]);
}

/* Devices that others define under a vendor's name may be its GPUs. */
static void test_foreign(void **state)
{
	static const struct bound_case cases[] = {
		{ "0", { NVIDIA("nvidia.com/gpu=0") }, "!", .foreign = "nvidia.com/pgpu=3",
			.message = "select 'nvidia.com/pgpu=3' by NVBIND_GPU: "
				   "NVIDIA_VISIBLE_DEVICES does not name it" },
		{ "0", { NVIDIA("nvidia.com/gpu=0 nvidia.com/pgpu=3") }, "0 nvidia.com/pgpu=3",
			.foreign = "nvidia.com/pgpu=3" },
		{ "0", { NVIDIA("nvidia.com/gpu=0") }, "0 acme.com/nic=1",
			.foreign = "acme.com/nic=1" },
		{ "0", { NVIDIA("nvidia.com/gpu=all") }, "0 nvidia.com/pgpu=3",
			.foreign = "nvidia.com/pgpu=3" },
		{ "0", { NVIDIA("nvidia.com/gpu=0") }, "!",
			.foreign = "management.nvidia.com/gpu=all" },
		{ "0", { NVIDIA("nvidia.com/gpu=0") }, "!", .foreign = "NVIDIA.com/pgpu=0" },
		/* No bound's vendor, and none that only looks like it. */
		{ "0", { NVIDIA("nvidia.com/gpu=0") }, "0 amd.com/x=1", .foreign = "amd.com/x=1" },
		{ "0", { NVIDIA("nvidia.com/gpu=0") }, "0 notnvidia.com/gpu=0",
			.foreign = "notnvidia.com/gpu=0" },
		/* A list of nothing leaves nothing, and is no error. */
		{ "0", { AMD("") }, "0 acme.com/nic=1",
			.foreign = "amd.com/gpu=special acme.com/nic=1" },
		{ "", { ALL("") }, "-", .foreign = "management.nvidia.com/gpu=all" },
		{ "nvidia.com/gpu=all", { ALL("") }, "-", .foreign = "nvidia.com/pgpu=3" },
		{ "", { ALL("") }, "- acme.com/nic=1",
			.foreign = "intel.com/x=1 acme.com/nic=1 a.b.amd.com/gpu=0" },
		/* NVBIND_GPU is about the GPUs of all vendors. */
		{ "", { ALL("1") }, "!", .foreign = "management.nvidia.com/gpu=all",
			.message = "select 'management.nvidia.com/gpu=all' by NVBIND_GPU: "
				   "NVBIND_GPU does not name it" },
		{ "0", { ALL("0") }, "!", .foreign = "nvidia.com/pgpu=3" },
		{ "0", { ALL("0") }, "!", .foreign = "x.intel.com/gpu=0" },
		{ "0", { ALL("0 nvidia.com/pgpu=3") }, "0 nvidia.com/pgpu=3",
			.foreign = "nvidia.com/pgpu=3" },
		{ "0", { ALL("All") }, "0 amd.com/gpu=special", .foreign = "amd.com/gpu=special" },
		{ "0", { ALL("nvidia.com/gpu=all") }, "!", .foreign = "amd.com/gpu=special" },
		{ "0", { ALL("0") }, "0 acme.com/nic=1", .foreign = "acme.com/nic=1" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		check(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests_name("runtime/gpu-bounds", tests, NULL, NULL);
}
