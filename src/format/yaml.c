/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From libfyaml's events to a tree. Events, not libfyaml's documents: its own tree would follow
 * aliases without a bound.
 */
#include "format/yaml.h"

#include <libfyaml.h>
#include <string.h>

#include "base/strbuf.h"
#include "format/json_lines.h"
#include "format/json_syntax.h"
#include "format/yaml_copy.h"
#include "format/yaml_events.h"
#include "format/yaml_scalar.h"

#define MESSAGE_BYTES 512
#define NAME_BYTES    64
#define CORE_TAG      "tag:yaml.org,2002:"

/* A container that is still open. */
struct level {
	struct json_object *container; /* borrowed from its parent, or from the parser's root */
	struct json_object *merged;    /* what "<<" brought: members that the mapping may replace */
	char *key;		       /* of the value that comes next */
	bool has_key;
	bool key_is_merge;
	bool is_merged; /* the container is what "<<" takes: it has no parent yet */
	bool is_reset;	/* its tag takes back what it holds */
};

struct anchor {
	char *name;
	struct json_object *value; /* a reference of our own; NULL is null */
};

struct parser {
	struct fy_parser *fy;
	struct json_object *root;
	bool has_root;
	struct level levels[YAML_DEPTH_LIMIT];
	unsigned depth;
	struct anchor *anchors;
	size_t n_anchors;
	struct yaml_budget budget;
	unsigned line, column; /* of the event at hand */
	bool as_written;       /* yaml_parse_as_written() */
	struct nvb_error **err;
};

static void parser_done(struct parser *p)
{
	for (unsigned i = 0; i < p->depth; i++) {
		free(p->levels[i].key);
		json_object_put(p->levels[i].merged);
		if (p->levels[i].is_merged)
			json_object_put(p->levels[i].container);
	}
	for (size_t i = 0; i < p->n_anchors; i++) {
		free(p->anchors[i].name);
		json_object_put(p->anchors[i].value);
	}
	free(p->anchors);
	json_object_put(p->root);
}

static int refuse(struct parser *p, const char *what)
{
	return NVB_RAISE(p->err, NVB_ERR_FORMAT, 0, "parse YAML: line %u, column %u: %s", p->line,
		p->column, what);
}

static int refuse_named(struct parser *p, const char *what, const char *name)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(MESSAGE_BYTES);

	strbuf_printf(&shown, "%s '", what);
	strbuf_escaped_add(&shown, name, NAME_BYTES);
	strbuf_char_add(&shown, '\'');
	return refuse(p, strbuf_str(&shown));
}

static int exceed(struct parser *p, const char *what)
{
	return yaml_raise_limit(p->line, what, p->err);
}

static int count(struct parser *p, size_t length)
{
	return yaml_budget_take(&p->budget, length, p->line, p->err);
}

/* Values. */

static struct json_object *value_of_scalar(const struct yaml_scalar *s, const char *text, size_t n)
{
	switch (s->kind) {
	case YAML_TRUTH:
		return json_object_new_boolean(s->truth);
	case YAML_INTEGER:
		if (s->negative)
			return json_object_new_int64((int64_t)(0 - s->integer));
		return s->integer > INT64_MAX ? json_object_new_uint64(s->integer)
					      : json_object_new_int64((int64_t)s->integer);
	case YAML_FLOAT:
		return json_object_new_double(s->number);
	case YAML_TEXT:
	case YAML_NULL:
	case YAML_INFINITE:
	default:
		return json_object_new_string_len(text, (int)n);
	}
}

/* Tags of files that are put over each other. */
static bool is_override(const struct parser *p, const char *tag)
{
	return p->as_written && strcmp(tag, "!override") == 0;
}

static bool is_reset(const struct parser *p, const char *tag)
{
	return p->as_written && strcmp(tag, "!reset") == 0;
}

/* Replaces what the text looks like by what its tag says it is. */
static int apply_tag(struct parser *p, const char *tag, struct yaml_scalar *s)
{
	static const struct {
		const char *name;
		enum yaml_scalar_kind kind;
	} tags[] = {
		{ "str", YAML_TEXT },
		{ "bool", YAML_TRUTH },
		{ "int", YAML_INTEGER },
		{ "float", YAML_FLOAT },
		{ "null", YAML_NULL },
	};

	if (strcmp(tag, "!") == 0) {
		s->kind = YAML_TEXT;
		return 0;
	}
	if (is_reset(p, tag))
		s->kind = YAML_NULL;
	if (is_reset(p, tag) || is_override(p, tag))
		return 0;
	if (strncmp(tag, CORE_TAG, strlen(CORE_TAG)) != 0)
		return refuse_named(p, "the unknown tag", tag);
	tag += strlen(CORE_TAG);
	for (size_t i = 0; i < ELEMENTS(tags); i++) {
		if (strcmp(tag, tags[i].name) != 0)
			continue;
		if (s->kind == YAML_INTEGER && tags[i].kind == YAML_FLOAT) {
			s->number = s->negative ? -(double)s->integer : (double)s->integer;
			s->kind = YAML_FLOAT;
		}
		if (tags[i].kind == YAML_TEXT)
			s->kind = YAML_TEXT;
		if (s->kind != tags[i].kind &&
			!(s->kind == YAML_INFINITE && tags[i].kind == YAML_FLOAT))
			return refuse_named(p, "the value is not what its tag says:", tag);
		return 0;
	}
	return refuse_named(p, "the unknown tag", tag);
}

