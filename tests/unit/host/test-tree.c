/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch-tree.h"

#include <sys/sysmacros.h>

static void test_prefix_is_absolute(void **state)
{
	struct scratch *s = *state;
	_cleanup_(host_tree_done) struct host_tree relative = HOST_TREE_INIT, odd = HOST_TREE_INIT;
	_cleanup_free_ char *before = getcwd(NULL, 0);
	char path[128];

	assert_string_equal(s->tree.prefix, s->directory);
	assert_false(host_tree_is_live(&s->tree));
	assert_int_equal(chdir("/tmp"), 0);
	assert_int_equal(host_tree_open(s->directory + strlen("/tmp/"), &relative, NULL), 0);
	assert_int_equal(chdir(before), 0);
	assert_string_equal(relative.prefix, s->directory);
	(void)snprintf(path, sizeof(path), "//tmp/.//%s///", s->directory + strlen("/tmp/"));
	assert_int_equal(host_tree_open(path, &odd, NULL), 0);
	assert_string_equal(odd.prefix, s->directory);
}

static void test_running_machine(void **state)
{
	static const char *const names[] = { "/", "//", "/.", "/tmp/..", "/proc/self/root" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;

		assert_int_equal(host_tree_open(names[i], &tree, NULL), 0);
		assert_string_equal(tree.prefix, "");
		assert_true(host_tree_is_live(&tree));
	}
}

static void test_parent_components_are_resolved(void **state)
{
	struct scratch *s = *state;
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	char path[128];

	scratch_directory(s, "/sub");
	(void)snprintf(path, sizeof(path), "%s/sub/..", s->directory);
	assert_int_equal(host_tree_open(path, &tree, NULL), 0);
	assert_string_equal(tree.prefix, s->directory);
}

static void test_open_errors(void **state)
{
	struct scratch *s = *state;
	struct host_tree tree = HOST_TREE_INIT;
	_cleanup_error_ struct nvb_error *err = NULL;
	char path[128];

	assert_int_equal(host_tree_open("/nonexistent/root", &tree, &err), NVB_ERR_NOT_FOUND);
	assert_non_null(strstr(nvb_error_message(err), "'/nonexistent/root'"));
	scratch_write(s, "/file", "");
	(void)snprintf(path, sizeof(path), "%s/file", s->directory);
	assert_int_equal(host_tree_open(path, &tree, NULL), NVB_ERR_NOT_FOUND);
	assert_int_equal(tree.root_fd, -1);
}

static void test_values(void **state)
{
	struct scratch *s = *state;
	const char *line = NULL;
	uint64_t value = 7;

	scratch_write(s, "/sys/value", "  12 \n\n");
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/sys/value", &line), 0);
	assert_string_equal(line, "  12");
	assert_int_equal(host_tree_read_u64(&s->tree, "/sys/value", &value), -EINVAL);
	assert_int_equal(value, 7);
	scratch_write(s, "/sys/value", "12\n");
	assert_int_equal(host_tree_read_u64(&s->tree, "/sys/value", &value), 0);
	assert_int_equal(value, 12);
	scratch_write(s, "/sys/value", "0x10de\n");
	assert_int_equal(host_tree_read_hex(&s->tree, "/sys/value", &value), 0);
	assert_int_equal(value, 0x10de);
	scratch_write(s, "/sys/value", "-1\n");
	assert_int_equal(host_tree_read_u64(&s->tree, "/sys/value", &value), -EINVAL);
	scratch_write(s, "/sys/value", "18446744073709551616");
	assert_int_equal(host_tree_read_u64(&s->tree, "/sys/value", &value), -EINVAL);
	scratch_write(s, "/sys/value", "");
	assert_int_equal(host_tree_read_hex(&s->tree, "/sys/value", &value), -EINVAL);
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/sys/value", &line), 0);
	assert_string_equal(line, "");
	assert_int_equal(host_tree_read_u64(&s->tree, "/sys/none", &value), -ENOENT);
	assert_int_equal(host_tree_read_u64(&s->tree, "/sys", &value), -EISDIR);
}

static void test_line_is_bounded(void **state)
{
	struct scratch *s = *state;
	_cleanup_free_ char *big = malloc(4098);
	_cleanup_free_ char *text = NULL;
	const char *line = NULL;

	memset(big, 'x', 4097);
	big[4097] = '\0';
	scratch_write(s, "/big", big);
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/big", &line), -EFBIG);
	assert_null(line);
	assert_int_equal(host_tree_read(&s->tree, "/big", 4096, &text), -EFBIG);
	big[4096] = '\0';
	scratch_write(s, "/big", big);
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/big", &line), 0);
	assert_int_equal(strlen(line), 4096);
	scratch_write_bytes(s, "/nul", "ab\0cd", 5);
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/nul", &line), 0);
	assert_string_equal(line, "ab");
}

