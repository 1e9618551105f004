/* SPDX-License-Identifier: Apache-2.0 */
/* What `nvbind cdi generate`, `refresh` and `remove` share. */
#pragma once

#include "cdi/store.h"
#include "nvbind/cdi_make.h"

/* The store below nvbind's state directory, locked. */
int cdi_state_open(struct cdi_store *ret, struct nvb_error **err);

/*
 * The specs of all directories that engines read together with `directory`: of the machine's
 * own ones all, of any other directory that one alone.
 */
int cdi_state_registry(const struct cdi_machine *machine, const char *directory,
	struct cdi_registry **ret, struct nvb_error **err);

/* 1 if engines on the machine read `directory`, unless told otherwise. */
int cdi_state_is_engines(const struct cdi_machine *machine, const char *directory);

/* The directory part of a spec's path. NULL: out of memory. */
const char *cdi_state_directory(struct arena *a, const char *path);

void cdi_state_warn(const struct cdi_maker *maker);

/* One line on standard output: what became of a file. */
void cdi_state_report(
	const struct cdi_recipe *recipe, enum cdi_change change, const struct cdi_spec *spec);
