/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch-tree.h"

#include "host/pci.h"

static struct pci_device_list list(struct scratch *s, struct string_list *warnings)
{
	struct pci_device_list devices = { 0 };

	assert_int_equal(pci_list_display(&s->tree, s->arena, &devices, warnings, NULL), 0);
	return devices;
}

static void test_no_bus(void **state)
{
	struct string_list warnings = { 0 };

	assert_int_equal(list(*state, &warnings).n, 0);
	assert_int_equal(warnings.n, 0);
}

static void test_list(void **state)
{
	struct scratch *s = *state;
	struct string_list warnings = { 0 };
	struct pci_device_list devices;

	/* Hexadecimal order, which is neither that of the digits nor that of creation. */
	scratch_pci(s, "0000:1a:00.0", 0x030200, PCI_VENDOR_NVIDIA, 0x2330, "nvidia",
		"card1 renderD128");
	scratch_pci(s, "0000:0a:00.0", 0x120000, PCI_VENDOR_AMD, 0x74a1, "amdgpu", NULL);
	scratch_pci(s, "0001:02:00.0", 0x030000, PCI_VENDOR_INTEL, 0x56a0, NULL, NULL);
	scratch_pci(s, "0000:10:00.1", 0x040300, PCI_VENDOR_NVIDIA, 0x10f0, "snd_hda_intel", NULL);
	scratch_pci(s, "0000:10:00.0", 0x030000, PCI_VENDOR_NVIDIA, 0x1b80, "nouveau",
		"card10 card2 renderD129");
	scratch_write(s, "/sys/bus/pci/devices/0000:10:00.0/numa_node", "1\n");
	scratch_write(s, "/sys/bus/pci/devices/0000:1a:00.0/numa_node", "-1\n");
	/* Behind Intel's VMD; addresses there have longer domains. */
	scratch_pci(s, "10000:e1:00.0", 0x010802, 0x144d, 0xa80a, "nvme", NULL);
	devices = list(s, &warnings);
	assert_int_equal(warnings.n, 0);
	assert_int_equal(devices.n, 4);
	assert_string_equal(devices.items[0].address, "0000:0a:00.0");
	assert_string_equal(devices.items[0].driver, "amdgpu");
	assert_null(devices.items[0].drm.card);
	assert_string_equal(devices.items[1].address, "0000:10:00.0");
	assert_int_equal(devices.items[1].numa_node, 1);
	assert_string_equal(devices.items[1].drm.card, "/dev/dri/card2");
	assert_string_equal(devices.items[1].drm.render, "/dev/dri/renderD129");
	assert_string_equal(devices.items[2].address, "0000:1a:00.0");
	assert_int_equal(devices.items[2].vendor, PCI_VENDOR_NVIDIA);
	assert_int_equal(devices.items[2].device, 0x2330);
	assert_int_equal(devices.items[2].class_code, 0x030200);
	assert_int_equal(devices.items[2].numa_node, -1);
	assert_string_equal(devices.items[3].address, "0001:02:00.0");
	assert_null(devices.items[3].driver);
}

static void test_broken_devices_are_named(void **state)
{
	struct scratch *s = *state;
	struct string_list warnings = { 0 };
	struct pci_device_list devices;

	scratch_pci(s, "0000:01:00.0", 0x030000, PCI_VENDOR_NVIDIA, 0x2684, "nvidia", NULL);
	scratch_directory(s, "/sys/bus/pci/devices/0000:02:00.0");
	scratch_pci(s, "0000:03:00.0", 0x030000, PCI_VENDOR_NVIDIA, 0x2684, NULL, NULL);
	scratch_write(s, "/sys/bus/pci/devices/0000:03:00.0/vendor", "0xfffff\n");
	scratch_pci(s, "0000:04:00.0", 0x030000, PCI_VENDOR_NVIDIA, 0x2684, NULL, NULL);
	scratch_write(s, "/sys/bus/pci/devices/0000:04:00.0/class", "what\n");
	scratch_pci(s, "odd\x1bname", 0x030000, PCI_VENDOR_NVIDIA, 0x2684, NULL, NULL);
	devices = list(s, &warnings);
	assert_int_equal(devices.n, 1);
	assert_string_equal(devices.items[0].address, "0000:01:00.0");
	assert_int_equal(warnings.n, 4);
	assert_non_null(strstr(warnings.items[0], "'0000:02:00.0'"));
	assert_non_null(strstr(warnings.items[1], "'0000:03:00.0'"));
	assert_non_null(strstr(warnings.items[2], "'0000:04:00.0'"));
	assert_non_null(strstr(warnings.items[3], "'odd\\x1bname'"));
}