/* What the scalar at hand is; *ret_text points to `n` bytes of the event's own. */
static int read_scalar(struct parser *p, struct fy_event *event, struct yaml_scalar *ret,
	const char **ret_text, size_t *ret_length)
{
	struct fy_token *tag = fy_event_get_tag_token(event);
	struct fy_token *token = event->scalar.value;
	struct yaml_scalar s = { .kind = YAML_TEXT };
	size_t n = 0;
	const char *text = token ? fy_token_get_text(token, &n) : "";
	int r;

	if (!text)
		return NVB_OOM(p->err);
	if (!json_is_utf8(text, n))
		return refuse(p, "a text that is not UTF-8");
	if (!token || tag || fy_token_scalar_style(token) == FYSS_PLAIN)
		s = yaml_scalar_of(text, n);
	if (tag) {
		const char *name = fy_token_get_text0(tag);

		r = name ? apply_tag(p, name, &s) : NVB_OOM(p->err);
		if (r < 0)
			return r;
	}
	if (p->as_written)
		yaml_scalar_keep_spelling(&s, text, n);
	if (s.kind == YAML_INFINITE)
		return refuse(p, "a number that is not finite");
	*ret = s;
	*ret_text = text;
	*ret_length = n;
	return 0;
}

/* Places. */

static struct level *top(struct parser *p)
{
	return p->depth ? &p->levels[p->depth - 1] : NULL;
}

static bool expects_key(struct parser *p)
{
	struct level *l = top(p);

	return l && json_object_is_type(l->container, json_type_object) && !l->has_key;
}

/* A member that the mapping has not: those of an earlier source win. */
static int merge_object(struct parser *p, struct level *l, struct json_object *source)
{
	if (!json_object_is_type(source, json_type_object))
		return refuse(p, "'<<' takes a mapping or a list of mappings");
	if (!l->merged)
		l->merged = json_object_new_object();
	if (!l->merged)
		return NVB_OOM(p->err);
	json_object_object_foreach(source, key, value)
	{
		if (json_object_object_get_ex(l->merged, key, NULL))
			continue;
		if (json_object_object_add(l->merged, key, json_object_get(value)) < 0) {
			json_object_put(value);
			return NVB_OOM(p->err);
		}
	}
	return 0;
}

static int merge(struct parser *p, struct level *l, struct json_object *source)
{
	size_t n;
	int r = 0;

	if (!json_object_is_type(source, json_type_array))
		return merge_object(p, l, source);
	n = json_object_array_length(source);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = merge_object(p, l, json_object_array_get_idx(source, i));
	return r;
}

/* Puts a whole value, or a container that is about to be filled, where it belongs. */
static int place(struct parser *p, struct json_object *take_value)
{
	struct level *l = top(p);
	int r;

	if (!l) {
		p->root = take_value;
		p->has_root = true;
		return 0;
	}
	if (json_object_is_type(l->container, json_type_array)) {
		r = json_object_array_add(l->container, take_value);
	} else {
		r = json_object_object_add(l->container, l->key, take_value);
		free(l->key);
		l->key = NULL;
		l->has_key = false;
	}
	if (r < 0) {
		json_object_put(take_value);
		return NVB_OOM(p->err);
	}
	return 0;
}

static int take_key(struct parser *p, const char *text, size_t length, bool is_plain)
{
	struct level *l = top(p);

	if (memchr(text, '\0', length))
		return refuse(p, "a name with a NUL byte");
	l->key = malloc(length + 1);
	if (!l->key)
		return NVB_OOM(p->err);
	memcpy(l->key, text, length);
	l->key[length] = '\0';
	if (json_object_object_get_ex(l->container, l->key, NULL))
		return refuse_named(p, "a second", l->key);
	l->has_key = true;
	l->key_is_merge = is_plain && strcmp(l->key, "<<") == 0;
	return 0;
}

/* Anchors and aliases. */

