/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/registry.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "cdi/document.h"

#define FILE_LIMIT    1024 /* in one directory */
#define MESSAGE_BYTES 4096
#define SHOWN_DEVICES 8

/* Source: pkg/cdi/spec-dirs.go of cncf-tags/container-device-interface. */
static const char *const system_directories[] = { "/etc/cdi", "/var/run/cdi" };

int cdi_default_directories(struct arena *a, struct string_list *ret, struct nvb_error **err)
{
	const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
	struct string_list list = { 0 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTS(system_directories); i++)
		r = string_list_add(a, &list, system_directories[i]);
	if (r >= 0 && geteuid() != 0) {
		if (config && config[0] == '/')
			r = string_list_printf(a, &list, "%s/cdi", config);
		else if (home && home[0] == '/')
			r = string_list_printf(a, &list, "%s/.config/cdi", home);
	}
	if (r < 0)
		return NVB_OOM(err);
	*ret = list;
	return 0;
}

/* Below a host root, /var/run is a link that means that root's own /run. */
int cdi_host_directories(const struct host_tree *host, struct arena *a, struct string_list *ret,
	struct nvb_error **err)
{
	struct string_list list = { 0 };

	if (host_tree_is_live(host))
		return cdi_default_directories(a, ret, err);
	for (size_t i = 0; i < ELEMENTS(system_directories); i++) {
		_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
		int r = path_resolve_in(host->root_fd, system_directories[i], &resolved);

		if (r == -ENOMEM)
			return NVB_OOM(err);
		if (string_list_printf(a, &list, "%s%s", host->prefix,
			    r < 0 ? system_directories[i] : resolved.path) < 0)
			return NVB_OOM(err);
	}
	*ret = list;
	return 0;
}

/* Reading. */

/* A definition of a device: candidates for cdi_registry.devices. */
struct candidate {
	struct cdi_found found;
	size_t directory, order;
};

struct candidate_list VEC(struct candidate);

struct builder {
	struct cdi_registry *registry;
	struct candidate_list candidates;
	size_t directory; /* that is read now */
	struct nvb_error **err;
};

static int add_problem(struct builder *b, const char *path, const char *message)
{
	struct arena *a = b->registry->arena;
	struct cdi_problem *slot = vec_push(a, &b->registry->problems);

	if (!slot)
		return NVB_OOM(b->err);
	slot->path = arena_strdup(a, path);
	slot->message = arena_strdup(a, message);
	return slot->path && slot->message ? 0 : NVB_OOM(b->err);
}

static int add_devices(struct builder *b, const struct cdi_spec *spec)
{
	struct arena *a = b->registry->arena;

	vec_foreach (struct cdi_device, device, &spec->devices) {
		struct candidate *c = vec_push(a, &b->candidates);
		const char *name =
			arena_printf(a, "%s/%s=%s", spec->vendor, spec->class_name, device->name);

		if (!c || !name)
			return NVB_OOM(b->err);
		c->found = (struct cdi_found){ .name = name, .spec = spec, .device = device };
		c->directory = b->directory;
		c->order = b->candidates.n;
	}
	return 0;
}

static int read_file(struct builder *b, int dir_fd, const char *name, const char *path)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct cdi_spec **slot;

	if (cdi_document_read(dir_fd, name, path, &spec, &problem) < 0) {
		/* A file that went away since the directory was read is no problem. */
		if (nvb_error_status(problem) == NVB_ERR_NOT_FOUND)
			return 0;
		if (nvb_error_status(problem) == NVB_ERR_NO_MEMORY)
			return NVB_OOM(b->err);
		return add_problem(b, path, nvb_error_message(problem));
	}
	slot = vec_push(b->registry->arena, &b->registry->specs);
	if (!slot)
		return NVB_OOM(b->err);
	*slot = TAKE_PTR(spec);
	return add_devices(b, *slot);
}

static int by_text(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Names of the files to read, sorted. */
static int list_names(struct builder *b, DIR *dir, const char *path, struct string_list *ret)
{
	enum cdi_format format;
	const struct dirent *entry;

	errno = 0;
	while ((entry = readdir(dir))) {
		struct stat st;

		if (!cdi_format_of_path(entry->d_name, &format))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(st.st_mode))
			continue;
		if (ret->n == FILE_LIMIT)
			return add_problem(b, path, "too many files; the rest is not read");
		if (string_list_add(b->registry->arena, ret, entry->d_name) < 0)
			return NVB_OOM(b->err);
		errno = 0;
	}
	if (errno)
		return add_problem(b, path, strerror(errno));
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), by_text);
	return 0;
}

static int read_directory(struct builder *b, const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct string_list names = { 0 };
	int r;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return add_problem(b, path, strerror(errno));
	r = list_names(b, dir, path, &names);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		const char *file = arena_printf(b->registry->arena, "%s/%s", path, names.items[i]);

		r = file ? read_file(b, dirfd(dir), names.items[i], file) : NVB_OOM(b->err);
	}
	return r;
}

/* Choosing. */

/* By name; for one name, the one that wins comes first. */
static int by_precedence(const void *left, const void *right)
{
	const struct candidate *l = left, *r = right;
	int order = strcmp(l->found.name, r->found.name);

	if (order)
		return order;
	if (l->directory != r->directory)
		return l->directory > r->directory ? -1 : 1;
	return l->order < r->order ? -1 : l->order > r->order;
}

