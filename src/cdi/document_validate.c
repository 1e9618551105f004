/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that need more than types.
 * Source: pkg/cdi/{spec,device,container-edits}.go of cncf-tags/container-device-interface 1.1.0.
 * Stricter, as SPEC.md says: paths are absolute, and a hook's timeout is positive.
 */
#include <string.h>

#include "cdi/document.h"
#include "cdi/document_check.h"
#include "cdi/document_fields.h"

#define CLOS_LIMIT 4096

struct rules {
	struct cdi_check *check;
	struct nvb_error **err;
};

/* '%s' in a message: text of others, cut to a length that fits. */
#define SHOWN "'%.128s'"

static bool is_empty(const char *text)
{
	return !text || !text[0];
}

/* Unique names. */

struct named {
	const char *name;
	size_t index;
};

static int by_name(const void *left, const void *right)
{
	const struct named *l = left, *r = right;
	int order = strcmp(l->name, r->name);

	if (order)
		return order;
	return l->index < r->index ? -1 : l->index > r->index;
}

/* The first item that repeats an earlier one, of `n` sorted ones; NULL: none. */
static const struct named *find_repeated(struct named *items, size_t n, size_t *ret_first)
{
	const struct named *found = NULL;
	size_t first = 0;

	if (n)
		qsort(items, n, sizeof(*items), by_name);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(items[first].name, items[i].name) != 0) {
			first = i;
		} else if (!found || items[i].index < found->index) {
			found = &items[i];
			*ret_first = items[first].index;
		}
	}
	return found;
}

/* `name_of` finds the name in an item of `type_size_bytes`. */
static int check_unique(const struct rules *rules, const struct json_at *at, const char *key,
	const void *items, size_t n, size_t item_size_bytes, size_t name_offset)
{
	_cleanup_free_ struct named *all = calloc(n ? n : 1, sizeof(*all));
	struct json_at item = { .parent = at };
	const struct named *repeated;
	size_t first = 0;

	if (!all)
		return NVB_OOM(rules->err);
	for (size_t i = 0; i < n; i++)
		all[i] = (struct named){
			.name = *(const char *const *)((const char *)items + i * item_size_bytes +
						       name_offset),
			.index = i,
		};
	repeated = find_repeated(all, n, &first);
	if (!repeated)
		return 0;
	item.index = repeated->index;
	return cdi_refuse(rules->check, &item, key, rules->err, "unique: item %zu is " SHOWN " too",
		first, repeated->name);
}

/* Edits. */

static int check_absolute(
	const struct rules *rules, const struct json_at *at, const char *key, const char *path)
{
	if (!is_empty(path) && path[0] == '/')
		return 0;
	return cdi_refuse(rules->check, at, key, rules->err, "an absolute path%s",
		path ? "" : ", and it is missing");
}

static int check_env(
	const struct rules *rules, const struct json_at *parent, const struct string_list *env)
{
	const struct json_at at = { .parent = parent, .key = "env" };

	for (size_t i = 0; i < env->n; i++) {
		const struct json_at item = { .parent = &at, .index = i };
		const char *equals = strchr(env->items[i], '=');

		if (!equals || equals == env->items[i])
			return cdi_refuse(rules->check, &item, NULL, rules->err,
				"NAME=VALUE, not " SHOWN, env->items[i]);
	}
	return 0;
}

static int check_number(const struct rules *rules, const struct json_at *at, const char *key,
	bool has_value, int64_t value)
{
	if (!has_value || (value >= 0 && value <= UINT32_MAX))
		return 0;
	return cdi_refuse(rules->check, at, key, rules->err, "an integer from 0 to 4294967295");
}

