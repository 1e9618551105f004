/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/oci_layout.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/spawn.h"
#include "engine/bolt/idmap.h"
#include "format/json.h"

#define DOCUMENT_LIMIT_BYTES ((size_t)4 << 20)
#define SHA256_PREFIX	     "sha256:"
#define SHA256_HEX	     64
#define MAX_INDEX_DEPTH	     4
#define PINNED_TAG	     "image"
#define PARTIAL_PREFIX	     ".part-"
#define REF_NAME	     "org.opencontainers.image.ref.name"
#define INDEX_TYPE	     "application/vnd.oci.image.index.v1+json"
#define DOCKER_INDEX_TYPE    "application/vnd.docker.distribution.manifest.list.v2+json"

struct layout {
	struct arena *arena;
	int dir_fd;
	const char *path;
	const char *tag; /* NULL: not given */
};

static int read_document(
	const struct layout *l, const char *name, struct json_object **ret, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	errint_t e = file_read_regular_in(l->dir_fd, name, DOCUMENT_LIMIT_BYTES, &text, &length);
	int r;

	if (e < 0)
		return NVB_RAISE(
			err, NVB_ERR_IMAGE, -e, "read '%s' of the image '%s'", name, l->path);
	r = json_parse(text, length, ret, err);
	if (r < 0)
		return NVB_CONTEXT(
			err, NVB_ERR_IMAGE, "read '%s' of the image '%s'", name, l->path);
	return 0;
}

static bool is_digest(const char *digest)
{
	const char *hex = digest + strlen(SHA256_PREFIX);

	return strncmp(digest, SHA256_PREFIX, strlen(SHA256_PREFIX)) == 0 &&
	       strlen(hex) == SHA256_HEX && strspn(hex, "0123456789abcdef") == SHA256_HEX;
}

static int read_blob(const struct layout *l, const char *digest, struct json_object **ret,
	struct nvb_error **err)
{
	const char *name;

	if (!is_digest(digest))
		return NVB_RAISE(err, NVB_ERR_IMAGE, 0,
			"'%s' of the image '%s' is no sha256 digest", digest, l->path);
	name = arena_printf(l->arena, "blobs/sha256/%s", digest + strlen(SHA256_PREFIX));
	return name ? read_document(l, name, ret, err) : NVB_OOM(err);
}

/* The architecture names of OCI images are Go's. */
static const char *machine_architecture(void)
{
	static struct utsname name;
	static const struct {
		const char *machine, *architecture;
	} table[] = {
		{ "x86_64", "amd64" },
		{ "aarch64", "arm64" },
	};

	if (uname(&name) < 0)
		return "";
	for (size_t i = 0; i < ELEMENTS(table); i++)
		if (strcmp(name.machine, table[i].machine) == 0)
			return table[i].architecture;
	return name.machine;
}

/* 1: this entry of an index is for this machine (or does not say), 0: not. */
static int fits_machine(const struct json_at *entry, struct nvb_error **err)
{
	struct json_at platform;
	const char *architecture = NULL, *os = NULL;
	int r;

	r = json_member(entry, "platform", json_type_object, &platform, err);
	if (r <= 0)
		return r < 0 ? r : 1;
	r = json_get_string(&platform, "architecture", &architecture, err);
	if (r >= 0)
		r = json_get_string(&platform, "os", &os, err);
	if (r < 0)
		return r;
	return (!architecture || strcmp(architecture, machine_architecture()) == 0) &&
	       (!os || strcmp(os, "linux") == 0);
}

/* 1: the entry carries this tag. */
static int has_tag(const struct json_at *entry, const char *tag, struct nvb_error **err)
{
	struct json_at annotations;
	const char *name = NULL;
	int r;

	r = json_member(entry, "annotations", json_type_object, &annotations, err);
	if (r <= 0)
		return r;
	r = json_get_string(&annotations, REF_NAME, &name, err);
	return r < 0 ? r : name && strcmp(name, tag) == 0;
}

