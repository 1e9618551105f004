/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hook_state.h"

#include <limits.h>

#include "base/file.h"
#include "format/json.h"

#define STATE_LIMIT_BYTES ((size_t)4 << 20)

static int read_fields(
	struct json_object *root, struct arena *a, struct hook_state *ret, struct nvb_error **err)
{
	struct json_at at;
	const char *bundle = NULL;
	uint64_t pid = 0;
	int r = json_root(root, json_type_object, &at, err);

	if (r >= 0)
		r = json_get_string(&at, "bundle", &bundle, err);
	if (r >= 0)
		r = json_get_uint(&at, "pid", INT_MAX, &pid, err);
	if (r < 0)
		return r;
	if (!bundle || bundle[0] != '/')
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'bundle' must be an absolute path");
	if (!pid)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'pid' must name a process");
	ret->bundle = arena_strdup(a, bundle);
	ret->pid = (pid_t)pid;
	return ret->bundle ? 0 : NVB_OOM(err);
}

int hook_state_read(int fd, struct arena *a, struct hook_state *ret, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	errint_t e = file_read_fd(fd, STATE_LIMIT_BYTES, &text, &length);
	int r;

	if (e == -EFBIG)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"the container's state has more than %zu MiB", STATE_LIMIT_BYTES >> 20);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read the container's state");
	r = json_parse(text, length, &root, err);
	if (r >= 0)
		r = read_fields(root, a, ret, err);
	return r < 0 ? NVB_CONTEXT(err, r, "read the container's state") : 0;
}
