/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hook is told: the further names of the driver's libraries, the folders for the
 * loader's cache, and names of display nodes by PCI address.
 *
 * Names of a library that has a place of its own below the library directory (vdpau/, gbm/,
 * nvidia/wine/) go below the nearest directory above it that loaders take for a library
 * directory, also where the host keeps the files apart and shows them through links.
 */
#include <fnmatch.h>
#include <string.h>

#include "cdi/generate_build.h"
#include "cdi/hook_arguments.h"

#define HOOK_STAGE "createContainer"
/* Runtimes give a hook their own environment, or the container's, unless it has one. */
#define HOOK_ENVIRONMENT "NVBIND_HOOK=1"
#define BY_PATH_DIR	 "/dev/dri/by-path"

struct hook_build {
	struct generate *g;
	const struct gpu_driver *driver;
	const struct cdi_edits *edits;
	struct hook_arguments arguments;
};

static bool is_library_dir(const char *path)
{
	static const char *const names[] = { "lib", "lib32", "lib64", "libx32", "*-linux-gnu*" };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		if (fnmatch(names[i], path_base_name(path), 0) == 0)
			return true;
	}
	return false;
}

static const char *parent(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_strndup(a, path, slash ? (size_t)(slash - path) : 0);
}

/* The library directory that `dir` lies in; `dir` itself if there is none. */
static const char *library_dir_above(struct arena *a, const char *dir)
{
	for (const char *at = dir; at && *at; at = parent(a, at)) {
		if (is_library_dir(at))
			return at;
	}
	return dir;
}

static bool is_taken(const struct hook_build *h, const char *path)
{
	vec_foreach (const struct cdi_mount, mount, &h->edits->mounts) {
		if (strcmp(mount->container_path, path) == 0)
			return true;
	}
	vec_foreach (const struct hook_link, link, &h->arguments.links) {
		if (strcmp(link->path, path) == 0)
			return true;
	}
	return false;
}

static int add_link(
	struct hook_build *h, const char *target, const char *path, struct nvb_error **err)
{
	struct hook_link *link;

	if (!target || !path)
		return NVB_OOM(err);
	if (is_taken(h, path))
		return 0;
	link = vec_push(h->g->spec->arena, &h->arguments.links);
	if (!link)
		return NVB_OOM(err);
	*link = (struct hook_link){ .target = target, .path = path };
	return 0;
}

static int add_folder(struct hook_build *h, const char *dir, struct nvb_error **err)
{
	vec_foreach (const char *, have, &h->arguments.folders) {
		if (strcmp(*have, dir) == 0)
			return 0;
	}
	return string_list_add(h->g->spec->arena, &h->arguments.folders, dir) < 0 ? NVB_OOM(err)
										  : 0;
}

/* A library's place in the container. */
struct place {
	const char *path, *dir, *file; /* dir/file */
	const char *base;	       /* the library directory that names with a '/' are below */
	size_t sub_length;	       /* of the directory part of its target: "vdpau/" */
	bool in_sub;		       /* it is in BASE/sub already */
};

static int find_place(struct hook_build *h, const struct driver_file *file, struct place *ret,
	struct nvb_error **err)
{
	struct arena *a = h->g->spec->arena;
	const char *path = generate_place(h->driver, file);
	struct place p = {
		.path = path,
		.dir = parent(a, path),
		.file = path_base_name(path),
		.sub_length = (size_t)(path_base_name(file->target) - file->target),
	};
	size_t length;

	if (!p.dir)
		return NVB_OOM(err);
	length = strlen(p.dir);
	if (p.sub_length && length > p.sub_length && p.dir[length - p.sub_length] == '/' &&
		memcmp(p.dir + length - p.sub_length + 1, file->target, p.sub_length - 1) == 0) {
		p.in_sub = true;
		p.base = arena_strndup(a, p.dir, length - p.sub_length);
	} else {
		p.base = library_dir_above(a, p.dir);
	}
	*ret = p;
	return p.base ? 0 : NVB_OOM(err);
}

static bool has_soname(const struct driver_file *file)
{
	if (!file->soname)
		return false;
	vec_foreach (const char *, alias, &file->aliases) {
		if (strcmp(*alias, file->soname) == 0)
			return true;
	}
	return false;
}

/* One more name. Links lead to the SONAME where there is one, as on a host. */
static int add_alias(struct hook_build *h, const struct driver_file *file, const struct place *p,
	const char *alias, struct nvb_error **err)
{
	struct arena *a = h->g->spec->arena;
	const char *leads_to = p->file;

	if (has_soname(file) && strcmp(alias, file->soname) != 0)
		leads_to = file->soname;
	if (strchr(alias, '/'))
		return add_link(h, arena_printf(a, "%s/%s", p->dir, leads_to),
			arena_printf(
				a, "%s/%.*s%s", p->base, (int)p->sub_length, file->target, alias),
			err);
	return add_link(h, leads_to, arena_printf(a, "%s/%s", p->dir, alias), err);
}

