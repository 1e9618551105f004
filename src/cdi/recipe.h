/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a spec was made: enough to make it again. Kept beside our other state rather than in the
 * spec, because no version of the format has a place for it that every engine accepts.
 */
#pragma once

#include "gpu/capability.h"
#include "cdi/document.h"

struct cdi_recipe {
	const char *path; /* of the spec's file, absolute */
	/* What the file holds and held before, as cdi_digest(); NULL: nothing. Both, because the
	 * recipe is written first: killed in between, the file is still known as ours. */
	const char *digest, *previous;
	const char *kind;
	const char *vendor;    /* gpu_vendor_name() */
	const char *companion; /* kind of the companion that it describes; NULL: GPUs */
	enum cdi_format format;
	const char *host_root;		    /* "/" */
	const char *driver_root, *dev_root; /* NULL: the host's */
	capability_set capabilities;
	unsigned names; /* enum cdi_name_strategy */
	bool all_device, data_companions, annotate, no_library;
	const char *profile;  /* NULL: none */
	const char *hook;     /* path; NULL: none */
	const char *hookless; /* layout or directory; NULL: any root */
};

struct cdi_recipe_list VEC(struct cdi_recipe);

/* malloc'd; deterministic. */
int cdi_recipe_format(const struct cdi_recipe *recipe, char **ret_text, size_t *ret_length,
	struct nvb_error **err);
/* Strings lie in `a`. Errors: NVB_ERR_FORMAT, NO_MEMORY. */
int cdi_recipe_parse(const char *text, size_t length, struct arena *a, struct cdi_recipe *ret,
	struct nvb_error **err);

/* Tells whether a file still holds what we wrote; no protection against intent. */
#define CDI_DIGEST_BYTES 17
void cdi_digest(const void *data, size_t length, char ret[static CDI_DIGEST_BYTES]);
