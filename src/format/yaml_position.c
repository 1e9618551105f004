/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From libfyaml's events and marks to a tree of places. Its marks leave out what this tree keeps:
 * quotes, "*" and "&" (libfyaml 0.7 to 0.9), so those are looked for in the text itself.
 */
#include "format/yaml_position.h"

#include <libfyaml.h>
#include <string.h>

#include "format/yaml.h"
#include "format/yaml_events.h"

/* Each step down takes an alias or a bracket. */
#define MERGE_DEPTH_LIMIT (YAML_ANCHOR_LIMIT + YAML_DEPTH_LIMIT)

struct locator {
	struct fy_parser *fy;
	struct arena *arena;
	const char *text;
	size_t length;
	struct yaml_node *root;
	struct yaml_node *levels[YAML_DEPTH_LIMIT];
	struct yaml_node *keys[YAML_DEPTH_LIMIT]; /* of the value that comes next */
	unsigned depth;
	struct {
		const char *name;
		struct yaml_node *node;
	} * anchors;
	size_t n_anchors;
	size_t last_end; /* behind the last leaf or bracket */
	unsigned line;
	struct nvb_error **err;
};

static void locator_done(struct locator *l)
{
	free(l->anchors);
}

static int refuse(struct locator *l, const char *what)
{
	return NVB_RAISE(l->err, NVB_ERR_FORMAT, 0, "parse YAML: line %u: %s", l->line, what);
}

/* Marks are the parser's claim; nothing behind the text is ever touched for it. */
static size_t bounded(const struct locator *l, const struct fy_mark *mark)
{
	return mark->input_pos < l->length ? mark->input_pos : l->length;
}

static bool stands_at(const struct locator *l, size_t at, char c)
{
	return at < l->length && l->text[at] == c;
}

/* Anchors. */

static int remember(struct locator *l, struct yaml_node *node, struct fy_token *token)
{
	const char *name = fy_token_get_text0(token);
	const struct fy_mark *mark = fy_token_start_mark(token);
	void *grown;

	if (!name || !mark)
		return name ? refuse(l, "an anchor without a place") : NVB_OOM(l->err);
	if (l->n_anchors == YAML_ANCHOR_LIMIT)
		return NVB_RAISE(l->err, NVB_ERR_LIMIT, 0, "parse YAML: too many anchors");
	grown = reallocarray(l->anchors, l->n_anchors + 1, sizeof(*l->anchors));
	if (!grown)
		return NVB_OOM(l->err);
	l->anchors = grown;
	name = arena_strdup(l->arena, name);
	if (!name)
		return NVB_OOM(l->err);
	l->anchors[l->n_anchors].name = name;
	l->anchors[l->n_anchors++].node = node;
	node->anchor_end = bounded(l, mark) + strlen(name);
	node->properties = bounded(l, mark);
	if (node->properties && stands_at(l, node->properties - 1, '&'))
		node->properties--;
	return 0;
}

static int note_properties(struct locator *l, struct yaml_node *node, struct fy_event *event)
{
	struct fy_token *anchor = fy_event_get_anchor_token(event);
	struct fy_token *tag = fy_event_get_tag_token(event);
	const struct fy_mark *mark = tag ? fy_token_start_mark(tag) : NULL;
	int r;

	node->properties = node->begin;
	if (anchor) {
		r = remember(l, node, anchor);
		if (r < 0)
			return r;
	}
	if (mark && bounded(l, mark) < node->properties)
		node->properties = bounded(l, mark);
	return 0;
}

static struct yaml_node *find_anchor(const struct locator *l, const char *name)
{
	for (size_t i = l->n_anchors; i-- > 0;)
		if (strcmp(l->anchors[i].name, name) == 0)
			return l->anchors[i].node;
	return NULL;
}

/* The tree. */

static int place(struct locator *l, struct yaml_node *node)
{
	struct yaml_node *parent = l->depth ? l->levels[l->depth - 1] : NULL;
	struct yaml_node **item, **key;
	struct yaml_pair *pair;

	if (!parent) {
		l->root = node;
		return 0;
	}
	if (parent->kind == YAML_NODE_SEQUENCE) {
		item = vec_push(l->arena, &parent->items);
		if (item)
			*item = node;
		return item ? 0 : NVB_OOM(l->err);
	}
	key = &l->keys[l->depth - 1];
	if (!*key) {
		*key = node;
		return 0;
	}
	pair = vec_push(l->arena, &parent->pairs);
	if (!pair)
		return NVB_OOM(l->err);
	*pair = (struct yaml_pair){ .key = *key, .value = node };
	*key = NULL;
	return 0;
}