struct descriptor {
	const char *digest, *type;
	uint64_t size_bytes;
	bool is_index;
};

static int read_descriptor(const struct json_at *entry, struct arena *a, struct descriptor *ret,
	struct nvb_error **err)
{
	const char *digest = NULL, *type = "";
	int r;

	r = json_get_string(entry, "digest", &digest, err);
	if (r >= 0 && !digest)
		r = json_missing(entry, "digest", err);
	if (r >= 0)
		r = json_get_string(entry, "mediaType", &type, err);
	if (r >= 0)
		r = json_get_uint(entry, "size", INT64_MAX, &ret->size_bytes, err);
	if (r < 0)
		return r;
	ret->is_index = strcmp(type, INDEX_TYPE) == 0 || strcmp(type, DOCKER_INDEX_TYPE) == 0;
	ret->digest = arena_strdup(a, digest);
	ret->type = arena_strdup(a, type);
	return ret->digest && ret->type ? 0 : NVB_OOM(err);
}

/* Chooses an entry of an index by tag (top level) or by machine. 1 found, 0 not. */
static int choose_entry(const struct layout *l, const struct json_at *manifests, const char *tag,
	struct descriptor *ret, struct nvb_error **err)
{
	size_t n = json_length(manifests);

	for (size_t i = 0; i < n; i++) {
		struct json_at entry;
		int r = json_item(manifests, i, json_type_object, &entry, err);

		if (r >= 0)
			r = tag ? has_tag(&entry, tag, err) : fits_machine(&entry, err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		r = read_descriptor(&entry, l->arena, ret, err);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* Chooses an entry of an index document. 1 found, 0 not. */
static int choose(const struct layout *l, struct json_object *index, const char *tag,
	struct descriptor *ret, struct nvb_error **err)
{
	struct json_at root, manifests;
	int r = json_root(index, json_type_object, &root, err);

	if (r >= 0)
		r = json_member(&root, "manifests", json_type_array, &manifests, err);
	if (r == 0)
		r = json_missing(&root, "manifests", err);
	if (r >= 0)
		r = choose_entry(l, &manifests, tag, ret, err);
	/* A layout with one image needs no tag. */
	if (r == 0 && tag && !l->tag && json_length(&manifests) == 1)
		r = choose_entry(l, &manifests, NULL, ret, err);
	return r < 0 ? NVB_CONTEXT(err, NVB_ERR_IMAGE, "read the index of the image '%s'", l->path)
		     : r;
}

static int raise_no_tag(const struct layout *l, const char *tag, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_IMAGE, 0, "find the tag '%s' in the image '%s'",
			tag ? tag : "latest", l->path),
		"the file '%s/index.json' tells which exist", l->path);
}

/* Down from an index inside the layout: its entry for this machine. */
static int choose_nested(const struct layout *l, struct descriptor *d, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *nested = NULL;
	int r;

	r = read_blob(l, d->digest, &nested, err);
	if (r >= 0)
		r = choose(l, nested, NULL, d, err);
	if (r == 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, 0, "the image '%s' has no variant for '%s'",
			l->path, machine_architecture());
	return r;
}

/* From the layout's index to one manifest. */
static int find_manifest(const struct layout *l, struct descriptor *ret, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *index = NULL;
	struct descriptor d = { 0 };
	int r;

	r = read_document(l, "index.json", &index, err);
	if (r >= 0)
		r = choose(l, index, l->tag ? l->tag : "latest", &d, err);
	if (r <= 0)
		return r < 0 ? r : raise_no_tag(l, l->tag, err);
	for (int depth = 0; d.is_index; depth++) {
		if (depth == MAX_INDEX_DEPTH)
			return NVB_RAISE(
				err, NVB_ERR_IMAGE, 0, "the image '%s' nests its indexes", l->path);
		r = choose_nested(l, &d, err);
		if (r < 0)
			return r;
	}
	*ret = d;
	return 0;
}

static int copy_strings(struct arena *a, const struct json_at *config, const char *key,
	struct string_list *ret, struct nvb_error **err)
{
	struct json_at array;
	int r = json_member(config, key, json_type_array, &array, err);

