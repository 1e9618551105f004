/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a desktop session and the kernel offer beside GPUs: sockets of display and sound, input
 * devices, NTSYNC, limits. Read once, for requests that need it; the planner reads it and nothing
 * else of the session. NULL and 0 where the machine has none.
 */
#pragma once

#include "host/tree.h"

struct session_node_list VEC(struct host_node);

struct session_environment {
	/* Of the caller: XDG_RUNTIME_DIR, WAYLAND_DISPLAY, DISPLAY, XAUTHORITY, PULSE_SERVER, HOME. */
	const char *runtime_dir, *wayland_display, *x11_display, *xauthority, *pulse_server, *home;
	const char *cache_dir; /* NVBIND_CACHE_DIR: in the place of the usual one */
	uint32_t uid, gid;
};

struct session_facts {
	struct arena *arena;
	struct session_environment environment;
	const char *wayland_socket;  /* on the host */
	const char *x11_socket;      /* "/tmp/.X11-unix/X0" */
	const char *pulse_socket, *pulse_cookie;
	const char *pipewire_socket;
	struct session_node_list input;  /* /dev/input/event*, js*, mice */
	struct session_node_list hidraw;
	const struct host_node *ntsync, *uinput, *uhid; /* NULL: absent */
	const char *udev_data;        /* "/run/udev" */
	unsigned kernel_major, kernel_minor;
	bool cgroup_v2;
	uint64_t max_map_count;       /* 0: unknown */
	uint64_t nofile_hard;         /* of the caller; UINT64_MAX: no limit */
	bool can_raise_limits;        /* the caller may go above his hard limits */
	const char *cache_dir;        /* where persistent caches of containers go; NULL: nowhere */
	unsigned cpu_count;
	const char *online_cpus;      /* "0-15" */
};

/* Errors: NVB_ERR_NO_MEMORY; what cannot be read is absent. */
int session_facts_read(const struct host_tree *tree, const struct session_environment *environment,
	struct session_facts **ret, struct nvb_error **err);
void session_facts_free(struct session_facts *facts);
DEFINE_FREEP(struct session_facts, session_facts_free)
