/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One enum per vocabulary with its canonical names and aliases. Input is case-insensitive, and
 * '_' in it stands for '-'; output is canonical. Parser, help and completion read the same tables.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "gpu/capability.h"

enum isolation_mode {
	ISOLATION_SHARED,
	ISOLATION_EXCLUSIVE,
	ISOLATION_VIRTUAL,
};

enum workload_profile {
	PROFILE_DEFAULT,
	PROFILE_GAMING,
	PROFILE_AI_ML,
	PROFILE_SHARED,
};

enum driver_choice {
	DRIVER_AUTO,
	DRIVER_NVIDIA_OPEN,
	DRIVER_NVIDIA_PROPRIETARY,
	DRIVER_NOUVEAU,
	DRIVER_AMDGPU,
};

/* How a GPU's time is spent: the knob performance_profile. */
enum performance_profile {
	PERFORMANCE_ULTRA_LOW_LATENCY,
	PERFORMANCE_THROUGHPUT,
	PERFORMANCE_BALANCED,
	PERFORMANCE_EFFICIENCY,
};

/* Bolt's scale for the same: the knob performance_mode. */
enum performance_mode {
	MODE_ULTRA,
	MODE_HIGH,
	MODE_BALANCED,
	MODE_EFFICIENT,
};

enum dlss_quality {
	DLSS_ULTRA_PERFORMANCE,
	DLSS_PERFORMANCE,
	DLSS_BALANCED,
	DLSS_QUALITY,
};

/* Source: Mesa documentation, "Environment Variables", RADV_FORCE_VRS. */
enum vrs_rate {
	VRS_1X1,
	VRS_1X2,
	VRS_2X1,
	VRS_2X2,
};

enum vsync_mode {
	VSYNC_OFF,
	VSYNC_ON,
	VSYNC_ADAPTIVE,
	VSYNC_MAILBOX,
};

enum display_system {
	DISPLAY_NONE,
	DISPLAY_AUTO,
	DISPLAY_WAYLAND,
	DISPLAY_X11,
};

enum audio_system {
	AUDIO_NONE,
	AUDIO_AUTO,
	AUDIO_PIPEWIRE,
	AUDIO_PULSEAUDIO,
};

enum audio_latency {
	LATENCY_LOW,
	LATENCY_NORMAL,
	LATENCY_HIGH,
};

enum aiml_profile {
	AIML_TRAINING,
	AIML_INFERENCE,
	AIML_DEVELOPMENT,
};

enum model_size {
	MODEL_SMALL,
	MODEL_MEDIUM,
	MODEL_LARGE,
	MODEL_XLARGE,
};

enum model_precision {
	PRECISION_FP32,
	PRECISION_FP16,
	PRECISION_MIXED,
	PRECISION_Q8,
	PRECISION_Q4,
};

/* Who brings the GPU into a container. */
enum gpu_runtime {
	GPU_RUNTIME_NVBIND,
	GPU_RUNTIME_DOCKER,
	GPU_RUNTIME_NVIDIA,
	GPU_RUNTIME_AMD,
};

enum wsl2_acceleration {
	WSL2_DXCORE,
};

enum power_profile {
	POWER_MAXIMUM,
	POWER_BALANCED,
	POWER_SAVER,
};

/* Source: Linux kernel documentation, admin-guide/pm/cpufreq, "Generic Scaling Governors". */
enum cpu_governor {
	GOVERNOR_PERFORMANCE,
	GOVERNOR_POWERSAVE,
	GOVERNOR_SCHEDUTIL,
	GOVERNOR_ONDEMAND,
	GOVERNOR_CONSERVATIVE,
};

struct vocabulary_word {
	const char *name;
	int value;
	bool alias;
};

struct vocabulary {
	const char *what; /* "isolation mode", for messages */
	const struct vocabulary_word *words; /* canonical names before their aliases */
	size_t n;
};

extern const struct vocabulary vocabulary_isolation;
extern const struct vocabulary vocabulary_profile;
extern const struct vocabulary vocabulary_driver;
extern const struct vocabulary vocabulary_performance;
extern const struct vocabulary vocabulary_mode;
extern const struct vocabulary vocabulary_dlss_quality;
extern const struct vocabulary vocabulary_vrs_rate;
extern const struct vocabulary vocabulary_vsync;
extern const struct vocabulary vocabulary_display;
extern const struct vocabulary vocabulary_audio;
extern const struct vocabulary vocabulary_latency;
extern const struct vocabulary vocabulary_aiml;
extern const struct vocabulary vocabulary_model_size;
extern const struct vocabulary vocabulary_precision;
extern const struct vocabulary vocabulary_gpu_runtime;
extern const struct vocabulary vocabulary_wsl2_gpu;
extern const struct vocabulary vocabulary_power;
extern const struct vocabulary vocabulary_governor;

/* Errors: NVB_ERR_USAGE; the message lists the canonical names, the hint the nearest one. */
int vocabulary_parse(const struct vocabulary *v, const char *text, int *ret_value,
	struct nvb_error **err);
/* Whether `text` is this word: case does not count, '_' stands for '-'. */
bool vocabulary_is_word(const char *word, const char *text);
/* The canonical name. */
const char *vocabulary_name(const struct vocabulary *v, int value);

/* The driver capabilities that a profile asks for. */
capability_set profile_capabilities(enum workload_profile profile);
