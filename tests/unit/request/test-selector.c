/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "request/selector.h"

/*
 * 0, 1: NVIDIA with UUIDs that share "GPU-5e1f", 1 with two MIG instances; 2: NVIDIA, fallen off
 * the bus; 3: AMD with two partitions; 4: a Windows GPU.
 */
struct machine {
	struct arena *arena;
	struct inventory inv;
};

static struct gpu *add_gpu(struct machine *m, enum gpu_vendor vendor, const char *name,
	const char *uuid, const char *pci)
{
	struct gpu *gpu = vec_push(m->arena, &m->inv.gpus);

	assert_non_null(gpu);
	gpu->index = (unsigned)(m->inv.gpus.n - 1);
	gpu->vendor = vendor;
	gpu->name = name;
	gpu->uuid = uuid;
	gpu->pci_address = pci;
	return gpu;
}

static void add_partition(struct machine *m, struct gpu *gpu, const char *uuid, const char *profile)
{
	struct gpu_partition *p = vec_push(m->arena, &gpu->partitions);

	assert_non_null(p);
	p->index = (unsigned)(gpu->partitions.n - 1);
	p->uuid = uuid;
	p->profile = profile;
}

static int setup(void **state)
{
	struct arena *arena = arena_new();
	struct machine *m = arena_new_object(arena, struct machine);
	struct gpu *gpu;

	m->arena = arena;
	add_gpu(m, GPU_VENDOR_NVIDIA, "NVIDIA H100", "GPU-5e1f0000-1111-2222-3333-444444444444",
		"0000:1b:00.0");
	gpu = add_gpu(m, GPU_VENDOR_NVIDIA, "NVIDIA A100",
		"GPU-5e1fabcd-1111-2222-3333-444444444444", "0000:43:00.0");
	add_partition(m, gpu, "MIG-aaaa0000-1111-2222-3333-444444444444", "1g.10gb");
	add_partition(m, gpu, NULL, "2g.20gb");
	gpu = add_gpu(m, GPU_VENDOR_NVIDIA, NULL, NULL, "0000:52:00.0");
	gpu->state = GPU_LOST;
	gpu->state_reason = "fell off the bus";
	gpu = add_gpu(m, GPU_VENDOR_AMD, "AMD MI300X", "GPU-0123456789abcdef", "0001:05:00.0");
	add_partition(m, gpu, NULL, "cpx");
	add_partition(m, gpu, NULL, "cpx");
	add_gpu(m, GPU_VENDOR_WSL, NULL, NULL, NULL);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	arena_free(m->arena);
	return 0;
}

/* Resolves a list separated by blanks: every word is one selector. */
static int resolve(
	struct machine *m, const char *words, struct selection *ret, struct nvb_error **err)
{
	struct string_list list = { 0 };
	char *copy = arena_strdup(m->arena, words), *word;

	while ((word = strsep(&copy, " ")))
		assert_int_equal(string_list_add(m->arena, &list, word), 0);
	return selector_resolve(&list, &m->inv, m->arena, ret, err);
}

/* "0 1:1 3": what a selection holds. */
static const char *describe(struct machine *m, const struct selection *s)
{
	char *text = arena_strdup(m->arena, "");

	for (size_t i = 0; i < s->n; i++) {
		const char *blank = i ? " " : "";

		if (s->items[i].partition)
			text = arena_printf(m->arena, "%s%s%u:%u", text, blank,
				s->items[i].gpu->index, s->items[i].partition->index);
		else
			text = arena_printf(
				m->arena, "%s%s%u", text, blank, s->items[i].gpu->index);
	}
	return text;
}

static void test_selects(void **state)
{
	static const struct {
		const char *words, *expected;
		bool all, none;
	} cases[] = {
		{ "0", "0", false, false },
		{ "gpu0", "0", false, false },
		{ "GPU0", "0", false, false },
		{ "gpu:0", "0", false, false },
		{ "gpu0,gpu1", "0 1", false, false },
		{ "1,0", "0 1", false, false },
		{ "1 0 1", "0 1", false, false },
		{ "00", "0", false, false },
		{ "all", "0 1 3 4", true, false },
		{ "ALL", "0 1 3 4", true, false },
		{ "gpu:all", "0 1 3 4", true, false },
		{ "all,0", "0 1 3 4", true, false },
		{ "none", "", false, true },
		{ "None none", "", false, true },
		{ "1:0", "1:0", false, false },
		{ "gpu1:1", "1:1", false, false },
		{ "gpu:1:1", "1:1", false, false },
		{ "1:1,1:0,1:1", "1:0 1:1", false, false },
		{ "1:0,1", "1", false, false },
		{ "3:1 0", "0 3:1", false, false },
		{ "GPU-5e1f0000-1111-2222-3333-444444444444", "0", false, false },
		{ "gpu-5E1FABCD", "1", false, false },
		{ "GPU-5e1fa", "1", false, false },
		{ "GPU-0123", "3", false, false },
		{ "MIG-aaaa0000-1111-2222-3333-444444444444", "1:0", false, false },
		{ "mig-AAAA", "1:0", false, false },
		{ "0000:1b:00.0", "0", false, false },
		{ "1B:00.0", "0", false, false },
		{ "00000000:1b:00.0", "0", false, false },
		{ "0001:05:00.0", "3", false, false },
		{ "nvidia.com/gpu=0", "0", false, false },
		{ "nvidia.com/gpu=gpu1", "1", false, false },
		{ "nvidia.com/gpu=all", "0 1 4", false, false },
		{ "nvidia.com/gpu-bolt=all", "0 1 4", false, false },
		{ "nvidia.com/gpu=1:1", "1:1", false, false },
		{ "nvidia.com/gpu=GPU-5e1fabcd", "1", false, false },
		{ "nvidia.com/gpu=none", "", false, true },
		{ "amd.com/gpu=all", "3", false, false },
		{ "amd.com/gpu=0,0", "0 3", false, false },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct selection s;

		if (resolve(*state, cases[i].words, &s, &err) < 0)
			fail_msg("%s: %s", cases[i].words, nvb_error_message(err));
		assert_string_equal(describe(*state, &s), cases[i].expected);
		assert_int_equal(s.all, cases[i].all);
		assert_int_equal(s.none, cases[i].none);
	}
}