static int check_node(
	const struct rules *rules, const struct json_at *at, const struct cdi_device_node *node)
{
	const char *type = node->type ? node->type : "";
	const char *permissions = node->permissions ? node->permissions : "";
	int r = check_absolute(rules, at, "path", node->path);

	if (r >= 0 && !is_empty(node->host_path))
		r = check_absolute(rules, at, "hostPath", node->host_path);
	if (r >= 0 && type[0] && (type[1] || !strchr("bcup", type[0])))
		r = cdi_refuse(rules->check, at, "type", rules->err,
			"one of b, c, u and p, not " SHOWN, type);
	if (r >= 0 && strcmp(permissions, "none") != 0 && permissions[strspn(permissions, "rwm")])
		r = cdi_refuse(rules->check, at, "permissions", rules->err,
			"of the letters r, w and m, or 'none', not " SHOWN, permissions);
	if (r >= 0)
		r = check_number(rules, at, "major", node->has_major, node->major);
	if (r >= 0)
		r = check_number(rules, at, "minor", node->has_minor, node->minor);
	return r;
}

/* The source of any other file system is a name of its own, as in "tmpfs". */
static int check_mount(
	const struct rules *rules, const struct json_at *at, const struct cdi_mount *mount)
{
	int r = 0;

	if (cdi_mount_is_bind(mount))
		r = check_absolute(rules, at, "hostPath", mount->host_path);
	else if (is_empty(mount->host_path))
		r = cdi_refuse(rules->check, at, "hostPath", rules->err, "given");
	return r < 0 ? r : check_absolute(rules, at, "containerPath", mount->container_path);
}

static int check_hook(
	const struct rules *rules, const struct json_at *at, const struct cdi_hook *hook)
{
	static const char *const names[] = { "prestart", "createRuntime", "createContainer",
		"startContainer", "poststart", "poststop" };
	size_t i = 0;
	int r;

	while (i < ELEMENTS(names) && (!hook->name || strcmp(hook->name, names[i]) != 0))
		i++;
	if (i == ELEMENTS(names))
		return cdi_refuse(rules->check, at, "hookName", rules->err,
			"one of prestart, createRuntime, createContainer, startContainer, "
			"poststart and poststop");
	r = check_absolute(rules, at, "path", hook->path);
	if (r >= 0)
		r = check_env(rules, at, &hook->env);
	if (r >= 0 && hook->has_timeout && hook->timeout_s <= 0)
		r = cdi_refuse(rules->check, at, "timeout", rules->err, "positive");
	return r;
}

static int check_net_devices(const struct rules *rules, const struct json_at *parent,
	const struct cdi_net_device_list *devices)
{
	const struct json_at at = { .parent = parent, .key = "netDevices" };
	int r;

	for (size_t i = 0; i < devices->n; i++) {
		const struct json_at item = { .parent = &at, .index = i };
		const struct cdi_net_device *device = &devices->items[i];

		if (is_empty(device->host_interface_name))
			return cdi_refuse(
				rules->check, &item, "hostInterfaceName", rules->err, "given");
		if (is_empty(device->name))
			return cdi_refuse(rules->check, &item, "name", rules->err, "given");
	}
	r = check_unique(rules, &at, "hostInterfaceName", devices->items, devices->n,
		sizeof(*devices->items), offsetof(struct cdi_net_device, host_interface_name));
	return r < 0 ? r
		     : check_unique(rules, &at, "name", devices->items, devices->n,
			       sizeof(*devices->items), offsetof(struct cdi_net_device, name));
}

/* It names a directory of resctrl; "/" is the root. */
static int check_rdt(
	const struct rules *rules, const struct json_at *parent, const struct cdi_intel_rdt *rdt)
{
	const struct json_at at = { .parent = parent, .key = "intelRdt" };
	const char *id = rdt && rdt->clos_id ? rdt->clos_id : "";

	if (strcmp(id, "/") == 0 || (strlen(id) < CLOS_LIMIT && strcmp(id, ".") != 0 &&
					    strcmp(id, "..") != 0 && !strpbrk(id, "/\n")))
		return 0;
	return cdi_refuse(rules->check, &at, "closID", rules->err, "a file name, or '/'");
}

/* Checks each item of `edits->member`; `at_item` is its place. */
#define CHECK_EACH(member, key_text, check_item)                                                   \
	do {                                                                                       \
		const struct json_at list = { .parent = at, .key = (key_text) };                   \
                                                                                                   \
		for (size_t i = 0; r >= 0 && i < edits->member.n; i++) {                           \
			const struct json_at item = { .parent = &list, .index = i };               \
                                                                                                   \
			r = check_item(rules, &item, &edits->member.items[i]);                     \
		}                                                                                  \
	} while (0)

