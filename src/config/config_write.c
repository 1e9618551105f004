/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_write.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "config/config_file.h"

int config_read_text(const char *path, bool may_be_absent, char **ret_text, size_t *ret_length,
	struct nvb_error **err)
{
	errint_t e = file_read_path(path, CONFIG_TEXT_LIMIT_BYTES, ret_text, ret_length);

	if (e == -ENOENT && may_be_absent) {
		*ret_text = strdup("");
		*ret_length = 0;
		return *ret_text ? 0 : NVB_OOM(err);
	}
	if (e == -ENOENT)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, ENOENT, "read '%s'", path);
	if (e < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "read '%s'", path);
	return 0;
}

/* From the top, for what resolves paths; `path` is of this machine. */
static char *absolute(const char *path)
{
	_cleanup_free_ char *cwd = path[0] == '/' ? strdup("") : get_current_dir_name();
	char *whole = NULL;

	return cwd && asprintf(&whole, "%s/%s", cwd, path) >= 0 ? whole : NULL;
}

static int raise_write(const char *path, errint_t e, struct nvb_error **err)
{
	int r = NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "write '%s'", path);

	if (r != NVB_ERR_PERMISSION)
		return r;
	return NVB_HINT(err, r, "write another file: --file FILE, or --output FILE of init");
}

/* *ret_name lies in `resolved`. */
static errint_t open_directory(
	const char *path, struct path_resolved *resolved, int *ret_fd, const char **ret_name)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *directory = NULL;
	errint_t e = root < 0 ? -errno : path_resolve_in(root, path, resolved);

	if (e < 0)
		return e;
	*ret_name = path_base_name(resolved->path);
	directory = strndup(resolved->path, (size_t)(*ret_name - resolved->path));
	if (!directory)
		return -ENOMEM;
	*ret_fd = path_mkdir_all_in(root, directory, 0755);
	return *ret_fd < 0 ? *ret_fd : 0;
}

int config_write_text(const char *path, const char *text, bool replace, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	_cleanup_free_ char *whole = absolute(path);
	_cleanup_close_ int fd = -1;
	const char *name;
	struct stat st;
	errint_t e;

	if (!whole)
		return NVB_OOM(err);
	e = open_directory(whole, &resolved, &fd, &name);
	if (e < 0)
		return raise_write(path, e, err);
	if (resolved.exists && fstat(resolved.fd, &st) < 0)
		return raise_write(path, -errno, err);
	if (resolved.exists && !S_ISREG(st.st_mode))
		return NVB_RAISE(err, NVB_ERR_FAILED, 0, "write '%s': it is no regular file", path);
	if (resolved.exists && !replace)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_FAILED, 0, "write '%s': it exists", path),
			"give --force to replace it");
	e = file_replace_synced_at(
		fd, name, text, strlen(text), 0644, resolved.exists ? &st : NULL);
	return e < 0 ? raise_write(path, e, err) : 0;
}
