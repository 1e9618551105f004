/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of the right to make and to watch MIG instances. */
#include "../host/scratch-tree.h"

#include "gpu/discover.h"
#include "gpu/nvidia/mig.h"
#include "host/pci.h"

#define MINORS                                                                                     \
	"config 1\nmonitor 2\ngpu0/gi0/access 3\ngpu0/gi0/ci0/access 4\ngpu1/gi0/access 138\n"     \
	"gpu1/gi0/ci0/access 139\ngpu1/gi1/access 147\n"

static bool find(const char *text, const char *name, uint32_t *ret_minor)
{
	return mig_minors_find_control(text, strlen(text), name, ret_minor);
}

static void test_parse(void **state)
{
	static const char *const bad[] = { "", "config", "config\n", "config \n", "config 1",
		"config x\n", "config 1 \n", "config  1\n", "config -1\n", "config 1048576\n",
		"configs 1\n", "xconfig 1\n", "config\t1\n", "config 1\r\n",
		"config 99999999999999999999\n" };
	uint32_t minor = 7;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(find(bad[i], "config", &minor));
	assert_int_equal(minor, 7);
	assert_true(find(MINORS, "config", &minor));
	assert_int_equal(minor, 1);
	assert_true(find(MINORS, "monitor", &minor));
	assert_int_equal(minor, 2);
	assert_false(find(MINORS, "gpu0", &minor));
	/* Not one byte behind the end is read. */
	for (size_t length = 0; length < strlen("config 1\n"); length++) {
		_cleanup_free_ char *part = malloc(length ? length : 1);

		memcpy(part, "config 1\n", length);
		assert_false(mig_minors_find_control(part, length, "config", &minor));
	}
}

static void put_gpu(const struct scratch *s, const char *address, unsigned minor)
{
	char path[128], text[64];

	(void)snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", address);
	(void)snprintf(text, sizeof(text), "Device Minor: \t %u\n", minor);
	scratch_write(s, path, text);
	scratch_pci(s, address, 0x30200, PCI_VENDOR_NVIDIA, 0x20b5, "nvidia", NULL);
}

static struct inventory *discover(const struct scratch *s, const struct host_tree *dev)
{
	const struct discover_trees trees = { .machine = &s->tree, .dev = dev };
	struct inventory *inv = NULL;

	assert_int_equal(inventory_discover_in(&trees, &inv, NULL), 0);
	vec_foreach (const struct gpu, gpu, &inv->gpus)
		assert_int_equal(gpu->mig_nodes.n, 0);
	assert_int_equal(inventory_find_mig_control(inv, &trees, NULL), 0);
	return inv;
}

static void make_machine(const struct scratch *s)
{
	scratch_write(s, "/proc/driver/nvidia/version",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  x\n");
	put_gpu(s, "0000:3b:00.0", 1);
	put_gpu(s, "0000:d8:00.0", 0);
}

static void expect_node(const struct gpu_node_list *nodes, size_t index, const char *path,
	uint32_t major, uint32_t minor, bool exists)
{
	const struct host_node *node = &nodes->items[index].node;

	assert_true(index < nodes->n);
	assert_string_equal(node->path, path);
	assert_int_equal(node->type, 'c');
	assert_int_equal(node->major, major);
	assert_int_equal(node->minor, minor);
	assert_int_equal(node->exists, exists);
}

static void test_machine(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct gpu_driver *driver;
	char expected[128];

	make_machine(s);
	scratch_write(s, "/proc/driver/nvidia-caps/mig-minors", MINORS);
	scratch_write(s, "/proc/devices", "Character devices:\n238 nvidia-caps\n");
	scratch_write(s, "/dev/nvidia-caps/nvidia-cap1", "c 238:1\n");
	inv = discover(s, NULL);
	driver = &inv->drivers.items[0];
	assert_int_equal(driver->mig_config_nodes.n, 1);
	expect_node(&driver->mig_config_nodes, 0, "/dev/nvidia-caps/nvidia-cap1", 238, 1, true);
	assert_int_equal(driver->mig_monitor_nodes.n, 1);
	expect_node(&driver->mig_monitor_nodes, 0, "/dev/nvidia-caps/nvidia-cap2", 238, 2, false);
	/* By the device's minor number, which is not its index. */
	assert_int_equal(inv->gpus.items[0].mig_nodes.n, 3);
	expect_node(&inv->gpus.items[0].mig_nodes, 0, "/dev/nvidia-caps/nvidia-cap138", 238, 138,
		false);
	expect_node(&inv->gpus.items[0].mig_nodes, 2, "/dev/nvidia-caps/nvidia-cap147", 238, 147,
		false);
	assert_int_equal(inv->gpus.items[1].mig_nodes.n, 2);
	expect_node(
		&inv->gpus.items[1].mig_nodes, 1, "/dev/nvidia-caps/nvidia-cap4", 238, 4, false);
	(void)snprintf(expected, sizeof(expected), "%s/dev/nvidia-caps/nvidia-cap4", s->directory);
	assert_string_equal(inv->gpus.items[1].mig_nodes.items[1].node.host_path, expected);
	/* Looked for again, nothing is there twice. */
	assert_int_equal(inventory_find_mig_control(
				 inv, &(struct discover_trees){ .machine = &s->tree }, NULL),
		0);
	assert_int_equal(driver->mig_config_nodes.n, 1);
	assert_int_equal(inv->gpus.items[0].mig_nodes.n, 3);
}

static void test_no_table(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	make_machine(s);
	inv = discover(s, NULL);
	assert_int_equal(inv->drivers.items[0].mig_config_nodes.n, 0);
	assert_int_equal(inv->gpus.items[0].mig_nodes.n, 0);
}

/* Without the major number the nodes that there are not cannot be made. */
static void test_no_major(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	make_machine(s);
	scratch_write(s, "/proc/driver/nvidia-caps/mig-minors", MINORS);
	scratch_write(s, "/dev/nvidia-caps/nvidia-cap1", "c 238:1\n");
	inv = discover(s, NULL);
	expect_node(&inv->drivers.items[0].mig_config_nodes, 0, "/dev/nvidia-caps/nvidia-cap1", 238,
		1, true);
	assert_int_equal(inv->drivers.items[0].mig_monitor_nodes.items[0].node.type, 0);
	assert_int_equal(inv->gpus.items[0].mig_nodes.n, 0);
}

static void test_unreadable_table(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	make_machine(s);
	scratch_directory(s, "/proc/driver/nvidia-caps/mig-minors");
	inv = discover(s, NULL);
	assert_int_equal(inv->drivers.items[0].mig_config_nodes.n, 0);
	assert_non_null(
		strstr(inv->warnings.items[inv->warnings.n - 1], "what controls MIG is not known"));
}

static void test_other_vendors(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	/* Left behind by a module that is gone. */
	scratch_write(s, "/proc/driver/nvidia-caps/mig-minors", MINORS);
	scratch_write(s, "/proc/devices", "Character devices:\n238 nvidia-caps\n");
	scratch_pci(s, "0000:03:00.0", 0x30000, 0x1002, 0x744c, "amdgpu", "card0 renderD128");
	inv = discover(s, NULL);
	assert_int_equal(inv->gpus.n, 1);
	assert_int_equal(inv->gpus.items[0].mig_nodes.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		TEST(test_machine),
		TEST(test_no_table),
		TEST(test_no_major),
		TEST(test_unreadable_table),
		TEST(test_other_vendors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