static int choose(struct builder *b, const struct candidate *first, const struct candidate *second)
{
	struct cdi_registry *registry = b->registry;
	struct cdi_conflict *conflict;
	struct cdi_found *found;

	if (second && second->directory == first->directory) {
		conflict = vec_push(registry->arena, &registry->conflicts);
		if (!conflict)
			return NVB_OOM(b->err);
		*conflict = (struct cdi_conflict){ first->found.name, first->found.spec->path,
			second->found.spec->path };
		return 0;
	}
	found = vec_push(registry->arena, &registry->devices);
	if (!found)
		return NVB_OOM(b->err);
	*found = first->found;
	return 0;
}

static int choose_devices(struct builder *b)
{
	const struct candidate_list *all = &b->candidates;
	int r = 0;

	if (all->n)
		qsort(all->items, all->n, sizeof(*all->items), by_precedence);
	for (size_t i = 0, next; r >= 0 && i < all->n; i = next) {
		for (next = i + 1; next < all->n; next++)
			if (strcmp(all->items[next].found.name, all->items[i].found.name) != 0)
				break;
		r = choose(b, &all->items[i], next > i + 1 ? &all->items[i + 1] : NULL);
	}
	return r;
}

void cdi_registry_free(struct cdi_registry *registry)
{
	if (!registry)
		return;
	vec_foreach (struct cdi_spec *, spec, &registry->specs)
		cdi_spec_free(*spec);
	arena_free(registry->arena);
}

static struct cdi_registry *new_registry(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct cdi_registry *registry = a ? arena_new_object(a, struct cdi_registry) : NULL;

	if (registry)
		registry->arena = TAKE_PTR(a);
	return registry;
}

int cdi_registry_read(
	const struct string_list *directories, struct cdi_registry **ret, struct nvb_error **err)
{
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = new_registry();
	struct builder b = { .registry = registry, .err = err };
	int r = 0;

	if (!registry)
		return NVB_OOM(err);
	for (; r >= 0 && b.directory < directories->n; b.directory++) {
		r = string_list_add(
			registry->arena, &registry->directories, directories->items[b.directory]);
		r = r < 0 ? NVB_OOM(err) : read_directory(&b, directories->items[b.directory]);
	}
	if (r >= 0)
		r = choose_devices(&b);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read the CDI specifications");
	*ret = TAKE_PTR(registry);
	return 0;
}

/* Resolving. */

static int by_name(const void *name, const void *item)
{
	return strcmp(name, ((const struct cdi_found *)item)->name);
}

static const struct cdi_found *find(const struct cdi_registry *registry, const char *name)
{
	if (!registry->devices.n)
		return NULL;
	return bsearch(name, registry->devices.items, registry->devices.n,
		sizeof(*registry->devices.items), by_name);
}

static void explain(const struct cdi_registry *registry, const char *name, struct strbuf *out)
{
	const char *class_name, *device;
	size_t vendor_length, class_length;

	strbuf_str_add(out, out->length ? "; '" : "'");
	strbuf_escaped_add(out, name, 256);
	strbuf_str_add(out, "' ");
	if (!cdi_split_qualified(name, &vendor_length, &class_name, &class_length, &device)) {
		strbuf_str_add(out, "is not of the form VENDOR/CLASS=DEVICE");
		return;
	}
	vec_foreach (struct cdi_conflict, conflict, &registry->conflicts) {
		if (strcmp(conflict->name, name) != 0)
			continue;
		strbuf_printf(out, "is defined twice, by '%s' and '%s'", conflict->path,
			conflict->other_path);
		return;
	}
	strbuf_str_add(out, "is not defined");
}

static void add_known(const struct cdi_registry *registry, struct strbuf *out)
{
	size_t n = 0;

	if (!registry->devices.n) {
		strbuf_str_add(out, "no device is defined in ");
		vec_foreach (const char *, directory, &registry->directories)
			strbuf_printf(out, "%s%s", n++ ? ", " : "", *directory);
		strbuf_str_add(out, "; 'nvbind cdi generate' writes a specification");
		return;
	}
	strbuf_str_add(out, "known are ");
	vec_foreach (struct cdi_found, found, &registry->devices) {
		if (n == SHOWN_DEVICES) {
			strbuf_printf(out, " and %zu more", registry->devices.n - n);
			break;
		}
		strbuf_printf(out, "%s%s", n++ ? ", " : "", found->name);
	}
}

static int raise_unresolved(
	const struct cdi_registry *registry, const struct strbuf *why, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf hint = STRBUF_INIT(MESSAGE_BYTES);
	int r = NVB_RAISE(err, NVB_ERR_NO_GPU, 0, "resolve CDI devices: %s", strbuf_str(why));

	add_known(registry, &hint);
	if (registry->problems.n)
		strbuf_printf(&hint, "; '%s' cannot be used: 'nvbind cdi validate' tells why",
			registry->problems.items[0].path);
	return NVB_HINT(err, r, "%s", strbuf_str(&hint));
}

static bool is_listed(const struct cdi_found_list *list, const struct cdi_found *found)
{
	vec_foreach (struct cdi_found, item, list)
		if (item->device == found->device)
			return true;
	return false;
}

int cdi_registry_resolve(const struct cdi_registry *registry, const struct string_list *names,
	struct arena *a, struct cdi_found_list *ret, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf why = STRBUF_INIT(MESSAGE_BYTES);
	struct cdi_found_list list = { 0 };

	vec_foreach (const char *, name, names) {
		const struct cdi_found *found = find(registry, *name);
		struct cdi_found *slot;

		if (!found) {
			explain(registry, *name, &why);
			continue;
		}
		if (is_listed(&list, found))
			continue;
		slot = vec_push(a, &list);
		if (!slot)
			return NVB_OOM(err);
		*slot = *found;
	}
	if (why.length || strbuf_failed(&why))
		return raise_unresolved(registry, &why, err);
	*ret = list;
	return 0;
}
