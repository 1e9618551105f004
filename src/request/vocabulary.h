/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One enum per vocabulary with its canonical names and aliases. Input is case-insensitive,
 * output canonical; parser, help and completion read the same tables.
 */
#pragma once

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

/* Errors: NVB_ERR_USAGE; the message lists the canonical names, the hint the nearest one. */
int vocabulary_parse(const struct vocabulary *v, const char *text, int *ret_value,
	struct nvb_error **err);
/* The canonical name. */
const char *vocabulary_name(const struct vocabulary *v, int value);

/* The driver capabilities that a profile asks for. */
capability_set profile_capabilities(enum workload_profile profile);
