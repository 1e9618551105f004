/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a container can start: told before anything of it runs. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"
#include "engine/bolt/bundle.h"
#include "engine/bolt/command.h"
#include "engine/bolt/environment.h"
#include "oci/config.h"

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
static int check_nodes(const struct bundle *b, struct nvb_error **err)
{
	vec_foreach (struct plan_node, node, &b->plan->nodes) {
		if (!oci_node_is_bound(node, b->map->needed))
			continue;
		if (node->exists) {
			warn_of_access(node);
			continue;
		}
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_DRIVER, 0,
				"give '%s' to the container: it does not "
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
static int check_command(
	const struct bundle *b, struct nvb_error **ret_doubt, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *why = NULL;
	const struct plan *plan = b->plan;
	int r;

	r = container_command_check(
		b->image->root_fd, plan->command.items[0], b->cwd, &b->env, &why);
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

/* The low-level runtime reads these as root, and waits for ever at a FIFO. */
static int check_accounts(const struct bundle *b, struct nvb_error **err)
{
	static const char *const paths[] = { "/etc/passwd", "/etc/group" };

	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		struct stat st;

		if (path_stat_in(b->image->root_fd, paths[i], &st) == 0 && !S_ISREG(st.st_mode))
			return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
				"start the container: '%s' of the image is no regular file",
				paths[i]);
	}
	return 0;
}

int bundle_check(struct bundle *b, struct nvb_error **ret_doubt, struct nvb_error **err)
{
	const struct bolt_options *o = b->options;
	int r;

	b->hostname = o->hostname ? o->hostname : b->capsule->id;
	b->cwd = o->workdir ? o->workdir : b->image->cwd ? b->image->cwd : "/";
	r = environment_merge(
		b->image, b->plan, b->user, o->terminal, b->hostname, b->arena, &b->env, err);
	if (r >= 0)
		r = check_accounts(b, err);
	if (r >= 0)
		r = check_nodes(b, err);
	return r < 0 ? r : check_command(b, ret_doubt, err);
}
