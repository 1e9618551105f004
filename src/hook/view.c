/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/view.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/number.h"

#define MOUNTINFO_LIMIT_BYTES ((size_t)16 << 20)

struct mount_line {
	uint64_t id, parent;
	bool read_only;
};

/* The next field of a line, without the space behind it. */
static const char *take_field(const char **at, size_t *ret_length)
{
	const char *field = *at;

	*ret_length = strcspn(field, " \n");
	*at = field + *ret_length;
	*at += **at == ' ';
	return field;
}

static bool has_option(const char *options, size_t length, const char *name)
{
	for (const char *end = options + length; options < end;) {
		size_t n = strcspn(options, ", \n");

		if (n == strlen(name) && memcmp(options, name, n) == 0)
			return true;
		options += n + 1;
	}
	return false;
}

/* "ID PARENT MAJ:MIN ROOT TARGET OPTIONS ...": the options are those of the mount alone. */
static bool parse_line(const char *line, struct mount_line *ret)
{
	size_t id_length, parent_length, length;
	const char *id = take_field(&line, &id_length);
	const char *parent = take_field(&line, &parent_length), *options;

	for (int i = 0; i < 3; i++)
		(void)take_field(&line, &length);
	options = take_field(&line, &length);
	ret->read_only = has_option(options, length, "ro");
	return number_parse_n(id, id_length, UINT64_MAX, &ret->id) &&
	       number_parse_n(parent, parent_length, UINT64_MAX, &ret->parent);
}

static bool find_line(const char *mountinfo, uint64_t id, struct mount_line *ret)
{
	for (const char *line = mountinfo; *line;) {
		const char *end = line + strcspn(line, "\n");

		if (parse_line(line, ret) && ret->id == id)
			return true;
		line = end + (*end == '\n');
	}
	return false;
}

bool view_is_read_only_in(const char *mountinfo, unsigned long long mount_id)
{
	struct mount_line root, below;

	return find_line(mountinfo, mount_id, &root) && root.read_only &&
	       find_line(mountinfo, root.parent, &below) && !below.read_only;
}

bool view_is_read_only(int root_fd)
{
	_cleanup_free_ char *text = NULL;
	struct statvfs fs;
	struct statx x;

	/* The common case costs one call. */
	if (fstatvfs(root_fd, &fs) < 0 || !(fs.f_flag & ST_RDONLY))
		return false;
	if (statx(root_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 ||
		!(x.stx_mask & STATX_MNT_ID) ||
		file_read_path("/proc/self/mountinfo", MOUNTINFO_LIMIT_BYTES, &text, NULL) < 0)
		return false;
	return view_is_read_only_in(text, x.stx_mnt_id);
}
