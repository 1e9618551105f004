/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of one configuration file as settings: nvbind's own file, a Boltfile or one of
 * GhostForge's. Its tables tell which it is, and one file may be several: knob_places.def says
 * what each table means.
 */
#pragma once

#include "request/knob_place.h"
#include "request/settings.h"

#define CONFIG_TEXT_LIMIT_BYTES ((size_t)1 << 20)

/* What is wrong, or in doubt, at one place. */
struct config_finding {
	bool is_error; /* false: an unknown key, which only a strict reader refuses */
	unsigned line, column;
	const char *text; /* "FILE:LINE:COLUMN: ..." */
	const char *hint; /* NULL: none */
};

struct config_finding_list VEC(struct config_finding);

/* What a file says for all containers, for one service, or as one profile. */
struct config_part {
	enum knob_section section;
	const char *name;     /* NULL: for all */
	const char *inherits; /* of a profile: another one; NULL: none */
	const char *origin;   /* FILE:LINE:COLUMN; of the part for all: FILE */
	struct settings settings;
};

struct config_part_list VEC(struct config_part *);

struct config_file {
	const char *name;
	struct config_part_list parts; /* the first is that for all; others in order of names */
	struct config_finding_list findings; /* in order of places */
};

/*
 * `name` is the file's for messages and origins. Values that are wrong are findings, and the rest
 * is read: see config_file_check(). All goes into `a`. Errors: NVB_ERR_FORMAT (no TOML),
 * NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int config_file_parse(struct arena *a, const char *name, const char *text, size_t length,
	struct config_file **ret, struct nvb_error **err);

/* Raises the first finding that is an error; `strict`: the first finding. NVB_ERR_FORMAT. */
int config_file_check(const struct config_file *file, bool strict, struct nvb_error **err);
