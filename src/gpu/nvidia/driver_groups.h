/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of driver_groups.def as data, and how a library's file name is read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gpu/capability.h"

enum library_version {
	DRIVER_VERSION,
	OWN_VERSION,
};

struct driver_library {
	const char *stem;
	enum library_version version;
	const char *directory;
	capability_set needed_for;
	const char *further_names; /* separated by spaces */
};

/* NULL if the tables have no library of this stem, which starts with "lib". */
const struct driver_library *driver_library_find(const char *stem, size_t length);

/* "libcuda.so.550.163.01" in its parts. */
struct library_name {
	size_t stem_length;
	const char *version; /* "" for "libcuda.so"; points into the name */
	bool is_driver_version;
};

/*
 * False if `name` is no plain library file name. Names are untrusted: only letters, digits and
 * "+-._" are accepted.
 */
bool library_name_parse(const char *name, struct library_name *ret);

/* True for "550.163.01": three digits, then one to three more groups of digits. */
bool driver_version_is_valid(const char *version);
/* < 0, 0, > 0: dotted numbers by value, group by group. */
int driver_version_compare(const char *a, const char *b);

/* All but COMPAT32: for files of every use, and for libraries that the tables do not know (a new
 * driver may bring a new one). */
capability_set driver_any_capability(void);

struct driver_program {
	const char *name;
	capability_set needed_for;
};

enum config_base {
	BASE_ETC = 1 << 0,
	BASE_SHARE = 1 << 1, /* /usr/local/share, /usr/share */
	BASE_ROOT = 1 << 2,  /* the tree's root: containerised drivers */
	BASE_ANY = BASE_ETC | BASE_SHARE,
};

struct driver_config {
	unsigned bases; /* enum config_base */
	const char *directory;
	const char *pattern;
	const char *container_base;
	capability_set needed_for;
	capability_set requires_all;
};

struct driver_socket {
	const char *path;
	capability_set needed_for;
	bool is_directory; /* of pipes and sockets, in a place where anyone can make one */
};

/* Each ends with an entry whose first pointer is NULL. */
extern const char *const driver_library_dirs[];
extern const struct driver_program driver_programs[];
extern const char *const driver_program_dirs[];
extern const struct driver_config driver_configs[];
extern const char *const driver_xorg_dirs[];
extern const char *const driver_xorg_modules[];
extern const struct driver_socket driver_sockets[];
/* For tests: all libraries. */
extern const struct driver_library driver_libraries[];
