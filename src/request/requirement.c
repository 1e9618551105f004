/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each constraint holds, fails, or is about a fact that nobody knows; a group is as good as the
 * worst of its constraints, a requirement as good as the best of its groups.
 *
 * A key that is none of ours is left out with a warning, as NVIDIA's toolkit does: newer images may
 * know more than we. A group of such keys alone does not count.
 */
#include "request/requirement.h"

#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/strbuf.h"

#define REQUIREMENT_BYTES   131072 /* as long as a variable can be */
#define VERSION_COMPONENTS  8
#define SHOWN_BYTES	    64
#define MESSAGE_BYTES	    (8 * SHOWN_BYTES)
#define OPERATOR_CHARACTERS "<>=!"

enum comparison {
	COMPARISON_EQUAL,
	COMPARISON_NOT_EQUAL,
	COMPARISON_LESS,
	COMPARISON_LESS_EQUAL,
	COMPARISON_GREATER,
	COMPARISON_GREATER_EQUAL,
};

/* Longer ones before their beginnings. */
static const struct {
	const char *text;
	enum comparison value;
} operators[] = {
	{ "!=", COMPARISON_NOT_EQUAL },
	{ "<=", COMPARISON_LESS_EQUAL },
	{ ">=", COMPARISON_GREATER_EQUAL },
	{ "=", COMPARISON_EQUAL },
	{ "<", COMPARISON_LESS },
	{ ">", COMPARISON_GREATER },
};

#define NOWHERE SIZE_MAX

struct key {
	const char *name;
	size_t fact, need; /* offsets in requirement_facts and requirement_needs */
	bool is_version;
	size_t at_least;     /* offset in requirement_facts; NOWHERE: such a fact has no bound */
	const char *fact_is; /* what stands before the fact in a message */
	const char *remedy;
};

static const struct key keys[] = {
	{ "cuda", offsetof(struct requirement_facts, cuda_version),
		offsetof(struct requirement_needs, cuda), true,
		offsetof(struct requirement_facts, cuda_at_least), "this driver serves CUDA",
		"install a newer driver or use an older image" },
	{ "driver", offsetof(struct requirement_facts, driver_version),
		offsetof(struct requirement_needs, driver), true, NOWHERE,
		"this machine's driver is", "install such a driver or use another image" },
	{ "arch", offsetof(struct requirement_facts, arch),
		offsetof(struct requirement_needs, arch), true, NOWHERE,
		"the lowest compute capability of the GPUs is",
		"select other GPUs or use another image" },
	{ "brand", offsetof(struct requirement_facts, brand),
		offsetof(struct requirement_needs, brand), false, NOWHERE, "the GPUs are of brand",
		"select other GPUs or use another image" },
};

struct version {
	uint64_t components[VERSION_COMPONENTS]; /* those not given are 0 */
};

struct constraint {
	const char *text; /* not terminated */
	size_t length;
	const struct key *key; /* NULL: not one of ours */
	enum comparison comparison;
	const char *value; /* up to the end of the text */
	size_t value_length;
	struct version version; /* only where the key is one */
};

enum verdict { VERDICT_FAILS, VERDICT_UNKNOWN, VERDICT_HOLDS };

static bool parse_version(const char *text, size_t length, struct version *ret)
{
	struct version version = { 0 };
	size_t n = 0;

	if (length && *text == 'v') {
		text++;
		length--;
	}
	for (;;) {
		const char *dot = memchr(text, '.', length);
		size_t part = dot ? (size_t)(dot - text) : length;

		if (n == VERSION_COMPONENTS ||
			!number_parse_n(text, part, UINT32_MAX, &version.components[n++]))
			return false;
		if (!dot)
			break;
		text += part + 1;
		length -= part + 1;
	}
	*ret = version;
	return true;
}

static int compare_versions(const struct version *a, const struct version *b)
{
	for (size_t i = 0; i < VERSION_COMPONENTS; i++)
		if (a->components[i] != b->components[i])
			return a->components[i] < b->components[i] ? -1 : 1;
	return 0;
}

static void add_shown(struct strbuf *out, const char *text, size_t length)
{
	char copy[SHOWN_BYTES + 2];
	size_t n = length < sizeof(copy) ? length : sizeof(copy) - 1;

	memcpy(copy, text, n);
	copy[n] = '\0';
	strbuf_escaped_add(out, copy, SHOWN_BYTES);
}

static int raise_malformed(const struct constraint *c, const char *reason, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(MESSAGE_BYTES);
	int r;

	add_shown(&shown, c->text, c->length);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "read the image's requirement '%s': %s",
		strbuf_str(&shown), reason);
	return NVB_HINT(err, r, "set NVIDIA_DISABLE_REQUIRE=1 to start without this check");
}

static bool parse_operator(const char *text, size_t length, struct constraint *c)
{
	for (size_t i = 0; i < ELEMENTS(operators); i++) {
		const size_t n = strlen(operators[i].text);

		if (length < n || memcmp(text, operators[i].text, n) != 0)
			continue;
		c->comparison = operators[i].value;
		c->value = text + n;
		c->value_length = length - n;
		return true;
	}
	return false;
}

