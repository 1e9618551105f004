/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/tuning.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/state_dir.h"
#include "base/user_namespace.h"
#include "gpu/vendor.h"

#define CPU_POLICIES_PATH "/sys/devices/system/cpu/cpufreq"
/* Source: Linux kernel documentation, admin-guide/mm/hugetlbpage. */
#define HUGE_PAGES_PATH "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

const char *tuning_read_value(const struct tuning_reader *r, const char *format, ...)
{
	_cleanup_free_ char *path = NULL;
	const char *line = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&path, format, ap);
	va_end(ap);
	if (n < 0) {
		path = NULL;
		return NULL;
	}
	if (host_tree_read_line(r->tree, r->tuning->arena, path, &line) < 0 || !*line)
		return NULL;
	return line;
}

/* Root of a user namespace may not, whatever the owner that he sees. */
static int write_errnum(const struct tuning_reader *r, const char *path)
{
	if (!host_tree_is_live(r->tree))
		return 0;
	if (faccessat(r->tree->root_fd, path + 1, W_OK, AT_EACCESS) < 0)
		return errno;
	return geteuid() == 0 && !user_namespace_is_initial() ? EPERM : 0;
}

/* 1; 0: it is not there, or no line of text. */
static int read_file(const struct tuning_reader *r, const char *path, struct tuning_file *ret,
	struct nvb_error **err)
{
	const char *value = tuning_read_value(r, "%s", path);

	if (!value || strchr(value, '\n'))
		return 0;
	*ret = (struct tuning_file){
		.path = arena_strdup(r->tuning->arena, path),
		.host_path = host_tree_path(r->tree, r->tuning->arena, path),
		.current = value,
		.write_errnum = write_errnum(r, path),
	};
	return ret->path && ret->host_path ? 1 : NVB_OOM(err);
}

int tuning_add_power(
	const struct tuning_reader *r, const struct tuning_power *power, struct nvb_error **err)
{
	struct tuning_power *added;
	struct tuning_file file;
	int found;

	if (!power->maximum && !power->balanced && !power->saver)
		return 0;
	found = read_file(r, power->file.path, &file, err);
	if (found <= 0)
		return found;
	added = vec_push(r->tuning->arena, &r->tuning->power);
	if (!added)
		return NVB_OOM(err);
	*added = *power;
	added->file = file;
	return 0;
}

static const struct gpu_vendor_ops *find_vendor(const struct gpu *gpu)
{
	for (size_t i = 0; gpu_vendors[i]; i++)
		if (gpu_vendors[i]->vendor == gpu->vendor)
			return gpu_vendors[i];
	return NULL;
}

static int read_power(
	const struct tuning_reader *r, const struct inventory *inv, struct nvb_error **err)
{
	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		const struct gpu_vendor_ops *vendor = find_vendor(gpu);
		int done = 0;

		if (gpu->state != GPU_USABLE || !gpu->pci_address)
			continue;
		if (vendor && vendor->find_power)
			done = vendor->find_power(r, gpu, err);
		if (done < 0)
			return done;
	}
	return 0;
}

/* Source: Linux kernel documentation, admin-guide/pm/cpufreq, "Policy Interface in sysfs". */
static int read_cpus(const struct tuning_reader *r, struct nvb_error **err)
{
	struct machine_tuning *t = r->tuning;
	struct string_list names = { 0 };

	if (host_tree_list(r->tree, t->arena, CPU_POLICIES_PATH, &names) < 0)
		return 0;
	vec_foreach (const char *, name, &names) {
		struct tuning_cpus cpus = { 0 }, *added;
		char path[256];
		int found;

		if (strncmp(*name, "policy", strlen("policy")) != 0)
			continue;
		(void)snprintf(path, sizeof(path), CPU_POLICIES_PATH "/%s/scaling_governor", *name);
		found = read_file(r, path, &cpus.governor, err);
		if (found < 0)
			return found;
		if (!found)
			continue;
		cpus.governors = tuning_read_value(
			r, CPU_POLICIES_PATH "/%s/scaling_available_governors", *name);
		added = vec_push(t->arena, &t->cpus);
		if (!added)
			return NVB_OOM(err);
		*added = cpus;
	}
	return 0;
}

static bool has_node(const struct machine_tuning *t, int numa_node)
{
	vec_foreach (const struct tuning_node, node, &t->nodes)
		if (node->numa_node == numa_node)
			return true;
	return false;
}

/* Source: Documentation/ABI/testing/sysfs-bus-pci, local_cpulist. */
static int read_nodes(
	const struct tuning_reader *r, const struct inventory *inv, struct nvb_error **err)
{
	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		struct tuning_node *added;
		const char *cpus;

		if (gpu->numa_node < 0 || !gpu->pci_address || has_node(r->tuning, gpu->numa_node))
			continue;
		cpus = tuning_read_value(
			r, "/sys/bus/pci/devices/%s/local_cpulist", gpu->pci_address);
		if (!cpus)
			continue;
		added = vec_push(r->tuning->arena, &r->tuning->nodes);
		if (!added)
			return NVB_OOM(err);
		*added = (struct tuning_node){ .numa_node = gpu->numa_node, .cpus = cpus };
	}
	return 0;
}

bool gpu_has_power_limit(const struct inventory *inv, const struct gpu *gpu)
{
	const struct gpu_driver *driver = inventory_driver(inv, gpu);
	const struct gpu_vendor_ops *vendor = find_vendor(gpu);

	return driver && driver->brings_user_space && vendor && vendor->power_limit &&
	       gpu->pci_address;
}

int gpu_power_limit(const struct inventory *inv, const char *pci_address, const char *value,
	uint64_t *ret_milliwatts, struct nvb_error **err)
{
	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		const struct gpu_vendor_ops *vendor = find_vendor(gpu);

		if (vendor && vendor->power_limit && gpu->state == GPU_USABLE && gpu->pci_address &&
			strcmp(gpu->pci_address, pci_address) == 0)
			return vendor->power_limit(inv, gpu, value, ret_milliwatts, err);
	}
	return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "find the GPU at '%s'", pci_address);
}

int machine_tuning_read(const struct host_tree *tree, const struct inventory *inv,
	struct machine_tuning **ret, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct tuning_reader reader = { .tree = tree };
	int r;

	reader.tuning = arena ? arena_new_object(arena, struct machine_tuning) : NULL;
	if (!reader.tuning)
		return NVB_OOM(err);
	reader.tuning->arena = arena;
	if (host_tree_is_live(tree) && !state_dir_is_root())
		reader.tuning->control_errnum = EPERM;
	reader.tuning->online_cpus = tuning_read_value(&reader, "/sys/devices/system/cpu/online");
	r = read_power(&reader, inv, err);
	if (r >= 0)
		r = read_cpus(&reader, err);
	if (r >= 0)
		r = read_nodes(&reader, inv, err);
	if (r >= 0)
		r = read_file(&reader, HUGE_PAGES_PATH, &reader.tuning->huge_pages, err);
	if (r < 0)
		return r;
	arena = NULL;
	*ret = reader.tuning;
	return 0;
}

void machine_tuning_free(struct machine_tuning *tuning)
{
	/* It lives in its own arena. */
	if (tuning)
		arena_free(tuning->arena);
}