static void test_links_stay_inside(void **state)
{
	struct scratch *s = *state;
	const char *line = NULL;

	scratch_write(s, "/etc/hostname", "inside\n");
	scratch_link(s, "/absolute", "/etc/hostname");
	scratch_link(s, "/climbing", "../../../../../../etc/hostname");
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/absolute", &line), 0);
	assert_string_equal(line, "inside");
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/climbing", &line), 0);
	assert_string_equal(line, "inside");
	scratch_link(s, "/loop", "loop");
	assert_int_equal(host_tree_read_line(&s->tree, s->arena, "/loop", &line), -ELOOP);
	assert_true(host_tree_exists(&s->tree, "/climbing"));
	assert_false(host_tree_exists(&s->tree, "/loop"));
}

static void test_link_name(void **state)
{
	struct scratch *s = *state;
	const char *name = NULL;

	scratch_directory(s, "/sys/bus/pci/drivers/nvidia");
	scratch_link(s, "/sys/bus/pci/devices/d/driver", "../../drivers/nvidia");
	scratch_link(s, "/sys/bus/pci/devices/d/dangling", "../../drivers/gone");
	scratch_write(s, "/sys/bus/pci/devices/d/file", "");
	assert_int_equal(host_tree_link_name(&s->tree, s->arena, "/sys/bus/pci/devices/d/driver",
				 &name),
		0);
	assert_string_equal(name, "nvidia");
	assert_int_equal(host_tree_link_name(&s->tree, s->arena, "/sys/bus/pci/devices/d/dangling",
				 &name),
		0);
	assert_string_equal(name, "gone");
	name = NULL;
	assert_int_equal(
		host_tree_link_name(&s->tree, s->arena, "/sys/bus/pci/devices/d/file", &name),
		-EINVAL);
	assert_int_equal(
		host_tree_link_name(&s->tree, s->arena, "/sys/bus/pci/devices/d/none", &name),
		-ENOENT);
	assert_null(name);
}

static void test_list_order(void **state)
{
	static const char *const expected[] = { "card2", "card10", "card010", "gi", "gi1", "gi1a",
		"renderD128" };
	struct scratch *s = *state;
	struct string_list names = { 0 };

	for (size_t i = ELEMENTS(expected); i > 0; i--) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/dir/%s", expected[i - 1]);
		scratch_write(s, path, "");
	}
	assert_int_equal(host_tree_list(&s->tree, s->arena, "/dir", &names), 0);
	assert_int_equal(names.n, ELEMENTS(expected));
	/* Equal by value: then by text. */
	assert_string_equal(names.items[0], "card2");
	assert_string_equal(names.items[1], "card010");
	assert_string_equal(names.items[2], "card10");
	for (size_t i = 3; i < names.n; i++)
		assert_string_equal(names.items[i], expected[i]);
	assert_int_equal(host_tree_list(&s->tree, s->arena, "/none", &names), -ENOENT);
	assert_int_equal(host_tree_list(&s->tree, s->arena, "/dir/gi", &names), -ENOTDIR);
	scratch_directory(s, "/empty");
	assert_int_equal(host_tree_list(&s->tree, s->arena, "/empty", &names), 0);
	assert_int_equal(names.n, 0);
}

static void test_stand_in_nodes(void **state)
{
	static const struct {
		const char *text;
		char type;
		uint32_t major, minor;
	} cases[] = {
		{ "c 195:255\n", 'c', 195, 255 },
		{ "b 8:1", 'b', 8, 1 },
		{ "c 195:0 and more\n", 'c', 195, 0 },
		{ "c 4294967295:0\n", 'c', UINT32_MAX, 0 },
		{ "", 0, 0, 0 },
		{ "c", 0, 0, 0 },
		{ "c195:255\n", 0, 0, 0 },
		{ "c 195\n", 0, 0, 0 },
		{ "c 195:\n", 0, 0, 0 },
		{ "c :1\n", 0, 0, 0 },
		{ "c 195:255x\n", 0, 0, 0 },
		{ "c 4294967296:0\n", 0, 0, 0 },
		{ "c -1:0\n", 0, 0, 0 },
		{ "d 1:2\n", 0, 0, 0 },
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct host_node node;

		scratch_write(s, "/dev/nvidiactl", cases[i].text);
		assert_int_equal(host_tree_node(&s->tree, s->arena, "/dev/nvidiactl", &node), 0);
		assert_true(node.exists);
		assert_false(node.is_device);
		assert_int_equal(node.type, cases[i].type);
		assert_int_equal(node.major, cases[i].major);
		assert_int_equal(node.minor, cases[i].minor);
		assert_int_equal(node.mode, 0644);
		assert_int_equal(node.uid, geteuid());
		assert_string_equal(node.path, "/dev/nvidiactl");
		assert_memory_equal(node.host_path, s->directory, strlen(s->directory));
	}
}

