/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of models as Ollama keeps it: manifests/HOST/NAMESPACE/MODEL/TAG say which files
 * below blobs/ a model is made of.
 *
 * The directory belongs to whoever downloads models: links do not lead out of it, only regular
 * files are read, and what a manifest says is held against the files.
 * Source: Ollama repository, manifest/manifest.go, manifest/paths.go.
 */
#pragma once

#include <stdint.h>

#include "model/name.h"

struct stored_model {
	uint64_t weights_bytes;	  /* of models, projectors and adapters */
	uint64_t projector_bytes; /* of these, what sees images */
	const char *model_file;	  /* the first one, below the store: "blobs/sha256-..." */
	int fd;			  /* of that file; -1: none */
};

#define STORED_MODEL_INIT                                                                          \
	{                                                                                          \
		.fd = -1                                                                           \
	}

void stored_model_done(struct stored_model *m);

/*
 * Returns 1 if the model is there, 0 if not. Errors: NVB_ERR_FORMAT (a manifest that is none, a
 * file that is missing or shorter than it says), NVB_ERR_IO, NVB_ERR_PERMISSION.
 */
int model_store_find(int store_fd, const struct model_name *name, struct arena *a,
	struct stored_model *ret, struct nvb_error **err);
