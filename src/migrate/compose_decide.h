/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a service: which GPUs it has, in terms of CDI, and how its text changes. */
#pragma once

#include "migrate/compose_edit.h"
#include "migrate/compose_env_file.h"
#include "migrate/compose_read.h"
#include "migrate/compose_vendor.h"
#include "migrate/report.h"

struct compose_selection {
	const struct compose_service *service;
	struct string_list devices; /* CDI names, each once: the GPUs, then what is beside them */
	struct string_list capabilities; /* asked for beside "gpu" */
	const char *near;		 /* the member of the service that says so */
	bool asks;			 /* false: nothing to convert */
};

/*
 * Reads the selection and says in `entry` what was found. 0; the entry is NOT_CONVERTED where the
 * selection cannot be said in terms of CDI. Errors: NVB_ERR_NO_MEMORY.
 */
int compose_select(const struct compose_service *service, enum compose_target target,
	const struct compose_files *files, struct arena *a, struct compose_selection *ret,
	struct migrate_entry *entry, struct nvb_error **err);

/* The changes of the text that a selection asks for, and what is to be said of them. */
int compose_decide(const struct compose_selection *selection, enum compose_target target,
	struct arena *a, struct compose_edit_list *ret, struct migrate_entry *entry,
	struct nvb_error **err);
