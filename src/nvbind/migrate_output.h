/* SPDX-License-Identifier: Apache-2.0 */
/* Where `nvbind migrate` reads from and writes to. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

#define MIGRATE_STREAM "-"

struct migrate_input {
	const char *path; /* or MIGRATE_STREAM */
	char *text;	  /* malloc'd */
	size_t length;
	struct stat st; /* of the file; not of standard input */
};

void migrate_input_done(struct migrate_input *input);

/* Errors: NVB_ERR_NOT_FOUND, NVB_ERR_PERMISSION, NVB_ERR_LIMIT, NVB_ERR_USAGE (not a file). */
int migrate_input_read(struct migrate_input *input, struct nvb_error **err);

/*
 * For struct compose_files: `user` is the input that names the file, which stands beside it.
 * Returns 0 or -errno.
 */
int migrate_read_beside(void *user, const char *path, char **ret_text);

/* Replaces the file; what it was stays beside it, as FILE.nvbind-backup. */
int migrate_replace(const struct migrate_input *input, const char *text, size_t length, bool force,
	struct nvb_error **err);

/* A new file; one that exists only with `force`. Its directory is made if that is missing. */
int migrate_write(
	const char *path, const char *text, size_t length, bool force, struct nvb_error **err);

/*
 * The same for `path` below a root, which its links do not leave. `shown` is its name for
 * messages.
 */
int migrate_write_below(int root_fd, const char *path, const char *shown, const char *text,
	size_t length, bool force, struct nvb_error **err);

/* A file that a diff is against; NULL: there is none. malloc'd. */
int migrate_read_old(const char *path, char **ret_text, struct nvb_error **err);
/* The same for `path` below a root. */
int migrate_read_old_below(
	int root_fd, const char *path, const char *shown, char **ret_text, struct nvb_error **err);

/* What changes, as diff shows it, on standard output. `before` NULL: a new file. */
int migrate_print_diff(
	const char *name, const char *before, const char *after, struct nvb_error **err);
