/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cli_options.h"

#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/number.h"
#include "request/nearest.h"

#define FIRST_LONG_ID 256 /* above all characters */
#define LETTERS_BYTES 128
#define HELP_COLUMN   33

enum kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_OPTIONAL_TEXT,
	KIND_TEXTS, /* adds up */
};

enum {
	GLOBAL = 1 << CLI_NONE,
	INFO = 1 << CLI_INFO,
	LIST = 1 << CLI_LIST,
	CONFIGURE = 1 << CLI_CONFIGURE,
	EVERY = GLOBAL | INFO | LIST | CONFIGURE,
};

struct option_row {
	const char *name;
	char letter; /* 0: none */
	enum kind kind;
	const char *argument;
	unsigned commands;
	size_t offset;
	const char *help;
};

#define AT(member) offsetof(struct cli_options, member)

static const struct option_row rows[] = {
	{ "debug", 'd', KIND_TEXT, "FILE", GLOBAL, AT(debug_path), "write debug lines to FILE" },
	{ "load-kmods", 'k', KIND_FLAG, NULL, GLOBAL, AT(load_kmods),
		"accepted: no module is loaded" },
	{ "no-pivot", 'n', KIND_FLAG, NULL, GLOBAL, AT(no_pivot),
		"accepted: no pivot_root is needed" },
	{ "user", 'u', KIND_OPTIONAL_TEXT, "UID[:GID]", GLOBAL, AT(user),
		"accepted: there is no part that needs another user" },
	{ "root", 'r', KIND_TEXT, "PATH", GLOBAL, AT(root), "root directory of the driver" },
	{ "ldcache", 'l', KIND_TEXT, "FILE", GLOBAL, AT(ldcache),
		"accepted: libraries are found without it" },
	{ "no-create-imex-channels", 0, KIND_FLAG, NULL, GLOBAL, AT(no_create_imex_channels),
		"accepted: none is created" },

	{ "csv", 0, KIND_FLAG, NULL, INFO, AT(csv), "comma-separated values" },

	{ "pid", 'p', KIND_TEXT, "PID", CONFIGURE, AT(pid_text),
		"a process of the container (default: our own namespaces)" },
	{ "device", 'd', KIND_TEXTS, "ID", LIST | CONFIGURE, AT(devices),
		"UUID, index or PCI address of a GPU, or 'all'" },
	{ "require", 'r', KIND_TEXTS, "EXPR", CONFIGURE, AT(requirements),
		"what driver and GPU must be: 'cuda>=12.0'" },
	{ "ldconfig", 'l', KIND_TEXT, "PATH", CONFIGURE, AT(ldconfig),
		"accepted: the loader finds its libraries without it" },
	{ "compute", 'c', KIND_FLAG, NULL, CONFIGURE, AT(compute), "CUDA and OpenCL" },
	{ "utility", 'u', KIND_FLAG, NULL, CONFIGURE, AT(utility), "nvidia-smi and NVML" },
	{ "video", 'v', KIND_FLAG, NULL, CONFIGURE, AT(video), "video encoding and decoding" },
	{ "graphics", 'g', KIND_FLAG, NULL, CONFIGURE, AT(graphics), "OpenGL and Vulkan" },
	{ "display", 'D', KIND_FLAG, NULL, CONFIGURE, AT(display), "X11" },
	{ "ngx", 'n', KIND_FLAG, NULL, CONFIGURE, AT(ngx), "NGX" },
	{ "libraries", 'l', KIND_FLAG, NULL, LIST, AT(libraries), "list libraries" },
	{ "binaries", 'b', KIND_FLAG, NULL, LIST, AT(binaries), "list programs" },
	{ "ipcs", 'i', KIND_FLAG, NULL, LIST, AT(ipcs), "list sockets" },
	{ "firmwares", 'f', KIND_FLAG, NULL, LIST, AT(firmwares), "list firmware" },
	{ "compat32", 0, KIND_FLAG, NULL, LIST | CONFIGURE, AT(compat32),
		"the 32-bit libraries too" },
	{ "mig-config", 0, KIND_TEXTS, "ID", LIST | CONFIGURE, AT(mig_config),
		"'all': the right to make MIG instances" },
	{ "mig-monitor", 0, KIND_TEXTS, "ID", LIST | CONFIGURE, AT(mig_monitor),
		"'all': the right to watch MIG instances" },
	{ "imex-channel", 0, KIND_TEXTS, "CHANNEL", LIST | CONFIGURE, AT(imex_channels),
		"number of an IMEX channel" },
	{ "no-cgroups", 0, KIND_FLAG, NULL, CONFIGURE, AT(no_cgroups),
		"leave the device cgroup alone" },
	{ "no-devbind", 0, KIND_FLAG, NULL, CONFIGURE, AT(no_devbind), "no device nodes" },
	{ "no-cntlibs", 0, KIND_FLAG, NULL, CONFIGURE, AT(no_cntlibs),
		"accepted: no file of the container is ever mounted" },
	{ "cuda-compat-mode", 0, KIND_TEXT, "MODE", CONFIGURE, AT(cuda_compat_mode),
		"accepted: the newer of the image's and the driver's libcuda is found" },
	{ "no-persistenced", 0, KIND_FLAG, NULL, LIST | CONFIGURE, AT(no_persistenced),
		"without the socket of nvidia-persistenced" },
	{ "no-fabricmanager", 0, KIND_FLAG, NULL, LIST | CONFIGURE, AT(no_fabricmanager),
		"without the socket of the fabric manager" },
	{ "no-gsp-firmware", 0, KIND_FLAG, NULL, CONFIGURE, AT(no_gsp_firmware),
		"without the firmware of the GPU's system processor" },

	{ "help", '?', KIND_FLAG, NULL, EVERY, AT(help), "show this text" },
	{ "usage", 0, KIND_FLAG, NULL, EVERY, AT(help), "show this text" },
	{ "version", 'V', KIND_FLAG, NULL, EVERY, AT(version), "show the version" },
};

