/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds which GPU: leases that survive the program that took them and end with the container.
 *
 *	r = lease_dir_open(&dir, err);
 *	r = lease_take(&dir, &request, &lease, err);	// NVB_ERR_BUSY: somebody else has it
 *	...
 *	lease_release(lease);				// the container is gone
 *	lease_leave(lease);				// or: it lives on without us
 *
 * A directory on a tmpfs has one file per GPU; a file has slots; a slot is one holder with its mode
 * and, of a GPU that is divided, its partition. So a whole GPU and its partitions meet in one file,
 * under one lock. The file's name is the PCI address, which every discovery knows; a UUID may be
 * known with the vendor's library only, and one GPU under two names would be granted twice.
 *
 * Modes. Shared and virtual holders stand beside each other, an exclusive one alone: on the same
 * partition, or where one of the two has the whole GPU.
 *
 * Taking. The files' guard locks (open file description locks, fcntl(2)) are taken in the order of
 * their names, all of them, before anything is looked at: so several GPUs are taken at once or not
 * at all, nobody is refused because of one who gets nothing in the end, and no two wait for each
 * other. Each lock is held for a few system calls and waited for with a limit.
 *
 * Truth. A holder may be killed at any time, so what a slot says is only a claim. It names
 * witnesses, and it counts until all of them are gone:
 *	lock		a lock on the slot, kept by a process of ours
 *	process		the one that took it, and the one that the container lives and dies with
 *	pid-file	names a living process that started after the slot was taken; if its control
 *			group is not the container's, it may have got the number of another one
 *	cgroup		has processes: what is left of a container whose monitor was killed still
 *			uses the GPU ("orphaned")
 * A witness that cannot be asked counts as there. So the worst that errors do is to hold a GPU too
 * long; `nvbind lease release --force` is for that. Nothing has to run at the end of a container: a
 * dead holder's slot is taken over by the next one who needs it.
 *
 * Numbers of processes and paths of control groups mean something in the namespaces where the slot
 * was written, and nowhere else: whoever is in others sees the lock, and counts all else as there.
 *
 * A process is its number and a time on the clock since boot: one that started after the slot was
 * written has the number of another one that ended. No decision looks at the wall clock. A
 * directory that is not on a tmpfs outlives a boot: there, every boot has a directory of its own.
 *
 * Under other engines nvbind-runtime becomes the low-level runtime and ends with "create". What it
 * can know by then is its own process, which will be that runtime's, the pid-file that it is told
 * to write and the name of the control group. One of these two lasts, or nobody gets a GPU alone;
 * nothing has to be added when the container starts. Whoever meets the slot later and finds the
 * pid-file's process notes it there.
 *
 * A slot is used again only after its holder freed it or was found dead. So a holder may free its
 * own without a lock, also one that was released by force in the meantime.
 *
 * Only the owner can open the directory: whoever may read a file can lock it, and keep others out.
 * So the leases of root and of each user are apart; processes of each other are seen as foreign
 * users of the GPU (lease/foreign.h).
 *
 * Thread safety: any number of threads; a lease belongs to one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

enum lease_mode {
	LEASE_SHARED = 1,
	LEASE_VIRTUAL,	 /* shared, within limits */
	LEASE_EXCLUSIVE, /* alone */
};

const char *lease_mode_name(enum lease_mode mode);

struct lease_dir {
	int fd;
	char *path;
	const char *cgroup_path; /* where control groups are looked for */
	uint32_t namespaces;	 /* ours; 0: they cannot be told */
};

#define LEASE_DIR_INIT                                                                             \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * NVBIND_LEASE_DIR; else /run/nvbind/leases for root; else $XDG_RUNTIME_DIR/nvbind/leases, also for
 * root of a user namespace, as under rootless engines. Made if missing. Errors: NVB_ERR_NOT_FOUND
 * (a user without a runtime directory), NVB_ERR_USAGE (not absolute), NVB_ERR_PERMISSION (others
 * may enter it), NVB_ERR_IO.
 */
