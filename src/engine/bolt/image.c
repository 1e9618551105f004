/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/image.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "engine/bolt/oci_layout.h"

#define OCI_PREFIX "oci:"

void image_done(struct image *image)
{
	closep(&image->root_fd);
}

bool image_needs_store(const struct image_request *request)
{
	return !request->rootfs && request->name &&
	       strncmp(request->name, OCI_PREFIX, strlen(OCI_PREFIX)) == 0;
}

/* The absolute path of an open directory, for the runtime and for messages. */
static int absolute_path(
	struct arena *a, int fd, const char *given, const char **ret, struct nvb_error **err)
{
	char proc[32], target[4096];
	ssize_t n;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, target, sizeof(target) - 1);
	if (n < 0 || n == (ssize_t)sizeof(target) - 1 || target[0] != '/')
		return NVB_RAISE(err, NVB_ERR_IMAGE, n < 0 ? errno : ENAMETOOLONG,
			"find the absolute path of '%s'", given);
	target[n] = '\0';
	*ret = arena_strdup(a, target);
	return *ret ? 0 : NVB_OOM(err);
}

static int open_directory(
	struct arena *a, const char *path, struct image *image, struct nvb_error **err)
{
	image->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (image->root_fd < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "open the root file system '%s'", path);
	return absolute_path(a, image->root_fd, path, &image->root_path, err);
}

static int open_host(struct arena *a, struct image *image, struct nvb_error **err)
{
	int r = open_directory(a, "/", image, err);

	image->is_host = true;
	return r;
}

static int raise_unknown(const char *name, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_IMAGE, 0,
			"find the image '%s': this version pulls no images", name),
		"fetch it with 'skopeo copy docker://%s oci:DIR:TAG' and run 'oci:DIR:TAG'; "
		"'host' and '--rootfs DIR' need no image",
		name);
}

static int open_image(struct arena *a, const struct image_request *request, struct image *image,
	struct nvb_error **err)
{
	if (request->rootfs)
		return open_directory(a, request->rootfs, image, err);
	if (strcmp(request->name, "host") == 0)
		return open_host(a, image, err);
	if (image_needs_store(request))
		return oci_layout_open(a, request->name + strlen(OCI_PREFIX), request->store_fd,
			request->store_path, image, err);
	return raise_unknown(request->name, err);
}

int image_open(struct arena *a, const struct image_request *request, struct image *ret,
	struct nvb_error **err)
{
	_cleanup_(image_done) struct image image = IMAGE_INIT;
	int r;

	r = open_image(a, request, &image, err);
	if (r < 0)
		return r;
	*ret = image;
	image.root_fd = -1;
	return 0;
}
