/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First it is noted which members and items go and what comes where; a mapping that loses all of
 * its members goes as a whole, unless others take it by an anchor. Then each mapping and list that
 * loses or gains is turned into patches: whole lines in block style, commas in flow style.
 */
#include "migrate/compose_place.h"

#include <string.h>

#include "base/number.h"
#include "base/strbuf.h"
#include "migrate/compose_lines.h"

#define STEP_LIMIT  8
#define PATCH_LIMIT ((size_t)1 << 20)

/* A pair of a mapping or an item of a list, that goes. */
struct removal {
	struct yaml_node *container;
	size_t index;
};

/* A new member of a mapping. */
struct arrival {
	struct yaml_node *mapping;
	size_t near; /* the pair of the mapping that it replaces or follows */
	const char *key;
	const char *scalar;	  /* its value, or */
	struct string_list items; /* what the list or mapping holds */
	bool is_mapping;
};

struct placing {
	const struct compose_text *t;
	struct yaml_node *service;
	bool own;
	struct arena *arena;
	struct VEC(struct removal) removals;
	struct VEC(struct arrival) arrivals;
	struct text_patch_list *patches;
	const char *refused;
	unsigned refused_line;
	struct nvb_error **err;
};

static int refuse(struct placing *p, unsigned line, const char *reason)
{
	if (!p->refused) {
		p->refused = reason;
		p->refused_line = line;
	}
	return 0;
}

static size_t count_of(const struct yaml_node *container)
{
	return container->kind == YAML_NODE_MAPPING ? container->pairs.n : container->items.n;
}

static bool goes(const struct placing *p, const struct yaml_node *container, size_t index)
{
	vec_foreach (const struct removal, removal, &p->removals)
		if (removal->container == container && removal->index == index)
			return true;
	return false;
}

static bool all_go(const struct placing *p, const struct yaml_node *container)
{
	const size_t n = count_of(container);

	for (size_t i = 0; i < n; i++)
		if (!goes(p, container, i))
			return false;
	return n > 0;
}

static void keep_all(struct placing *p, const struct yaml_node *container)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->removals.n; i++)
		if (p->removals.items[i].container != container)
			p->removals.items[kept++] = p->removals.items[i];
	p->removals.n = kept;
}

static int note_removal(struct placing *p, struct yaml_node *container, size_t index)
{
	struct removal *removal;

	if (goes(p, container, index))
		return 0;
	removal = vec_push(p->arena, &p->removals);
	if (!removal)
		return NVB_OOM(p->err);
	*removal = (struct removal){ .container = container, .index = index };
	return 0;
}

/* Where a path leads. */

struct step {
	struct yaml_node *container; /* that holds the pair or item; "<<" may have brought it */
	struct yaml_node *asked;     /* the container that was looked into */
	size_t index;
	struct yaml_node *value; /* as written: perhaps an alias */
};

static bool take_step(struct yaml_node *at, const char *name, struct step *ret)
{
	struct yaml_member member;
	uint64_t index;

	at = yaml_node_resolve(at);
	if (at->kind == YAML_NODE_SEQUENCE && number_parse(name, SIZE_MAX, &index) &&
		index < at->items.n) {
		*ret = (struct step){ at, at, index, at->items.items[index] };
		return true;
	}
	if (!yaml_node_member(at, name, &member))
		return false;
	*ret = (struct step){ member.mapping, at, member.index,
		member.mapping->pairs.items[member.index].value };
	return true;
}

static bool walk(struct placing *p, const struct string_list *path, struct step *steps)
{
	struct yaml_node *at = p->service;

	if (!path->n || path->n > STEP_LIMIT)
		return false;
	for (size_t i = 0; i < path->n; i++) {
		if (!take_step(at, path->items[i], &steps[i]))
			return false;
		at = steps[i].value;
	}
	return true;
}

/* Up from what goes: a container that loses its last goes itself. */
static int note_removal_of(struct placing *p, const struct string_list *path)
{
	struct step steps[STEP_LIMIT];
	int r = 0;

	if (!walk(p, path, steps))
		return refuse(p, 0, "what is to be removed is not found in the text");
	for (size_t i = path->n; r >= 0 && i-- > 0;) {
		const struct yaml_node *emptied = steps[i].asked;

		r = note_removal(p, steps[i].container, steps[i].index);
		if (i == 0 || steps[i].container != emptied || !all_go(p, emptied))
			break;
		/* By an alias: it goes, and what it names stays as it is. By itself: another may
		 * name it, so it stays, empty. */
		if (steps[i - 1].value->kind != YAML_NODE_ALIAS && emptied->anchor_end)
			break;
		keep_all(p, emptied);
	}
	return r;
}

