/* SPDX-License-Identifier: Apache-2.0 */
/* A libcuda that an image brings along. */
#include <fcntl.h>
#include <string.h>

#include "host/container_root_read.h"

#define COMPAT_DIR          "/usr/local/cuda/compat"
#define MAX_COMPAT_FILES    1024
#define LIBCUDA_PREFIX      "libcuda.so."
#define DIGITS              "0123456789"

/* "575.57.08" of "libcuda.so.575.57.08": two or three groups of at most nine digits. */
static const char *compat_version(const char *name)
{
	const char *version = name + sizeof(LIBCUDA_PREFIX) - 1;
	unsigned groups = 0;

	if (strncmp(name, LIBCUDA_PREFIX, sizeof(LIBCUDA_PREFIX) - 1) != 0)
		return NULL;
	for (const char *p = version;; p++) {
		size_t digits = strspn(p, DIGITS);

		if (!digits || digits > 9)
			return NULL;
		groups++;
		p += digits;
		if (!*p)
			break;
		if (*p != '.')
			return NULL;
	}
	return groups == 2 || groups == 3 ? version : NULL;
}

static unsigned long next_group(const char **version)
{
	unsigned long value = 0;

	while (**version >= '0' && **version <= '9')
		value = value * 10 + (unsigned long)(*(*version)++ - '0');
	*version += **version == '.';
	return value;
}

static bool is_higher(const char *version, const char *than)
{
	while (*version || *than) {
		unsigned long x = next_group(&version), y = next_group(&than);

		if (x != y)
			return x > y;
	}
	return false;
}

int root_read_compat(struct root_reader *r, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = path_open_in(r->root_fd, COMPAT_DIR, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return 0;
	}
	for (unsigned i = 0; i < MAX_COMPAT_FILES; i++) {
		const struct dirent *entry = readdir(dir);
		const char *version = entry ? compat_version(entry->d_name) : NULL;

		if (!entry)
			break;
		if (!version || (r->root->cuda_compat_version &&
				!is_higher(version, r->root->cuda_compat_version)))
			continue;
		r->root->cuda_compat_version = arena_strdup(r->a, version);
		if (!r->root->cuda_compat_version)
			return NVB_OOM(err);
	}
	return 0;
}
