/* SPDX-License-Identifier: Apache-2.0 */
#include "request/profile.h"

#include <strings.h>

#include "request/nearest.h"

#define MESSAGE_BYTES 1024
#define SHOWN_BYTES   64

static const struct profile profiles[PROFILE_ID_COUNT];

#define PROFILE_ROW(id) (PROFILE_ID_##id ? &profiles[PROFILE_ID_##id] : NULL)

/* clang-format off */
static const struct profile profiles[PROFILE_ID_COUNT] = {
#define PROFILE(id, name, parent, workload, summary) \
	[PROFILE_ID_##id] = { PROFILE_ID_##id, name, PROFILE_ROW(parent), PROFILE_##workload, \
		summary },
#define SET(...)
#define STAND_IN(...)
#include "request/profiles.def"
#undef PROFILE
#undef SET
#undef STAND_IN
};

static const struct {
	enum profile_id profile;
	enum knob_id knob;
	const char *text;
} values[] = {
#define PROFILE(...)
#define SET(id, knob, text) { PROFILE_ID_##id, KNOB_##knob, text },
#define STAND_IN(...)
#include "request/profiles.def"
#undef PROFILE
#undef SET
#undef STAND_IN
};

static const struct {
	const char *name;
	enum profile_id profile;
} stand_ins[] = {
#define PROFILE(...)
#define SET(...)
#define STAND_IN(name, id) { name, PROFILE_ID_##id },
#include "request/profiles.def"
#undef PROFILE
#undef SET
#undef STAND_IN
};
/* clang-format on */

const struct profile *profile_get(enum profile_id id)
{
	return id > PROFILE_ID_NONE && id < PROFILE_ID_COUNT ? &profiles[id] : NULL;
}

const struct profile *profile_of_workload(enum workload_profile workload)
{
	for (size_t i = 1; i < PROFILE_ID_COUNT; i++)
		if (profiles[i].workload == workload && !profiles[i].parent)
			return &profiles[i];
	return &profiles[PROFILE_ID_DEFAULT];
}

const struct profile *profile_find(const char *name, bool *ret_stands_in)
{
	const struct vocabulary *v = &vocabulary_profile;

	*ret_stands_in = false;
	for (size_t i = 1; i < PROFILE_ID_COUNT; i++)
		if (vocabulary_is_word(profiles[i].name, name))
			return &profiles[i];
	for (size_t i = 0; i < ELEMENTS(stand_ins); i++)
		if (vocabulary_is_word(stand_ins[i].name, name)) {
			*ret_stands_in = true;
			return &profiles[stand_ins[i].profile];
		}
	for (size_t i = 0; i < v->n; i++)
		if (vocabulary_is_word(v->words[i].name, name))
			return profile_of_workload((enum workload_profile)v->words[i].value);
	return NULL;
}

const char *profile_nearest(const char *name)
{
	struct nearest nearest = NEAREST_INIT(name);

	for (size_t i = 1; i < PROFILE_ID_COUNT; i++)
		nearest_consider(&nearest, profiles[i].name);
	return nearest_word(&nearest);
}

static int raise_unknown(const char *name, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(MESSAGE_BYTES);
	const char *nearest = profile_nearest(name);
	int r;

	strbuf_escaped_add(&shown, name, SHOWN_BYTES);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown profile '%s'", strbuf_str(&shown));
	if (nearest)
		return NVB_HINT(err, r, "did you mean '%s'?", nearest);
	return NVB_HINT(err, r, "'nvbind profile list' shows all");
}

int profile_parse(const char *name, struct arena *a, struct string_list *warnings,
	const struct profile **ret, struct nvb_error **err)
{
	bool stands_in;
	const struct profile *found = profile_find(name, &stands_in);

	if (!found)
		return raise_unknown(name, err);
	if (stands_in &&
		string_list_printf(a, warnings, "profile '%.64s' is defined nowhere, '%s' is taken",
			name, found->name) < 0)
		return NVB_OOM(err);
	*ret = found;
	return 0;
}

static int fill_own(const struct profile *profile, struct settings *into, struct nvb_error **err)
{
	const char *origin = arena_printf(into->arena, "profile '%s'", profile->name);

	if (!origin)
		return NVB_OOM(err);
	for (size_t i = 0; i < ELEMENTS(values); i++) {
		const struct knob *knob = &knob_table[values[i].knob];
		int r;

		if (values[i].profile != profile->id || into->of[knob->id].given)
			continue;
		r = settings_set(into, knob, values[i].text, SOURCE_PROFILE, origin, err);
		if (r < 0)
			return NVB_CONTEXT(err, r, "%s", origin);
	}
	return 0;
}

int profile_fill(const struct profile *profile, struct settings *into, struct nvb_error **err)
{
	for (; profile; profile = profile->parent) {
		int r = fill_own(profile, into, err);

		if (r < 0)
			return r;
	}
	return 0;
}
