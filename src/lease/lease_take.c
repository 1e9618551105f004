/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "lease/lease_slots.h"

#define NS_PER_S   UINT64_C(1000000000)
#define NO_SLOT	   UINT32_MAX
#define NAME_LIMIT 128

/* A GPU of a lease. */
struct holding {
	char name[LEASE_NAME_BYTES];
	struct lease_file file;
};

/* A key of a lease. Several partitions of one GPU share its file. */
struct part {
	const struct lease_key *key; /* of the request: while it is taken */
	struct holding *of;
	unsigned slot; /* NO_SLOT: none yet */
};

struct lease {
	struct lease_head head; /* as in every slot, but for the partition */
	struct part *parts;
	struct holding *holdings; /* in the order of their names */
	size_t n_parts, n_holdings;
};

const char *lease_mode_name(enum lease_mode mode)
{
	static const char *const names[] = {
		[LEASE_SHARED] = "shared",
		[LEASE_VIRTUAL] = "virtual",
		[LEASE_EXCLUSIVE] = "exclusive",
	};

	return mode >= LEASE_SHARED && mode <= LEASE_EXCLUSIVE ? names[mode] : "damaged";
}

/* What one key meets in its file. */
struct search {
	const struct part *part;
	enum lease_mode mode;
	unsigned free_slot;
	bool all; /* judge those too that are not in the way */
};

static bool same_partition(const struct lease_head *head, const char *partition)
{
	return !head->partition[0] || !partition || strcmp(head->partition, partition) == 0;
}

static bool is_in_the_way(const struct search *s, const struct lease_head *head)
{
	if (head->state == LEASE_SLOT_REVOKED)
		return false;
	if (head->state != LEASE_SLOT_HELD || !lease_head_is_whole(head))
		return true;
	return (s->mode == LEASE_EXCLUSIVE || head->mode == LEASE_EXCLUSIVE) &&
	       same_partition(head, s->part->key->partition);
}

/* "12 s", "3 min": of a clock that no one sets. */
static void format_age(uint64_t taken_ns, char *text, size_t size)
{
	const uint64_t now = witness_now_ns();
	const uint64_t s = now > taken_ns ? (now - taken_ns) / NS_PER_S : 0;

	if (s < 120)
		(void)snprintf(text, size, "%u s", (unsigned)s);
	else if (s < 7200)
		(void)snprintf(text, size, "%u min", (unsigned)(s / 60));
	else
		(void)snprintf(text, size, "%u h", (unsigned)(s / 3600));
}

static int raise_busy(const struct search *s, const struct lease_slot *slot, struct nvb_error **err)
{
	const struct lease_key *key = s->part->key;
	const char *label = key->label ? key->label : key->gpu;
	char age[32];
	int r;

	if (!slot->whole || !slot->body_is_whole)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_BUSY, 0,
				"take '%s': a damaged lease of a living process is on it", label),
			"see 'nvbind lease list'; 'nvbind lease release --force' removes it");
	format_age(slot->head->taken_ns, age, sizeof(age));
	r = NVB_RAISE(err, NVB_ERR_BUSY, 0,
		"take '%s' as %s: container '%.*s' of '%s' holds it as %s "
		"since %s%s",
		label, lease_mode_name(s->mode), NAME_LIMIT, slot->body.holder, slot->body.engine,
		lease_mode_name((enum lease_mode)slot->head->mode), age,
		slot->witness == LEASE_WITNESS_CGROUP
			? "; its monitor is gone, its processes are not"
		: slot->witness == LEASE_WITNESS_UNKNOWN
			? "; from here it cannot be told whether it lives"
			: "");
	return NVB_HINT(err, r,
		"choose another GPU, or end that container; 'nvbind lease list' shows all holders");
}

static int look_at(const struct lease_dir *dir, const struct lease_file *file, unsigned number,
	const struct lease_head *head, void *data, struct nvb_error **err)
{
	struct search *s = data;
	struct lease_slot slot;
	int r;

	if (lease_head_is_used(head)) {
		const bool in_the_way = is_in_the_way(s, head);

		if (!in_the_way && !s->all)
			return 0;
		lease_slot_judge(dir, file, number, head, &slot);
		if (slot.witness != LEASE_WITNESS_NONE)
			return in_the_way ? raise_busy(s, &slot, err) : 0;
		r = lease_file_write_state(file, number, LEASE_SLOT_FREE, err);
		if (r < 0)
			return r;
	}
	if (s->free_slot == NO_SLOT)
		s->free_slot = number;
	return 0;
}