static void expect_failure(struct machine *m, const char *words, int status, const char *part)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct selection untouched = { .n = 77 };
	int r = resolve(m, words, &untouched, &err);

	if (r != status)
		fail_msg("'%s' gives %d: %s", words, r, nvb_error_message(err));
	assert_int_equal(nvb_error_status(err), status);
	assert_int_equal(untouched.n, 77);
	if (!strstr(nvb_error_message(err), part))
		fail_msg("'%s': no '%s' in: %s", words, part, nvb_error_message(err));
}

static void test_not_the_grammar(void **state)
{
	static const char *const cases[] = {
		"",
		",",
		"0,",
		",0",
		"0,,1",
		"-1",
		"+1",
		"0x1",
		"1a",
		"gpu",
		"gpu:",
		"gpuall",
		"gpu0:",
		":0",
		"0:",
		"0:1:2",
		"65536",
		"99999999999999999999",
		"GPU-",
		"GPU-123",
		"GPU-12z4",
		"GPU-1234-5678",
		"GPU-5e1f0000-1111-2222-3333-4444444444445",
		"MIG-",
		"MIG-xyz",
		"MIG-GPU-5e1f0000/1/0",
		"1b:00",
		"1b:00.8",
		"1b:20.0",
		"0x1b:00.0",
		"g:00.0",
		"1:2:3:00.0",
		"123456789:1b:00.0",
		"=",
		"a=b",
		"nvidia.com=0",
		"/gpu=0",
		"nvidia.com/=0",
		"nvidia.com/gpu=",
		"nvidia.com/gpu=nvidia.com/gpu=0",
		"nvidia.com/gpu=x y",
		"nvidia.com/gpu=-1",
		"nvidia.com/gpu=x.",
		"-a.com/x=y",
		"a.com/x_=y",
		"a b/c=d",
		"allx",
		"nonee",
		"*",
		"0;1",
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;

		if (selector_check(cases[i], &err) != NVB_ERR_USAGE)
			fail_msg("'%s' is taken for a selector", cases[i]);
		assert_int_equal(nvb_error_status(err), NVB_ERR_USAGE);
		assert_non_null(strstr(nvb_error_message(err), "select GPU '"));
	}
	/* The grammar is checked before the machine is looked at, over all selectors. */
	expect_failure(*state, "99 x", NVB_ERR_USAGE, "select GPU 'x'");
}

/* A kind stays with its item: "0" alone would be another GPU. */
static void test_split_foreign(void **state)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct string_list selectors = { 0 }, own = { 0 }, foreign = { 0 };

	(void)state;
	assert_int_equal(
		string_list_add(arena, &selectors, "amd.com/gpu=0,nvidia.com/gpu=special"), 0);
	assert_int_equal(string_list_add(arena, &selectors, "a.com/x=y,1:0"), 0);
	assert_int_equal(selector_split_foreign(&selectors, arena, &own, &foreign, NULL), 0);
	assert_int_equal(own.n, 2);
	assert_string_equal(own.items[0], "amd.com/gpu=0");
	assert_string_equal(own.items[1], "1:0");
	assert_int_equal(foreign.n, 2);
	assert_string_equal(foreign.items[0], "nvidia.com/gpu=special");
	assert_string_equal(foreign.items[1], "a.com/x=y");
}

/* What a specification may have called so, but none has. */
static void test_undefined(void **state)
{
	static const struct {
		const char *name, *message;
	} cases[] = {
		{ "nvidia.com/gpu=zzz", "select GPU 'zzz': no such GPU, and no CDI specification "
					"defines it; this machine has 0 (" },
		{ "AMD.com/gpu=zzz", "select GPU 'zzz': no such GPU, " },
		{ "example.com/gpu=0", NULL },
		{ "nvidia.com/gpus=0", NULL },
		{ "nvidia.com/gpu", NULL },
		{ "", NULL },
	};
	const struct machine *m = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		int r = selector_check_undefined(cases[i].name, &m->inv, &err);

		assert_int_equal(r, cases[i].message ? NVB_ERR_NO_GPU : 0);
		if (cases[i].message)
			assert_memory_equal(
				nvb_error_message(err), cases[i].message, strlen(cases[i].message));
	}
}

