/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver files: which ones a container gets, and where.
 *
 * A library goes, under its file name, into the directory that the root's own loader searches
 * without a cache; the other names it is loaded by are links beside it. Everything else has a fixed
 * place. A destination is always a directory whose real place is known, plus a name: nothing in
 * the container root can move it.
 *
 * Two things of the image can stand in the way of a library:
 *
 *  - A link under its name. The low-level runtime would follow it, and the mount would cover
 *    what it leads to. An old copy of the same library is to be covered; anything else
 *    (libGLX_indirect.so.0 leads to Mesa in many images) must stay as it is.
 *  - An entry of its ld.so.cache, which the loader believes before it looks into directories.
 *    The file it names is covered too, so that the loader finds ours either way.
 */
#include <string.h>

#include "plan/plan_build.h"

bool plan_files_wanted(const struct driver_file *file, capability_set capabilities)
{
	return (file->needed_for & capabilities) &&
		(file->requires_all & capabilities) == file->requires_all;
}

bool plan_files_is_library(const struct driver_file *file)
{
	return file->target[0] != '/';
}

const char *plan_files_beside(struct arena *a, const char *target, const char *name)
{
	size_t dir_length = (size_t)(path_base_name(target) - target), length = strlen(name);
	char *path;

	if (!dir_length)
		return name;
	path = arena_alloc(a, dir_length + length + 1);
	if (!path)
		return NULL;
	memcpy(path, target, dir_length);
	memcpy(path + dir_length, name, length + 1);
	return path;
}

const char *plan_files_problem(const struct plan_build *b, const struct gpu_driver *driver)
{
	if (!driver->files.n)
		return "the host has no user-space files of this driver";
	switch (b->root->libc) {
	case ROOT_LIBC_GLIBC:
		return NULL;
	case ROOT_LIBC_MUSL:
		return "they need glibc, and the container has musl";
	case ROOT_LIBC_NONE:
		return "they need glibc, and the container has no C library";
	}
	return NULL;
}

static const char *const file_options[] = { "ro", "nosuid", "nodev", "rbind", "rprivate" };
/* One file has nothing below it, and a word for its propagation is a system call more. What a
 * container's own propagation asks for is for the editor of its configuration. */
static const char *const one_file_options[] = { "ro", "nosuid", "nodev", "bind" };
/* A socket is connected to, which a read-only mount refuses. */
static const char *const socket_options[] = { "nosuid", "nodev", "noexec", "rbind", "rprivate" };

/* The lists are shared by all mounts: nothing may be added to them later. */
#define OPTION_LIST(array)                                                            \
	{                                                                             \
		.items = (const char **)(array), .n = ELEMENTS(array),                \
		.capacity = ELEMENTS(array)                                           \
	}

static const struct string_list file_option_list = OPTION_LIST(file_options);
static const struct string_list one_file_option_list = OPTION_LIST(one_file_options);
static const struct string_list socket_option_list = OPTION_LIST(socket_options);

const struct string_list *plan_files_mount_options(void)
{
	return &one_file_option_list;
}

bool plan_mount_is_one_file(const struct plan_mount *mount)
{
	return mount->options.items == one_file_option_list.items;
}

const struct string_list *plan_files_options(const struct driver_file *file)
{
	return file->kind == DRIVER_FILE_SOCKET ? &socket_option_list : &file_option_list;
}

/* Others may be directories. */
static bool is_one_file(const struct driver_file *file)
{
	return file->kind != DRIVER_FILE_SOCKET && file->kind != DRIVER_FILE_DATA;
}

struct placement {
	struct plan_build *b;
	struct mount_draft_list drafts;
	struct string_list warned; /* what was said once */
};

static const char *join(struct arena *a, const char *dir, const char *name)
{
	size_t dir_length = strcmp(dir, "/") == 0 ? 0 : strlen(dir), name_length = strlen(name);
	char *path = arena_alloc(a, dir_length + name_length + 2);

	if (!path)
		return NULL;
	memcpy(path, dir, dir_length);
	path[dir_length] = '/';
	memcpy(path + dir_length + 1, name, name_length + 1);
	return path;
}

