/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "format/ldcache.h"
#include "hook/libraries.h"
#include "hook/place.h"

#define CONFIG_LIMIT_BYTES ((size_t)1 << 20)
#define FILE_MODE	   0644

enum cache_loader cache_find_loader(int root_fd)
{
	/* Source: the psABI of each architecture; musl, configure. */
	static const struct {
		const char *path;
		enum cache_loader loader;
	} rows[] = {
		{ "/lib64/ld-linux-x86-64.so.2", CACHE_LOADER_GLIBC },
		{ "/lib/ld-linux-aarch64.so.1", CACHE_LOADER_GLIBC },
		{ "/lib/ld-linux.so.2", CACHE_LOADER_GLIBC },
		{ "/lib/ld-linux-armhf.so.3", CACHE_LOADER_GLIBC },
		{ "/lib/ld-musl-x86_64.so.1", CACHE_LOADER_MUSL },
		{ "/lib/ld-musl-aarch64.so.1", CACHE_LOADER_MUSL },
		{ "/lib/ld-musl-i386.so.1", CACHE_LOADER_MUSL },
		{ "/lib/ld-musl-armhf.so.1", CACHE_LOADER_MUSL },
	};
	struct stat st;

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (path_stat_in(root_fd, rows[i].path, &st) == 0 && S_ISREG(st.st_mode))
			return rows[i].loader;
	return CACHE_LOADER_NONE;
}

/* The image's own cache, checked; *ret_data NULL: there is none that can be read. */
static int read_image_cache(
	int root_fd, char **ret_data, size_t *ret_size, struct ldcache *ret, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	_cleanup_close_ int fd = place_open_regular(root_fd, "/etc/ld.so.cache");
	_cleanup_free_ char *data = NULL;
	size_t size;
	errint_t e = fd < 0 ? fd : file_read_fd(fd, LDCACHE_LIMIT_BYTES, &data, &size);

	if (e == -ENOMEM)
		return NVB_OOM(err);
	if (e < 0 || ldcache_parse(data, size, ret, &problem) < 0)
		return 0;
	*ret_data = TAKE_PTR(data);
	*ret_size = size;
	return 0;
}

static bool has_all(const struct ldcache *cache, const struct library_list *libraries)
{
	for (size_t i = 0; i < libraries->n; i++) {
		const struct ldcache_library *wanted = &libraries->items[i];
		struct ldcache_entry found;

		/* Of two with one name, the first wins, here as in the cache. */
		for (size_t j = 0; j < i; j++)
			if (libraries->items[j].abi == wanted->abi &&
				strcmp(libraries->items[j].soname, wanted->soname) == 0)
				wanted = &libraries->items[j];
		if (!ldcache_find(cache, wanted->soname, wanted->abi, &found) ||
			strcmp(found.path, wanted->path) != 0)
			return false;
	}
	return true;
}

static int replace_file(int root_fd, const char *folder, const char *name, const void *data,
	size_t size, struct nvb_error **err)
{
	_cleanup_close_ int dir_fd = -1;
	errint_t e;
	int r = place_open_directory(root_fd, folder, &dir_fd, err);

	if (r < 0)
		return NVB_CONTEXT(err, r, "write '%s'", name);
	e = file_replace_at(dir_fd, name, data, size, FILE_MODE);
	return e < 0 ? place_raise(-e, "write", name, err) : 0;
}

static int write_cache(
	int root_fd, const struct library_list *libraries, struct arena *a, struct nvb_error **err)
{
	_cleanup_free_ char *older = NULL;
	struct ldcache cache;
	const void *data;
	size_t older_size = 0, size;
	int r = read_image_cache(root_fd, &older, &older_size, &cache, err);

	if (r < 0)
		return r;
	if (older && has_all(&cache, libraries))
		return 0;
	if (older)
		r = ldcache_merge(
			older, older_size, libraries->items, libraries->n, a, &data, &size, err);
	else
		r = ldcache_write(libraries->items, libraries->n, a, &data, &size, err);
	if (r >= 0)
		r = replace_file(root_fd, "/etc", "ld.so.cache", data, size, err);
	return r < 0 ? r : 1;
}

static bool file_has(int root_fd, const char *path, const char *text, size_t length)
{
	_cleanup_close_ int fd = place_open_regular(root_fd, path);
	_cleanup_free_ char *data = NULL;
	size_t size;

	return fd >= 0 && file_read_fd(fd, CONFIG_LIMIT_BYTES, &data, &size) == 0 &&
	       size == length && memcmp(data, text, length) == 0;
}

static int write_list(
	int root_fd, const char *name, const struct string_list *folders, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(CONFIG_LIMIT_BYTES);
	_cleanup_free_ char *path = NULL;

	vec_foreach (const char *, folder, folders)
		strbuf_printf(&text, "%s\n", *folder);
	if (strbuf_failed(&text) || asprintf(&path, "/etc/ld.so.conf.d/%s", name) < 0)
		return NVB_OOM(err);
	if (file_has(root_fd, path, strbuf_str(&text), text.length))
		return 0;
	return replace_file(
		root_fd, "/etc/ld.so.conf.d", name, strbuf_str(&text), text.length, err);
}

/*
 * For a package manager in the container, which runs the image's ldconfig: it would drop our
 * entries. The driver's folders stand last, so they reorder nothing of the image's own.
 */
static int write_configuration(
	int root_fd, const struct cache_request *request, struct nvb_error **err)
{
	static const char include[] = "include /etc/ld.so.conf.d/*.conf\n";
	struct stat st;
	int r = 0;

	if (path_stat_in(root_fd, "/sbin/ldconfig", &st) < 0)
		return 0;
	if (path_stat_in(root_fd, "/etc/ld.so.conf", &st) == -ENOENT)
		r = replace_file(root_fd, "/etc", "ld.so.conf", include, sizeof(include) - 1, err);
	if (r >= 0 && request->compat_folder) {
		const char *folder = request->compat_folder;
		const struct string_list list = { &folder, 1, 1 };

		r = write_list(root_fd, "00-nvbind-compat.conf", &list, err);
	}
	return r < 0 ? r : write_list(root_fd, "zz-nvbind.conf", request->folders, err);
}

int cache_update(
	int root_fd, const struct cache_request *request, struct arena *a, struct nvb_error **err)
{
	struct library_list libraries = { 0 };
	int r = 0, changed;

	if (request->compat_folder)
		r = libraries_of_folder(
			root_fd, request->compat_folder, LIBRARIES_ALL, a, &libraries, err);
	vec_foreach (const char *, folder, request->folders) {
		if (r >= 0)
			r = libraries_of_folder(
				root_fd, *folder, LIBRARIES_MOUNTED, a, &libraries, err);
	}
	if (r < 0 || !libraries.n)
		return r < 0 ? r : 0;
	changed = write_cache(root_fd, &libraries, a, err);
	if (changed <= 0)
		return changed;
	r = write_configuration(root_fd, request, err);
	return r < 0 ? r : changed;
}
