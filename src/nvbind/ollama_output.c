/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions of `nvbind ollama`, for people and for programs. */
#include <string.h>

#include "format/json.h"
#include "format/size.h"
#include "nvbind/ollama.h"

#define TEXT_LIMIT_BYTES ((size_t)1 << 20)
#define WORD_LIMIT_BYTES 4096

static const char *fit_name(enum ollama_fit fit)
{
	switch (fit) {
	case OLLAMA_FITS:
		return "fits";
	case OLLAMA_FITS_NOT:
		return "does not fit";
	case OLLAMA_FIT_UNKNOWN:
		break;
	}
	return "not known whether it fits";
}

static const char *model_source(const struct ollama_model *m)
{
	if (m->has_gguf)
		return "its file";
	if (m->is_stored)
		return "its manifest";
	return m->guess.parameters ? "its name alone" : "its name, which does not tell its size";
}

/* ---- Text ---- */

static void add_model(const struct ollama_inputs *in, struct strbuf *out)
{
	const struct ollama_model *m = in->model;

	strbuf_str_add(out, "model      ");
	strbuf_escaped_add(out, m->shown, WORD_LIMIT_BYTES);
	if (m->has_gguf && m->gguf.architecture)
		strbuf_printf(out, ", %s", m->gguf.architecture);
	if (m->has_gguf && m->gguf.precision)
		strbuf_printf(out, ", %s", m->gguf.precision);
	if (m->has_gguf && m->gguf.context.sum)
		strbuf_printf(
			out, ", trained for %llu tokens", (unsigned long long)m->gguf.context.sum);
	strbuf_printf(out, " (known from %s)\n", model_source(m));
}

static void add_estimate(const struct ollama_choice *c, struct strbuf *out)
{
	char text[SIZE_TEXT_BYTES];

	if (!c->has_estimate) {
		strbuf_str_add(out, "memory     not known\n");
		return;
	}
	strbuf_printf(out, "memory     %s%s: %s\n", size_format(c->estimate.total_bytes, text),
		c->estimate.is_guess ? ", a guess" : ", estimated", fit_name(c->fit));
	vec_foreach (const struct memory_term, term, &c->estimate.terms)
		strbuf_printf(out, "           %10s  %s: %s\n", size_format(term->bytes, text),
			term->what, term->source);
}

static void add_gpus(const struct ollama_choice *c, struct strbuf *out)
{
	char text[SIZE_TEXT_BYTES];

	strbuf_printf(out, "GPUs       %s\n", c->why_gpus);
	vec_foreach (const struct ollama_gpu, gpu, &c->gpus) {
		strbuf_printf(out, "           %u", gpu->item.gpu->index);
		if (gpu->item.partition)
			strbuf_printf(out, ":%u", gpu->item.partition->index);
		strbuf_printf(out, "  %s", gpu->item.gpu->name ? gpu->item.gpu->name : "-");
		strbuf_printf(out, ", %s%s\n",
			gpu->bytes ? size_format(gpu->bytes, text) : "memory not known",
			gpu->is_free ? " free" : "");
	}
}

/* In quotes where a shell needs them. */
static void add_word(const char *word, struct strbuf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_./:=,@%+";
	bool quote = !*word || word[strspn(word, plain)];

	strbuf_str_add(out, quote ? " '" : " ");
	for (const char *c = word; *c; c++)
		if (*c == '\'')
			strbuf_str_add(out, "'\\''");
		else
			strbuf_escaped_add(out, (const char[]){ *c, '\0' }, 1);
	if (quote)
		strbuf_char_add(out, '\'');
}

int ollama_format_text(const struct ollama_inputs *in, const struct ollama_choice *choice,
	char **ret, struct nvb_error **err)
{
	struct strbuf out = STRBUF_INIT(TEXT_LIMIT_BYTES);

	add_model(in, &out);
	add_estimate(choice, &out);
	add_gpus(choice, &out);
	strbuf_str_add(&out, "settings\n");
	vec_foreach (const struct ollama_setting, setting, &choice->settings)
		strbuf_printf(&out, "           %s=%s: %s\n", setting->name, setting->value,
			setting->reason);
	vec_foreach (const char *, note, &choice->notes) {
		strbuf_str_add(&out, "note       ");
		strbuf_escaped_add(&out, *note, WORD_LIMIT_BYTES);
		strbuf_char_add(&out, '\n');
	}
	strbuf_str_add(&out, "runs       nvbind");
	vec_foreach (const char *, word, &choice->run)
		add_word(*word, &out);
	strbuf_char_add(&out, '\n');
	*ret = strbuf_take(&out);
	return *ret ? 0 : NVB_OOM(err);
}

