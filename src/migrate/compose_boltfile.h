/* SPDX-License-Identifier: Apache-2.0 */
/* A compose file as a Boltfile.toml: [services.NAME] with its GPUs in [services.NAME.gpu]. */
#pragma once

#include "migrate/compose_decide.h"

/*
 * `selections` and `entries` are one per service; what a Boltfile has no place for is said in the
 * entries, and for all of the file in the report. *ret_text is malloc'd. Errors: NVB_ERR_NO_MEMORY,
 * NVB_ERR_LIMIT.
 */
int compose_format_boltfile(const struct compose_file *file,
	const struct compose_selection *selections, struct migrate_entry *entries, struct arena *a,
	struct migrate_report *report, char **ret_text, struct nvb_error **err);