static int remember(struct parser *p, struct fy_event *event, struct json_object *value)
{
	struct fy_token *token = fy_event_get_anchor_token(event);
	const char *name = token ? fy_token_get_text0(token) : NULL;
	struct anchor *grown;

	if (!name)
		return 0;
	if (p->n_anchors == YAML_ANCHOR_LIMIT)
		return exceed(p, "more anchors than a file may hold");
	grown = reallocarray(p->anchors, p->n_anchors + 1, sizeof(*grown));
	if (!grown)
		return NVB_OOM(p->err);
	p->anchors = grown;
	grown[p->n_anchors].name = strdup(name);
	if (!grown[p->n_anchors].name)
		return NVB_OOM(p->err);
	grown[p->n_anchors++].value = json_object_get(value);
	return 0;
}

static int find_anchor(struct parser *p, const char *name, struct json_object **ret)
{
	for (size_t i = p->n_anchors; i-- > 0;) {
		if (strcmp(p->anchors[i].name, name) != 0)
			continue;
		for (unsigned j = 0; j < p->depth; j++)
			if (p->levels[j].container == p->anchors[i].value)
				return refuse_named(p, "an alias inside of its own anchor", name);
		*ret = p->anchors[i].value;
		return 0;
	}
	return refuse_named(p, "an alias of the unknown anchor", name);
}

static bool merges(struct parser *p)
{
	return top(p) && top(p)->has_key && top(p)->key_is_merge;
}

/* One value of the document is complete: a leaf, or what an alias stands for. */
static int accept(struct parser *p, struct json_object *take_value)
{
	struct level *l = top(p);
	int r;

	if (!merges(p))
		return place(p, take_value);
	r = merge(p, l, take_value);
	json_object_put(take_value);
	free(l->key);
	l->key = NULL;
	l->has_key = l->key_is_merge = false;
	return r;
}

static int on_alias(struct parser *p, struct fy_event *event)
{
	const char *name = fy_token_get_text0(event->alias.anchor);
	struct json_object *value = NULL, *copied = NULL;
	int r = name ? find_anchor(p, name, &value) : NVB_OOM(p->err);

	if (r < 0)
		return r;
	if (expects_key(p)) {
		if (!json_object_is_type(value, json_type_string))
			return refuse(p, "an alias as a name must stand for a text");
		return take_key(p, json_object_get_string(value),
			(size_t)json_object_get_string_len(value), false);
	}
	r = yaml_copy(&p->budget, value, p->depth, p->line, &copied, p->err);
	return r < 0 ? r : accept(p, copied);
}

static int on_key(
	struct parser *p, const struct yaml_scalar *s, const char *text, size_t n, bool is_plain)
{
	char number[32];

	/* Names are texts; what the reference reads as something else is named as it says. */
	if (s->kind == YAML_NULL)
		return refuse(p, "a name must be a text");
	if (p->as_written)
		return take_key(p, text, n, is_plain);
	if (s->kind == YAML_TRUTH)
		return take_key(p, s->truth ? "true" : "false", s->truth ? 4 : 5, false);
	if (s->kind == YAML_INTEGER) {
		(void)snprintf(number, sizeof(number), "%s%llu", s->negative ? "-" : "",
			(unsigned long long)s->integer);
		return take_key(p, number, strlen(number), false);
	}
	return take_key(p, text, n, is_plain);
}

static int on_scalar(struct parser *p, struct fy_event *event)
{
	struct json_object *value;
	struct yaml_scalar s = { .kind = YAML_TEXT };
	const char *text = "";
	size_t n = 0;
	int r = read_scalar(p, event, &s, &text, &n);

	if (r >= 0)
		r = count(p, n);
	if (r < 0)
		return r;
	value = s.kind == YAML_NULL ? NULL : value_of_scalar(&s, text, n);
	if (!value && s.kind != YAML_NULL)
		return NVB_OOM(p->err);
	json_set_line(value, p->line);
	r = remember(p, event, value);
	if (r >= 0 && !expects_key(p))
		return accept(p, value);
	json_object_put(value);
	if (r < 0)
		return r;
	return on_key(p, &s, text, n,
		event->scalar.value && fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN);
}

/* A tag of a container may only say what it is anyway. */
static int check_container_tag(
	struct parser *p, struct fy_event *event, const char *expected, bool *ret_is_reset)
{
	struct fy_token *token = fy_event_get_tag_token(event);
	const char *tag = token ? fy_token_get_text0(token) : NULL;

	*ret_is_reset = tag && is_reset(p, tag);
	if (!tag || *ret_is_reset || is_override(p, tag) ||
		(strncmp(tag, CORE_TAG, strlen(CORE_TAG)) == 0 &&
			strcmp(tag + strlen(CORE_TAG), expected) == 0))
		return 0;
	return refuse_named(p, "the unknown tag", tag);
}

