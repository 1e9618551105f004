/* SPDX-License-Identifier: Apache-2.0 */
/* What `nvbind setup --check` tells of an engine. NULL and SETUP_UNKNOWN: not known. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "host/tree.h"

enum setup_answer {
	SETUP_UNKNOWN = -1,
	SETUP_NO,
	SETUP_YES,
};

struct setup_status {
	const char *engine;
	const char *program; /* NULL: it is not installed */
	const char *version;
	const char *config; /* the file that is read, or would be */
	bool config_exists;
	const char *problem;	     /* why the file cannot be read */
	const char *runtime_path;    /* of nvbind's runtime; NULL: it is not set up */
	const char *default_runtime; /* NULL: the engine's own choice */
	bool is_default;
	const char *nvidia_runtime; /* where NVIDIA's runtime is set up too */
	enum setup_answer cdi;
	struct string_list missing; /* what to do */
};

struct setup_report {
	struct arena *arena;
	struct setup_status_list VEC(struct setup_status) engines;
	struct string_list specs; /* CDI specifications of the machine */
};

struct setup_options;
struct setup_engine;

/* `only` NULL: all engines. */
int setup_check(const struct host_tree *tree, const struct setup_options *options,
	const struct setup_engine *only, struct setup_report **ret, struct nvb_error **err);
void setup_report_free(struct setup_report *report);
DEFINE_FREEP(struct setup_report, setup_report_free)

int setup_report_format_text(const struct setup_report *report, char **ret, struct nvb_error **err);
int setup_report_format_json(const struct setup_report *report, char **ret, struct nvb_error **err);
