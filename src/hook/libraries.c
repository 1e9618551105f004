/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/libraries.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "format/elf.h"
#include "hook/place.h"

/* Far above any real folder; a driver has some 60 libraries. */
#define MAX_ENTRIES   65536
#define MAX_LIBRARIES 4096

/* Which file, and on which mount. */
struct identity {
	uint64_t device, inode, mount_id;
	mode_t type;
	bool has_mount_id;
};

struct library {
	const char *soname; /* without one, the file's name counts */
	const char *name;   /* in the folder */
	enum ldcache_abi abi;
	struct identity identity;
};

struct scan {
	int root_fd;
	struct arena *a;
	const char *folder;
	struct identity root;
	enum libraries_wanted wanted;
	struct string_list links; /* names that may lead to a library found here */
	struct scan_library_list VEC(struct library) libraries;
};

/* `name` "": dir_fd itself. A link is not followed. */
static bool identify(int dir_fd, const char *name, struct identity *ret)
{
	struct statx x;

	if (statx(dir_fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		    STATX_TYPE | STATX_INO | STATX_MNT_ID, &x) < 0)
		return false;
	*ret = (struct identity){
		.device = (uint64_t)x.stx_dev_major << 32 | x.stx_dev_minor,
		.inode = x.stx_ino,
		.mount_id = x.stx_mnt_id,
		.type = x.stx_mode & S_IFMT,
		.has_mount_id = x.stx_mask & STATX_MNT_ID,
	};
	return true;
}

static bool same_file(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static bool is_wanted(const struct scan *s, const struct identity *file)
{
	if (s->wanted == LIBRARIES_ALL)
		return true;
	return file->has_mount_id ? file->mount_id != s->root.mount_id
				  : file->device != s->root.device;
}

static enum ldcache_abi abi_of(const struct elf_info *info)
{
	static const struct {
		uint16_t machine;
		int elf_class;
		enum ldcache_abi abi;
	} rows[] = {
		{ EM_X86_64, 64, LDCACHE_X86_64 },
		{ EM_386, 32, LDCACHE_I386 },
		{ EM_AARCH64, 64, LDCACHE_AARCH64 },
		{ EM_ARM, 32, LDCACHE_ARMHF },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (rows[i].machine == info->machine && rows[i].elf_class == info->elf_class)
			return rows[i].abi;
	return LDCACHE_OTHER;
}

static int add_library(struct scan *s, const char *name, const struct elf_info *info,
	const struct identity *identity, struct nvb_error **err)
{
	struct library *library;
	enum ldcache_abi abi = abi_of(info);

	if (info->type != ET_DYN || abi == LDCACHE_OTHER || !ldcache_name_is_sound(name) ||
		(info->soname && !ldcache_name_is_sound(info->soname)))
		return 0;
	if (s->libraries.n == MAX_LIBRARIES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"'%s' in the container has more than %d libraries", s->folder,
			MAX_LIBRARIES);
	library = vec_push(s->a, &s->libraries);
	name = arena_strdup(s->a, name);
	if (!library || !name)
		return NVB_OOM(err);
	*library = (struct library){
		.soname = info->soname ? info->soname : name,
		.name = name,
		.abi = abi,
		.identity = *identity,
	};
	return 0;
}

static int read_library(struct scan *s, int dir_fd, const char *name,
	const struct identity *identity, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	_cleanup_close_ int fd = place_open_regular(dir_fd, name);
	struct elf_info info;
	int r;

	if (fd < 0)
		return 0;
	r = elf_read(fd, s->a, &info, &problem);
	if (r == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	/* 0: no ELF file; an error: a damaged one. A loader would pass it over as well. */
	return r <= 0 ? 0 : add_library(s, name, &info, identity, err);
}

static bool is_library_name(const char *name)
{
	return strncmp(name, "lib", 3) == 0 && strstr(name, ".so");
}

static int read_entry(struct scan *s, int dir_fd, const char *name, struct nvb_error **err)
{
	struct identity identity;

	if (!is_library_name(name) || !identify(dir_fd, name, &identity))
		return 0;
	if (S_ISLNK(identity.type))
		return string_list_add(s->a, &s->links, name) < 0 ? NVB_OOM(err) : 0;
	if (!S_ISREG(identity.type) || !is_wanted(s, &identity))
		return 0;
	return read_library(s, dir_fd, name, &identity, err);
}

static int read_entries(struct scan *s, int dir_fd, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return NVB_OOM(err);
	}
	for (size_t i = 0; r >= 0; i++) {
		const struct dirent *entry = readdir(dir);

		if (!entry)
			break;
		if (i == MAX_ENTRIES)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"'%s' in the container has more than %d entries", s->folder,
				MAX_ENTRIES);
		r = read_entry(s, dir_fd, entry->d_name, err);
	}
	return r;
}

/* The file that a name of the folder leads to in the container; false: to none. */
static bool follow(const struct scan *s, const char *name, struct identity *ret)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/%s", s->folder, name) < 0)
		return false;
	fd = path_open_in(s->root_fd, path, O_PATH, 0);
	return fd >= 0 && identify(fd, "", ret);
}

static int add_entry(struct scan *s, struct library_list *list, const char *soname,
	const char *name, enum ldcache_abi abi, struct nvb_error **err)
{
	const char *path = arena_printf(s->a, "%s/%s", s->folder, name);
	struct ldcache_library *entry = vec_push(s->a, list);

	if (!path || !entry)
		return NVB_OOM(err);
	*entry = (struct ldcache_library){ soname, path, abi };
	return 0;
}

static int add_files(struct scan *s, struct library_list *list, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (struct library, library, &s->libraries) {
		struct identity linked;
		bool by_soname = follow(s, library->soname, &linked) &&
				 same_file(&linked, &library->identity);

		if (r >= 0)
			r = add_entry(s, list, library->soname,
				by_soname ? library->soname : library->name, library->abi, err);
	}
	return r;
}

static int add_links(struct scan *s, struct library_list *list, struct nvb_error **err)
{
	vec_foreach (const char *, name, &s->links) {
		struct identity linked;

		if (!ldcache_name_is_sound(*name) || !follow(s, *name, &linked))
			continue;
		vec_foreach (struct library, library, &s->libraries) {
			if (!same_file(&linked, &library->identity) ||
				strcmp(*name, library->soname) == 0)
				continue;
			if (add_entry(s, list, *name, *name, library->abi, err) < 0)
				return NVB_ERR_NO_MEMORY;
			break;
		}
	}
	return 0;
}

int libraries_of_folder(int root_fd, const char *folder, enum libraries_wanted wanted,
	struct arena *a, struct library_list *list, struct nvb_error **err)
{
	_cleanup_close_ int dir_fd = path_open_in(root_fd, folder, O_PATH | O_DIRECTORY, 0);
	struct scan s = { .root_fd = root_fd, .a = a, .folder = folder, .wanted = wanted };
	int r;

	if (dir_fd < 0 || !identify(root_fd, "", &s.root))
		return 0;
	r = read_entries(&s, dir_fd, err);
	if (r >= 0)
		r = add_files(&s, list, err);
	return r < 0 ? r : add_links(&s, list, err);
}
