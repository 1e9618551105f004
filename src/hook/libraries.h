/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries of a folder in the container, as ld.so.cache wants to know them. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "format/ldcache.h"

struct library_list VEC(struct ldcache_library);

enum libraries_wanted {
	/*
	 * Those that were mounted into the root, and links to them: the driver's. The image's own
	 * libraries in the same folder are its own affair. Before Linux 5.8 a mount is told by
	 * its device number, so a driver on the same file system as the root is missed.
	 */
	LIBRARIES_MOUNTED,
	LIBRARIES_ALL,
};

/*
 * Appends the libraries of `folder`, an absolute path in the container. An entry is the SONAME with
 * the file that bears it: the link of that name in the folder if it leads there, else the file
 * itself; and the folder's other links to it (libcuda.so). A folder that does not exist has
 * none; what is no library is passed over.
 * Errors: NVB_ERR_NO_MEMORY, NVB_ERR_LIMIT.
 */
int libraries_of_folder(int root_fd, const char *folder, enum libraries_wanted wanted,
	struct arena *a, struct library_list *list, struct nvb_error **err);
