/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where knobs stand in configuration files, from knob_places.def. A path is the keys that lead to
 * a value from the top of the file.
 */
#pragma once

#include <stddef.h>

#include "base/strbuf.h"
#include "request/knob.h"

/* Whom a part of a file is for. */
enum knob_section {
	KNOB_SECTION_ALL,
	KNOB_SECTION_SERVICE,
	KNOB_SECTION_PROFILE,
	KNOB_SECTION_GAMING_PROFILE,
	KNOB_SECTION_OLLAMA_PROFILE,
};

enum knob_path {
	KNOB_PATH_UNKNOWN,
	KNOB_PATH_TABLE, /* on the way to something known */
	KNOB_PATH_KNOB,
	KNOB_PATH_OTHER, /* known, and read by others */
};

struct knob_place {
	const struct knob *knob; /* KNOB_PATH_KNOB */
	/* Of a knob, or of a table that is the section itself: "services.web" and below it. */
	enum knob_section section;
	size_t name_at; /* which key is the section's name; SIZE_MAX: none, as for ALL */
};

enum knob_path knob_place_find(const char *const *keys, size_t n, struct knob_place *ret);

/* "did you mean 'dlss_enabled'?" for a path that is unknown by its last key; or nothing. */
void knob_place_hint(const char *const *keys, size_t n, struct strbuf *out);

/* The table of nvbind's own file and the key in it. False: the knob has no place there. */
bool knob_place_home(const struct knob *knob, const char **ret_table, const char **ret_key);

/* The tables of nvbind's own file, in order; NULL behind the last. */
const char *knob_place_home_table(size_t i);

/* A value to show in a file. */
const char *knob_example(const struct knob *knob);

/* The knob that `name` is another flat name of; NULL: none. */
const struct knob *knob_place_alias(const char *name);
const char *knob_place_alias_name(size_t i, const struct knob **ret_knob);
