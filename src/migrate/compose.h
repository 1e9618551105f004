/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compose file whose services take GPUs in the way of NVIDIA's runtime or of device requests,
 * said in our terms.
 */
#pragma once

#include "migrate/compose_decide.h"
#include "migrate/report.h"

struct compose_result {
	char *text; /* malloc'd: the compose file, or the Boltfile */
	size_t length;
	bool changed; /* false: the text is the one that came in */
	struct migrate_report report;
};

void compose_result_done(struct compose_result *result);

/*
 * `name` is the file's, for messages. `files` reads what the file names besides; NULL: nothing is.
 * The report lives in `a`.
 * Errors: NVB_ERR_FORMAT (not YAML, not a compose file: "NAME: ..."), NVB_ERR_LIMIT, NVB_ERR_FAILED
 * (nothing was converted: the result would not mean what it should), NVB_ERR_NO_MEMORY.
 */
int compose_migrate(const char *name, const char *text, size_t length, enum compose_target target,
	const struct compose_files *files, struct arena *a, struct compose_result *ret,
	struct nvb_error **err);
