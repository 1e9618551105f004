/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/setup.h"

#include <string.h>

#include "format/text_diff.h"
#include "setup/engine.h"

static const struct setup_engine *const engines[] = { &setup_docker, &setup_podman,
	&setup_containerd, &setup_crio, NULL };

const struct setup_engine *setup_engine_at(size_t i)
{
	return i < ELEMENTS(engines) ? engines[i] : NULL;
}

const struct setup_engine *setup_engine_find(const char *name)
{
	for (size_t i = 0; engines[i]; i++)
		if (strcmp(engines[i]->name, name) == 0)
			return engines[i];
	return NULL;
}

const char *setup_engine_name(const struct setup_engine *engine)
{
	return engine->name;
}

static int format_link(const struct setup_change *change, struct strbuf *out)
{
	_cleanup_free_ char *line = NULL;
	errint_t e;

	if (asprintf(&line, "%s -> %s\n", path_base_name(change->path), change->link) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	e = change->is_made ? text_diff(change->path, NULL, line, out)
			    : text_diff(change->path, line, NULL, out);
	return e;
}

int setup_plan_format(const struct setup_plan *plan, struct strbuf *out, struct nvb_error **err)
{
	vec_foreach (const struct setup_change, change, &plan->changes) {
		errint_t e = 0;

		if (!change->link)
			e = text_diff(change->path, change->before, change->after, out);
		else if (!change->is_shared)
			e = format_link(change, out);
		if (e < 0)
			return NVB_OOM(err);
	}
	return 0;
}
