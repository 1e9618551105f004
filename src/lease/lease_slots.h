/* SPDX-License-Identifier: Apache-2.0 */
/* All slots of a GPU's file, under its guard lock: looking at them, judging, freeing. */
#pragma once

#include "lease/witness.h"

struct lease_slot {
	unsigned number;
	const struct lease_head *head;
	bool whole, body_is_whole;
	struct lease_body body;
	enum lease_witness witness;
};

/* Reads the body and asks the witnesses. What a pid-file says is noted in the slot. */
void lease_slot_judge(const struct lease_dir *dir, const struct lease_file *file, unsigned number,
	const struct lease_head *head, struct lease_slot *ret);

/* Returns 0 to go on, 1 to stop, or an error. */
typedef int (*lease_slot_visitor)(const struct lease_dir *dir, const struct lease_file *file,
	unsigned number, const struct lease_head *head, void *data, struct nvb_error **err);

/* Visits every slot, free ones too. Returns what stopped it, or 0. */
int lease_slots_visit(const struct lease_dir *dir, struct lease_file *file,
	lease_slot_visitor visit, void *data, struct nvb_error **err);

/* Anything but a free slot, torn ones too. */
static inline bool lease_head_is_used(const struct lease_head *head)
{
	return head->state != LEASE_SLOT_FREE;
}