/* What comes. */

static bool is_list(const char *key)
{
	return strcmp(key, "environment") != 0;
}

/* In the service itself: where it takes what others take too. */
static bool find_own_place(const struct placing *p, struct yaml_member *ret)
{
	size_t at = 0;

	if (p->service->kind != YAML_NODE_MAPPING || !p->service->pairs.n)
		return false;
	while (at < p->service->pairs.n && !yaml_pair_is_merge(&p->service->pairs.items[at]))
		at++;
	if (at == p->service->pairs.n)
		at--;
	*ret = (struct yaml_member){ .mapping = p->service, .index = at };
	return true;
}

static bool find_place(const struct placing *p, const char *near, struct yaml_member *ret)
{
	if (!near || !yaml_node_member(p->service, near, ret))
		return false;
	return !p->own || ret->mapping == p->service || find_own_place(p, ret);
}

static int add_arrival(struct placing *p, const struct compose_edit *edit, const char *key)
{
	struct yaml_member member;
	struct arrival *made;

	if (!find_place(p, edit->near, &member))
		return refuse(p, p->service->line, "no place for what comes is found");
	for (size_t i = 0; edit->kind == COMPOSE_ADD && i < p->arrivals.n; i++) {
		if (strcmp(p->arrivals.items[i].key, key) != 0)
			continue;
		return string_list_add(p->arena, &p->arrivals.items[i].items, edit->value) < 0
			       ? NVB_OOM(p->err)
			       : 0;
	}
	made = vec_push(p->arena, &p->arrivals);
	if (!made)
		return NVB_OOM(p->err);
	*made = (struct arrival){
		.mapping = member.mapping,
		.near = member.index,
		.key = key,
		.scalar = edit->kind == COMPOSE_PUT ? edit->value : NULL,
		.is_mapping = !is_list(key),
	};
	if (made->scalar)
		return 0;
	return string_list_add(p->arena, &made->items, edit->value) < 0 ? NVB_OOM(p->err) : 0;
}

static int add_patch(struct placing *p, struct text_patch patch)
{
	if (!patch.text || text_patch_add(p->arena, p->patches, patch) < 0)
		return NVB_OOM(p->err);
	return 0;
}

/* "NAME:", with nothing behind it. */
static int put_behind_colon(struct placing *p, const struct step *step, const char *value)
{
	const struct yaml_pair *pair = &step->container->pairs.items[step->index];
	const size_t at = compose_pair_end(p->t, pair);
	const char *scalar = compose_scalar(p->arena, value, false);

	if (!scalar)
		return NVB_OOM(p->err);
	if (at == pair->key->end || p->t->text[at - 1] != ':')
		return refuse(p, pair->key->line, "the value is not written as a plain text");
	return add_patch(p, (struct text_patch){
				    .begin = at,
				    .end = at,
				    .text = arena_printf(p->arena, " %s", scalar),
			    });
}

/* In the quotes that are there. */
static const char *scalar_like(
	const struct placing *p, const struct yaml_node *old, const char *value)
{
	if (old->kind != YAML_NODE_SCALAR || old->style == YAML_STYLE_PLAIN)
		return compose_scalar(p->arena, value, false);
	if (old->style == YAML_STYLE_SINGLE_QUOTED && !strchr(value, '\''))
		return arena_printf(p->arena, "'%s'", value);
	return compose_scalar(p->arena, value, true);
}

/* A tag of YAML's own says the type of the old value: "!!int 0". */
static size_t value_begin(const struct placing *p, const struct yaml_node *value)
{
	const bool tagged = !value->anchor_end && value->begin - value->properties > 2 &&
			    strncmp(p->t->text + value->properties, "!!", 2) == 0;

	return tagged ? value->properties : value->begin;
}

