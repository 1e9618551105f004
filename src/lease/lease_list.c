/* SPDX-License-Identifier: Apache-2.0 */
/* All leases of a directory: to be shown, released, swept. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lease/lease_slots.h"

const char *lease_witness_name(enum lease_witness witness)
{
	static const char *const names[] = {
		[LEASE_WITNESS_NONE] = "none",
		[LEASE_WITNESS_LOCK] = "lock",
		[LEASE_WITNESS_CREATOR] = "creator",
		[LEASE_WITNESS_PROCESS] = "process",
		[LEASE_WITNESS_PID_FILE] = "pid-file",
		[LEASE_WITNESS_CGROUP] = "cgroup",
		[LEASE_WITNESS_UNKNOWN] = "unknown",
	};

	return names[witness];
}

/* One way through all files. */
struct tour {
	const struct lease_dir *dir;
	struct arena *arena;
	lease_slot_visitor visit;
	struct lease_entry_list *entries;
	const char *gpu, *holder; /* NULL: any */
	bool force;
	int freed;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `odd`: directories too, which cannot be a GPU's file, so that they are told. */
static int list_files(const struct lease_dir *dir, bool odd, struct arena *a,
	struct string_list *names, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *stream = NULL;
	struct dirent *entry;
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	stream = fd >= 0 ? fdopendir(fd) : NULL;
	if (!stream) {
		int r = NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"read the directory '%s'", dir->path);

		closep(&fd);
		return r;
	}
	while ((entry = readdir(stream)))
		if ((odd || entry->d_type != DT_DIR) && lease_file_is_name(entry->d_name) &&
			string_list_add(a, names, entry->d_name) < 0)
			return NVB_OOM(err);
	if (names->n)
		qsort(names->items, names->n, sizeof(*names->items), compare_names);
	return 0;
}

/* The guard is held while one file is looked at, so that what is shown belongs together. */
static int visit_file(struct tour *tour, const char *name, struct nvb_error **err)
{
	struct lease_file file = LEASE_FILE_INIT;
	int r = lease_file_open(tour->dir, name, false, &file, err);

	if (r <= 0)
		return r;
	r = lease_file_lock(&file, err);
	if (r >= 0)
		r = lease_slots_visit(tour->dir, &file, tour->visit, tour, err);
	closep(&file.fd);
	return r;
}

/* A file that cannot be read is told; the others count. */
static int visit_all(struct tour *tour, struct string_list *ret_warnings, struct nvb_error **err)
{
	struct string_list names = { 0 };
	int r = list_files(tour->dir, ret_warnings != NULL, tour->arena, &names, err);

	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_error_ struct nvb_error *problem = NULL;

		r = visit_file(tour, names.items[i], &problem);
		if (r >= 0)
			continue;
		if (r == NVB_ERR_NO_MEMORY || !ret_warnings) {
			if (err)
				*err = TAKE_PTR(problem);
			return r;
		}
		r = string_list_add(tour->arena, ret_warnings, nvb_error_message(problem)) < 0
			    ? NVB_OOM(err)
			    : 0;
	}
	return r;
}

static pid_t shown_process(const struct lease_head *head)
{
	return head->process ? head->process : head->creator;
}

static int add_entry(const struct lease_dir *dir, const struct lease_file *file, unsigned number,
	const struct lease_head *head, void *data, struct nvb_error **err)
{
	struct tour *tour = data;
	struct lease_entry *entry;
	struct lease_slot slot;
	uint64_t now;

	if (!lease_head_is_used(head))
		return 0;
	lease_slot_judge(dir, file, number, head, &slot);
	entry = vec_push(tour->arena, tour->entries);
	if (!entry)
		return NVB_OOM(err);
	now = witness_now_ns();
	*entry = (struct lease_entry){
		.gpu = arena_strdup(tour->arena, file->name),
		.witness = slot.witness,
		.pid = shown_process(head),
		.revoked = head->state == LEASE_SLOT_REVOKED,
	};
	if (slot.whole) {
		entry->mode = (enum lease_mode)head->mode;
		entry->age_ns = now > head->taken_ns ? now - head->taken_ns : 0;
		if (head->partition[0])
			entry->partition = arena_strdup(tour->arena, head->partition);
	}
	if (slot.whole && slot.body_is_whole) {
		entry->holder = arena_strdup(tour->arena, slot.body.holder);
		entry->engine = arena_strdup(tour->arena, slot.body.engine);
	}
	return entry->gpu ? 0 : NVB_OOM(err);
}

