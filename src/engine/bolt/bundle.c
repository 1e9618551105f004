/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/bundle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "engine/bolt/layer.h"
#include "engine/bolt/session_files.h"
#include "oci/config.h"

#define SMALL_FILE_LIMIT_BYTES ((size_t)1 << 20)

/* A bundle while it is written. */
struct writer {
	const struct bundle *in;
	struct arena *a;
	int files_fd;
	struct layer layer;
	struct plan_mount_list files;	/* small files that the layer cannot hold */
	struct plan_mount_list mounts;	/* the plan's, destinations resolved */
	struct string_list directories; /* those that a mount of the driver's covers */
};

static int source_is_directory(const char *source, bool *ret, struct nvb_error **err)
{
	struct stat st;

	if (stat(source, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "mount '%s'", source);
	*ret = S_ISDIR(st.st_mode);
	return 0;
}

/* Resolves a mount's destination, makes its place, and appends it to `list`. */
static int add_mount(struct writer *w, const struct plan_mount *mount, struct plan_mount_list *list,
	struct nvb_error **err)
{
	struct plan_mount *added = vec_push(w->a, list);
	/* A file system of another type (a CDI spec's tmpfs) has no source to look at. */
	bool is_directory = mount->type != NULL;
	int r = 0;

	if (!added)
		return NVB_OOM(err);
	*added = *mount;
	if (!mount->type)
		r = source_is_directory(mount->source, &is_directory, err);
	if (r >= 0 && is_directory && !mount->is_volume &&
		string_list_add(w->a, &w->directories, added->destination) < 0)
		return NVB_OOM(err);
	return r < 0 ? r : layer_add_place(&w->layer, added->destination, is_directory, err);
}

/* False: it cannot be, and the container starts without what it would have kept. */
static bool make_source(const struct writer *w, const struct plan_mount *mount)
{
	const struct container_user *user = w->in->user;
	errint_t e = session_files_make_directory(mount->source, user->uid, user->gid);

	if (e < 0)
		log_warning("make '%s': %s: nothing is kept for the next run", mount->source,
			e == -EPERM ? "another user owns it, or may change the way to it"
				    : strerror(-e));
	return e >= 0;
}

/*
 * As XDG_RUNTIME_DIR must be: his, and closed to others. runc gives a tmpfs the mode of the place
 * that it is mounted on, whatever the options say.
 */
static int give_to_user(struct writer *w, struct plan_mount *mount, struct nvb_error **err)
{
	const struct container_user *user = w->in->user;
	struct string_list options = { 0 };
	int r = 0;

	vec_foreach (const char *, option, &mount->options)
		if (r >= 0)
			r = string_list_add(w->a, &options, *option);
	if (r >= 0)
		r = string_list_add(w->a, &options, "mode=0700");
	if (r >= 0)
		r = string_list_printf(w->a, &options, "uid=%u", user->uid);
	if (r >= 0)
		r = string_list_printf(w->a, &options, "gid=%u", user->gid);
	mount->options = options;
	return r < 0 ? NVB_OOM(err) : 0;
}

/* The last component of a driver file may be a link of the image: our file takes its place. */
static int add_plan_mounts(
	struct writer *w, bool volumes, struct plan_mount_list *list, struct nvb_error **err)
{
	vec_foreach (struct plan_mount, m, &w->in->plan->mounts) {
		struct plan_mount mount = *m;
		int r = 0;

		if (m->is_volume != volumes || (m->make_source && !make_source(w, m)))
			continue;
		if (m->is_volume)
			r = layer_resolve(&w->layer, w->a, m->destination, &mount.destination, err);
		if (r >= 0 && m->owned_by_user)
			r = give_to_user(w, &mount, err);
		if (r >= 0)
			r = add_mount(w, &mount, list, err);
		if (r >= 0 && m->owned_by_user)
			(void)!fchmodat(w->layer.upper_fd, mount.destination + 1, 0700, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A directory of the driver's would hide a link in the layer below it; a mount comes after it. */
static bool is_covered(const struct writer *w, const char *path)
{
	vec_foreach (const char *, directory, &w->directories)
		if (path_is_below(path, *directory))
			return true;
	return false;
}

static int add_links(struct writer *w, struct nvb_error **err)
{
	vec_foreach (struct plan_link, link, &w->in->plan->links) {
		struct plan_mount mount;
		int r = 0;

		if (!is_covered(w, link->path))
			r = layer_add_link(&w->layer, link->path, link->text, err);
		if (r == 0) {
			mount = plan_link_mount(link);
			r = add_mount(w, &mount, &w->mounts, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Without a cookie the server may still know the container's user. */
static int add_cookie(struct writer *w, struct nvb_error **err)
{
	static const char *const options[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
	static const char name[] = "Xauthority";
	const struct plan_x11 *x11 = w->in->plan->x11;
	struct plan_mount mount = { .source = NULL };
	errint_t e;
	int r;

	if (!x11 || !x11->authority)
		return 0;
	e = session_files_write_cookie(x11, w->files_fd, name, w->in->user->uid, w->in->user->gid);
	if (e <= 0) {
		log_warning("find the cookie of display '%s' in '%s': %s", x11->display,
			x11->authority, e < 0 ? strerror(-e) : "it has none");
		return 0;
	}
	mount.source = arena_printf(w->a, "%s/%s", w->in->capsule->path, name);
	if (!mount.source)
		return NVB_OOM(err);
	for (size_t i = 0; i < ELEMENTS(options); i++)
		if (string_list_add(w->a, &mount.options, options[i]) < 0)
			return NVB_OOM(err);
	r = layer_resolve(&w->layer, w->a, x11->destination, &mount.destination, err);
	return r < 0 ? r : add_mount(w, &mount, &w->mounts, err);
}

/*
 * The user's volumes have their places before any link, and are mounted last; the cookie goes into
 * a directory that is one of those mounts.
 */
static int add_plan(struct writer *w, struct nvb_error **err)
{
	struct plan_mount_list volumes = { 0 };
	int r;

	r = add_plan_mounts(w, true, &volumes, err);
	if (r >= 0)
		r = add_plan_mounts(w, false, &w->mounts, err);
	if (r >= 0)
		r = add_links(w, err);
	for (size_t i = 0; r >= 0 && i < volumes.n; i++) {
		struct plan_mount *slot = vec_push(w->a, &w->mounts);

		if (!slot)
			return NVB_OOM(err);
		*slot = volumes.items[i];
	}
	return r < 0 ? r : add_cookie(w, err);
}

/* Where the image has a link to a file system that the low-level runtime mounts. */
static int mount_small_file(struct writer *w, const char *name, const char *text,
	const char *destination, struct nvb_error **err)
{
	static const char *const options[] = { "bind", "nosuid", "nodev" };
	struct plan_mount mount = { .destination = destination };
	errint_t e;

	e = file_replace_at(w->files_fd, name, text, strlen(text), 0644);
	if (e < 0)
		return NVB_RAISE(
			err, NVB_ERR_ENGINE, -e, "write '%s/%s'", w->in->capsule->path, name);
	mount.source = arena_printf(w->a, "%s/%s", w->in->capsule->path, name);
	if (!mount.source)
		return NVB_OOM(err);
	for (size_t i = 0; i < ELEMENTS(options); i++)
		if (string_list_add(w->a, &mount.options, options[i]) < 0)
			return NVB_OOM(err);
	return add_mount(w, &mount, &w->files, err);
}

/* A file of the layer costs a start less than a mount, and the container may replace it. */
static int add_small_file(struct writer *w, const char *name, const char *text,
	const char *destination, struct nvb_error **err)
{
	const char *resolved;
	int r;

	r = layer_resolve(&w->layer, w->a, destination, &resolved, err);
	if (r >= 0)
		r = layer_add_file(&w->layer, resolved, text, err);
	return r == 0 ? mount_small_file(w, name, text, resolved, err) : r;
}

static int add_hosts(struct writer *w, struct nvb_error **err)
{
	_cleanup_free_ char *hosts = NULL;
	const char *text;

	if (w->in->options->network == NETWORK_HOST &&
		file_read_path("/etc/hosts", SMALL_FILE_LIMIT_BYTES, &hosts, NULL) < 0)
		hosts = NULL;
	text = arena_printf(w->a, "%s\n127.0.1.1 %s\n",
		hosts ? hosts : "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback",
		w->in->hostname);
	return text ? add_small_file(w, "hosts", text, "/etc/hosts", err) : NVB_OOM(err);
}

static int add_resolv_conf(struct writer *w, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;

	if (w->in->options->network != NETWORK_HOST ||
		file_read_path("/etc/resolv.conf", SMALL_FILE_LIMIT_BYTES, &text, NULL) < 0)
		return 0;
	return add_small_file(w, "resolv.conf", text, "/etc/resolv.conf", err);
}

static int add_small_files(struct writer *w, struct nvb_error **err)
{
	const char *hostname = arena_printf(w->a, "%s\n", w->in->hostname);
	int r;

	if (!hostname)
		return NVB_OOM(err);
	r = add_small_file(w, "hostname", hostname, "/etc/hostname", err);
	if (r >= 0)
		r = add_hosts(w, err);
	return r < 0 ? r : add_resolv_conf(w, err);
}

static int write_config(struct writer *w, struct nvb_error **err)
{
	const struct bundle *in = w->in;
	_cleanup_free_ char *text = NULL;
	const char *cgroup_path = NULL;
	struct oci_container c;
	size_t length = 0;
	errint_t e;
	int r;

	if (in->runtime->device_cgroup) {
		cgroup_path = arena_printf(w->a, "/%s", in->capsule->cgroup);
		if (!cgroup_path)
			return NVB_OOM(err);
	}
	c = (struct oci_container){
		.root_path = arena_printf(w->a, "%s/root", in->capsule->path),
		.root_read_only = in->options->read_only,
		.root_is_host = in->image->is_host,
		.hostname = in->hostname,
		.cwd = in->cwd,
		.args = &in->plan->command,
		.env = &in->env,
		.uid = in->user->uid,
		.gid = in->user->gid,
		.gids = in->user->gids,
		.terminal = in->options->terminal,
		.host_network = in->options->network == NETWORK_HOST,
		.rootless = in->map->needed,
		.cgroup_path = cgroup_path,
		.device_cgroup = in->runtime->device_cgroup,
		.extra_mounts = &w->files,
		.mounts = &w->mounts,
	};
	if (!c.root_path)
		return NVB_OOM(err);
	r = oci_config_format(in->plan, &c, &text, &length, err);
	if (r < 0)
		return r;
	e = file_replace_at(w->files_fd, "config.json", text, length, 0600);
	if (e < 0)
		return NVB_RAISE(
			err, NVB_ERR_ENGINE, -e, "write '%s/config.json'", in->capsule->path);
	return 0;
}

/*
 * In a user namespace a directory of an unmapped owner cannot be written to, not even through an
 * overlay. Those that programs write to as a matter of course become the container's own.
 */
static int add_writable_directories(struct writer *w, struct nvb_error **err)
{
	static const char *const names[] = { "/etc", "/home", "/opt", "/root", "/run", "/srv",
		"/tmp", "/usr", "/usr/local", "/var", "/var/cache", "/var/lib", "/var/log",
		"/var/tmp" };

	for (size_t i = 0; w->in->map->needed && i < ELEMENTS(names); i++) {
		struct stat st;
		const char *resolved = NULL;
		int r;

		if (path_stat_in(w->layer.lower_fd, names[i], &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		r = layer_resolve(&w->layer, w->a, names[i], &resolved, err);
		if (r >= 0)
			r = layer_add_place(&w->layer, resolved, true, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int bundle_write(const struct bundle *bundle, int files_fd, int layer_fd, struct nvb_error **err)
{
	struct writer w = {
		.in = bundle,
		.a = bundle->arena,
		.files_fd = files_fd,
		.layer = LAYER_INIT,
	};
	int r;

	w.layer.lower_fd = bundle->image->root_fd;
	w.layer.upper_fd = layer_fd;
	w.layer.beside_fd = files_fd;
	w.layer.keep_owner = !bundle->map->needed;
	r = add_plan(&w, err);
	if (r >= 0)
		r = add_small_files(&w, err);
	if (r >= 0)
		r = add_writable_directories(&w, err);
	if (r >= 0)
		r = write_config(&w, err);
	layer_done(&w.layer);
	return r;
}