/* A full file is swept before it grows: shared holders of other engines never free theirs. */
static int find_slot(const struct lease_dir *dir, struct part *part, enum lease_mode mode,
	struct nvb_error **err)
{
	struct search s = { .part = part, .mode = mode, .free_slot = NO_SLOT };
	int r = lease_slots_visit(dir, &part->of->file, look_at, &s, err);

	if (r >= 0 && s.free_slot == NO_SLOT) {
		s.all = true;
		r = lease_slots_visit(dir, &part->of->file, look_at, &s, err);
	}
	if (r >= 0 && s.free_slot == NO_SLOT) {
		s.free_slot = part->of->file.pages * LEASE_PAGE_SLOTS;
		r = lease_file_grow(&part->of->file, err);
	}
	if (r < 0)
		return r;
	part->slot = s.free_slot;
	return 0;
}

static int write_part(const struct lease *lease, struct part *part, const struct lease_body *body,
	struct nvb_error **err)
{
	const char *partition = part->key->partition;
	struct lease_head head = lease->head;
	int r = 0;

	if (partition)
		(void)snprintf(head.partition, sizeof(head.partition), "%s", partition);
	lease_head_seal(&head, body);
	if (head.locked)
		r = lease_file_lock_slot(&part->of->file, part->slot, err);
	return r < 0 ? r : lease_file_write_slot(&part->of->file, part->slot, &head, body, err);
}

/* A slot that was written in part is freed in the same way. */
static void free_slots(struct lease *lease)
{
	for (size_t i = 0; i < lease->n_parts; i++) {
		_cleanup_error_ struct nvb_error *problem = NULL;
		struct part *part = &lease->parts[i];

		if (part->slot == NO_SLOT)
			continue;
		/* First: who finds it free locks it. */
		if (lease->head.locked)
			lease_file_unlock_slot(&part->of->file, part->slot);
		if (lease_file_write_state(&part->of->file, part->slot, LEASE_SLOT_FREE, &problem) <
			0)
			log_debug("lease", "%s, ignoring: it ends with us",
				nvb_error_message(problem));
		part->slot = NO_SLOT;
	}
}

/* Under the guards of all files: nobody sees what is given back. */
static int take_parts(const struct lease_dir *dir, struct lease *lease,
	const struct lease_body *body, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < lease->n_parts; i++) {
		r = find_slot(dir, &lease->parts[i], (enum lease_mode)lease->head.mode, err);
		if (r >= 0)
			r = write_part(lease, &lease->parts[i], body, err);
	}
	if (r < 0)
		free_slots(lease);
	return r;
}

static int open_files(const struct lease_dir *dir, struct lease *lease, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < lease->n_holdings; i++)
		r = lease_file_open(
			dir, lease->holdings[i].name, true, &lease->holdings[i].file, err);
	return r < 0 ? r : 0;
}

static int take(const struct lease_dir *dir, struct lease *lease, const struct lease_body *body,
	struct nvb_error **err)
{
	size_t locked = 0;
	int r = open_files(dir, lease, err);

	while (r >= 0 && locked < lease->n_holdings) {
		r = lease_file_lock(&lease->holdings[locked].file, err);
		locked += r >= 0;
	}
	if (r >= 0)
		r = take_parts(dir, lease, body, err);
	return r;
}

static void unlock_files(struct lease *lease)
{
	for (size_t i = 0; i < lease->n_holdings; i++)
		lease_file_unlock(&lease->holdings[i].file);
}

/* Keys. */

static int compare_keys(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = strcmp(x->key->gpu, y->key->gpu);

	if (order)
		return order;
	/* The whole GPU before its partitions. */
	return strcmp(x->key->partition ? x->key->partition : "",
		y->key->partition ? y->key->partition : "");
}

static int check_key(const struct lease_key *key, struct nvb_error **err)
{
	if (!lease_file_is_name(key->gpu))
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "take '%s': not the name of a GPU", key->gpu);
	if (key->partition &&
		(!key->partition[0] || strlen(key->partition) >= LEASE_PARTITION_BYTES))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "take '%s' of '%s': not a partition",
			key->partition, key->gpu);
	return 0;
}

/* Who has the whole GPU has its partitions. */
static bool is_covered(const struct part *by, const struct part *part)
{
	return strcmp(by->key->gpu, part->key->gpu) == 0 &&
	       (!by->key->partition || compare_keys(by, part) == 0);
}

