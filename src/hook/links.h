/* SPDX-License-Identifier: Apache-2.0 */
/* Links in the container's root. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "cdi/hook_arguments.h"

enum links_result {
	LINKS_KEPT, /* it is there already */
	LINKS_MADE,
	LINKS_OCCUPIED, /* something that is no link stands there: it stays */
};

/* The directory of the last link: a driver has dozens of links in few directories. */
struct links_directory {
	char *path;
	int fd;
};

#define LINKS_DIRECTORY_INIT                                                                       \
	{                                                                                          \
		.fd = -1                                                                           \
	}
void links_directory_done(struct links_directory *last);

/*
 * Makes one link: its directory as the container resolves it, created where it is missing; an
 * older link of that name is replaced in one step. A file, a directory or a mount in its place
 * is the image's or the runtime's and stays.
 * Errors: NVB_ERR_IO (with a hint for a read-only root), NVB_ERR_UNSAFE_PATH (the directory kept
 * changing), NVB_ERR_NO_MEMORY.
 */
int links_make(int root_fd, const struct hook_link *link, struct links_directory *last,
	enum links_result *ret, struct nvb_error **err);