int lease_dir_open(struct lease_dir *ret, struct nvb_error **err);
/* The same at `path`. */
int lease_dir_open_path(const char *path, struct lease_dir *ret, struct nvb_error **err);
/* Does not make it. Returns 1, or 0 if there is none: then nobody holds anything. */
int lease_dir_open_existing(struct lease_dir *ret, struct nvb_error **err);
void lease_dir_done(struct lease_dir *dir);

#define LEASE_PARTITION_BYTES 16 /* with its NUL */

/* What is held. */
struct lease_key {
	const char *gpu;       /* "0000:17:00.0": letters, digits, ":", "." and "-" */
	const char *partition; /* "gi1ci0"; NULL: the whole GPU */
	const char *label;     /* for messages: "GPU 0" */
};

struct lease_key_list VEC(struct lease_key);

/* Who wants it, and what will tell that he is still there. */
struct lease_request {
	struct lease_key_list keys; /* in any order, each once */
	enum lease_mode mode;
	const char *holder;   /* the container's name or id */
	const char *engine;   /* "bolt"; "oci": any that uses nvbind-runtime */
	const char *pid_file; /* absolute; NULL: none */
	/* Below the top of each hierarchy, "/docker/ID", or the end of that: then it only proves
	 * the pid-file's process. NULL: unknown. */
	const char *cgroup;
	/* The lock as a witness: until this process and those of its children that keep the
	 * descriptors have ended. They are closed on exec. */
	bool keep_lock;
};

struct lease;

/*
 * Takes all of it or nothing. With `ret` NULL it is left to its witnesses at once. Errors:
 * NVB_ERR_BUSY (held; the message names the holder, its engine and since when, or a file's lock is
 * not to be had), NVB_ERR_IO (full, read-only), NVB_ERR_PERMISSION, NVB_ERR_FORMAT (a file is none
 * of ours or of another version), NVB_ERR_LIMIT (too many holders, too long names), NVB_ERR_USAGE
 * (not a key), NVB_ERR_NO_MEMORY.
 */
int lease_take(const struct lease_dir *dir, const struct lease_request *request, struct lease **ret,
	struct nvb_error **err);

/* The process with which everything in the container ends: from now on it is a witness too. */
int lease_set_process(struct lease *lease, pid_t pid, struct nvb_error **err);

/* Both free the object. NULL is nothing. */
void lease_release(struct lease *lease);
/* The slots stay held by their witnesses. */
void lease_leave(struct lease *lease);
DEFINE_FREEP(struct lease, lease_release)

/* What says that a holder is there. */
enum lease_witness {
	LEASE_WITNESS_NONE, /* all are gone: free for who wants it */
	LEASE_WITNESS_LOCK,
	LEASE_WITNESS_CREATOR,
	LEASE_WITNESS_PROCESS,
	LEASE_WITNESS_PID_FILE,
	LEASE_WITNESS_CGROUP,
	LEASE_WITNESS_UNKNOWN, /* one that cannot be asked */
};

const char *lease_witness_name(enum lease_witness witness);

struct lease_entry {
	const char *gpu, *partition; /* partition: NULL is the whole GPU */
	enum lease_mode mode;
	const char *holder, *engine; /* NULL: the slot is damaged */
	enum lease_witness witness;
	pid_t pid;	 /* the container's first process, else who took it; 0: unknown */
	uint64_t age_ns; /* since it was taken */
	bool revoked;	 /* released by force; it holds nothing any more */
};

struct lease_entry_list VEC(struct lease_entry);

/* All holders, dead ones too, by GPU. Files that cannot be read are warnings. */
int lease_list(const struct lease_dir *dir, struct arena *a, struct lease_entry_list *ret,
	struct string_list *ret_warnings, struct nvb_error **err);

/*
 * Frees what is held under `gpu` or by `holder` (NULL: any). One that is alive is left alone
 * without `force`: NVB_ERR_BUSY, and nothing was freed. Returns how many.
 */
int lease_release_held(const struct lease_dir *dir, const char *gpu, const char *holder, bool force,
	struct nvb_error **err);

/* Frees the slots of the dead. Returns how many. The files stay: one that is removed while
 * somebody waits for its lock would let him hold what nobody sees. */
int lease_gc(const struct lease_dir *dir, struct arena *a, struct string_list *ret_warnings,
	struct nvb_error **err);
