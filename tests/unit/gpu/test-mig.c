/* SPDX-License-Identifier: Apache-2.0 */
#include "../host/scratch-tree.h"

#include "gpu/nvidia/mig.h"

static struct mig_minor_list parse(struct arena *a, const char *text)
{
	struct mig_minor_list list = { 0 };

	assert_int_equal(mig_minors_parse(text, strlen(text), a, &list), 0);
	return list;
}

static void test_parse(void **state)
{
	struct scratch *s = *state;
	struct mig_minor_list list;
	uint32_t minor = 0;

	list = parse(s->arena,
		"config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\n"
		"gpu12/gi3/access 300\ngpu12/gi3/ci7/access 308\n");
	assert_int_equal(list.n, 4);
	assert_true(mig_minors_find(&list, 0, 0, -1, &minor));
	assert_int_equal(minor, 3);
	assert_true(mig_minors_find(&list, 0, 0, 0, &minor));
	assert_int_equal(minor, 4);
	assert_true(mig_minors_find(&list, 12, 3, 7, &minor));
	assert_int_equal(minor, 308);
	assert_false(mig_minors_find(&list, 12, 3, 6, &minor));
	assert_false(mig_minors_find(&list, -1, 3, 7, &minor));
	assert_int_equal(minor, 308);
}

static void test_bad_lines_are_skipped(void **state)
{
	static const char *const lines[] = {
		"",
		"gpu",
		"gpu/gi0/access 1",
		"gpu0/gi/access 1",
		"gpu0/gi0/ci/access 1",
		"gpu0/gi0/access",
		"gpu0/gi0/access ",
		"gpu0/gi0/access x",
		"gpu0/gi0/access 1 ",
		"gpu0/gi0/access  1",
		"gpu0/gi0/access 1\r",
		"gpu0/gi0/access -1",
		"gpu0/gi0/access 1048576",
		"gpu256/gi0/access 1",
		"gpu0/gi99999999999999999999/access 1",
		"xgpu0/gi0/access 1",
		"gpu0/ci0/access 1",
		"gpu0/gi0/ci0/gi0/access 1",
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		char text[128];
		struct mig_minor_list list;

		(void)snprintf(text, sizeof(text), "%s\ngpu0/gi1/access 12\n", lines[i]);
		list = parse(s->arena, text);
		assert_int_equal(list.n, 1);
		assert_int_equal(list.items[0].minor, 12);
		assert_int_equal(list.items[0].gi, 1);
	}
}

static void test_truncation(void **state)
{
	static const char text[] = "gpu0/gi1/access 12\ngpu0/gi1/ci0/access 13\n";
	struct scratch *s = *state;

	for (size_t length = 0; length < sizeof(text); length++) {
		_cleanup_free_ char *part = malloc(length ? length : 1);
		struct mig_minor_list list = { 0 };

		memcpy(part, text, length);
		assert_int_equal(mig_minors_parse(part, length, s->arena, &list), 0);
		/* A line counts when it has ended: 18 and 22 characters. */
		assert_int_equal(list.n, (length >= 19) + (length >= 42));
	}
}

struct fixture {
	struct inventory inv;
	struct gpu_discovery d;
	struct gpu gpu;
	struct mig_tables tables;
};

static void discover(struct scratch *s, struct fixture *f, int minor)
{
	*f = (struct fixture){
		.inv = { .arena = s->arena },
		.gpu = { .minor = minor, .pci_address = "0000:3b:00.0" },
	};
	f->d = (struct gpu_discovery){ .tree = &s->tree, .inv = &f->inv };
	assert_int_equal(mig_discover(&f->d, &f->gpu, &f->tables, NULL), 0);
}

