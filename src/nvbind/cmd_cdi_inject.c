/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind cdi inject: applies CDI devices to an OCI config.json. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cdi/apply.h"
#include "cdi/document.h"
#include "format/json.h"
#include "nvbind/cdi_arguments.h"
#include "oci/edit.h"

#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)
#define STANDARD_STREAM	   "-"

/* A configuration while it is edited. */
struct config {
	const char *path;
	struct stat st; /* of the file; unset for the standard streams */
	struct json_object *root;
};

static void config_done(struct config *config)
{
	json_putp(&config->root);
}

static bool is_stream(const struct config *config)
{
	return strcmp(config->path, STANDARD_STREAM) == 0;
}

static int raise_io(
	const struct config *config, const char *verb, int error, struct nvb_error **err)
{
	return NVB_RAISE(err, nvb_status_from_errno(error, NVB_ERR_IO), error, "%s '%s'", verb,
		config->path);
}

/*
 * The file is replaced by name: a link would become a file of its own, and whoever follows it
 * elsewhere would not see the edit.
 */
static int open_config(struct config *config, struct nvb_error **err)
{
	_cleanup_close_ int fd =
		open(config->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ELOOP)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "edit '%s': it is a symbolic link",
				config->path),
			"name the file that it leads to");
	if (fd < 0 || fstat(fd, &config->st) < 0)
		return raise_io(config, "read", errno, err);
	if (!S_ISREG(config->st.st_mode))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "edit '%s': not a regular file",
				config->path),
			"use '-' for standard input and output");
	return TAKE_FD(fd);
}

static size_t count_members(struct json_object *value)
{
	size_t n = 0;

	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			n += count_members(json_object_array_get_idx(value, i));
	} else if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member) {
			(void)key;
			n += 1 + count_members(member);
		}
	}
	return n;
}

/* In a document that was parsed, a colon outside of texts is one member. */
static size_t count_colons(const char *text, size_t length)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else
			n += !quoted && text[i] == ':';
	}
	return n;
}

/* Of two members with one name, the tree has one. Which one counts, readers do not agree on. */
static int parse_config(
	struct config *config, const char *text, size_t length, struct nvb_error **err)
{
	int r = json_parse(text, length, &config->root, err);

	if (r >= 0 && count_colons(text, length) != count_members(config->root))
		r = NVB_RAISE(err, NVB_ERR_FORMAT, 0, "an object has two members of the same name");
	return r < 0 ? NVB_CONTEXT(err, r, "read '%s'", config->path) : 0;
}

static int read_config(struct config *config, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	size_t length = 0;
	errint_t e;

	if (!is_stream(config)) {
		fd = open_config(config, err);
		if (fd < 0)
			return fd;
	}
	e = file_read_fd(fd < 0 ? STDIN_FILENO : fd, CONFIG_LIMIT_BYTES, &text, &length);
	return e < 0 ? raise_io(config, "read", -e, err) : parse_config(config, text, length, err);
}

/* The file as a whole is replaced: a runtime never sees half of it. */
static int replace_file(
	const struct config *config, const char *text, size_t length, struct nvb_error **err)
{
	const char *path = config->path, *name = path_base_name(path);
	_cleanup_free_ char *dir =
		name == path ? strdup(".") : strndup(path, (size_t)(name - path));
	_cleanup_close_ int dir_fd = -1;
	errint_t e;

	if (!dir)
		return NVB_OOM(err);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return raise_io(config, "write", errno, err);
	e = file_replace_like_at(dir_fd, name, text, length, &config->st);
	return e < 0 ? raise_io(config, "write", -e, err) : 0;
}

static int write_config(const struct config *config, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r = json_format(config->root, JSON_PRETTY, &text, &length, err);

	if (r < 0)
		return r;
	if (!is_stream(config))
		return replace_file(config, text, length, err);
	(void)fwrite(text, 1, length, stdout);
	return 0;
}

static bool is_name(const char *text)
{
	size_t vendor_length, class_length;
	const char *class_name, *device;

	return cdi_split_qualified(text, &vendor_length, &class_name, &class_length, &device);
}

/* Names, then at most one file: what is no qualified name. A path may have a '=' too. */
static const char *take_path(struct cdi_arguments *arguments)
{
	struct string_list *operands = &arguments->operands;

	if (!operands->n || is_name(operands->items[operands->n - 1]))
		return STANDARD_STREAM;
	return operands->items[--operands->n];
}

static int take_names(struct cdi_arguments *arguments, struct nvb_error **err)
{
	vec_foreach (const char *, operand, &arguments->operands)
		if (string_list_add(arguments->arena, &arguments->names, *operand) < 0)
			return NVB_OOM(err);
	if (arguments->names.n)
		return 0;
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind cdi inject' needs a NAME"),
		"'nvbind cdi list' shows the names");
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
	r = cdi_registry_resolve(registry, &arguments->names, arguments->arena, &found, err);
	if (r >= 0)
		r = cdi_apply_to_plan(&apply, edits, err);
	return r < 0 ? r : oci_edit_plan(config, edits, err);
}

int cmd_cdi_inject(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(cdi_arguments_done) struct cdi_arguments arguments = CDI_ARGUMENTS_INIT;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	_cleanup_(config_done) struct config config = { 0 };
	int r;

	r = cdi_arguments_parse(COMMAND_CDI_INJECT, context, argc, argv, &arguments, err);
	if (r <= 0)
		return r;
	config.path = take_path(&arguments);
	r = take_names(&arguments, err);
	if (r >= 0)
		r = read_config(&config, err);
	if (r >= 0)
		r = cdi_registry_read(&arguments.directories, &registry, err);
	if (r >= 0)
		r = inject(&arguments, registry, config.root, err);
	return r < 0 ? r : write_config(&config, err);
}
