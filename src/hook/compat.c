/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/compat.h"

#include <fcntl.h>
#include <string.h>

#include "base/number.h"
#include "base/path.h"
#include "format/elf.h"
#include "format/json_syntax.h"
#include "hook/json_find.h"
#include "hook/place.h"

#define COMPAT_FOLDER  "/usr/local/cuda/compat"
#define LIBCUDA_PREFIX "libcuda.so."
#define MAX_ENTRIES    4096
#define MAX_NUMBER     999999999

/* The next number of "575.57.08"; 0 behind the last. */
static uint64_t next_number(const char **version)
{
	size_t digits = strspn(*version, "0123456789");
	uint64_t value = 0;

	(void)number_parse_n(*version, digits, MAX_NUMBER, &value);
	*version += digits;
	*version += **version == '.';
	return value;
}

static bool is_higher(const char *version, const char *than)
{
	while (*version || *than) {
		uint64_t x = next_number(&version), y = next_number(&than);

		if (x != y)
			return x > y;
	}
	return false;
}

static uint64_t major_of(const char *version)
{
	return next_number(&version);
}

/* NULL: it is no note, or does not say. */
static const char *drivers_of(const char *note)
{
	if (!note || json_check_syntax(note, strlen(note), NULL) < 0)
		return NULL;
	return json_find_member_any_case(json_find_root(note), "driver");
}

static bool lists_driver(const char *drivers, uint64_t major)
{
	for (const char *item = json_find_first(drivers); item; item = json_find_next(item)) {
		uint64_t value;

		if (json_find_uint(item, MAX_NUMBER, &value) && value == major)
			return true;
	}
	return false;
}

bool compat_wins(const char *version, const char *host_version, const char *note)
{
	const char *drivers = drivers_of(note);

	if (drivers)
		return lists_driver(drivers, major_of(host_version)) &&
		       is_higher(version, host_version);
	return major_of(version) > major_of(host_version);
}

/* "libcuda.so.575.57.08", never "libcuda.so.1"; NULL otherwise. */
static const char *version_of(const char *name)
{
	const char *version = name + sizeof(LIBCUDA_PREFIX) - 1;
	unsigned numbers = 0;

	if (strncmp(name, LIBCUDA_PREFIX, sizeof(LIBCUDA_PREFIX) - 1) != 0)
		return NULL;
	for (const char *p = version;; p++) {
		size_t digits = strspn(p, "0123456789");

		if (!digits || digits > 9)
			return NULL;
		numbers++;
		p += digits;
		if (!*p)
			return numbers > 1 ? version : NULL;
		if (*p != '.')
			return NULL;
	}
}

/* Returns 1 and the one libcuda with a version in its name; 0: none, or more than one. */
static int find_libcuda(int dir_fd, struct arena *a, const char **ret_name, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *found = NULL;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return 0;
	}
	for (unsigned i = 0; i < MAX_ENTRIES; i++) {
		const struct dirent *entry = readdir(dir);

		if (!entry)
			break;
		if (!version_of(entry->d_name))
			continue;
		if (found)
			return 0;
		found = arena_strdup(a, entry->d_name);
		if (!found)
			return NVB_OOM(err);
	}
	*ret_name = found;
	return found != NULL;
}

/* A damaged note counts as none. */
static int read_note(int fd, struct arena *a, const char **ret_note, struct nvb_error **err)
{
	static const struct elf_note wanted = {
		.section = ".note.cuda.fwd_compatibility",
		.owner = "NVIDIA Corporation",
		.any_type = true,
	};
	_cleanup_error_ struct nvb_error *problem = NULL;
	size_t size;
	int r = elf_read_note(fd, &wanted, a, ret_note, &size, &problem);

	if (r <= 0)
		*ret_note = NULL;
	return r == NVB_ERR_NO_MEMORY ? NVB_OOM(err) : 0;
}

int compat_choose(int root_fd, const char *host_version, struct arena *a, const char **ret_folder,
	struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved folder = PATH_RESOLVED_INIT;
	_cleanup_close_ int fd = -1;
	const char *name = NULL, *note = NULL;
	int r;

	if (path_resolve_in(root_fd, COMPAT_FOLDER, &folder) < 0 || !folder.exists)
		return 0;
	r = find_libcuda(folder.fd, a, &name, err);
	if (r <= 0)
		return r;
	fd = place_open_regular(folder.fd, name);
	if (fd < 0)
		return 0;
	r = read_note(fd, a, &note, err);
	if (r < 0 || !compat_wins(version_of(name), host_version, note))
		return r;
	*ret_folder = arena_strdup(a, folder.path);
	return *ret_folder ? 1 : NVB_OOM(err);
}
