/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rung of the dmem control group: video memory that the kernel's own drivers give out.
 * Source: Linux, Documentation/admin-guide/cgroup-v2.rst, "DMEM"; kernel/cgroup/dmem.c.
 *
 * A group has the files only where all groups above it hand the controller down. Those that did
 * not are made to; a failure takes that back. What stays on after a success costs nothing and is
 * left, because others may rely on it by then.
 */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "limit/ladder_ops.h"

#define CGROUP_ROOT	"/sys/fs/cgroup"
#define CAPACITY_PATH	CGROUP_ROOT "/dmem.capacity"
#define CONTROLLER	"dmem"
#define HAND_DOWN	"cgroup.subtree_control"
#define MAX_FILE_BYTES	((size_t)64 << 10)
#define MAX_PATH_BYTES	4096
#define MAX_VALUE_BYTES 512
#define MAX_DEPTH	64

/* The number behind "REGION "; false: the region is not in the text, or has no number. */
static bool find_value(const char *text, const char *region, uint64_t *ret)
{
	const size_t length = strlen(region);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = line + length + 1;

		if (strncmp(line, region, length) == 0 && line[length] == ' ')
			return number_parse_n(value, strcspn(value, "\n"), UINT64_MAX, ret);
	}
	return false;
}

/* Regions are named by their drivers: amdgpu has one per GPU, xe one per tile, from 0. */
static const char *find_region(
	const char *text, const struct gpu *gpu, struct arena *a, uint64_t *ret_bytes)
{
	static const char *const names[] = { "vram", "vram0" };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		const char *region = arena_printf(a, "drm/%s/%s", gpu->pci_address, names[i]);

		if (region && find_value(text, region, ret_bytes))
			return region;
	}
	return NULL;
}

static const char *probe(
	const struct ladder_probe *p, struct machine_abilities *machine, struct gpu_abilities *able)
{
	_cleanup_free_ char *text = NULL;
	uint64_t bytes = 0;

	if (!machine->cgroup_v2)
		return "needs control groups of version 2 at " CGROUP_ROOT;
	if (host_tree_read(p->tree, CAPACITY_PATH, MAX_FILE_BYTES, &text) < 0)
		return "needs Linux 6.14 with CONFIG_CGROUP_DMEM";
	able->dmem_region = able->gpu->pci_address
				    ? find_region(text, able->gpu, machine->arena, &bytes)
				    : NULL;
	if (!able->dmem_region)
		return "the GPU's kernel driver gives its memory no dmem region";
	if (!able->total_memory_bytes)
		able->total_memory_bytes = bytes;
	return rung_applying_problem(p, machine);
}

/* Writing. */

static int write_value(int dir_fd, const char *name, const char *value, struct nvb_error **err)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	errint_t r = fd < 0 ? -errno : file_write_fd(fd, value, strlen(value));

	if (r < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-r, NVB_ERR_IO), -r,
			"write '%s' to '%s'", value, name);
	return 0;
}

static bool hands_down(int dir_fd)
{
	_cleanup_free_ char *text = NULL;
	const char *end = "";

	if (file_read_in(dir_fd, HAND_DOWN, MAX_FILE_BYTES, &text, NULL) < 0)
		return false;
	for (const char *word = text; *word; word = end + strspn(end, " \n")) {
		end = word + strcspn(word, " \n");
		if ((size_t)(end - word) == strlen(CONTROLLER) &&
			strncmp(word, CONTROLLER, strlen(CONTROLLER)) == 0)
			return true;
	}
	return false;
}

static int open_group(
	const struct ladder_applying *applying, size_t length, int *ret_fd, struct nvb_error **err)
{
	char path[MAX_PATH_BYTES];
	const int n =
		snprintf(path, sizeof(path), CGROUP_ROOT "%.*s", (int)length, applying->cgroup);
	errint_t fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "the control group's path is too long");
	fd = path_open_in(applying->tree->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-fd, NVB_ERR_IO), -fd,
			"open the control group '%s'", path);
	*ret_fd = fd;
	return 0;
}

static void take_back(const struct ladder_applying *applying, const size_t *lengths, size_t n)
{
	while (n-- > 0) {
		_cleanup_close_ int fd = -1;

		if (open_group(applying, lengths[n], &fd, NULL) == 0)
			(void)write_value(fd, HAND_DOWN, "-" CONTROLLER, NULL);
	}
}

struct handed_down {
	size_t lengths[MAX_DEPTH]; /* of the paths of the groups that were changed */
	size_t n;
};

