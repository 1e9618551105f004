/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind cdi inject: applies CDI devices to an OCI config.json. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cdi/apply.h"
#include "format/json.h"
#include "nvbind/cdi_arguments.h"
#include "oci/edit.h"

#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)
#define STANDARD_STREAM "-"

static int read_config(const char *path, struct json_object **ret, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	errint_t e;
	int r;

	e = strcmp(path, STANDARD_STREAM) == 0 ?
		file_read_fd(STDIN_FILENO, CONFIG_LIMIT_BYTES, &text, &length) :
		file_read_path(path, CONFIG_LIMIT_BYTES, &text, &length);
	if (e < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "read '%s'", path);
	r = json_parse(text, length, ret, err);
	return r < 0 ? NVB_CONTEXT(err, r, "read '%s'", path) : 0;
}

/* The file as a whole is replaced: a runtime never sees half of it. */
static int replace_file(const char *path, const char *text, size_t length, struct nvb_error **err)
{
	const char *name = path_base_name(path);
	_cleanup_free_ char *dir = name == path ? strdup(".") : strndup(path, (size_t)(name - path));
	_cleanup_close_ int dir_fd = -1;
	struct stat st;
	errint_t e;

	if (!dir)
		return NVB_OOM(err);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno, "write '%s'",
			path);
	e = file_replace_at(dir_fd, name, text, length, st.st_mode & 07777);
	if (e < 0)
		return NVB_RAISE(
			err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "write '%s'", path);
	return 0;
}

static int write_config(const char *path, struct json_object *config, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r = json_format(config, JSON_PRETTY, &text, &length, err);

	if (r < 0)
		return r;
	if (strcmp(path, STANDARD_STREAM) != 0)
		return replace_file(path, text, length, err);
	(void)fwrite(text, 1, length, stdout);
	return 0;
}

/* Parses the operands: names, then at most one file. */
static const char *take_path(struct cdi_arguments *arguments)
{
	struct string_list *operands = &arguments->operands;

	if (!operands->n || strchr(operands->items[operands->n - 1], '='))
		return STANDARD_STREAM;
	return operands->items[--operands->n];
}

static int inject(struct cdi_arguments *arguments, const struct cdi_registry *registry,
	struct json_object *config, struct nvb_error **err)
{
	_cleanup_(plan_freep) struct plan *edits = plan_new();
	struct cdi_found_list found = { 0 };
	const struct cdi_apply_options apply = { .devices = &found, .tree = &arguments->tree };
	int r;

	if (!edits)
		return NVB_OOM(err);
	r = cdi_registry_resolve(registry, &arguments->operands, arguments->arena, &found, err);
	if (r >= 0)
		r = cdi_apply_to_plan(&apply, edits, err);
	return r < 0 ? r : oci_edit_plan(config, edits, err);
}

int cmd_cdi_inject(const struct command_context *context, int argc, char **argv,
	struct nvb_error **err)
{
	_cleanup_(cdi_arguments_done) struct cdi_arguments arguments = CDI_ARGUMENTS_INIT;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	_cleanup_(json_putp) struct json_object *config = NULL;
	const char *path;
	int r;

	r = cdi_arguments_parse(COMMAND_CDI_INJECT, context, argc, argv, &arguments, err);
	if (r <= 0)
		return r;
	path = take_path(&arguments);
	if (!arguments.operands.n) {
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind cdi inject' needs a NAME");
		return NVB_HINT(err, r, "'nvbind cdi list' shows the names");
	}
	r = read_config(path, &config, err);
	if (r >= 0)
		r = cdi_registry_read(&arguments.directories, &registry, err);
	if (r >= 0)
		r = inject(&arguments, registry, config, err);
	return r < 0 ? r : write_config(path, config, err);
}