static int put(struct placing *p, const struct compose_edit *edit)
{
	struct step steps[STEP_LIMIT];
	const struct step *last;
	const struct yaml_node *value;

	if (!walk(p, &edit->path, steps))
		return edit->path.n == 1
			       ? add_arrival(p, edit, edit->path.items[0])
			       : refuse(p, 0, "what is to be changed is not found in the text");
	last = &steps[edit->path.n - 1];
	value = last->value;
	if (value->kind == YAML_NODE_SCALAR && value->style == YAML_STYLE_ABSENT &&
		last->container->kind == YAML_NODE_MAPPING && !value->anchor_end)
		return put_behind_colon(p, last, edit->value);
	if (value->kind == YAML_NODE_SCALAR && strcmp(value->text, edit->value) == 0)
		return 0;
	/* An alias goes; what it names stays as it is. */
	if (yaml_node_resolve(last->value)->kind != YAML_NODE_SCALAR ||
		(value->kind == YAML_NODE_SCALAR &&
			(value->style == YAML_STYLE_ABSENT || value->style == YAML_STYLE_LINES)))
		return refuse(p, value->line, "the value is not written as a plain text");
	return add_patch(p, (struct text_patch){
				    .begin = value_begin(p, value),
				    .end = value->end,
				    .text = scalar_like(p, value, edit->value),
			    });
}

/* Behind the last item of what is there: `devices`, `environment`. */
static int append(struct placing *p, struct yaml_node *container, const struct compose_edit *edit)
{
	struct text_patch patch = { 0 };
	const char *refused = NULL;

	if (container->style == YAML_STYLE_FLOW)
		patch = compose_flow_append(p->arena, p->t, container, edit->value);
	else
		patch = compose_block_append(p->arena, p->t, container, edit->value, &refused);
	if (refused)
		return refuse(p, container->line, refused);
	/* More than one at the same place is one patch: its lines follow each other. */
	vec_foreach (struct text_patch, known, p->patches) {
		if (!patch.text || known->begin != patch.begin || known->end != patch.end)
			continue;
		known->text = arena_printf(p->arena, "%s%s", known->text,
			container->style == YAML_STYLE_FLOW && !count_of(container)
				? arena_printf(p->arena, ", %s", patch.text)
				: patch.text);
		return known->text ? 0 : NVB_OOM(p->err);
	}
	return add_patch(p, patch);
}

static int add(struct placing *p, const struct compose_edit *edit)
{
	struct step step;
	struct yaml_node *container;

	if (!take_step(p->service, edit->path.items[0], &step))
		return add_arrival(p, edit, edit->path.items[0]);
	container = yaml_node_resolve(step.value);
	if (container->kind != YAML_NODE_SEQUENCE && container->kind != YAML_NODE_MAPPING)
		return refuse(p, container->line, "the list it belongs into is not written as one");
	return append(p, container, edit);
}

/* Patches. */

static bool receives(const struct placing *p, const struct yaml_node *mapping)
{
	vec_foreach (const struct arrival, arrival, &p->arrivals)
		if (arrival->mapping == mapping)
			return true;
	return false;
}

static size_t span_begin(const struct yaml_node *container, size_t i)
{
	return container->kind == YAML_NODE_MAPPING ? container->pairs.items[i].key->properties
						    : container->items.items[i]->properties;
}

static size_t span_end(const struct compose_text *t, const struct yaml_node *container, size_t i)
{
	return container->kind == YAML_NODE_MAPPING
		       ? compose_pair_end(t, &container->pairs.items[i])
		       : container->items.items[i]->end;
}

/* One run of neighbours that go, in brackets: with the comma that parts it from what stays. */
static int remove_flow_run(struct placing *p, struct yaml_node *c, size_t first, size_t last)
{
	size_t begin = span_begin(c, first), end = span_end(p->t, c, last);

	if (last + 1 < count_of(c))
		end = span_begin(c, last + 1);
	else if (first > 0)
		begin = span_end(p->t, c, first - 1);
	if (compose_has_comment(p->t, begin, end))
		return refuse(p, c->line, "a comment stands in the brackets of what goes");
	return add_patch(p, (struct text_patch){ .begin = begin, .end = end, .text = "" });
}

static int remove_flow(struct placing *p, struct yaml_node *container)
{
	const size_t n = count_of(container);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		size_t last = i;

		if (!goes(p, container, i))
			continue;
		while (last + 1 < n && goes(p, container, last + 1))
			last++;
		r = remove_flow_run(p, container, i, last);
		i = last;
	}
	return r;
}

/* An anchored mapping that is left without a member is still one. */
static int leave_empty(struct placing *p, struct yaml_node *c)
{
	if (!c->anchor_end || !compose_line_ends(p->t, c->anchor_end))
		return refuse(p, c->line, "nothing would be left of a mapping that others take");
	return add_patch(p, (struct text_patch){
				    .begin = c->anchor_end,
				    .end = c->anchor_end,
				    .text = c->kind == YAML_NODE_MAPPING ? " {}" : " []",
			    });
}

