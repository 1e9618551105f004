/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/sibling.h"

#include <fcntl.h>
#include <string.h>

#define PROGRAM_PATH_BYTES 4096

int sibling_path(struct arena *a, const char *name, const char **ret, bool *ret_exists,
	struct nvb_error **err)
{
	char program[PROGRAM_PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	const char *path = NULL;
	bool exists = false;

	if (n > 0) {
		program[n] = '\0';
		path = arena_printf(
			a, "%.*s%s", (int)(strrchr(program, '/') + 1 - program), program, name);
		exists = path && faccessat(AT_FDCWD, path, X_OK, 0) == 0;
	}
	if (!exists) {
		path = arena_printf(a, NVBIND_BINDIR "/%s", name);
		exists = path && faccessat(AT_FDCWD, path, X_OK, 0) == 0;
	}
	if (!path)
		return NVB_OOM(err);
	*ret = path;
	if (ret_exists)
		*ret_exists = exists;
	return 0;
}
