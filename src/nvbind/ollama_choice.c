/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `nvbind ollama` decides: Ollama's own variables, each with its reason, and the words of the
 * `nvbind run` that it becomes.
 *
 * Source of the variables: Ollama repository, envconfig/config.go. OLLAMA_GPU_MEMORY,
 * OLLAMA_MIG_ENABLED and OLLAMA_PRECISION, which some guides name, are not there.
 */
#include <string.h>

#include "format/size.h"
#include "nvbind/ollama.h"

/* Where the image's server looks, as root. */
#define MODELS_PLACE	"/root/.ollama/models"
#define CONTEXT_DEFAULT 8192
/* Shorter ones are of no use to anybody. */
#define CONTEXT_LEAST 2048

static int add_setting(const struct ollama_inputs *in, struct ollama_choice *c, const char *name,
	const char *value, const char *reason, struct nvb_error **err)
{
	struct ollama_setting *slot = value && reason ? vec_push(in->arena, &c->settings) : NULL;

	if (!slot)
		return NVB_OOM(err);
	*slot = (struct ollama_setting){ name, value, reason };
	return 0;
}

static const char *number_text(struct arena *a, uint64_t number)
{
	return arena_printf(a, "%llu", (unsigned long long)number);
}

/* NULL: out of memory. */
static const char *preset_reason(const struct ollama_inputs *in)
{
	return arena_printf(in->arena, "preset '%s' (%s)", in->preset->name, in->preset->origin);
}

/* ---- The load ---- */

static uint64_t trained_context(const struct ollama_inputs *in)
{
	return in->model->has_gguf ? in->model->gguf.context.sum : 0;
}

static int settle_context(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	uint64_t trained = trained_context(in), length = CONTEXT_DEFAULT;
	const char *reason = "long enough for most, and small; --context chooses another one";

	if (in->options->context_length) {
		length = in->options->context_length;
		reason = "as --context says";
	} else if (in->preset->context_length) {
		length = in->preset->context_length;
		reason = preset_reason(in);
	} else if (trained && trained < length) {
		length = trained;
		reason = "all that the model was trained for";
	}
	if (trained && length > trained &&
		string_list_printf(in->arena, &c->notes,
			"the model was trained for %llu tokens: beyond these it answers badly",
			(unsigned long long)trained) < 0)
		return NVB_OOM(err);
	c->load.context = length;
	return add_setting(
		in, c, "OLLAMA_CONTEXT_LENGTH", number_text(in->arena, length), reason, err);
}

static int settle_parallel(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	const char *reason = "one request at a time: each further one has a context of its own in "
			     "the GPU's memory";

	c->load.parallel = 1;
	if (in->options->parallel) {
		c->load.parallel = in->options->parallel;
		reason = "as --parallel says";
	} else if (in->preset->parallel) {
		c->load.parallel = in->preset->parallel;
		reason = preset_reason(in);
	}
	return add_setting(in, c, "OLLAMA_NUM_PARALLEL", number_text(in->arena, c->load.parallel),
		reason, err);
}

static int settle_kv(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	int r;

	c->load.kv = KV_F16;
	if (in->options->kv_given)
		c->load.kv = in->options->kv;
	else if (in->preset->kv_given)
		c->load.kv = in->preset->kv;
	if (c->load.kv == KV_F16)
		return 0;
	c->load.flash_attention = true;
	r = add_setting(in, c, "OLLAMA_FLASH_ATTENTION", "1",
		"Ollama stores keys and values smaller than f16 with flash attention only", err);
	if (r < 0)
		return r;
	return add_setting(in, c, "OLLAMA_KV_CACHE_TYPE", kv_type_name(c->load.kv),
		in->options->kv_given ? "as --kv-type says" : preset_reason(in), err);
}

/* ---- The GPUs ---- */

static int settle_spread(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	if (!c->spread)
		return 0;
	return add_setting(in, c, "OLLAMA_SCHED_SPREAD", "1",
		"no GPU of the container holds the model alone", err);
}

/*
 * A limit without an enforcer is space that Ollama leaves free on each GPU. Its variable counts
 * from the end, so the GPU's size must be known.
 */
