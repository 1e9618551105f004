/* SPDX-License-Identifier: Apache-2.0 */
#include "request/settings.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/strbuf.h"
#include "format/size.h"
#include "request/selector.h"

#define TEXT_BYTES  1024
#define LIST_ITEMS  256
#define SHOWN_BYTES 64

/* "'0%' is not allowed: compute_limit is from 1% to 100%" */
static int raise_value(
	const struct knob *knob, const char *text, const char *why, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	_cleanup_(strbuf_done) struct strbuf values = STRBUF_INIT(1024);

	strbuf_escaped_add(&shown, text, SHOWN_BYTES);
	knob_values_add(knob, &values);
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' %s: %s is %s", strbuf_str(&shown), why,
		knob->name, strbuf_str(&values));
}

static int check_range(
	const struct knob *knob, const char *text, uint64_t number, struct nvb_error **err)
{
	if (number < knob->least)
		return raise_value(knob, text, "is too small", err);
	if (knob->most && number > knob->most)
		return raise_value(knob, text, "is too large", err);
	return 0;
}

static int parse_bool(
	const struct knob *knob, const char *text, struct setting *ret, struct nvb_error **err)
{
	static const char *const words[2][4] = {
		{ "false", "0", "no", "off" },
		{ "true", "1", "yes", "on" },
	};

	for (size_t value = 0; value < 2; value++)
		for (size_t i = 0; i < ELEMENTS(words[value]); i++)
			if (strcasecmp(text, words[value][i]) == 0) {
				ret->number = value;
				ret->text = words[value][0];
				return 0;
			}
	return raise_value(knob, text, "is neither yes nor no", err);
}

static int parse_word(
	const struct knob *knob, const char *text, struct setting *ret, struct nvb_error **err)
{
	int value, r = vocabulary_parse(knob->vocabulary, text, &value, err);

	if (r < 0)
		return r;
	ret->number = (uint64_t)value;
	ret->text = vocabulary_name(knob->vocabulary, value);
	return 0;
}

/* In the largest unit that leaves no rest, so that it reads as the same number. */
static const char *size_text(struct arena *a, uint64_t bytes)
{
	static const char units[] = "BKMGTP";
	unsigned power = 0;

	while (bytes && bytes % 1024 == 0 && power < sizeof(units) - 2) {
		bytes /= 1024;
		power++;
	}
	if (!power)
		return arena_printf(a, "%" PRIu64, bytes);
	return arena_printf(a, "%" PRIu64 "%ciB", bytes, units[power]);
}

static int parse_size(struct settings *s, const struct knob *knob, const char *text,
	struct setting *ret, struct nvb_error **err)
{
	int r = size_parse(text, &ret->number, err);

	if (r >= 0)
		r = check_range(knob, text, ret->number, err);
	if (r < 0)
		return r;
	ret->text = size_text(s->arena, ret->number);
	return ret->text ? 0 : NVB_OOM(err);
}

static int parse_number(struct settings *s, const struct knob *knob, const char *text,
	struct setting *ret, struct nvb_error **err)
{
	const char *unit = knob->type == KNOB_TYPE_PERCENT ? "%" : "";
	size_t length = strspn(text, "0123456789");
	int r;

	if (!length || (text[length] && strcmp(text + length, unit) != 0))
		return raise_value(knob, text, "is not a number", err);
	if (!number_parse_n(text, length, UINT64_MAX, &ret->number))
		return raise_value(knob, text, "is too large", err);
	r = check_range(knob, text, ret->number, err);
	if (r < 0)
		return r;
	ret->text = arena_printf(s->arena, "%" PRIu64 "%s", ret->number, unit);
	return ret->text ? 0 : NVB_OOM(err);
}

/* Values end in environments, messages and files. */
static int check_text(const struct knob *knob, const char *text, struct nvb_error **err)
{
	if (!*text)
		return raise_value(knob, text, "is empty", err);
	if (strlen(text) > TEXT_BYTES)
		return raise_value(knob, text, "is too long", err);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return raise_value(knob, text, "holds a control character", err);
	return 0;
}

static int parse_text(struct settings *s, const struct knob *knob, const char *text,
	struct setting *ret, struct nvb_error **err)
{
	int r = check_text(knob, text, err);

	if (r < 0)
		return r;
	ret->text = arena_strdup(s->arena, text);
	return ret->text ? 0 : NVB_OOM(err);
}

static int add_item(struct settings *s, const struct knob *knob, const char *text, size_t length,
	struct setting *ret, struct nvb_error **err)
{
	const char *item;
	int r;

	while (length && text[0] == ' ') {
		text++;
		length--;
	}
	while (length && text[length - 1] == ' ')
		length--;
	if (ret->list.n == LIST_ITEMS)
		return raise_value(knob, text, "has too many items", err);
	item = arena_strndup(s->arena, text, length);
	if (!item)
		return NVB_OOM(err);
	r = check_text(knob, item, err);
	if (r >= 0 && knob->id == KNOB_DEVICES)
		r = selector_check(item, err);
	if (r < 0)
		return r;
	return string_list_add(s->arena, &ret->list, item) < 0 ? NVB_OOM(err) : 0;
}

static int parse_list(struct settings *s, const struct knob *knob, const char *text,
	struct setting *ret, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf joined = STRBUF_INIT(LIST_ITEMS * (TEXT_BYTES + 1));

	for (const char *p = text;; p++) {
		size_t length = strcspn(p, ",");
		int r = add_item(s, knob, p, length, ret, err);

		if (r < 0)
			return r;
		strbuf_printf(&joined, "%s%s", joined.length ? "," : "",
			ret->list.items[ret->list.n - 1]);
		p += length;
		if (!*p)
			break;
	}
	ret->text = strbuf_failed(&joined) ? NULL : arena_strdup(s->arena, strbuf_str(&joined));
	return ret->text ? 0 : NVB_OOM(err);
}