static const struct command_row {
	enum cli_command command;
	const char *name, *operands, *help;
} commands[] = {
	{ CLI_INFO, "info", "", "tell of the driver and its GPUs" },
	{ CLI_LIST, "list", "", "list what a container needs of the driver" },
	{ CLI_CONFIGURE, "configure", " ROOTFS", "give a container its GPUs" },
};

static bool belongs(const struct option_row *row, enum cli_command command)
{
	return row->commands & (1U << command);
}

/* What getopt_long() needs, made from the rows of one command. */
struct getopt_tables {
	struct option longs[ELEMENTS(rows) + 1];
	char letters[LETTERS_BYTES];
};

static void make_tables(enum cli_command command, struct getopt_tables *t)
{
	size_t n = 0, at = 0;

	/* Options of a command may stand behind its operand; those of all end at the command. */
	if (command == CLI_NONE)
		t->letters[at++] = '+';
	t->letters[at++] = ':';
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct option_row *row = &rows[i];
		int has_argument = row->kind == KIND_FLAG	     ? no_argument
				   : row->kind == KIND_OPTIONAL_TEXT ? optional_argument
								     : required_argument;

		if (!belongs(row, command))
			continue;
		t->longs[n++] =
			(struct option){ row->name, has_argument, NULL, FIRST_LONG_ID + (int)i };
		/* getopt_long() answers '?' to a mistake. */
		if (!row->letter || row->letter == '?')
			continue;
		t->letters[at++] = row->letter;
		for (int c = 0; c < has_argument; c++)
			t->letters[at++] = ':';
	}
	t->longs[n] = (struct option){ 0 };
	t->letters[at] = '\0';
}

static const struct option_row *find_row(enum cli_command command, int id)
{
	if (id >= FIRST_LONG_ID)
		return &rows[id - FIRST_LONG_ID];
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (belongs(&rows[i], command) && rows[i].letter == id)
			return &rows[i];
	return NULL;
}

static int store(const struct option_row *row, const char *text, struct arena *a,
	struct cli_options *options, struct nvb_error **err)
{
	void *member = (char *)options + row->offset;

	switch (row->kind) {
	case KIND_FLAG:
		*(bool *)member = true;
		break;
	case KIND_TEXT:
	case KIND_OPTIONAL_TEXT:
		*(const char **)member = text ? text : "";
		break;
	case KIND_TEXTS:
		if (string_list_add(a, member, text) < 0)
			return NVB_OOM(err);
		break;
	}
	return 0;
}

static int raise_unknown(enum cli_command command, const char *word, struct nvb_error **err)
{
	struct nearest near = NEAREST_INIT(word + strspn(word, "-"));
	int r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s' is not known here", word);

	if (word[0] != '-' || word[1] != '-')
		return r;
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (belongs(&rows[i], command))
			nearest_consider(&near, rows[i].name);
	return nearest_word(&near) ? NVB_HINT(err, r, "did you mean '--%s'?", nearest_word(&near))
				   : r;
}

/* getopt_long() tells a mistake by `id`, and the option by optopt: 0 is a long one. */
static int raise_mistake(enum cli_command command, int id, char **argv, struct nvb_error **err)
{
	char letter[] = { '-', (char)optopt, '\0' };
	const char *word = optopt && optopt < FIRST_LONG_ID ? letter : argv[optind - 1];

	if (id == ':')
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s' needs a value", word);
	if (optopt >= FIRST_LONG_ID)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--%s' takes no value",
			rows[optopt - FIRST_LONG_ID].name);
	return raise_unknown(command, word, err);
}

/* Returns the index of the first word that is no option. */
static int parse_options(enum cli_command command, int argc, char **argv, struct arena *a,
	struct cli_options *options, struct nvb_error **err)
{
	struct getopt_tables tables;
	int r = 0;

	make_tables(command, &tables);
	opterr = 0;
	optind = 0;
	while (r >= 0) {
		const struct option_row *row;
		int id;

		id = getopt_long(argc, argv, tables.letters, tables.longs, NULL);
		if (id == -1)
			return optind;
		/* An unknown letter '?' is the one that is known. */
		if (id == ':' || (id == '?' && optopt != '?'))
			return raise_mistake(command, id, argv, err);
		row = find_row(command, id);
		if (!row)
			return raise_mistake(command, id, argv, err);
		options->any |= command != CLI_NONE;
		r = store(row, optarg, a, options, err);
	}
	return r;
}

