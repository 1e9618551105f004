/* SPDX-License-Identifier: Apache-2.0 */
/* From a recipe to a specification: looks at the machine once for all recipes that share it. */
#pragma once

#include "cdi/recipe.h"
#include "gpu/discover.h"

struct cdi_machine {
	const char *host_root, *driver_root, *dev_root; /* the latter two may be NULL */
	bool asked_library;
	int status; /* < 0: it could not be looked at, and why */
	const char *problem, *hint;
	struct host_tree tree, driver_tree, dev_tree;
	struct inventory *inv;
};

struct cdi_machine_list VEC(struct cdi_machine *);

struct cdi_maker {
	struct arena *arena;
	struct cdi_machine_list machines;
	struct string_list warnings; /* what discovery and generation have said, each once */
};

int cdi_maker_init(struct cdi_maker *maker, struct nvb_error **err);
void cdi_maker_done(struct cdi_maker *maker);

/* The machine of a recipe, with its companions. Roots may be relative. */
int cdi_maker_machine(struct cdi_maker *maker, const char *host_root, const char *driver_root,
	const char *dev_root, const struct cdi_machine **ret_machine, struct nvb_error **err);

/* *ret_spec is NULL if the machine has nothing of the kind. The caller frees it. */
int cdi_maker_make(struct cdi_maker *maker, const struct cdi_recipe *recipe,
	struct cdi_spec **ret_spec, struct nvb_error **err);
