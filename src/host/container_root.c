/* SPDX-License-Identifier: Apache-2.0 */
#include "host/container_root.h"

#include <string.h>

#include "host/container_root_read.h"

void container_root_free(struct container_root *root)
{
	/* The facts live in their own arena. */
	if (root)
		arena_free(root->arena);
}

const struct root_dir *container_root_dir(const struct container_root *root, const char *path)
{
	vec_foreach (struct root_dir, dir, &root->dirs) {
		if (strcmp(dir->path, path) == 0)
			return dir;
	}
	return NULL;
}

const struct root_link *container_root_link(const struct container_root *root, const char *path)
{
	vec_foreach (struct root_link, link, &root->links) {
		if (strcmp(link->path, path) == 0)
			return link;
	}
	return NULL;
}

const char *root_join(struct arena *a, const char *dir, const char *name)
{
	return arena_printf(a, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
}

bool root_is_library_place(const char *path)
{
	static const char *const parents[] = { "/", "/usr/", "/usr/local/" };
	static const char *const names[] = { "lib", "lib32", "lib64", "libx32" };

	for (size_t i = 0; i < ELEMENTS(parents); i++) {
		size_t length = strlen(parents[i]);

		if (strncmp(path, parents[i], length) != 0)
			continue;
		for (size_t j = 0; j < ELEMENTS(names); j++) {
			if (path_is_below(path + length, names[j]))
				return true;
		}
	}
	return false;
}

/*
 * A container can only harm itself by sending our read-only files elsewhere in its own root, with
 * one exception: file systems of the kernel, where a mount changes what the runtime or the
 * kernel's security modules read and write (the class of CVE-2019-16884). Places at the top are
 * refused too: a link from a file's proper directory to "/" or "/etc" is damage, never a layout.
 */
int root_place_check(struct arena *a, const char *asked, const char *resolved,
	const char **ret_problem)
{
	static const char *const kernel[] = { "/proc", "/sys", "/dev" };
	bool bad = strcmp(resolved, "/") == 0;

	for (size_t i = 0; i < ELEMENTS(kernel); i++)
		bad = bad || path_is_below(resolved, kernel[i]);
	/* /usr/bin may be /bin, never /etc. */
	if (!bad && !strchr(resolved + 1, '/'))
		bad = strcmp(path_base_name(asked), resolved + 1) != 0;
	*ret_problem = NULL;
	if (!bad)
		return 0;
	*ret_problem = arena_printf(a, "it leads to '%s'", resolved);
	return *ret_problem ? 0 : -1;
}

static const char *errno_problem(struct arena *a, int errnum)
{
	switch (errnum) {
	case ELOOP:
		return "it is a loop of links";
	case ENOTDIR:
		return "a file is in its way";
	case EACCES:
	case EPERM:
		return "permission denied";
	default:
		return arena_strdup(a, strerror(errnum));
	}
}

/* Sets dir->resolved or dir->problem. -1: out of memory. */
static int resolve_dir(struct root_reader *r, struct root_dir *dir, bool below_library_dir)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	errint_t e = root_resolve(r, dir->path, &found);
	struct stat st;

	if (e == -ENOMEM)
		return -1;
	if (e >= 0 && found.exists && fstat(found.fd, &st) < 0)
		e = -errno;
	if (e >= 0 && found.exists && !S_ISDIR(st.st_mode))
		e = -ENOTDIR;
	if (e < 0) {
		dir->problem = errno_problem(r->a, -e);
		return dir->problem ? 0 : -1;
	}
	if (root_place_check(r->a, dir->path, found.path, &dir->problem) < 0)
		return -1;
	if (!dir->problem && below_library_dir && !root_is_library_place(found.path)) {
		dir->problem = arena_printf(r->a, "it leads to '%s'", found.path);
		return dir->problem ? 0 : -1;
	}
	if (dir->problem)
		return 0;
	dir->resolved = arena_strdup(r->a, found.path);
	return dir->resolved ? 0 : -1;
}

static int add_dir(struct root_reader *r, const char *path, bool below_library_dir)
{
	struct root_dir *dir;

	if (!path)
		return -1;
	dir = vec_push(r->a, &r->root->dirs);
	if (!dir)
		return -1;
	*dir = (struct root_dir){ .path = path };
	return resolve_dir(r, dir, below_library_dir);
}

static int read_dirs(struct root_reader *r, const struct string_list *dirs, struct nvb_error **err)
{
	const char *const library_dirs[] = { r->root->lib64_dir, r->root->lib32_dir };

	vec_foreach (const char *, path, dirs) {
		if ((*path)[0] == '/') {
			if (add_dir(r, arena_strdup(r->a, *path), false) < 0)
				return NVB_OOM(err);
			continue;
		}
		for (size_t i = 0; i < ELEMENTS(library_dirs); i++) {
			if (library_dirs[i] &&
				add_dir(r, root_join(r->a, library_dirs[i], *path), true) < 0)
				return NVB_OOM(err);
		}
	}
	return 0;
}

