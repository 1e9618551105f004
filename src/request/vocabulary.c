/* SPDX-License-Identifier: Apache-2.0 */
#include "request/vocabulary.h"

#include <assert.h>
#include <strings.h>

#include "base/strbuf.h"
#include "request/nearest.h"

#define MESSAGE_BYTES 1024
#define SHOWN_BYTES 64

static const struct vocabulary_word isolation_words[] = {
	{ "shared", ISOLATION_SHARED, false },
	{ "exclusive", ISOLATION_EXCLUSIVE, false },
	{ "virtual", ISOLATION_VIRTUAL, false },
	{ "gpu-shared", ISOLATION_SHARED, true },
	{ "gpu-exclusive", ISOLATION_EXCLUSIVE, true },
	{ "gpu-virtual", ISOLATION_VIRTUAL, true },
	/* Bolt's names. */
	{ "timesliced", ISOLATION_SHARED, true },
	{ "mig", ISOLATION_VIRTUAL, true },
};

static const struct vocabulary_word profile_words[] = {
	{ "default", PROFILE_DEFAULT, false },
	{ "gaming", PROFILE_GAMING, false },
	{ "ai-ml", PROFILE_AI_ML, false },
	{ "shared", PROFILE_SHARED, false },
	{ "aiml", PROFILE_AI_ML, true },
	{ "ai", PROFILE_AI_ML, true },
	{ "ml", PROFILE_AI_ML, true },
	{ "bolt-gaming", PROFILE_GAMING, true },
	{ "bolt-ai-ml", PROFILE_AI_ML, true },
	{ "competitive", PROFILE_GAMING, true },
	{ "aaa", PROFILE_GAMING, true },
	{ "handheld", PROFILE_GAMING, true },
	/* Bolt's performance modes, which it passes as a profile. */
	{ "ultra", PROFILE_GAMING, true },
	{ "development", PROFILE_DEFAULT, true },
	{ "balanced", PROFILE_DEFAULT, true },
};

static const struct vocabulary_word driver_words[] = {
	{ "auto", DRIVER_AUTO, false },
	{ "nvidia-open", DRIVER_NVIDIA_OPEN, false },
	{ "nvidia-proprietary", DRIVER_NVIDIA_PROPRIETARY, false },
	{ "nouveau", DRIVER_NOUVEAU, false },
	{ "amdgpu", DRIVER_AMDGPU, false },
	{ "open", DRIVER_NVIDIA_OPEN, true },
	{ "proprietary", DRIVER_NVIDIA_PROPRIETARY, true },
};

const struct vocabulary vocabulary_isolation = {
	.what = "isolation mode",
	.words = isolation_words,
	.n = ELEMENTS(isolation_words),
};

const struct vocabulary vocabulary_profile = {
	.what = "profile",
	.words = profile_words,
	.n = ELEMENTS(profile_words),
};

const struct vocabulary vocabulary_driver = {
	.what = "driver",
	.words = driver_words,
	.n = ELEMENTS(driver_words),
};

static int raise_unknown(const struct vocabulary *v, const char *text, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf message = STRBUF_INIT(MESSAGE_BYTES);
	struct nearest nearest = NEAREST_INIT(text);
	const char *separator = "";
	int r;

	strbuf_printf(&message, "unknown %s '", v->what);
	strbuf_escaped_add(&message, text, SHOWN_BYTES);
	strbuf_str_add(&message, "'; known are ");
	for (size_t i = 0; i < v->n; i++) {
		nearest_consider(&nearest, v->words[i].name);
		if (v->words[i].alias)
			continue;
		strbuf_printf(&message, "%s'%s'", separator, v->words[i].name);
		separator = ", ";
	}
	if (strbuf_failed(&message))
		return NVB_OOM(err);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "%s", strbuf_str(&message));
	if (nearest_word(&nearest))
		return NVB_HINT(err, r, "did you mean '%s'?", nearest_word(&nearest));
	return r;
}

int vocabulary_parse(
	const struct vocabulary *v, const char *text, int *ret_value, struct nvb_error **err)
{
	for (size_t i = 0; i < v->n; i++) {
		if (strcasecmp(v->words[i].name, text) == 0) {
			*ret_value = v->words[i].value;
			return 0;
		}
	}
	return raise_unknown(v, text, err);
}

const char *vocabulary_name(const struct vocabulary *v, int value)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->words[i].value == value && !v->words[i].alias)
			return v->words[i].name;
	assert(!"a value outside of its vocabulary");
	return "?";
}

capability_set profile_capabilities(enum workload_profile profile)
{
	switch (profile) {
	case PROFILE_GAMING:
		return CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY | CAPABILITY_NGX |
		       CAPABILITY_COMPAT32 | CAPABILITY_UTILITY | CAPABILITY_VIDEO |
		       CAPABILITY_COMPUTE;
	case PROFILE_AI_ML:
		return CAPABILITY_COMPUTE | CAPABILITY_UTILITY | CAPABILITY_VIDEO;
	case PROFILE_SHARED:
	case PROFILE_DEFAULT:
		break;
	}
	return CAPABILITY_DEFAULT;
}
