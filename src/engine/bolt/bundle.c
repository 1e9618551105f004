/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/bundle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/bolt/command.h"
#include "engine/bolt/environment.h"
#include "engine/bolt/layer.h"
#include "oci/config.h"

#define SMALL_FILE_LIMIT_BYTES ((size_t)1 << 20)

/* A bundle while it is written. */
struct writer {
	const struct bundle *in;
	struct arena *a;
	struct layer layer;
	struct plan_mount_list files;  /* hosts, hostname, resolv.conf */
	struct plan_mount_list mounts; /* the plan's, destinations resolved */
	struct string_list env;
	const char *hostname, *cwd;
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
static int add_mount(struct writer *w, const struct plan_mount *mount,
	struct plan_mount_list *list, struct nvb_error **err)
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
	return r < 0 ? r : layer_add_place(&w->layer, added->destination, is_directory, err);
}

/* The last component of a driver file may be a link of the image: our file takes its place. */
static int add_plan_mounts(struct writer *w, struct nvb_error **err)
{
	vec_foreach (struct plan_mount, m, &w->in->plan->mounts) {
		struct plan_mount mount = *m;
		int r = 0;

		if (m->is_volume)
			r = layer_resolve(
				&w->layer, w->a, m->destination, &mount.destination, err);
		if (r >= 0)
			r = add_mount(w, &mount, &w->mounts, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_small_file(struct writer *w, const char *name, const char *text,
	const char *destination, struct nvb_error **err)
{
	static const char *const options[] = { "bind", "rprivate", "nosuid", "nodev" };
	struct plan_mount mount = { 0 };
	errint_t e;
	int r;

	e = file_replace_at(w->in->capsule->dir_fd, name, text, strlen(text), 0644);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, -e, "write '%s/%s'", w->in->capsule->path,
			name);
	mount.source = arena_printf(w->a, "%s/%s", w->in->capsule->path, name);
	if (!mount.source)
		return NVB_OOM(err);
	for (size_t i = 0; i < ELEMENTS(options); i++)
		if (string_list_add(w->a, &mount.options, options[i]) < 0)
			return NVB_OOM(err);
	r = layer_resolve(&w->layer, w->a, destination, &mount.destination, err);
	return r < 0 ? r : add_mount(w, &mount, &w->files, err);
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
		w->hostname);
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
	const char *hostname = arena_printf(w->a, "%s\n", w->hostname);
	int r;

	if (!hostname)
		return NVB_OOM(err);
	r = add_small_file(w, "hostname", hostname, "/etc/hostname", err);
	if (r >= 0)
		r = add_hosts(w, err);
	return r < 0 ? r : add_resolv_conf(w, err);
}

/* Rootless, a node is used with the caller's own rights: told now, not by a library later. */
static void warn_of_access(const struct plan_node *node)
{
	if (node->is_device && faccessat(AT_FDCWD, node->host_path, R_OK | W_OK, AT_EACCESS) < 0 &&
		errno == EACCES)
		log_warning("'%s' will not open for you: join the group that owns it "
			    "('nvbind doctor' names it)",
			node->host_path);
}

/* Nodes that are bound need the host to have them: nobody can make them in a user namespace. */
static int check_nodes(const struct writer *w, struct nvb_error **err)
{
	vec_foreach (struct plan_node, node, &w->in->plan->nodes) {
		if (!oci_node_is_bound(node, w->in->map->needed))
			continue;
		if (node->exists) {
			warn_of_access(node);
			continue;
		}
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_DRIVER, 0, "give '%s' to the container: it does not "
				"exist on this machine",
				node->host_path),
			"only root can do without the node; 'nvbind doctor' tells how to make it");
	}
	return 0;
}

/*
 * A command below a volume is not in the image: then the low-level runtime finds out, and `doubt`
 * is what we would have said.
 */
static int check_command(const struct writer *w, struct nvb_error **ret_doubt,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *why = NULL;
	const struct plan *plan = w->in->plan;
	int r;

	r = container_command_check(w->in->image->root_fd, plan->command.items[0], w->cwd, &w->env,
		&why);
	if (r >= 0)
		return r;
	vec_foreach (struct plan_mount, m, &plan->mounts) {
		if (!m->is_volume && strcmp(path_base_name(m->destination),
					     path_base_name(plan->command.items[0])) != 0)
			continue;
		*ret_doubt = TAKE_PTR(why);
		return 0;
	}
	*err = TAKE_PTR(why);
	return r;
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
		.hostname = w->hostname,
		.cwd = w->cwd,
		.args = &in->plan->command,
		.env = &w->env,
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
	e = file_replace_at(in->capsule->dir_fd, "config.json", text, length, 0600);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, -e, "write '%s/config.json'",
			in->capsule->path);
	return 0;
}

/* The low-level runtime reads these as root, and waits for ever at a FIFO. */
static int check_accounts(const struct writer *w, struct nvb_error **err)
{
	static const char *const paths[] = { "/etc/passwd", "/etc/group" };

	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		struct stat st;

		if (path_stat_in(w->layer.lower_fd, paths[i], &st) == 0 && !S_ISREG(st.st_mode))
			return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
				"start the container: '%s' of the image is no regular file",
				paths[i]);
	}
	return 0;
}

static int prepare(struct writer *w, struct nvb_error **ret_doubt, struct nvb_error **err)
{
	const struct bundle *in = w->in;
	int r;

	w->hostname = in->options->hostname ? in->options->hostname : in->capsule->id;
	w->cwd = in->options->workdir ? in->options->workdir :
		in->image->cwd                ? in->image->cwd :
						"/";
	r = environment_merge(in->image, in->plan, in->user, in->options->terminal, w->hostname,
		w->a, &w->env, err);
	if (r >= 0)
		r = check_accounts(w, err);
	if (r >= 0)
		r = check_nodes(w, err);
	return r < 0 ? r : check_command(w, ret_doubt, err);
}

/*
 * In a user namespace a directory of an unmapped owner cannot be written to, not even through an
 * overlay. Those that programs write to as a matter of course become the container's own.
 */
static int add_writable_directories(struct writer *w, struct nvb_error **err)
{
	static const char *const names[] = { "/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp",
		"/usr", "/usr/local", "/var", "/var/cache", "/var/lib", "/var/log", "/var/tmp" };

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

int bundle_write(const struct bundle *bundle, struct arena *a, struct nvb_error **ret_doubt,
	struct nvb_error **err)
{
	_cleanup_close_ int upper_fd = openat(
		bundle->capsule->dir_fd, "upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct writer w = {
		.in = bundle,
		.a = a,
		.layer = { .lower_fd = bundle->image->root_fd, .upper_fd = upper_fd,
			.beside_fd = bundle->capsule->dir_fd,
			.keep_owner = !bundle->map->needed },
	};
	int r;

	if (upper_fd < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "open '%s/upper'",
			bundle->capsule->path);
	r = prepare(&w, ret_doubt, err);
	if (r >= 0)
		r = add_plan_mounts(&w, err);
	if (r >= 0)
		r = add_small_files(&w, err);
	if (r >= 0)
		r = add_writable_directories(&w, err);
	return r < 0 ? r : write_config(&w, err);
}