static int hand_down(
	const struct rung_limit *limit, struct handed_down *done, struct nvb_error **err)
{
	const char *cgroup = limit->applying->cgroup;

	for (const char *at = cgroup; at; at = strchr(at + 1, '/')) {
		_cleanup_close_ int fd = -1;
		int r = open_group(limit->applying, (size_t)(at - cgroup), &fd, err);

		if (r < 0)
			return r;
		if (hands_down(fd))
			continue;
		if (done->n == MAX_DEPTH)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"the control group '%s' is too deep", cgroup);
		r = write_value(fd, HAND_DOWN, "+" CONTROLLER, err);
		if (r < 0)
			return NVB_CONTEXT(err, r,
				"hand the controller '" CONTROLLER "' down to '%s'", cgroup);
		done->lengths[done->n++] = (size_t)(at - cgroup);
	}
	return 0;
}

static const char *region_of(const struct rung_limit *limit, char *text, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_free_ char *capacity = NULL;
	const char *region = NULL;
	uint64_t bytes;

	if (a && limit->limit->gpu->pci_address &&
		host_tree_read(limit->applying->tree, CAPACITY_PATH, MAX_FILE_BYTES, &capacity) >=
			0)
		region = find_region(capacity, limit->limit->gpu, a, &bytes);
	if (!region)
		return NULL;
	(void)snprintf(text, size, "%s", region);
	return text;
}

static int write_region(
	const struct rung_limit *limit, const char *name, const char *value, struct nvb_error **err)
{
	char region[MAX_VALUE_BYTES], line[MAX_VALUE_BYTES * 2];

	if (!region_of(limit, region, sizeof(region)))
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"limit the memory of GPU %u: its dmem region is gone",
			limit->limit->gpu->index);
	(void)snprintf(line, sizeof(line), "%s %s", region, value);
	return write_value(limit->cgroup_fd, name, line, err);
}

static int write_number(
	const struct rung_limit *limit, const char *name, uint64_t bytes, struct nvb_error **err)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	return bytes ? write_region(limit, name, text, err) : 0;
}

static int check_number(
	const struct rung_limit *limit, const char *name, uint64_t bytes, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	char region[MAX_VALUE_BYTES];
	uint64_t has = 0;
	errint_t r;

	if (!bytes)
		return 0;
	r = file_read_in(limit->cgroup_fd, name, MAX_FILE_BYTES, &text, NULL);
	if (r < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-r, NVB_ERR_IO), -r, "read '%s'", name);
	if (!region_of(limit, region, sizeof(region)) || !find_value(text, region, &has) ||
		has != bytes)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"limit the memory of GPU %u: '%s' does not hold %llu",
			limit->limit->gpu->index, name, (unsigned long long)bytes);
	return 0;
}

static int verify(const struct rung_limit *limit, struct nvb_error **err)
{
	int r = check_number(limit, "dmem.max", limit->limit->memory_bytes, err);

	return r < 0 ? r : check_number(limit, "dmem.low", limit->limit->protect_bytes, err);
}

/* A group that is gone took its limits along. */
static int undo(const struct rung_limit *limit, struct nvb_error **err)
{
	int r = 0;

	if (limit->limit->memory_bytes && faccessat(limit->cgroup_fd, "dmem.max", F_OK, 0) == 0)
		r = write_region(limit, "dmem.max", "max", err);
	if (r >= 0 && limit->limit->protect_bytes &&
		faccessat(limit->cgroup_fd, "dmem.low", F_OK, 0) == 0)
		r = write_region(limit, "dmem.low", "0", err);
	return r;
}

static int write_limits(const struct rung_limit *limit, struct nvb_error **err)
{
	int r = write_number(limit, "dmem.max", limit->limit->memory_bytes, err);

	if (r >= 0)
		r = write_number(limit, "dmem.low", limit->limit->protect_bytes, err);
	if (r >= 0)
		r = verify(limit, err);
	if (r < 0)
		(void)undo(limit, NULL);
	return r;
}

static int apply(const struct rung_limit *limit, struct nvb_error **err)
{
	struct handed_down done = { .n = 0 };
	int r = hand_down(limit, &done, err);

	if (r >= 0)
		r = write_limits(limit, err);
	if (r < 0)
		take_back(limit->applying, done.lengths, done.n);
	return r;
}

const struct rung_ops rung_dmem = {
	.probe = probe,
	.apply = apply,
	.verify = verify,
	.undo = undo,
	.needs_cgroup = true,
};
