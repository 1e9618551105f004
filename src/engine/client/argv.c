/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/argv.h"

#include <string.h>

#include "base/strbuf.h"

#define SELECTOR_VARIABLE    "NVBIND_GPU"
#define PROFILE_VARIABLE     "NVBIND_PROFILE"
#define SELECTOR_LIMIT_BYTES ((size_t)64 << 10)

/*
 * What no runtime behind the engine may add GPUs to, whatever the image's own variables say: its
 * default one may be ours or another's.
 */
static const char *const closed[] = {
	SELECTOR_VARIABLE "=none",
	"NVIDIA_VISIBLE_DEVICES=void",
};

struct writer {
	struct arena *arena;
	struct string_list words;
	bool failed;
};

static void add(struct writer *w, const char *word)
{
	if (!word || string_list_add(w->arena, &w->words, word) < 0)
		w->failed = true;
}

static void add_pair(struct writer *w, const char *option, const char *value)
{
	if (!value)
		return;
	add(w, option);
	add(w, value);
}

static void add_flag(struct writer *w, const char *option, bool given)
{
	if (given)
		add(w, option);
}

static void add_each(struct writer *w, const char *option, const struct string_list *values)
{
	vec_foreach (const char *, value, values)
		add_pair(w, option, *value);
}

static void add_variable(struct writer *w, const char *name, const char *value)
{
	if (value)
		add_pair(w, "-e", arena_printf(w->arena, "%s=%s", name, value));
}

static void add_container(struct writer *w, const struct client_options *o)
{
	add_flag(w, "--rm", o->remove);
	add_flag(w, "-d", o->detach);
	add_flag(w, "-i", o->interactive);
	add_flag(w, "-t", o->tty);
	add_flag(w, "--read-only", o->read_only);
	add_pair(w, "--name", o->name);
	add_pair(w, "--hostname", o->hostname);
	add_pair(w, "--workdir", o->workdir);
	add_pair(w, "--user", o->user);
	add_pair(w, "--network", o->network);
	add_pair(w, "--restart", o->restart);
	add_pair(w, "--shm-size", o->shm_size);
	add_pair(w, "--entrypoint", o->entrypoint);
	add_each(w, "--env-file", &o->env_files);
	add_each(w, "-e", &o->env);
	add_each(w, "-v", &o->volumes);
	add_each(w, "-p", &o->ports);
	add_each(w, "--device", &o->devices);
}

static const char *join(struct arena *a, const struct string_list *names)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(SELECTOR_LIMIT_BYTES);

	vec_foreach (const char *, name, names)
		strbuf_printf(&text, "%s%s", text.length ? "," : "", *name);
	return strbuf_failed(&text) ? NULL : arena_strdup(a, strbuf_str(&text));
}

/* Behind the user's variables: of one name, the last counts. */
static void add_gpus(struct writer *w, const struct client_gpus *gpus)
{
	if (gpus->choice.method == CLIENT_METHOD_RUNTIME) {
		const char *selector = join(w->arena, &gpus->names);

		w->failed |= !selector;
		add_variable(w, SELECTOR_VARIABLE, selector);
		add_variable(w, PROFILE_VARIABLE, gpus->profile);
		add_variable(w, CLIENT_CAPABILITIES_VARIABLE, gpus->capabilities);
		return;
	}
	if (gpus->choice.method == CLIENT_METHOD_CDI)
		add_each(w, "--device", &gpus->names);
	for (size_t i = 0; i < ELEMENTS(closed); i++)
		add_pair(w, "-e", closed[i]);
}

/* What options of ours decide cannot be set beside them: one of the two would be lost. */
static int check_variables(const struct client_options *options, const struct client_gpus *gpus,
	struct nvb_error **err)
{
	const struct {
		const char *name, *option;
		bool ours;
	} variables[] = {
		{ SELECTOR_VARIABLE, "--gpu", true },
		{ PROFILE_VARIABLE, "--profile", gpus->profile != NULL },
		{ CLIENT_CAPABILITIES_VARIABLE, "--capabilities", gpus->capabilities != NULL },
	};

	vec_foreach (const char *, variable, &options->env) {
		size_t length = strcspn(*variable, "=");

		for (size_t i = 0; i < ELEMENTS(variables); i++)
			if (variables[i].ours && strlen(variables[i].name) == length &&
				memcmp(variables[i].name, *variable, length) == 0)
				return NVB_RAISE(err, NVB_ERR_USAGE, 0,
					"option '--env': '%s' is what '%s' decides",
					variables[i].name, variables[i].option);
	}
	return 0;
}

int client_argv(const struct client_ops *ops, const char *program,
	const struct client_options *options, const struct client_gpus *gpus, struct arena *a,
	struct string_list *ret, struct nvb_error **err)
{
	const char *runtime =
		gpus->choice.method == CLIENT_METHOD_RUNTIME ? gpus->choice.runtime : NULL;
	struct writer w = { .arena = a };
	int r;

	r = check_variables(options, gpus, err);
	if (r < 0)
		return r;
	if (options->image[0] == '-')
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.64s' is not the name of an image",
			options->image);
	add(&w, program);
	if (ops->runtime_is_global)
		add_pair(&w, "--runtime", runtime);
	add(&w, "run");
	if (!ops->runtime_is_global)
		add_pair(&w, "--runtime", runtime);
	add_container(&w, options);
	add_gpus(&w, gpus);
	vec_foreach (const char *, word, &options->words)
		add(&w, *word);
	add(&w, options->image);
	vec_foreach (const char *, word, &options->command)
		add(&w, *word);
	if (w.failed)
		return NVB_OOM(err);
	*ret = w.words;
	return 0;
}
