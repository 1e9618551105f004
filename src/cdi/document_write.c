/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/document.h"
#include "cdi/document_fields.h"
#include "format/json.h"
#include "format/yaml.h"

static void add_texts(
	struct json_builder *b, struct json_object *array, const struct string_list *list)
{
	vec_foreach (const char *, text, list)
		json_append_string(b, array, *text);
}

static void add_ids(
	struct json_builder *b, struct json_object *array, const struct cdi_gid_list *list)
{
	vec_foreach (uint32_t, id, list)
		json_append_uint(b, array, *id);
}

static void add_annotations(
	struct json_builder *b, struct json_object *object, const struct cdi_annotation_list *list)
{
	vec_foreach (struct cdi_annotation, a, list)
		json_add_string(b, object, a->key, a->value);
}

static void add_object(struct json_builder *b, struct json_object *to,
	const struct cdi_object *type, const void *object);

static void add_objects(struct json_builder *b, struct json_object *array,
	const struct cdi_object *type, const struct cdi_objects *list)
{
	for (size_t i = 0; i < list->n; i++)
		add_object(
			b, json_append_object(b, array), type, list->items + i * type->size_bytes);
}

static void add_field(
	struct json_builder *b, struct json_object *to, const struct cdi_field *f, const void *at)
{
	switch (f->kind) {
	case CDI_FIELD_TEXT:
		json_add_string(b, to, f->name, *(const char *const *)at);
		break;
	case CDI_FIELD_INTEGER:
		json_add_int(b, to, f->name, *(const int64_t *)at);
		break;
	case CDI_FIELD_UINT32:
		json_add_uint(b, to, f->name, *(const uint32_t *)at);
		break;
	case CDI_FIELD_TRUTH:
		json_add_bool(b, to, f->name, *(const bool *)at);
		break;
	case CDI_FIELD_TEXTS:
		add_texts(b, json_add_array(b, to, f->name), at);
		break;
	case CDI_FIELD_IDS:
		add_ids(b, json_add_array(b, to, f->name), at);
		break;
	case CDI_FIELD_ANNOTATIONS:
		add_annotations(b, json_add_object(b, to, f->name), at);
		break;
	case CDI_FIELD_EDITS:
		add_object(b, json_add_object(b, to, f->name), f->object, at);
		break;
	case CDI_FIELD_OBJECT:
		add_object(b, json_add_object(b, to, f->name), f->object, *(const void *const *)at);
		break;
	case CDI_FIELD_OBJECTS:
		add_objects(b, json_add_array(b, to, f->name), f->object, at);
		break;
	}
}

static void add_object(struct json_builder *b, struct json_object *to,
	const struct cdi_object *type, const void *object)
{
	for (const struct cdi_field *f = type->fields; f < type->fields + type->n_fields; f++)
		if (cdi_field_is_set(f, object))
			add_field(b, to, f, (const char *)object + f->offset);
}

static int write_object(const struct cdi_object *type, const void *object, enum cdi_format format,
	char **ret_text, size_t *ret_length, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	int r;

	add_object(&b, root, type, object);
	r = json_builder_check(&b, err);
	if (r < 0)
		return r;
	return format == CDI_FORMAT_YAML
		       ? yaml_format(root, ret_text, ret_length, err)
		       : json_format(root, JSON_PRETTY, ret_text, ret_length, err);
}

int cdi_edits_write(const struct cdi_edits *edits, enum cdi_format format, char **ret_text,
	size_t *ret_length, struct nvb_error **err)
{
	int r = write_object(&cdi_edits_object, edits, format, ret_text, ret_length, err);

	return r < 0 ? NVB_CONTEXT(err, r, "write the edits of CDI devices") : 0;
}

int cdi_document_write(const struct cdi_spec *spec, enum cdi_format format, char **ret_text,
	size_t *ret_length, struct nvb_error **err)
{
	int r = write_object(&cdi_spec_object, spec, format, ret_text, ret_length, err);

	if (r < 0)
		return NVB_CONTEXT(err, r, "write the CDI specification of '%s'",
			spec->kind ? spec->kind : "no kind");
	return 0;
}
