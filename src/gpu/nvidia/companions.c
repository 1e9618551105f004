/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source, kinds and node names: NVIDIA Container Toolkit 1.20, its CDI modes gdrcopy, gds, imex,
 * management, mofed and nvswitch, 2026-08. Remedies: nvidia-modprobe(1); the modules' own names.
 */
#include "gpu/nvidia/companions.h"

#include <fnmatch.h>
#include <string.h>

#include "base/number.h"

/* The driver's parameter ImexChannelCount goes up to 2^20; a spec with more than this is of no
 * use to anyone. */
#define MAX_NODES    4096
#define MAX_PATTERNS 4
#define MAX_FILES    2

struct node_pattern {
	const char *directory, *pattern;
};

struct companion_class {
	const char *kind;
	enum companion_use use;
	const char *remedy;
	const char *channel; /* a device per node, named by the number behind this; NULL: none */
	struct node_pattern nodes[MAX_PATTERNS];
	const char *files[MAX_FILES];
};

static const struct companion_class classes[] = {
	{
		.kind = "nvidia.com/imex-channel",
		.use = COMPANION_CHOSEN,
		.remedy = "'nvidia-modprobe -i N:1' makes the node of channel N, where the "
			  "driver serves IMEX",
		.channel = "channel",
		.nodes = { { "/dev/nvidia-caps-imex-channels", "channel[0-9]*" } },
	},
	{
		.kind = "nvidia.com/gds",
		.use = COMPANION_DATA,
		.remedy = "load GPUDirect Storage: 'modprobe nvidia-fs'",
		.nodes = { { "/dev", "nvidia-fs[0-9]*" } },
		.files = { "/run/udev", "/etc/cufile.json" },
	},
	{
		.kind = "nvidia.com/mofed",
		.use = COMPANION_DATA,
		.remedy = "install the adapter's driver, then 'modprobe -a ib_uverbs rdma_ucm'",
		.nodes = { { "/dev/infiniband", "uverbs[0-9]*" },
			{ "/dev/infiniband", "rdma_cm" } },
	},
	{
		.kind = "nvidia.com/gdrcopy",
		.use = COMPANION_DATA,
		.remedy = "load GDRCopy: 'modprobe gdrdrv'",
		.nodes = { { "/dev", "gdrdrv" } },
	},
	{
		.kind = "nvidia.com/nvswitch",
		.use = COMPANION_CHOSEN,
		.remedy = "on a machine with NVSwitch 'nvidia-modprobe -s -c 0' makes the nodes",
		.nodes = { { "/dev", "nvidia-nvswitchctl" }, { "/dev", "nvidia-nvswitch[0-9]*" } },
	},
	{
		.kind = "management.nvidia.com/gpu",
		.use = COMPANION_MANAGES,
		.remedy = "load the driver: 'modprobe nvidia'",
		.nodes = { { "/dev", "nvidia*" }, { "/dev/nvidia-caps", "nvidia-cap[0-9]*" },
			{ "/dev/nvidia-caps-imex-channels", "channel[0-9]*" } },
	},
};

/* Classes of their own, which "nvidia*" must not take. */
static bool has_own_class(const char *name)
{
	static const char *const patterns[] = { "nvidia-fs*", "nvidia-nvswitch*",
		"nvidia-nvlink*" };

	for (size_t i = 0; i < ELEMENTS(patterns); i++) {
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	}
	return false;
}

static bool is_directory(const struct host_tree *tree, const char *path)
{
	struct stat st;

	return host_tree_stat(tree, path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct finder {
	struct gpu_discovery *d;
	const struct companion_class *class;
	struct gpu_companion *companion;
};

static struct companion_device *add_device(struct finder *f, const char *name)
{
	struct arena *a = f->d->inv->arena;
	const char *copy = arena_strdup(a, name);
	struct companion_device *device = vec_push(a, &f->companion->devices);

	if (!device || !copy)
		return NULL;
	*device = (struct companion_device){ .name = copy };
	return device;
}

/* The device "all" is the first, and holds every node. */
static int add_node(struct finder *f, const char *path, const char *name, struct nvb_error **err)
{
	struct companion_device *device;
	size_t prefix;
	uint64_t number;
	int r;

	if (!f->companion->devices.n && !add_device(f, "all"))
		return NVB_OOM(err);
	r = gpu_add_node(
		f->d, &f->companion->devices.items[0].nodes, path, CAPABILITY_ALL, true, err);
	if (r < 0 || !f->class->channel)
		return r;
	prefix = strlen(f->class->channel);
	if (!number_parse(name + prefix, UINT32_MAX, &number))
		return 0;
	device = add_device(f, name + prefix);
	if (!device)
		return NVB_OOM(err);
	return gpu_add_node(f->d, &device->nodes, path, CAPABILITY_ALL, true, err);
}

static int find_nodes(struct finder *f, const struct node_pattern *pattern, struct nvb_error **err)
{
	const struct host_tree *tree = f->d->dev_tree ? f->d->dev_tree : f->d->tree;
	struct arena *a = f->d->inv->arena;
	struct string_list names = { 0 };
	size_t found = 0;
	errint_t e = host_tree_list(tree, a, pattern->directory, &names);

	if (e == -ENOMEM)
		return NVB_OOM(err);
	for (size_t i = 0; e >= 0 && i < names.n && found < MAX_NODES; i++) {
		const char *name = names.items[i], *path;
		int r;

		if (fnmatch(pattern->pattern, name, FNM_PERIOD) != 0 ||
			(f->class->use == COMPANION_MANAGES && has_own_class(name)))
			continue;
		path = arena_printf(a, "%s/%s", pattern->directory, name);
		if (!path)
			return NVB_OOM(err);
		if (is_directory(tree, path))
			continue;
		r = add_node(f, path, name, err);
		if (r < 0)
			return r;
		found++;
	}
	return 0;
}

static int find_file(struct finder *f, const char *path, struct nvb_error **err)
{
	struct arena *a = f->d->inv->arena;
	struct driver_file *file;

	if (!host_tree_exists(f->d->tree, path))
		return 0;
	file = vec_push(a, &f->companion->files);
	if (!file)
		return NVB_OOM(err);
	*file = (struct driver_file){
		.kind = DRIVER_FILE_DATA,
		.needed_for = CAPABILITY_ALL,
		.host_path = host_tree_path(f->d->tree, a, path),
		.target = path,
	};
	return file->host_path ? 0 : NVB_OOM(err);
}

static int find_class(struct finder *f, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < MAX_PATTERNS && f->class->nodes[i].directory && r >= 0; i++)
		r = find_nodes(f, &f->class->nodes[i], err);
	for (size_t i = 0; i < MAX_FILES && f->class->files[i] && r >= 0; i++) {
		if (f->companion->devices.n)
			r = find_file(f, f->class->files[i], err);
	}
	return r;
}

int nvidia_find_companions(struct gpu_discovery *d, struct nvb_error **err)
{
	for (size_t i = 0; i < ELEMENTS(classes); i++) {
		struct finder f = { .d = d, .class = &classes[i] };
		int r;

		f.companion = vec_push(d->inv->arena, &d->inv->companions);
		if (!f.companion)
			return NVB_OOM(err);
		*f.companion = (struct gpu_companion){
			.vendor = GPU_VENDOR_NVIDIA,
			.kind = classes[i].kind,
			.use = classes[i].use,
			.remedy = classes[i].remedy,
		};
		r = find_class(&f, err);
		if (r < 0)
			return r;
	}
	return 0;
}