/* ---- JSON ---- */

/* 0 is what is not known. */
static void add_known(
	struct json_builder *b, struct json_object *o, const char *key, uint64_t value)
{
	if (value)
		json_add_uint(b, o, key, value);
	else
		json_add_null(b, o, key);
}

static void write_model(
	struct json_builder *b, struct json_object *root, const struct ollama_model *m)
{
	struct json_object *o = json_add_object(b, root, "model");

	json_add_string(b, o, "name", m->shown);
	json_add_string(b, o, "source",
		m->has_gguf	      ? "gguf"
		: m->is_stored	      ? "manifest"
		: m->guess.parameters ? "name"
				      : NULL);
	json_add_string(b, o, "directory", m->directory);
	json_add_string(b, o, "architecture", m->has_gguf ? m->gguf.architecture : NULL);
	json_add_string(b, o, "precision", m->has_gguf ? m->gguf.precision : NULL);
	add_known(b, o, "weights_bytes", m->stored.weights_bytes);
	add_known(b, o, "trained_context", m->has_gguf ? m->gguf.context.sum : 0);
}

static void write_estimate(
	struct json_builder *b, struct json_object *root, const struct ollama_choice *c)
{
	struct json_object *o, *terms;

	if (!c->has_estimate) {
		json_add_null(b, root, "estimate");
		return;
	}
	o = json_add_object(b, root, "estimate");
	json_add_uint(b, o, "total_bytes", c->estimate.total_bytes);
	json_add_bool(b, o, "is_guess", c->estimate.is_guess);
	terms = json_add_array(b, o, "terms");
	vec_foreach (const struct memory_term, term, &c->estimate.terms) {
		struct json_object *item = json_append_object(b, terms);

		json_add_string(b, item, "what", term->what);
		json_add_uint(b, item, "bytes", term->bytes);
		json_add_string(b, item, "source", term->source);
	}
}

static void write_gpus(
	struct json_builder *b, struct json_object *root, const struct ollama_choice *c)
{
	struct json_object *array = json_add_array(b, root, "gpus");

	vec_foreach (const struct ollama_gpu, gpu, &c->gpus) {
		struct json_object *o = json_append_object(b, array);

		json_add_uint(b, o, "index", gpu->item.gpu->index);
		if (gpu->item.partition)
			json_add_uint(b, o, "partition", gpu->item.partition->index);
		else
			json_add_null(b, o, "partition");
		json_add_string(b, o, "name", gpu->item.gpu->name);
		add_known(b, o, "memory_bytes", gpu->bytes);
		json_add_string(b, o, "memory_is",
			!gpu->bytes    ? NULL
			: gpu->is_free ? "free"
				       : "total");
	}
	json_add_string(b, root, "why_gpus", c->why_gpus);
	if (c->fit == OLLAMA_FIT_UNKNOWN)
		json_add_null(b, root, "fits");
	else
		json_add_bool(b, root, "fits", c->fit == OLLAMA_FITS);
}

static void write_strings(struct json_builder *b, struct json_object *root, const char *key,
	const struct string_list *list)
{
	struct json_object *array = json_add_array(b, root, key);

	vec_foreach (const char *, text, list)
		json_append_string(b, array, *text);
}

int ollama_format_json(const struct ollama_inputs *in, const struct ollama_choice *choice,
	char **ret, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *settings;
	int r;

	write_model(&b, root, in->model);
	write_estimate(&b, root, choice);
	write_gpus(&b, root, choice);
	settings = json_add_array(&b, root, "settings");
	vec_foreach (const struct ollama_setting, setting, &choice->settings) {
		struct json_object *o = json_append_object(&b, settings);

		json_add_string(&b, o, "name", setting->name);
		json_add_string(&b, o, "value", setting->value);
		json_add_string(&b, o, "reason", setting->reason);
	}
	write_strings(&b, root, "notes", &choice->notes);
	write_strings(&b, root, "run", &choice->run);
	r = json_builder_check(&b, err);
	return r < 0 ? r : json_format(root, JSON_PRETTY, ret, NULL, err);
}
