/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which version of the format a specification needs.
 * Source: specs-go/version.go of cncf-tags/container-device-interface, 1.1.0.
 */
#include <string.h>

#include "cdi/document.h"
#include "cdi/document_fields.h"

static const char *const names[CDI_VERSION_COUNT] = {
	"0.1.0",
	"0.2.0",
	"0.3.0",
	"0.4.0",
	"0.5.0",
	"0.6.0",
	"0.7.0",
	"0.8.0",
	"1.0.0",
	"1.1.0",
};

bool cdi_version_parse(const char *text, enum cdi_version *ret)
{
	if (*text == 'v')
		text++;
	for (int i = 0; i < CDI_VERSION_COUNT; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum cdi_version)i;
			return true;
		}
	}
	return false;
}

const char *cdi_version_name(enum cdi_version version)
{
	return names[version];
}

static void raise_to(enum cdi_version *lowest, enum cdi_version needed)
{
	if (needed > *lowest)
		*lowest = needed;
}

/* An empty text and "false" say nothing, whatever the version. */
static bool is_used(const struct cdi_field *field, const void *object)
{
	const void *at = (const char *)object + field->offset;

	if (!cdi_field_is_set(field, object))
		return false;
	if (field->kind == CDI_FIELD_TEXT)
		return (*(const char *const *)at)[0];
	return field->kind != CDI_FIELD_TRUTH || *(const bool *)at;
}

static void consider(const struct cdi_object *type, const void *object, enum cdi_version *lowest)
{
	for (const struct cdi_field *f = type->fields; f < type->fields + type->n_fields; f++) {
		const void *at = (const char *)object + f->offset;
		const struct cdi_objects *list = at;

		if (!is_used(f, object))
			continue;
		raise_to(lowest, f->since);
		if (f->kind == CDI_FIELD_EDITS)
			consider(f->object, at, lowest);
		else if (f->kind == CDI_FIELD_OBJECT)
			consider(f->object, *(const void *const *)at, lowest);
		else if (f->kind == CDI_FIELD_OBJECTS)
			for (size_t i = 0; i < list->n; i++)
				consider(
					f->object, list->items + i * f->object->size_bytes, lowest);
	}
}

const char *cdi_spec_minimum_version(const struct cdi_spec *spec)
{
	enum cdi_version lowest = CDI_VERSION_0_3_0;
	const char *slash = spec->kind ? strchr(spec->kind, '/') : NULL;

	consider(&cdi_spec_object, spec, &lowest);
	if (slash && strchr(slash, '.'))
		raise_to(&lowest, CDI_VERSION_0_6_0);
	vec_foreach (const struct cdi_device, device, &spec->devices)
		if (device->name && device->name[0] >= '0' && device->name[0] <= '9')
			raise_to(&lowest, CDI_VERSION_0_5_0);
	return names[lowest];
}
