/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of device nodes: are they there, do they lead to the driver, may the user open them, does
 * systemd find them by number.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>

#include "base/number.h"
#include "base/spawn.h"
#include "doctor/advice.h"
#include "doctor/check.h"

#define MAX_GROUP_FILE_BYTES (1 << 20)
#define SYSTEMD_LIBRARY	     "libsystemd-shared-" /* 239.so */

struct node_ref {
	const struct host_node *node;
	enum gpu_vendor vendor;
	const char *driver;
	bool optional;
};

struct node_ref_list VEC(struct node_ref);

static void add_nodes(struct doctor *d, struct node_ref_list *list,
	const struct gpu_node_list *nodes, enum gpu_vendor vendor, const char *driver)
{
	vec_foreach (const struct gpu_node, node, nodes) {
		struct node_ref *ref = vec_push(d->arena, list);

		if (!ref) {
			d->out_of_memory = true;
			return;
		}
		*ref = (struct node_ref){ &node->node, vendor, driver, node->optional };
	}
}

/* The nodes that containers can get: of usable GPUs and of their drivers. */
static struct node_ref_list collect_nodes(struct doctor *d)
{
	struct node_ref_list list = { 0 };

	vec_foreach (const struct gpu_driver, driver, &d->inv->drivers)
		add_nodes(d, &list, &driver->common_nodes, driver->vendor, driver->name);
	vec_foreach (const struct gpu, gpu, &d->inv->gpus) {
		if (gpu->state != GPU_USABLE)
			continue;
		add_nodes(d, &list, &gpu->nodes, gpu->vendor, gpu->driver);
		vec_foreach (const struct gpu_partition, part, &gpu->partitions)
			add_nodes(d, &list, &part->nodes, gpu->vendor, gpu->driver);
	}
	return list;
}

void check_device_nodes(struct doctor *d)
{
	struct node_ref_list list = collect_nodes(d);
	size_t n = 0;

	vec_foreach (const struct node_ref, ref, &list) {
		const struct advice *advice = advice_for(ref->vendor, ref->driver);

		if (ref->node->exists) {
			n++;
			continue;
		}
		if (ref->optional)
			continue;
		check_note(d, DOCTOR_FAILED, "the device node '%s' is missing", ref->node->path);
		if (advice->nodes)
			check_fix(d, "%s", advice->nodes);
	}
	if (n)
		check_note(d, DOCTOR_OK, "every device node is there (%zu)", n);
}

static const struct advice_major *find_major(const struct advice *advice, const char *path)
{
	for (size_t i = 0; i < advice->n_majors; i++) {
		if (fnmatch(advice->majors[i].nodes, path, FNM_PATHNAME) == 0)
			return &advice->majors[i];
	}
	return NULL;
}

/* Numbers are given out when a module is loaded: a node from before may lead elsewhere now. */
void check_node_numbers(struct doctor *d)
{
	struct node_ref_list list = collect_nodes(d);
	size_t n = 0;

	vec_foreach (const struct node_ref, ref, &list) {
		const struct advice *advice = advice_for(ref->vendor, ref->driver);
		const struct advice_major *row = find_major(advice, ref->node->path);
		uint32_t major;

		if (!row || ref->node->type != 'c' ||
			host_tree_char_major(d->tree, row->driver, &major) <= 0)
			continue;
		n++;
		if (ref->node->major == major)
			continue;
		check_note(d, DOCTOR_FAILED,
			"the device node '%s' has major number %u, its driver '%s' has %u",
			ref->node->path, ref->node->major, row->driver, major);
		check_fix(d, "remove the node and %s", advice->nodes);
	}
	if (n)
		check_note(d, DOCTOR_OK, "the dynamic numbers are those of the drivers (%zu nodes)",
			n);
	else
		check_note(d, DOCTOR_SKIPPED, "no node here has a dynamic number");
}

static bool in_group(const struct doctor_user *user, gid_t gid)
{
	if (user->gid == gid)
		return true;
	for (size_t i = 0; i < user->n_groups; i++) {
		if (user->groups[i] == gid)
			return true;
	}
	return false;
}

static bool may_open(struct doctor *d, const struct host_node *node)
{
	uint32_t wanted = 06;

	if (d->user->uid == 0)
		return true;
	/* The kernel knows of access lists too: a desktop's user gets GPUs through one. */
	if (host_tree_is_live(d->tree) && d->user->uid == geteuid())
		return faccessat(AT_FDCWD, node->host_path, R_OK | W_OK, AT_EACCESS) == 0;
	if (d->user->uid == node->uid)
		wanted <<= 6;
	else if (in_group(d->user, node->gid))
		wanted <<= 3;
	return (node->mode & wanted) == wanted;
}

/* The name in /etc/group of the machine, or NULL. */
static const char *group_name(struct doctor *d, uint32_t wanted_gid)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (host_tree_read(d->tree, "/etc/group", MAX_GROUP_FILE_BYTES, &text) < 0)
		return NULL;
	/* name:password:gid:members */
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *password = strchr(line, ':');
		char *gid = password ? strchr(password + 1, ':') : NULL;
		uint64_t value;

		if (!gid)
			continue;
		gid++;
		if (number_parse_n(gid, strcspn(gid, ":"), UINT32_MAX, &value) &&
			value == wanted_gid)
			return arena_strndup(d->arena, line, (size_t)(password - line));
	}
	return NULL;
}

