/* SPDX-License-Identifier: Apache-2.0 */
#include "model/store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "format/json.h"

#define MANIFEST_LIMIT_BYTES ((size_t)1 << 20)
#define LAYERS_LIMIT	     256
#define DIGEST_PREFIX	     "sha256:"
#define DIGEST_DIGITS	     64
/* No file system has a larger file. */
#define SIZE_LIMIT (UINT64_C(1) << 60)

#define MODEL_TYPE     "application/vnd.ollama.image.model"
#define PROJECTOR_TYPE "application/vnd.ollama.image.projector"
#define ADAPTER_TYPE   "application/vnd.ollama.image.adapter"

void stored_model_done(struct stored_model *m)
{
	closep(&m->fd);
}

/* "sha256:<64 digits>" is the file "blobs/sha256-<64 digits>". */
static int blob_path(struct arena *a, const char *digest, const char **ret, struct nvb_error **err)
{
	const char *digits = digest + strlen(DIGEST_PREFIX);

	if (strncmp(digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX)) != 0 ||
		strspn(digits, "0123456789abcdef") != DIGEST_DIGITS || digits[DIGEST_DIGITS])
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "a layer's digest is none");
	*ret = arena_printf(a, "blobs/sha256-%s", digits);
	return *ret ? 0 : NVB_OOM(err);
}

static int open_blob(
	int store_fd, const char *path, uint64_t size, int *ret_fd, struct nvb_error **err)
{
	_cleanup_close_ int fd = path_open_regular_in(store_fd, path);
	struct stat st;

	if (fd < 0)
		return NVB_RAISE(
			err, nvb_status_from_errno(-fd, NVB_ERR_FORMAT), -fd, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "look at '%s'", path);
	if ((uint64_t)st.st_size != size)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_FORMAT, 0,
				"'%s' has %llu bytes, and the manifest says %llu", path,
				(unsigned long long)st.st_size, (unsigned long long)size),
			"run 'ollama pull' again");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int take_layer(int store_fd, const struct json_at *layer, struct arena *a,
	struct stored_model *m, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	const char *type = "", *digest = "", *path;
	uint64_t size = 0;
	int r = json_get_string(layer, "mediaType", &type, err);
	bool is_model;

	if (r >= 0)
		r = json_get_string(layer, "digest", &digest, err);
	if (r >= 0)
		r = json_get_uint(layer, "size", SIZE_LIMIT, &size, err);
	if (r < 0)
		return r;
	is_model = strcmp(type, MODEL_TYPE) == 0;
	if (!is_model && strcmp(type, PROJECTOR_TYPE) != 0 && strcmp(type, ADAPTER_TYPE) != 0)
		return 0;
	r = blob_path(a, digest, &path, err);
	if (r >= 0)
		r = open_blob(store_fd, path, size, &fd, err);
	if (r < 0)
		return r;
	/* 256 layers of 2^60 bytes at most. */
	if (__builtin_add_overflow(m->weights_bytes, size, &m->weights_bytes))
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "the layers are too large");
	if (strcmp(type, PROJECTOR_TYPE) == 0)
		m->projector_bytes += size;
	if (is_model && m->fd < 0) {
		m->fd = TAKE_FD(fd);
		m->model_file = path;
	}
	return 0;
}

static int take_manifest(int store_fd, const char *text, size_t length, struct arena *a,
	struct stored_model *m, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_at root, layers, layer;
	int r = json_parse(text, length, &object, err);

	if (r >= 0)
		r = json_root(object, json_type_object, &root, err);
	if (r >= 0)
		r = json_member(&root, "layers", json_type_array, &layers, err);
	if (r == 0)
		return json_missing(&root, "layers", err);
	if (r >= 0 && json_length(&layers) > LAYERS_LIMIT)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "it has too many layers");
	for (size_t i = 0; r >= 0 && i < json_length(&layers); i++) {
		r = json_item(&layers, i, json_type_object, &layer, err);
		if (r >= 0)
			r = take_layer(store_fd, &layer, a, m, err);
	}
	if (r >= 0 && m->fd < 0)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "it names no model");
	return r;
}

int model_store_find(int store_fd, const struct model_name *name, struct arena *a,
	struct stored_model *ret, struct nvb_error **err)
{
	_cleanup_(stored_model_done) struct stored_model m = STORED_MODEL_INIT;
	_cleanup_free_ char *text = NULL;
	const char *path = arena_printf(
		a, "manifests/%s/%s/%s/%s", name->host, name->name_space, name->model, name->tag);
	size_t length = 0;
	errint_t e;
	int r;

	if (!path)
		return NVB_OOM(err);
	e = file_read_regular_in(store_fd, path, MANIFEST_LIMIT_BYTES, &text, &length);
	if (e == -ENOENT || e == -ENOTDIR)
		return 0;
	if (e < 0)
		return NVB_RAISE(
			err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "read manifest '%s'", path);
	r = take_manifest(store_fd, text, length, a, &m, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "manifest '%s'", path);
	*ret = m;
	m.fd = -1;
	return 1;
}
