/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/mig.h"

#include <string.h>

#include "base/number.h"

#define CAPABILITIES_PATH "/proc/driver/nvidia/capabilities"
#define MAX_MINORS_BYTES (1 << 20) /* the driver's table for 32 GPUs is 100 KiB */
#define MAX_MINORS 65536
#define MAX_ID 255
#define MAX_MINOR 0xfffff
#define MAX_PATH_BYTES 128

/* PREFIX and a number at *at, which moves behind them. */
static bool take_number(const char **at, const char *end, const char *prefix, uint64_t max,
	uint64_t *ret)
{
	size_t length = strlen(prefix), digits = 0, left = (size_t)(end - *at);

	if (left < length || memcmp(*at, prefix, length) != 0)
		return false;
	while (length + digits < left && (*at)[length + digits] >= '0' &&
		(*at)[length + digits] <= '9')
		digits++;
	if (!number_parse_n(*at + length, digits, max, ret))
		return false;
	*at += length + digits;
	return true;
}

/* "gpu0/gi1/access 12" or "gpu0/gi1/ci0/access 13" */
static bool parse_line(const char *line, const char *end, struct mig_minor *ret)
{
	uint64_t gpu, gi, ci = 0, minor;
	bool has_ci;

	if (!take_number(&line, end, "gpu", MAX_ID, &gpu) ||
		!take_number(&line, end, "/gi", MAX_ID, &gi))
		return false;
	has_ci = take_number(&line, end, "/ci", MAX_ID, &ci);
	if (!take_number(&line, end, "/access ", MAX_MINOR, &minor) || line != end)
		return false;
	*ret = (struct mig_minor){
		.gpu = (uint16_t)gpu,
		.gi = (int16_t)gi,
		.ci = has_ci ? (int16_t)ci : -1,
		.minor = (uint32_t)minor,
	};
	return true;
}

int mig_minors_parse(const char *text, size_t length, struct arena *a, struct mig_minor_list *ret)
{
	struct mig_minor_list list = { 0 };

	for (const char *line = text, *end = text + length, *newline;
		line < end && list.n < MAX_MINORS; line = newline + 1) {
		struct mig_minor parsed, *slot;

		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			break;
		if (!parse_line(line, newline, &parsed))
			continue;
		slot = vec_push(a, &list);
		if (!slot)
			return -1;
		*slot = parsed;
	}
	*ret = list;
	return 0;
}

bool mig_minor_parse(const char *text, size_t length, uint32_t *ret_minor)
{
	uint64_t minor;

	if (!number_parse_n(text, length, MAX_MINOR, &minor))
		return false;
	*ret_minor = (uint32_t)minor;
	return true;
}

errint_t mig_minors_read(const struct host_tree *tree, char **ret_text)
{
	return host_tree_read(tree, MIG_MINORS_PATH, MAX_MINORS_BYTES, ret_text);
}

bool mig_minors_find(const struct mig_minor_list *list, int gpu, int gi, int ci,
	uint32_t *ret_minor)
{
	vec_foreach (struct mig_minor, m, list) {
		if (m->gpu == gpu && m->gi == gi && m->ci == ci) {
			*ret_minor = m->minor;
			return true;
		}
	}
	return false;
}

/* Read when the first instance is seen: most machines have none. */
static int load_tables(struct gpu_discovery *d, struct mig_tables *tables, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	errint_t r;

	if (tables->loaded)
		return 0;
	tables->loaded = true;
	(void)host_tree_char_major(d->tree, "nvidia-caps", &tables->caps_major);
	r = mig_minors_read(d->tree, &text);
	if (r < 0) {
		if (string_list_printf(d->inv->arena, &d->inv->warnings,
			    "MIG instances cannot be opened: read '%s': %s", MIG_MINORS_PATH,
			    strerror(-r)) < 0)
			return NVB_OOM(err);
		return 0;
	}
	if (mig_minors_parse(text, strlen(text), d->inv->arena, &tables->minors) < 0)
		return NVB_OOM(err);
	return 0;
}