static int add_draft(struct placement *p, const struct driver_file *file, const char *destination,
	struct nvb_error **err)
{
	size_t order = p->drafts.n;
	struct mount_draft *draft = vec_push(p->b->plan->arena, &p->drafts);

	if (!draft || !destination)
		return NVB_OOM(err);
	*draft = (struct mount_draft){
		.source = file->host_path,
		.destination = destination,
		.options = !p->b->for_spec && is_one_file(file) ? plan_files_mount_options()
								: plan_files_options(file),
		.order = order,
	};
	return 0;
}

/* `names` is where the library is mounted, in the directory of `path`. */
static int add_link_draft(struct placement *p, const struct driver_file *file, const char *path,
	const char *names, const char *covers, struct nvb_error **err)
{
	int r = add_draft(p, file, path, err);

	if (r < 0)
		return r;
	p->drafts.items[p->drafts.n - 1].names = names;
	p->drafts.items[p->drafts.n - 1].covers = covers;
	return 0;
}

static int warn_once(struct placement *p, const char *what, const char *why, struct nvb_error **err)
{
	vec_foreach (const char *, said, &p->warned) {
		if (strcmp(*said, what) == 0)
			return 0;
	}
	if (string_list_add(p->b->plan->arena, &p->warned, what) < 0)
		return NVB_OOM(err);
	return plan_warn(p->b, err, "driver files for '%s' are left out: %s", what, why);
}

/* *ret_dir is NULL where the directory cannot be used. */
static int find_directory(struct placement *p, const char *path, const char **ret_dir,
	struct nvb_error **err)
{
	const struct root_dir *dir = container_root_dir(p->b->root, path);

	*ret_dir = dir ? dir->resolved : NULL;
	if (*ret_dir)
		return 0;
	return warn_once(p, path, dir ? dir->problem : "it was not looked at", err);
}

/* The directory of `target` below `base`; base itself for a plain name. */
static int find_parent(struct placement *p, const char *base, const char *target,
	const char **ret_dir, struct nvb_error **err)
{
	struct arena *a = p->b->plan->arena;
	const char *slash = strrchr(target, '/');
	const char *path;

	if (!slash && base) {
		*ret_dir = base;
		return 0;
	}
	path = slash == target ? "/" : arena_strndup(a, target, (size_t)(slash - target));
	if (path && base)
		path = join(a, base, path);
	return path ? find_directory(p, path, ret_dir, err) : NVB_OOM(err);
}

/* "libcuda" of "libcuda.so.550.163.01". */
static size_t stem_length(const char *name)
{
	const char *so = strstr(name, ".so");

	return so ? (size_t)(so - name) : strlen(name);
}

static bool same_stem(const char *x, const char *y)
{
	size_t length = stem_length(x);

	return length == stem_length(y) && memcmp(x, y, length) == 0;
}

/* True if the file at `path` of the container is a copy of what `name` is a name of. */
static bool is_copy(const struct driver_file *file, const char *name, const char *path)
{
	const char *base = path_base_name(path);

	return same_stem(base, path_base_name(name)) ||
		same_stem(base, path_base_name(file->target));
}

/* Where a name of a library belongs. */
struct spot {
	const char *path;   /* its directory is resolved */
	const char *covers; /* what a mount there covers: the end of a link of the image */
};

/* `name` is relative to the library directory `dir`. Returns 0 if it has no place. */
static int find_spot(struct placement *p, const struct driver_file *file, const char *dir,
	const char *name, struct spot *ret, struct nvb_error **err)
{
	const char *asked = join(p->b->plan->arena, dir, name), *path;
	const struct root_link *link;
	const char *parent = NULL;
	int r;

	if (!asked)
		return NVB_OOM(err);
	r = find_parent(p, dir, name, &parent, err);
	if (r < 0 || !parent)
		return r;
	/* Most names have no directory of their own. */
	path = parent == dir ? asked : join(p->b->plan->arena, parent, path_base_name(name));
	if (!path)
		return NVB_OOM(err);
	*ret = (struct spot){ .path = path, .covers = path };
	link = container_root_link(p->b->root, asked);
	if (!link)
		return 1;
	if (!link->resolved)
		return warn_once(p, asked, link->problem, err);
	if (!is_copy(file, name, link->resolved))
		return plan_warn(p->b, err, "'%s' of the container leads to '%s' and stays as it is",
			asked, link->resolved);
	ret->covers = link->resolved;
	return 1;
}

