/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery on small machines made by hand, one oddity each. */
#include "../host/scratch-tree.h"

#include "gpu/discover.h"
#include "host/pci.h"

#define VGA 0x030000
#define PROC_GPUS "/proc/driver/nvidia/gpus"

static struct inventory *discover(const struct scratch *s)
{
	struct inventory *inv = NULL;

	assert_int_equal(inventory_discover(&s->tree, &inv, NULL), 0);
	for (size_t i = 0; i < inv->gpus.n; i++)
		assert_int_equal(inv->gpus.items[i].index, i);
	return inv;
}

static void load_nvidia(const struct scratch *s)
{
	scratch_write(s, "/proc/driver/nvidia/version",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Tue Apr  8\n");
	scratch_write(s, "/proc/devices",
		"Character devices:\n195 nvidia\n238 nvidia-caps\n511 nvidia-uvm\n");
}

static void add_nvidia(const struct scratch *s, const char *address, int minor)
{
	char path[128], text[256];

	scratch_pci(s, address, VGA, PCI_VENDOR_NVIDIA, 0x2684, "nvidia", NULL);
	(void)snprintf(path, sizeof(path), PROC_GPUS "/%s/information", address);
	(void)snprintf(text, sizeof(text), "Model: \t\t NVIDIA Test\nDevice Minor: \t %d\n", minor);
	scratch_write(s, path, text);
}

static const struct gpu_node *find_node(const struct gpu_node_list *nodes, const char *path)
{
	vec_foreach (struct gpu_node, node, nodes) {
		if (strcmp(node->node.path, path) == 0)
			return node;
	}
	return NULL;
}

/* The node itself; its absence ends the test. */
static struct gpu_node get_node(const struct gpu_node_list *nodes, const char *path)
{
	const struct gpu_node *node = find_node(nodes, path);

	if (node)
		return *node;
	fail_msg("no node '%s'", path);
	return (struct gpu_node){ 0 };
}

static bool has_warning(const struct inventory *inv, const char *text)
{
	vec_foreach (const char *, warning, &inv->warnings) {
		if (strstr(*warning, text))
			return true;
	}
	return false;
}

static void assert_number(const struct gpu_node_list *nodes, const char *path, uint32_t major,
	uint32_t minor)
{
	struct gpu_node node = get_node(nodes, path);

	assert_int_equal(node.node.type, 'c');
	assert_int_equal(node.node.major, major);
	assert_int_equal(node.node.minor, minor);
}

static void test_empty_machine(void **state)
{
	_cleanup_(inventory_freep) struct inventory *inv = discover(*state);

	assert_int_equal(inv->gpus.n, 0);
	assert_int_equal(inv->drivers.n, 0);
	assert_int_equal(inv->warnings.n, 0);
	assert_string_equal(inv->host_prefix, ((struct scratch *)*state)->directory);
}

static void test_module_without_gpu(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	load_nvidia(s);
	inv = discover(s);
	assert_int_equal(inv->gpus.n, 0);
	assert_int_equal(inv->drivers.n, 1);
	assert_string_equal(inv->drivers.items[0].version, "550.163.01");
}

/* No node exists: what their numbers would be is known. */
static void test_numbers_of_missing_nodes(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct gpu_node_list *common;

	load_nvidia(s);
	add_nvidia(s, "0000:01:00.0", 5);
	scratch_directory(s, "/sys/module/nvidia_modeset");
	inv = discover(s);
	common = &inv->drivers.items[0].common_nodes;
	assert_number(&inv->gpus.items[0].nodes, "/dev/nvidia5", 195, 5);
	assert_false(inv->gpus.items[0].nodes.items[0].node.exists);
	assert_number(common, "/dev/nvidiactl", 195, 255);
	assert_number(common, "/dev/nvidia-uvm", 511, 0);
	assert_number(common, "/dev/nvidia-modeset", 195, 254);
	/* A tool's node: where it does not exist, nobody misses it. */
	assert_null(find_node(common, "/dev/nvidia-uvm-tools"));
}

static void test_unloaded_parts(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct gpu_node_list *common;

	load_nvidia(s);
	add_nvidia(s, "0000:01:00.0", 0);
	scratch_write(s, "/proc/devices", "Character devices:\n195 nvidia\n");
	inv = discover(s);
	common = &inv->drivers.items[0].common_nodes;
	assert_null(find_node(common, "/dev/nvidia-modeset"));
	/* CUDA needs it, so it is named; no number is made up. */
	assert_int_equal(get_node(common, "/dev/nvidia-uvm").node.type, 0);
}

static void test_what_nodes_are_for(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct gpu_node_list *common, *nodes;

	load_nvidia(s);
	add_nvidia(s, "0000:01:00.0", 0);
	scratch_directory(s, "/sys/bus/pci/devices/0000:01:00.0/drm/card1");
	scratch_directory(s, "/sys/bus/pci/devices/0000:01:00.0/drm/renderD128");
	scratch_write(s, "/dev/dri/renderD128", "c 226:128\n");
	scratch_write(s, "/dev/nvidia-uvm-tools", "c 500:1\n");
	scratch_write(s, "/dev/nvidia-modeset", "c 195:254\n");
	scratch_write(s, "/dev/nvidia-nvswitchctl", "c 510:255\n");
	inv = discover(s);
	common = &inv->drivers.items[0].common_nodes;
	nodes = &inv->gpus.items[0].nodes;
	assert_int_equal(get_node(common, "/dev/nvidiactl").needed_for, CAPABILITY_ALL);
	assert_int_equal(get_node(common, "/dev/nvidia-uvm").needed_for,
		CAPABILITY_COMPUTE | CAPABILITY_VIDEO);
	assert_int_equal(get_node(common, "/dev/nvidia-uvm-tools").needed_for,
		CAPABILITY_COMPUTE | CAPABILITY_VIDEO);
	assert_int_equal(get_node(common, "/dev/nvidia-modeset").needed_for,
		CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY);
	assert_int_equal(get_node(nodes, "/dev/nvidia0").needed_for, CAPABILITY_ALL);
	assert_int_equal(get_node(nodes, "/dev/dri/renderD128").needed_for,
		CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY);
	assert_int_equal(get_node(nodes, "/dev/dri/card1").needed_for,
		CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY);
	assert_string_equal(inv->gpus.items[0].render_node, "/dev/dri/renderD128");
	/* The node's own number wins over the table's. */
	assert_number(common, "/dev/nvidia-uvm-tools", 500, 1);
	assert_null(find_node(common, "/dev/nvidia-nvswitchctl"));
}

static void test_lost_gpus(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	load_nvidia(s);
	add_nvidia(s, "0000:01:00.0", 0);
	scratch_pci(s, "0000:02:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, "nvidia", NULL);
	scratch_directory(s, PROC_GPUS "/0000:02:00.0");
	scratch_pci(s, "0000:03:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, "nvidia", NULL);
	scratch_pci(s, "0000:04:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, "nvidia", NULL);
	scratch_write(s, PROC_GPUS "/0000:04:00.0/information",
		"Model: \t\t NVIDIA Test\nDevice Minor: \t 1");
	scratch_pci(s, "0000:05:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, "nvidia", NULL);
	scratch_directory(s, PROC_GPUS "/0000:05:00.0/information");
	inv = discover(s);
	assert_int_equal(inv->gpus.n, 5);
	assert_int_equal(inv->gpus.items[0].state, GPU_USABLE);
	assert_null(inv->gpus.items[0].state_reason);
	for (size_t i = 1; i < 5; i++) {
		assert_int_equal(inv->gpus.items[i].state, GPU_LOST);
		assert_non_null(strstr(inv->gpus.items[i].state_reason,
			inv->gpus.items[i].pci_address));
		assert_int_equal(inv->gpus.items[i].nodes.n, 0);
		assert_int_equal(inv->gpus.items[i].minor, -1);
	}
	assert_non_null(strstr(inv->gpus.items[3].state_reason, "lacks Device Minor"));
	assert_string_equal(inv->gpus.items[3].name, "NVIDIA Test");
	assert_null(inv->gpus.items[1].name);
	assert_string_equal(gpu_state_name(inv->gpus.items[1].state), "lost");
}

/* A GPU that no driver serves does not shift the numbers of those that one does. */
static void test_unserved_gpus_come_last(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct gpu *g;

	load_nvidia(s);
	scratch_pci(s, "0000:01:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, "vfio-pci", NULL);
	scratch_pci(s, "0000:02:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, NULL, NULL);
	scratch_pci(s, "0000:03:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, "pci-stub", NULL);
	add_nvidia(s, "0000:04:00.0", 1);
	add_nvidia(s, "0000:05:00.0", 0);
	add_nvidia(s, "0000:06:00.0", 2);
	scratch_write(s, PROC_GPUS "/0000:06:00.0/information",
		"Device Minor: \t 2\nGPU Excluded:\t Yes\n");
	inv = discover(s);
	g = inv->gpus.items;
	assert_int_equal(inv->gpus.n, 6);
	assert_string_equal(g[0].pci_address, "0000:04:00.0");
	assert_int_equal(g[0].minor, 1);
	assert_string_equal(g[1].pci_address, "0000:05:00.0");
	assert_string_equal(g[2].pci_address, "0000:01:00.0");
	assert_int_equal(g[2].state, GPU_RESERVED);
	assert_non_null(strstr(g[2].state_reason, "virtual machine"));
	assert_null(inventory_driver(inv, &g[2]));
	assert_int_equal(g[3].state, GPU_NO_DRIVER);
	assert_int_equal(g[4].state, GPU_RESERVED);
	assert_non_null(strstr(g[4].state_reason, "'pci-stub'"));
	assert_int_equal(g[5].state, GPU_RESERVED);
	assert_non_null(strstr(g[5].state_reason, "excluded"));
	assert_int_equal(g[5].nodes.n, 0);
	assert_ptr_equal(inventory_driver(inv, &g[0]), &inv->drivers.items[0]);
}

static void test_nouveau_beside_nvidia(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct gpu_driver *driver;

	load_nvidia(s);
	scratch_pci(s, "0000:01:00.0", VGA, PCI_VENDOR_NVIDIA, 0x1b80, "nouveau",
		"card0 renderD128");
	add_nvidia(s, "0000:02:00.0", 0);
	inv = discover(s);
	assert_int_equal(inv->drivers.n, 2);
	driver = inventory_driver(inv, &inv->gpus.items[0]);
	assert_string_equal(driver->name, "nouveau");
	assert_string_equal(driver->flavor, "in-tree");
	assert_null(driver->version);
	assert_false(driver->brings_user_space);
	assert_int_equal(driver->common_nodes.n, 0);
	assert_int_equal(inv->gpus.items[0].nodes.n, 2);
	assert_null(find_node(&inv->gpus.items[0].nodes, "/dev/nvidia0"));
	driver = inventory_driver(inv, &inv->gpus.items[1]);
	assert_string_equal(driver->name, "nvidia");
	assert_string_equal(driver->flavor, "proprietary");
}

static void test_version_is_not_understood(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	load_nvidia(s);
	add_nvidia(s, "0000:01:00.0", 0);
	scratch_write(s, "/proc/driver/nvidia/version", "NVRM vers");
	inv = discover(s);
	assert_int_equal(inv->gpus.items[0].state, GPU_USABLE);
	assert_null(inv->drivers.items[0].version);
	assert_null(inv->drivers.items[0].flavor);
	assert_true(has_warning(inv, "/proc/driver/nvidia/version"));
}

/* sysfs is hidden, as in some containers: the kernel module still tells. */
static void test_gpus_without_sysfs(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	load_nvidia(s);
	scratch_write(s, PROC_GPUS "/0000:0a:00.0/information", "Device Minor: \t 1\n");
	scratch_write(s, PROC_GPUS "/0000:05:00.0/information", "Device Minor: \t 0\n");
	scratch_write(s, PROC_GPUS "/noise/information", "Device Minor: \t 3\n");
	inv = discover(s);
	assert_int_equal(inv->gpus.n, 2);
	assert_string_equal(inv->gpus.items[0].pci_address, "0000:05:00.0");
	assert_int_equal(inv->gpus.items[0].minor, 0);
	assert_int_equal(inv->gpus.items[0].pci_device, 0);
	assert_string_equal(inv->gpus.items[1].pci_address, "0000:0a:00.0");
	assert_non_null(inventory_driver(inv, &inv->gpus.items[1]));
}

static void test_vendor_order(void **state)
{
	static const enum gpu_vendor expected[] = { GPU_VENDOR_NVIDIA, GPU_VENDOR_AMD,
		GPU_VENDOR_INTEL, GPU_VENDOR_WSL };
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	load_nvidia(s);
	scratch_pci(s, "0000:00:02.0", VGA, PCI_VENDOR_INTEL, 0xa7a0, "i915", "card0 renderD128");
	scratch_pci(s, "0000:01:00.0", VGA, PCI_VENDOR_AMD, 0x744c, "amdgpu", "card1 renderD129");
	add_nvidia(s, "0000:02:00.0", 0);
	scratch_pci(s, "0000:03:00.0", VGA, 0x1a03, 0x2000, "ast", "card2");
	scratch_pci(s, "0000:04:00.0", 0x120000, PCI_VENDOR_INTEL, 0x7d1d, "intel_vpu", NULL);
	scratch_write(s, "/dev/dxg", "c 10:125\n");
	inv = discover(s);
	assert_int_equal(inv->gpus.n, ELEMENTS(expected));
	for (size_t i = 0; i < ELEMENTS(expected); i++) {
		assert_int_equal(inv->gpus.items[i].vendor, expected[i]);
		assert_int_equal(inv->gpus.items[i].state, GPU_USABLE);
		assert_non_null(inventory_driver(inv, &inv->gpus.items[i]));
	}
	assert_null(inv->gpus.items[3].pci_address);
	assert_string_equal(inv->drivers.items[3].flavor, "wsl");
}

static void test_drivers_that_offer_no_node(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	scratch_pci(s, "0000:01:00.0", VGA, PCI_VENDOR_AMD, 0x744c, "amdgpu", NULL);
	scratch_pci(s, "0000:02:00.0", VGA, PCI_VENDOR_INTEL, 0x56a0, "xe", NULL);
	scratch_pci(s, "0000:03:00.0", VGA, PCI_VENDOR_AMD, 0x6779, "radeon", "card0 renderD128");
	scratch_pci(s, "0000:04:00.0", VGA, PCI_VENDOR_INTEL, 0x56a0, NULL, NULL);
	inv = discover(s);
	assert_string_equal(inv->gpus.items[0].pci_address, "0000:01:00.0");
	assert_int_equal(inv->gpus.items[0].state, GPU_LOST);
	assert_int_equal(inv->gpus.items[1].state, GPU_USABLE);
	assert_string_equal(inventory_driver(inv, &inv->gpus.items[1])->name, "radeon");
	assert_int_equal(inv->gpus.items[2].state, GPU_LOST);
	assert_int_equal(inv->gpus.items[3].state, GPU_NO_DRIVER);
	/* No compute driver: /dev/kfd is not asked for. */
	assert_int_equal(inv->drivers.items[0].common_nodes.n, 0);
}

#define KFD_NODES "/sys/class/kfd/kfd/topology/nodes"

static void add_kfd_node(const struct scratch *s, unsigned number, unsigned location,
	unsigned render, const char *unique_id)
{
	char path[128], text[256];

	(void)snprintf(path, sizeof(path), KFD_NODES "/%u/properties", number);
	(void)snprintf(text, sizeof(text),
		"simd_count 152\ngfx_target_version 90402\ndomain 0\nlocation_id %u\n"
		"drm_render_minor %u\nunique_id %s\n",
		location, render, unique_id);
	scratch_write(s, path, text);
}

static void test_amd_partitions(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct gpu *g;

	scratch_pci(s, "0000:05:00.0", 0x120000, PCI_VENDOR_AMD, 0x74a1, "amdgpu",
		"card1 renderD128");
	/* A virtual function of the same slot is a GPU of its own, not a partition. */
	scratch_pci(s, "0000:05:00.1", 0x120000, PCI_VENDOR_AMD, 0x74b5, "amdgpu",
		"card9 renderD140");
	scratch_write(s, "/sys/bus/pci/devices/0000:05:00.0/current_compute_partition", "DPX\n");
	scratch_write(s, "/sys/bus/pci/devices/0000:05:00.0/product_name", "\n");
	scratch_write(s, "/dev/kfd", "c 234:0\n");
	add_kfd_node(s, 1, 0x0500, 128, "11");
	add_kfd_node(s, 2, 0x0501, 129, "12");
	add_kfd_node(s, 3, 0x0501, 140, "13");
	inv = discover(s);
	assert_int_equal(inv->gpus.n, 2);
	g = &inv->gpus.items[0];
	assert_string_equal(g->uuid, "GPU-000000000000000b");
	assert_string_equal(g->compute_capability, "gfx942");
	assert_null(g->name);
	assert_int_equal(g->memory_bytes, 0);
	assert_int_equal(g->partitions.n, 2);
	assert_string_equal(g->partitions.items[0].render_node, "/dev/dri/renderD128");
	assert_null(g->partitions.items[0].uuid);
	assert_string_equal(g->partitions.items[1].render_node, "/dev/dri/renderD129");
	assert_string_equal(g->partitions.items[1].uuid, "GPU-000000000000000c");
	assert_string_equal(g->partitions.items[1].profile, "dpx");
	assert_true(g->partitions.items[1].standalone);
	assert_int_equal(g->partitions.items[1].index, 1);
	assert_int_equal(g->partitions.items[1].nodes.n, 1);
	/* The whole GPU is all of its partitions. */
	assert_int_equal(g->nodes.n, 3);
	assert_non_null(find_node(&g->nodes, "/dev/dri/renderD129"));
	assert_int_equal(inv->gpus.items[1].partitions.n, 0);
	assert_string_equal(inv->gpus.items[1].uuid, "GPU-000000000000000d");
	assert_number(&inv->drivers.items[0].common_nodes, "/dev/kfd", 234, 0);
	assert_int_equal(inv->drivers.items[0].common_nodes.items[0].needed_for,
		CAPABILITY_COMPUTE);
}

static void test_amd_without_topology(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	scratch_pci(s, "0000:05:00.0", VGA, PCI_VENDOR_AMD, 0x744c, "amdgpu", "card1 renderD128");
	scratch_write(s, "/sys/bus/pci/devices/0000:05:00.0/unique_id", "75bd62b393be9a88\n");
	scratch_write(s, "/sys/bus/pci/devices/0000:05:00.0/mem_info_vram_total", "25753026560\n");
	inv = discover(s);
	assert_string_equal(inv->gpus.items[0].uuid, "GPU-75bd62b393be9a88");
	assert_int_equal(inv->gpus.items[0].memory_bytes, 25753026560);
	assert_null(inv->gpus.items[0].compute_capability);
}

static void test_intel_memory(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	scratch_pci(s, "0000:03:00.0", VGA, PCI_VENDOR_INTEL, 0x56a0, "xe", "card0 renderD128");
	scratch_write(s, "/sys/bus/pci/devices/0000:03:00.0/tile0/physical_vram_size_bytes",
		"0x0000000400000000\n");
	scratch_write(s, "/sys/bus/pci/devices/0000:03:00.0/tile1/physical_vram_size_bytes",
		"0x0000000200000000\n");
	inv = discover(s);
	assert_int_equal(inv->gpus.items[0].memory_bytes, 0x600000000);
	assert_int_equal(inv->gpus.items[0].nodes.n, 2);
}

/* Names are anyone's bytes; JSON and terminals take text. */
static void test_names_are_text(void **state)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "Ge\xff" "Force \xc3\xa9", "Ge?Force \xc3\xa9" },
		{ "cut \xc3", "cut ?" },
		{ "cut \xe2\x82", "cut ??" },
		{ "\xed\xa0\x80 surrogate", "??? surrogate" },
		{ "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
	};
	const struct scratch *s = *state;

	load_nvidia(s);
	scratch_pci(s, "0000:01:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, "nvidia", NULL);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(inventory_freep) struct inventory *inv = NULL;
		char text[256];

		(void)snprintf(text, sizeof(text), "Model: \t\t %s\nDevice Minor: \t 0\n",
			rows[i].name);
		scratch_write(s, PROC_GPUS "/0000:01:00.0/information", text);
		inv = discover(s);
		assert_string_equal(inv->gpus.items[0].name, rows[i].text);
	}
}

static void test_names_of_the_bus_are_text(void **state)
{
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	const struct scratch *s = *state;

	scratch_pci(s, "0000:01:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, NULL, NULL);
	scratch_write(s, "/usr/share/hwdata/pci.ids", "10de  NVIDIA\n\t2684  A\xff\x1b[31m\n");
	inv = discover(s);
	assert_int_equal(inventory_name_gpus(inv, NULL), 0);
	assert_string_equal(inv->gpus.items[0].name, "NVIDIA A??[31m");
}

static void test_names(void **state)
{
	struct scratch *s = *state;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;

	load_nvidia(s);
	add_nvidia(s, "0000:01:00.0", 0);
	scratch_pci(s, "0000:02:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, NULL, NULL);
	scratch_pci(s, "0000:03:00.0", VGA, PCI_VENDOR_NVIDIA, 0x2684, NULL, NULL);
	scratch_pci(s, "0000:04:00.0", VGA, PCI_VENDOR_NVIDIA, 0x9999, NULL, NULL);
	scratch_write(s, "/usr/share/hwdata/pci.ids", "10de  NVIDIA Corporation\n\t2684  AD102\n");
	inv = discover(s);
	assert_int_equal(inventory_name_gpus(inv, NULL), 0);
	assert_string_equal(inv->gpus.items[0].name, "NVIDIA Test");
	assert_string_equal(inv->gpus.items[1].name, "NVIDIA Corporation AD102");
	assert_string_equal(inv->gpus.items[2].name, "NVIDIA Corporation AD102");
	assert_null(inv->gpus.items[3].name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty_machine),
		TEST(test_module_without_gpu),
		TEST(test_numbers_of_missing_nodes),
		TEST(test_unloaded_parts),
		TEST(test_what_nodes_are_for),
		TEST(test_lost_gpus),
		TEST(test_unserved_gpus_come_last),
		TEST(test_nouveau_beside_nvidia),
		TEST(test_version_is_not_understood),
		TEST(test_gpus_without_sysfs),
		TEST(test_vendor_order),
		TEST(test_drivers_that_offer_no_node),
		TEST(test_amd_partitions),
		TEST(test_amd_without_topology),
		TEST(test_intel_memory),
		TEST(test_names_are_text),
		TEST(test_names_of_the_bus_are_text),
		TEST(test_names),
	};

	return cmocka_run_group_tests_name("gpu discover", tests, NULL, NULL);
}
