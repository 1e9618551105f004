/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/engine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define FILE_LIMIT_BYTES ((size_t)4 << 20)

int setup_read(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret_text, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	errint_t e = file_read_regular_in(tree->root_fd, path, FILE_LIMIT_BYTES, &text, &length);

	*ret_text = NULL;
	if (e == -ENOENT || e == -ENOTDIR)
		return 0;
	if (e == -ENODEV || e == -EISDIR)
		return NVB_RAISE(err, NVB_ERR_IO, 0, "read '%s': it is not a regular file", path);
	if (e == -EFBIG)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': it is larger than %zu MiB",
			path, FILE_LIMIT_BYTES >> 20);
	if (e < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "read '%s'", path);
	if (strlen(text) != length)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "read '%s': it has a NUL byte inside", path);
	*ret_text = arena_strdup(a, text);
	return *ret_text ? 0 : NVB_OOM(err);
}

bool setup_is_link(const struct host_tree *tree, struct arena *a, const char *path)
{
	const char *name = path_base_name(path);
	const char *directory = arena_strndup(a, path, (size_t)(name - path));
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = directory ? path_open_in(tree->root_fd, directory, O_PATH | O_DIRECTORY, 0) : -1;
	return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

int setup_find_missing(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret, struct nvb_error **err)
{
	for (const char *at = path; *at;) {
		const char *part;
		struct stat st;

		at += strspn(at, "/");
		at += strcspn(at, "/");
		part = arena_strndup(a, path, (size_t)(at - path));
		if (!part)
			return NVB_OOM(err);
		if (path_stat_in(tree->root_fd, part, &st) == -ENOENT) {
			*ret = part;
			return 1;
		}
	}
	return 0;
}

int setup_look_at_link(const struct host_tree *tree, struct arena *a, const char *path,
	const char *target, struct nvb_error **err)
{
	const char *name = path_base_name(path);
	const char *directory = arena_strndup(a, path, (size_t)(name - path) - 1);
	_cleanup_close_ int fd = -1;
	char now[256];
	ssize_t n;

	if (!directory)
		return NVB_OOM(err);
	fd = path_open_in(tree->root_fd, directory, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return 0;
	n = readlinkat(fd, name, now, sizeof(now) - 1);
	if (n < 0 && errno == ENOENT)
		return 0;
	now[n < 0 ? 0 : n] = '\0';
	if (strcmp(now, target) == 0)
		return 1;
	return NVB_HINT(err,
		NVB_RAISE(
			err, NVB_ERR_FAILED, 0, "make the link '%s': there is another file", path),
		"remove the package that it belongs to first, or leave --nvidia-names out");
}

int setup_read_tree(const struct setup_work *w, const char *path, enum document_format format,
	struct json_object **ret_root, struct nvb_error **err)
{
	const char *text = NULL;
	int r = setup_read(w->tree, w->arena, path, &text, err);

	return r < 0 ? r : document_parse(format, path, text ? text : "", ret_root, err);
}

int setup_list(const struct setup_work *w, const char *directory, const char *suffix,
	struct string_list *ret, struct nvb_error **err)
{
	struct string_list names = { 0 };
	size_t length = strlen(suffix);

	if (host_tree_list(w->tree, w->arena, directory, &names) < 0)
		return 0;
	vec_foreach (const char *, name, &names) {
		size_t n = strlen(*name);

		if ((*name)[0] == '.' || n <= length || strcmp(*name + n - length, suffix) != 0)
			continue;
		if (string_list_printf(w->arena, ret, "%s/%s", directory, *name) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

bool setup_is_older(const char *version, unsigned major, unsigned minor)
{
	unsigned have_major = 0, have_minor = 0;

	if (!version || sscanf(version, "%u.%u", &have_major, &have_minor) < 1)
		return false;
	return have_major < major || (have_major == major && have_minor < minor);
}

__attribute__((format(printf, 3, 0))) static int add_text(struct arena *a, struct string_list *list,
	const char *format, va_list ap, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, format, ap) < 0) {
		text = NULL;
		return NVB_OOM(err);
	}
	return string_list_add(a, list, text) < 0 ? NVB_OOM(err) : 0;
}

int setup_warn(struct setup_work *w, struct nvb_error **err, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = add_text(w->arena, &w->warnings, format, ap, err);
	va_end(ap);
	return r;
}

int setup_note(struct setup_work *w, struct nvb_error **err, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = add_text(w->arena, &w->notes, format, ap, err);
	va_end(ap);
	return r;
}

const char *setup_beside(const struct setup_work *w, const char *name)
{
	const char *runtime = w->options->runtime_path;

	return arena_printf(
		w->arena, "%.*s%s", (int)(path_base_name(runtime) - runtime), runtime, name);
}

int setup_wants_stand_in(
	struct setup_work *w, const char *now, const char **ret_path, struct nvb_error **err)
{
	const char *path, *target = path_base_name(w->options->runtime_path);

	if (!w->options->stand_in)
		return 0;
	path = setup_beside(w, SETUP_STAND_IN_PROGRAM);
	if (!path)
		return NVB_OOM(err);
	if (now && strcmp(now, path) != 0)
		return setup_note(w, err, "the runtime '%s' that is there stays: it is '%s'",
			SETUP_STAND_IN_NAME, now);
	if (now && !w->undo)
		return 0;
	/* The path may be that of NVIDIA's own program: then its runtime is not ours to remove. */
	if (w->undo && setup_look_at_link(w->tree, w->arena, path, target, NULL) <= 0)
		return 0;
	*ret_path = path;
	return 1;
}

int setup_check_later(
	struct setup_work *w, const char *file, const char *name, struct nvb_error **err)
{
	size_t directory = (size_t)(path_base_name(w->path) - w->path);

	/* Files of one directory are read in the order of their names. */
	if (!w->options->set_default || !file || strncmp(file, w->path, directory) != 0 ||
		strcmp(path_base_name(file), path_base_name(w->path)) <= 0)
		return 0;
	return setup_warn(w, err, "'%s' is read later and makes '%s' the default", file, name);
}

int setup_set(struct setup_work *w, const struct document_path *path,
	struct json_object *take_value, struct nvb_error **err)
{
	if (!take_value)
		return NVB_OOM(err);
	return document_edits_add(&w->edits, w->arena, path, take_value, err);
}
