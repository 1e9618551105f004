/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of knobs, from several sources, merged once: command line > environment > Boltfile >
 * configuration > profile > default. Each knows where it came from, for messages and reasons.
 */
#pragma once

#include "base/arena.h"
#include "request/knob.h"
#include "request/source.h"

struct setting {
	bool given;
	enum request_source source;
	const char *origin; /* "config.toml:12:3", "--config", "BOLT_GPU_ISOLATION", "profile 'gaming'" */
	const char *text;   /* canonical: "8.0 GiB" is "8GiB", words by their first name */
	uint64_t number;    /* BOOL: 0 or 1; WORD: its value; SIZE: bytes; PERCENT; NUMBER */
	struct string_list list; /* LIST */
};

struct settings {
	struct arena *arena; /* borrowed: of all strings */
	struct setting of[KNOB_COUNT];
	struct string_list warnings; /* unknown keys, unknown default profiles, knobs in doubt */
};

/*
 * Sets one knob from text. A value of a higher source stays; one of a lower source is replaced.
 * The same source twice: the later one wins on the command line; elsewhere two different values
 * are an error that names both origins. Errors: NVB_ERR_USAGE (the value, with what is allowed),
 * NVB_ERR_NO_MEMORY.
 */
int settings_set(struct settings *s, const struct knob *knob, const char *text,
	enum request_source source, const char *origin, struct nvb_error **err);

/* "NAME=VALUE" of --config. Errors: as settings_set(), and an unknown name with the nearest. */
int settings_set_assignment(struct settings *s, const char *assignment,
	enum request_source source, const char *origin, struct nvb_error **err);

/* All that are given in `from` and stand above what `into` has. Strings are copied. */
int settings_merge(struct settings *into, const struct settings *from, struct nvb_error **err);

/* All that `into` does not have, whatever the sources. Strings are copied. */
int settings_fill(struct settings *into, const struct settings *from, struct nvb_error **err);

/* NULL: not given. */
const struct setting *settings_get(const struct settings *s, enum knob_id id);
/* For BOOL: -1 not given, else 0 or 1. */
int settings_bool(const struct settings *s, enum knob_id id);
