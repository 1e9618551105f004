/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvbind profile explain: what a profile does on this machine. It is the plan of a container that
 * would be run with it, said in the order in which a person wants to know: what is on, what is
 * left to programs, what is not and why, what to change.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/json.h"
#include "nvbind/help.h"
#include "nvbind/profile_command.h"
#include "nvbind/run.h"

#define OUTPUT_LIMIT_BYTES ((size_t)1 << 20)
#define SHOWN_BYTES	   4096
#define INDENT		   6
#define WORDS_LIMIT	   256

struct explanation {
	const struct profile_view *view;
	const struct run *run;
};

/* Where there are GPUs at all. */
enum advice_place {
	EVERYWHERE,
	SEVERAL_GPUS,
	ON_A_BUS, /* a GPU of the machine's own, not one that it is lent */
};

struct advice {
	enum workload_profile workload;
	enum advice_place place;
	enum knob_id knob;
	const char *when, *set, *why;
};

/* clang-format off */
static const struct advice advice_table[] = {
#define ADVICE(workload, place, knob, when, set, why) \
	{ PROFILE_##workload, place, KNOB_##knob, when, set, why },
#include "nvbind/profile_advice.def"
#undef ADVICE
};
/* clang-format on */

/* NULL: the plan says nothing of it. */
static const struct plan_knob *outcome_of(const struct explanation *e, enum knob_id id)
{
	vec_foreach (struct plan_knob, knob, &e->run->plan->knobs)
		if (strcmp(knob->name, knob_table[id].name) == 0)
			return knob;
	return NULL;
}

static bool is_here(const struct explanation *e, enum advice_place place)
{
	const struct selection *gpus = &e->run->plan->gpus;

	if (!gpus->n)
		return false;
	switch (place) {
	case SEVERAL_GPUS:
		return e->run->inv->gpus.n > 1;
	case ON_A_BUS:
		return gpus->items[0].gpu->pci_address != NULL;
	case EVERYWHERE:
		break;
	}
	return true;
}

static bool applies(const struct explanation *e, const struct advice *advice)
{
	const struct setting *value = settings_get(&e->run->options.settings, advice->knob);
	const struct plan_knob *outcome = outcome_of(e, advice->knob);

	if (advice->workload != e->run->options.profile || !is_here(e, advice->place))
		return false;
	if (!advice->when)
		return !value;
	/* What is not on here need not be taken back. */
	return value && strcmp(value->text, advice->when) == 0 && outcome &&
	       outcome->status != KNOB_UNSUPPORTED && outcome->status != KNOB_NONE;
}

/* The statuses in the order in which they are told. */
static const struct {
	const char *title;
	enum knob_status statuses[2];
} groups[] = {
	{ "What is on", { KNOB_ENFORCED, KNOB_APPLIED } },
	{ "What programs are told, and decide themselves", { KNOB_ADVISORY, KNOB_ADVISORY } },
	{ "What is not on here, and why", { KNOB_UNSUPPORTED, KNOB_UNSUPPORTED } },
	{ "What nothing can switch", { KNOB_NONE, KNOB_NONE } },
};

static void add_paragraph(struct strbuf *out, const char *text, size_t indent)
{
	_cleanup_(strbuf_done) struct strbuf escaped = STRBUF_INIT(4 * SHOWN_BYTES + 8);

	strbuf_escaped_add(&escaped, text, SHOWN_BYTES);
	out->failed |= escaped.failed;
	help_wrap(out, strbuf_str(&escaped), indent, 0);
}

static void add_knob(const struct plan_knob *knob, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(2 * SHOWN_BYTES + 8);

	strbuf_printf(out, "  %s = ", knob->name);
	strbuf_escaped_add(out, knob->value, SHOWN_BYTES);
	strbuf_char_add(out, '\n');
	if (knob->mechanism)
		strbuf_printf(&text, "%s%s", knob->mechanism, knob->reason ? ": " : "");
	if (knob->reason)
		strbuf_str_add(&text, knob->reason);
	out->failed |= text.failed;
	if (text.length)
		add_paragraph(out, strbuf_str(&text), INDENT);
}

static bool is_told(const struct plan_knob *knob)
{
	/* The title of all this. */
	return strcmp(knob->name, "profile") != 0;
}

static void add_groups(const struct plan *plan, struct strbuf *out)
{
	for (size_t i = 0; i < ELEMENTS(groups); i++) {
		bool begun = false;

		vec_foreach (struct plan_knob, knob, &plan->knobs) {
			if (!is_told(knob) || (knob->status != groups[i].statuses[0] &&
						      knob->status != groups[i].statuses[1]))
				continue;
			if (!begun)
				strbuf_printf(out, "\n%s\n", groups[i].title);
			begun = true;
			add_knob(knob, out);
		}
	}
}

/* How many of them, from `i` on, have one name. */
static size_t count_same(const struct selection *gpus, size_t i)
{
	const char *name = gpus->items[i].gpu->name;
	size_t end = i + 1;

	while (name && end < gpus->n && gpus->items[end].gpu->name &&
		strcmp(gpus->items[end].gpu->name, name) == 0)
		end++;
	return end - i;
}

static void add_gpus(const struct explanation *e, struct strbuf *out)
{
	const struct selection *gpus = &e->run->plan->gpus;

	if (!gpus->n)
		strbuf_str_add(out, "On this machine: no GPU\n");
	for (size_t i = 0, n; i < gpus->n; i += n) {
		const struct gpu *gpu = gpus->items[i].gpu;
		const char *name = gpu->name ? gpu->name : gpu->pci_address;

		n = count_same(gpus, i);
		strbuf_printf(out, "%s%s",
			i ? "                 " : "On this machine: ", n > 1 ? "GPUs " : "GPU ");
		for (size_t j = i; j < i + n; j++)
			strbuf_printf(out, "%s%u", j > i ? ", " : "", gpus->items[j].gpu->index);
		strbuf_str_add(out, name ? ": " : "");
		strbuf_escaped_add(out, name ? name : "", SHOWN_BYTES);
		strbuf_char_add(out, '\n');
	}
}

static void add_head(const struct explanation *e, struct strbuf *out)
{
	const struct profile_view *view = e->view;

	strbuf_escaped_add(out, view->name, SHOWN_BYTES);
	if (*view->summary) {
		strbuf_str_add(out, ": ");
		strbuf_escaped_add(out, view->summary, SHOWN_BYTES);
	}
	strbuf_char_add(out, '\n');
	if (view->inherits) {
		strbuf_str_add(out, "It inherits from '");
		strbuf_escaped_add(out, view->inherits, SHOWN_BYTES);
		strbuf_str_add(out, "'.\n");
	}
	add_gpus(e, out);
}

static void add_advice(const struct explanation *e, struct strbuf *out)
{
	bool begun = false;

	for (size_t i = 0; i < ELEMENTS(advice_table); i++) {
		if (!applies(e, &advice_table[i]))
			continue;
		if (!begun) {
			strbuf_str_add(out, "\nWhat you may change, by 'nvbind run --profile ");
			strbuf_escaped_add(out, e->view->name, SHOWN_BYTES);
			strbuf_str_add(out, " --config KEY=VALUE'\n");
		}
		begun = true;
		strbuf_printf(out, "  %s\n", advice_table[i].set);
		add_paragraph(out, advice_table[i].why, INDENT);
	}
}

static void explain_text(const struct explanation *e, struct strbuf *out)
{
	add_head(e, out);
	add_groups(e->run->plan, out);
	if (e->run->plan->warnings.n)
		strbuf_str_add(out, "\nWhat to look at\n");
	vec_foreach (const char *, warning, &e->run->plan->warnings)
		add_paragraph(out, *warning, 2);
	add_advice(e, out);
}

static void knob_json(struct json_builder *b, struct json_object *o, const struct explanation *e,
	const struct plan_knob *knob)
{
	const char *nearest;
	const struct knob *known = knob_find(knob->name, &nearest);
	const struct setting *value =
		known ? settings_get(&e->run->options.settings, known->id) : NULL;

	json_add_string(b, o, "name", knob->name);
	json_add_string(b, o, "value", knob->value);
	json_add_string(b, o, "scope", knob->is_host ? "host" : "container");
	json_add_string(b, o, "status", knob_status_name(knob->status));
	json_add_string(b, o, "mechanism", knob->mechanism);
	json_add_string(b, o, "reason", knob->reason);
	json_add_string(b, o, "origin", value ? value->origin : NULL);
}

static struct json_object *explain_json(struct json_builder *b, const struct explanation *e)
{
	struct json_object *root = json_new_object(b), *array, *o;

	json_add_string(b, root, "name", e->view->name);
	json_add_string(b, root, "inherits", e->view->inherits);
	json_add_string(b, root, "summary", e->view->summary);
	array = json_add_array(b, root, "gpus");
	for (size_t i = 0; i < e->run->plan->gpus.n; i++) {
		const struct gpu *gpu = e->run->plan->gpus.items[i].gpu;

		o = json_append_object(b, array);
		json_add_uint(b, o, "index", gpu->index);
		json_add_string(b, o, "name", gpu->name);
	}
	array = json_add_array(b, root, "knobs");
	vec_foreach (struct plan_knob, knob, &e->run->plan->knobs)
		if (is_told(knob))
			knob_json(b, json_append_object(b, array), e, knob);
	array = json_add_array(b, root, "advice");
	for (size_t i = 0; i < ELEMENTS(advice_table); i++) {
		if (!applies(e, &advice_table[i]))
			continue;
		o = json_append_object(b, array);
		json_add_string(b, o, "set", advice_table[i].set);
		json_add_string(b, o, "why", advice_table[i].why);
	}
	array = json_add_array(b, root, "warnings");
	vec_foreach (const char *, warning, &e->run->plan->warnings)
		json_append_string(b, array, *warning);
	return root;
}

static int print(const struct explanation *e, bool as_json, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(OUTPUT_LIMIT_BYTES);
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *json = NULL;
	int r;

	if (!as_json) {
		explain_text(e, &text);
		if (strbuf_failed(&text))
			return NVB_OOM(err);
		(void)fputs(strbuf_str(&text), stdout);
		return 0;
	}
	root = explain_json(&b, e);
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &json, NULL, err);
	if (r >= 0)
		(void)fputs(json, stdout);
	return r < 0 ? r : 0;
}

