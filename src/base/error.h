/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error type.
 *
 * A function that can fail returns int (>= 0 success, < 0 an enum nvb_status) and takes
 * `struct nvb_error **err` last. Success never touches *err; failure always sets it, if err is
 * given. The function that knows the cause raises; every caller that knows more adds one frame:
 *
 *	return NVB_RAISE(err, NVB_ERR_IO, errno, "open '%s'", path);
 *	...
 *	if (r < 0)
 *		return NVB_CONTEXT(err, r, "read the driver version");
 *
 * Messages say what was attempted and name the object in single quotes: no "failed to", no
 * full stop, no newline. errno is given only directly behind the call that set it, else 0.
 * A hint is an action for the user, decided where the cause is known.
 *
 * Out of memory is an immutable static object: raising cannot fail.
 * Thread safety: an error belongs to one thread at a time.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

enum nvb_status {
#define X(name, value, exit_code, meaning) NVB_ERR_##name = (value),
#include "base/errors.def"
#undef X
};

struct nvb_error;

/* `err` may be NULL: then only the status is returned. */
int nvb_error_raise(struct nvb_error **err, int status, int errnum, const char *file, int line,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
/* `status` becomes the error's own: a caller may know better what it means. */
int nvb_error_context(struct nvb_error **err, int status, const char *file, int line,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Replaces the hint. Ignored when err or *err is NULL. Returns `status` unchanged. */
int nvb_error_hint(struct nvb_error **err, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int nvb_error_oom(struct nvb_error **err);

#define NVB_RAISE(err, status, errnum, ...) \
	nvb_error_raise((err), (status), (errnum), __FILE__, __LINE__, __VA_ARGS__)
#define NVB_CONTEXT(err, status, ...) \
	nvb_error_context((err), (status), __FILE__, __LINE__, __VA_ARGS__)
#define NVB_HINT(err, status, ...) nvb_error_hint((err), (status), __VA_ARGS__)
#define NVB_OOM(err) nvb_error_oom(err)

int nvb_error_status(const struct nvb_error *e);
int nvb_error_errno(const struct nvb_error *e);
/* "outermost: ...: innermost: strerror". Borrowed; valid until the error changes. */
const char *nvb_error_message(const struct nvb_error *e);
/* NULL if there is none. */
const char *nvb_error_get_hint(const struct nvb_error *e);
void nvb_error_free(struct nvb_error *e);
DEFINE_FREEP(struct nvb_error, nvb_error_free)

/* Raised errors as seen by a caller that decides to go on: frees *err and empties it. */
void nvb_error_clear(struct nvb_error **err);

int nvb_status_exit_code(int status);
const char *nvb_status_meaning(int status);
/* The status that an errno means by default: EACCES and EPERM are PERMISSION, ENOMEM is
 * NO_MEMORY, all else `otherwise`. */
int nvb_status_from_errno(int errnum, int otherwise);

#define _cleanup_error_ _cleanup_(nvb_error_freep)
