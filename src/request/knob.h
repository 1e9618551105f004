/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The knobs: all that a person may set by configuration, profile, environment or --config, from
 * one table (knobs.def), and every place in a file where each may stand (knob_places.def).
 */
#pragma once

#include <stdint.h>

#include "base/strbuf.h"
#include "request/vocabulary.h"

enum knob_type {
	KNOB_TYPE_BOOL,	   /* TOML: a boolean. Text: true|false|1|0|yes|no|on|off */
	KNOB_TYPE_WORD,	   /* one of a vocabulary */
	KNOB_TYPE_SIZE,	   /* bytes: "8GB"; TOML: text, or an integer of bytes */
	KNOB_TYPE_PERCENT, /* "50%"; TOML: text, or an integer */
	KNOB_TYPE_NUMBER,
	KNOB_TYPE_TEXT,
	KNOB_TYPE_LIST, /* of texts; as text separated by commas */
};

enum knob_scope {
	KNOB_SCOPE_CONTAINER, /* ends with the container and touches nothing else */
	KNOB_SCOPE_HOST,      /* changes the machine for everybody, and is undone */
	KNOB_SCOPE_ENGINE,    /* of nvbind itself */
};

enum knob_id {
#define KNOB(id, ...) KNOB_##id,
#include "request/knobs.def"
#undef KNOB
	KNOB_COUNT,
};

struct knob {
	enum knob_id id;
	const char *name;
	enum knob_type type;
	const struct vocabulary *vocabulary; /* WORD */
	uint64_t least, most;
	enum knob_scope scope;
	const char *summary;
};

/* In the order of knobs.def: knob_table[id].id == id. */
extern const struct knob knob_table[KNOB_COUNT];

const char *knob_scope_name(enum knob_scope scope);

/* What may stand there, in the words of a manual: "true or false", "from 1% to 100%". */
void knob_values_add(const struct knob *knob, struct strbuf *out);

/*
 * A flat name, one of its other spellings ("isolation", "memory_limit"), or a whole place
 * ("bolt.gaming.dlss_enabled"). NULL: unknown; then *ret_nearest is the name that was probably
 * meant, or NULL. Case counts, as in TOML; `-` stands for `_`.
 */
const struct knob *knob_find(const char *name, const char **ret_nearest);