static bool has_operator(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (strchr(OPERATOR_CHARACTERS, text[i]))
			return true;
	return false;
}

static int check_value(struct constraint *c, struct nvb_error **err)
{
	if (!c->value_length || has_operator(c->value, c->value_length))
		return raise_malformed(c, "not KEY, operator and value", err);
	if (c->key->is_version && !parse_version(c->value, c->value_length, &c->version))
		return raise_malformed(c, "not a version", err);
	if (!c->key->is_version && c->comparison != COMPARISON_EQUAL &&
		c->comparison != COMPARISON_NOT_EQUAL)
		return raise_malformed(c, "it has no order; use = or !=", err);
	return 0;
}

static int parse_constraint(
	const char *text, size_t length, struct constraint *ret, struct nvb_error **err)
{
	struct constraint c = { .text = text, .length = length };
	size_t name = 0;
	int r = 0;

	while (name < length && !strchr(OPERATOR_CHARACTERS, text[name]))
		name++;
	if (!name || !parse_operator(text + name, length - name, &c))
		return raise_malformed(&c, "not KEY, operator and value", err);
	for (size_t i = 0; i < ELEMENTS(keys); i++)
		if (strlen(keys[i].name) == name && memcmp(keys[i].name, text, name) == 0)
			c.key = &keys[i];
	if (c.key)
		r = check_value(&c, err);
	if (r >= 0)
		*ret = c;
	return r;
}

typedef int (*constraint_function)(void *user, const struct constraint *c, struct nvb_error **err);

/* One group; `each` is not called for empty places between commas. */
static int group_for_each(const char *text, size_t length, constraint_function each, void *user,
	struct nvb_error **err)
{
	while (length) {
		const char *comma = memchr(text, ',', length);
		size_t part = comma ? (size_t)(comma - text) : length;
		struct constraint c;
		int r = 0;

		if (part)
			r = parse_constraint(text, part, &c, err);
		if (part && r >= 0)
			r = each(user, &c, err);
		if (r < 0)
			return r;
		text += part + (comma != NULL);
		length -= part + (comma != NULL);
	}
	return 0;
}

/* The next group of a requirement; false: there is no more. */
static bool next_group(const char **at, const char **ret_text, size_t *ret_length)
{
	*at += strspn(*at, " \t\r\n");
	*ret_text = *at;
	*ret_length = strcspn(*at, " \t\r\n");
	*at += *ret_length;
	return *ret_length > 0;
}

static int check_length(const char *requirement, struct nvb_error **err)
{
	if (strnlen(requirement, REQUIREMENT_BYTES) < REQUIREMENT_BYTES)
		return 0;
	return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
		"read the image's requirement: longer than %d bytes", REQUIREMENT_BYTES - 1);
}

static int note_need(void *user, const struct constraint *c, struct nvb_error **err)
{
	(void)err;
	if (c->key)
		*(bool *)((char *)user + c->key->need) = true;
	return 0;
}

int requirement_needs(const struct string_list *requirements, struct requirement_needs *ret,
	struct nvb_error **err)
{
	struct requirement_needs needs = { 0 };

	vec_foreach (const char *, requirement, requirements) {
		const char *at = *requirement, *text;
		size_t length;
		int r = check_length(at, err);

		while (r >= 0 && next_group(&at, &text, &length))
			r = group_for_each(text, length, note_need, &needs, err);
		if (r < 0)
			return r;
	}
	*ret = needs;
	return 0;
}

static const char *fact_at(const struct requirement_facts *facts, size_t offset)
{
	return *(const char *const *)((const char *)facts + offset);
}

static const char *fact_of(const struct requirement_facts *facts, const struct key *key)
{
	return fact_at(facts, key->fact);
}

static const char *bound_of(const struct requirement_facts *facts, const struct key *key)
{
	return key->at_least == NOWHERE ? NULL : fact_at(facts, key->at_least);
}

static bool decide(enum comparison comparison, int order)
{
	switch (comparison) {
	case COMPARISON_EQUAL:
		return order == 0;
	case COMPARISON_NOT_EQUAL:
		return order != 0;
	case COMPARISON_LESS:
		return order < 0;
	case COMPARISON_LESS_EQUAL:
		return order <= 0;
	case COMPARISON_GREATER:
		return order > 0;
	case COMPARISON_GREATER_EQUAL:
		return order >= 0;
	}
	return false;
}

/* The fact is `order` or greater, compared to the constraint's value. */
static enum verdict decide_bound(enum comparison comparison, int order)
{
	if (order < 0)
		return VERDICT_UNKNOWN;
	if (order > 0)
		return decide(comparison, order) ? VERDICT_HOLDS : VERDICT_FAILS;
	if (comparison == COMPARISON_GREATER_EQUAL)
		return VERDICT_HOLDS;
	return comparison == COMPARISON_LESS ? VERDICT_FAILS : VERDICT_UNKNOWN;
}

static enum verdict judge_bound(const char *bound, const struct constraint *c)
{
	struct version least;