static struct container_root *new_root(struct arena *a)
{
	struct container_root *root = a ? arena_new_object(a, struct container_root) : NULL;

	if (root)
		root->arena = a;
	return root;
}

int container_root_inspect(int root_fd, const struct string_list *dirs,
	const struct string_list *names, struct container_root **ret_root, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct root_reader r = { .root_fd = root_fd, .a = a, .root = new_root(a) };
	int status;

	if (!r.root)
		return NVB_OOM(err);
	status = root_read_libc(&r, err);
	if (status >= 0)
		status = read_dirs(&r, dirs, err);
	if (status >= 0)
		status = root_read_links(&r, names, err);
	if (status >= 0)
		status = root_read_cache(&r, names, err);
	if (status >= 0)
		status = root_read_compat(&r, err);
	if (status < 0)
		return status;
	a = NULL;
	*ret_root = r.root;
	return 0;
}

#if defined(__aarch64__)
#define DEBIAN_LIB64_DIR "/usr/lib/aarch64-linux-gnu"
#define DEBIAN_LIB32_DIR NULL
#else
#define DEBIAN_LIB64_DIR "/usr/lib/x86_64-linux-gnu"
#define DEBIAN_LIB32_DIR "/usr/lib/i386-linux-gnu"
#endif

struct layout {
	const char *name, *lib64_dir, *lib32_dir;
	const char *lib64_link, *sbin_link; /* where /lib64 and /sbin lead */
};

/* Source: the distributions' base packages (base-files, filesystem), with a merged /usr. */
static const struct layout layouts[] = {
	{ "debian", DEBIAN_LIB64_DIR, DEBIAN_LIB32_DIR, "/usr/lib64", "/usr/sbin" },
	{ "fedora", "/usr/lib64", "/usr/lib", "/usr/lib64", "/usr/sbin" },
	{ "arch", "/usr/lib", "/usr/lib32", "/usr/lib", "/usr/bin" },
};

const char *const container_root_layouts[] = { "debian", "fedora", "arch", NULL };

/* Where the layout's own links lead. */
static const char *assume_resolved(struct arena *a, const struct layout *layout, const char *path)
{
	const struct {
		const char *link, *target;
	} links[] = {
		{ "/bin", "/usr/bin" },
		{ "/sbin", layout->sbin_link },
		{ "/lib", "/usr/lib" },
		{ "/lib64", layout->lib64_link },
		{ "/var/run", "/run" },
	};

	for (size_t i = 0; i < ELEMENTS(links); i++) {
		if (path_is_below(path, links[i].link))
			return arena_printf(a, "%s%s", links[i].target,
				path + strlen(links[i].link));
	}
	return arena_strdup(a, path);
}

static int assume_dir(struct container_root *root, const struct layout *layout, const char *path)
{
	struct root_dir *dir = vec_push(root->arena, &root->dirs);

	if (!dir || !path)
		return -1;
	*dir = (struct root_dir){
		.path = path,
		.resolved = assume_resolved(root->arena, layout, path),
	};
	return dir->resolved ? 0 : -1;
}

static int assume_dirs(struct container_root *root, const struct layout *layout,
	const struct string_list *dirs, struct nvb_error **err)
{
	const char *const library_dirs[] = { layout->lib64_dir, layout->lib32_dir };
	struct arena *a = root->arena;

	vec_foreach (const char *, path, dirs) {
		if ((*path)[0] == '/') {
			if (assume_dir(root, layout, arena_strdup(a, *path)) < 0)
				return NVB_OOM(err);
			continue;
		}
		for (size_t i = 0; i < ELEMENTS(library_dirs); i++) {
			if (library_dirs[i] && assume_dir(root, layout,
						       root_join(a, library_dirs[i], *path)) < 0)
				return NVB_OOM(err);
		}
	}
	return 0;
}

static int assume(const struct layout *layout, const struct string_list *dirs,
	struct container_root **ret_root, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct container_root *root = new_root(a);
	int r;

	if (!root)
		return NVB_OOM(err);
	root->libc = ROOT_LIBC_GLIBC;
	root->lib64_dir = layout->lib64_dir;
	root->lib32_dir = layout->lib32_dir;
	r = assume_dirs(root, layout, dirs, err);
	if (r < 0)
		return r;
	a = NULL;
	*ret_root = root;
	return 0;
}

int container_root_assume(const struct string_list *dirs, struct container_root **ret_root,
	struct nvb_error **err)
{
	int r = assume(&layouts[0], dirs, ret_root, err);

	if (r >= 0)
		(*ret_root)->assumed = true;
	return r;
}

int container_root_assume_layout(const char *name, const struct string_list *dirs,
	struct container_root **ret_root, struct nvb_error **err)
{
	for (size_t i = 0; i < ELEMENTS(layouts); i++) {
		if (strcmp(layouts[i].name, name) == 0)
			return assume(&layouts[i], dirs, ret_root, err);
	}
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown layout of a container root '%.64s'",
			name),
		"use debian, fedora or arch, or the path of a root");
}
