/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a plan among those of a document. */
#include <string.h>

#include "oci/edit_build.h"

/*
 * True if what is mounted in the container shows up on the machine: there a mount of ours must not
 * be one end of a way. Source: OCI runtime specification 1.2.0, config-linux.md, "Rootfs Mount
 * Propagation"; without the key, runtimes make all mounts private or slave.
 */
static bool is_spreading(const struct edit *e)
{
	static const char *const kept_in[] = { "private", "rprivate", "slave", "rslave" };
	struct json_object *linux_object = NULL;
	const char *text;

	if (!json_object_object_get_ex(e->root.value, "linux", &linux_object))
		return false;
	text = edit_text_member(linux_object, "rootfsPropagation");
	for (size_t i = 0; text && i < ELEMENTS(kept_in); i++)
		if (strcmp(text, kept_in[i]) == 0)
			return false;
	return text && *text;
}

static struct json_object *describe_options(struct edit *e, const struct plan_mount *m)
{
	bool is_file = plan_mount_is_one_file(m) || m->is_node;
	struct json_object *array = json_new_array(&e->b);

	vec_foreach (const char *, option, &m->options)
		json_append_string(&e->b, array, *option);
	if (is_file && is_spreading(e))
		json_append_string(&e->b, array, "private");
	return array;
}

/*
 * Mounts of one kind have one list of options in the plan, and in the tree: to make it anew for
 * each is half of what a mount takes. Nothing changes it later.
 */
static struct json_object *get_options(struct edit *e, const struct plan_mount *m)
{
	if (e->mount_options && e->mount_options_of.items == m->options.items &&
		e->mount_options_of.n == m->options.n)
		return json_object_get(e->mount_options);
	json_putp(&e->mount_options);
	e->mount_options = describe_options(e, m);
	e->mount_options_of = m->options;
	return e->mount_options ? json_object_get(e->mount_options) : NULL;
}

struct json_object *edit_describe_mount(struct edit *e, const struct plan_mount *m)
{
	struct json_object *o = json_new_object(&e->b);

	json_add_string(&e->b, o, "destination", m->destination);
	json_add_string(&e->b, o, "type", m->type ? m->type : "bind");
	json_add_string(&e->b, o, "source", m->source);
	json_add(&e->b, o, "options", get_options(e, m));
	return o;
}

static size_t mount_depth(struct json_object *mount)
{
	const char *destination = edit_text_member(mount, "destination");

	return destination ? plan_mount_depth(destination) : 0;
}

/*
 * All mounts, also those that were there: a CDI mount on /usr/lib must not cover the document's on
 * /usr/lib/x. Mounts of the same depth keep their order. Takes the place of the array.
 */
static void sort_mounts(struct edit *e, struct json_object *mounts)
{
	struct json_object *sorted = json_new_array(&e->b);
	size_t n = json_object_array_length(mounts), deepest = 0;

	for (size_t i = 0; i < n; i++) {
		size_t depth = mount_depth(json_object_array_get_idx(mounts, i));

		deepest = depth > deepest ? depth : deepest;
	}
	for (size_t depth = 0; depth <= deepest; depth++) {
		for (size_t i = 0; i < n; i++) {
			struct json_object *mount = json_object_array_get_idx(mounts, i);

			if (mount_depth(mount) == depth)
				json_append(&e->b, sorted, json_object_get(mount));
		}
	}
	json_add(&e->b, e->root.value, "mounts", sorted);
}

static bool has_mounts(const struct edit *e)
{
	vec_foreach (struct plan_node, node, &e->plan->nodes)
		if (edit_node_is_bound(e, node))
			return true;
	return e->plan->mounts.n + e->plan->links.n > 0;
}

int edit_each_mount(struct edit *e, edit_mount_function each, void *user, struct nvb_error **err)
{
	static const char *words[] = { "bind", "nosuid", "noexec" };
	const struct string_list bound = { .items = words, .n = ELEMENTS(words) };
	int r = 0;

	vec_foreach (struct plan_node, node, &e->plan->nodes) {
		const struct plan_mount mount = {
			.source = node->host_path,
			.destination = node->path,
			.options = bound,
			.is_node = true,
		};

		if (r >= 0 && edit_node_is_bound(e, node))
			r = each(user, &mount, err);
	}
	vec_foreach (struct plan_mount, mount, &e->plan->mounts)
		if (r >= 0)
			r = each(user, mount, err);
	return r;
}

/* The plan's mounts take the place of the document's. */

struct replacement {
	struct edit *e;
	struct edit_items mounts;
};

static void replacement_done(struct replacement *to)
{
	edit_items_done(&to->mounts);
}

static int replace_mount(void *user, const struct plan_mount *m, struct nvb_error **err)
{
	struct replacement *to = user;

	(void)err;
	edit_items_put(to->e, &to->mounts, edit_items_find(&to->mounts, m->destination),
		m->destination, edit_describe_mount(to->e, m));
	return 0;
}

static int replace_mounts(struct edit *e, const struct json_at *mounts, struct nvb_error **err)
{
	_cleanup_(replacement_done) struct replacement to = { .e = e };
	int r;

	edit_items_init(e, &to.mounts, mounts->value, "destination");
	r = edit_each_mount(e, replace_mount, &to, err);
	vec_foreach (const struct plan_link, link, &e->plan->links) {
		const struct plan_mount mount = plan_link_mount(link);

		if (r >= 0)
			r = replace_mount(&to, &mount, err);
	}
	if (r >= 0)
		sort_mounts(e, mounts->value);
	return r;
}

int edit_mounts(struct edit *e, struct nvb_error **err)
{
	struct json_at mounts;
	int r;

	if (!has_mounts(e))
		return 0;
	r = json_ensure(&e->root, "mounts", json_type_array, &mounts, err);
	if (r < 0)
		return r;
	return e->options->keep_own ? edit_add_mounts(e, &mounts, err)
				    : replace_mounts(e, &mounts, err);
}