static void add_part(struct lease *lease, const struct part *part)
{
	struct holding *last = lease->n_holdings ? &lease->holdings[lease->n_holdings - 1] : NULL;

	if (!last || strcmp(last->name, part->key->gpu) != 0) {
		last = &lease->holdings[lease->n_holdings++];
		last->file = (struct lease_file)LEASE_FILE_INIT;
		(void)snprintf(last->name, sizeof(last->name), "%s", part->key->gpu);
	}
	lease->parts[lease->n_parts++] =
		(struct part){ .key = part->key, .of = last, .slot = NO_SLOT };
}

static int sort_keys(const struct lease_key_list *keys, struct lease *lease, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < keys->n; i++) {
		r = check_key(&keys->items[i], err);
		lease->parts[i].key = &keys->items[i];
	}
	if (r < 0)
		return r;
	qsort(lease->parts, keys->n, sizeof(*lease->parts), compare_keys);
	/* In place: what is read is never behind what is written. */
	for (size_t i = 0; i < keys->n; i++) {
		const struct part part = lease->parts[i];
		const struct part *by = lease->n_parts ? &lease->parts[lease->n_parts - 1] : NULL;

		if (!by || !is_covered(by, &part))
			add_part(lease, &part);
	}
	return 0;
}

static struct lease *new_lease(const struct lease_request *request)
{
	struct lease *lease = calloc(1, sizeof(*lease));
	const size_t n = request->keys.n ? request->keys.n : 1;

	if (!lease)
		return NULL;
	lease->head = (struct lease_head){
		.state = LEASE_SLOT_HELD,
		.mode = (uint8_t)request->mode,
		.creator = getpid(),
		.locked = request->keep_lock,
	};
	lease->parts = calloc(n, sizeof(*lease->parts));
	lease->holdings = calloc(n, sizeof(*lease->holdings));
	if (!lease->parts || !lease->holdings) {
		lease_leave(lease);
		return NULL;
	}
	return lease;
}

int lease_take(const struct lease_dir *dir, const struct lease_request *request, struct lease **ret,
	struct nvb_error **err)
{
	struct lease *lease = new_lease(request);
	struct lease_body body;
	int r;

	if (!lease)
		return NVB_OOM(err);
	r = sort_keys(&request->keys, lease, err);
	if (r >= 0)
		r = lease_body_pack(request, &body, err);
	lease->head.taken_ns = witness_now_ns();
	lease->head.namespaces = dir->namespaces;
	if (r >= 0)
		r = take(dir, lease, &body, err);
	/* Closing unlocks, too. */
	if (r < 0 || !ret) {
		lease_leave(lease);
		return r;
	}
	unlock_files(lease);
	for (size_t i = 0; i < lease->n_parts; i++)
		lease->parts[i].key = NULL;
	*ret = lease;
	return 0;
}

static int write_process(
	const struct part *part, const struct lease_head *from, struct nvb_error **err)
{
	struct lease_page page;
	struct lease_head *head = &page.heads[part->slot % LEASE_PAGE_SLOTS];
	struct lease_file file = part->of->file;
	int r = lease_file_read(&file, part->slot / LEASE_PAGE_SLOTS, &page, err);

	if (r == 0 || (r > 0 && !lease_head_is_whole(head)))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"note the container in '%s': it is damaged", part->of->name);
	if (r < 0)
		return r;
	head->process = from->process;
	head->process_start_ticks = from->process_start_ticks;
	lease_head_seal(head, NULL);
	return lease_file_write_head(&file, part->slot, head, err);
}

/* Under the guard: who reads the head meanwhile would see it torn. */
static int note_process(
	const struct part *part, const struct lease_head *from, struct nvb_error **err)
{
	int r = lease_file_lock(&part->of->file, err);

	if (r < 0)
		return r;
	r = write_process(part, from, err);
	lease_file_unlock(&part->of->file);
	return r;
}

int lease_set_process(struct lease *lease, pid_t pid, struct nvb_error **err)
{
	uint64_t start = 0;
	errint_t e = witness_process(pid, &start);
	int r = 0;

	if (e <= 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, -e, "look at process '%d'", (int)pid);
	lease->head.process = pid;
	lease->head.process_start_ticks = start;
	for (size_t i = 0; r >= 0 && i < lease->n_parts; i++)
		r = note_process(&lease->parts[i], &lease->head, err);
	return r < 0 ? r : 0;
}

void lease_release(struct lease *lease)
{
	if (!lease)
		return;
	free_slots(lease);
	lease_leave(lease);
}

void lease_leave(struct lease *lease)
{
	if (!lease)
		return;
	for (size_t i = 0; i < lease->n_holdings; i++)
		closep(&lease->holdings[i].file.fd);
	free(lease->holdings);
	free(lease->parts);
	free(lease);
}