/* An image that nobody opens: of a dry run, the most common root is assumed. */
static int prepare_run(
	const struct profile_command *c, const char *name, struct run *run, struct nvb_error **err)
{
	static const char *const before[] = { "run", "--dry-run", "--runtime", "bolt" };
	char *words[WORDS_LIMIT + 1];
	struct string_list list = { 0 };
	int failed = 0;

	for (size_t i = 0; i < ELEMENTS(before); i++)
		failed |= string_list_add(c->arena, &list, before[i]);
	failed |= string_list_printf(c->arena, &list, "--profile=%s", name);
	vec_foreach (const char *, word, &c->run_words)
		failed |= string_list_add(c->arena, &list, *word);
	failed |= string_list_add(c->arena, &list, "IMAGE");
	if (failed)
		return NVB_OOM(err);
	if (list.n > WORDS_LIMIT)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "too many options");
	for (size_t i = 0; i < list.n; i++)
		words[i] = (char *)list.items[i];
	words[list.n] = NULL;
	return run_prepare(run, &c->context, (int)list.n, words, err);
}

int cmd_profile_explain(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(run_done) struct run run = RUN_INIT;
	struct profile_command c = { .arena = a };
	struct explanation e = { .run = &run };
	struct profile_view view;
	struct config config;
	const char *name;
	int r = a ? profile_command_parse_name(
			    COMMAND_PROFILE_EXPLAIN, context, argc, argv, &c, &name, err)
		  : NVB_OOM(err);

	if (r <= 0)
		return r;
	/* run_prepare() loads them too, and says what is in doubt. */
	r = config_load(a, c.context.host_root, &c.files, &config, err);
	if (r >= 0)
		r = profile_command_view(&c, &config, name, &view, err);
	if (r >= 0)
		r = prepare_run(&c, name, &run, err);
	if (r <= 0)
		return r;
	e.view = &view;
	return print(&e, c.json, err);
}
