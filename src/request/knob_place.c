/* SPDX-License-Identifier: Apache-2.0 */
#include "request/knob_place.h"

#include <string.h>

#include "request/nearest.h"

#define WORD_BYTES 48

enum group {
	GROUP_RUNTIME,
	GROUP_CAPSULE,
	GROUP_GAMING,
	GROUP_AUDIO,
	GROUP_AIML,
	GROUP_NVBIND,
	GROUP_DRIVER_NVIDIA,
	GROUP_DRIVER_AMD,
	GROUP_WSL2,
	GROUP_HOST,
	GROUP_GPU,
	GROUP_CARD_NVIDIA,
	GROUP_CARD_AMD,
	GROUP_SCHEDULING,
	GROUP_CHOICE,
	GROUP_MODELS,
	GROUP_FLAT, /* every knob by its flat names */
};

#define TABLE(group, section, pattern)
#define KEY(group, knob)
#define KEY_AS(group, name, knob)
#define ALIAS(name, knob)
#define OTHER(pattern)
#define EXAMPLE(knob, value)

static const struct table_row {
	enum group group;
	enum knob_section section;
	const char *pattern;
} tables[] = {
#undef TABLE
#define TABLE(group, section, pattern) { GROUP_##group, KNOB_SECTION_##section, pattern },
#include "request/knob_places.def"
#undef TABLE
#define TABLE(group, section, pattern)
};

static const struct key_row {
	enum group group;
	const char *name; /* NULL: the knob's own names */
	enum knob_id knob;
} key_rows[] = {
#undef KEY
#undef KEY_AS
#define KEY(group, knob)	  { GROUP_##group, NULL, KNOB_##knob },
#define KEY_AS(group, name, knob) { GROUP_##group, name, KNOB_##knob },
#include "request/knob_places.def"
#undef KEY
#undef KEY_AS
#define KEY(group, knob)
#define KEY_AS(group, name, knob)
};

static const struct alias_row {
	const char *name;
	enum knob_id knob;
} aliases[] = {
#undef ALIAS
#define ALIAS(name, knob) { name, KNOB_##knob },
#include "request/knob_places.def"
#undef ALIAS
#define ALIAS(name, knob)
};

static const char *const others[] = {
#undef OTHER
#define OTHER(pattern) pattern,
#include "request/knob_places.def"
#undef OTHER
#define OTHER(pattern)
};

static const char *const examples[KNOB_COUNT] = {
#undef EXAMPLE
#define EXAMPLE(knob, value) [KNOB_##knob] = value,
#include "request/knob_places.def"
#undef EXAMPLE
};

#undef TABLE
#undef KEY
#undef KEY_AS
#undef ALIAS
#undef OTHER

static size_t count_parts(const char *pattern)
{
	size_t n = 1;

	for (const char *p = pattern; *p; p++)
		n += *p == '.';
	return n;
}

/* The next part of a pattern, and its length. */
static const char *next_part(const char **pattern, size_t *ret_length)
{
	const char *part = *pattern;

	*ret_length = strcspn(part, ".");
	*pattern = part + *ret_length + (part[*ret_length] == '.');
	return part;
}

/* True if the first `n` parts of the pattern, which has them, match the first `n` keys. */
static bool matches(const char *pattern, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t length;
		const char *part = next_part(&pattern, &length);

		if (length == 1 && *part == '*')
			continue;
		if (strlen(keys[i]) != length || memcmp(keys[i], part, length) != 0)
			return false;
	}
	return true;
}

static size_t find_star(const char *pattern)
{
	for (size_t i = 0; *pattern; i++) {
		size_t length;

		if (*next_part(&pattern, &length) == '*')
			return i;
	}
	return SIZE_MAX;
}

const struct knob *knob_place_alias(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(aliases); i++)
		if (strcmp(aliases[i].name, name) == 0)
			return &knob_table[aliases[i].knob];
	return NULL;
}

const char *knob_place_alias_name(size_t i, const struct knob **ret_knob)
{
	if (i >= ELEMENTS(aliases))
		return NULL;
	*ret_knob = &knob_table[aliases[i].knob];
	return aliases[i].name;
}

static const struct knob *find_flat(const char *name)
{
	for (size_t i = 0; i < KNOB_COUNT; i++)
		if (strcmp(knob_table[i].name, name) == 0)
			return &knob_table[i];
	return knob_place_alias(name);
}

/* The names that mean something in a group alone come first. */
static const struct knob *find_in_group(enum group group, const char *name)
{
	const struct knob *flat = find_flat(name);

	for (size_t i = 0; i < ELEMENTS(key_rows); i++)
		if (key_rows[i].group == group && key_rows[i].name &&
			strcmp(key_rows[i].name, name) == 0)
			return &knob_table[key_rows[i].knob];
	if (!flat || group == GROUP_FLAT)
		return flat;
	for (size_t i = 0; i < ELEMENTS(key_rows); i++)
		if (key_rows[i].group == group && !key_rows[i].name && key_rows[i].knob == flat->id)
			return flat;
	return NULL;
}

static bool find_knob(const char *const *keys, size_t n, struct knob_place *ret)
{
	for (size_t i = 0; i < ELEMENTS(tables); i++) {
		const struct table_row *t = &tables[i];
		const struct knob *knob;

		if (count_parts(t->pattern) != n - 1 || !matches(t->pattern, keys, n - 1))
			continue;
		knob = find_in_group(t->group, keys[n - 1]);
		if (!knob)
			continue;
		*ret = (struct knob_place){ knob, t->section, find_star(t->pattern) };
		return true;
	}
	return false;
}

