/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/amd/kfd.h"

#include <inttypes.h>
#include <string.h>

#include "base/number.h"

#define NODES_PATH "/sys/class/kfd/kfd/topology/nodes"
#define MAX_FILE_BYTES (64 << 10)
#define MAX_PATH_BYTES 384
#define MAX_NODES 4096

/* Source: amdkfd/kfd_crat.h, HSA_MEM_HEAP_TYPE_FB_PUBLIC and _PRIVATE. */
#define HEAP_FB_PUBLIC 1
#define HEAP_FB_PRIVATE 2

/* The value of a line "NAME VALUE"; false if the line has another name or no number. */
static bool line_value(const char *line, const char *end, const char *name, uint64_t *ret)
{
	size_t length = strlen(name), left = (size_t)(end - line);

	return left > length + 1 && memcmp(line, name, length) == 0 && line[length] == ' ' &&
		number_parse_n(line + length + 1, left - length - 1, UINT64_MAX, ret);
}

/* The end of the line at `line`; NULL where the text stops before: half a number is none. */
static const char *find_line_end(const char *line, const char *end)
{
	return line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
}

void kfd_properties_parse(const char *text, size_t length, struct kfd_node *node)
{
	const struct {
		const char *name;
		uint64_t *value;
	} properties[] = {
		{ "simd_count", &node->simd_count },
		{ "gfx_target_version", &node->gfx_target_version },
		{ "location_id", &node->location_id },
		{ "domain", &node->domain },
		{ "drm_render_minor", &node->drm_render_minor },
		{ "unique_id", &node->unique_id },
	};
	const char *end = text + length, *line_end;

	for (const char *line = text; (line_end = find_line_end(line, end)); line = line_end + 1) {
		for (size_t i = 0; i < ELEMENTS(properties); i++) {
			if (line_value(line, line_end, properties[i].name, properties[i].value))
				break;
		}
	}
}

const char *kfd_gfx_name(struct arena *a, uint64_t gfx_target_version)
{
	uint64_t major = gfx_target_version / 10000, minor = gfx_target_version / 100 % 100;

	if (!major || major > 99)
		return NULL;
	/* Minor and stepping are one hexadecimal digit each: 90010 is gfx90a. */
	return arena_printf(a, "gfx%" PRIu64 "%" PRIx64 "%" PRIx64, major, minor,
		gfx_target_version % 100);
}

const char *kfd_uuid(struct arena *a, uint64_t unique_id)
{
	return unique_id ? arena_printf(a, "GPU-%016" PRIx64, unique_id) : NULL;
}

/* Returns 1 for the node of a GPU. A node that may not be read is none of ours. */
static int read_node(struct gpu_discovery *d, const char *name, struct kfd_node *ret,
	struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	struct kfd_node node = { 0 };
	char path[MAX_PATH_BYTES];
	uint64_t number;
	errint_t r;

	if (!number_parse(name, UINT32_MAX, &number))
		return 0;
	(void)snprintf(path, sizeof(path), NODES_PATH "/%s/properties", name);
	r = host_tree_read(d->tree, path, MAX_FILE_BYTES, &text);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	/* EPERM: the device cgroup that we run in does not have this GPU. */
	if (r == -EPERM || r == -ENOENT)
		return 0;
	if (r < 0) {
		if (string_list_printf(d->inv->arena, &d->inv->warnings, "read '%s': %s", path,
			    strerror(-r)) < 0)
			return NVB_OOM(err);
		return 0;
	}
	node.number = (unsigned)number;
	kfd_properties_parse(text, strlen(text), &node);
	if (!node.simd_count || !node.drm_render_minor)
		return 0;
	*ret = node;
	return 1;
}

int kfd_read_nodes(struct gpu_discovery *d, struct kfd_node_list *ret, struct nvb_error **err)
{
	struct string_list names = { 0 };
	struct kfd_node_list list = { 0 };
	errint_t r;

	r = host_tree_list(d->tree, d->inv->arena, NODES_PATH, &names);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	for (size_t i = 0; i < names.n && i < MAX_NODES; i++) {
		struct kfd_node node, *slot;

		r = read_node(d, names.items[i], &node, err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		slot = vec_push(d->inv->arena, &list);
		if (!slot)
			return NVB_OOM(err);
		*slot = node;
	}
	*ret = list;
	return 0;
}

/*
 * Bits 15..3 are bus and device. Kernels put the partition into the function's bits or into
 * bits 31..28, so neither is compared.
 */
bool kfd_is_at(const struct kfd_node *node, const char *address)
{
	uint64_t domain, bus, device;
	char field[8];

	(void)snprintf(field, sizeof(field), "%.4s", address);
	if (!number_parse_hex(field, UINT16_MAX, &domain))
		return false;
	(void)snprintf(field, sizeof(field), "%.2s", address + 5);
	if (!number_parse_hex(field, UINT8_MAX, &bus))
		return false;
	(void)snprintf(field, sizeof(field), "%.2s", address + 8);
	if (!number_parse_hex(field, 0x1f, &device))
		return false;
	return node->domain == domain && (node->location_id & 0xfff8) == (bus << 8 | device << 3);
}

static uint64_t read_bank_bytes(struct gpu_discovery *d, const char *path)
{
	_cleanup_free_ char *text = NULL;
	uint64_t heap_type = 0, size = 0;
	const char *end, *line_end;

	if (host_tree_read(d->tree, path, MAX_FILE_BYTES, &text) < 0)
		return 0;
	end = text + strlen(text);
	for (const char *line = text; (line_end = find_line_end(line, end)); line = line_end + 1) {
		if (!line_value(line, line_end, "heap_type", &heap_type))
			(void)line_value(line, line_end, "size_in_bytes", &size);
	}
	return heap_type == HEAP_FB_PUBLIC || heap_type == HEAP_FB_PRIVATE ? size : 0;
}

uint64_t kfd_read_memory_bytes(struct gpu_discovery *d, const struct kfd_node *node)
{
	struct string_list banks = { 0 };
	char path[MAX_PATH_BYTES];
	uint64_t total = 0;

	(void)snprintf(path, sizeof(path), NODES_PATH "/%u/mem_banks", node->number);
	if (host_tree_list(d->tree, d->inv->arena, path, &banks) < 0)
		return 0;
	vec_foreach (const char *, bank, &banks) {
		uint64_t size;

		(void)snprintf(path, sizeof(path), NODES_PATH "/%u/mem_banks/%s/properties",
			node->number, *bank);
		size = read_bank_bytes(d, path);
		if (__builtin_add_overflow(total, size, &total))
			return 0;
	}
	return total;
}