static const char *library_dir(const struct container_root *root, const struct driver_file *file)
{
	return file->elf_class == 32 ? root->lib32_dir : root->lib64_dir;
}

/* *ret_mounted is set where links beside it can name the file. */
static int add_library(struct placement *p, const struct driver_file *file,
	const char **ret_mounted, struct nvb_error **err)
{
	const char *dir = library_dir(p->b->root, file);
	struct spot spot;
	int r = dir ? find_spot(p, file, dir, file->target, &spot, err) : 0;

	if (r <= 0)
		return r;
	if (spot.covers == spot.path)
		*ret_mounted = spot.path;
	return add_draft(p, file, spot.covers, err);
}

static bool in_same_dir(const char *x, const char *y)
{
	size_t length = (size_t)(path_base_name(x) - x);

	return length == (size_t)(path_base_name(y) - y) && memcmp(x, y, length) == 0;
}

static int add_alias(struct placement *p, const struct driver_file *file, const char *alias,
	const char *mounted, struct nvb_error **err)
{
	const char *name = plan_files_beside(p->b->plan->arena, file->target, alias);
	struct spot spot;
	int r;

	if (!name)
		return NVB_OOM(err);
	r = find_spot(p, file, library_dir(p->b->root, file), name, &spot, err);
	if (r <= 0)
		return r;
	if (!mounted || !in_same_dir(mounted, spot.path))
		return add_draft(p, file, spot.covers, err);
	/* The link that is there is ours from an earlier start, or as good. */
	if (strcmp(spot.covers, mounted) == 0)
		return 0;
	return add_link_draft(p, file, spot.path, mounted, spot.covers, err);
}

/* `mounted` is where the file itself is, for links beside it; NULL: they must be mounts. */
static int add_aliases(struct placement *p, const struct driver_file *file, const char *mounted,
	struct nvb_error **err)
{
	int r = 0;

	if (!library_dir(p->b->root, file))
		return 0;
	vec_foreach (const char *, alias, &file->aliases) {
		if (r >= 0 && plan_links_wanted(p->b, file, *alias))
			r = add_alias(p, file, *alias, mounted, err);
	}
	return r < 0 ? r : 0;
}

static int add_fixed(struct placement *p, const struct driver_file *file, struct nvb_error **err)
{
	const char *parent = NULL, *path;
	int r;

	/* The driver's programs are 64-bit; what serves 32-bit libraries goes with them. */
	if (file->kind == DRIVER_FILE_PROGRAM && !p->b->root->lib64_dir)
		return 0;
	if ((file->requires_all & CAPABILITY_COMPAT32) && !p->b->root->lib32_dir)
		return 0;
	r = find_parent(p, NULL, file->target, &parent, err);
	if (r < 0 || !parent)
		return r;
	path = join(p->b->plan->arena, parent, path_base_name(file->target));
	return add_draft(p, file, path, err);
}

/* File names first: they beat the other names of another file. */
static int place_driver(struct placement *p, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	size_t size_bytes = (driver->files.n + 1) * sizeof(const char *);
	const char **mounted = arena_alloc(p->b->plan->arena, size_bytes);
	capability_set capabilities = p->b->req->capabilities;
	int r = 0;

	if (!mounted)
		return NVB_OOM(err);
	for (size_t i = 0; r >= 0 && i < driver->files.n; i++) {
		const struct driver_file *file = &driver->files.items[i];

		if (!plan_files_wanted(file, capabilities))
			continue;
		r = plan_files_is_library(file) ? add_library(p, file, &mounted[i], err)
						: add_fixed(p, file, err);
	}
	for (size_t i = 0; r >= 0 && i < driver->files.n; i++) {
		const struct driver_file *file = &driver->files.items[i];

		if (plan_files_wanted(file, capabilities) && plan_files_is_library(file))
			r = add_aliases(p, file, p->b->for_spec ? NULL : mounted[i], err);
	}
	return r;
}

