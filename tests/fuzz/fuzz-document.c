/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file of any layout is edited rightly or not at all, and what was done can be
 * taken back. The first byte chooses the format and the edits.
 */
#include "fuzz.h"

#include "format/document.h"

static struct json_object *table(const char *key, struct json_object *value)
{
	struct json_object *o = json_object_new_object();

	CHECK(o && json_object_object_add(o, key, value) == 0);
	return o;
}

static void add(struct document_edits *edits, struct arena *a, struct document_path path,
	struct json_object *value)
{
	CHECK(document_edits_add(edits, a, &path, value, NULL) == 0);
}

static void make_edits(struct document_edits *edits, struct arena *a, uint8_t choice)
{
	if (choice & 2)
		add(edits, a, DOCUMENT_PATH("a", "b", "c"),
			table("d", table("e", json_object_new_string("/x \"y\""))));
	if (choice & 4)
		add(edits, a, DOCUMENT_PATH("a", "f.g"), json_object_new_boolean(true));
	if (choice & 8)
		add(edits, a, DOCUMENT_PATH("a"), json_object_new_int64(7));
	if (choice & 16)
		add(edits, a, DOCUMENT_PATH("a", "b", "h"), json_object_new_array());
}

/* After it, `path` says what was asked for. */
static void check_edited(struct json_object *root, const struct document_edits *edits)
{
	for (size_t i = 0; i < edits->n; i++) {
		struct json_object *value = edits->items[i].value;
		struct json_object *now = document_find(root, &edits->items[i].path);

		CHECK(now);
		if (!json_object_is_type(value, json_type_object))
			CHECK(json_object_equal(now, value));
	}
}

static void check_taken_back(enum document_format format, const char *text,
	struct json_object *before, struct json_object *now, const struct document_edits *edits,
	struct arena *a)
{
	struct document_edits inverse = { 0 };
	struct string_list kept = { 0 };
	struct json_object *left = NULL;
	char *result = NULL;

	CHECK(document_invert(edits, before, now, a, &inverse, &kept, NULL) == 0);
	CHECK(kept.n == 0);
	if (document_apply(format, "text", text, &inverse, &result, NULL) == 0) {
		CHECK(document_parse(format, "text", result, &left, NULL) == 0);
		CHECK(json_object_equal(left, before));
	}
	document_edits_done(&inverse);
	json_object_put(left);
	free(result);
}

static void check_text(enum document_format format, const char *text, uint8_t choice)
{
	struct arena *a = arena_new();
	struct document_edits edits = { 0 };
	struct json_object *before = NULL, *now = NULL;
	char *result = NULL;

	CHECK(a);
	make_edits(&edits, a, choice);
	if (document_parse(format, "text", text, &before, NULL) == 0 &&
		document_apply(format, "text", text, &edits, &result, NULL) == 0) {
		CHECK(document_parse(format, "text", result, &now, NULL) == 0);
		check_edited(now, &edits);
		check_taken_back(format, result, before, now, &edits, a);
	}
	json_object_put(before);
	json_object_put(now);
	document_edits_done(&edits);
	arena_free(a);
	free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	check_text(data[0] & 1 ? DOCUMENT_TOML : DOCUMENT_JSON, text, data[0]);
	free(text);
	return 0;
}