static void test_none_stands_alone(void **state)
{
	expect_failure(*state, "none,0", NVB_ERR_USAGE, "cannot be joined");
	expect_failure(*state, "0,none", NVB_ERR_USAGE, "cannot be joined");
	expect_failure(*state, "none all", NVB_ERR_USAGE, "cannot be joined");
	assert_int_equal(selector_check("none,0", NULL), NVB_ERR_USAGE);
}

static void test_missing_lists_what_exists(void **state)
{
	static const struct {
		const char *words, *part;
	} cases[] = {
		{ "5", "no such GPU; this machine has 0 (NVIDIA H100), 1 (NVIDIA A100), 2 (nvidia, "
		       "lost), 3 (AMD MI300X), 4 (" },
		{ "0,5", "select GPU '5'" },
		{ "2", "it cannot be used: fell off the bus" },
		{ "0000:52:00.0", "it cannot be used: fell off the bus" },
		{ "GPU-ffff", "no GPU has this UUID" },
		{ "GPU-5e1f", "more than one UUID begins like this" },
		{ "MIG-ffff", "no partition has this UUID" },
		{ "1:7", "no such partition; GPU 1 has 1:0 (1g.10gb), 1:1 (2g.20gb)" },
		{ "0:0", "GPU 0 has no partitions" },
		{ "9:0", "no such GPU" },
		{ "ff:00.0", "no GPU at this PCI address" },
		{ "0001:1b:00.0", "no GPU at this PCI address" },
		{ "amd.com/gpu=1", "no such GPU" },
		{ "nvidia.com/gpu=3", "no such GPU" },
		{ "intel.com/gpu=all", "no usable GPU" },
		{ "example.com/gpu=0", "no CDI devices of this kind" },
		/* A kind knows its own GPUs alone, by its own numbers. */
		{ "amd.com/gpu=7", "no such GPU; this machine has 0 (AMD MI300X)" },
		{ "intel.com/gpu=0", "no such GPU; this machine has no Intel GPU" },
		{ "nvidia.com/gpu=special", "no CDI devices of this kind" },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		expect_failure(*state, cases[i].words, NVB_ERR_NO_GPU, cases[i].part);
}

static void test_empty_machine(void **state)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct machine m = { .arena = arena };
	struct selection s;

	(void)state;
	expect_failure(&m, "all", NVB_ERR_NO_GPU, "this machine has no GPU");
	expect_failure(&m, "0", NVB_ERR_NO_GPU, "this machine has no GPU");
	assert_int_equal(resolve(&m, "none", &s, NULL), 0);
	assert_true(s.none);
	assert_int_equal(s.n, 0);
	assert_int_equal(selector_resolve(&(struct string_list){ 0 }, &m.inv, arena, &s, NULL), 0);
	assert_int_equal(s.n, 0);
	assert_false(s.none);
}

static void test_size_limit(void **state)
{
	char text[4100];
	_cleanup_error_ struct nvb_error *err = NULL;

	(void)state;
	memset(text, '0', sizeof(text));
	for (size_t i = 1; i < 4096; i += 2)
		text[i] = ',';
	text[4095] = '\0';
	assert_int_equal(selector_check(text, &err), 0);
	text[4095] = ',';
	text[4096] = '0';
	text[4097] = '\0';
	assert_int_equal(selector_check(text, &err), NVB_ERR_USAGE);
	assert_non_null(strstr(nvb_error_message(err), "longer than 4096 bytes"));
	assert_true(strlen(nvb_error_message(err)) < 300);
}

static void test_hostile_text_is_escaped(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;

	(void)state;
	assert_int_equal(selector_check("\033[31m\n", &err), NVB_ERR_USAGE);
	assert_null(strchr(nvb_error_message(err), '\033'));
	assert_null(strchr(nvb_error_message(err), '\n'));
}

static void test_needs_enrichment(void **state)
{
	static const struct {
		const char *words;
		bool needed;
	} cases[] = {
		{ "all", false },
		{ "0,1:0", false },
		{ "GPU-5e1f", false },
		{ "MIG-aaaa", true },
		{ "0,mig-aaaa", true },
		{ "nvidia.com/gpu=MIG-aaaa", true },
		{ "MIG-", false },
	};
	struct machine *m = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct string_list list = { 0 };

		assert_int_equal(string_list_add(m->arena, &list, cases[i].words), 0);
		assert_int_equal(selector_needs_enrichment(&list), cases[i].needed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_selects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_the_grammar, setup, teardown),
		cmocka_unit_test(test_split_foreign),
		cmocka_unit_test_setup_teardown(test_undefined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none_stands_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_lists_what_exists, setup, teardown),
		cmocka_unit_test(test_empty_machine),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_hostile_text_is_escaped),
		cmocka_unit_test_setup_teardown(test_needs_enrichment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
