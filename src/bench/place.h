/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the measured containers are: a directory of our own, in memory where programs may run from
 * there, with a container's root made from what this machine has. No image and no network. What
 * killed benches left is removed first.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

struct place {
	char *path; /* NULL: not there */
	int lock_fd; /* of place_name.h */
	/* The container's root: this machine's C library, so that a plan has a place for the
	 * driver's libraries, and one program. Strings live in the arena. */
	const char *root, *state;
	struct string_list command; /* that ends at once, in the container */
};

/*
 * `probe`: a static program whose --version ends at once, to be copied into the root; NULL: the
 * machine's true(1). Errors: NVB_ERR_IO, NVB_ERR_NOT_FOUND (no C library is to be had).
 */
int place_open(struct arena *a, const char *probe, struct place *ret_place, struct nvb_error **err);
/* Removes all of it. */
void place_close(struct place *place);

/* A new directory in it. Errors: NVB_ERR_IO, NVB_ERR_NO_MEMORY. */
int place_directory(const struct place *place, struct arena *a, const char *name, const char **ret,
	struct nvb_error **err);

/* Variables that keep what nvbind writes for itself in the place, not on the machine. */
int place_add_variables(
	const struct place *place, struct arena *a, struct string_list *to, struct nvb_error **err);

enum place_variables {
	PLACE_WITHOUT_OURS, /* no variable of nvbind is the user's */
	PLACE_WITH_OURS,    /* but those of the same name */
};

/* Our environment, and `more`. It ends with NULL. */
int place_environment(struct arena *a, enum place_variables variables,
	const struct string_list *more, const char *const **ret, struct nvb_error **err);