static struct yaml_node *new_node(struct locator *l, enum yaml_node_kind kind)
{
	struct yaml_node *node = arena_new_object(l->arena, struct yaml_node);

	if (node) {
		node->kind = kind;
		node->line = l->line;
		node->begin = node->end = l->last_end;
	}
	return node;
}

/* Without the line breaks and the indentation behind its last line. */
static size_t end_of_lines(const struct locator *l, size_t begin, size_t end)
{
	while (end > begin && strchr(" \t\r\n", l->text[end - 1]))
		end--;
	return end;
}

static void span_scalar(struct locator *l, struct yaml_node *node, struct fy_token *token)
{
	const struct fy_mark *begin = token ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
	const enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_ANY;
	const char quote = style == FYSS_SINGLE_QUOTED ? '\'' : '"';

	if (!begin || !end) {
		node->style = YAML_STYLE_ABSENT;
		return;
	}
	node->begin = bounded(l, begin);
	node->end = bounded(l, end);
	node->style = YAML_STYLE_PLAIN;
	if (style == FYSS_LITERAL || style == FYSS_FOLDED) {
		node->style = YAML_STYLE_LINES;
		node->end = end_of_lines(l, node->begin, node->end);
	} else if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) {
		node->style = quote == '"' ? YAML_STYLE_DOUBLE_QUOTED : YAML_STYLE_SINGLE_QUOTED;
		if (node->begin && stands_at(l, node->begin - 1, quote))
			node->begin--;
		if (stands_at(l, node->end, quote))
			node->end++;
	} else if (node->begin == node->end) {
		node->style = YAML_STYLE_ABSENT;
	}
}

static int on_scalar(struct locator *l, struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	struct yaml_node *node = new_node(l, YAML_NODE_SCALAR);
	size_t n = 0;
	const char *text = token ? fy_token_get_text(token, &n) : "";
	int r;

	if (!node || !text)
		return NVB_OOM(l->err);
	node->text = arena_strndup(l->arena, text, n);
	if (!node->text)
		return NVB_OOM(l->err);
	span_scalar(l, node, token);
	r = note_properties(l, node, event);
	if (r < 0)
		return r;
	if (node->style == YAML_STYLE_ABSENT && node->anchor_end)
		node->begin = node->end = node->anchor_end;
	if (node->end > l->last_end)
		l->last_end = node->end;
	return place(l, node);
}

static int on_alias(struct locator *l, struct fy_event *event)
{
	struct yaml_node *node = new_node(l, YAML_NODE_ALIAS);
	const struct fy_mark *mark = fy_token_start_mark(event->alias.anchor);
	const char *name = fy_token_get_text0(event->alias.anchor);

	if (!node || !name)
		return NVB_OOM(l->err);
	node->target = find_anchor(l, name);
	if (!node->target || !mark)
		return refuse(l, "an alias of an unknown anchor");
	node->text = arena_strdup(l->arena, name);
	if (!node->text)
		return NVB_OOM(l->err);
	node->begin = bounded(l, mark);
	node->end = node->begin + strlen(name);
	if (node->begin && stands_at(l, node->begin - 1, '*'))
		node->begin--;
	node->properties = node->begin;
	l->last_end = node->end;
	return place(l, node);
}

static int on_start(struct locator *l, struct fy_event *event, enum yaml_node_kind kind)
{
	struct yaml_node *node = new_node(l, kind);
	const struct fy_mark *mark = fy_event_start_mark(event);
	int r;

	if (!node)
		return NVB_OOM(l->err);
	if (l->depth == YAML_DEPTH_LIMIT || !mark)
		return NVB_RAISE(l->err, NVB_ERR_LIMIT, 0, "parse YAML: line %u: nested too deeply",
			l->line);
	node->begin = node->end = bounded(l, mark);
	node->style = stands_at(l, node->begin, kind == YAML_NODE_MAPPING ? '{' : '[') &&
				      fy_event_get_node_style(event) == FYNS_FLOW
			      ? YAML_STYLE_FLOW
			      : YAML_STYLE_BLOCK;
	r = note_properties(l, node, event);
	if (r >= 0)
		r = place(l, node);
	if (r < 0)
		return r;
	l->keys[l->depth] = NULL;
	l->levels[l->depth++] = node;
	return 0;
}

static int on_end(struct locator *l, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_end_mark(event);
	struct yaml_node *node = l->depth ? l->levels[--l->depth] : NULL;

	if (!node)
		return refuse(l, "an end without a beginning");
	if (node->style == YAML_STYLE_FLOW && mark)
		l->last_end = bounded(l, mark);
	node->end = l->last_end;
	return 0;
}

