/* SPDX-License-Identifier: Apache-2.0 */
/* Devices beside the GPUs: which nodes belong to which class. */
#include "../host/scratch-tree.h"

#include "gpu/discover.h"

static void put_node(const struct scratch *s, const char *path, unsigned major, unsigned minor)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "c %u:%u\n", major, minor);
	scratch_write(s, path, text);
}

static struct inventory *find(const struct scratch *s, const struct host_tree *dev)
{
	const struct discover_trees trees = { .machine = &s->tree, .dev = dev };
	struct inventory *inv = NULL;

	assert_int_equal(inventory_discover_in(&trees, &inv, NULL), 0);
	assert_int_equal(inv->companions.n, 0);
	assert_int_equal(inventory_find_companions(inv, &trees, NULL), 0);
	return inv;
}

static const struct gpu_companion *get(const struct inventory *inv, const char *kind)
{
	vec_foreach (const struct gpu_companion, companion, &inv->companions) {
		if (strcmp(companion->kind, kind) == 0)
			return companion;
	}
	fail_msg("no class '%s'", kind);
	return NULL;
}

/* "NAME: NODE NODE; NAME: NODE" without "/dev/". */
static void expect(const struct inventory *inv, const char *kind, const char *expected)
{
	char text[1024] = "";
	size_t length = 0;

	vec_foreach (const struct companion_device, device, &get(inv, kind)->devices) {
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s:",
			length ? "; " : "", device->name);
		vec_foreach (const struct gpu_node, node, &device->nodes)
			length += (size_t)snprintf(text + length, sizeof(text) - length, " %s=%u:%u",
				node->node.path + strlen("/dev/"), node->node.major,
				node->node.minor);
	}
	assert_string_equal(text, expected);
}

static void test_classes(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	put_node(s, "/dev/nvidia0", 195, 0);
	put_node(s, "/dev/nvidiactl", 195, 255);
	put_node(s, "/dev/nvidia-fs0", 508, 0);
	put_node(s, "/dev/nvidia-fs10", 508, 10);
	put_node(s, "/dev/nvidia-fs2", 508, 2);
	put_node(s, "/dev/nvidia-nvswitchctl", 234, 255);
	put_node(s, "/dev/nvidia-nvswitch0", 234, 0);
	put_node(s, "/dev/nvidia-nvlink", 236, 0);
	put_node(s, "/dev/nvidia-caps/nvidia-cap1", 235, 1);
	put_node(s, "/dev/nvidia-caps-imex-channels/channel0", 237, 0);
	put_node(s, "/dev/nvidia-caps-imex-channels/channel12", 237, 12);
	put_node(s, "/dev/nvidia-caps-imex-channels/other", 1, 1);
	put_node(s, "/dev/infiniband/uverbs0", 231, 192);
	put_node(s, "/dev/infiniband/rdma_cm", 10, 122);
	put_node(s, "/dev/infiniband/umad0", 231, 0);
	put_node(s, "/dev/gdrdrv", 509, 0);
	scratch_write(s, "/etc/cufile.json", "{}");
	scratch_directory(s, "/run/udev");
	inv = find(s, NULL);
	expect(inv, "nvidia.com/gds", "all: nvidia-fs0=508:0 nvidia-fs2=508:2 nvidia-fs10=508:10");
	assert_int_equal(get(inv, "nvidia.com/gds")->files.n, 2);
	expect(inv, "nvidia.com/nvswitch",
		"all: nvidia-nvswitchctl=234:255 nvidia-nvswitch0=234:0");
	expect(inv, "nvidia.com/mofed",
		"all: infiniband/uverbs0=231:192 infiniband/rdma_cm=10:122");
	expect(inv, "nvidia.com/gdrcopy", "all: gdrdrv=509:0");
	expect(inv, "nvidia.com/imex-channel",
		"all: nvidia-caps-imex-channels/channel0=237:0 "
		"nvidia-caps-imex-channels/channel12=237:12; "
		"0: nvidia-caps-imex-channels/channel0=237:0; "
		"12: nvidia-caps-imex-channels/channel12=237:12");
	expect(inv, "management.nvidia.com/gpu",
		"all: nvidia0=195:0 nvidiactl=195:255 nvidia-caps/nvidia-cap1=235:1 "
		"nvidia-caps-imex-channels/channel0=237:0 "
		"nvidia-caps-imex-channels/channel12=237:12");
}

/* A class that the machine has none of is there, without devices and files. */
static void test_nothing(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	scratch_directory(s, "/run/udev");
	scratch_directory(s, "/dev/nvidia-caps");
	inv = find(s, NULL);
	assert_int_equal(inv->companions.n, 6);
	vec_foreach (const struct gpu_companion, companion, &inv->companions) {
		assert_int_equal(companion->devices.n, 0);
		assert_int_equal(companion->files.n, 0);
		assert_non_null(companion->remedy);
	}
}

static void test_strange_names(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	put_node(s, "/dev/nvidia-caps-imex-channels/channel1x", 237, 1);
	put_node(s, "/dev/nvidia-caps-imex-channels/channel99999999999", 237, 1);
	scratch_directory(s, "/dev/nvidia-fs7");
	inv = find(s, NULL);
	assert_int_equal(get(inv, "nvidia.com/imex-channel")->devices.n, 1);
	assert_int_equal(get(inv, "nvidia.com/gds")->devices.n, 0);
}

static void test_other_dev(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(host_tree_done) struct host_tree dev = HOST_TREE_INIT;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	char path[128];

	put_node(s, "/dev/gdrdrv", 1, 1);
	put_node(s, "/other/dev/gdrdrv", 509, 0);
	(void)snprintf(path, sizeof(path), "%s/other", s->directory);
	assert_int_equal(host_tree_open(path, &dev, NULL), 0);
	inv = find(s, &dev);
	expect(inv, "nvidia.com/gdrcopy", "all: gdrdrv=509:0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_classes),
		TEST(test_nothing),
		TEST(test_strange_names),
		TEST(test_other_dev),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
