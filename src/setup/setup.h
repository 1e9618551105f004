/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration files of container engines.
 *
 *	setup_plan()	what a setup or its undoing changes: nothing is written
 *	setup_apply()	does it
 *	setup_check()	what is set now
 *
 * Before a file is changed, its text is remembered in <state>/setup/; undoing gives it back byte
 *for byte, or, if someone changed the file since, takes away what is ours and leaves the rest.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "host/tree.h"

struct setup_engine;

/* NULL if there is none of this name. */
const struct setup_engine *setup_engine_find(const char *name);
const char *setup_engine_name(const struct setup_engine *engine);
/* The engines, in a fixed order; NULL behind the last. */
const struct setup_engine *setup_engine_at(size_t i);

struct setup_options {
	const char *config;	  /* an absolute path of the machine; NULL: the engine's own file */
	const char *runtime_path; /* nvbind-runtime, as the machine sees it */
	const char *user_config;  /* of an ordinary user: his configuration directory; else NULL */
	bool set_default;	  /* containers use nvbind-runtime unless told otherwise */
	bool cdi;		  /* the engine reads CDI specifications */
	bool stand_in;		  /* links with the names that nvbind-runtime stands in for */
};

/* One file. */
struct setup_change {
	const char *path;	     /* as the machine sees it */
	const char *before;	     /* NULL: there is none */
	const char *after;	     /* NULL: it is removed */
	const char *link;	     /* the file is a symbolic link to this; texts are NULL */
	bool is_made;		     /* of a link: made, else removed */
	bool is_shared;		     /* of a link: another engine's set-up has made it */
	struct setup_record *record; /* NULL: nothing is remembered */
};

struct setup_plan {
	struct arena *arena;
	const struct setup_engine *engine;
	bool undo;
	struct setup_change_list VEC(struct setup_change) changes;
	struct string_list warnings;
	struct string_list notes; /* what is good to know */
	const char *activation;	  /* what makes the engine read its files again */
};

/*
 * What is to be done; no change: nothing is. Errors: FORMAT (a file is malformed), UNSUPPORTED (a
 * file cannot be changed safely), FAILED (a name is taken), PERMISSION, IO.
 */
int setup_plan_make(const struct setup_engine *engine, const struct host_tree *tree,
	const struct setup_options *options, struct setup_plan **ret, struct nvb_error **err);
int setup_plan_undo(const struct setup_engine *engine, const struct host_tree *tree,
	const struct setup_options *options, struct setup_plan **ret, struct nvb_error **err);
void setup_plan_free(struct setup_plan *plan);
DEFINE_FREEP(struct setup_plan, setup_plan_free)

/* The changes as unified differences. */
int setup_plan_format(const struct setup_plan *plan, struct strbuf *out, struct nvb_error **err);

/* Errors: PERMISSION, IO. A file is replaced as a whole or not at all. */
int setup_plan_apply(
	const struct setup_plan *plan, const struct host_tree *tree, struct nvb_error **err);
