/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "nvbind/ollama.h"

#define GIB (UINT64_C(1) << 30)

#define TOO_SMALL                                                                                  \
	"models of this size need more than its memory limit where they are stored in 16 bits: "   \
	"7B take 14 GB, 13B 26 GB, 34B 68 GB, 70B 140 GB; in Q4_K_M a third of that"

/*
 * The presets that GhostForge's files define, so that they work without a file; `balanced`, which
 * those files name and do not define, is ours.
 */
static const struct ollama_preset presets[] = {
	{ "balanced", "built in", NULL, 8192, 2, 0, true, KV_Q8_0, false, NULL },
	{ "development", "built in", "FP16", 4096, 8, 6 * GIB, false, KV_F16, false, TOO_SMALL },
	{ "production", "built in", "Mixed", 32768, 1, 48 * GIB, false, KV_F16, true, TOO_SMALL },
	{ "ollama-7b", "built in", "FP16", 4096, 8, 6 * GIB, false, KV_F16, false, TOO_SMALL },
	{ "ollama-13b", "built in", "Mixed", 8192, 4, 12 * GIB, false, KV_F16, false, TOO_SMALL },
	{ "ollama-34b", "built in", "Mixed", 16384, 2, 24 * GIB, false, KV_F16, false, TOO_SMALL },
	{ "ollama-70b", "built in", "Mixed", 32768, 1, 48 * GIB, false, KV_F16, true, TOO_SMALL },
};

static const struct ollama_preset *find_built_in(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(presets); i++)
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
	return NULL;
}

static uint64_t number_of(const struct settings *settings, enum knob_id id)
{
	const struct setting *value = settings_get(settings, id);

	return value ? value->number : 0;
}

/* A user's, from a file. Returns 0 if none has it. */
static int find_in_files(const struct config *config, const char *name, struct arena *a,
	struct ollama_preset *ret, struct nvb_error **err)
{
	const struct config_part *part = config_find_profile(config, name);
	struct settings settings = { .arena = a };
	const struct profile *base;
	const struct setting *precision;
	int r;

	if (!part)
		return 0;
	r = config_merge_profile(config, name, &settings, &base, err);
	if (r < 0)
		return r;
	precision = settings_get(&settings, KNOB_PRECISION);
	*ret = (struct ollama_preset){
		.name = part->name,
		.origin = part->origin,
		.precision = precision ? precision->text : NULL,
		.context_length = number_of(&settings, KNOB_CONTEXT_LENGTH),
		.parallel = number_of(&settings, KNOB_BATCH_SIZE),
		.limit_bytes = number_of(&settings, KNOB_MEMORY_LIMIT),
		.wants_mig = number_of(&settings, KNOB_MIG_ENABLED) != 0,
	};
	return 1;
}

static int raise_unknown(const char *name, struct nvb_error **err)
{
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown preset '%.64s'", name),
		"known are 'balanced', 'development', 'production', 'ollama-7b', 'ollama-13b', "
		"'ollama-34b', 'ollama-70b', and the profiles of your configuration");
}

/* A default that nobody defines must not stop anything. */
static int find_named(const struct config *config, const char *name, bool is_default,
	struct arena *a, struct ollama_preset *ret, struct nvb_error **err)
{
	const struct ollama_preset *built_in = find_built_in(name);
	int r = find_in_files(config, name, a, ret, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (built_in) {
		*ret = *built_in;
		return 0;
	}
	if (!is_default)
		return raise_unknown(name, err);
	log_warning("default_ollama_profile: nobody defines '%.64s'", name);
	return 0;
}

int ollama_preset_find(const struct ollama_options *o, struct arena *a, struct ollama_preset *ret,
	struct nvb_error **err)
{
	const struct string_list none = { 0 };
	struct settings settings = { .arena = a };
	const struct setting *chosen;
	struct config config = { 0 };
	int r = config_load(a, o->context.host_root, &none, &config, err);

	if (r >= 0)
		r = config_merge(&config, &settings, err);
	if (r < 0)
		return r;
	*ret = (struct ollama_preset){ 0 };
	chosen = settings_get(&settings, KNOB_DEFAULT_OLLAMA_PROFILE);
	if (o->preset)
		return find_named(&config, o->preset, false, a, ret, err);
	return chosen ? find_named(&config, chosen->text, true, a, ret, err) : 0;
}
