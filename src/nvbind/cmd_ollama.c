/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind ollama: from a model to the GPUs and settings that it needs, and to `nvbind run`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/number.h"
#include "base/path.h"
#include "gpu/cache.h"
#include "gpu/enrich.h"
#include "nvbind/ollama.h"

struct parser {
	struct arena *arena;
	struct ollama_options *options;
};

static int set_number(
	const char *option, const char *value, uint64_t most, uint64_t *ret, struct nvb_error **err)
{
	uint64_t number;

	if (!number_parse(value, most, &number) || !number)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '%s': '%.32s' is no number from 1 to %llu", option, value,
			(unsigned long long)most);
	*ret = number;
	return 0;
}

static int add_gpu(struct parser *p, const char *value, struct nvb_error **err)
{
	int r = selector_check(value, err);

	if (r < 0)
		return r;
	return string_list_add(p->arena, &p->options->gpus, value) < 0 ? NVB_OOM(err) : 0;
}

static int set_kv(struct ollama_options *o, const char *value, struct nvb_error **err)
{
	int r = kv_type_parse(value, &o->kv, err);

	o->kv_given = r >= 0;
	return r < 0 ? NVB_CONTEXT(err, r, "option '--kv-type'") : 0;
}

/* The words that only `nvbind run` reads. Returns 1 if it was none of them. */
static int set_word(struct parser *p, int id, const char *value, struct nvb_error **err)
{
	struct ollama_options *o = p->options;
	struct string_list *list = NULL;

	switch (id) {
	case OPTION_OLLAMA_PUBLISH:
		list = &o->ports;
		break;
	case OPTION_OLLAMA_CONFIG:
		list = &o->configs;
		break;
	case OPTION_OLLAMA_IMAGE:
		o->image = value;
		return 0;
	case OPTION_OLLAMA_RUNTIME:
		o->runtime = value;
		return 0;
	case OPTION_OLLAMA_NAME:
		o->name = value;
		return 0;
	default:
		return 1;
	}
	return string_list_add(p->arena, list, value) < 0 ? NVB_OOM(err) : 0;
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct parser *p = target;
	struct ollama_options *o = p->options;
	int r = set_word(p, id, value, err);

	if (r <= 0)
		return r;
	switch (id) {
	case OPTION_OLLAMA_GPU:
		return add_gpu(p, value, err);
	case OPTION_OLLAMA_CONTEXT:
		return set_number("--context", value, OLLAMA_CONTEXT_MOST, &o->context_length, err);
	case OPTION_OLLAMA_PARALLEL:
		return set_number("--parallel", value, OLLAMA_PARALLEL_MOST, &o->parallel, err);
	case OPTION_OLLAMA_KV_TYPE:
		return set_kv(o, value, err);
	case OPTION_OLLAMA_MODELS:
		o->models_dir = value;
		break;
	case OPTION_OLLAMA_PRESET:
		o->preset = value;
		break;
	case OPTION_OLLAMA_DETACH:
		o->detach = true;
		break;
	case OPTION_OLLAMA_DRY_RUN:
		o->dry_run = true;
		break;
	case OPTION_OLLAMA_JSON:
		o->json = true;
		break;
	default:
		break;
	}
	return 0;
}

/* Options stand before MODEL and behind it; a command of the container only behind "--". */
static int parse(struct parser *p, int argc, char **argv, struct nvb_error **err)
{
	struct ollama_options *o = p->options;
	bool dashes = false;
	int first =
		command_parse(COMMAND_OLLAMA, &o->context, argc, argv, set_option, p, &dashes, err);

	if (first <= 0)
		return first;
	if (first >= argc || !argv[first][0])
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind ollama' needs a MODEL"),
			"name it as 'ollama pull' does: nvbind ollama llama3.1:8b");
	o->model = argv[first];
	argc -= first;
	argv += first;
	first = command_parse(COMMAND_OLLAMA, &o->context, argc, argv, set_option, p, &dashes, err);
	if (first <= 0)
		return first;
	if (first < argc && !dashes)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "what is '%.64s' behind the model?",
				argv[first]),
			"a command of the container goes behind '--'");
	for (; first < argc; first++)
		if (string_list_add(p->arena, &o->command, argv[first]) < 0)
			return NVB_OOM(err);
	return 1;
}