static const struct driver_file *find_library(const struct plan_build *b,
	const struct gpu_driver *driver, const struct root_cache_entry *entry)
{
	vec_foreach (struct driver_file, file, &driver->files) {
		if (!plan_files_is_library(file) || file->elf_class != entry->elf_class ||
			!plan_files_wanted(file, b->req->capabilities))
			continue;
		if (strcmp(path_base_name(file->target), entry->soname) == 0)
			return file;
		vec_foreach (const char *, alias, &file->aliases) {
			if (strcmp(path_base_name(*alias), entry->soname) == 0)
				return file;
		}
	}
	return NULL;
}

/* Covers the files that the image's ld.so.cache names. */
static int cover_cached(struct placement *p, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	const char *version;
	bool keep = plan_compat_decide(p->b, &version) == PLAN_COMPAT_KEPT;

	vec_foreach (struct root_cache_entry, entry, &p->b->root->cache) {
		const struct driver_file *file = find_library(p->b, driver, entry);
		int r;

		/* A name without a file: the loader goes on to its directories. */
		if (!file || !entry->resolved)
			continue;
		if (keep && plan_compat_has_place(entry->resolved))
			continue;
		if (is_copy(file, entry->soname, entry->resolved))
			r = add_draft(p, file, entry->resolved, err);
		else
			r = plan_warn(p->b, err,
				"the container's ld.so.cache sends '%s' to '%s', which stays as it is",
				entry->soname, entry->resolved);
		if (r < 0)
			return r;
	}
	return 0;
}

static int warn_no_files(struct plan_build *b, const struct gpu_driver *driver, const char *problem,
	struct nvb_error **err)
{
	if (!driver->version)
		return plan_warn(b, err, "the files of driver '%s' are left out: %s", driver->name,
			problem);
	return plan_warn(b, err,
		"the files of driver '%s' are left out: %s; the image must bring version %s itself",
		driver->name, problem, driver->version);
}

static int warn_of_root(struct placement *p, struct nvb_error **err)
{
	const struct container_root *root = p->b->root;
	int r = 0;

	if (!root->lib64_dir)
		r = warn_once(p, "64-bit programs", "the container has no 64-bit glibc", err);
	if (r >= 0 && root->cache_problem)
		r = plan_warn(p->b, err,
			"what the container's ld.so.cache says is not known: %s",
			root->cache_problem);
	return r;
}

static int check_root(const struct plan_build *b, struct nvb_error **err)
{
	int r;

	if (!b->root->unsafe_reason)
		return 0;
	r = NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0, "place the driver's files in the container: %s",
		b->root->unsafe_reason);
	return NVB_HINT(err, r, "the container root is damaged or hostile: do not use it");
}

static int place_if_usable(struct placement *p, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	const char *problem;
	int r = driver->files.n ? check_root(p->b, err) : 0;

	if (r < 0)
		return r;
	problem = plan_files_problem(p->b, driver);
	if (problem)
		return warn_no_files(p->b, driver, problem, err);
	r = warn_of_root(p, err);
	if (r >= 0)
		r = place_driver(p, driver, err);
	return r < 0 ? r : cover_cached(p, driver, err);
}

/* They need nothing of the container but the place. */
static int place_companions(struct placement *p, struct nvb_error **err)
{
	const struct gpu_companion *last = NULL;
	int r = 0;

	vec_foreach (const struct plan_companion, item, &p->b->companions) {
		/* Devices of one kind share its files, and stand together. */
		if (item->companion == last)
			continue;
		last = item->companion;
		if (last->files.n)
			r = check_root(p->b, err);
		vec_foreach (const struct driver_file, file, &last->files) {
			if (r >= 0)
				r = add_fixed(p, file, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int plan_files_add(struct plan_build *b, struct nvb_error **err)
{
	struct placement p = { .b = b };
	int r = 0;

	if (b->root->assumed && (b->req->gpus.n || b->req->driver_only))
		r = plan_warn(b, err,
			"no container root is at hand: that of Debian (multiarch) is assumed");
	vec_foreach (struct gpu_driver, driver, &b->inv->drivers) {
		if (r < 0 || !driver->brings_user_space)
			continue;
		if (plan_uses_driver(b->inv, b->req, driver))
			r = place_if_usable(&p, driver, err);
	}
	if (r >= 0)
		r = place_companions(&p, err);
	return r < 0 ? r : plan_mounts_finish(b, &p.drafts, err);
}
