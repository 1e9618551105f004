/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are the engine's, or of what drives it: no image can ask for a mount of the host.
 * Annotations are the engine's too, but Podman before 4.6 and others that follow the OCI image
 * specification's "Conversion to Runtime Configuration" take them from images as well: a policy
 * that does not trust the environment should not trust these there.
 *
 * A mount of /dev/null below /var/run/nvidia-container-devices asks by its name:
 *	ID				as an item of NVIDIA_VISIBLE_DEVICES
 *	cdi/VENDOR/CLASS/DEVICE		a CDI device, also cdi/VENDOR/CLASS=DEVICE
 *	imex/CHANNEL			an IMEX channel
 *
 * Source: NVIDIA Kubernetes device plugin, README, "deviceListStrategy"; NVIDIA Container Toolkit,
 * "Specialized Configurations with Docker".
 */
#include <string.h>

#include "request/container_request_build.h"

static int compare_keys(const void *a, const void *b)
{
	const struct container_pair *left = a, *right = b;

	return strcmp(left->key, right->key);
}

static bool has_prefix(const struct string_list *prefixes, const char *key)
{
	vec_foreach (const char *, prefix, prefixes)
		if (strncmp(key, *prefix, strlen(*prefix)) == 0)
			return true;
	return false;
}

static int read_annotation(
	struct container_build *b, const struct container_pair *annotation, struct nvb_error **err)
{
	struct string_list names = { 0 };
	int r;

	r = container_build_split(b, "annotations", annotation->value, &names, err);
	for (size_t i = 0; i < names.n && r >= 0; i++) {
		if (strchr(names.items[i], '='))
			r = container_build_select(b, NULL, names.items[i], err);
		else
			r = NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"'%s' is not a CDI device (VENDOR/CLASS=NAME)",
				container_build_shown(b, names.items[i]));
	}
	if (r < 0)
		return NVB_CONTEXT(
			err, r, "read annotation '%s'", container_build_shown(b, annotation->key));
	if (names.n)
		b->asker = container_build_shown(b, annotation->key);
	return names.n > 0;
}

int container_read_annotations(struct container_build *b, struct nvb_error **err)
{
	struct container_pair_list sorted = { 0 };
	bool found = false;

	vec_foreach (const struct container_pair, annotation, b->facts->annotations) {
		struct container_pair *copy;

		if (!has_prefix(&b->policy->annotation_prefixes, annotation->key))
			continue;
		copy = vec_push(b->arena, &sorted);
		if (!copy)
			return NVB_OOM(err);
		*copy = *annotation;
	}
	/* The order of JSON members says nothing. */
	if (sorted.n)
		qsort(sorted.items, sorted.n, sizeof(*sorted.items), compare_keys);
	vec_foreach (const struct container_pair, annotation, &sorted) {
		int r = read_annotation(b, annotation, err);

		if (r < 0)
			return r;
		found |= r > 0;
	}
	return found;
}

/* `path` without doubled slashes, "." and a slash at its end; NULL where it holds "..". */
static const char *clean_path(struct arena *a, const char *path)
{
	char *clean = arena_alloc(a, strlen(path) + 2), *end = clean;

	if (!clean)
		return NULL;
	while (*path) {
		size_t length;

		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (length == 2 && memcmp(path, "..", 2) == 0)
			return NULL;
		if (length && !(length == 1 && *path == '.')) {
			*end++ = '/';
			memcpy(end, path, length);
			end += length;
		}
		path += length;
	}
	return clean;
}

/* What a mount asks for: its name below CONTAINER_MOUNT_ROOT. NULL: nothing. */
static const char *mount_request(struct container_build *b, const struct container_pair *mount)
{
	const size_t length = strlen(CONTAINER_MOUNT_ROOT);
	const char *path;

	/* Most mounts are none of ours: these cost no copy. */
	if (mount->key[0] != '/' || mount->value[0] != '/' ||
		!strstr(mount->key, CONTAINER_MOUNT_NAME))
		return NULL;
	path = clean_path(b->arena, mount->value);
	if (!path || strcmp(path, "/dev/null") != 0)
		return NULL;
	path = clean_path(b->arena, mount->key);
	if (!path || strncmp(path, CONTAINER_MOUNT_ROOT "/", length + 1) != 0)
		return NULL;
	return path + length + 1;
}

/* "VENDOR/CLASS/DEVICE" as the CDI name that it stands for; NULL: it is none, or no memory. */
static const char *cdi_name(struct arena *a, const char *text)
{
	const char *slash = strchr(text, '/');

	if (strchr(text, '='))
		return text;
	slash = slash ? strchr(slash + 1, '/') : NULL;
	return slash ? arena_printf(a, "%.*s=%s", (int)(slash - text), text, slash + 1) : NULL;
}

static int collect_devices(
	struct container_build *b, struct string_list *items, struct nvb_error **err)
{
	vec_foreach (const struct container_pair, mount, b->facts->mounts) {
		const char *request = mount_request(b, mount), *item = request;

		if (!request || strncmp(request, "imex/", 5) == 0)
			continue;
		if (strncmp(request, "cdi/", 4) == 0)
			item = cdi_name(b->arena, request + 4);
		if (!item)
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"'%s' is not 'cdi/VENDOR/CLASS/DEVICE'",
				container_build_shown(b, request));
		if (b->items++ >= CONTAINER_ITEMS)
			return NVB_RAISE(
				err, NVB_ERR_LIMIT, 0, "more than %d devices", CONTAINER_ITEMS);
		if (string_list_add(b->arena, items, item) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

int container_read_mounts(struct container_build *b, struct nvb_error **err)
{
	struct string_list items = { 0 };
	int r;

	r = collect_devices(b, &items, err);
	if (r >= 0)
		r = container_nvidia_items(b, &items, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read the mounts below '" CONTAINER_MOUNT_ROOT "'");
	b->asker = CONTAINER_MOUNT_ROOT;
	return items.n > 0;
}

int container_mounts_imex(
	struct container_build *b, struct string_list *channels, struct nvb_error **err)
{
	vec_foreach (const struct container_pair, mount, b->facts->mounts) {
		const char *request = mount_request(b, mount);

		if (!request || strncmp(request, "imex/", 5) != 0)
			continue;
		if (b->items++ >= CONTAINER_ITEMS)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"read the mounts below '" CONTAINER_MOUNT_ROOT
				"': more than %d devices",
				CONTAINER_ITEMS);
		if (string_list_add(b->arena, channels, request + 5) < 0)
			return NVB_OOM(err);
	}
	return 0;
}
