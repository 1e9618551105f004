/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of attach_plan(). All but the last run in a process of their own, because they enter
 * the container's namespaces; only that process changes any mount.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "engine/attach/bpf_abi.h"
#include "plan/plan.h"

/* A mount that is not yet anywhere. */
struct attach_mount {
	int fd;
	const char *destination;
	bool is_directory;
};

struct attach_mount_list VEC(struct attach_mount);

/* attach_mount.c: clones of the plan's sources, with their options. Nothing is changed yet. */
int attach_mount_clone(const struct plan *plan, struct arena *a, struct attach_mount_list *list,
	struct nvb_error **err);
/* One clone of what `source_fd` names: recursive or not, with mount_setattr() attributes. */
errint_t attach_mount_clone_fd(int source_fd, bool recursive, unsigned long long attributes);

/*
 * attach_device.c: the same for the device nodes. Those that the host does not have are made by
 * number in a file system of their own; *ret_moved tells that the process had to leave its mount
 * namespace for that.
 */
int attach_device_clone(const struct plan *plan, struct arena *a, struct attach_mount_list *list,
	bool *ret_moved, struct nvb_error **err);

/* attach_place.c: what was done in the container, in order, so that it can be undone. */
struct attach_deed {
	int mount_fd;  /* a mount; or -1 and: */
	int parent_fd; /* `name` was created here; deeds in one directory share it */
	dev_t parent_device;
	ino_t parent_inode;
	const char *name;
	bool is_directory;
};

struct attach_deed_list VEC(struct attach_deed);

struct attach_work {
	struct arena *arena;
	int root_fd;
	int fds_fd; /* /proc/self/fd of this process: the container may have another /proc */
	struct attach_deed_list deeds;
};

/* Puts one mount in its place. */
int attach_place_mount(
	struct attach_work *work, const struct attach_mount *mount, struct nvb_error **err);
void attach_place_undo(struct attach_work *work);

/*
 * attach_report.c: the child's word to its parent over a socket. The child's error becomes the
 * parent's; what is no report is an error too.
 */
void attach_report_send(int fd, int status, const struct nvb_error *error);
int attach_report_receive(int fd, struct nvb_error **err);

/*
 * device_cgroup.c: lets the cgroup of a process open the plan's nodes. proc_fd is its directory
 * in procfs. A cgroup that opens everything stays as it is.
 */
int device_cgroup_allow(int proc_fd, const struct plan *plan, struct nvb_error **err);

/*
 * device_program.c: the same for the device programs of a cgroup of version 2, and of scope_fd, the
 * one above it if it is this container's alone; -1: it is not. All others above it must agree by
 * themselves. Errors: NVB_ERR_UNSUPPORTED, NVB_ERR_PERMISSION, NVB_ERR_IO.
 */
int device_program_allow(
	int cgroup_fd, int scope_fd, const struct plan *plan, struct nvb_error **err);

/* device_verdict.c: what a device program would answer. It must have passed the kernel's checks. */
enum device_verdict {
	DEVICE_REFUSED,
	DEVICE_ALLOWED,
	DEVICE_UNKNOWN, /* it is more than comparisons */
};

enum device_verdict device_verdict(
	const struct bpf_abi_insn *code, size_t n, const struct bpf_abi_device *asked);

/* True if the node has a number and permissions: device cgroups know of no others. */
bool device_cgroup_wants(const struct plan_node *node);
