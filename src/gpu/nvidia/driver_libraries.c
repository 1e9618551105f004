/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's version is decided among the candidates, then each candidate of it is opened once:
 * the ELF header tells the class, never the directory.
 */
#include "gpu/nvidia/driver_libraries.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>

#include "base/path.h"
#include "format/elf.h"
#include "gpu/nvidia/library_search.h"

#define MAX_VERSION_WARNINGS 4

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

struct selection {
	struct library_search search;
	struct gpu_driver *driver;
	uint16_t machine64, machine32; /* EM_NONE: that of the first library found */
};

/*
 * The driver's version that a link to the file has in its name; NULL: none. Of several the kernel
 * module's counts, else the first.
 */
static const char *version_of_links(const struct selection *s, const struct candidate *c)
{
	const char *first = NULL;

	vec_foreach (struct library_link, link, &s->search.links) {
		struct library_name parts;

		if (!link->resolved || link->library != c->library ||
			!same_file(link->id, c->id) || !library_name_parse(link->name, &parts) ||
			!parts.is_driver_version)
			continue;
		if (s->driver->version && strcmp(parts.version, s->driver->version) == 0)
			return parts.version;
		first = first ? first : parts.version;
	}
	return first;
}

/*
 * A file that is named by its SONAME has the version of the link to it: so is libGLX_nvidia.so.0
 * packaged for Fedora since 590, because the Vulkan loader takes one file under two names for two
 * drivers.
 */
static void take_versions_of_links(struct selection *s)
{
	vec_foreach (struct candidate, c, &s->search.candidates) {
		const char *version = NULL;

		if (c->library && c->library->version == DRIVER_VERSION &&
			!c->parts.is_driver_version)
			version = version_of_links(s, c);
		if (!version)
			continue;
		c->parts.version = version;
		c->parts.is_driver_version = true;
	}
}

static bool tells_version(const struct candidate *c)
{
	return c->library && c->library->version == DRIVER_VERSION && c->parts.is_driver_version;
}

/* The kernel module's version, if there are files of it; else the highest one in the first
 * directory that has any; NULL if there are no driver libraries. */
