/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How libraries are found:
 *
 * 1. The table's directories and those that ld.so.cache names for a driver library are read once
 *    each. Names that the tables know, and any lib*.so.<driver version>, are candidates.
 * 2. Links with a known name are followed inside the tree. One that leads to a directory not yet
 *    read adds it: so any alternatives system is understood without knowing its directories.
 * 3. The driver's version is decided, then each candidate of it is opened once: the ELF header
 *    tells the class, never the directory.
 */
#include "gpu/nvidia/driver_libraries.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "format/elf.h"
#include "format/ldcache.h"
#include "gpu/nvidia/driver_groups.h"

#define MAX_DIRS 64
#define MAX_DIR_ENTRIES 65536
#define MAX_CANDIDATES 4096
#define MAX_VERSION_WARNINGS 4
#define LD_SO_CACHE "/etc/ld.so.cache"

#if defined(__x86_64__)
#define NATIVE_MACHINE_64 EM_X86_64
#define NATIVE_MACHINE_32 EM_386
#elif defined(__aarch64__)
#define NATIVE_MACHINE_64 EM_AARCH64
#define NATIVE_MACHINE_32 EM_ARM
#else
#define NATIVE_MACHINE_64 EM_NONE
#define NATIVE_MACHINE_32 EM_NONE
#endif

struct file_id {
	dev_t dev;
	ino_t ino;
};

struct search_dir {
	const char *path; /* in the tree, without links */
	struct file_id id;
};

struct candidate {
	const char *name;
	struct library_name parts;
	const struct driver_library *library; /* NULL: not in the tables */
	size_t dir;
	struct file_id id;
};

/* A link whose name says that it leads to a driver library. */
struct library_link {
	const char *name;
	const struct driver_library *library;
	size_t dir;
	bool resolved;
	struct file_id id;
};

struct library_search {
	struct gpu_discovery *d;
	struct gpu_driver *driver;
	struct arena *scratch;
	struct search_dir_list VEC(struct search_dir) dirs;
	struct candidate_list VEC(struct candidate) candidates;
	struct library_link_list VEC(struct library_link) links;
	uint16_t machine64, machine32; /* 0: that of the first library found */
};

