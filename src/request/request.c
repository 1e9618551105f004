/* SPDX-License-Identifier: Apache-2.0 */
#include "request/request.h"

#include <string.h>

#include "base/path.h"
#include "base/strbuf.h"

#define VOLUME_BYTES 8192
#define SHOWN_BYTES 128

static int raise_volume(const char *text, const char *reason, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	int r;

	strbuf_escaped_add(&shown, text, SHOWN_BYTES);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "volume '%s': %s", strbuf_str(&shown), reason);
	return NVB_HINT(
		err, r, "a volume is /HOST/PATH:/CONTAINER/PATH, then :ro or :rw if wanted");
}

/* Drops doubled and trailing slashes and "." of an absolute path: typed often, meaning nothing. */
static void tidy_path(char *path)
{
	char *out = path;

	for (const char *p = path; *p;) {
		size_t length;

		p += strspn(p, "/");
		length = strcspn(p, "/");
		if (length && !(length == 1 && *p == '.')) {
			*out++ = '/';
			memmove(out, p, length);
			out += length;
		}
		p += length;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

/* "ro", "rw"; false: neither. */
static bool parse_access(const char *text, bool *ret_read_only)
{
	if (strcmp(text, "ro") == 0)
		*ret_read_only = true;
	else if (strcmp(text, "rw") == 0)
		*ret_read_only = false;
	else
		return false;
	return true;
}

int volume_parse(struct arena *a, const char *text, struct volume *ret, struct nvb_error **err)
{
	char *source, *destination, *access;
	struct volume v = { 0 };

	if (strnlen(text, VOLUME_BYTES) == VOLUME_BYTES)
		return raise_volume(text, "it is too long", err);
	source = arena_strdup(a, text);
	if (!source)
		return NVB_OOM(err);
	destination = strchr(source, ':');
	if (!destination)
		return raise_volume(text, "it has no container path", err);
	*destination++ = '\0';
	access = strchr(destination, ':');
	if (access) {
		*access++ = '\0';
		if (!parse_access(access, &v.read_only))
			return raise_volume(text, "the access is neither 'ro' nor 'rw'", err);
	}
	if (source[0] != '/')
		return raise_volume(text, "the host path is not absolute", err);
	if (destination[0] == '/')
		tidy_path(destination);
	if (!path_is_normal(destination))
		return raise_volume(text, "the container path is not absolute and plain", err);
	if (strcmp(destination, "/") == 0)
		return raise_volume(text, "the container's root cannot be a volume", err);
	v.source = source;
	v.destination = destination;
	*ret = v;
	return 0;
}
