/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/trusted_file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"

/* What is wrong with a path that has no links: the file, or a directory above it; NULL: nothing. */
static const char *find_fault(const char *path, bool is_file)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return strerror(errno);
	return trusted_file_find_fault(&st, is_file, geteuid());
}

/*
 * Looks from the top: below a directory that only we and root can change, the next part stays what
 * it is. Returns 1 if all is well; 0: *ret_part (malloc'd) has *ret_fault; -1: out of memory.
 */
static int find_faulty_part(const char *path, char **ret_part, const char **ret_fault)
{
	const size_t length = strlen(path);

	for (size_t n = 1; n <= length; n++) {
		_cleanup_free_ char *part = NULL;

		if (n > 1 && n < length && path[n] != '/')
			continue;
		part = strndup(path, n);
		if (!part)
			return -1;
		*ret_fault = find_fault(part, n == length);
		if (*ret_fault) {
			*ret_part = TAKE_PTR(part);
			return 0;
		}
	}
	return 1;
}

int trusted_file_find(const char *path, char **ret_path, char **ret_why, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved real = PATH_RESOLVED_INIT;
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *part = NULL;
	const char *fault = NULL;
	int r = root < 0 ? -errno : path_resolve_in(root, path, &real);

	if (r < 0)
		fault = strerror(-r);
	else if (!real.exists)
		fault = strerror(ENOENT);
	else
		r = find_faulty_part(real.path, &part, &fault);
	if (r == -ENOMEM || (!fault && r < 0))
		return NVB_OOM(err);
	if (!fault) {
		*ret_path = TAKE_PTR(real.path);
		return 1;
	}
	if (asprintf(ret_why, "'%s' is not loaded: '%s': %s", path, part ? part : path, fault) < 0)
		return NVB_OOM(err);
	return 0;
}
