/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of NVIDIA's container toolkit as the policy of nvbind-runtime.
 * Source: NVIDIA Container Toolkit 1.20, /etc/nvidia-container-runtime/config.toml, all keys.
 */
#pragma once

#include "migrate/report.h"

#define TOOLKIT_NAME	      "nvidia-container-toolkit"
#define TOOLKIT_DOCKER_CONFIG "/etc/docker/daemon.json"
#define TOOLKIT_CONFIG_PATH   "/etc/nvidia-container-runtime/config.toml"

/*
 * `name` is the file's, for messages. *ret_policy is the text of /etc/nvbind/runtime.json,
 * malloc'd. The report lives in `a`; a key that is not converted does not fail. Errors:
 * NVB_ERR_FORMAT (not TOML, a value of another type), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int toolkit_migrate(const char *name, const char *text, size_t length, struct arena *a,
	char **ret_policy, struct migrate_report *ret_report, struct nvb_error **err);

/*
 * Says it where Docker's configuration, `length` bytes, still names the toolkit's runtime. What is
 * not understood says nothing. Errors: NVB_ERR_NO_MEMORY.
 */
int toolkit_note_docker(const char *text, size_t length, struct arena *a,
	struct migrate_report *report, struct nvb_error **err);

/* Every key that is known, for tests and the manual: "nvidia-container-runtime.debug". */
size_t toolkit_key_count(void);
const char *toolkit_key_name(size_t i);
