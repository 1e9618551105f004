/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <fcntl.h>

#include "base/file.h"
#include "format/json.h"

static int raise_at(const struct bundle *bundle, const char *verb, const char *path, int error,
	struct nvb_error **err)
{
	int status = error == ENOENT || error == ENOTDIR ? NVB_ERR_NOT_FOUND
							 : nvb_status_from_errno(error, NVB_ERR_IO);

	/* A path of the bundle is told as a whole. */
	if (path && path[0] != '/')
		return NVB_RAISE(err, status, error, "%s '%s/%s'", verb, bundle->path, path);
	return NVB_RAISE(err, status, error, "%s '%s'", verb, path ? path : bundle->path);
}

void bundle_done(struct bundle *bundle)
{
	closep(&bundle->fd);
	freep(&bundle->text);
	json_putp(&bundle->config);
}

static int raise_too_long(const struct bundle *bundle, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s/%s': it has more than %zu MiB",
		bundle->path, bundle->config_name, JSON_TEXT_LIMIT_BYTES >> 20);
}

static int read_config(struct bundle *bundle, struct nvb_error **err)
{
	/* O_NONBLOCK: a FIFO must not hold the engine. */
	_cleanup_close_ int fd = openat(
		bundle->fd, bundle->config_name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	errint_t e;

	if (fd < 0 || fstat(fd, &bundle->st) < 0)
		return raise_at(bundle, "read", bundle->config_name, errno, err);
	if (!S_ISREG(bundle->st.st_mode))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read '%s/%s': not a regular file",
			bundle->path, bundle->config_name);
	e = file_read_fd(fd, JSON_TEXT_LIMIT_BYTES, &bundle->text, &bundle->length);
	if (e == -EFBIG)
		return raise_too_long(bundle, err);
	return e < 0 ? raise_at(bundle, "read", bundle->config_name, -e, err) : 0;
}

int bundle_read(
	const char *path, const char *config_name, struct bundle *ret, struct nvb_error **err)
{
	_cleanup_(bundle_done) struct bundle bundle = {
		.path = path,
		.config_name = config_name,
		.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	int r;

	if (bundle.fd < 0)
		return raise_at(&bundle, "open the bundle", NULL, errno, err);
	r = read_config(&bundle, err);
	if (r < 0)
		return r;
	*ret = bundle;
	bundle = (struct bundle)BUNDLE_INIT;
	return 0;
}

int bundle_parse(struct bundle *bundle, struct nvb_error **err)
{
	int r = json_parse(bundle->text, bundle->length, &bundle->config, err);

	freep(&bundle->text);
	return r < 0 ? NVB_CONTEXT(err, r, "read '%s/%s'", bundle->path, bundle->config_name) : 0;
}

int bundle_open(
	const char *path, const char *config_name, struct bundle *ret, struct nvb_error **err)
{
	_cleanup_(bundle_done) struct bundle bundle = BUNDLE_INIT;
	int r = bundle_read(path, config_name, &bundle, err);

	if (r >= 0)
		r = bundle_parse(&bundle, err);
	if (r < 0)
		return r;
	*ret = bundle;
	bundle = (struct bundle)BUNDLE_INIT;
	return 0;
}

int bundle_replace(const struct bundle *bundle, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	errint_t e;
	int r;

	r = json_format(bundle->config, JSON_PLAIN, &text, &length, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "write '%s/%s'", bundle->path, bundle->config_name);
	e = file_replace_like_at(bundle->fd, bundle->config_name, text, length, &bundle->st);
	return e < 0 ? raise_at(bundle, "write", bundle->config_name, -e, err) : 0;
}

int bundle_open_root(const struct bundle *bundle, const char *root_path, struct nvb_error **err)
{
	int fd = openat(bundle->fd, root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? raise_at(bundle, "open the container's root", root_path, errno, err) : fd;
}
