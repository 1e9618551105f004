/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cdi/document.h"
#include "nvbind/cdi_arguments.h"

static bool is_first_of_its_spec(const struct cdi_found_list *list, const struct cdi_found *found)
{
	vec_foreach (struct cdi_found, item, list)
		if (item->spec == found->spec)
			return item == found;
	return false;
}

/* What every spec does once, each before what its devices do. */
static int merge(struct arena *a, const struct cdi_found_list *list, struct cdi_edits *ret,
	struct nvb_error **err)
{
	vec_foreach (struct cdi_found, found, list) {
		if (is_first_of_its_spec(list, found) &&
			cdi_edits_append(a, ret, &found->spec->edits) < 0)
			return NVB_OOM(err);
		if (cdi_edits_append(a, ret, &found->device->edits) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

static int resolve(const struct cdi_arguments *arguments, const struct cdi_registry *registry,
	struct nvb_error **err)
{
	struct cdi_found_list found = { 0 };
	struct cdi_edits edits = { 0 };
	_cleanup_free_ char *text = NULL;
	int r;

	r = cdi_registry_resolve(registry, &arguments->operands, arguments->arena, &found, err);
	if (r >= 0)
		r = merge(arguments->arena, &found, &edits, err);
	if (r >= 0)
		r = cdi_edits_write(&edits, CDI_FORMAT_JSON, &text, NULL, err);
	if (r < 0)
		return r;
	fputs(text, stdout);
	return 0;
}

int cmd_cdi_resolve(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(cdi_arguments_done) struct cdi_arguments arguments = CDI_ARGUMENTS_INIT;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	int r;

	r = cdi_arguments_parse(COMMAND_CDI_RESOLVE, context, argc, argv, &arguments, err);
	if (r <= 0)
		return r;
	if (!arguments.operands.n) {
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind cdi resolve' needs a NAME");
		return NVB_HINT(err, r, "'nvbind cdi list' shows the names");
	}
	r = cdi_registry_read(&arguments.directories, &registry, err);
	return r < 0 ? r : resolve(&arguments, registry, err);
}