static const char *choose_version(const struct selection *s)
{
	const struct candidate *best = NULL;

	vec_foreach (struct candidate, c, &s->search.candidates) {
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

static int warn_other_versions(struct selection *s, const char *version,
	struct nvb_error **err)
{
	struct string_list seen = { 0 };
	struct inventory *inv = s->search.d->inv;

	vec_foreach (struct candidate, c, &s->search.candidates) {
		bool known = !tells_version(c) || strcmp(c->parts.version, version) == 0;

		for (size_t i = 0; i < seen.n && !known; i++)
			known = strcmp(seen.items[i], c->parts.version) == 0;
		if (known || seen.n >= MAX_VERSION_WARNINGS)
			continue;
		if (string_list_add(s->search.scratch, &seen, c->parts.version) < 0 ||
			string_list_printf(inv->arena, &inv->warnings,
				"NVIDIA driver files of version %s are ignored beside those of %s: '%s/%s'",
				c->parts.version, version, s->search.dirs.items[c->dir].path, c->name) < 0)
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
static bool fits_machine(struct selection *s, const struct elf_info *info)
{
	uint16_t *machine = info->elf_class == 64 ? &s->machine64 : &s->machine32;

	if (!*machine)
		*machine = info->machine;
	return *machine == info->machine;
}

static bool already_found(const struct selection *s, const struct candidate *c, int elf_class)
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

static int add_alias(struct selection *s, struct driver_file *file, const char *own_name,
	const char *alias, size_t length, struct nvb_error **err)
{
	struct arena *a = s->search.d->inv->arena;
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

static int add_aliases(struct selection *s, struct driver_file *file,
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
	vec_foreach (struct library_link, link, &s->search.links) {
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

static int add_library(struct selection *s, const struct candidate *c, const char *path,
	const struct elf_info *info, struct nvb_error **err)
{
	struct arena *a = s->search.d->inv->arena;
	struct driver_file *file = vec_push(a, &s->driver->files);

	if (!file)
		return NVB_OOM(err);
	*file = (struct driver_file){
		.kind = DRIVER_FILE_LIBRARY,
		.needed_for = c->library ? c->library->needed_for
					 : driver_any_capability(),
		.requires_all = info->elf_class == 32 ? CAPABILITY_COMPAT32 : 0,
		.host_path = host_tree_path(s->search.d->tree, a, path),
		.target = arena_printf(a, "%s%s", c->library ? c->library->directory : "", c->name),
		.elf_class = info->elf_class,
	};
	if (info->soname && soname_belongs(c, info->soname))
		file->soname = arena_strdup(a, info->soname);
	if (!file->host_path || !file->target)
		return NVB_OOM(err);
	if (info->soname && !file->soname &&
		string_list_printf(a, &s->search.d->inv->warnings,
			"'%s' calls itself '%.64s': the name is ignored", path, info->soname) < 0)
		return NVB_OOM(err);
	return add_aliases(s, file, c, err);
}

/* Reads what is in the file. Returns 1 if it is a library to take, 0 if not: then *ret_problem
 * says why, unless nobody needs to know. */
static int read_library(struct selection *s, const char *path, struct elf_info *ret,
	const char **ret_problem, struct nvb_error **err)
{
	_cleanup_close_ int fd = host_tree_open_file(s->search.d->tree, path, O_NOFOLLOW);
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r;

	if (fd < 0) {
		*ret_problem = arena_strdup(s->search.scratch, strerror(-fd));
		return 0;
	}
	r = elf_read(fd, s->search.scratch, ret, &problem);
	if (r == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	if (r < 0)
		*ret_problem = arena_strdup(s->search.scratch, nvb_error_message(problem));
	else if (r == 0 || ret->type != ET_DYN)
		*ret_problem = "it is not a shared library";
	else
		return fits_machine(s, ret);
	return 0;
}

static int take_candidate(struct selection *s, const struct candidate *c,
	struct nvb_error **err)
{
	const char *path = library_search_path(&s->search, c->dir, c->name);
	const char *problem = NULL;
	struct elf_info info = { 0 };
	int r;

	if (!path)
		return NVB_OOM(err);
	r = read_library(s, path, &info, &problem, err);
	if (r < 0)
		return r;
	if (problem && string_list_printf(s->search.d->inv->arena, &s->search.d->inv->warnings,
			       "driver library '%s' is left out: %s", path, problem) < 0)
		return NVB_OOM(err);
	if (r == 0 || already_found(s, c, info.elf_class))
		return 0;
	return add_library(s, c, path, &info, err);
}

static int take_libraries(struct selection *s, struct nvb_error **err)
{
	const char *version;
	int r;

	take_versions_of_links(s);
	version = choose_version(s);
	if (!version)
		return 0;
	s->driver->files_version = arena_strdup(s->search.d->inv->arena, version);
	if (!s->driver->files_version)
		return NVB_OOM(err);
	r = warn_other_versions(s, version, err);
	if (r < 0)
		return r;
	qsort(s->search.candidates.items, s->search.candidates.n, sizeof(*s->search.candidates.items),
		compare_candidates);
	vec_foreach (struct candidate, c, &s->search.candidates) {
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
	struct selection s = {
		.search = { .d = d, .scratch = scratch },
		.driver = driver,
		.machine64 = live ? NATIVE_MACHINE_64 : EM_NONE,
		.machine32 = live ? NATIVE_MACHINE_32 : EM_NONE,
	};
	int r;

	if (!scratch)
		return NVB_OOM(err);
	r = library_search_run(&s.search, err);
	if (r >= 0)
		r = take_libraries(&s, err);
	if (r < 0)
		return r;
	vec_foreach (struct search_dir, dir, &s.search.dirs) {
		const char *path = arena_strdup(d->inv->arena, dir->path);

		if (!path || string_list_add(d->inv->arena, ret_dirs, path) < 0)
			return NVB_OOM(err);
	}
	return 0;
}
