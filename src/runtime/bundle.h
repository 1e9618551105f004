/* SPDX-License-Identifier: Apache-2.0 */
/* An OCI bundle: a directory with a configuration, which is read once and replaced at most once. */
#pragma once

#include <json-c/json.h>
#include <sys/stat.h>

#include "base/error.h"

struct bundle {
	const char *path, *config_name; /* borrowed */
	int fd;
	struct stat st; /* of the configuration */
	char *text;	/* of the configuration, until it is parsed */
	size_t length;
	struct json_object *config; /* NULL until then */
};

#define BUNDLE_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Errors: NVB_ERR_NOT_FOUND, NVB_ERR_PERMISSION, NVB_ERR_IO, NVB_ERR_FORMAT, NVB_ERR_LIMIT. */
int bundle_read(
	const char *path, const char *config_name, struct bundle *ret, struct nvb_error **err);
/* Errors: NVB_ERR_FORMAT, NVB_ERR_NO_MEMORY. */
int bundle_parse(struct bundle *bundle, struct nvb_error **err);
/* Both. */
int bundle_open(
	const char *path, const char *config_name, struct bundle *ret, struct nvb_error **err);
void bundle_done(struct bundle *bundle);

/*
 * Whoever reads it meanwhile sees the old or the new text. Owner and mode stay. Killed on the way, it
 * leaves the new text beside it: that goes with the bundle, so not every start looks for such files.
 */
int bundle_replace(const struct bundle *bundle, struct nvb_error **err);

/* The container's root directory, at root_path: absolute, or relative to the bundle. */
int bundle_open_root(const struct bundle *bundle, const char *root_path, struct nvb_error **err);
