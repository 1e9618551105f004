/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables that `env_file` brings to a service.
 * Source: Compose Specification, "env_file" and its format of environment files, 2026-08.
 */
#pragma once

#include "migrate/compose_read.h"

/*
 * Reads a file that a compose file names. 0: *ret_text is malloc'd; < 0: it cannot be read, which
 * is no error. `read` NULL: no file can be.
 */
struct compose_files {
	int (*read)(void *user, const char *path, char **ret_text);
	void *user;
};

enum compose_found {
	COMPOSE_ABSENT,
	COMPOSE_FOUND,
	COMPOSE_UNKNOWN, /* a file cannot be read, or its name is only known to Compose */
};

/* The value of a variable: that of the last file that has it. *ret_value lives in `a`. */
int compose_env_file_find(const struct compose_service *service, const struct compose_files *files,
	const char *name, struct arena *a, enum compose_found *ret, const char **ret_value,
	struct nvb_error **err);
