/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/library_search.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "format/ldcache.h"

#define MAX_DIRS 64
#define MAX_SEEN 256
#define MAX_DIR_ENTRIES 65536
#define MAX_CANDIDATES 4096
#define LD_SO_CACHE "/etc/ld.so.cache"

static int warn(struct library_search *s, const char *text, struct nvb_error **err)
{
	struct inventory *inv = s->d->inv;

	return string_list_add(inv->arena, &inv->warnings, text) < 0 ? NVB_OOM(err) : 0;
}

/* True if `path` was asked for before. A cache names few directories, but each many times. */
static bool is_seen(struct library_search *s, const char *path)
{
	vec_foreach (const char *, seen, &s->seen) {
		if (strcmp(*seen, path) == 0)
			return true;
	}
	return false;
}

static int add_seen(struct library_search *s, const char *path)
{
	const char *copy;

	if (s->seen.n >= MAX_SEEN)
		return 0;
	copy = arena_strdup(s->scratch, path);
	return copy ? string_list_add(s->scratch, &s->seen, copy) : -1;
}

/* Adds a directory to search. One that does not exist, or is known by another name, is skipped. */
static int add_dir(struct library_search *s, const char *path, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	struct search_dir *dir;
	struct file_id id;
	struct stat st;

	if (s->dirs.n >= MAX_DIRS || is_seen(s, path))
		return 0;
	if (add_seen(s, path) < 0)
		return NVB_OOM(err);
	if (host_tree_stat(s->d->tree, path, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	id = (struct file_id){ st.st_dev, st.st_ino };
	vec_foreach (struct search_dir, known, &s->dirs) {
		if (same_file(known->id, id))
			return 0;
	}
	if (host_tree_resolve(s->d->tree, path, &resolved) < 0 || !resolved.exists)
		return 0;
	dir = vec_push(s->scratch, &s->dirs);
	if (!dir)
		return NVB_OOM(err);
	*dir = (struct search_dir){ .path = arena_strdup(s->scratch, resolved.path), .id = id };
	return dir->path ? 0 : NVB_OOM(err);
}

static int add_dir_of(struct library_search *s, const char *path, struct nvb_error **err)
{
	_cleanup_free_ char *dir = strdup(path);
	char *slash;

	if (!dir)
		return NVB_OOM(err);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return add_dir(s, dir, err);
}

/* The table's directories, each with the one below it that libvdpau's own search uses. */
static int add_table_dirs(struct library_search *s, struct nvb_error **err)
{
	for (const char *const *path = driver_library_dirs; *path; path++) {
		_cleanup_free_ char *vdpau = NULL;
		size_t known = s->dirs.n;
		int r = add_dir(s, *path, err);

		if (r < 0)
			return r;
		if (s->dirs.n == known)
			continue;
		if (asprintf(&vdpau, "%s/vdpau", *path) < 0)
			return NVB_OOM(err);
		r = add_dir(s, vdpau, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_driver_soname(const char *name)
{
	struct library_name parts;

	return library_name_parse(name, &parts) && driver_library_find(name, parts.stem_length);
}

/* Directories that the machine's own loader takes driver libraries from. A missing or damaged
 * cache names none. */
static int add_cache_dirs(struct library_search *s, struct nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_error_ struct nvb_error *problem = NULL;
	const char *last = "";
	_cleanup_close_ int fd = host_tree_open_file(s->d->tree, LD_SO_CACHE, 0);
	struct ldcache cache;
	size_t size = 0, last_length = 0;
	errint_t r;

	r = fd < 0 ? fd : file_read_fd(fd, LDCACHE_LIMIT_BYTES, &data, &size);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	if (r < 0 || ldcache_parse(data, size, &cache, &problem) < 0)
		return 0;
	for (size_t i = 0; i < cache.n; i++) {
		struct ldcache_entry entry;
		size_t dir_length;

		ldcache_get(&cache, i, &entry);
		dir_length = (size_t)(path_base_name(entry.path) - entry.path);
		/* Neighbours mostly share a directory: it is looked at once. */
		if (!is_driver_soname(entry.soname) ||
			(dir_length == last_length && strncmp(last, entry.path, dir_length) == 0))
			continue;
		last = entry.path;
		last_length = dir_length;
		r = add_dir_of(s, entry.path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Reads a directory entry: a library becomes a candidate, a link is remembered. */
static int add_entry(struct library_search *s, size_t dir, int dir_fd, const char *name,
	struct nvb_error **err)
{
	const struct driver_library *library;
	struct library_name parts;
	struct stat st;
	char *copy;

	if (!library_name_parse(name, &parts))
		return 0;
	library = driver_library_find(name, parts.stem_length);
	if (!library && !parts.is_driver_version)
		return 0;
	if (host_tree_stat_entry(s->d->tree, s->dirs.items[dir].path, dir_fd, name, &st) < 0)
		return 0;
	copy = arena_strdup(s->scratch, name);
	if (!copy)
		return NVB_OOM(err);
	if (S_ISLNK(st.st_mode) && library) {
		struct library_link *link = vec_push(s->scratch, &s->links);

		if (!link)
			return NVB_OOM(err);
		*link = (struct library_link){ .name = copy, .library = library, .dir = dir };
	} else if (S_ISREG(st.st_mode) && parts.version[0]) {
		struct candidate *c = vec_push(s->scratch, &s->candidates);

		if (!c)
			return NVB_OOM(err);
		*c = (struct candidate){
			.name = copy, .library = library, .dir = dir,
			.id = { st.st_dev, st.st_ino },
		};
		(void)library_name_parse(copy, &c->parts);
	}
	return 0;
}

static int scan_dir(struct library_search *s, size_t index, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	unsigned n = 0;
	int fd;

	fd = host_tree_open_directory(s->d->tree, s->dirs.items[index].path);
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return NVB_OOM(err);
	}
	while ((entry = readdir(dir))) {
		int r;

		if (++n > MAX_DIR_ENTRIES || s->candidates.n + s->links.n >= MAX_CANDIDATES)
			return warn(s, "a library directory has too many files: the rest of it "
				       "is ignored", err);
		if (entry->d_type != DT_REG && entry->d_type != DT_LNK &&
			entry->d_type != DT_UNKNOWN)
			continue;
		r = add_entry(s, index, fd, entry->d_name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

char *library_search_path(struct library_search *s, size_t dir, const char *name)
{
	return arena_printf(s->scratch, "%s/%s", s->dirs.items[dir].path, name);
}

static bool is_candidate(const struct library_search *s, const struct library_link *link)
{
	vec_foreach (struct candidate, c, &s->candidates) {
		if (c->library == link->library && same_file(c->id, link->id))
			return true;
	}
	return false;
}

/*
 * Finds the file behind a link. If that is a driver library in a directory not searched yet, the
 * directory is added and the link is resolved all the same.
 */
static int resolve_link(struct library_search *s, struct library_link *link,
	struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved real = PATH_RESOLVED_INIT;
	struct library_name parts;
	const char *path = library_search_path(s, link->dir, link->name);
	const char *name;
	struct stat st;

	if (!path)
		return NVB_OOM(err);
	if (host_tree_stat(s->d->tree, path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	link->id = (struct file_id){ st.st_dev, st.st_ino };
	link->resolved = true;
	if (is_candidate(s, link))
		return 0;
	if (host_tree_resolve(s->d->tree, path, &real) < 0 || !real.exists)
		return 0;
	name = path_base_name(real.path);
	if (!library_name_parse(name, &parts) ||
		driver_library_find(name, parts.stem_length) != link->library)
		return 0;
	return add_dir_of(s, real.path, err);
}

int library_search_run(struct library_search *s, struct nvb_error **err)
{
	size_t scanned = 0, followed = 0;
	int r;

	r = add_table_dirs(s, err);
	if (r >= 0)
		r = add_cache_dirs(s, err);
	if (r < 0)
		return r;
	while (scanned < s->dirs.n || followed < s->links.n) {
		if (scanned < s->dirs.n)
			r = scan_dir(s, scanned++, err);
		else
			r = resolve_link(s, &s->links.items[followed++], err);
		if (r < 0)
			return r;
	}
	return 0;
}
