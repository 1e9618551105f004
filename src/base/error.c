/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct nvb_error {
	int status;
	int errnum;
	char *message;
	char *hint;
};

static struct nvb_error out_of_memory = {
	.status = NVB_ERR_NO_MEMORY,
	.errnum = ENOMEM,
	.message = (char *)"out of memory",
};

int nvb_error_oom(struct nvb_error **err)
{
	if (err) {
		if (*err && *err != &out_of_memory)
			nvb_error_free(*err);
		*err = &out_of_memory;
	}
	return NVB_ERR_NO_MEMORY;
}

static char *__attribute__((format(printf, 1, 0))) format_message(const char *format, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, format, ap) < 0)
		return NULL;
	return text;
}

int nvb_error_raise(struct nvb_error **err, int status, int errnum, const char *file, int line,
	const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	struct nvb_error *e;
	va_list ap;

	/* A misused status must not read as success. */
	if (status >= 0)
		status = NVB_ERR_FAILED;
	if (!err)
		return status;
	assert(!*err && "an error is raised over a live one");
	(void)file;
	(void)line;

	va_start(ap, format);
	text = format_message(format, ap);
	va_end(ap);
	if (!text)
		return nvb_error_oom(err);

	e = calloc(1, sizeof(*e));
	if (!e)
		return nvb_error_oom(err);
	e->status = status;
	e->errnum = errnum;
	if (errnum) {
		if (asprintf(&e->message, "%s: %s", text, strerror(errnum)) < 0) {
			free(e);
			return nvb_error_oom(err);
		}
	} else {
		e->message = TAKE_PTR(text);
	}
	*err = e;
	return status;
}

int nvb_error_context(struct nvb_error **err, int status, const char *file, int line,
	const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	char *joined = NULL;
	va_list ap;

	if (status >= 0)
		status = NVB_ERR_FAILED;
	if (!err || !*err || *err == &out_of_memory)
		return status;
	(void)file;
	(void)line;

	va_start(ap, format);
	text = format_message(format, ap);
	va_end(ap);
	/* A frame that cannot be added is left out; the cause is still there. */
	(*err)->status = status;
	if (!text || asprintf(&joined, "%s: %s", text, (*err)->message) < 0)
		return status;
	free((*err)->message);
	(*err)->message = joined;
	return status;
}

int nvb_error_hint(struct nvb_error **err, int status, const char *format, ...)
{
	char *text;
	va_list ap;

	if (!err || !*err || *err == &out_of_memory)
		return status;
	va_start(ap, format);
	text = format_message(format, ap);
	va_end(ap);
	if (!text)
		return status;
	free((*err)->hint);
	(*err)->hint = text;
	return status;
}

int nvb_error_status(const struct nvb_error *e)
{
	return e ? e->status : 0;
}

int nvb_error_errno(const struct nvb_error *e)
{
	return e ? e->errnum : 0;
}

const char *nvb_error_message(const struct nvb_error *e)
{
	return e ? e->message : "no error";
}

const char *nvb_error_get_hint(const struct nvb_error *e)
{
	return e ? e->hint : NULL;
}

void nvb_error_free(struct nvb_error *e)
{
	if (!e || e == &out_of_memory)
		return;
	free(e->message);
	free(e->hint);
	free(e);
}

void nvb_error_clear(struct nvb_error **err)
{
	if (!err)
		return;
	nvb_error_free(*err);
	*err = NULL;
}

static const struct status_row {
	int status;
	int exit_code;
	const char *meaning;
} status_table[] = {
#define X(name, value, exit_code, meaning) { value, exit_code, meaning },
#include "base/errors.def"
#undef X
};

static const struct status_row *find_status(int status)
{
	for (size_t i = 0; i < ELEMENTS(status_table); i++)
		if (status_table[i].status == status)
			return &status_table[i];
	return &status_table[0];
}

int nvb_status_exit_code(int status)
{
	return status >= 0 ? 0 : find_status(status)->exit_code;
}

const char *nvb_status_meaning(int status)
{
	return status >= 0 ? "success" : find_status(status)->meaning;
}

int nvb_status_from_errno(int errnum, int otherwise)
{
	switch (errnum) {
	case EACCES:
	case EPERM:
	case EROFS:
		return NVB_ERR_PERMISSION;
	case ENOMEM:
		return NVB_ERR_NO_MEMORY;
	default:
		return otherwise;
	}
}