static int settle_limit(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	uint64_t limit = in->preset->limit_bytes, least = 0;
	char text[SIZE_TEXT_BYTES];

	if (!limit || !c->gpus.n)
		return 0;
	vec_foreach (const struct ollama_gpu, gpu, &c->gpus) {
		uint64_t bytes = gpu->item.partition ? gpu->item.partition->memory_bytes
						     : gpu->item.gpu->memory_bytes;

		if (!bytes) {
			least = 0;
			break;
		}
		least = least && least < bytes ? least : bytes;
	}
	if (!least)
		return string_list_printf(in->arena, &c->notes,
			       "the preset's limit of %s is not set: how much memory the GPUs have "
			       "is not known",
			       size_format(limit, text)) < 0
			       ? NVB_OOM(err)
			       : 0;
	if (least <= limit)
		return 0;
	return add_setting(in, c, "OLLAMA_GPU_OVERHEAD", number_text(in->arena, least - limit),
		arena_printf(in->arena,
			"the preset's limit of %s, kept by Ollama itself: nothing enforces it",
			size_format(limit, text)),
		err);
}

/* The first smaller load that these GPUs hold, as advice. */
static int advise(const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	struct model_load load = c->load;
	uint64_t room = 0;

	vec_foreach (const struct ollama_gpu, gpu, &c->gpus)
		room += gpu->bytes;
	load.parallel = 1;
	load.kv = KV_Q8_0;
	load.flash_attention = true;
	for (;;) {
		struct model_estimate e;
		int r = ollama_estimate(in, &load, &e, err);

		if (r <= 0)
			return r;
		if (e.total_bytes <= room)
			return string_list_printf(in->arena, &c->notes,
				       "it fits with --context %llu --parallel 1 --kv-type q8_0",
				       (unsigned long long)load.context) < 0
				       ? NVB_OOM(err)
				       : 0;
		if (load.context / 2 < CONTEXT_LEAST)
			break;
		load.context /= 2;
	}
	return string_list_add(in->arena, &c->notes,
		       "no context makes it fit: take a smaller model, or a tag of less "
		       "precision") < 0
		       ? NVB_OOM(err)
		       : 0;
}

/* ---- What must be said ---- */

static int add_note(const struct ollama_inputs *in, struct ollama_choice *c, bool applies,
	const char *text, struct nvb_error **err)
{
	if (!applies)
		return 0;
	return !text || string_list_add(in->arena, &c->notes, text) < 0 ? NVB_OOM(err) : 0;
}

static bool any_use_unknown(const struct ollama_choice *c)
{
	vec_foreach (const struct ollama_gpu, gpu, &c->gpus)
		if (gpu->bytes && !gpu->is_free)
			return true;
	return false;
}

static int add_model_notes(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	const struct ollama_model *m = in->model;
	int r = add_note(in, c, m->is_file,
		"Ollama runs what is in its store: import the file with 'ollama create'", err);

	if (r >= 0)
		r = add_note(in, c, !m->is_file && !m->is_stored,
			arena_printf(in->arena,
				"the model is not in '%s': everything about it is guessed by its "
				"name. 'ollama pull' gets it, also in the container",
				m->directory),
			err);
	if (r >= 0)
		r = add_note(in, c, !m->directory_exists,
			arena_printf(in->arena, "'%s' does not exist yet: it is made at the start",
				m->directory),
			err);
	if (r >= 0 && m->why_no_gguf)
		r = add_note(in, c, true,
			arena_printf(in->arena, "the model's file is not understood: %s",
				m->why_no_gguf),
			err);
	if (r >= 0)
		r = add_note(in, c, m->has_gguf && m->gguf.parts.sum > 1,
			"the file is one of several parts: the estimate is of it alone", err);
	return r;
}

static int add_preset_notes(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	const struct ollama_preset *p = in->preset;
	const char *is = in->model->has_gguf ? in->model->gguf.precision : NULL;
	int r = add_note(in, c, p->note != NULL,
		p->note ? arena_printf(in->arena, "preset '%s': %s", p->name, p->note) : NULL, err);

	if (r >= 0 && p->precision)
		r = add_note(in, c, true,
			arena_printf(in->arena,
				"the preset's precision '%s' is not applied: a model's file has "
				"one "
				"precision%s%s, chosen by the tag",
				p->precision, is ? ", here " : "", is ? is : ""),
			err);
	return r < 0 ? r
		     : add_note(in, c, p->wants_mig,
			       "the preset wants a MIG instance: choose one with --gpu N:M "
			       "('nvbind info' shows them)",
			       err);
}

