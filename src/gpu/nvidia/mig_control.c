/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The right to make and to watch MIG instances is a node each, of the capabilities "config" and
 * "monitor". Who makes an instance then opens it, by a node that may not be there yet: so the nodes
 * of all instances that a GPU could have go along, by their numbers.
 *
 * The files below /proc/driver/nvidia/capabilities need nothing: a container's procfs shows them.
 *
 * Source: NVIDIA MIG User Guide, "Device Nodes and Capabilities"; open-gpu-kernel-modules,
 * kernel-open/nvidia/nv-caps.c.
 */
#include <string.h>

#include "gpu/nvidia/mig.h"

#define MAX_PATH_BYTES 128

struct control {
	struct gpu_discovery *d;
	const char *text; /* mig-minors */
	size_t length;
	uint32_t major; /* 0: unknown */
};

bool mig_minors_find_control(const char *text, size_t length, const char *name, uint32_t *ret_minor)
{
	size_t name_length = strlen(name);

	for (const char *line = text, *end = text + length, *newline; line < end;
		line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			return false;
		if ((size_t)(newline - line) <= name_length ||
			memcmp(line, name, name_length) != 0 || line[name_length] != ' ')
			continue;
		line += name_length + 1;
		return mig_minor_parse(line, (size_t)(newline - line), ret_minor);
	}
	return false;
}

static int add_control(
	struct control *c, const char *name, struct gpu_node_list *nodes, struct nvb_error **err)
{
	char path[MAX_PATH_BYTES];
	uint32_t minor;
	int r;

	if (nodes->n || !mig_minors_find_control(c->text, c->length, name, &minor))
		return 0;
	(void)snprintf(path, sizeof(path), MIG_NODE_FORMAT, minor);
	r = gpu_add_node(c->d, nodes, path, CAPABILITY_ALL, false, err);
	if (r == 0 && c->major)
		gpu_number_last_node(nodes, c->major, minor);
	return r;
}

/* Not looked at: most do not exist, and one that does was found with its instance. */
static int add_possible(struct control *c, struct gpu *gpu, uint32_t minor, struct nvb_error **err)
{
	const struct host_tree *tree = c->d->dev_tree ? c->d->dev_tree : c->d->tree;
	struct arena *a = c->d->inv->arena;
	struct gpu_node *node = vec_push(a, &gpu->mig_nodes);

	if (!node)
		return NVB_OOM(err);
	*node = (struct gpu_node){
		.node = {
			.path = arena_printf(a, MIG_NODE_FORMAT, minor),
			.type = 'c',
			.major = c->major,
			.minor = minor,
		},
		.needed_for = CAPABILITY_ALL,
	};
	if (node->node.path)
		node->node.host_path = host_tree_path(tree, a, node->node.path);
	return node->node.host_path ? 0 : NVB_OOM(err);
}

static int add_gpu_nodes(struct control *c, const struct mig_minor_list *minors, struct gpu *gpu,
	struct nvb_error **err)
{
	int r = 0;

	if (gpu->vendor != GPU_VENDOR_NVIDIA || gpu->minor < 0 || gpu->mig_nodes.n)
		return 0;
	vec_foreach (const struct mig_minor, minor, minors) {
		if (r == 0 && minor->gpu == gpu->minor)
			r = add_possible(c, gpu, minor->minor, err);
	}
	return r;
}

static int add_all(struct control *c, struct nvb_error **err)
{
	struct mig_minor_list minors = { 0 };
	int r = 0;

	(void)host_tree_char_major(c->d->tree, "nvidia-caps", &c->major);
	vec_foreach (struct gpu_driver, driver, &c->d->inv->drivers) {
		if (driver->vendor != GPU_VENDOR_NVIDIA || !driver->brings_user_space)
			continue;
		if (r == 0)
			r = add_control(c, "config", &driver->mig_config_nodes, err);
		if (r == 0)
			r = add_control(c, "monitor", &driver->mig_monitor_nodes, err);
	}
	if (r < 0 || !c->major)
		return r;
	if (mig_minors_parse(c->text, c->length, c->d->inv->arena, &minors) < 0)
		return NVB_OOM(err);
	vec_foreach (struct gpu, gpu, &c->d->inv->gpus) {
		if (r == 0)
			r = add_gpu_nodes(c, &minors, gpu, err);
	}
	return r;
}

int mig_find_control(struct gpu_discovery *d, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	struct control c = { .d = d };
	errint_t e = mig_minors_read(d->tree, &text);

	if (e == -ENOMEM)
		return NVB_OOM(err);
	/* A driver before 450, or none: it knows no MIG. */
	if (e == -ENOENT || e == -ENOTDIR)
		return 0;
	if (e < 0)
		return string_list_printf(d->inv->arena, &d->inv->warnings,
			       "what controls MIG is not known: read '%s': %s", MIG_MINORS_PATH,
			       strerror(-e)) < 0
			       ? NVB_OOM(err)
			       : 0;
	c.text = text;
	c.length = strlen(text);
	return add_all(&c, err);
}
