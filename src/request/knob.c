/* SPDX-License-Identifier: Apache-2.0 */
#include "request/knob.h"

#include <inttypes.h>
#include <string.h>

#include "request/knob_place.h"
#include "request/nearest.h"

#define NAME_BYTES 256
#define PATH_PARTS 16

/* clang-format off */
const struct knob knob_table[KNOB_COUNT] = {
#define KNOB(id, name, type, vocabulary, least, most, scope, summary) \
	[KNOB_##id] = { KNOB_##id, name, KNOB_TYPE_##type, vocabulary, least, most, \
		KNOB_SCOPE_##scope, summary },
#include "request/knobs.def"
#undef KNOB
};
/* clang-format on */

const char *knob_scope_name(enum knob_scope scope)
{
	switch (scope) {
	case KNOB_SCOPE_CONTAINER:
		return "container";
	case KNOB_SCOPE_HOST:
		return "host";
	case KNOB_SCOPE_ENGINE:
		return "engine";
	}
	return "?";
}

static void add_words(const struct vocabulary *v, struct strbuf *out)
{
	const char *separator = "one of ";

	for (size_t i = 0; i < v->n; i++) {
		if (v->words[i].alias)
			continue;
		strbuf_printf(out, "%s'%s'", separator, v->words[i].name);
		separator = ", ";
	}
}

static void add_range(const struct knob *knob, const char *unit, struct strbuf *out)
{
	if (knob->most)
		strbuf_printf(out, "from %" PRIu64 "%s to %" PRIu64 "%s", knob->least, unit,
			knob->most, unit);
	else
		strbuf_printf(out, "at least %" PRIu64 "%s", knob->least, unit);
}

void knob_values_add(const struct knob *knob, struct strbuf *out)
{
	switch (knob->type) {
	case KNOB_TYPE_BOOL:
		strbuf_str_add(out, "true or false");
		break;
	case KNOB_TYPE_WORD:
		add_words(knob->vocabulary, out);
		break;
	case KNOB_TYPE_SIZE:
		strbuf_str_add(out, "a size, as 500MiB or 8GiB");
		if (knob->least > 1 || knob->most) {
			strbuf_str_add(out, ", ");
			add_range(knob, " B", out);
		}
		break;
	case KNOB_TYPE_PERCENT:
		add_range(knob, "%", out);
		break;
	case KNOB_TYPE_NUMBER:
		add_range(knob, "", out);
		break;
	case KNOB_TYPE_TEXT:
		strbuf_str_add(out, "text");
		break;
	case KNOB_TYPE_LIST:
		strbuf_str_add(out, "a list of texts");
		break;
	}
}

/* "bolt.gaming.dlss_enabled"; the text is cut into its parts. */
static const struct knob *find_place(char *path)
{
	const char *keys[PATH_PARTS];
	struct knob_place place;
	size_t n = 0;

	for (char *part; (part = strsep(&path, "."));) {
		if (n == PATH_PARTS)
			return NULL;
		keys[n++] = part;
	}
	return knob_place_find(keys, n, &place) == KNOB_PATH_KNOB ? place.knob : NULL;
}

static const struct knob *find_flat(char *name)
{
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	for (size_t i = 0; i < KNOB_COUNT; i++)
		if (strcmp(knob_table[i].name, name) == 0)
			return &knob_table[i];
	return knob_place_alias(name);
}

static const char *find_nearest(const char *name)
{
	struct nearest nearest = NEAREST_INIT(name);
	const struct knob *knob;
	const char *alias;

	for (size_t i = 0; i < KNOB_COUNT; i++)
		nearest_consider(&nearest, knob_table[i].name);
	for (size_t i = 0; (alias = knob_place_alias_name(i, &knob)); i++)
		nearest_consider(&nearest, alias);
	return nearest_word(&nearest);
}

const struct knob *knob_find(const char *name, const char **ret_nearest)
{
	const struct knob *found = NULL;
	char copy[NAME_BYTES];
	size_t length = strlen(name);

	*ret_nearest = NULL;
	if (length < sizeof(copy)) {
		memcpy(copy, name, length + 1);
		found = strchr(name, '.') ? find_place(copy) : find_flat(copy);
	}
	if (!found) {
		const char *dot = strrchr(name, '.');

		*ret_nearest = find_nearest(dot ? dot + 1 : name);
	}
	return found;
}
