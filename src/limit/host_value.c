/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/host_value.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "gpu/cache.h"
#include "gpu/tuning.h"

#define LIMIT_BYTES ((size_t)4096)

void host_values_done(struct host_values *values)
{
	inventory_free(values->inv);
	values->inv = NULL;
}

static int raise(const char *verb, const char *path, errint_t e, struct nvb_error **err)
{
	int status = nvb_status_from_errno(-e, NVB_ERR_IO);

	if (e == -ENOENT || e == -ENODEV)
		status = NVB_ERR_NOT_FOUND;
	if (e == -ELOOP || e == -ENOTSUP || e == -EILSEQ)
		status = NVB_ERR_UNSUPPORTED;
	return NVB_RAISE(err, status, -e, "%s '%s'", verb, path);
}

static errint_t open_regular(const char *path, int flags)
{
	_cleanup_close_ int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -ENOTSUP;
}

static errint_t read_file(struct arena *a, const char *path, const char **ret_value)
{
	_cleanup_close_ int fd = open_regular(path, O_RDONLY);
	_cleanup_free_ char *text = NULL;
	size_t length;
	errint_t e;

	e = fd < 0 ? fd : file_read_fd(fd, LIMIT_BYTES, &text, &length);
	if (e < 0)
		return e;
	while (length && isspace((unsigned char)text[length - 1]))
		text[--length] = '\0';
	if (strlen(text) != length || strchr(text, '\n'))
		return -EILSEQ;
	*ret_value = arena_strdup(a, text);
	return *ret_value ? 0 : -ENOMEM;
}

static errint_t write_file(const char *path, const char *value)
{
	_cleanup_close_ int fd = open_regular(path, O_WRONLY);
	_cleanup_free_ char *line = NULL;
	int length = asprintf(&line, "%s\n", value);
	ssize_t n;

	if (length < 0) {
		line = NULL;
		return -ENOMEM;
	}
	if (fd < 0)
		return fd;
	do
		n = write(fd, line, (size_t)length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n != length)
		return -EIO;
	/* sysfs has nothing to cut off (EINVAL, where it says so); a file that stands for one has.
	 */
	return ftruncate(fd, n) < 0 && errno != EINVAL ? -errno : 0;
}

static int open_machine(struct host_values *values, struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree own = HOST_TREE_INIT;
	int r = 0;

	if (values->inv)
		return 0;
	if (!values->tree)
		r = host_tree_open("/", &own, err);
	if (r >= 0)
		r = inventory_open(values->tree ? values->tree : &own, NULL, &values->inv, err);
	return r < 0 ? NVB_CONTEXT(err, r, "look for GPUs") : 0;
}

static int control_power(struct host_values *values, const char *address, const char *value,
	uint64_t *ret_milliwatts, struct nvb_error **err)
{
	int r = open_machine(values, err);

	if (r >= 0)
		r = gpu_power_limit(values->inv, address, value, ret_milliwatts, err);
	if (r >= 0)
		return 0;
	return NVB_CONTEXT(
		err, r, "%s the power limit of the GPU at '%s'", value ? "set" : "read", address);
}

static int raise_kind(const char *target, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "change '%s': this version cannot", target);
}

int host_value_read(struct host_values *values, struct arena *a, enum host_change_kind kind,
	const char *target, const char **ret_value, struct nvb_error **err)
{
	uint64_t milliwatts = 0;
	errint_t e;
	int r;

	switch (kind) {
	case HOST_CHANGE_FILE:
		e = read_file(a, target, ret_value);
		return e < 0 ? raise("read", target, e, err) : 0;
	case HOST_CHANGE_GPU_POWER:
		r = control_power(values, target, NULL, &milliwatts, err);
		if (r < 0)
			return r;
		*ret_value = arena_printf(a, "%" PRIu64, milliwatts);
		return *ret_value ? 0 : NVB_OOM(err);
	case HOST_CHANGE_GPU_CLOCKS:
	case HOST_CHANGE_GPU_MODE:
		break;
	}
	return raise_kind(target, err);
}

int host_value_write(struct host_values *values, enum host_change_kind kind, const char *target,
	const char *value, struct nvb_error **err)
{
	errint_t e;

	switch (kind) {
	case HOST_CHANGE_FILE:
		e = write_file(target, value);
		if (e >= 0)
			return 0;
		return NVB_CONTEXT(err, raise("write", target, e, err), "set it to '%s'", value);
	case HOST_CHANGE_GPU_POWER:
		return control_power(values, target, value, NULL, err);
	case HOST_CHANGE_GPU_CLOCKS:
	case HOST_CHANGE_GPU_MODE:
		break;
	}
	return raise_kind(target, err);
}
