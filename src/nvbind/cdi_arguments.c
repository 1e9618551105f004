/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/cdi_arguments.h"

#include "base/log.h"

struct parser {
	struct cdi_arguments *arguments;
	struct string_list directories;
};

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct parser *p = target;

	switch (id) {
	case OPTION_CDI_LIST_JSON:
	case OPTION_CDI_VALIDATE_JSON:
		p->arguments->json = true;
		return 0;
	case OPTION_CDI_LIST_SPEC_DIR:
	case OPTION_CDI_VALIDATE_SPEC_DIR:
	case OPTION_CDI_RESOLVE_SPEC_DIR:
	case OPTION_CDI_INJECT_SPEC_DIR:
		if (!value[0])
			return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--spec-dir': it is empty");
		return string_list_add(p->arguments->arena, &p->directories, value) < 0
			       ? NVB_OOM(err)
			       : 0;
	case OPTION_CDI_INJECT_DEVICE:
		return string_list_add(p->arguments->arena, &p->arguments->names, value) < 0
			       ? NVB_OOM(err)
			       : 0;
	default:
		return 0;
	}
}

/* "-" alone stands for a file. */
static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

/* Options may stand behind operands too: here no command of others follows them, as behind run. */
static int parse_words(
	enum command_id id, int argc, char **argv, struct parser *p, struct nvb_error **err)
{
	struct cdi_arguments *arguments = p->arguments;
	bool dashes = false;
	int at = 0;

	for (;;) {
		/* What stands at argv[at] is taken for the command's name, which was read before.
		 */
		int first = command_parse(
			id, &arguments->context, argc - at, argv + at, set_option, p, &dashes, err);

		if (first <= 0)
			return first;
		for (at += first; at < argc && (dashes || !is_option(argv[at])); at++)
			if (string_list_add(arguments->arena, &arguments->operands, argv[at]) < 0)
				return NVB_OOM(err);
		if (at == argc)
			return 1;
		at--;
	}
}

static int parse(enum command_id id, int argc, char **argv, struct cdi_arguments *arguments,
	struct nvb_error **err)
{
	struct parser p = { .arguments = arguments };
	int r = parse_words(id, argc, argv, &p, err);

	if (r <= 0)
		return r;
	r = host_tree_open(arguments->context.host_root, &arguments->tree, err);
	if (r >= 0 && !p.directories.n)
		r = cdi_host_directories(&arguments->tree, arguments->arena, &p.directories, err);
	if (r < 0)
		return r;
	arguments->directories = p.directories;
	return 1;
}

int cdi_arguments_parse(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct cdi_arguments *ret, struct nvb_error **err)
{
	struct cdi_arguments arguments = CDI_ARGUMENTS_INIT;
	int r;

	arguments.context = *context;
	arguments.arena = arena_new();
	r = arguments.arena ? parse(id, argc, argv, &arguments, err) : NVB_OOM(err);
	if (r <= 0)
		cdi_arguments_done(&arguments);
	else
		*ret = arguments;
	return r;
}

void cdi_arguments_done(struct cdi_arguments *arguments)
{
	host_tree_done(&arguments->tree);
	arena_free(arguments->arena);
	arguments->arena = NULL;
}

void cdi_arguments_warn(const struct cdi_registry *registry)
{
	vec_foreach (struct cdi_problem, problem, &registry->problems)
		log_warning("'%s' cannot be used: %s", problem->path, problem->message);
	vec_foreach (struct cdi_conflict, conflict, &registry->conflicts)
		log_warning("'%s' is defined twice and cannot be used: '%s', '%s'", conflict->name,
			conflict->path, conflict->other_path);
}
