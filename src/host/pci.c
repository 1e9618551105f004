/* SPDX-License-Identifier: Apache-2.0 */
#include "host/pci.h"

#include <string.h>

#include "base/number.h"
#include "base/strbuf.h"

#define DEVICES_DIRECTORY "/sys/bus/pci/devices"
#define MAX_DIRECTORY_BYTES 320 /* a directory entry is at most 255 */
#define MAX_FILE_BYTES 384
#define MAX_SHOWN_BYTES 64

/* Where pci_list_display() is. */
struct scan {
	const struct host_tree *tree;
	struct arena *arena;
	struct string_list *warnings;
	char directory[MAX_DIRECTORY_BYTES]; /* of the device at hand */
};

/* "directory/name" of the device at hand. */
struct device_file {
	char path[MAX_FILE_BYTES];
};

static struct device_file device_file(const struct scan *scan, const char *name)
{
	struct device_file file;

	(void)snprintf(file.path, sizeof(file.path), "%s/%s", scan->directory, name);
	return file;
}

static errint_t read_device_hex(const struct scan *scan, const char *name, uint64_t max,
	uint32_t *ret_value)
{
	uint64_t value;
	errint_t r;

	r = host_tree_read_fixed_hex(scan->tree, device_file(scan, name).path, &value);
	if (r < 0)
		return r;
	if (value > max)
		return -ERANGE;
	*ret_value = (uint32_t)value;
	return 0;
}

static bool is_display_class(uint32_t class_code)
{
	return class_code >> 16 == PCI_CLASS_DISPLAY || class_code >> 16 == PCI_CLASS_ACCELERATOR;
}

static int warn_left_out(const struct scan *scan, const char *name, const char *what, errint_t r,
	struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096);

	strbuf_str_add(&text, "PCI device '");
	strbuf_escaped_add(&text, name, MAX_SHOWN_BYTES);
	strbuf_printf(&text, "' is left out: %s", what);
	if (r < 0)
		strbuf_printf(&text, ": %s", strerror(-r));
	if (strbuf_failed(&text) ||
		string_list_add(scan->arena, scan->warnings, strbuf_str(&text)) < 0)
		return NVB_OOM(err);
	return 0;
}

/* What a device may lack without being any less usable. */
static errint_t read_optional(const struct scan *scan, struct pci_device *device)
{
	uint64_t value;
	errint_t r;

	r = host_tree_link_name(scan->tree, scan->arena, device_file(scan, "driver").path,
		&device->driver);
	if (r == -ENOMEM)
		return r;
	/*
	 * "-1" on machines without NUMA, which is no number here. Root may write to it
	 * (Documentation/ABI/testing/sysfs-bus-pci, numa_node), so it is noted.
	 */
	device->numa_node = -1;
	if (host_tree_read_u64(scan->tree, device_file(scan, "numa_node").path, &value) == 0 &&
		value <= INT32_MAX)
		device->numa_node = (int)value;
	return 0;
}

/* Returns 1 and fills *ret for a display device, 0 for any other. */
static int read_device(struct scan *scan, const char *name, struct pci_device *ret,
	struct nvb_error **err)
{
	struct pci_device device = { 0 };
	char address[13];
	errint_t r;

	(void)snprintf(scan->directory, sizeof(scan->directory), DEVICES_DIRECTORY "/%s", name);
	r = read_device_hex(scan, "class", 0xffffff, &device.class_code);
	if (r < 0)
		return warn_left_out(scan, name, "read its class", r, err);
	if (!is_display_class(device.class_code))
		return 0;
	if (!pci_address_normalize(name, address))
		return warn_left_out(scan, name, "its address is not understood", 0, err);
	r = read_device_hex(scan, "vendor", 0xffff, &device.vendor);
	if (r == 0)
		r = read_device_hex(scan, "device", 0xffff, &device.device);
	if (r < 0)
		return warn_left_out(scan, name, "read its vendor and device", r, err);
	device.address = arena_strdup(scan->arena, address);
	if (!device.address || read_optional(scan, &device) < 0)
		return NVB_OOM(err);
	r = drm_read_nodes(scan->tree, scan->arena, scan->directory, &device.drm, NULL);
	if (r == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	if (r < 0 && string_list_printf(scan->arena, scan->warnings,
			     "the DRM nodes of PCI device '%s' cannot be read", address) < 0)
		return NVB_OOM(err);
	*ret = device;
	return 1;
}

/* Normalised addresses have one length and one case. */
static int compare_addresses(const void *a, const void *b)
{
	return strcmp(((const struct pci_device *)a)->address,
		((const struct pci_device *)b)->address);
}

int pci_list_display(const struct host_tree *tree, struct arena *a, struct pci_device_list *ret,
	struct string_list *warnings, struct nvb_error **err)
{
	struct scan scan = { .tree = tree, .arena = a, .warnings = warnings };
	struct pci_device_list devices = { 0 };
	struct string_list names = { 0 };
	errint_t r;

	r = host_tree_list(tree, a, DEVICES_DIRECTORY, &names);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR &&
		string_list_printf(a, warnings, "the PCI bus cannot be read: list '%s': %s",
			DEVICES_DIRECTORY, strerror(-r)) < 0)
		return NVB_OOM(err);
	vec_foreach (const char *, name, &names) {
		struct pci_device device = { 0 };
		struct pci_device *slot;
		int found;

		found = read_device(&scan, *name, &device, err);
		if (found < 0)
			return found;
		if (!found)
			continue;
		slot = vec_push(a, &devices);
		if (!slot)
			return NVB_OOM(err);
		*slot = device;
	}
	if (devices.n)
		qsort(devices.items, devices.n, sizeof(*devices.items), compare_addresses);
	*ret = devices;
	return 0;
}

/* A hexadecimal field of `text` that ends at `end`. Returns the text behind, or NULL. */
static const char *parse_field(const char *text, char end, size_t max_digits, uint32_t max,
	uint32_t *ret_value)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");
	char field[16];
	uint64_t value;

	if (!digits || digits > max_digits || text[digits] != end)
		return NULL;
	memcpy(field, text, digits);
	field[digits] = '\0';
	if (!number_parse_hex(field, max, &value))
		return NULL;
	*ret_value = (uint32_t)value;
	return text + digits + (end != '\0');
}

bool pci_address_normalize(const char *text, char ret_address[static 13])
{
	uint32_t domain = 0, bus, device, function;
	const char *first = strchr(text, ':');

	if (!first)
		return false;
	if (strchr(first + 1, ':')) {
		text = parse_field(text, ':', 8, 0xffff, &domain);
		if (!text)
			return false;
	}
	text = parse_field(text, ':', 2, 0xff, &bus);
	text = text ? parse_field(text, '.', 2, 0x1f, &device) : NULL;
	text = text ? parse_field(text, '\0', 1, 7, &function) : NULL;
	if (!text)
		return false;
	(void)snprintf(ret_address, 13, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff,
		device & 0x1f, function & 7);
	return true;
}
