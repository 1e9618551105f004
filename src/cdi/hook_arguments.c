/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/hook_arguments.h"

#include <string.h>

#include "base/path.h"

/* A driver has some 60 libraries in some 3 folders. */
#define MAX_LINKS      4096
#define MAX_FOLDERS    256
#define MAX_TEXT_BYTES 4095

struct parser {
	struct arena *a;
	struct hook_arguments *arguments;
	struct string_list *argv; /* being written; NULL: being read */
	struct nvb_error **err;
};

struct option_row {
	const char *name;
	const char *value_name; /* NULL: a flag */
	const char *help;
	int (*read)(struct parser *p, const char *value);
	int (*write)(struct parser *p, const struct option_row *row);
};

static int invalid(struct parser *p, const char *option, const char *value, const char *expected)
{
	return NVB_RAISE(
		p->err, NVB_ERR_USAGE, 0, "'%s %.256s' must be %s", option, value, expected);
}

static int add_argument(struct parser *p, const struct option_row *row, const char *value)
{
	if (string_list_add(p->a, p->argv, row->name) < 0 ||
		(value && string_list_add(p->a, p->argv, value) < 0))
		return NVB_OOM(p->err);
	return 0;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool is_place(const char *path)
{
	return path_is_normal(path) && path[1] && !has_control(path);
}

static bool is_target(const char *text)
{
	return *text && strlen(text) <= MAX_TEXT_BYTES && !has_control(text) &&
	       !strstr(text, HOOK_LINK_SEPARATOR);
}

static int read_link(struct parser *p, const char *value)
{
	const char *separator = strstr(value, HOOK_LINK_SEPARATOR);
	struct hook_link *link;
	char *target;

	if (p->arguments->links.n == MAX_LINKS)
		return NVB_RAISE(p->err, NVB_ERR_USAGE, 0, "more than %d links", MAX_LINKS);
	target = arena_strndup(p->a, value, separator ? (size_t)(separator - value) : 0);
	link = vec_push(p->a, &p->arguments->links);
	if (!target || !link)
		return NVB_OOM(p->err);
	if (!separator || !is_target(target) ||
		!is_place(separator + strlen(HOOK_LINK_SEPARATOR)) ||
		strstr(separator + 1, HOOK_LINK_SEPARATOR))
		return invalid(p, "--link", value, "TARGET::LINK with an absolute LINK");
	*link = (struct hook_link){ target, separator + strlen(HOOK_LINK_SEPARATOR) };
	return 0;
}

static int write_links(struct parser *p, const struct option_row *row)
{
	vec_foreach (struct hook_link, link, &p->arguments->links) {
		const char *value =
			arena_printf(p->a, "%s" HOOK_LINK_SEPARATOR "%s", link->target, link->path);

		if (!value)
			return NVB_OOM(p->err);
		if (add_argument(p, row, value) < 0)
			return NVB_ERR_NO_MEMORY;
	}
	return 0;
}

static int read_folder(struct parser *p, const char *value)
{
	if (p->arguments->folders.n == MAX_FOLDERS)
		return NVB_RAISE(p->err, NVB_ERR_USAGE, 0, "more than %d folders", MAX_FOLDERS);
	if (!is_place(value))
		return invalid(p, "--folder", value, "an absolute path");
	return string_list_add(p->a, &p->arguments->folders, value) < 0 ? NVB_OOM(p->err) : 0;
}

static int write_folders(struct parser *p, const struct option_row *row)
{
	int r = 0;

	vec_foreach (const char *, folder, &p->arguments->folders)
		r = r < 0 ? r : add_argument(p, row, *folder);
	return r;
}

static int read_compat(struct parser *p, const char *value)
{
	(void)value;
	p->arguments->cuda_compat = true;
	return 0;
}

static int write_compat(struct parser *p, const struct option_row *row)
{
	return p->arguments->cuda_compat ? add_argument(p, row, NULL) : 0;
}

static int read_version(struct parser *p, const char *value)
{
	if (*value < '0' || *value > '9' || strlen(value) > 64 ||
		value[strspn(value, "0123456789.")])
		return invalid(p, "--host-driver-version", value, "a version such as 550.163.01");
	p->arguments->host_driver_version = value;
	return 0;
}

static int write_version(struct parser *p, const struct option_row *row)
{
	const char *version = p->arguments->host_driver_version;

	return version ? add_argument(p, row, version) : 0;
}

static int read_modification(struct parser *p, const char *value)
{
	(void)value;
	p->arguments->disable_device_node_modification = true;
	return 0;
}

static int write_modification(struct parser *p, const struct option_row *row)
{
	return p->arguments->disable_device_node_modification ? add_argument(p, row, NULL) : 0;
}

static int read_root(struct parser *p, const char *value)
{
	if (value[0] != '/' || strlen(value) > MAX_TEXT_BYTES)
		return invalid(p, "--root", value, "an absolute path");
	p->arguments->root = value;
	return 0;
}

static int write_root(struct parser *p, const struct option_row *row)
{
	return p->arguments->root ? add_argument(p, row, p->arguments->root) : 0;
}

static int read_help(struct parser *p, const char *value)
{
	(void)value;
	p->arguments->action = HOOK_HELP;
	return 0;
}

static int read_program_version(struct parser *p, const char *value)
{
	(void)value;
	p->arguments->action = HOOK_VERSION;
	return 0;
}

static int write_nothing(struct parser *p, const struct option_row *row)
{
	(void)p;
	(void)row;
	return 0;
}

static const struct option_row rows[] = {
	{ "--link", "TARGET::LINK",
		"  --link TARGET::LINK                 make the link LINK with the text TARGET "
		"(repeat)\n",
		read_link, write_links },
	{ "--folder", "DIR",
		"  --folder DIR                        enter the driver libraries of DIR into "
		"ld.so.cache (repeat)\n",
		read_folder, write_folders },
	{ "--cuda-compat", NULL,
		"  --cuda-compat                       let a newer libcuda in "
		"/usr/local/cuda/compat win\n",
		read_compat, write_compat },
	{ "--host-driver-version", "VERSION",
		"  --host-driver-version VERSION       the driver that it has to be newer than\n",
		read_version, write_version },
	{ "--disable-device-node-modification", NULL,
		"  --disable-device-node-modification  show the container ModifyDeviceFiles: 0\n",
		read_modification, write_modification },
	{ "--root", "DIR",
		"  --root DIR                          the container's root; otherwise from the "
		"state on stdin\n",
		read_root, write_root },
	{ "--help", NULL, "  --help                              print this\n", read_help,
		write_nothing },
	{ "--version", NULL, "  --version                           print the version\n",
		read_program_version, write_nothing },
};

const char *hook_arguments_help(size_t index)
{
	return index < ELEMENTS(rows) ? rows[index].help : NULL;
}

static const struct option_row *find_row(const char *argument, const char **ret_value)
{
	size_t length = strcspn(argument, "=");

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		if (strncmp(rows[i].name, argument, length) != 0 || rows[i].name[length])
			continue;
		*ret_value = argument[length] ? argument + length + 1 : NULL;
		return &rows[i];
	}
	return NULL;
}

