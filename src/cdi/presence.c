/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/presence.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define FIELD_BYTES 256

struct search {
	const struct host_tree *tree;
	const char *driver_version;
	struct arena *arena;
	struct cdi_finding_list findings;
	bool is_foreign_version; /* it is said once */
	bool out_of_memory;
};

/* Where an edit stands: "devices[3].", or "". */
struct place {
	struct search *search;
	const char *owner;
	const char *list;
	size_t index;
};

static bool is_known(const struct search *s, const char *message)
{
	vec_foreach (struct cdi_finding, f, &s->findings)
		if (strcmp(f->message, message) == 0)
			return true;
	return false;
}

static void __attribute__((format(printf, 3, 4)))
add_finding(const struct place *at, const char *key, const char *format, ...)
{
	struct search *s = at->search;
	char message[4096 + FIELD_BYTES];
	struct cdi_finding *slot;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (s->findings.n == CDI_FINDING_LIMIT || is_known(s, message))
		return;
	slot = vec_push(s->arena, &s->findings);
	if (!slot) {
		s->out_of_memory = true;
		return;
	}
	slot->field = arena_printf(
		s->arena, "%scontainerEdits.%s[%zu].%s", at->owner, at->list, at->index, key);
	slot->message = arena_strdup(s->arena, message);
	s->out_of_memory |= !slot->field || !slot->message;
}

/* A path as the machine itself has it. */
static const char *inside(const struct search *s, const char *path)
{
	const size_t length = strlen(s->tree->prefix);

	return length && path_is_below(path, s->tree->prefix) && path[length] ? path + length
									      : path;
}

static void look_for_node(const struct place *at, const struct cdi_device_node *node)
{
	const bool has_host_path = node->host_path && node->host_path[0];
	const char *path = has_host_path ? node->host_path : node->path;
	const char *key = has_host_path ? "hostPath" : "path";
	struct host_node found;
	errint_t e = host_tree_node(
		at->search->tree, at->search->arena, inside(at->search, path), &found);

	if (e < 0) {
		add_finding(at, key, "the node '%s' cannot be looked at: %s", path, strerror(-e));
		return;
	}
	if (!found.exists || (!found.is_device && host_tree_is_live(at->search->tree))) {
		add_finding(at, key, "the node '%s' %s", path,
			found.exists ? "is no device node" : "does not exist");
		return;
	}
	if (!found.type || !(node->has_major || node->has_minor))
		return;
	if ((node->has_major && node->major != found.major) ||
		(node->has_minor && node->minor != found.minor))
		add_finding(at, node->has_minor ? "minor" : "major",
			"the node '%s' has the numbers %u:%u, not %lld:%lld", path, found.major,
			found.minor, (long long)node->major, (long long)node->minor);
	else if (node->type && node->type[0] && node->type[0] != 'u' && node->type[0] != found.type)
		add_finding(at, "type", "the node '%s' is of the type '%c', not '%s'", path,
			found.type, node->type);
}

/*
 * The version in the name of a driver's file: that of a library behind ".so.", that of firmware
 * as the folder below "nvidia". 0 where there is none. A driver version has two or three
 * numbers, and the first three digits at least; a library's own version begins lower.
 */
static size_t version_in(const char *path, const char **ret_version)
{
	const char *base = path_base_name(path), *suffix = strstr(base, ".so.");
	const char *folder = strstr(path, "/nvidia/");
	const char *version = suffix && (strstr(base, "nvidia") || strncmp(base, "libcuda", 7) == 0)
				      ? suffix + 4
			      : !suffix && folder ? folder + 8
						  : "";
	size_t length = strspn(version, "0123456789"), parts = 1;

	if (length < 3)
		return 0;
	while (version[length] == '.' && strspn(version + length + 1, "0123456789")) {
		length += 1 + strspn(version + length + 1, "0123456789");
		parts++;
	}
	*ret_version = version;
	return parts >= 2 && (!version[length] || version[length] == '/') ? length : 0;
}

static void compare_version(const struct place *at, const char *path)
{
	const char *running = at->search->driver_version, *version = "";
	const size_t length = running ? version_in(path, &version) : 0;

	if (!length || at->search->is_foreign_version ||
		(strlen(running) == length && memcmp(running, version, length) == 0))
		return;
	add_finding(at, "hostPath", "'%s' is of the driver %.*s, but %s runs", path, (int)length,
		version, running);
	at->search->is_foreign_version = true;
}

static void look_for_mount(const struct place *at, const struct cdi_mount *mount)
{
	if (!cdi_mount_is_bind(mount))
		return;
	if (!host_tree_exists(at->search->tree, inside(at->search, mount->host_path)))
		add_finding(at, "hostPath", "'%s' does not exist", mount->host_path);
	compare_version(at, mount->host_path);
}

/* A hook is a program of the machine that runs containers, whose tree may only be simulated. */
static void look_for_hook(const struct place *at, const struct cdi_hook *hook)
{
	struct stat st;

	if (!host_tree_exists(at->search->tree, inside(at->search, hook->path)) &&
		stat(hook->path, &st) < 0)
		add_finding(at, "path", "the hook '%s' does not exist", hook->path);
}

static void look_for_edits(struct search *s, const char *owner, const struct cdi_edits *edits)
{
	struct place at = { .search = s, .owner = owner };

	at.list = "deviceNodes";
	for (at.index = 0; at.index < edits->device_nodes.n; at.index++)
		look_for_node(&at, &edits->device_nodes.items[at.index]);
	at.list = "mounts";
	for (at.index = 0; at.index < edits->mounts.n; at.index++)
		look_for_mount(&at, &edits->mounts.items[at.index]);
	at.list = "hooks";
	for (at.index = 0; at.index < edits->hooks.n; at.index++)
		look_for_hook(&at, &edits->hooks.items[at.index]);
}

int cdi_spec_find_missing(const struct cdi_spec *spec, const struct host_tree *tree,
	const char *driver_version, struct arena *a, struct cdi_finding_list *ret,
	struct nvb_error **err)
{
	struct search s = { .tree = tree, .driver_version = driver_version, .arena = a };

	look_for_edits(&s, "", &spec->edits);
	for (size_t i = 0; i < spec->devices.n && s.findings.n < CDI_FINDING_LIMIT; i++) {
		char owner[FIELD_BYTES];

		(void)snprintf(owner, sizeof(owner), "devices[%zu].", i);
		look_for_edits(&s, owner, &spec->devices.items[i].edits);
	}
	if (s.out_of_memory)
		return NVB_OOM(err);
	*ret = s.findings;
	return 0;
}

const char *cdi_spec_driver_version(const struct cdi_spec *spec, const struct inventory *inv)
{
	vec_foreach (const struct gpu_driver, driver, &inv->drivers) {
		const char *vendor = gpu_vendor_name(driver->vendor);
		const char *at = strstr(spec->vendor, vendor);

		/* "nvidia.com", "management.nvidia.com" */
		if (at && (at == spec->vendor || at[-1] == '.') && at[strlen(vendor)] == '.')
			return driver->version;
	}
	return NULL;
}
