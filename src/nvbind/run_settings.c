/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/run_settings.h"

#include <string.h>

#include "base/log.h"
#include "config/config.h"

static int merge_files(const struct run_settings *s, struct config *config, struct nvb_error **err)
{
	struct run_options *o = s->options;
	int r = config_load(s->arena, o->context.host_root, &s->files, config, err);

	if (r < 0)
		return r;
	vec_foreach (struct config_file *, file, &config->files)
		if (s->strict && r >= 0)
			r = config_file_check(*file, true, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "option '--strict'");
	vec_foreach (const char *, warning, &config->warnings)
		log_warning("%s", *warning);
	r = config_merge(config, &o->settings, err);
	if (r >= 0)
		r = config_merge_service(config, o->name, &o->settings, err);
	return r;
}

/* By whom a profile is named: the first who says one. */
struct choice {
	const char *name; /* NULL: nobody */
	const char *from;
	enum request_source source;
};

static struct choice choose_profile(const struct run_settings *s)
{
	const char *variable = secure_getenv("BOLT_WORKLOAD_TYPE");
	const struct setting *setting = settings_get(&s->options->settings, KNOB_DEFAULT_PROFILE);

	if (s->profile)
		return (struct choice){ s->profile, "option '--profile'", SOURCE_COMMAND_LINE };
	if (variable && *variable)
		return (struct choice){ variable, "variable 'BOLT_WORKLOAD_TYPE'",
			SOURCE_ENVIRONMENT };
	if (setting)
		return (struct choice){ setting->text, setting->origin, setting->source };
	return (struct choice){ NULL, NULL, SOURCE_DEFAULT };
}

static int take_profile(const struct run_settings *s, const struct config *config,
	const struct choice *choice, struct nvb_error **err)
{
	struct run_options *o = s->options;
	const struct profile *base;
	int r = config_merge_profile(config, choice->name, &o->settings, &base, err);

	if (r < 0)
		return r;
	o->profile = base->workload;
	o->profile_source = choice->source;
	o->profile_name = choice->name;
	return 0;
}

/*
 * What a person asked for of this container must not fail for want of the parts of the driver that
 * it needs. A file for the whole machine speaks of games, not of every container.
 */
static bool wants_games(const struct settings *settings)
{
	static const struct {
		enum knob_id id;
		bool is_choice; /* any value is of games; else "true" is */
	} knobs[] = {
		{ KNOB_DLSS_ENABLED, false },
		{ KNOB_RT_CORES_ENABLED, false },
		{ KNOB_WINE_OPTIMIZATIONS, false },
		{ KNOB_PERFORMANCE_PROFILE, true },
	};

	for (size_t i = 0; i < ELEMENTS(knobs); i++) {
		const struct setting *wish = settings_get(settings, knobs[i].id);

		if (wish && wish->source >= SOURCE_BOLTFILE && (knobs[i].is_choice || wish->number))
			return true;
	}
	return false;
}

static void settle_capabilities(struct run_options *o)
{
	if (o->capabilities_source == SOURCE_COMMAND_LINE)
		return;
	if (o->profile_source != SOURCE_DEFAULT) {
		o->capabilities = profile_capabilities(o->profile);
		o->capabilities_source = SOURCE_PROFILE;
	} else if (wants_games(&o->settings)) {
		/* From the command line would be what --capabilities says. */
		o->capabilities = profile_capabilities(PROFILE_GAMING);
		o->capabilities_source = SOURCE_BOLTFILE;
	} else {
		o->capabilities = profile_capabilities(o->profile);
		o->capabilities_source = SOURCE_DEFAULT;
	}
}

/* A default that nobody defines must not stop every container. */
static int merge_profile(
	const struct run_settings *s, const struct config *config, struct nvb_error **err)
{
	const struct choice choice = choose_profile(s);
	struct run_options *o = s->options;
	_cleanup_error_ struct nvb_error *problem = NULL;
	bool is_default = s->profile == NULL && choice.source != SOURCE_ENVIRONMENT;
	int r = 0;

	o->profile = PROFILE_DEFAULT;
	o->profile_source = SOURCE_DEFAULT;
	if (choice.name)
		r = take_profile(s, config, &choice, is_default ? &problem : err);
	if (r < 0 && is_default && r == NVB_ERR_USAGE) {
		log_warning("%s: default_profile: %s", choice.from, nvb_error_message(problem));
	} else if (r < 0) {
		if (problem && err)
			*err = TAKE_PTR(problem);
		return NVB_CONTEXT(err, r, "%s", choice.from);
	}
	vec_foreach (const char *, warning, &o->settings.warnings)
		log_warning("%s", *warning);
	settle_capabilities(o);
	return 0;
}

static int apply_isolate(const struct run_settings *s, struct nvb_error **err)
{
	struct settings *settings = &s->options->settings;
	const struct setting *chosen = settings_get(settings, KNOB_ISOLATION);

	if (!s->isolate)
		return 0;
	if (!chosen)
		return settings_set(settings, &knob_table[KNOB_ISOLATION], "exclusive",
			SOURCE_COMMAND_LINE, "--isolate", err);
	if (chosen->number != ISOLATION_EXCLUSIVE)
		log_warning(
			"'--isolate' has no effect: '%s' says '%s'", chosen->origin, chosen->text);
	return 0;
}

static void settle_isolation(struct run_options *o)
{
	const struct setting *setting = settings_get(&o->settings, KNOB_ISOLATION);

	o->isolation = ISOLATION_SHARED;
	o->isolation_source = o->profile == PROFILE_SHARED ? SOURCE_PROFILE : SOURCE_DEFAULT;
	if (!setting)
		return;
	o->isolation = (enum isolation_mode)setting->number;
	o->isolation_source = setting->source;
}

static int settle_engine(struct run_options *o, struct nvb_error **err)
{
	const struct setting *setting = settings_get(&o->settings, KNOB_DEFAULT_RUNTIME);
	int r;

	if (o->engine)
		return 0;
	if (!setting) {
		o->engine = "bolt";
		return 0;
	}
	r = run_options_find_engine(setting->text, &o->engine, err);
	return r < 0 ? NVB_CONTEXT(err, r, "%s: default_runtime", setting->origin) : r;
}

/* "all" is what is asked for anyway, and a machine without GPUs need not have one then. */
static void settle_gpus(struct run_options *o)
{
	struct setting *setting = &o->settings.of[KNOB_DEVICES];

	if (!setting->given)
		return;
	if (o->gpus_given) {
		/* --gpu said it, and the selection tells. */
		*setting = (struct setting){ 0 };
		return;
	}
	o->gpus = setting->list;
	o->gpus_given = o->gpus.n != 1 || strcmp(o->gpus.items[0], "all") != 0;
}

int run_settings_load(const struct run_settings *s, struct nvb_error **err)
{
	struct run_options *o = s->options;
	const struct setting *driver;
	struct config config = { 0 };
	int r = apply_isolate(s, err);

	if (r >= 0)
		r = config_read_environment(&o->settings, err);
	if (r >= 0)
		r = merge_files(s, &config, err);
	if (r >= 0)
		r = merge_profile(s, &config, err);
	if (r >= 0)
		r = settle_engine(o, err);
	if (r < 0)
		return r;
	settle_isolation(o);
	settle_gpus(o);
	driver = settings_get(&o->settings, KNOB_DRIVER);
	o->driver = driver ? (enum driver_choice)driver->number : DRIVER_AUTO;
	return 0;
}
