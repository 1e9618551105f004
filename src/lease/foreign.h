/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who uses a GPU without a lease: processes of the machine that have its nodes open.
 *
 * An exclusive lease keeps other containers away. Nothing keeps a user of the machine from opening
 * a node that he may open, but one who has it open already can be seen, and then "exclusive" would
 * not be true.
 */
#pragma once

#include "plan/plan.h"

struct foreign_user {
	pid_t pid;
	const char *command; /* the program's name; NULL: unknown */
	const char *node;
};

struct foreign_user_list VEC(struct foreign_user);

/*
 * Looks through /proc of `tree`, our own process left out. Daemons that only watch over GPUs do not
 * count: known programs, of files that root alone may write. *ret_unseen: processes that we may not
 * look at. Errors: NVB_ERR_IO (no /proc), NVB_ERR_NO_MEMORY.
 */
int foreign_users_find(const struct host_tree *tree, const struct selection *gpus, struct arena *a,
	struct foreign_user_list *ret, size_t *ret_unseen, struct nvb_error **err);