static void make_instances(struct scratch *s)
{
	scratch_write(s, "/proc/driver/nvidia/capabilities/gpu1/mig/gi10/access", "");
	scratch_write(s, "/proc/driver/nvidia/capabilities/gpu1/mig/gi10/ci0/access", "");
	scratch_write(s, "/proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci1/access", "");
	scratch_write(s, "/proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci0/access", "");
	scratch_write(s, "/proc/driver/nvidia/capabilities/gpu1/mig/gi2x/ci0/access", "");
	scratch_directory(s, "/proc/driver/nvidia/capabilities/gpu0/mig");
	scratch_write(s, "/proc/driver/nvidia-caps/mig-minors",
		"gpu0/gi2/access 1\ngpu1/gi2/access 156\ngpu1/gi2/ci0/access 157\n"
		"gpu1/gi2/ci1/access 158\ngpu1/gi10/access 228\ngpu1/gi10/ci0/access 229\n");
}

static void test_instances(void **state)
{
	static const struct {
		int gi, ci;
		const char *gi_node, *ci_node;
	} expected[] = {
		{ 2, 0, "/dev/nvidia-caps/nvidia-cap156", "/dev/nvidia-caps/nvidia-cap157" },
		{ 2, 1, "/dev/nvidia-caps/nvidia-cap156", "/dev/nvidia-caps/nvidia-cap158" },
		{ 10, 0, "/dev/nvidia-caps/nvidia-cap228", "/dev/nvidia-caps/nvidia-cap229" },
	};
	struct scratch *s = *state;
	struct fixture f;

	make_instances(s);
	scratch_write(s, "/proc/devices", "Character devices:\n238 nvidia-caps\n");
	discover(s, &f, 1);
	assert_true(f.gpu.mig_enabled);
	assert_int_equal(f.inv.warnings.n, 0);
	assert_int_equal(f.gpu.partitions.n, ELEMENTS(expected));
	for (size_t i = 0; i < ELEMENTS(expected); i++) {
		const struct gpu_partition *p = &f.gpu.partitions.items[i];

		assert_int_equal(p->index, i);
		assert_int_equal(p->gi, expected[i].gi);
		assert_int_equal(p->ci, expected[i].ci);
		assert_false(p->standalone);
		assert_int_equal(p->nodes.n, 2);
		assert_string_equal(p->nodes.items[0].node.path, expected[i].gi_node);
		assert_string_equal(p->nodes.items[1].node.path, expected[i].ci_node);
		/* The nodes do not exist yet; their numbers are known all the same. */
		assert_false(p->nodes.items[1].node.exists);
		assert_int_equal(p->nodes.items[1].node.type, 'c');
		assert_int_equal(p->nodes.items[1].node.major, 238);
		assert_int_equal(p->nodes.items[0].needed_for, CAPABILITY_ALL);
	}
}

static void test_no_instances(void **state)
{
	struct scratch *s = *state;
	struct fixture f;

	make_instances(s);
	discover(s, &f, 0);
	assert_false(f.gpu.mig_enabled);
	assert_int_equal(f.gpu.partitions.n, 0);
	/* Nothing was read for a machine without instances. */
	assert_false(f.tables.loaded);
	discover(s, &f, 7);
	assert_false(f.gpu.mig_enabled);
	assert_int_equal(f.inv.warnings.n, 0);
}

static void test_tables_are_missing(void **state)
{
	struct scratch *s = *state;
	struct fixture f;

	scratch_write(s, "/proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci0/access", "");
	discover(s, &f, 1);
	assert_int_equal(f.gpu.partitions.n, 1);
	assert_int_equal(f.gpu.partitions.items[0].nodes.n, 0);
	assert_int_equal(f.inv.warnings.n, 1);
	assert_non_null(strstr(f.inv.warnings.items[0], "mig-minors"));
	/* A table that lacks the instance. */
	scratch_write(s, "/proc/driver/nvidia-caps/mig-minors", "gpu1/gi2/access 156\n");
	discover(s, &f, 1);
	assert_int_equal(f.gpu.partitions.items[0].nodes.n, 1);
	assert_int_equal(f.gpu.partitions.items[0].nodes.items[0].node.type, 0);
	assert_int_equal(f.inv.warnings.n, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parse),
		TEST(test_bad_lines_are_skipped),
		TEST(test_truncation),
		TEST(test_instances),
		TEST(test_no_instances),
		TEST(test_tables_are_missing),
	};

	return cmocka_run_group_tests_name("gpu mig", tests, NULL, NULL);
}
