/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of device nodes: are they there, do they lead to the driver, may the user open them. */
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>

#include "base/number.h"
#include "doctor/advice.h"
#include "doctor/check.h"

#define MAX_GROUP_FILE_BYTES (1 << 20)

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