static int remove_block(struct placing *p, struct yaml_node *c)
{
	const size_t n = count_of(c);
	int r = 0;

	if (all_go(p, c) && !receives(p, c))
		r = leave_empty(p, c);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		const char *refused = NULL;
		struct text_patch patch;

		if (!goes(p, c, i))
			continue;
		patch = compose_lines_remove(p->arena, p->t, c, i, &refused);
		r = refused ? refuse(p, c->line, refused) : add_patch(p, patch);
	}
	return r;
}

static int place_removals(struct placing *p)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->removals.n; i++) {
		struct yaml_node *container = p->removals.items[i].container;
		bool seen = false;

		for (size_t j = 0; j < i; j++)
			seen = seen || p->removals.items[j].container == container;
		if (!seen)
			r = container->style == YAML_STYLE_FLOW ? remove_flow(p, container)
								: remove_block(p, container);
	}
	return r;
}

/* In brackets: behind the pair that stays before it, or at the beginning. */
static int arrive_in_flow(struct placing *p, const struct arrival *arrival, const char *text)
{
	struct yaml_node *m = arrival->mapping;
	size_t at = arrival->near + 1;
	bool has_next = false;

	while (at > 0 && goes(p, m, at - 1))
		at--;
	for (size_t i = at; i < m->pairs.n; i++)
		has_next = has_next || !goes(p, m, i);
	if (at > 0)
		return add_patch(p, (struct text_patch){
					    .begin = span_end(p->t, m, at - 1),
					    .end = span_end(p->t, m, at - 1),
					    .text = arena_printf(p->arena, ", %s", text),
				    });
	return add_patch(
		p, (struct text_patch){
			   .begin = span_begin(m, 0),
			   .end = span_begin(m, 0),
			   .text = arena_printf(p->arena, "%s%s", text, has_next ? ", " : ""),
		   });
}

static int arrive_in_block(struct placing *p, const struct arrival *arrival, const char *text)
{
	const size_t at = compose_line_after(p->t, span_end(p->t, arrival->mapping, arrival->near));

	return add_patch(p,
		(struct text_patch){ .begin = at, .end = at, .text = text, .whole_lines = true });
}

/* All that comes to one place is one patch. */
static int place_arrivals(struct placing *p)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(PATCH_LIMIT);
	const struct arrival *first;
	const char *text;
	bool flow;

	if (!p->arrivals.n)
		return 0;
	first = &p->arrivals.items[0];
	flow = first->mapping->style == YAML_STYLE_FLOW;
	vec_foreach (const struct arrival, arrival, &p->arrivals) {
		const struct compose_member member = {
			.key = arrival->key,
			.scalar = arrival->scalar,
			.items = &arrival->items,
			.is_mapping = arrival->is_mapping,
		};

		if (flow && b.length)
			strbuf_str_add(&b, ", ");
		if (flow)
			compose_flow_member(&b, p->t, first->mapping, &member);
		else
			compose_block_member(&b, p->t, first->mapping, &member);
	}
	text = strbuf_failed(&b) ? NULL : arena_strdup(p->arena, strbuf_str(&b));
	if (!text)
		return NVB_OOM(p->err);
	return flow ? arrive_in_flow(p, first, text) : arrive_in_block(p, first, text);
}

int compose_place(const struct compose_text *t, struct yaml_node *service,
	const struct compose_edit_list *edits, bool own, struct arena *a,
	struct text_patch_list *ret, const char **ret_refused, unsigned *ret_line,
	struct nvb_error **err)
{
	struct placing p = {
		.t = t,
		.service = yaml_node_resolve(service),
		.own = own,
		.arena = a,
		.patches = ret,
		.err = err,
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && !p.refused && i < edits->n; i++) {
		const struct compose_edit *edit = &edits->items[i];

		if (edit->kind == COMPOSE_REMOVE)
			r = note_removal_of(&p, &edit->path);
		else if (edit->kind == COMPOSE_PUT)
			r = put(&p, edit);
		else
			r = add(&p, edit);
	}
	if (r >= 0 && !p.refused)
		r = place_removals(&p);
	if (r >= 0 && !p.refused)
		r = place_arrivals(&p);
	*ret_refused = p.refused;
	*ret_line = p.refused_line;
	return r < 0 ? r : 0;
}
