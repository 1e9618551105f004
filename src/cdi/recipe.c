/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/recipe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "format/json.h"

#define RECIPE_VERSION 1

enum field_kind {
	FIELD_TEXT,
	FIELD_TRUTH,
	FIELD_NUMBER,
};

/* The one list of members, for both directions. */
static const struct {
	const char *name;
	enum field_kind kind;
	size_t offset;
	bool required;
} fields[] = {
#define TEXT(member, required)                                                                     \
	{                                                                                          \
#member, FIELD_TEXT, offsetof(struct cdi_recipe, member), required                 \
	}
#define TRUTH(member)                                                                              \
	{                                                                                          \
#member, FIELD_TRUTH, offsetof(struct cdi_recipe, member), false                   \
	}
#define NUMBER(member)                                                                             \
	{                                                                                          \
#member, FIELD_NUMBER, offsetof(struct cdi_recipe, member), true                   \
	}
	TEXT(path, true),
	TEXT(digest, false),
	TEXT(previous, false),
	TEXT(kind, true),
	TEXT(vendor, true),
	TEXT(companion, false),
	NUMBER(format),
	TEXT(host_root, true),
	TEXT(driver_root, false),
	TEXT(dev_root, false),
	NUMBER(capabilities),
	NUMBER(names),
	TRUTH(all_device),
	TRUTH(data_companions),
	TRUTH(annotate),
	TRUTH(no_library),
	TEXT(profile, false),
	TEXT(hook, false),
	TEXT(hookless, false),
#undef TEXT
#undef TRUTH
#undef NUMBER
};

_Static_assert(
	sizeof(enum cdi_format) == sizeof(unsigned) && sizeof(capability_set) == sizeof(unsigned),
	"numbers of a recipe are unsigned");

void cdi_digest(const void *data, size_t length, char ret[static CDI_DIGEST_BYTES])
{
	/* FNV-1a. */
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const unsigned char *p = data; length; length--)
		hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
	(void)snprintf(ret, CDI_DIGEST_BYTES, "%016" PRIx64, hash);
}

int cdi_recipe_format(const struct cdi_recipe *recipe, char **ret_text, size_t *ret_length,
	struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	int r;

	json_add_uint(&b, root, "version", RECIPE_VERSION);
	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		const void *at = (const char *)recipe + fields[i].offset;

		switch (fields[i].kind) {
		case FIELD_TEXT:
			json_add_string(&b, root, fields[i].name, *(const char *const *)at);
			break;
		case FIELD_TRUTH:
			json_add_bool(&b, root, fields[i].name, *(const bool *)at);
			break;
		case FIELD_NUMBER:
			json_add_uint(&b, root, fields[i].name, *(const unsigned *)at);
			break;
		}
	}
	r = json_builder_check(&b, err);
	return r < 0 ? r : json_format(root, JSON_PRETTY, ret_text, ret_length, err);
}

/* 1 if the member is there, 0 if it is not. */
static int read_field(const struct json_at *root, size_t i, struct arena *a,
	struct cdi_recipe *recipe, struct nvb_error **err)
{
	void *at = (char *)recipe + fields[i].offset;
	const char *text = NULL;
	uint64_t number = 0;
	int r = 0;

	switch (fields[i].kind) {
	case FIELD_TEXT:
		r = json_get_string(root, fields[i].name, &text, err);
		if (r <= 0)
			return r;
		*(const char **)at = arena_strdup(a, text);
		return *(const char **)at ? 1 : NVB_OOM(err);
	case FIELD_TRUTH:
		return json_get_bool(root, fields[i].name, at, err);
	case FIELD_NUMBER:
		r = json_get_uint(root, fields[i].name, UINT32_MAX, &number, err);
		if (r > 0)
			*(unsigned *)at = (unsigned)number;
		return r;
	}
	return r;
}

int cdi_recipe_parse(const char *text, size_t length, struct arena *a, struct cdi_recipe *ret,
	struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct cdi_recipe recipe = { 0 };
	struct json_at root = { 0 };
	uint64_t version = 0;
	int r;

	r = json_parse(text, length, &object, err);
	if (r >= 0)
		r = json_root(object, json_type_object, &root, err);
	if (r >= 0)
		r = json_get_uint(&root, "version", UINT32_MAX, &version, err);
	if (r >= 0 && version != RECIPE_VERSION)
		return json_invalid(&root, "version", "1", err);
	for (size_t i = 0; r >= 0 && i < ELEMENTS(fields); i++) {
		r = read_field(&root, i, a, &recipe, err);
		if (r == 0 && fields[i].required)
			r = json_missing(&root, fields[i].name, err);
	}
	if (r < 0)
		return r;
	if (recipe.format != CDI_FORMAT_JSON && recipe.format != CDI_FORMAT_YAML)
		return json_invalid(&root, "format", "0 or 1", err);
	*ret = recipe;
	return 0;
}