	for (size_t i = 0; r > 0 && i < json_length(&array); i++) {
		const char *text = NULL;

		r = json_item_string(&array, i, &text, err);
		if (r < 0)
			return r;
		if (string_list_add(a, ret, text) < 0)
			return NVB_OOM(err);
		r = 1;
	}
	return r < 0 ? r : 0;
}

static int copy_string(struct arena *a, const struct json_at *config, const char *key,
	const char **ret, struct nvb_error **err)
{
	const char *text = NULL;
	int r = json_get_string(config, key, &text, err);

	if (r < 0 || !text || !*text)
		return r < 0 ? r : 0;
	*ret = arena_strdup(a, text);
	return *ret ? 0 : NVB_OOM(err);
}

static int read_settings(const struct layout *l, struct json_object *document, struct image *image,
	struct nvb_error **err)
{
	struct json_at root, config;
	int r;

	r = json_root(document, json_type_object, &root, err);
	if (r >= 0)
		r = json_member(&root, "config", json_type_object, &config, err);
	if (r <= 0)
		return r;
	r = copy_strings(l->arena, &config, "Entrypoint", &image->entrypoint, err);
	if (r >= 0)
		r = copy_strings(l->arena, &config, "Cmd", &image->command, err);
	if (r >= 0)
		r = copy_strings(l->arena, &config, "Env", &image->env, err);
	if (r >= 0)
		r = copy_string(l->arena, &config, "WorkingDir", &image->cwd, err);
	/* A relative one is relative to the root, as other engines read it. */
	if (r >= 0 && image->cwd && image->cwd[0] != '/') {
		image->cwd = arena_printf(l->arena, "/%s", image->cwd);
		if (!image->cwd)
			return NVB_OOM(err);
	}
	if (r >= 0)
		r = copy_string(l->arena, &config, "User", &image->user, err);
	return r;
}

static int read_image_config(const struct layout *l, const char *manifest_digest,
	struct image *image, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *manifest = NULL;
	_cleanup_(json_putp) struct json_object *config = NULL;
	struct json_at root, config_at;
	struct descriptor d;
	int r;

	r = read_blob(l, manifest_digest, &manifest, err);
	if (r >= 0)
		r = json_root(manifest, json_type_object, &root, err);
	if (r >= 0)
		r = json_member(&root, "config", json_type_object, &config_at, err);
	if (r == 0)
		r = json_missing(&root, "config", err);
	if (r >= 0)
		r = read_descriptor(&config_at, l->arena, &d, err);
	if (r >= 0)
		r = read_blob(l, d.digest, &config, err);
	if (r >= 0)
		r = read_settings(l, config, image, err);
	return r < 0 ? NVB_CONTEXT(err, NVB_ERR_IMAGE, "read the image '%s'", l->path) : 0;
}

/*
 * A layout of our own that holds one image under one tag: umoci names images by tag, which an
 * image need not have, and the tag may move while we look.
 */
static int write_pinned_layout(
	const struct layout *l, const struct descriptor *d, int dir_fd, struct nvb_error **err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *index = json_new_object(&b);
	_cleanup_free_ char *text = NULL;
	struct json_object *entry;
	char proc[32], blobs[4096];
	size_t length = 0;
	ssize_t n;
	errint_t e;
	int r;

	json_add_uint(&b, index, "schemaVersion", 2);
	entry = json_append_object(&b, json_add_array(&b, index, "manifests"));
	json_add_string(&b, entry, "mediaType", d->type);
	json_add_string(&b, entry, "digest", d->digest);
	json_add_uint(&b, entry, "size", d->size_bytes);
	json_add_string(&b, json_add_object(&b, entry, "annotations"), REF_NAME, PINNED_TAG);
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(index, JSON_PLAIN, &text, &length, err);
	if (r < 0)
		return r;
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", l->dir_fd);
	n = readlink(proc, blobs, sizeof(blobs) - sizeof("/blobs"));
	if (n < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "find the path of '%s'", l->path);
	(void)snprintf(blobs + n, sizeof(blobs) - (size_t)n, "/blobs");
	e = file_replace_at(dir_fd, "oci-layout", version, strlen(version), 0600);
	if (e == 0)
		e = file_replace_at(dir_fd, "index.json", text, length, 0600);
	if (e == 0 && symlinkat(blobs, dir_fd, "blobs") < 0)
		e = -errno;
	return e < 0 ? NVB_RAISE(err, NVB_ERR_IMAGE, -e, "prepare the image '%s'", l->path) : 0;
}

static int run_umoci(const struct layout *l, const char *directory, struct nvb_error **err)
{
	_cleanup_free_ char *umoci = spawn_find_program("umoci", SPAWN_SYSTEM_PATH);
	_cleanup_free_ char *output = NULL;
	const char *image = arena_printf(l->arena, "%s:%s", directory, PINNED_TAG);
	const char *target = arena_printf(l->arena, "%s/bundle", directory);
	const char *rootless = idmap_is_needed() ? "--rootless" : NULL;
	const char *const envp[] = { "PATH=" SPAWN_SYSTEM_PATH, "HOME=/", NULL };
	const char *const argv[] = { umoci, "unpack", "--image", image,
		rootless ? rootless : target, rootless ? target : NULL, NULL };
	const struct spawn_capture_options options = {
		.argv = argv, .envp = envp, .limit_bytes = DOCUMENT_LIMIT_BYTES, .keep_stderr = true
	};
	struct spawn_exit exit_status;
	int r;

	if (!umoci)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_IMAGE, 0,
				"unpack the image '%s': the program 'umoci' is not installed",
				l->path),
			"install the package 'umoci'");
	if (!image || !target)
		return NVB_OOM(err);
	r = spawn_capture(&options, &output, &exit_status, err);
	if (r < 0)
		return NVB_CONTEXT(err, NVB_ERR_IMAGE, "unpack the image '%s'", l->path);
	if (exit_status.code != 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, 0,
			"unpack the image '%s': umoci ended with status %d", l->path,
			exit_status.code);
	return 0;
}