	if (!bound || !parse_version(bound, strlen(bound), &least))
		return VERDICT_UNKNOWN;
	return decide_bound(c->comparison, compare_versions(&least, &c->version));
}

static enum verdict judge(const struct requirement_facts *facts, const struct constraint *c)
{
	const char *fact = fact_of(facts, c->key);
	struct version known;
	int order;

	if (!fact)
		return judge_bound(bound_of(facts, c->key), c);
	if (c->key->is_version) {
		if (!parse_version(fact, strlen(fact), &known))
			return VERDICT_UNKNOWN;
		order = compare_versions(&known, &c->version);
	} else {
		order = strlen(fact) != c->value_length ||
			strncasecmp(fact, c->value, c->value_length) != 0;
	}
	return decide(c->comparison, order) ? VERDICT_HOLDS : VERDICT_FAILS;
}

struct group {
	const struct requirement_facts *facts;
	size_t counted;
	enum verdict verdict;	   /* the worst so far */
	struct constraint failed;  /* the first that fails; without text: none */
	struct constraint foreign; /* the first with a key that is none of ours */
	bool unknown[ELEMENTS(keys)];
};

static int judge_into_group(void *user, const struct constraint *c, struct nvb_error **err)
{
	struct group *g = user;
	enum verdict verdict;

	(void)err;
	if (!c->key) {
		g->foreign = g->foreign.text ? g->foreign : *c;
		return 0;
	}
	verdict = judge(g->facts, c);
	g->counted++;
	if (verdict == VERDICT_UNKNOWN)
		g->unknown[c->key - keys] = true;
	if (verdict == VERDICT_FAILS && !g->failed.text)
		g->failed = *c;
	if (verdict < g->verdict)
		g->verdict = verdict;
	return 0;
}

/* The group that decides: the best, of equals the first. Without counted groups it holds. */
static int judge_requirement(const char *requirement, const struct requirement_facts *facts,
	struct group *ret, struct nvb_error **err)
{
	struct group best = { .verdict = VERDICT_HOLDS };
	struct constraint foreign = { 0 };
	const char *text;
	size_t length;
	int r = check_length(requirement, err);

	while (r >= 0 && next_group(&requirement, &text, &length)) {
		struct group g = { .facts = facts, .verdict = VERDICT_HOLDS };

		r = group_for_each(text, length, judge_into_group, &g, err);
		foreign = foreign.text ? foreign : g.foreign;
		if (r >= 0 && g.counted && (!best.counted || g.verdict > best.verdict))
			best = g;
	}
	best.foreign = foreign;
	if (r >= 0)
		*ret = best;
	return r;
}

static int raise_failed(const struct group *g, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf constraint = STRBUF_INIT(MESSAGE_BYTES);
	_cleanup_(strbuf_done) struct strbuf fact = STRBUF_INIT(MESSAGE_BYTES);
	const struct key *key = g->failed.key;
	const char *known = fact_of(g->facts, key);
	int r;

	add_shown(&constraint, g->failed.text, g->failed.length);
	strbuf_escaped_add(&fact, known ? known : bound_of(g->facts, key), SHOWN_BYTES);
	if (!known)
		strbuf_str_add(&fact, " or newer");
	r = NVB_RAISE(err, NVB_ERR_DRIVER, 0, "meet the image's requirement '%s': %s %s",
		strbuf_str(&constraint), key->fact_is, strbuf_str(&fact));
	return NVB_HINT(err, r,
		"%s; NVIDIA_DISABLE_REQUIRE=1 starts the container without this check",
		key->remedy);
}

/* What has been warned of, over all requirements. */
struct warned {
	bool keys[ELEMENTS(keys)], foreign;
};

static int warn(const struct group *g, struct warned *warned, struct arena *a,
	struct string_list *warnings, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(MESSAGE_BYTES);
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(keys) && r >= 0; i++) {
		if (!g->unknown[i] || warned->keys[i])
			continue;
		warned->keys[i] = true;
		r = string_list_printf(a, warnings,
			"the image's requirement on '%s' is not checked: unknown on this machine",
			keys[i].name);
	}
	if (r >= 0 && g->foreign.text && !warned->foreign) {
		warned->foreign = true;
		add_shown(&shown, g->foreign.text, g->foreign.length);
		r = string_list_printf(a, warnings,
			"the image's requirement '%s' is not checked: unknown key",
			strbuf_str(&shown));
	}
	return r < 0 ? NVB_OOM(err) : 0;
}

int requirement_check(const struct string_list *requirements, const struct requirement_facts *facts,
	struct arena *a, struct string_list *ret_warnings, struct nvb_error **err)
{
	struct string_list warnings = { 0 };
	struct warned warned = { 0 };

	vec_foreach (const char *, requirement, requirements) {
		struct group group;
		int r = judge_requirement(*requirement, facts, &group, err);

		if (r >= 0 && group.verdict == VERDICT_FAILS)
			return raise_failed(&group, err);
		if (r >= 0)
			r = warn(&group, &warned, a, &warnings, err);
		if (r < 0)
			return r;
	}
	*ret_warnings = warnings;
	return 0;
}
