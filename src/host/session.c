/* SPDX-License-Identifier: Apache-2.0 */
#include "host/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"
#include "base/user_namespace.h"

#define MAX_STATUS_BYTES ((size_t)64 << 10)
#define MAX_INPUT_NODES	 256
/* Source: <linux/capability.h>; the limits that setrlimit() raises with it: getrlimit(2). */
#define CAP_SYS_RESOURCE_BIT 24

struct reader {
	const struct host_tree *tree;
	struct session_facts *facts;
	bool out_of_memory;
};

static const char *kept(struct reader *r, const char *text)
{
	if (!text)
		r->out_of_memory = true;
	return text;
}

static const char *copied(struct reader *r, const char *text)
{
	return text && *text ? kept(r, arena_strdup(r->facts->arena, text)) : NULL;
}

/* A path that a variable of the caller's gives: anything else than a normal one is none. */
static const char *copied_path(struct reader *r, const char *text)
{
	return text && path_is_normal(text) ? copied(r, text) : NULL;
}

static const char *joined(struct reader *r, const char *directory, const char *name)
{
	const char *path;

	if (!directory || !name)
		return NULL;
	path = kept(r, arena_printf(r->facts->arena, "%s/%s", directory, name));
	return path && path_is_normal(path) ? path : NULL;
}

/* Nobody but the caller and root may choose what goes into his container; root may name all. */
static bool is_trusted(const struct reader *r, const struct stat *st)
{
	const uint32_t caller = r->facts->environment.uid;

	return caller == 0 || st->st_uid == 0 || st->st_uid == caller;
}

/* `path`, if that is a socket; in a simulated machine a file stands for one. */
static const char *socket_at(struct reader *r, const char *path)
{
	struct stat st;

	if (!path || path_stat_in(r->tree->root_fd, path, &st) < 0)
		return NULL;
	if (!host_tree_is_live(r->tree))
		return S_ISSOCK(st.st_mode) || S_ISREG(st.st_mode) ? path : NULL;
	return S_ISSOCK(st.st_mode) && is_trusted(r, &st) ? path : NULL;
}