static int add_capability_node(struct gpu_discovery *d, const struct gpu *gpu,
	struct gpu_partition *partition, int ci, const struct mig_tables *tables,
	struct nvb_error **err)
{
	char path[MAX_PATH_BYTES];
	uint32_t minor;
	int r;

	if (!mig_minors_find(&tables->minors, gpu->minor, partition->gi, ci, &minor)) {
		if (tables->minors.n &&
			string_list_printf(d->inv->arena, &d->inv->warnings,
				"'%s' does not list instance %d/%d of GPU %s", MIG_MINORS_PATH,
				partition->gi, partition->ci, gpu->pci_address) < 0)
			return NVB_OOM(err);
		return 0;
	}
	(void)snprintf(path, sizeof(path), MIG_NODE_FORMAT, minor);
	r = gpu_add_node(d, &partition->nodes, path, CAPABILITY_ALL, false, err);
	if (r == 0 && tables->caps_major)
		gpu_number_last_node(&partition->nodes, tables->caps_major, minor);
	return r;
}

static int add_instance(struct gpu_discovery *d, struct gpu *gpu, int gi, int ci,
	struct mig_tables *tables, struct nvb_error **err)
{
	struct gpu_partition partition = { .gi = gi, .ci = ci };
	struct gpu_partition *slot;
	int r;

	r = load_tables(d, tables, err);
	if (r == 0)
		r = add_capability_node(d, gpu, &partition, -1, tables, err);
	if (r == 0)
		r = add_capability_node(d, gpu, &partition, ci, tables, err);
	if (r < 0)
		return r;
	partition.index = (unsigned)gpu->partitions.n;
	slot = vec_push(d->inv->arena, &gpu->partitions);
	if (!slot)
		return NVB_OOM(err);
	*slot = partition;
	return 0;
}

/* Names of `directory` that are PREFIX and a number. A directory that is not there has none. */
static int list_numbered(struct gpu_discovery *d, const char *directory, const char *prefix,
	struct string_list *ret, struct nvb_error **err)
{
	struct string_list all = { 0 };
	errint_t r = host_tree_list_directories(d->tree, d->inv->arena, directory, &all);

	if (r == -ENOMEM)
		return NVB_OOM(err);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR &&
		string_list_printf(d->inv->arena, &d->inv->warnings,
			"MIG instances are not known: list '%s': %s", directory,
			strerror(-r)) < 0)
		return NVB_OOM(err);
	vec_foreach (const char *, name, &all) {
		const char *at = *name, *end = at + strlen(at);
		uint64_t number;

		if (!take_number(&at, end, prefix, MAX_ID, &number) || at != end)
			continue;
		if (string_list_add(d->inv->arena, ret, *name) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* The number behind a prefix that list_numbered() has checked. */
static int number_behind(const char *name, const char *prefix)
{
	uint64_t number = 0;

	(void)number_parse(name + strlen(prefix), MAX_ID, &number);
	return (int)number;
}

int mig_discover(struct gpu_discovery *d, struct gpu *gpu, struct mig_tables *tables,
	struct nvb_error **err)
{
	struct string_list gis = { 0 };
	char path[MAX_PATH_BYTES];
	int r;

	(void)snprintf(path, sizeof(path), CAPABILITIES_PATH "/gpu%d/mig", gpu->minor);
	r = list_numbered(d, path, "gi", &gis, err);
	if (r < 0)
		return r;
	/* MIG mode without any instance cannot be told from its absence here; NVML can. */
	gpu->mig_enabled = gis.n > 0;
	vec_foreach (const char *, gi, &gis) {
		struct string_list cis = { 0 };

		(void)snprintf(path, sizeof(path), CAPABILITIES_PATH "/gpu%d/mig/%s", gpu->minor,
			*gi);
		r = list_numbered(d, path, "ci", &cis, err);
		if (r < 0)
			return r;
		vec_foreach (const char *, ci, &cis) {
			r = add_instance(d, gpu, number_behind(*gi, "gi"),
				number_behind(*ci, "ci"), tables, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