static void test_address(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "0000:01:00.0", "0000:01:00.0" },
		{ "01:00.0", "0000:01:00.0" },
		{ "00000000:01:00.0", "0000:01:00.0" },
		{ "00000000:C3:1F.7", "0000:c3:1f.7" },
		{ "0:1:2.3", "0000:01:02.3" },
		{ "ffff:ff:1f.7", "ffff:ff:1f.7" },
		{ "10000:01:00.0", NULL },
		{ "0000:01:20.0", NULL },
		{ "0000:01:00.8", NULL },
		{ "0000:100:00.0", NULL },
		{ "0000:01:00", NULL },
		{ "0000:01:00.0 ", NULL },
		{ " 0000:01:00.0", NULL },
		{ "0000:01:00.0.0", NULL },
		{ "0000:0000:01:00.0", NULL },
		{ "000000000:01:00.0", NULL },
		{ "0x00:01:00.0", NULL },
		{ ":01:00.0", NULL },
		{ "01", NULL },
		{ "GPU-0", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char address[13] = "";

		assert_int_equal(pci_address_normalize(cases[i].text, address),
			cases[i].expected != NULL);
		assert_string_equal(address, cases[i].expected ? cases[i].expected : "");
	}
}

static void test_names(void **state)
{
	struct scratch *s = *state;

	assert_null(pci_device_name(&s->tree, s->arena, PCI_VENDOR_NVIDIA, 0x2684));
	scratch_write(s, "/usr/share/misc/pci.ids",
		"# comment\n10de  NVIDIA Corporation\n\t2684  AD102 [GeForce RTX 4090]\n");
	assert_string_equal(pci_device_name(&s->tree, s->arena, PCI_VENDOR_NVIDIA, 0x2684),
		"NVIDIA Corporation AD102 [GeForce RTX 4090]");
	assert_null(pci_device_name(&s->tree, s->arena, PCI_VENDOR_NVIDIA, 0x2685));
	assert_null(pci_device_name(&s->tree, s->arena, PCI_VENDOR_AMD, 0x2684));
}

/* libpci's own handler would end the process here. */
static void test_damaged_names(void **state)
{
	struct scratch *s = *state;
	const char *name;
	char text[4096];

	scratch_write(s, "/usr/share/misc/pci.ids",
		"10de  NVIDIA Corporation\n\t2684  AD102\nthis is no list\n"
		"1002  AMD\n\t74a1  MI300X\n");
	assert_string_equal(pci_device_name(&s->tree, s->arena, PCI_VENDOR_NVIDIA, 0x2684),
		"NVIDIA Corporation AD102");
	assert_null(pci_device_name(&s->tree, s->arena, PCI_VENDOR_AMD, 0x74a1));
	scratch_write(s, "/usr/share/misc/pci.ids", "\t\t\t\t\n\t1\n");
	assert_null(pci_device_name(&s->tree, s->arena, PCI_VENDOR_NVIDIA, 0x2684));
	/* A name longer than the buffer is cut. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "10de  ", 6);
	(void)snprintf(text + 600, sizeof(text) - 600, "\n\t2684  AD102\n");
	scratch_write(s, "/usr/share/misc/pci.ids", text);
	name = pci_device_name(&s->tree, s->arena, PCI_VENDOR_NVIDIA, 0x2684);
	assert_non_null(name);
	assert_in_range(strlen(name), 200, 255);
	scratch_write_bytes(s, "/usr/share/misc/pci.ids", "\0\0\0\0\n\xff\xff", 7);
	assert_null(pci_device_name(&s->tree, s->arena, PCI_VENDOR_NVIDIA, 0x2684));
}

static void test_drm_nodes(void **state)
{
	struct scratch *s = *state;
	struct drm_nodes nodes = { 0 };
	char path[600];

	assert_int_equal(drm_read_nodes(&s->tree, s->arena, "/sys/none", &nodes, NULL), 0);
	assert_null(nodes.card);
	assert_null(nodes.render);
	scratch_directory(s, "/sys/dev/drm/card1-HDMI-A-1");
	scratch_directory(s, "/sys/dev/drm/controlD65");
	scratch_directory(s, "/sys/dev/drm/renderDx");
	scratch_directory(s, "/sys/dev/drm/card");
	assert_int_equal(drm_read_nodes(&s->tree, s->arena, "/sys/dev", &nodes, NULL), 0);
	assert_null(nodes.card);
	assert_null(nodes.render);
	scratch_directory(s, "/sys/dev/drm/card10");
	scratch_directory(s, "/sys/dev/drm/card9");
	scratch_directory(s, "/sys/dev/drm/renderD130");
	assert_int_equal(drm_read_nodes(&s->tree, s->arena, "/sys/dev", &nodes, NULL), 0);
	assert_string_equal(nodes.card, "/dev/dri/card9");
	assert_string_equal(nodes.render, "/dev/dri/renderD130");
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(drm_read_nodes(&s->tree, s->arena, path, &nodes, NULL), NVB_ERR_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_bus),
		TEST(test_list),
		TEST(test_broken_devices_are_named),
		TEST(test_address),
		TEST(test_names),
		TEST(test_damaged_names),
		TEST(test_drm_nodes),
	};

	return cmocka_run_group_tests_name("host pci", tests, NULL, NULL);
}