static void note_no_access(struct doctor *d, const struct host_node *node)
{
	const char *group = group_name(d, node->gid);
	const char *user = d->user->name ? d->user->name : "USER";
	bool group_may = (node->mode & 060) == 060;

	check_note(d, DOCTOR_FAILED, "%s may not open '%s' (mode %04o, group %s)",
		d->user->name ? user : "this user", node->path, node->mode & 07777,
		group ? group : "without a name");
	if (group_may && group && node->gid != 0)
		check_fix(d, "usermod -aG %s %s, then log in again", group, user);
	else
		check_fix(d, "give the node a group that may use it, with a udev rule such as "
			     "GROUP=\"render\", MODE=\"0660\"");
}

void check_node_access(struct doctor *d)
{
	struct node_ref_list list = collect_nodes(d);
	size_t n = 0;

	vec_foreach (const struct node_ref, ref, &list) {
		if (!ref->node->exists || !ref->node->is_device)
			continue;
		n++;
		if (!may_open(d, ref->node))
			note_no_access(d, ref->node);
	}
	if (n)
		check_note(d, DOCTOR_OK, "%s may open every node",
			d->user->name ? d->user->name : "this user");
	else
		check_note(d, DOCTOR_SKIPPED, "there is no device node to open");
}

/* Links of device numbers: runtime/dev_char.h tells what they are for. */

bool check_runc_needs_links(const char *version)
{
	static const char *affected[] = { "1.1.3", "1.1.4", "1.1.5", "1.1.6" };
	static const char prefix[] = "runc version ";
	size_t length;

	if (strncmp(version, prefix, strlen(prefix)) != 0)
		return false;
	version += strlen(prefix);
	/* Distributions add what is theirs: "1.1.5+ds1". */
	length = strspn(version, "0123456789.");
	for (size_t i = 0; i < ELEMENTS(affected); i++) {
		if (strlen(affected[i]) == length && memcmp(version, affected[i], length) == 0)
			return true;
	}
	return false;
}

/* systemd takes numbers from the path itself since version 240. Older ones lie in these places. */
static bool has_old_systemd(struct doctor *d)
{
	static const char *directories[] = { "/usr/lib/systemd", "/lib/systemd" };

	for (size_t i = 0; i < ELEMENTS(directories); i++) {
		struct string_list names = { 0 };

		if (host_tree_list(d->tree, d->arena, directories[i], &names) < 0)
			continue;
		vec_foreach (const char *, name, &names) {
			const char *digits = *name + strlen(SYSTEMD_LIBRARY);
			uint64_t version;

			if (strncmp(*name, SYSTEMD_LIBRARY, strlen(SYSTEMD_LIBRARY)) == 0 &&
				number_parse_n(
					digits, strspn(digits, "0123456789"), UINT32_MAX, &version))
				return version < 240;
		}
	}
	return false;
}

/* Who needs the links here; NULL: nobody. */
static const char *who_needs_links(struct doctor *d)
{
	_cleanup_free_ char *runc = NULL;
	const char *version;

	if (has_old_systemd(d))
		return "systemd before version 240";
	if (!host_tree_is_live(d->tree))
		return NULL;
	runc = spawn_find_program("runc", SPAWN_SYSTEM_PATH);
	version = runc ? check_version_of(d, runc) : NULL;
	return version && check_runc_needs_links(version) ? version : NULL;
}

static bool has_link(struct doctor *d, const struct host_node *node)
{
	const char *path = arena_printf(
		d->arena, "/dev/char/%u:%u", (unsigned)node->major, (unsigned)node->minor);
	struct host_node found;

	d->out_of_memory |= !path;
	return path && host_tree_node(d->tree, d->arena, path, &found) == 0 && found.type == 'c' &&
	       found.major == node->major && found.minor == node->minor;
}

static void note_missing_links(struct doctor *d, const struct host_node *first, size_t n)
{
	const char *who = who_needs_links(d);

	if (!who) {
		check_note(d, DOCTOR_OK, "nothing here needs those that are missing (%zu)", n);
		return;
	}
	check_note(d, DOCTOR_WARNING,
		"'/dev/char/%u:%u' for '%s' is missing (%zu nodes): with %s, containers whose "
		"devices systemd guards lose the node at systemctl daemon-reload",
		first->major, first->minor, first->path, n, who);
	check_fix(d,
		"ln -sf ../%s /dev/char/%u:%u, and so for each node of the GPUs; nvbind-runtime "
		"does it when it starts a container",
		first->path + strlen("/dev/"), first->major, first->minor);
}

void check_node_links(struct doctor *d)
{
	struct node_ref_list list = collect_nodes(d);
	const struct host_node *missing = NULL;
	size_t n = 0, n_missing = 0;

	if (!host_tree_exists(d->tree, "/run/systemd/system")) {
		check_note(d, DOCTOR_SKIPPED, "systemd does not run here");
		return;
	}
	vec_foreach (const struct node_ref, ref, &list) {
		if (!ref->node->exists || ref->node->type != 'c' ||
			strncmp(ref->node->path, "/dev/", strlen("/dev/")) != 0)
			continue;
		n++;
		if (has_link(d, ref->node))
			continue;
		missing = missing ? missing : ref->node;
		n_missing++;
	}
	if (missing)
		note_missing_links(d, missing, n_missing);
	else if (n)
		check_note(d, DOCTOR_OK, "every node has a link in '/dev/char' (%zu)", n);
}
