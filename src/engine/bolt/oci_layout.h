/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in an OCI layout directory.
 * Source: OCI image specification 1.0.2, image-layout.md, image-index.md, manifest.md, config.md.
 *
 * The layout is hostile: every JSON file is bounded and its digest checked by name only through
 * the form sha256:<64 hex>, which makes a path that cannot leave blobs/. umoci verifies content
 * while it unpacks.
 */
#pragma once

#include "engine/bolt/image.h"

/*
 * `reference` is DIR[:TAG]; without TAG, "latest", else the only image. Unpacked at
 * <store>/images/<digest>, which later runs reuse.
 */
int oci_layout_open(struct arena *a, const char *reference, int store_fd, const char *store_path,
	struct image *image, struct nvb_error **err);
