/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All specifications of a machine, with the rules by which engines read them: directories in
 * order of rising priority (/etc/cdi, then /var/run/cdi, which wins), files *.json and *.yaml,
 * not below; a device that two files of one directory define is a conflict and defined by
 * neither, unless a directory of higher priority defines it. A bad file is a problem of its own
 * and does not touch the others.
 */
#pragma once

#include "cdi/spec.h"
#include "host/tree.h"

struct cdi_problem {
	const char *path, *message;
};

/* What can be asked for: "vendor/class=device", and who defines it. */
struct cdi_found {
	const char *name;
	const struct cdi_spec *spec;
	const struct cdi_device *device;
};

/* A device that two files of one directory define. */
struct cdi_conflict {
	const char *name, *path, *other_path;
};

struct cdi_problem_list VEC(struct cdi_problem);
struct cdi_found_list VEC(struct cdi_found);
struct cdi_conflict_list VEC(struct cdi_conflict);
struct cdi_spec_list VEC(struct cdi_spec *);

struct cdi_registry {
	struct arena *arena;
	struct string_list directories;	  /* rising priority */
	struct cdi_spec_list specs;	  /* directory order, then name order */
	struct cdi_problem_list problems; /* of files and directories; conflicts are apart */
	struct cdi_found_list devices;	  /* sorted by name, each once, without the conflicts */
	struct cdi_conflict_list conflicts;
};

/* Rising priority, for the running machine; a user's own directory last when not root. */
int cdi_default_directories(struct arena *a, struct string_list *ret, struct nvb_error **err);
/* The same below a host root: paths as seen from outside, links resolved inside of it. */
int cdi_host_directories(const struct host_tree *host, struct arena *a, struct string_list *ret,
	struct nvb_error **err);

int cdi_registry_read(const struct string_list *directories, struct cdi_registry **ret,
	struct nvb_error **err);
void cdi_registry_free(struct cdi_registry *registry);
DEFINE_FREEP(struct cdi_registry, cdi_registry_free)

/*
 * Resolves qualified names, all or none. Errors: NVB_ERR_NO_GPU with every name that cannot be
 * resolved and why (unknown, conflict between two files, bad file), and what exists.
 */
int cdi_registry_resolve(const struct cdi_registry *registry, const struct string_list *names,
	struct arena *a, struct cdi_found_list *ret, struct nvb_error **err);
