/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the kernel's that holds one line. */
#pragma once

#include "base/arena.h"
#include "base/path.h"

/* Without white space at the end. -EILSEQ: it is more than a line. */
errint_t host_file_read(struct arena *a, const char *path, const char **ret_value);
/* In one write, as the kernel wants it. -ELOOP, -ENOTSUP: no regular file. */
errint_t host_file_write(const char *path, const char *value);
