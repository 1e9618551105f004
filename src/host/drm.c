/* SPDX-License-Identifier: Apache-2.0 */
#include "host/drm.h"

#include <string.h>

#include "base/number.h"

#define MAX_DIRECTORY_BYTES 512
#define MAX_MINOR 0xfffff

/* True for PREFIX followed by a number. */
static bool is_numbered(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	uint64_t number;

	return strncmp(name, prefix, length) == 0 &&
		number_parse(name + length, MAX_MINOR, &number);
}

int drm_read_nodes(const struct host_tree *tree, struct arena *a, const char *device_dir,
	struct drm_nodes *ret, struct nvb_error **err)
{
	char directory[MAX_DIRECTORY_BYTES];
	struct string_list names = { 0 };
	struct drm_nodes nodes = { 0 };
	int length;
	errint_t r;

	length = snprintf(directory, sizeof(directory), "%s/drm", device_dir);
	if (length < 0 || (size_t)length >= sizeof(directory))
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read the DRM nodes of '%s'", device_dir);
	r = host_tree_list_class(tree, a, directory, "/sys/class/drm", &names);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return NVB_RAISE(err, nvb_status_from_errno(-r, NVB_ERR_IO), -r, "list '%s'",
			directory);
	vec_foreach (const char *, name, &names) {
		const char **slot = NULL;

		if (is_numbered(*name, "card"))
			slot = &nodes.card;
		else if (is_numbered(*name, "renderD"))
			slot = &nodes.render;
		/* The lowest number wins: the list is sorted. */
		if (!slot || *slot)
			continue;
		*slot = arena_printf(a, "/dev/dri/%s", *name);
		if (!*slot)
			return NVB_OOM(err);
	}
	*ret = nodes;
	return 0;
}
