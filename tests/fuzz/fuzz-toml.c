/* SPDX-License-Identifier: Apache-2.0 */
/* Every place that is told lies in the text, and what is at a scalar reads as its value. */
#include "fuzz.h"

#include "format/json.h"
#include "format/toml.h"
#include "format/toml_write.h"

#define DEPTH 80

struct walk {
	const struct toml_document *doc;
	const char *text;
	size_t length;
	const char *path[DEPTH];
};

/* The value alone, as a document of one key. */
static void check_value(const struct walk *w, size_t from, size_t to, struct json_object *value)
{
	_cleanup_(toml_freep) struct toml_document *again = NULL;
	_cleanup_free_ char *text = malloc(to - from + 4);
	struct json_object *v = NULL;

	CHECK(text);
	memcpy(text, "v= ", 3);
	memcpy(text + 3, w->text + from, to - from);
	CHECK(toml_parse("value", text, to - from + 3, &again, NULL) == 0);
	CHECK(json_object_object_get_ex(toml_root(again), "v", &v));
	CHECK(json_object_is_type(v, json_object_get_type(value)));
	if (json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_int))
		CHECK(json_object_equal(v, value));
}

/* What is written reads as what it was written from; dates are strings by then. */
static void check_written(const struct toml_document *doc)
{
	_cleanup_(toml_freep) struct toml_document *again = NULL;
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TOML_TEXT_LIMIT_BYTES);
	struct json_object *v = NULL;

	strbuf_str_add(&text, "v = ");
	toml_write_value(toml_root(doc), &text);
	CHECK(!strbuf_failed(&text));
	/* One level deeper than it was. */
	if (toml_parse("written", strbuf_str(&text), text.length, &again, NULL) == NVB_ERR_LIMIT)
		return;
	CHECK(again && json_object_object_get_ex(toml_root(again), "v", &v));
	CHECK(json_object_equal(v, toml_root(doc)) || strstr(strbuf_str(&text), "nan"));
}

static void check_place(const struct walk *w, size_t n, struct json_object *value)
{
	struct toml_position begin, end;
	size_t from, to;

	if (!toml_locate(w->doc, w->path, n, &begin, &end))
		return;
	from = toml_offset(w->doc, begin);
	to = toml_offset(w->doc, end);
	CHECK(from <= to && to <= w->length);
	if (!json_object_is_type(value, json_type_object) &&
		!json_object_is_type(value, json_type_array))
		check_value(w, from, to, value);
	if (toml_locate_key(w->doc, w->path, n, &begin, &end)) {
		from = toml_offset(w->doc, begin);
		to = toml_offset(w->doc, end);
		CHECK(from < to && to <= w->length);
	}
}

static void walk(struct walk *w, size_t n, struct json_object *value)
{
	CHECK(n < DEPTH);
	check_place(w, n, value);
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, item)
		{
			w->path[n] = key;
			walk(w, n + 1, item);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			char index[24];

			(void)snprintf(index, sizeof(index), "%zu", i);
			w->path[n] = index;
			walk(w, n + 1, json_object_array_get_idx(value, i));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *text = malloc(size ? size : 1);
	struct walk w = { 0 };
	int r;

	CHECK(text);
	/* Without a NUL behind it: the parser may not look there. */
	if (size)
		memcpy(text, data, size);
	r = toml_parse("input", text, size, &doc, &err);
	CHECK((r < 0) == (err != NULL));
	CHECK((r < 0) == (doc == NULL));
	if (r < 0)
		return 0;
	w = (struct walk){ .doc = doc, .text = text, .length = size };
	walk(&w, 0, toml_root(doc));
	check_written(doc);
	return 0;
}