static int check_edits(
	const struct rules *rules, const struct json_at *at, const struct cdi_edits *edits)
{
	int r = check_env(rules, at, &edits->env);

	CHECK_EACH(device_nodes, "deviceNodes", check_node);
	CHECK_EACH(hooks, "hooks", check_hook);
	CHECK_EACH(mounts, "mounts", check_mount);
	if (r >= 0)
		r = check_rdt(rules, at, edits->intel_rdt);
	return r < 0 ? r : check_net_devices(rules, at, &edits->net_devices);
}

/* The document. */

static int check_version(
	const struct rules *rules, const struct json_at *root, const struct cdi_spec *spec)
{
	const char *needed = cdi_spec_minimum_version(spec);
	enum cdi_version declared, lowest;

	if (!spec->version || !cdi_version_parse(spec->version, &declared))
		return cdi_refuse(rules->check, root, "cdiVersion", rules->err,
			"a known version of the format, 0.1.0 to 1.1.0");
	if (!cdi_version_parse(needed, &lowest) || declared >= lowest ||
		lowest == CDI_VERSION_0_3_0)
		return 0;
	return cdi_refuse(rules->check, root, "cdiVersion", rules->err,
		"at least %s, which brought what is used here; it is %s", needed,
		cdi_version_name(declared));
}

static int check_kind(
	const struct rules *rules, const struct json_at *root, const struct cdi_spec *spec)
{
	const char *kind = spec->kind ? spec->kind : "";
	const char *slash = strchr(kind, '/');

	if (slash && cdi_is_vendor(kind, (size_t)(slash - kind)) &&
		cdi_is_class(slash + 1, strlen(slash + 1)))
		return 0;
	return cdi_refuse(rules->check, root, "kind", rules->err, "VENDOR/CLASS, not " SHOWN, kind);
}

static int check_device(
	const struct rules *rules, const struct json_at *at, const struct cdi_device *device)
{
	const struct json_at edits = { .parent = at, .key = "containerEdits" };
	int r;

	if (is_empty(device->name) || !cdi_is_device_name(device->name))
		return cdi_refuse(rules->check, at, "name", rules->err,
			"of letters, digits and '_-.:', a letter or digit at both ends, not " SHOWN,
			device->name ? device->name : "");
	r = cdi_check_annotations(rules->check, at, &device->annotations, rules->err);
	if (r >= 0 && cdi_edits_are_empty(&device->edits))
		r = cdi_refuse(rules->check, at, "containerEdits", rules->err, "not empty");
	return r < 0 ? r : check_edits(rules, &edits, &device->edits);
}

int cdi_check_spec(struct cdi_check *check, const struct cdi_spec *spec, struct nvb_error **err)
{
	const struct rules rules = { .check = check, .err = err };
	const struct json_at root = { 0 };
	const struct json_at edits = { .parent = &root, .key = "containerEdits" };
	const struct json_at devices = { .parent = &root, .key = "devices" };
	int r = check_version(&rules, &root, spec);

	if (r >= 0)
		r = check_kind(&rules, &root, spec);
	if (r >= 0)
		r = cdi_check_annotations(check, &root, &spec->annotations, err);
	if (r >= 0)
		r = check_edits(&rules, &edits, &spec->edits);
	if (r >= 0 && !spec->devices.n)
		r = cdi_refuse(check, &root, "devices", err, "a list of at least one device");
	for (size_t i = 0; r >= 0 && i < spec->devices.n; i++) {
		const struct json_at item = { .parent = &devices, .index = i };

		r = check_device(&rules, &item, &spec->devices.items[i]);
	}
	if (r < 0)
		return r;
	return check_unique(&rules, &devices, "name", spec->devices.items, spec->devices.n,
		sizeof(*spec->devices.items), offsetof(struct cdi_device, name));
}

int cdi_spec_validate(const struct cdi_spec *spec, struct nvb_error **err)
{
	struct cdi_check check = { 0 };

	return cdi_check_spec(&check, spec, err);
}