static int add_notes(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	int r = add_model_notes(in, c, err);

	if (r >= 0)
		r = add_preset_notes(in, c, err);
	if (r >= 0)
		r = add_note(in, c, any_use_unknown(c),
			"how much of the GPUs' memory is in use is not known: it is compared with "
			"their size",
			err);
	if (r >= 0)
		r = add_note(in, c,
			c->has_estimate && c->estimate.is_guess && c->fit == OLLAMA_FITS,
			"that it fits is a guess", err);
	if (r >= 0)
		r = add_note(in, c, !in->options->ports.n,
			"no port is published: add --publish 127.0.0.1:11434:11434; the API asks "
			"nobody who he is",
			err);
	return r;
}

/* ---- The command line ---- */

struct words {
	struct arena *arena;
	struct string_list *list;
	bool failed;
};

static void add(struct words *w, const char *word)
{
	w->failed |= !word || string_list_add(w->arena, w->list, word) < 0;
}

static void add_pair(struct words *w, const char *option, const char *value)
{
	if (!value)
		return;
	add(w, option);
	add(w, value);
}

static void add_gpus(struct words *w, const struct ollama_gpu_list *gpus)
{
	if (!gpus->n)
		add_pair(w, "--gpu", "none");
	vec_foreach (const struct ollama_gpu, gpu, gpus) {
		const struct selected_gpu *item = &gpu->item;

		add(w, "--gpu");
		add(w, item->partition ? arena_printf(w->arena, "%u:%u", item->gpu->index,
						 item->partition->index)
				       : arena_printf(w->arena, "%u", item->gpu->index));
	}
}

/* The words of `nvbind run`. By its own engine a container has the machine's network. */
static int make_run(const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	const struct ollama_options *o = in->options;
	struct words w = { .arena = in->arena, .list = &c->run };
	const char *runtime = o->runtime ? o->runtime : "auto";

	add(&w, "run");
	add_pair(&w, "--runtime", runtime);
	add(&w, "--rm");
	add_gpus(&w, &c->gpus);
	vec_foreach (const char *, value, &o->configs)
		add_pair(&w, "--config", *value);
	add_pair(&w, "--name", o->name);
	vec_foreach (const char *, value, &o->ports)
		add_pair(&w, "--publish", *value);
	if (o->detach)
		add(&w, "--detach");
	if (o->dry_run)
		add(&w, "--dry-run");
	vec_foreach (const struct ollama_setting, setting, &c->settings)
		add_pair(&w, "--env",
			arena_printf(in->arena, "%s=%s", setting->name, setting->value));
	if (in->model->directory_exists || !o->dry_run)
		add_pair(&w, "--volume",
			arena_printf(in->arena, "%s:" MODELS_PLACE, in->model->directory));
	add(&w, o->image ? o->image : c->image);
	vec_foreach (const char *, word, &o->command)
		add(&w, *word);
	return w.failed ? NVB_OOM(err) : 0;
}

static int settle_host(
	const struct ollama_inputs *in, struct ollama_choice *c, struct nvb_error **err)
{
	const char *image = in->options->image, *runtime = in->options->runtime;

	if (!(runtime && strcmp(runtime, "bolt") == 0) &&
		!(image && (strncmp(image, "oci:", 4) == 0 || strcmp(image, "host") == 0)))
		return 0;
	return add_setting(in, c, "OLLAMA_HOST", "127.0.0.1:11434",
		"the container has the machine's network, and the API asks nobody who he is", err);
}

int ollama_choose(const struct ollama_inputs *in, struct ollama_choice *ret, struct nvb_error **err)
{
	struct ollama_choice c = { .load = { .n_gpus = 1 } };
	int r = settle_context(in, &c, err);

	if (r >= 0)
		r = settle_parallel(in, &c, err);
	if (r >= 0)
		r = settle_kv(in, &c, err);
	if (r >= 0)
		r = ollama_gpus_choose(in, &c, err);
	if (r >= 0)
		r = settle_spread(in, &c, err);
	if (r >= 0)
		r = settle_limit(in, &c, err);
	if (r >= 0)
		r = add_setting(in, &c, "OLLAMA_MAX_LOADED_MODELS", "1",
			"the GPUs were chosen for one model", err);
	if (r >= 0)
		r = settle_host(in, &c, err);
	if (r >= 0 && c.fit == OLLAMA_FITS_NOT)
		r = advise(in, &c, err);
	if (r >= 0)
		r = add_notes(in, &c, err);
	if (r >= 0)
		r = make_run(in, &c, err);
	if (r >= 0)
		*ret = c;
	return r < 0 ? r : 0;
}