/* 1: locked; 0: another process is unpacking, and we were not to wait. */
static int lock_images(int images_fd, bool wait, int *ret_fd, struct nvb_error **err)
{
	_cleanup_close_ int fd =
		openat(images_fd, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "lock the image store");
	do {
		r = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EWOULDBLOCK)
		return 0;
	if (r < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "lock the image store");
	*ret_fd = TAKE_FD(fd);
	return 1;
}

/* What unpackings that were killed left. Called under the lock: nobody else unpacks now. */
static void remove_partial(int images_fd)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, PARTIAL_PREFIX, strlen(PARTIAL_PREFIX)) == 0 &&
			path_remove_tree(images_fd, entry->d_name) < 0)
			log_debug("engine", "'%s' stays in the image store", entry->d_name);
}

static int unpack_into(const struct layout *l, const struct descriptor *d, int images_fd,
	const char *partial, const char *directory, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (mkdirat(images_fd, partial, 0700) < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "create '%s'", directory);
	fd = openat(images_fd, partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "open '%s'", directory);
	r = write_pinned_layout(l, d, fd, err);
	return r < 0 ? r : run_umoci(l, directory, err);
}

/* Unpacks beside the final place and renames: what has the final name is complete. */
static int unpack(const struct layout *l, const struct descriptor *d, int images_fd,
	const char *images_path, const char *name, struct nvb_error **err)
{
	_cleanup_close_ int lock_fd = -1;
	/* A name of our own: umoci may have outlived an nvbind that was killed. */
	const char *partial = arena_printf(l->arena, PARTIAL_PREFIX "%s-%d", name, (int)getpid());
	const char *directory;
	int r;

	directory = partial ? arena_printf(l->arena, "%s/%s", images_path, partial) : NULL;
	if (!directory)
		return NVB_OOM(err);
	r = lock_images(images_fd, true, &lock_fd, err);
	if (r < 0)
		return r;
	if (faccessat(images_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	remove_partial(images_fd);
	log_notice("unpacking the image '%s'", l->path);
	r = unpack_into(l, d, images_fd, partial, directory, err);
	if (r >= 0 && renameat(images_fd, partial, images_fd, name) < 0)
		r = NVB_RAISE(err, NVB_ERR_IMAGE, errno, "store the image '%s'", l->path);
	if (r < 0)
		(void)path_remove_tree(images_fd, partial);
	return r;
}

/* Without waiting: this run's image is there. */
static int sweep_images(int images_fd, struct nvb_error **err)
{
	_cleanup_close_ int lock_fd = -1;
	int r = lock_images(images_fd, false, &lock_fd, err);

	if (r > 0)
		remove_partial(images_fd);
	return r;
}

static int open_unpacked(const struct layout *l, const struct descriptor *d, int store_fd,
	const char *store_path, struct image *image, struct nvb_error **err)
{
	_cleanup_close_ int images_fd = -1;
	const char *name = arena_strdup(l->arena, d->digest + strlen(SHA256_PREFIX));
	const char *images_path = arena_printf(l->arena, "%s/images", store_path);
	int r;

	if (!name || !images_path)
		return NVB_OOM(err);
	image->root_path = arena_printf(l->arena, "%s/%s/bundle/rootfs", images_path, name);
	if (!image->root_path)
		return NVB_OOM(err);
	if (mkdirat(store_fd, "images", 0700) < 0 && errno != EEXIST)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "create '%s'", images_path);
	images_fd = openat(store_fd, "images", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (images_fd < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "open '%s'", images_path);
	if (faccessat(images_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = unpack(l, d, images_fd, images_path, name, err);
	else
		r = sweep_images(images_fd, err);
	if (r < 0)
		return r;
	image->root_fd = open(image->root_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (image->root_fd < 0)
		return NVB_RAISE(err, NVB_ERR_IMAGE, errno, "open '%s'", image->root_path);
	return 0;
}

/* DIR[:TAG]. A directory that exists under the whole name has no tag. */
static int open_layout(struct layout *l, const char *reference, struct nvb_error **err)
{
	const char *colon = strrchr(reference, ':');

	l->path = reference;
	l->dir_fd = open(reference, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir_fd < 0 && colon && !strchr(colon, '/')) {
		l->path = arena_strndup(l->arena, reference, (size_t)(colon - reference));
		l->tag = colon + 1;
		if (!l->path)
			return NVB_OOM(err);
		l->dir_fd = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (l->dir_fd < 0)
		return NVB_RAISE(
			err, NVB_ERR_IMAGE, errno, "open the image directory '%s'", l->path);
	return 0;
}

int oci_layout_open(struct arena *a, const char *reference, int store_fd, const char *store_path,
	struct image *image, struct nvb_error **err)
{
	_cleanup_close_ int layout_fd = -1;
	struct layout l = { .arena = a, .dir_fd = -1 };
	struct descriptor d = { 0 };
	int r;

	r = open_layout(&l, reference, err);
	layout_fd = l.dir_fd;
	if (r >= 0)
		r = find_manifest(&l, &d, err);
	if (r >= 0)
		r = read_image_config(&l, d.digest, image, err);
	if (r < 0)
		return r;
	return open_unpacked(&l, &d, store_fd, store_path, image, err);
}