int lease_list(const struct lease_dir *dir, struct arena *a, struct lease_entry_list *ret,
	struct string_list *ret_warnings, struct nvb_error **err)
{
	struct tour tour = { .dir = dir, .arena = a, .visit = add_entry, .entries = ret };

	*ret = (struct lease_entry_list){ 0 };
	return visit_all(&tour, ret_warnings, err);
}

/* What is asked for by name; a damaged slot has none. */
static bool is_meant(
	const struct tour *tour, const struct lease_file *file, const struct lease_slot *slot)
{
	if (tour->gpu && strcmp(tour->gpu, file->name) != 0)
		return false;
	return !tour->holder ||
	       (slot->body_is_whole && strcmp(tour->holder, slot->body.holder) == 0);
}

static int refuse_living(const struct lease_dir *dir, const struct lease_file *file,
	unsigned number, const struct lease_head *head, void *data, struct nvb_error **err)
{
	const struct tour *tour = data;
	struct lease_slot slot;

	if (!lease_head_is_used(head) || head->state == LEASE_SLOT_REVOKED)
		return 0;
	lease_slot_judge(dir, file, number, head, &slot);
	if (slot.witness == LEASE_WITNESS_NONE || !is_meant(tour, file, &slot))
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_BUSY, 0,
			"release '%s': container '%s' is alive (%s), process %d", file->name,
			slot.body.holder, lease_witness_name(slot.witness),
			(int)shown_process(head)),
		"end the container; '--force' lets others on the GPU while it uses it");
}

/*
 * A living holder's slot is not free: it may still free it, when another one would have it.
 */
static int free_meant(const struct lease_dir *dir, const struct lease_file *file, unsigned number,
	const struct lease_head *head, void *data, struct nvb_error **err)
{
	struct tour *tour = data;
	struct lease_slot slot;
	bool alive;
	int r;

	if (!lease_head_is_used(head))
		return 0;
	lease_slot_judge(dir, file, number, head, &slot);
	alive = slot.witness != LEASE_WITNESS_NONE;
	if ((alive && !tour->force) || (alive && head->state == LEASE_SLOT_REVOKED) ||
		!is_meant(tour, file, &slot))
		return 0;
	r = lease_file_write_state(file, number, alive ? LEASE_SLOT_REVOKED : LEASE_SLOT_FREE, err);
	if (r >= 0)
		tour->freed++;
	return r < 0 ? r : 0;
}

int lease_release_held(const struct lease_dir *dir, const char *gpu, const char *holder, bool force,
	struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct tour tour = { .dir = dir,
		.arena = arena,
		.visit = refuse_living,
		.gpu = gpu,
		.holder = holder,
		.force = force };
	int r = 0;

	if (!arena)
		return NVB_OOM(err);
	if (!force)
		r = visit_all(&tour, NULL, err);
	tour.visit = free_meant;
	if (r >= 0)
		r = visit_all(&tour, NULL, err);
	return r < 0 ? r : tour.freed;
}

int lease_gc(const struct lease_dir *dir, struct arena *a, struct string_list *ret_warnings,
	struct nvb_error **err)
{
	struct tour tour = { .dir = dir, .arena = a, .visit = free_meant };
	int r = visit_all(&tour, ret_warnings, err);

	return r < 0 ? r : tour.freed;
}