static int on_event(struct locator *l, struct fy_event *event)
{
	switch (event->type) {
	case FYET_ALIAS:
		return on_alias(l, event);
	case FYET_SCALAR:
		return on_scalar(l, event);
	case FYET_MAPPING_START:
		return on_start(l, event, YAML_NODE_MAPPING);
	case FYET_SEQUENCE_START:
		return on_start(l, event, YAML_NODE_SEQUENCE);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return on_end(l, event);
	case FYET_DOCUMENT_START:
		return l->root ? refuse(l, "a second document") : 0;
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END:
	default:
		return 0;
	}
}

static int run(struct locator *l)
{
	for (;;) {
		struct fy_event *event = fy_parser_parse(l->fy);
		const struct fy_mark *mark = event ? fy_event_start_mark(event) : NULL;
		bool last;
		int r;

		if (!event)
			return refuse(l, "not YAML");
		if (mark)
			l->line = (unsigned)mark->line + 1;
		last = event->type == FYET_STREAM_END;
		r = on_event(l, event);
		fy_parser_event_free(l->fy, event);
		if (r < 0 || last)
			return r;
	}
}

int yaml_locate(const char *text, size_t length, struct arena *a, struct yaml_node **ret_root,
	struct nvb_error **err)
{
	_cleanup_(yaml_events_done) struct yaml_events events = { 0 };
	_cleanup_(locator_done) struct locator l = {
		.arena = a,
		.text = text,
		.length = length,
		.line = 1,
		.err = err,
	};
	int r;

	if (length > YAML_TEXT_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "parse YAML: more than %zu bytes",
			YAML_TEXT_LIMIT_BYTES);
	if (yaml_events_open(&events, text, length) < 0)
		return NVB_OOM(err);
	l.fy = events.parser;
	r = run(&l);
	if (r < 0)
		return r;
	if (!l.root)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "parse YAML: the document is empty");
	*ret_root = l.root;
	return 0;
}

/* Looking things up. */

struct yaml_node *yaml_node_resolve(struct yaml_node *node)
{
	return node && node->kind == YAML_NODE_ALIAS ? node->target : node;
}

bool yaml_pair_is_merge(const struct yaml_pair *pair)
{
	return pair->key->kind == YAML_NODE_SCALAR && pair->key->style == YAML_STYLE_PLAIN &&
	       strcmp(pair->key->text, "<<") == 0;
}

static bool is_key(const struct yaml_pair *pair, const char *key)
{
	const struct yaml_node *node = yaml_node_resolve(pair->key);

	return !yaml_pair_is_merge(pair) && node->kind == YAML_NODE_SCALAR &&
	       strcmp(node->text, key) == 0;
}

void yaml_node_forget(struct yaml_node *node)
{
	node = yaml_node_resolve(node);
	if (!node || !node->visited)
		return;
	node->visited = false;
	for (size_t i = 0; i < node->pairs.n; i++)
		yaml_node_forget(node->pairs.items[i].value);
	for (size_t i = 0; i < node->items.n; i++)
		yaml_node_forget(node->items.items[i]);
}

/* In a mapping and in what it merges; in a list, in the first of its mappings that has it. */
static bool find_member(
	struct yaml_node *node, const char *key, unsigned depth, struct yaml_member *ret)
{
	node = yaml_node_resolve(node);
	if (!node || node->visited || depth > MERGE_DEPTH_LIMIT)
		return false;
	node->visited = true;
	for (size_t i = 0; i < node->pairs.n; i++) {
		if (!is_key(&node->pairs.items[i], key))
			continue;
		*ret = (struct yaml_member){ .mapping = node, .index = i };
		return true;
	}
	for (size_t i = 0; i < node->pairs.n; i++)
		if (yaml_pair_is_merge(&node->pairs.items[i]) &&
			find_member(node->pairs.items[i].value, key, depth + 1, ret))
			return true;
	for (size_t i = 0; i < node->items.n; i++)
		if (find_member(node->items.items[i], key, depth + 1, ret))
			return true;
	return false;
}

bool yaml_node_member(struct yaml_node *mapping, const char *key, struct yaml_member *ret)
{
	struct yaml_node *node = yaml_node_resolve(mapping);
	bool found;

	if (!node || node->kind != YAML_NODE_MAPPING)
		return false;
	found = find_member(node, key, 0, ret);
	yaml_node_forget(node);
	return found;
}