static int on_start(struct parser *p, struct fy_event *event, struct json_object *take_container,
	const char *tag)
{
	bool is_merged, reset = false;
	int r;

	if (!take_container)
		return NVB_OOM(p->err);
	json_set_line(take_container, p->line);
	r = check_container_tag(p, event, tag, &reset);
	if (r >= 0)
		r = count(p, 0);
	if (r >= 0 && expects_key(p))
		r = refuse(p, "a name must be a text");
	if (r >= 0 && p->depth == YAML_DEPTH_LIMIT)
		r = exceed(p, "nested too deeply");
	if (r >= 0)
		r = remember(p, event, take_container);
	if (r < 0) {
		json_object_put(take_container);
		return r;
	}
	is_merged = merges(p);
	r = is_merged ? 0 : place(p, take_container);
	if (r >= 0)
		p->levels[p->depth++] = (struct level){
			.container = take_container,
			.is_merged = is_merged,
			.is_reset = reset,
		};
	return r;
}

static int add_merged(struct parser *p, const struct level *l)
{
	json_object_object_foreach(l->merged, key, value)
	{
		if (json_object_object_get_ex(l->container, key, NULL))
			continue;
		if (json_object_object_add(l->container, key, json_object_get(value)) < 0) {
			json_object_put(value);
			return NVB_OOM(p->err);
		}
	}
	return 0;
}

static void empty(struct json_object *container)
{
	if (json_object_is_type(container, json_type_array)) {
		(void)json_object_array_del_idx(container, 0, json_object_array_length(container));
		return;
	}
	json_object_object_foreach(container, key, value)
	{
		(void)value;
		json_object_object_del(container, key);
	}
}

static int on_end(struct parser *p)
{
	struct level l = p->levels[--p->depth];
	int r = l.merged ? add_merged(p, &l) : 0;

	if (l.is_reset)
		empty(l.container);

	free(l.key);
	json_object_put(l.merged);
	if (r >= 0)
		return l.is_merged ? accept(p, l.container) : 0;
	if (l.is_merged)
		json_object_put(l.container);
	return r;
}

static int on_event(struct parser *p, struct fy_event *event)
{
	switch (event->type) {
	case FYET_ALIAS:
		return on_alias(p, event);
	case FYET_SCALAR:
		return on_scalar(p, event);
	case FYET_MAPPING_START:
		return on_start(p, event, json_object_new_object(), "map");
	case FYET_SEQUENCE_START:
		return on_start(p, event, json_object_new_array(), "seq");
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return on_end(p);
	case FYET_DOCUMENT_START:
		return p->has_root ? refuse(p, "a second document") : 0;
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END:
	case FYET_DOCUMENT_END:
	default:
		return 0;
	}
}

/* The parser's own complaint: the first is the cause. */
static int raise_syntax(struct parser *p, struct fy_diag *diag)
{
	void *at = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(MESSAGE_BYTES);

	if (!e || !e->msg)
		return refuse(p, "not YAML");
	p->line = e->line > 0 ? (unsigned)e->line : p->line;
	p->column = e->column > 0 ? (unsigned)e->column : p->column;
	strbuf_escaped_add(&shown, e->msg, MESSAGE_BYTES / 4);
	return refuse(p, strbuf_str(&shown));
}

static int run(struct parser *p, struct fy_diag *diag)
{
	for (;;) {
		struct fy_event *event = fy_parser_parse(p->fy);
		const struct fy_mark *mark = event ? fy_event_start_mark(event) : NULL;
		bool last;
		int r;

		if (!event)
			return raise_syntax(p, diag);
		if (mark) {
			p->line = (unsigned)mark->line + 1;
			p->column = (unsigned)mark->column + 1;
		}
		last = event->type == FYET_STREAM_END;
		r = on_event(p, event);
		fy_parser_event_free(p->fy, event);
		if (r < 0 || last)
			return r;
	}
}

static int parse(const char *text, size_t length, bool as_written, struct json_object **ret_root,
	struct nvb_error **err)
{
	_cleanup_(yaml_events_done) struct yaml_events events = { 0 };
	_cleanup_(parser_done) struct parser p = { .as_written = as_written, .err = err };
	int r;

	if (length > YAML_TEXT_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "parse YAML: more than %zu bytes",
			YAML_TEXT_LIMIT_BYTES);
	if (!json_is_utf8(text, length) || memchr(text, '\0', length))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "parse YAML: the text is not UTF-8");
	if (yaml_events_open(&events, text, length) < 0)
		return NVB_OOM(err);
	p.fy = events.parser;
	r = run(&p, events.diag);
	if (r < 0)
		return r;
	if (!p.root)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "parse YAML: the document is empty");
	*ret_root = TAKE_PTR(p.root);
	return 0;
}

int yaml_parse(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err)
{
	return parse(text, length, false, ret_root, err);
}

int yaml_parse_as_written(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err)
{
	return parse(text, length, true, ret_root, err);
}