static bool same_file(struct file_id a, struct file_id b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

static int warn(struct library_search *s, const char *text, struct nvb_error **err)
{
	struct inventory *inv = s->d->inv;

	return string_list_add(inv->arena, &inv->warnings, text) < 0 ? NVB_OOM(err) : 0;
}

/* Adds a directory to search. One that does not exist, or is known by another name, is skipped. */
static int add_dir(struct library_search *s, const char *path, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	struct search_dir *dir;
	struct file_id id;
	struct stat st;

	if (s->dirs.n >= MAX_DIRS || path_stat_in(s->d->tree->root_fd, path, &st) < 0 ||
		!S_ISDIR(st.st_mode))
		return 0;
	id = (struct file_id){ st.st_dev, st.st_ino };
	vec_foreach (struct search_dir, known, &s->dirs) {
		if (same_file(known->id, id))
			return 0;
	}
	if (path_resolve_in(s->d->tree->root_fd, path, &resolved) < 0 || !resolved.exists)
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
	struct ldcache cache;
	size_t size = 0, last_length = 0;
	errint_t r;

	r = file_read_in(s->d->tree->root_fd, LD_SO_CACHE, LDCACHE_LIMIT_BYTES, &data, &size);
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
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
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

	fd = path_open_in(s->d->tree->root_fd, s->dirs.items[index].path,
		O_RDONLY | O_DIRECTORY, 0);
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

static char *path_in_dir(struct library_search *s, size_t dir, const char *name)
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
	const char *path = path_in_dir(s, link->dir, link->name);
	const char *name;
	struct stat st;

	if (!path)
		return NVB_OOM(err);
	if (path_stat_in(s->d->tree->root_fd, path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	link->id = (struct file_id){ st.st_dev, st.st_ino };
	link->resolved = true;
	if (is_candidate(s, link))
		return 0;
	if (path_resolve_in(s->d->tree->root_fd, path, &real) < 0 || !real.exists)
		return 0;
	name = path_base_name(real.path);
	if (!library_name_parse(name, &parts) ||
		driver_library_find(name, parts.stem_length) != link->library)
		return 0;
	return add_dir_of(s, real.path, err);
}

static int search_dirs(struct library_search *s, struct nvb_error **err)
{
	size_t scanned = 0, followed = 0;

	while (scanned < s->dirs.n || followed < s->links.n) {
		int r;

		if (scanned < s->dirs.n)
			r = scan_dir(s, scanned++, err);
		else
			r = resolve_link(s, &s->links.items[followed++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool tells_version(const struct candidate *c)
{
	return c->library && c->library->version == DRIVER_VERSION && c->parts.is_driver_version;
}

/* The kernel module's version, if there are files of it; else the highest one in the first
 * directory that has any; NULL if there are no driver libraries. */
static const char *choose_version(const struct library_search *s)
{
	const struct candidate *best = NULL;

	vec_foreach (struct candidate, c, &s->candidates) {
		if (!tells_version(c))
			continue;
		if (s->driver->version && strcmp(c->parts.version, s->driver->version) == 0)
			return c->parts.version;
		if (!best || c->dir < best->dir ||
			(c->dir == best->dir &&
				driver_version_compare(c->parts.version, best->parts.version) > 0))
			best = c;
	}
	return best ? best->parts.version : NULL;
}

static int warn_other_versions(struct library_search *s, const char *version,
	struct nvb_error **err)
{
	struct string_list seen = { 0 };
	struct inventory *inv = s->d->inv;

	vec_foreach (struct candidate, c, &s->candidates) {
		bool known = !tells_version(c) || strcmp(c->parts.version, version) == 0;

		for (size_t i = 0; i < seen.n && !known; i++)
			known = strcmp(seen.items[i], c->parts.version) == 0;
		if (known || seen.n >= MAX_VERSION_WARNINGS)
			continue;
		if (string_list_add(s->scratch, &seen, c->parts.version) < 0 ||
			string_list_printf(inv->arena, &inv->warnings,
				"NVIDIA driver files of version %s are ignored beside those of %s: '%s/%s'",
				c->parts.version, version, s->dirs.items[c->dir].path, c->name) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* Of the same library, the file to prefer comes first. */
static int compare_candidates(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;
	size_t length = a->parts.stem_length < b->parts.stem_length ? a->parts.stem_length
								    : b->parts.stem_length;
	int r = strncmp(a->name, b->name, length);

	if (r == 0 && a->parts.stem_length != b->parts.stem_length)
		r = a->parts.stem_length < b->parts.stem_length ? -1 : 1;
	if (r == 0)
		r = driver_version_compare(b->parts.version, a->parts.version);
	if (r == 0)
		r = a->dir < b->dir ? -1 : a->dir > b->dir;
	return r;
}

static bool is_wanted(const struct candidate *c, const char *version)
{
	if (c->library && c->library->version == OWN_VERSION)
		return true;
	return version && strcmp(c->parts.version, version) == 0;
}

/*
 * A machine may hold libraries of another processor beside its own (a cross compiler's). Of the
 * running machine the processor is known; in a tree the first library of a class decides.
 */
static bool fits_machine(struct library_search *s, const struct elf_info *info)
{
	uint16_t *machine = info->elf_class == 64 ? &s->machine64 : &s->machine32;

	if (!*machine)
		*machine = info->machine;
	return *machine == info->machine;
}

static bool already_found(const struct library_search *s, const struct candidate *c, int elf_class)
{
	const char *directory = c->library ? c->library->directory : "";
	size_t stem_end = strlen(directory) + c->parts.stem_length;

	vec_foreach (struct driver_file, f, &s->driver->files) {
		if (f->kind == DRIVER_FILE_LIBRARY && f->elf_class == elf_class &&
			strncmp(f->target, directory, strlen(directory)) == 0 &&
			strncmp(f->target + strlen(directory), c->name, c->parts.stem_length) == 0 &&
			strncmp(f->target + stem_end, ".so", 3) == 0)
			return true;
	}
	return false;
}

static int add_alias(struct library_search *s, struct driver_file *file, const char *own_name,
	const char *alias, size_t length, struct nvb_error **err)
{
	struct arena *a = s->d->inv->arena;
	const char *copy;

	if (strlen(own_name) == length && strncmp(own_name, alias, length) == 0)
		return 0;
	for (size_t i = 0; i < file->aliases.n; i++) {
		if (strncmp(file->aliases.items[i], alias, length) == 0 &&
			!file->aliases.items[i][length])
			return 0;
	}
	copy = arena_strndup(a, alias, length);
	return copy && string_list_add(a, &file->aliases, copy) == 0 ? 0 : NVB_OOM(err);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_aliases(struct library_search *s, struct driver_file *file,
	const struct candidate *c, struct nvb_error **err)
{
	const char *further = c->library ? c->library->further_names : "";
	int r = 0;

	if (file->soname)
		r = add_alias(s, file, c->name, file->soname, strlen(file->soname), err);
	while (r >= 0 && *further) {
		size_t length = strcspn(further, " ");

		r = add_alias(s, file, c->name, further, length, err);
		further += length + (further[length] == ' ');
	}
	vec_foreach (struct library_link, link, &s->links) {
		if (r >= 0 && link->resolved && link->library == c->library &&
			same_file(link->id, c->id))
			r = add_alias(s, file, c->name, link->name, strlen(link->name), err);
	}
	if (file->aliases.n)
		qsort(file->aliases.items, file->aliases.n, sizeof(char *), compare_strings);
	return r;
}

/* A SONAME that is another library's name would replace that library in the container. */
static bool soname_belongs(const struct candidate *c, const char *soname)
{
	struct library_name parts;

	return library_name_parse(soname, &parts) && parts.stem_length == c->parts.stem_length &&
		strncmp(soname, c->name, parts.stem_length) == 0;
}

static int add_library(struct library_search *s, const struct candidate *c, const char *path,
	const struct elf_info *info, struct nvb_error **err)
{
	struct arena *a = s->d->inv->arena;
	struct driver_file *file = vec_push(a, &s->driver->files);

	if (!file)
		return NVB_OOM(err);
	*file = (struct driver_file){
		.kind = DRIVER_FILE_LIBRARY,
		.needed_for = c->library ? c->library->needed_for
					 : driver_any_capability(),
		.requires_all = info->elf_class == 32 ? CAPABILITY_COMPAT32 : 0,
		.host_path = host_tree_path(s->d->tree, a, path),
		.target = arena_printf(a, "%s%s", c->library ? c->library->directory : "", c->name),
		.elf_class = info->elf_class,
	};
	if (info->soname && soname_belongs(c, info->soname))
		file->soname = arena_strdup(a, info->soname);
	if (!file->host_path || !file->target)
		return NVB_OOM(err);
	if (info->soname && !file->soname &&
		string_list_printf(a, &s->d->inv->warnings,
			"'%s' calls itself '%.64s': the name is ignored", path, info->soname) < 0)
		return NVB_OOM(err);
	return add_aliases(s, file, c, err);
}

/* Reads what is in the file. Returns 1 if it is a library to take, 0 if not: then *ret_problem
 * says why, unless nobody needs to know. */
static int read_library(struct library_search *s, const char *path, struct elf_info *ret,
	const char **ret_problem, struct nvb_error **err)
{
	/* O_NONBLOCK: the file may have been replaced by a FIFO since it was looked at. */
	_cleanup_close_ int fd = path_open_in(s->d->tree->root_fd, path,
		O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r;

	if (fd < 0) {
		*ret_problem = arena_strdup(s->scratch, strerror(-fd));
		return 0;
	}
	r = elf_read(fd, s->scratch, ret, &problem);
	if (r == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	if (r < 0)
		*ret_problem = arena_strdup(s->scratch, nvb_error_message(problem));
	else if (r == 0 || ret->type != ET_DYN)
		*ret_problem = "it is not a shared library";
	else
		return fits_machine(s, ret);
	return 0;
}

static int take_candidate(struct library_search *s, const struct candidate *c,
	struct nvb_error **err)
{
	const char *path = path_in_dir(s, c->dir, c->name);
	const char *problem = NULL;
	struct elf_info info = { 0 };
	int r;

	if (!path)
		return NVB_OOM(err);
	r = read_library(s, path, &info, &problem, err);
	if (r < 0)
		return r;
	if (problem && string_list_printf(s->d->inv->arena, &s->d->inv->warnings,
			       "driver library '%s' is left out: %s", path, problem) < 0)
		return NVB_OOM(err);
	if (r == 0 || already_found(s, c, info.elf_class))
		return 0;
	return add_library(s, c, path, &info, err);
}

static int take_libraries(struct library_search *s, struct nvb_error **err)
{
	const char *version = choose_version(s);
	int r;

	if (!version)
		return 0;
	s->driver->files_version = arena_strdup(s->d->inv->arena, version);
	if (!s->driver->files_version)
		return NVB_OOM(err);
	r = warn_other_versions(s, version, err);
	if (r < 0)
		return r;
	qsort(s->candidates.items, s->candidates.n, sizeof(*s->candidates.items),
		compare_candidates);
	vec_foreach (struct candidate, c, &s->candidates) {
		if (!is_wanted(c, s->driver->files_version))
			continue;
		r = take_candidate(s, c, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int driver_libraries_find(struct gpu_discovery *d, struct gpu_driver *driver,
	struct string_list *ret_dirs, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *scratch = arena_new();
	bool live = host_tree_is_live(d->tree);
	struct library_search s = {
		.d = d,
		.driver = driver,
		.scratch = scratch,
		.machine64 = live ? NATIVE_MACHINE_64 : EM_NONE,
		.machine32 = live ? NATIVE_MACHINE_32 : EM_NONE,
	};
	int r;

	if (!scratch)
		return NVB_OOM(err);
	r = add_table_dirs(&s, err);
	if (r >= 0)
		r = add_cache_dirs(&s, err);
	if (r >= 0)
		r = search_dirs(&s, err);
	if (r >= 0)
		r = take_libraries(&s, err);
	if (r < 0)
		return r;
	vec_foreach (struct search_dir, dir, &s.dirs) {
		const char *path = arena_strdup(d->inv->arena, dir->path);

		if (!path || string_list_add(d->inv->arena, ret_dirs, path) < 0)
			return NVB_OOM(err);
	}
	return 0;
}