static void test_absent_and_odd_nodes(void **state)
{
	struct scratch *s = *state;
	struct host_node node;

	assert_int_equal(host_tree_node(&s->tree, s->arena, "/dev/none", &node), 0);
	assert_false(node.exists);
	assert_int_equal(node.type, 0);
	assert_non_null(node.host_path);
	scratch_directory(s, "/dev/dri");
	assert_int_equal(host_tree_node(&s->tree, s->arena, "/dev/dri", &node), 0);
	assert_false(node.exists);
	scratch_write(s, "/dev/file", "c 1:3\n");
	assert_int_equal(host_tree_node(&s->tree, s->arena, "/dev/file/below", &node), 0);
	assert_false(node.exists);
	/* A link is followed inside the tree. */
	scratch_link(s, "/dev/dri/by-path/pci-card", "../../file");
	assert_int_equal(host_tree_node(&s->tree, s->arena, "/dev/dri/by-path/pci-card", &node), 0);
	assert_true(node.exists);
	assert_int_equal(node.minor, 3);
}

static void test_real_nodes(void **state)
{
	_cleanup_(host_tree_done) struct host_tree live = HOST_TREE_INIT;
	struct scratch *s = *state;
	struct host_node node;

	assert_int_equal(host_tree_open("/", &live, NULL), 0);
	assert_int_equal(host_tree_node(&live, s->arena, "/dev/null", &node), 0);
	assert_true(node.exists);
	assert_true(node.is_device);
	assert_int_equal(node.type, 'c');
	assert_int_equal(node.major, 1);
	assert_int_equal(node.minor, 3);
	assert_string_equal(node.host_path, "/dev/null");
	/* On the running machine a regular file is no node. */
	assert_int_equal(host_tree_node(&live, s->arena, "/proc/version", &node), 0);
	assert_false(node.exists);
}

static void test_char_major(void **state)
{
	struct scratch *s = *state;
	uint32_t major = 0;

	assert_int_equal(host_tree_char_major(&s->tree, "nvidia-uvm", &major), -ENOENT);
	scratch_write(s, "/proc/devices",
		"Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n235 nvidia-caps\n"
		"236 nvidia-caps-imex-channels\n511 nvidia-uvm\n\nBlock devices:\n259 blkext\n"
		"  7 kfd\n");
	assert_int_equal(host_tree_char_major(&s->tree, "nvidia-uvm", &major), 1);
	assert_int_equal(major, 511);
	assert_int_equal(host_tree_char_major(&s->tree, "nvidia-caps", &major), 1);
	assert_int_equal(major, 235);
	assert_int_equal(host_tree_char_major(&s->tree, "mem", &major), 1);
	assert_int_equal(major, 1);
	assert_int_equal(host_tree_char_major(&s->tree, "kfd", &major), 0);
	assert_int_equal(host_tree_char_major(&s->tree, "nvidia-", &major), 0);
	scratch_write(s, "/proc/devices",
		"Character devices:\n99999999999 nvidia-uvm\nx nvidia-uvm");
	assert_int_equal(host_tree_char_major(&s->tree, "nvidia-uvm", &major), 0);
	assert_int_equal(major, 1);
}

static void test_modules(void **state)
{
	struct scratch *s = *state;

	assert_false(host_tree_has_module(&s->tree, "nvidia"));
	scratch_write(s, "/proc/modules",
		"nvidia_uvm 4694016 0 - Live 0x0\nnvidia 567 2 nvidia_uvm, Live 0x0 (POE)\n");
	scratch_directory(s, "/sys/module/amdgpu");
	assert_true(host_tree_has_module(&s->tree, "nvidia"));
	assert_true(host_tree_has_module(&s->tree, "nvidia-uvm"));
	assert_true(host_tree_has_module(&s->tree, "amdgpu"));
	assert_false(host_tree_has_module(&s->tree, "nvidia_u"));
	assert_false(host_tree_has_module(&s->tree, ""));
	assert_false(host_tree_has_module(&s->tree, "../module/amdgpu"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_prefix_is_absolute),
		TEST(test_running_machine),
		TEST(test_parent_components_are_resolved),
		TEST(test_open_errors),
		TEST(test_values),
		TEST(test_line_is_bounded),
		TEST(test_links_stay_inside),
		TEST(test_link_name),
		TEST(test_list_order),
		TEST(test_stand_in_nodes),
		TEST(test_absent_and_odd_nodes),
		TEST(test_real_nodes),
		TEST(test_char_major),
		TEST(test_modules),
	};

	return cmocka_run_group_tests_name("host tree", tests, NULL, NULL);
}
