/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/lease_slots.h"

#include "base/log.h"

/* Exact from now on, also where the number is used again. */
static void note_process(const struct lease_file *file, unsigned number,
	const struct lease_head *head, const struct lease_process *process)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct lease_head noted = *head;

	noted.process = process->pid;
	noted.process_start_ticks = process->start_ticks;
	lease_head_seal(&noted, NULL);
	if (lease_file_write_head(file, number, &noted, &problem) < 0)
		log_debug("lease", "%s, ignoring", nvb_error_message(problem));
}

void lease_slot_judge(const struct lease_dir *dir, const struct lease_file *file, unsigned number,
	const struct lease_head *head, struct lease_slot *ret)
{
	struct lease_process found;

	ret->number = number;
	ret->head = head;
	ret->whole = lease_head_is_whole(head);
	ret->body_is_whole = lease_file_read_body(file, number, head, &ret->body);
	ret->witness =
		witness_find(dir, file, number, head, &ret->body, ret->body_is_whole, &found);
	if (found.pid)
		note_process(file, number, head, &found);
}

static int visit_page(const struct lease_dir *dir, const struct lease_file *file, unsigned page,
	const struct lease_page *content, lease_slot_visitor visit, void *data,
	struct nvb_error **err)
{
	for (unsigned i = 0; i < LEASE_PAGE_SLOTS; i++) {
		int r = visit(
			dir, file, page * LEASE_PAGE_SLOTS + i, &content->heads[i], data, err);

		if (r != 0)
			return r;
	}
	return 0;
}

int lease_slots_visit(const struct lease_dir *dir, struct lease_file *file,
	lease_slot_visitor visit, void *data, struct nvb_error **err)
{
	struct lease_page page;

	for (unsigned n = 0;; n++) {
		int r = lease_file_read(file, n, &page, err);

		if (r > 0)
			r = visit_page(dir, file, n, &page, visit, data, err);
		else
			return r;
		if (r != 0)
			return r;
	}
}
