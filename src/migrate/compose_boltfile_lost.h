/* SPDX-License-Identifier: Apache-2.0 */
/* What a Boltfile has no place for, of what it takes in part: nothing is lost in silence. */
#pragma once

#include "migrate/compose_read.h"
#include "migrate/report.h"

/* Why a key of a compose file is left out. */
extern const char compose_no_boltfile_key[];

/* Of `deploy` and `build`. Errors: NVB_ERR_NO_MEMORY. */
int compose_lost_of_service(const struct compose_service *service, struct migrate_entry *entry,
	struct arena *a, struct nvb_error **err);

/* Of what stands beside the services. Errors: NVB_ERR_NO_MEMORY. */
int compose_lost_of_file(struct json_object *root, struct migrate_report *report, struct arena *a,
	struct nvb_error **err);
