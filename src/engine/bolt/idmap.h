/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user namespace of a container that an ordinary user starts.
 *
 * One user is enough for most: root inside is the caller outside, and the kernel lets the caller
 * write that map alone. Only a container that runs as another user (-u) needs the caller's range
 * of /etc/subuid, which the set-user-ID programs newuidmap and newgidmap write.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/path.h"

struct idmap {
	bool needed; /* false: we are root and need no user namespace */
	bool range;
	uid_t uid;
	gid_t gid;
	uint32_t sub_uid, sub_uid_count;
	uint32_t sub_gid, sub_gid_count;
};

/* True unless we are root of the machine itself. */
bool idmap_is_needed(void);

/* The map for this process; `range` asks for more than one user. Errors: UNSUPPORTED. */
int idmap_choose(bool range, struct idmap *ret, struct nvb_error **err);

/* Gives `pid`, which lives in a new user namespace, its map. Called from outside. */
int idmap_write(const struct idmap *map, pid_t pid, struct nvb_error **err);

/* path_remove_tree() as root of a namespace with the caller's whole range. */
errint_t idmap_remove_tree(int dir_fd, const char *name);