static int check(const struct hook_arguments *arguments, struct nvb_error **err)
{
	if (arguments->action == HOOK_RUN && arguments->cuda_compat &&
		!arguments->host_driver_version)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'--cuda-compat' needs '--host-driver-version VERSION'");
	return 0;
}

int hook_arguments_parse(int argc, const char *const *argv, struct arena *a,
	struct hook_arguments *ret, struct nvb_error **err)
{
	struct hook_arguments arguments = { 0 };
	struct parser p = { .a = a, .arguments = &arguments, .err = err };
	int r = 0;

	for (int i = 1; r >= 0 && i < argc; i++) {
		const char *value = NULL;
		const struct option_row *row = find_row(argv[i], &value);

		if (!row)
			return NVB_RAISE(
				err, NVB_ERR_USAGE, 0, "unknown argument '%.256s'", argv[i]);
		if (!row->value_name && value)
			return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' takes no value", row->name);
		if (row->value_name && !value && ++i < argc)
			value = argv[i];
		if (row->value_name && !value)
			return NVB_RAISE(
				err, NVB_ERR_USAGE, 0, "'%s' needs %s", row->name, row->value_name);
		r = row->read(&p, value);
	}
	if (r >= 0)
		r = check(&arguments, err);
	if (r < 0)
		return r;
	*ret = arguments;
	return 0;
}

int hook_arguments_format(const struct hook_arguments *arguments, struct arena *a,
	struct string_list *ret_argv, struct nvb_error **err)
{
	struct hook_arguments copy = *arguments, again;
	struct string_list argv = { 0 };
	struct parser p = { .a = a, .arguments = &copy, .argv = &argv, .err = err };
	int r = 0;

	if (string_list_add(a, &argv, HOOK_PROGRAM) < 0)
		return NVB_OOM(err);
	for (size_t i = 0; r >= 0 && i < ELEMENTS(rows); i++)
		r = rows[i].write(&p, &rows[i]);
	if (r >= 0)
		r = hook_arguments_parse((int)argv.n, argv.items, a, &again, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "write the arguments of " HOOK_PROGRAM);
	*ret_argv = argv;
	return 0;
}