static const char *file_at(struct reader *r, const char *path)
{
	struct stat st;

	if (!path || path_stat_in(r->tree->root_fd, path, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return !host_tree_is_live(r->tree) || is_trusted(r, &st) ? path : NULL;
}

static void copy_environment(struct reader *r, const struct session_environment *from)
{
	struct session_environment *to = &r->facts->environment;

	to->runtime_dir = copied_path(r, from->runtime_dir);
	to->wayland_display = copied(r, from->wayland_display);
	to->x11_display = copied(r, from->x11_display);
	to->xauthority = copied_path(r, from->xauthority);
	to->pulse_server = copied(r, from->pulse_server);
	to->home = copied_path(r, from->home);
	to->cache_dir = copied_path(r, from->cache_dir);
	to->uid = from->uid;
	to->gid = from->gid;
}

/* Source: libwayland, wl_display_connect(3): a name in XDG_RUNTIME_DIR, or an absolute path. */
static const char *find_wayland(struct reader *r)
{
	const struct session_environment *e = &r->facts->environment;
	const char *name = e->wayland_display;

	if (!name)
		return NULL;
	if (name[0] == '/')
		return path_is_normal(name) ? socket_at(r, name) : NULL;
	return strchr(name, '/') ? NULL : socket_at(r, joined(r, e->runtime_dir, name));
}

/* ":1", ":1.0", "unix:1"; a display of another machine has no socket. Source: X(7). */
static const char *find_x11(struct reader *r)
{
	const char *display = r->facts->environment.x11_display;
	size_t digits;

	if (!display)
		return NULL;
	if (strncmp(display, "unix:", 5) == 0)
		display += 4;
	if (*display++ != ':')
		return NULL;
	digits = strspn(display, "0123456789");
	if (!digits || digits > 5 || (display[digits] && display[digits] != '.'))
		return NULL;
	return socket_at(r, kept(r, arena_printf(r->facts->arena, "/tmp/.X11-unix/X%.*s",
					    (int)digits, display)));
}

/* Source: PulseAudio, "Server Strings"; the default is below XDG_RUNTIME_DIR. */
static const char *find_pulse(struct reader *r)
{
	const struct session_environment *e = &r->facts->environment;
	static const char scheme[] = "unix:";
	const char *server = e->pulse_server;

	if (!server)
		return socket_at(r, joined(r, e->runtime_dir, "pulse/native"));
	if (strncmp(server, scheme, strlen(scheme)) == 0)
		server += strlen(scheme);
	server = copied_path(r, server);
	return server ? socket_at(r, server) : NULL;
}

static void find_sockets(struct reader *r)
{
	struct session_facts *f = r->facts;
	const struct session_environment *e = &f->environment;

	f->wayland_socket = find_wayland(r);
	f->x11_socket = find_x11(r);
	f->pulse_socket = find_pulse(r);
	f->pulse_cookie = file_at(r, joined(r, e->home, ".config/pulse/cookie"));
	f->pipewire_socket = socket_at(r, joined(r, e->runtime_dir, "pipewire-0"));
	if (!e->xauthority)
		f->environment.xauthority = file_at(r, joined(r, e->home, ".Xauthority"));
}

/* NULL: the machine has no such node. */
static const struct host_node *find_node(struct reader *r, const char *path)
{
	struct host_node node, *kept_node;

	if (host_tree_node(r->tree, r->facts->arena, path, &node) < 0 || !node.exists ||
		node.type != 'c')
		return NULL;
	kept_node = arena_memdup(r->facts->arena, &node, sizeof(node));
	r->out_of_memory |= !kept_node;
	return kept_node;
}

static void find_nodes(struct reader *r, const char *directory, const char *const *prefixes,
	struct session_node_list *ret)
{
	struct string_list names = { 0 };

	if (host_tree_list(r->tree, r->facts->arena, directory, &names) < 0)
		return;
	vec_foreach (const char *, name, &names) {
		const struct host_node *node = NULL;
		struct host_node *added;

		for (const char *const *prefix = prefixes; *prefix && !node; prefix++)
			if (strncmp(*name, *prefix, strlen(*prefix)) == 0)
				node = find_node(r, joined(r, directory, *name));
		if (!node || ret->n >= MAX_INPUT_NODES)
			continue;
		added = vec_push(r->facts->arena, ret);
		if (added)
			*added = *node;
		r->out_of_memory |= !added;
	}
}

static void find_devices(struct reader *r)
{
	static const char *const input[] = { "event", "js", "mice", "mouse", NULL };
	static const char *const hidraw[] = { "hidraw", NULL };
	struct session_facts *f = r->facts;

	find_nodes(r, "/dev/input", input, &f->input);
	find_nodes(r, "/dev", hidraw, &f->hidraw);
	f->ntsync = find_node(r, "/dev/ntsync");
	f->uinput = find_node(r, "/dev/uinput");
	f->uhid = find_node(r, "/dev/uhid");
	f->udev_data = host_tree_exists(r->tree, "/run/udev") ? "/run/udev" : NULL;
}

/* "6.14.0-rc3": what does not begin with two numbers leaves both unknown. */
static void read_kernel(struct reader *r)
{
	const char *line = NULL;
	uint64_t major, minor;
	size_t digits;

	if (host_tree_read_line(r->tree, r->facts->arena, "/proc/sys/kernel/osrelease", &line) < 0)
		return;
	digits = strspn(line, "0123456789");
	if (!number_parse_n(line, digits, 1000, &major) || line[digits] != '.')
		return;
	line += digits + 1;
	if (!number_parse_n(line, strspn(line, "0123456789"), 1000, &minor))
		return;
	r->facts->kernel_major = (unsigned)major;
	r->facts->kernel_minor = (unsigned)minor;
}

/* Text after `label` at the beginning of a line; NULL: no such line. */
static const char *find_line(const char *text, const char *label)
{
	while (text && strncmp(text, label, strlen(label)) != 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text ? text + strlen(label) : NULL;
}

/* Source: proc_pid_limits(5): name, soft limit, hard limit, unit. */
static void read_open_files(struct reader *r)
{
	_cleanup_free_ char *text = NULL;
	const char *line;

	if (host_tree_read(r->tree, "/proc/self/limits", MAX_STATUS_BYTES, &text) < 0)
		return;
	line = find_line(text, "Max open files");
	if (!line)
		return;
	line += strspn(line, " ");
	line += strcspn(line, " \n");
	line += strspn(line, " ");
	if (strncmp(line, "unlimited", 9) == 0)
		r->facts->nofile_hard = UINT64_MAX;
	else if (!number_parse_n(
			 line, strspn(line, "0123456789"), UINT64_MAX, &r->facts->nofile_hard))
		r->facts->nofile_hard = 0;
}

static bool has_resource_capability(struct reader *r)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long set;
	const char *line;

	if (host_tree_read(r->tree, "/proc/self/status", MAX_STATUS_BYTES, &text) < 0)
		return false;
	line = find_line(text, "CapEff:");
	return line && sscanf(line, "%16llx", &set) == 1 && (set >> CAP_SYS_RESOURCE_BIT & 1);
}

static unsigned count_cpus(const char *list)
{
	unsigned n = 0;

	while (list && *list) {
		uint64_t first, last;
		size_t digits = strspn(list, "0123456789");

		if (!number_parse_n(list, digits, UINT16_MAX, &first))
			return 0;
		list += digits;
		last = first;
		if (*list == '-') {
			digits = strspn(++list, "0123456789");
			if (!number_parse_n(list, digits, UINT16_MAX, &last) || last < first)
				return 0;
			list += digits;
		}
		n += (unsigned)(last - first) + 1;
		if (*list && *list++ != ',')
			return 0;
	}
	return n;
}

static void read_kernel_settings(struct reader *r)
{
	struct session_facts *f = r->facts;

	read_kernel(r);
	f->cgroup_v2 = host_tree_exists(r->tree, "/sys/fs/cgroup/cgroup.controllers");
	if (host_tree_read_u64(r->tree, "/proc/sys/vm/max_map_count", &f->max_map_count) < 0)
		f->max_map_count = 0;
	read_open_files(r);
	/* Root of a user namespace may lower hard limits only. */
	f->can_raise_limits = has_resource_capability(r) &&
			      (!host_tree_is_live(r->tree) || user_namespace_is_initial());
	if (host_tree_read_line(
		    r->tree, f->arena, "/sys/devices/system/cpu/online", &f->online_cpus) < 0)
		f->online_cpus = NULL;
	f->cpu_count = count_cpus(f->online_cpus);
	if (!f->cpu_count)
		f->online_cpus = NULL;
}

/* Root's is a place that root alone writes to, whoever's HOME it was started with. */
static const char *find_cache_dir(struct reader *r)
{
	const struct session_environment *e = &r->facts->environment;

	if (e->cache_dir)
		return e->cache_dir;
	return e->uid == 0 ? "/var/cache/nvbind" : joined(r, e->home, ".cache/nvbind");
}

int session_facts_read(const struct host_tree *tree, const struct session_environment *environment,
	struct session_facts **ret, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct reader r = { .tree = tree };

	r.facts = arena ? arena_new_object(arena, struct session_facts) : NULL;
	if (!r.facts)
		return NVB_OOM(err);
	r.facts->arena = arena;
	copy_environment(&r, environment);
	find_sockets(&r);
	find_devices(&r);
	read_kernel_settings(&r);
	r.facts->cache_dir = find_cache_dir(&r);
	if (r.out_of_memory)
		return NVB_OOM(err);
	arena = NULL;
	*ret = r.facts;
	return 0;
}

void session_facts_free(struct session_facts *facts)
{
	/* The facts live in their own arena. */
	if (facts)
		arena_free(facts->arena);
}