/* A table that leads to a knob or holds some. */
static bool find_table(const char *const *keys, size_t n, struct knob_place *ret)
{
	for (size_t i = 0; i < ELEMENTS(tables); i++) {
		const struct table_row *t = &tables[i];
		size_t star = find_star(t->pattern);

		if (count_parts(t->pattern) < n || !matches(t->pattern, keys, n))
			continue;
		*ret = (struct knob_place){ NULL, KNOB_SECTION_ALL, SIZE_MAX };
		if (star < n) {
			ret->section = t->section;
			ret->name_at = star;
		}
		return true;
	}
	return false;
}

enum knob_path knob_place_find(const char *const *keys, size_t n, struct knob_place *ret)
{
	*ret = (struct knob_place){ NULL, KNOB_SECTION_ALL, SIZE_MAX };
	if (!n)
		return KNOB_PATH_TABLE;
	if (find_knob(keys, n, ret))
		return KNOB_PATH_KNOB;
	if (find_table(keys, n, ret))
		return KNOB_PATH_TABLE;
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		size_t parts = count_parts(others[i]);

		if (!matches(others[i], keys, parts < n ? parts : n))
			continue;
		return parts <= n ? KNOB_PATH_OTHER : KNOB_PATH_TABLE;
	}
	return KNOB_PATH_UNKNOWN;
}

/* The nearest known word, in memory of its own: parts of patterns are no strings. */
struct guess {
	struct nearest nearest;
	char word[WORD_BYTES];
};

static void consider(struct guess *g, const char *text, size_t length)
{
	char word[WORD_BYTES];
	struct nearest with = g->nearest;

	if (length >= sizeof(word))
		return;
	memcpy(word, text, length);
	word[length] = '\0';
	nearest_consider(&with, word);
	if (with.word != word)
		return;
	memcpy(g->word, word, length + 1);
	g->nearest = with;
	g->nearest.word = g->word;
}

/* Part `n` of a pattern whose first `n` parts match `keys`. */
static void consider_part(struct guess *g, const char *pattern, const char *const *keys, size_t n)
{
	const char *part;
	size_t length;

	if (count_parts(pattern) <= n || !matches(pattern, keys, n))
		return;
	for (size_t i = 0; i < n; i++)
		(void)next_part(&pattern, &length);
	part = next_part(&pattern, &length);
	if (*part != '*')
		consider(g, part, length);
}

static void consider_group(struct guess *g, enum group group)
{
	for (size_t i = 0; i < ELEMENTS(key_rows); i++) {
		const struct key_row *row = &key_rows[i];
		const char *name = row->name ? row->name : knob_table[row->knob].name;

		if (row->group == group)
			consider(g, name, strlen(name));
	}
	for (size_t i = 0; i < KNOB_COUNT && group == GROUP_FLAT; i++)
		consider(g, knob_table[i].name, strlen(knob_table[i].name));
}

static void guess_key(struct guess *g, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < ELEMENTS(tables); i++) {
		const struct table_row *t = &tables[i];

		consider_part(g, t->pattern, keys, n - 1);
		if (count_parts(t->pattern) == n - 1 && matches(t->pattern, keys, n - 1))
			consider_group(g, t->group);
	}
	for (size_t i = 0; i < ELEMENTS(others); i++)
		consider_part(g, others[i], keys, n - 1);
}

void knob_place_hint(const char *const *keys, size_t n, struct strbuf *out)
{
	const struct knob *flat = n ? find_flat(keys[n - 1]) : NULL;
	const char *table, *key;
	struct guess g;

	if (!n)
		return;
	if (flat && knob_place_home(flat, &table, &key)) {
		strbuf_printf(out, "its place is '%s' in [%s]", key, table);
		return;
	}
	g = (struct guess){ .nearest = NEAREST_INIT(keys[n - 1]) };
	guess_key(&g, keys, n);
	if (nearest_word(&g.nearest))
		strbuf_printf(out, "did you mean '%s'?", nearest_word(&g.nearest));
}

bool knob_place_home(const struct knob *knob, const char **ret_table, const char **ret_key)
{
	for (size_t i = 0; i < ELEMENTS(tables); i++) {
		if (find_star(tables[i].pattern) != SIZE_MAX)
			continue;
		for (size_t j = 0; j < ELEMENTS(key_rows); j++) {
			const struct key_row *row = &key_rows[j];

			if (row->group != tables[i].group || row->knob != knob->id)
				continue;
			*ret_table = tables[i].pattern;
			*ret_key = row->name ? row->name : knob->name;
			return true;
		}
	}
	return false;
}

const char *knob_place_home_table(size_t i)
{
	size_t n = 0;

	for (size_t j = 0; j < ELEMENTS(tables); j++)
		if (find_star(tables[j].pattern) == SIZE_MAX && n++ == i)
			return tables[j].pattern;
	return NULL;
}

const char *knob_example(const struct knob *knob)
{
	if (examples[knob->id])
		return examples[knob->id];
	switch (knob->type) {
	case KNOB_TYPE_BOOL:
		return "true";
	case KNOB_TYPE_WORD:
		return knob->vocabulary->words[0].name;
	case KNOB_TYPE_SIZE:
	case KNOB_TYPE_PERCENT:
	case KNOB_TYPE_NUMBER:
	case KNOB_TYPE_TEXT:
	case KNOB_TYPE_LIST:
		break;
	}
	return NULL;
}