static int find_command(const char *name, enum cli_command *ret, struct nvb_error **err)
{
	for (size_t i = 0; i < ELEMENTS(commands); i++)
		if (strcmp(commands[i].name, name) == 0) {
			*ret = commands[i].command;
			return 0;
		}
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_USAGE, 0, "command '%s' is not known", name),
		"the commands are 'info', 'list' and 'configure'");
}

static int check_mig(const struct string_list *items, const char *option, struct nvb_error **err)
{
	vec_foreach (const char *, item, items)
		if (strcmp(*item, "all") != 0)
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"'--%s %s' is not supported: the value must be 'all'", option,
				*item);
	return 0;
}

static int check_configure(struct cli_options *o, int n, char **operands, struct nvb_error **err)
{
	uint64_t pid = 0;
	int r;

	if (n != 1)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'configure' takes the container's root directory and nothing else");
	o->rootfs = operands[0];
	if (o->rootfs[0] != '/' || !o->rootfs[strspn(o->rootfs, "/")])
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'%s' is no container root: it must be absolute and not '/'", o->rootfs);
	if (o->pid_text && (!number_parse(o->pid_text, INT_MAX, &pid) || !pid))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' is no process number", o->pid_text);
	o->pid = (pid_t)pid;
	r = check_mig(&o->mig_config, "mig-config", err);
	return r < 0 ? r : check_mig(&o->mig_monitor, "mig-monitor", err);
}

static int check(struct cli_options *options, int n, char **operands, struct nvb_error **err)
{
	if (options->command == CLI_CONFIGURE)
		return check_configure(options, n, operands, err);
	return n == 0 ? 0
		      : NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' is not expected here", operands[0]);
}

int cli_options_parse(
	int argc, char **argv, struct arena *a, struct cli_options *ret, struct nvb_error **err)
{
	struct cli_options options = { 0 };
	int first = parse_options(CLI_NONE, argc, argv, a, &options, err), next, r;

	if (first < 0)
		return first;
	*ret = options;
	if (options.help || options.version)
		return 0;
	if (first == argc)
		return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_USAGE, 0, "a command is missing"),
			"the commands are 'info', 'list' and 'configure'");
	r = find_command(argv[first], &options.command, err);
	if (r < 0)
		return r;
	next = parse_options(options.command, argc - first, argv + first, a, &options, err);
	if (next < 0)
		return next;
	if (!options.help && !options.version) {
		r = check(&options, argc - first - next, argv + first + next, err);
		if (r < 0)
			return r;
	}
	*ret = options;
	return 0;
}

static void print_row(const struct option_row *row, FILE *out)
{
	char left[HELP_COLUMN * 2];
	char letter[] = { '-', row->letter, ',', ' ', '\0' };

	(void)snprintf(left, sizeof(left), "  %s--%s%s%s%s%s", row->letter ? letter : "    ",
		row->name, row->kind == KIND_OPTIONAL_TEXT ? "[" : "", row->argument ? "=" : "",
		row->argument ? row->argument : "", row->kind == KIND_OPTIONAL_TEXT ? "]" : "");
	fprintf(out, "%-*s %s\n", HELP_COLUMN, left, row->help);
}

void cli_options_print_help(enum cli_command command, FILE *out)
{
	const struct command_row *shown = NULL;

	for (size_t i = 0; i < ELEMENTS(commands); i++)
		if (commands[i].command == command)
			shown = &commands[i];
	if (shown)
		fprintf(out, "Usage: nvidia-container-cli %s [OPTION...]%s\n\n", shown->name,
			shown->operands);
	else
		fputs("Usage: nvidia-container-cli [OPTION...] COMMAND [ARG...]\n\n", out);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (belongs(&rows[i], command))
			print_row(&rows[i], out);
	if (shown)
		return;
	fputs("\nCommands:\n", out);
	for (size_t i = 0; i < ELEMENTS(commands); i++)
		fprintf(out, "  %-14s%s\n", commands[i].name, commands[i].help);
}

capability_set cli_options_capabilities(const struct cli_options *o)
{
	return (o->compute ? CAPABILITY_COMPUTE : 0U) | (o->utility ? CAPABILITY_UTILITY : 0U) |
	       (o->video ? CAPABILITY_VIDEO : 0U) | (o->graphics ? CAPABILITY_GRAPHICS : 0U) |
	       (o->display ? CAPABILITY_DISPLAY : 0U) | (o->ngx ? CAPABILITY_NGX : 0U) |
	       (o->compat32 ? CAPABILITY_COMPAT32 : 0U);
}

bool cli_options_leave_out(const struct cli_options *o, const char *path)
{
	return (o->no_persistenced && strstr(path, "/nvidia-persistenced/")) ||
	       (o->no_fabricmanager && strstr(path, "/nvidia-fabricmanager/")) ||
	       (o->no_gsp_firmware && strstr(path, "/gsp"));
}
