/* SPDX-License-Identifier: Apache-2.0 */
/* What is read is what json-c reads, and must be written so that it reads the same. */
#include "fuzz.h"

#include "format/json.h"

static char *format(struct json_object *root, enum json_style style, size_t *ret_length)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	char *text = NULL;

	CHECK(json_format(root, style, &text, ret_length, &err) == 0);
	CHECK(strlen(text) == *ret_length);
	return text;
}

static void check_style(struct json_object *root, enum json_style style)
{
	_cleanup_(json_putp) struct json_object *again = NULL;
	_cleanup_free_ char *first = NULL, *second = NULL;
	size_t length, second_length;

	first = format(root, style, &length);
	CHECK(json_parse(first, length, &again, NULL) == 0);
	CHECK(json_object_equal(root, again));
	second = format(again, style, &second_length);
	CHECK(length == second_length && memcmp(first, second, length) == 0);
}

/* The tree is built by code of our own. A number at the end of the text needs the NUL behind it. */
static void check_tree(struct json_object *root, const char *text, size_t length)
{
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_LIMIT + 1);
	struct json_object *theirs;

	CHECK(t);
	theirs = json_tokener_parse_ex(t, text, (int)length);
	if (!theirs)
		theirs = json_tokener_parse_ex(t, "", 1);
	CHECK(theirs && json_object_equal(root, theirs));
	(void)json_object_put(theirs);
	json_tokener_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *text = malloc(size ? size : 1);
	int r;

	CHECK(text);
	/* Without a NUL behind it: the parser may not look there. */
	if (size)
		memcpy(text, data, size);
	r = json_parse(text, size, &root, &err);
	CHECK((r < 0) == (err != NULL));
	CHECK((r < 0) == (root == NULL));
	if (r < 0)
		return 0;
	check_tree(root, text, size);
	check_style(root, JSON_PLAIN);
	check_style(root, JSON_PRETTY);
	return 0;
}