/* A file that the host keeps outside of its proper sub-directory is shown there. */
static int add_to_sub(struct hook_build *h, const struct driver_file *file, const struct place *p,
	struct nvb_error **err)
{
	struct arena *a = h->g->spec->arena;
	int r = add_link(h, p->path, arena_printf(a, "%s/%s", p->base, file->target), err);

	vec_foreach (const char *, alias, &file->aliases) {
		if (r >= 0 && !strchr(*alias, '/'))
			r = add_link(h, path_base_name(file->target),
				arena_printf(a, "%s/%.*s%s", p->base, (int)p->sub_length,
					file->target, *alias),
				err);
	}
	return r;
}

static int add_library(struct hook_build *h, const struct driver_file *file, struct nvb_error **err)
{
	struct place p = { 0 };
	int r = find_place(h, file, &p, err);

	/*
	 * The cache is for names that loaders look up without a directory. libvdpau tries its own
	 * folder first and then the plain name; what has no library's name is only ever opened by path.
	 * Source: libvdpau, src/vdpau_wrapper.c.
	 */
	if (r >= 0 && (!p.sub_length || strncmp(p.file, "lib", 3) == 0))
		r = add_folder(h, p.dir, err);
	vec_foreach (const char *, alias, &file->aliases) {
		if (r >= 0)
			r = add_alias(h, file, &p, *alias, err);
	}
	if (r >= 0 && p.sub_length && !p.in_sub)
		r = add_to_sub(h, file, &p, err);
	return r;
}

/* Source: systemd, rules.d/60-drm.rules; the link's text is relative, as udev writes it. */
static int add_by_path(struct hook_build *h, const struct gpu *gpu, const char *node,
	const char *suffix, struct nvb_error **err)
{
	struct arena *a = h->g->spec->arena;

	return add_link(h, arena_printf(a, "../%s", path_base_name(node)),
		arena_printf(a, BY_PATH_DIR "/pci-%s-%s", gpu->pci_address, suffix), err);
}

static bool is_given(const struct hook_build *h, const struct gpu *gpu, const char *path)
{
	if (!path)
		return false;
	vec_foreach (const struct gpu_node, node, &gpu->nodes) {
		if (strcmp(node->node.path, path) == 0)
			return node->needed_for & h->g->options->capabilities;
	}
	return false;
}

/* For every GPU of the driver, in the one hook: a link to one that the container has not been
 * given leads nowhere. */
static int add_display_links(struct hook_build *h, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const struct gpu, gpu, &h->g->inv->gpus) {
		if (gpu->state != GPU_USABLE || !gpu->pci_address ||
			inventory_driver(h->g->inv, gpu) != h->driver)
			continue;
		if (r >= 0 && is_given(h, gpu, gpu->card_node))
			r = add_by_path(h, gpu, gpu->card_node, "card", err);
		if (r >= 0 && is_given(h, gpu, gpu->render_node))
			r = add_by_path(h, gpu, gpu->render_node, "render", err);
	}
	return r;
}

static int add_hook(struct hook_build *h, struct cdi_edits *edits, struct nvb_error **err)
{
	struct arena *a = h->g->spec->arena;
	struct cdi_hook *hook = vec_push(a, &edits->hooks);

	if (!hook)
		return NVB_OOM(err);
	*hook = (struct cdi_hook){
		.name = HOOK_STAGE,
		.path = generate_keep(h->g, h->g->options->hook_path),
	};
	if (!hook->path || string_list_add(a, &hook->env, HOOK_ENVIRONMENT) < 0)
		return NVB_OOM(err);
	return hook_arguments_format(&h->arguments, a, &hook->args, err);
}

int generate_hook(struct generate *g, struct cdi_edits *edits, const struct gpu_driver *driver,
	bool keeps_nodes, struct nvb_error **err)
{
	struct hook_build h = { .g = g, .driver = driver, .edits = edits };
	const char *version = driver->version ? driver->version : driver->files_version;
	int r = 0;

	vec_foreach (const struct driver_file, file, &driver->files) {
		if (r >= 0 && plan_files_is_library(file) &&
			plan_files_wanted(file, g->options->capabilities))
			r = add_library(&h, file, err);
	}
	vec_foreach (const char *, folder, &driver->loader_folders) {
		if (r >= 0)
			r = add_folder(&h, *folder, err);
	}
	if (r >= 0)
		r = add_display_links(&h, err);
	if (r < 0)
		return r;
	h.arguments.disable_device_node_modification = keeps_nodes;
	if (version && (g->options->capabilities & CAPABILITY_COMPUTE)) {
		h.arguments.cuda_compat = true;
		h.arguments.host_driver_version = generate_keep(g, version);
		if (!h.arguments.host_driver_version)
			return NVB_OOM(err);
	}
	return add_hook(&h, edits, err);
}
