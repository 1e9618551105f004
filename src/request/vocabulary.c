/* SPDX-License-Identifier: Apache-2.0 */
#include "request/vocabulary.h"

#include <assert.h>
#include <strings.h>

#include "base/strbuf.h"
#include "request/nearest.h"

#define MESSAGE_BYTES 1024
#define SHOWN_BYTES   64

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
	{ "development", PROFILE_AI_ML, true },
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

static const struct vocabulary_word performance_words[] = {
	{ "ultra-low-latency", PERFORMANCE_ULTRA_LOW_LATENCY, false },
	{ "performance", PERFORMANCE_THROUGHPUT, false },
	{ "balanced", PERFORMANCE_BALANCED, false },
	{ "efficiency", PERFORMANCE_EFFICIENCY, false },
	/* GhostForge's names. */
	{ "ultralowlatency", PERFORMANCE_ULTRA_LOW_LATENCY, true },
	{ "maxperformance", PERFORMANCE_THROUGHPUT, true },
	{ "powerefficient", PERFORMANCE_EFFICIENCY, true },
};

static const struct vocabulary_word mode_words[] = {
	{ "ultra", MODE_ULTRA, false },
	{ "high", MODE_HIGH, false },
	{ "balanced", MODE_BALANCED, false },
	{ "efficient", MODE_EFFICIENT, false },
	{ "gaming", MODE_ULTRA, true },
	{ "efficiency", MODE_EFFICIENT, true },
};

static const struct vocabulary_word dlss_quality_words[] = {
	{ "Performance", DLSS_PERFORMANCE, false },
	{ "Balanced", DLSS_BALANCED, false },
	{ "Quality", DLSS_QUALITY, false },
	{ "UltraPerformance", DLSS_ULTRA_PERFORMANCE, false },
	{ "ultra-performance", DLSS_ULTRA_PERFORMANCE, true },
};

static const struct vocabulary_word vrs_rate_words[] = {
	{ "1x1", VRS_1X1, false },
	{ "1x2", VRS_1X2, false },
	{ "2x1", VRS_2X1, false },
	{ "2x2", VRS_2X2, false },
};

static const struct vocabulary_word vsync_words[] = {
	{ "off", VSYNC_OFF, false },
	{ "on", VSYNC_ON, false },
	{ "adaptive", VSYNC_ADAPTIVE, false },
	{ "mailbox", VSYNC_MAILBOX, false },
	/* The present modes of Vulkan. */
	{ "immediate", VSYNC_OFF, true },
	{ "fifo", VSYNC_ON, true },
	{ "fifo-relaxed", VSYNC_ADAPTIVE, true },
};

static const struct vocabulary_word display_words[] = {
	{ "none", DISPLAY_NONE, false },
	{ "auto", DISPLAY_AUTO, false },
	{ "wayland", DISPLAY_WAYLAND, false },
	{ "x11", DISPLAY_X11, false },
};

static const struct vocabulary_word audio_words[] = {
	{ "none", AUDIO_NONE, false },
	{ "auto", AUDIO_AUTO, false },
	{ "pipewire", AUDIO_PIPEWIRE, false },
	{ "pulseaudio", AUDIO_PULSEAUDIO, false },
	{ "pulse", AUDIO_PULSEAUDIO, true },
};

static const struct vocabulary_word latency_words[] = {
	{ "low", LATENCY_LOW, false },
	{ "normal", LATENCY_NORMAL, false },
	{ "high", LATENCY_HIGH, false },
};

static const struct vocabulary_word aiml_words[] = {
	{ "training", AIML_TRAINING, false },
	{ "inference", AIML_INFERENCE, false },
	{ "development", AIML_DEVELOPMENT, false },
};

static const struct vocabulary_word model_size_words[] = {
	{ "Small", MODEL_SMALL, false },
	{ "Medium", MODEL_MEDIUM, false },
	{ "Large", MODEL_LARGE, false },
	{ "XLarge", MODEL_XLARGE, false },
};

static const struct vocabulary_word precision_words[] = {
	{ "FP32", PRECISION_FP32, false },
	{ "FP16", PRECISION_FP16, false },
	{ "Mixed", PRECISION_MIXED, false },
	{ "Q8", PRECISION_Q8, false },
	{ "Q4", PRECISION_Q4, false },
};

static const struct vocabulary_word gpu_runtime_words[] = {
	{ "nvbind", GPU_RUNTIME_NVBIND, false },
	{ "docker", GPU_RUNTIME_DOCKER, false },
	{ "nvidia", GPU_RUNTIME_NVIDIA, false },
	{ "amd", GPU_RUNTIME_AMD, false },
};

static const struct vocabulary_word wsl2_gpu_words[] = {
	{ "dxcore", WSL2_DXCORE, false },
};

static const struct vocabulary_word power_words[] = {
	{ "maximum", POWER_MAXIMUM, false },
	{ "balanced", POWER_BALANCED, false },
	{ "power-saver", POWER_SAVER, false },
	{ "powersave", POWER_SAVER, true },
};

static const struct vocabulary_word governor_words[] = {
	{ "performance", GOVERNOR_PERFORMANCE, false },
	{ "powersave", GOVERNOR_POWERSAVE, false },
	{ "schedutil", GOVERNOR_SCHEDUTIL, false },
	{ "ondemand", GOVERNOR_ONDEMAND, false },
	{ "conservative", GOVERNOR_CONSERVATIVE, false },
};

#define VOCABULARY(name, title)                                                                    \
	const struct vocabulary vocabulary_##name = {                                              \
		.what = (title),                                                                   \
		.words = name##_words,                                                             \
		.n = ELEMENTS(name##_words),                                                       \
	}

VOCABULARY(isolation, "isolation mode");
VOCABULARY(profile, "profile");
VOCABULARY(driver, "driver");
VOCABULARY(performance, "performance profile");
VOCABULARY(mode, "performance mode");
VOCABULARY(dlss_quality, "DLSS quality");
VOCABULARY(vrs_rate, "shading rate");
VOCABULARY(vsync, "vsync mode");
VOCABULARY(display, "display system");
VOCABULARY(audio, "sound system");
VOCABULARY(latency, "latency");
VOCABULARY(aiml, "AI profile");
VOCABULARY(model_size, "model size");
VOCABULARY(precision, "precision");
VOCABULARY(gpu_runtime, "GPU runtime");
VOCABULARY(wsl2_gpu, "way to the GPU");
VOCABULARY(power, "power profile");
VOCABULARY(governor, "CPU governor");

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

bool vocabulary_is_word(const char *word, const char *text)
{
	for (;; word++, text++) {
		char c = *text == '_' ? '-' : *text;

		if (strncasecmp(word, &c, 1) != 0)
			return false;
		if (!*word)
			return true;
	}
}

int vocabulary_parse(
	const struct vocabulary *v, const char *text, int *ret_value, struct nvb_error **err)
{
	for (size_t i = 0; i < v->n; i++) {
		if (vocabulary_is_word(v->words[i].name, text)) {
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
