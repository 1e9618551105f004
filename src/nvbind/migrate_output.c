/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/migrate_output.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "format/text_diff.h"
#include "format/yaml.h"

#define BACKUP_SUFFIX	 ".nvbind-backup"
#define DIFF_LIMIT_BYTES (4 * YAML_TEXT_LIMIT_BYTES)

void migrate_input_done(struct migrate_input *input)
{
	free(input->text);
	input->text = NULL;
}

static int raise_io(const char *verb, const char *path, int error, struct nvb_error **err)
{
	if (error == EFBIG)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "%s '%s': more than %zu bytes", verb, path,
			YAML_TEXT_LIMIT_BYTES);
	return NVB_RAISE(err,
		error == ENOENT ? NVB_ERR_NOT_FOUND : nvb_status_from_errno(error, NVB_ERR_IO),
		error, "%s '%s'", verb, path);
}

/* Not a device, not a FIFO: opening one may act or wait. */
static int open_input(struct migrate_input *input, struct nvb_error **err)
{
	_cleanup_close_ int fd = open(input->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &input->st) < 0)
		return raise_io("read", input->path, errno, err);
	if (!S_ISREG(input->st.st_mode))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "read '%s': not a regular file",
				input->path),
			S_ISDIR(input->st.st_mode) ? "name the file in it"
						   : "use '-' for standard input");
	return TAKE_FD(fd);
}

int migrate_input_read(struct migrate_input *input, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	errint_t e;

	if (strcmp(input->path, MIGRATE_STREAM) != 0) {
		fd = open_input(input, err);
		if (fd < 0)
			return fd;
	}
	e = file_read_fd(
		fd < 0 ? STDIN_FILENO : fd, YAML_TEXT_LIMIT_BYTES, &input->text, &input->length);
	return e < 0 ? raise_io("read", input->path, -e, err) : 0;
}

/* What the standard input names is in the working directory. */
int migrate_read_beside(void *user, const char *path, char **ret_text)
{
	const struct migrate_input *input = user;
	const int n = path[0] == '/' ? 0 : (int)(path_base_name(input->path) - input->path);
	_cleanup_free_ char *full = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (asprintf(&full, "%.*s%s", n, input->path, path) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	fd = open(full, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode)
		       ? file_read_fd(fd, YAML_TEXT_LIMIT_BYTES, ret_text, &(size_t){ 0 })
		       : -ENODEV;
}

static char *directory_of(const char *path)
{
	const char *name = path_base_name(path);

	return name == path ? strdup(".") : strndup(path, (size_t)(name - path));
}

/* The directory of a path, made if it is missing and `make` says so. */
static int open_directory(const char *path, bool make, struct nvb_error **err)
{
	_cleanup_free_ char *dir = directory_of(path);
	_cleanup_close_ int start = -1, fd = -1;

	if (!dir)
		return NVB_OOM(err);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make) {
		start = open(dir[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (start < 0)
			return raise_io("write", path, errno, err);
		fd = path_mkdir_all_in(start, dir, 0755);
		if (fd < 0)
			return raise_io("write", path, -fd, err);
	}
	return fd < 0 ? raise_io("write", path, errno, err) : TAKE_FD(fd);
}

static bool exists(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int raise_exists(const char *path, const char *suffix, struct nvb_error **err)
{
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_FAILED, EEXIST, "write '%s%s'", path, suffix),
		"use --force to replace it");
}

int migrate_replace(const struct migrate_input *input, const char *text, size_t length, bool force,
	struct nvb_error **err)
{
	const char *name = path_base_name(input->path);
	_cleanup_free_ char *backup = NULL;
	_cleanup_close_ int dir_fd = open_directory(input->path, false, err);
	struct stat st;
	errint_t e;

	if (dir_fd < 0)
		return dir_fd;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return raise_io("write", input->path, errno, err);
	/* Replaced by name, a link would become a file of its own. */
	if (!S_ISREG(st.st_mode))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "replace '%s': it is a symbolic link",
				input->path),
			"name the file that it leads to");
	if (asprintf(&backup, "%s" BACKUP_SUFFIX, name) < 0) {
		backup = NULL;
		return NVB_OOM(err);
	}
	if (!force && exists(dir_fd, backup))
		return raise_exists(input->path, BACKUP_SUFFIX, err);
	e = file_replace_like_at(dir_fd, backup, input->text, input->length, &input->st);
	if (e >= 0)
		e = file_replace_like_at(dir_fd, name, text, length, &input->st);
	if (e < 0)
		return raise_io("write", input->path, -e, err);
	log_notice("'%s' is converted; the old one is '%s" BACKUP_SUFFIX "'", input->path,
		input->path);
	return 0;
}

static int write_new(int dir_fd, const char *path, const char *text, size_t length, bool force,
	struct nvb_error **err)
{
	const char *name = path_base_name(path);
	errint_t e;

	if (!force && exists(dir_fd, name))
		return raise_exists(path, "", err);
	e = file_replace_at(dir_fd, name, text, length, 0644);
	return e < 0 ? raise_io("write", path, -e, err) : 0;
}

int migrate_write(
	const char *path, const char *text, size_t length, bool force, struct nvb_error **err)
{
	_cleanup_close_ int dir_fd = -1;

	if (strcmp(path, MIGRATE_STREAM) == 0) {
		(void)fwrite(text, 1, length, stdout);
		return 0;
	}
	if (!*path_base_name(path))
		return NVB_RAISE(err, NVB_ERR_USAGE, EISDIR, "write '%s'", path);
	dir_fd = open_directory(path, true, err);
	return dir_fd < 0 ? dir_fd : write_new(dir_fd, path, text, length, force, err);
}

int migrate_write_below(int root_fd, const char *path, const char *shown, const char *text,
	size_t length, bool force, struct nvb_error **err)
{
	_cleanup_free_ char *dir = directory_of(path);
	_cleanup_close_ int dir_fd = -1;

	if (!dir)
		return NVB_OOM(err);
	dir_fd = path_open_in(root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	if (dir_fd == -ENOENT)
		dir_fd = path_mkdir_all_in(root_fd, dir, 0755);
	if (dir_fd < 0)
		return raise_io("write", shown, -dir_fd, err);
	return write_new(dir_fd, shown, text, length, force, err);
}

int migrate_read_old(const char *path, char **ret_text, struct nvb_error **err)
{
	_cleanup_(migrate_input_done) struct migrate_input input = { .path = path };
	int r;

	if (access(path, F_OK) < 0 && errno == ENOENT) {
		*ret_text = NULL;
		return 0;
	}
	r = migrate_input_read(&input, err);
	if (r < 0)
		return r;
	*ret_text = TAKE_PTR(input.text);
	return 0;
}

int migrate_read_old_below(
	int root_fd, const char *path, const char *shown, char **ret_text, struct nvb_error **err)
{
	char *text = NULL;
	errint_t e = file_read_in(root_fd, path, YAML_TEXT_LIMIT_BYTES, &text, NULL);

	if (e < 0 && e != -ENOENT)
		return raise_io("read", shown, -e, err);
	*ret_text = text;
	return 0;
}

int migrate_print_diff(
	const char *name, const char *before, const char *after, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf diff = STRBUF_INIT(DIFF_LIMIT_BYTES);
	errint_t e = text_diff(name, before, after, &diff);

	if (e < 0 || strbuf_failed(&diff))
		return NVB_OOM(err);
	fputs(strbuf_str(&diff), stdout);
	return 0;
}
