/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command in a container, as a shell sees it: nvbind run, and other engines beside it with an
 * image of the same root, which they are made to forget afterwards.
 */
#pragma once

#include "bench/measure.h"
#include "bench/place.h"
#include "bench/process.h"
#include "engine/client/client.h"

struct process_list VEC(struct process);

/* Strings are borrowed. */
struct engine_runs {
	struct arena *arena;
	const struct place *place;
	const char *nvbind;	      /* the program */
	const char *host_root;	      /* "/" or a simulated machine */
	const char *image;	      /* that the engines know; NULL: one is made of the root */
	const char *archive;	      /* of the root; NULL: not made yet */
	struct process_list removals; /* of images */
};

/* `gpus` as --gpu takes them. */
int engine_runs_add_nvbind(struct engine_runs *runs, enum bench_line_id line, const char *gpus,
	struct measure_variant_list *variants, struct nvb_error **err);

/*
 * Errors: why the engine cannot run a container here: it is not installed, does not answer, is on
 * another machine, or takes no image.
 */
int engine_runs_add_client(struct engine_runs *runs, enum bench_line_id line,
	const struct client_ops *ops, struct measure_variant_list *variants,
	struct nvb_error **err);

/* Removes the images. */
void engine_runs_done(struct engine_runs *runs);
