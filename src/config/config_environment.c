/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "config/config.h"

/* BOLT_WORKLOAD_TYPE chooses a profile, which is no knob. */
static const struct variable {
	const char *name;
	enum knob_id knob;
} variables[] = {
	{ "BOLT_GPU_ISOLATION", KNOB_ISOLATION },
	{ "BOLT_GPU_RUNTIME", KNOB_GPU_RUNTIME },
	{ "BOLT_WSL2_MODE", KNOB_WSL2_ENABLED },
	{ "NVIDIA_DLSS_ENABLED", KNOB_DLSS_ENABLED },
	{ "NVIDIA_RT_CORES_ENABLED", KNOB_RT_CORES_ENABLED },
};

static const struct knob enabled = {
	.name = "BOLT_GPU_ENABLED",
	.type = KNOB_TYPE_BOOL,
};

static int read_variable(
	struct settings *into, const char *name, const struct knob *knob, struct nvb_error **err)
{
	const char *text = secure_getenv(name);
	int r;

	if (!text || !*text)
		return 0;
	r = settings_set(into, knob, text, SOURCE_ENVIRONMENT, name, err);
	return r < 0 ? NVB_CONTEXT(err, r, "variable '%s'", name) : 1;
}

/* It only ever said whether there is a GPU at all. */
static int read_enabled(struct settings *into, struct nvb_error **err)
{
	/* In a place of its own: no knob is like it. */
	struct settings own = { .arena = into->arena };
	int r = read_variable(&own, enabled.name, &enabled, err);

	if (r <= 0 || own.of[enabled.id].number)
		return r;
	return settings_set(
		into, &knob_table[KNOB_DEVICES], "none", SOURCE_ENVIRONMENT, enabled.name, err);
}

int config_read_environment(struct settings *into, struct nvb_error **err)
{
	int r = read_enabled(into, err);

	for (size_t i = 0; i < ELEMENTS(variables) && r >= 0; i++)
		r = read_variable(into, variables[i].name, &knob_table[variables[i].knob], err);
	return r < 0 ? r : 0;
}

const char *config_variable(size_t i, const struct knob **ret_knob)
{
	if (i >= ELEMENTS(variables))
		return NULL;
	*ret_knob = &knob_table[variables[i].knob];
	return variables[i].name;
}
