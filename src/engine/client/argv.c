/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/argv.h"

#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "engine/client/word.h"
#include "request/selector.h"

#define SELECTOR_VARIABLE    "NVBIND_GPU"
#define PROFILE_VARIABLE     "NVBIND_PROFILE"
#define ISOLATION_VARIABLE "NVBIND_ISOLATION"
#define SELECTOR_LIMIT_BYTES ((size_t)64 << 10)
#define SHOWN_BYTES	     64

/*
 * All are set in every container, whatever its way to the GPUs. An image has variables of its own:
 * one that is left to it would take from what was selected, or make the engine's default runtime,
 * ours or a vendor's, add to it.
 */
const struct client_vendor client_vendors[CLIENT_VENDORS] = {
	{ GPU_VENDOR_NVIDIA, "NVIDIA_VISIBLE_DEVICES", "GPU-" },
	{ GPU_VENDOR_AMD, "AMD_VISIBLE_DEVICES", "0x" },
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
	add_pair(w, "--cpuset-cpus", o->cpus);
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

/* A variable that is always set: to `nothing` if the list is empty. */
static void add_list(
	struct writer *w, const char *name, const struct string_list *values, const char *nothing)
{
	const char *value = values->n ? join(w->arena, values) : nothing;

	w->failed |= !value;
	add_variable(w, name, value);
}

static void add_gpus(struct writer *w, const struct client_gpus *gpus)
{
	static const struct string_list nothing;
	const bool by_runtime = gpus->choice.method == CLIENT_METHOD_RUNTIME;

	if (gpus->choice.method == CLIENT_METHOD_CDI)
		add_each(w, "--device", &gpus->names);
	add_list(w, SELECTOR_VARIABLE, by_runtime ? &gpus->names : &nothing, "none");
	for (size_t i = 0; i < CLIENT_VENDORS; i++)
		add_list(w, client_vendors[i].variable,
			by_runtime ? &gpus->vendor_names[i] : &nothing, "void");
	if (!by_runtime)
		return;
	add_variable(w, PROFILE_VARIABLE, gpus->profile);
	add_variable(w, ISOLATION_VARIABLE, gpus->isolation);
	add_variable(w, CLIENT_CAPABILITIES_VARIABLE, gpus->capabilities);
}

/* The option of ours that decides what is in a variable; NULL: none. */
static const char *find_decider(const char *variable, const struct client_gpus *gpus)
{
	const struct {
		const char *name, *option;
		bool ours;
	} variables[] = {
		{ SELECTOR_VARIABLE, "--gpu", true },
		{ client_vendors[0].variable, "--gpu", true },
		{ client_vendors[1].variable, "--gpu", true },
		{ PROFILE_VARIABLE, "--profile", gpus->profile != NULL },
		{ ISOLATION_VARIABLE, "--isolation", gpus->isolation != NULL },
		{ CLIENT_CAPABILITIES_VARIABLE, "--capabilities", gpus->capabilities != NULL },
	};
	const size_t length = strcspn(variable, "=");

	for (size_t i = 0; i < ELEMENTS(variables); i++)
		if (variables[i].ours && strlen(variables[i].name) == length &&
			memcmp(variables[i].name, variable, length) == 0)
			return variables[i].option;
	return NULL;
}

/* Set beside the option that decides it, one of the two would be lost. */
static int check_variable(const char *option, const char *variable, const struct client_gpus *gpus,
	struct nvb_error **err)
{
	const char *decider = find_decider(variable, gpus);

	if (!decider)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s': '%.*s' is what '%s' decides", option,
			(int)strcspn(variable, "="), variable, decider),
		"use '%s' alone", decider);
}

/* "nvidia.com/gpu=0", of any vendor and class: a GPU has names in more classes than one. */
static bool is_gpu_name(const char *device)
{
	for (size_t vendor = 0; vendor < GPU_VENDOR_COUNT; vendor++) {
		const char *kind = selector_kind_of((enum gpu_vendor)vendor);

		if (kind && strncasecmp(device, kind, strcspn(kind, "/") + 1) == 0 &&
			strchr(device, '='))
			return true;
	}
	return false;
}

static int raise_word(const char *word, const char *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4 * SHOWN_BYTES + 8);

	strbuf_escaped_add(&text, value, SHOWN_BYTES);
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '--engine-opt': '%s%s%s' is what '--gpu' decides", word,
			text.length ? " " : "", strbuf_str(&text)),
		"name the GPUs with '--gpu' alone");
}

/* With another runtime in its place, there would be no GPU, and no word about that. */
static int raise_runtime(const struct client_gpus *gpus, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '--engine-opt': '--runtime' would replace '%s', which gives the "
			"container its GPUs",
			gpus->choice.runtime),
		"leave it out, or use '--cdi'");
}

/* What the engine is told behind our words wins over them. */
static int check_words(
	const struct string_list *words, const struct client_gpus *gpus, struct nvb_error **err)
{
	for (size_t i = 0; i < words->n; i++) {
		struct client_word word = client_word_read(words, i);
		int r = 0;

		switch (word.kind) {
		case CLIENT_WORD_RUNTIME:
			r = gpus->choice.method == CLIENT_METHOD_RUNTIME ? raise_runtime(gpus, err)
									 : 0;
			break;
		case CLIENT_WORD_GPUS:
			r = raise_word("--gpus", "", err);
			break;
		case CLIENT_WORD_DEVICE:
			r = is_gpu_name(word.value) ? raise_word("--device", word.value, err) : 0;
			break;
		case CLIENT_WORD_VARIABLE:
			r = check_variable("--engine-opt", word.value, gpus, err);
			break;
		case CLIENT_WORD_OTHER:
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int check(const struct client_options *options, const struct client_gpus *gpus,
	struct nvb_error **err)
{
	vec_foreach (const char *, variable, &options->env) {
		int r = check_variable("--env", *variable, gpus, err);

		if (r < 0)
			return r;
	}
	if (options->image[0] == '-')
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.64s' is not the name of an image",
			options->image);
	return check_words(&options->words, gpus, err);
}

int client_argv(const struct client_ops *ops, const char *program,
	const struct client_options *options, const struct client_gpus *gpus, struct arena *a,
	struct string_list *ret, struct nvb_error **err)
{
	const char *runtime =
		gpus->choice.method == CLIENT_METHOD_RUNTIME ? gpus->choice.runtime : NULL;
	struct writer w = { .arena = a };
	int r;

	r = check(options, gpus, err);
	if (r < 0)
		return r;
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
