/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which configuration file counts. Of
 *
 *	the files of --config, all of them
 *	$NVBIND_CONFIG
 *	./nvbind.toml
 *	./.nvbind.toml
 *	$XDG_CONFIG_HOME/nvbind/config.toml
 *	~/.config/nvbind/config.toml
 *	/etc/nvbind/config.toml, of the machine below --host-root
 *
 * the first that exists. A configuration can weaken isolation, so nobody else's is taken: root
 * reads only what root alone can change, and from a working directory nobody reads a file that
 * belongs to another user or that everyone may write to. Such a file is passed over, with a
 * warning; named by --config or $NVBIND_CONFIG, it is an error. "/dev/null" is an empty file.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

enum config_state {
	CONFIG_ABSENT,
	CONFIG_REFUSED,
	CONFIG_SHADOWED, /* an earlier one counts */
	CONFIG_COUNTS,
};

enum config_place {
	CONFIG_BY_OPTION,   /* --config */
	CONFIG_BY_VARIABLE, /* NVBIND_CONFIG */
	CONFIG_IN_WORKING_DIRECTORY,
	CONFIG_OF_USER,
	CONFIG_OF_MACHINE,
};

struct config_candidate {
	const char *path;
	enum config_place place;
	enum config_state state;
	const char *why;  /* REFUSED: what is wrong */
	const char *text; /* COUNTS */
	size_t length;
};

struct config_candidate_list VEC(struct config_candidate);

const char *config_state_name(enum config_state state);
const char *config_place_name(enum config_place place);

/*
 * All candidates in order. `given` are the files of --config. Errors: NVB_ERR_NOT_FOUND,
 * NVB_ERR_PERMISSION, NVB_ERR_IO, NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int config_search(struct arena *a, const char *host_root, const struct string_list *given,
	struct config_candidate_list *ret, struct nvb_error **err);

/* Where a file of the caller's own belongs: root's is the machine's. NULL: there is no HOME. */
const char *config_own_path(struct arena *a, const char *host_root);
