/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files of a machine may be driver libraries, by name alone.
 *
 * 1. The table's directories and those that ld.so.cache names for a driver library are read once
 *    each. Names that the tables know, and any lib*.so.<driver version>, are candidates.
 * 2. Links with a known name are followed inside the tree. One that leads to a directory not yet
 *    read adds it: so any alternatives system is understood without knowing its directories.
 */
#pragma once

#include "gpu/nvidia/driver_groups.h"
#include "gpu/vendor.h"

struct file_id {
	dev_t dev;
	ino_t ino;
};

struct search_dir {
	const char *path; /* in the tree, without links */
	struct file_id id;
};

struct candidate {
	const char *name;
	struct library_name parts; /* the version may come to be that of a link to the file */
	const struct driver_library *library; /* NULL: not in the tables */
	size_t dir;
	struct file_id id;
};

/* A link whose name says that it leads to a driver library. */
struct library_link {
	const char *name;
	const struct driver_library *library;
	size_t dir;
	bool resolved;
	struct file_id id;
};

struct library_search {
	struct gpu_discovery *d;
	struct arena *scratch; /* holds the lists and their strings */
	struct search_dir_list VEC(struct search_dir) dirs;
	struct string_list seen; /* directories by the names they were asked for, found or not */
	struct candidate_list VEC(struct candidate) candidates;
	struct library_link_list VEC(struct library_link) links;
};

static inline bool same_file(struct file_id a, struct file_id b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/* Fills dirs, candidates and links; `d` and `scratch` are set. Errors: NVB_ERR_NO_MEMORY. */
int library_search_run(struct library_search *s, struct nvb_error **err);

/* The path in the tree of a name in one of the directories; NULL: out of memory. */
char *library_search_path(struct library_search *s, size_t dir, const char *name);