static int parse(struct settings *s, const struct knob *knob, const char *text, struct setting *ret,
	struct nvb_error **err)
{
	switch (knob->type) {
	case KNOB_TYPE_BOOL:
		return parse_bool(knob, text, ret, err);
	case KNOB_TYPE_WORD:
		return parse_word(knob, text, ret, err);
	case KNOB_TYPE_SIZE:
		if (text[0] == '-')
			return raise_value(knob, text, "is negative", err);
		return parse_size(s, knob, text, ret, err);
	case KNOB_TYPE_PERCENT:
	case KNOB_TYPE_NUMBER:
		if (text[0] == '-')
			return raise_value(knob, text, "is negative", err);
		return parse_number(s, knob, text, ret, err);
	case KNOB_TYPE_TEXT:
		return parse_text(s, knob, text, ret, err);
	case KNOB_TYPE_LIST:
		break;
	}
	return parse_list(s, knob, text, ret, err);
}

/* "auto" leaves the choice to others, so it contradicts none. */
static bool is_open(const struct knob *knob, const struct setting *value)
{
	return knob->id == KNOB_DRIVER && value->number == DRIVER_AUTO;
}

static int raise_contradiction(const struct knob *knob, const struct setting *there,
	const struct setting *here, struct nvb_error **err)
{
	int r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "%s is '%s' by %s, but '%s' by %s", knob->name,
		there->text, there->origin, here->text, here->origin);

	return NVB_HINT(err, r, "say it once, or the same in both places");
}

/* 1: the new value counts; 0: the old one stays. */
static int decide(const struct knob *knob, const struct setting *there, const struct setting *here,
	struct nvb_error **err)
{
	if (!there->given || there->source < here->source)
		return 1;
	if (there->source > here->source || strcmp(there->text, here->text) == 0)
		return 0;
	if (here->source == SOURCE_COMMAND_LINE)
		return 1;
	if (is_open(knob, there) || is_open(knob, here))
		return is_open(knob, there);
	return raise_contradiction(knob, there, here, err);
}

int settings_set(struct settings *s, const struct knob *knob, const char *text,
	enum request_source source, const char *origin, struct nvb_error **err)
{
	struct setting value = { .given = true, .source = source };
	int r = parse(s, knob, text, &value, err);

	if (r < 0)
		return r;
	value.origin = arena_strdup(s->arena, origin);
	if (!value.origin)
		return NVB_OOM(err);
	r = decide(knob, &s->of[knob->id], &value, err);
	if (r > 0)
		s->of[knob->id] = value;
	return r < 0 ? r : 0;
}

static int raise_unknown(const char *name, const char *nearest, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	int r;

	strbuf_escaped_add(&shown, name, SHOWN_BYTES);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown key '%s'", strbuf_str(&shown));
	if (nearest)
		return NVB_HINT(err, r, "did you mean '%s'?", nearest);
	return NVB_HINT(err, r, "'nvbind config init --output -' shows all keys");
}

int settings_set_assignment(struct settings *s, const char *assignment, enum request_source source,
	const char *origin, struct nvb_error **err)
{
	const char *value = strchr(assignment, '='), *nearest = NULL;
	const struct knob *knob;
	char *name;
	int r;

	if (!value)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "no '=' in '%.64s'", assignment),
			"it is KEY=VALUE, as in isolation_level=exclusive");
	name = arena_strndup(s->arena, assignment, (size_t)(value - assignment));
	if (!name)
		return NVB_OOM(err);
	knob = knob_find(name, &nearest);
	if (!knob)
		return raise_unknown(name, nearest, err);
	r = settings_set(s, knob, value + 1, source, origin, err);
	return r < 0 ? NVB_CONTEXT(err, r, "key '%s'", name) : 0;
}

/* The strings of `value` in the arena of `s`. */
static int copy_setting(struct settings *s, struct setting *value, struct nvb_error **err)
{
	const struct string_list items = value->list;

	value->list = (struct string_list){ 0 };
	value->origin = arena_strdup(s->arena, value->origin);
	value->text = arena_strdup(s->arena, value->text);
	if (!value->origin || !value->text)
		return NVB_OOM(err);
	for (size_t i = 0; i < items.n; i++)
		if (string_list_add(s->arena, &value->list, items.items[i]) < 0)
			return NVB_OOM(err);
	return 0;
}

static int put(struct settings *into, size_t id, struct setting value, struct nvb_error **err)
{
	int r = copy_setting(into, &value, err);

	if (r >= 0)
		into->of[id] = value;
	return r;
}

int settings_fill(struct settings *into, const struct settings *from, struct nvb_error **err)
{
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		int r = 0;

		if (from->of[i].given && !into->of[i].given)
			r = put(into, i, from->of[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int settings_merge(struct settings *into, const struct settings *from, struct nvb_error **err)
{
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct setting *value = &from->of[i];
		int r = value->given ? decide(&knob_table[i], &into->of[i], value, err) : 0;

		if (r > 0)
			r = put(into, i, *value, err);
		if (r < 0)
			return r;
	}
	vec_foreach (const char *, warning, &from->warnings)
		if (string_list_add(into->arena, &into->warnings, *warning) < 0)
			return NVB_OOM(err);
	return 0;
}

const struct setting *settings_get(const struct settings *s, enum knob_id id)
{
	return s->of[id].given ? &s->of[id] : NULL;
}

int settings_bool(const struct settings *s, enum knob_id id)
{
	return s->of[id].given ? (int)s->of[id].number : -1;
}