/* Everything that was found out; the GPUs lie in the inventory. */
struct findings {
	struct host_tree tree;
	struct inventory *inv;
	struct ollama_preset preset;
	struct ollama_model model;
	struct ollama_gpu_list gpus;
};

static void findings_done(struct findings *f)
{
	stored_model_done(&f->model.stored);
	inventory_free(f->inv);
	host_tree_done(&f->tree);
}

static int find_out(
	const struct ollama_options *o, struct arena *a, struct findings *f, struct nvb_error **err)
{
	int r = ollama_preset_find(o, a, &f->preset, err);

	if (r >= 0)
		r = ollama_model_find(o, a, &f->model, err);
	if (r >= 0)
		r = host_tree_open(o->context.host_root, &f->tree, err);
	if (r >= 0)
		r = inventory_open(&f->tree, NULL, &f->inv, err);
	/* Sizes of memory, which only the vendor's library may know. */
	if (r >= 0)
		r = inventory_ask_library(f->inv, err);
	if (r >= 0)
		r = ollama_gpus_find(&f->tree, f->inv, &o->gpus, a, &f->gpus, err);
	return r;
}

/* Ollama makes it itself where it is installed. */
static int make_directory(const struct ollama_model *m, struct nvb_error **err)
{
	_cleanup_close_ int home = -1, made = -1;
	const char *path = secure_getenv("HOME");

	if (m->directory_exists)
		return 0;
	home = open(path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno, "open '%s'",
			path ? path : "/");
	made = path_mkdir_all_in(home, ".ollama/models", 0755);
	if (made < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-made, NVB_ERR_IO), -made, "make '%s'",
			m->directory);
	return 0;
}

static int print(
	const struct ollama_inputs *in, const struct ollama_choice *choice, struct nvb_error **err)
{
	const struct ollama_options *o = in->options;
	_cleanup_free_ char *text = NULL;
	FILE *to = o->json || o->dry_run ? stdout : stderr;
	int r;

	if (o->context.quiet && to == stderr)
		return 0;
	r = o->json ? ollama_format_json(in, choice, &text, err)
		    : ollama_format_text(in, choice, &text, err);
	if (r < 0)
		return r;
	(void)fputs(text, to);
	if (o->dry_run && !o->json)
		(void)fputs("\n", to);
	return 0;
}

static int become_run(
	const struct ollama_inputs *in, const struct ollama_choice *choice, struct nvb_error **err)
{
	size_t n = choice->run.n;
	char **argv = arena_alloc(in->arena, (n + 1) * sizeof(*argv));
	int r = 0;

	if (!argv)
		return NVB_OOM(err);
	for (size_t i = 0; i < n; i++) {
		argv[i] = arena_strdup(in->arena, choice->run.items[i]);
		if (!argv[i])
			return NVB_OOM(err);
	}
	if (!in->options->dry_run)
		r = make_directory(in->model, err);
	return r < 0 ? r : cmd_run(&in->options->context, (int)n, argv, err);
}

int cmd_ollama(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(findings_done) struct findings f = {
		.tree = HOST_TREE_INIT,
		.model.stored = STORED_MODEL_INIT,
	};
	struct ollama_options options = { .context = *context };
	struct parser p = { .arena = arena, .options = &options };
	const struct ollama_inputs in = { &options, &f.preset, &f.model, &f.gpus, arena };
	struct ollama_choice choice;
	int r;

	if (!arena)
		return NVB_OOM(err);
	r = parse(&p, argc, argv, err);
	if (r <= 0)
		return r;
	r = find_out(&options, arena, &f, err);
	if (r >= 0)
		r = ollama_choose(&in, &choice, err);
	if (r >= 0)
		r = print(&in, &choice, err);
	if (r < 0 || options.json)
		return r;
	return become_run(&in, &choice, err);
}
