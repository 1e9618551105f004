/* SPDX-License-Identifier: Apache-2.0 */
/* What changes between two texts, line by line, for people: the unified format of diff(1). */
#pragma once

#include "base/path.h"
#include "base/strbuf.h"

/*
 * Nothing is written for equal texts. `before` NULL: the file is new; `after` NULL: it is removed.
 * Three lines of context. A line without a newline at the end is marked as diff does.
 * Returns 0 or -errno (out of memory).
 */
errint_t text_diff(const char *name, const char *before, const char *after, struct strbuf *out);
