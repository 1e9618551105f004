/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a plan among those of a document. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "oci/edit_build.h"

static struct json_object *describe_mount(struct edit *e, const struct plan_mount *m)
{
	struct json_object *o = json_new_object(&e->b);
	struct json_object *array;

	json_add_string(&e->b, o, "destination", m->destination);
	json_add_string(&e->b, o, "type", m->type ? m->type : "bind");
	json_add_string(&e->b, o, "source", m->source);
	array = json_add_array(&e->b, o, "options");
	vec_foreach (const char *, option, &m->options)
		json_append_string(&e->b, array, *option);
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
	return e->plan->mounts.n > 0;
}

/* What becomes a mount, in the plan's order. `options` is that of a bound node. */
typedef int (*mount_function)(void *user, const struct plan_mount *mount, struct nvb_error **err);

static int for_each_mount(struct edit *e, mount_function each, void *user, struct nvb_error **err)
{
	static const char *words[] = { "bind", "nosuid", "noexec" };
	static const struct string_list bound = { .items = words, .n = ELEMENTS(words) };
	int r = 0;

	vec_foreach (struct plan_node, node, &e->plan->nodes) {
		const struct plan_mount mount = {
			.source = node->host_path, .destination = node->path, .options = bound
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
		m->destination, describe_mount(to->e, m));
	return 0;
}

static int replace_mounts(struct edit *e, const struct json_at *mounts, struct nvb_error **err)
{
	_cleanup_(replacement_done) struct replacement to = { .e = e };
	int r;

	edit_items_init(e, &to.mounts, mounts->value, "destination");
	r = for_each_mount(e, replace_mount, &to, err);
	if (r >= 0)
		sort_mounts(e, mounts->value);
	return r;
}

/* The document's mounts stay, and stay visible. */

struct own_mount {
	char *destination; /* where it leads in the root; malloc'd */
	const char *source;
	bool is_bind;
	/* Of the plan: what goes in front of it. */
	struct plan_mount_list before;
	/* Of the plan, what has no place in it. */
	size_t n_left_out;
	const char *left_out; /* the first of these */
};

struct placement {
	struct edit *e;
	struct own_mount *own; /* n of the document, and one that stands for the end */
	size_t n;
};

static void placement_done(struct placement *p)
{
	for (size_t i = 0; p->own && i < p->n; i++)
		free(p->own[i].destination);
	free(p->own);
}

/* What cannot be resolved is left to the runtime, which says what is wrong. */
static char *resolve_destination(const struct edit *e, const char *destination)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;

	if (path_resolve_in(e->options->root_fd, destination, &resolved) < 0)
		return strdup(destination);
	return TAKE_PTR(resolved.path);
}

static bool is_bind(struct json_object *mount)
{
	const char *type = edit_text_member(mount, "type");
	struct json_object *options = NULL;

	if (type && strcmp(type, "bind") == 0)
		return true;
	if (!json_object_is_type(mount, json_type_object) ||
		!json_object_object_get_ex(mount, "options", &options) ||
		!json_object_is_type(options, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(options); i++) {
		struct json_object *option = json_object_array_get_idx(options, i);

		if (json_object_is_type(option, json_type_string) &&
			(strcmp(json_object_get_string(option), "bind") == 0 ||
				strcmp(json_object_get_string(option), "rbind") == 0))
			return true;
	}
	return false;
}

static int read_own_mounts(
	struct placement *p, const struct json_at *mounts, struct nvb_error **err)
{
	size_t n = json_length(mounts);

	p->own = calloc(n + 1, sizeof(*p->own));
	if (!p->own)
		return NVB_OOM(err);
	for (; p->n < n; p->n++) {
		struct json_object *mount = json_object_array_get_idx(mounts->value, p->n);
		const char *destination = edit_text_member(mount, "destination");

		p->own[p->n].source = edit_text_member(mount, "source");
		p->own[p->n].is_bind = is_bind(mount);
		p->own[p->n].destination =
			resolve_destination(p->e, destination ? destination : "");
		if (!p->own[p->n].destination)
			return NVB_OOM(err);
	}
	return 0;
}

static int warn_of_own(const struct placement *p, const struct own_mount *own,
	const struct plan_mount *m, struct nvb_error **err)
{
	if (own->source && strcmp(own->source, m->source) == 0)
		return 0;
	return edit_warn(p->e, err, "the container's own mount on '%s' stays, in place of '%s'",
		m->destination, m->source);
}

/*
 * In a directory of the user's a runtime would make the place for a mount: a file that stays there,
 * or an error where it may not be written.
 */
static bool has_place_in(const struct own_mount *own, const char *destination)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	_cleanup_close_ int fd = own->source ? open(own->source, O_PATH | O_CLOEXEC) : -1;

	return fd >= 0 &&
	       path_resolve_in(fd, destination + strlen(own->destination), &resolved) == 0 &&
	       resolved.exists;
}

/* What a runtime would refuse, in words that few understand. */
static int check_type(
	const struct plan_mount *m, const struct path_resolved *place, struct nvb_error **err)
{
	struct stat source, there;

	if (m->source[0] != '/' || place->fd < 0 || fstat(place->fd, &there) < 0 ||
		stat(m->source, &source) < 0 || S_ISDIR(source.st_mode) == S_ISDIR(there.st_mode))
		return 0;
	return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
		"mount '%s' on the container's '%s': there it is %s", m->source, m->destination,
		S_ISDIR(there.st_mode) ? "a directory" : "no directory");
}

static int warn_of_left_out(const struct placement *p, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r >= 0; i++) {
		const struct own_mount *own = &p->own[i];

		if (own->n_left_out == 1)
			r = edit_warn(p->e, err,
				"'%s' is left out: the container's own mount on '%s' has no place "
				"for it",
				own->left_out, own->destination);
		else if (own->n_left_out)
			r = edit_warn(p->e, err,
				"%zu files are left out, '%s' the first: the container's own mount "
				"on "
				"'%s' has no place for them",
				own->n_left_out, own->left_out, own->destination);
	}
	return r;
}

static int insert_mount(struct placement *p, size_t at, const struct plan_mount *m,
	const char *destination, struct nvb_error **err)
{
	struct plan_mount *slot;

	while (at < p->n && !path_is_below(p->own[at].destination, destination))
		at++;
	slot = vec_push(p->e->plan->arena, &p->own[at].before);
	if (!slot)
		return NVB_OOM(err);
	*slot = *m;
	return 0;
}

/* Behind all that lie above it, in front of the first that lies below it. */
static int place_mount(void *user, const struct plan_mount *m, struct nvb_error **err)
{
	struct placement *p = user;
	_cleanup_(path_resolved_done) struct path_resolved place = PATH_RESOLVED_INIT;
	struct own_mount *above = NULL;
	const char *destination = m->destination;

	/* What cannot be resolved is left to the runtime, which says what is wrong. */
	if (path_resolve_in(p->e->options->root_fd, m->destination, &place) == 0)
		destination = place.path;
	for (struct own_mount *own = p->own; own < p->own + p->n; own++) {
		if (strcmp(own->destination, destination) == 0)
			return warn_of_own(p, own, m, err);
		if (path_is_below(destination, own->destination))
			above = own;
	}
	if (above && above->is_bind && !has_place_in(above, destination)) {
		if (!above->n_left_out++)
			above->left_out = m->destination;
		return 0;
	}
	if (!above && check_type(m, &place, err) < 0)
		return NVB_ERR_UNSAFE_PATH;
	return insert_mount(p, above ? (size_t)(above - p->own) + 1 : 0, m, destination, err);
}

/* The plan's among themselves: parents first. */
static void append_placed(
	struct edit *e, struct json_object *to, const struct plan_mount_list *placed)
{
	size_t deepest = 0;

	vec_foreach (const struct plan_mount, m, placed) {
		size_t depth = plan_mount_depth(m->destination);

		deepest = depth > deepest ? depth : deepest;
	}
	for (size_t depth = 0; placed->n && depth <= deepest; depth++)
		vec_foreach (const struct plan_mount, m, placed)
			if (plan_mount_depth(m->destination) == depth)
				json_append(&e->b, to, describe_mount(e, m));
}

static int add_mounts(struct edit *e, const struct json_at *mounts, struct nvb_error **err)
{
	_cleanup_(placement_done) struct placement p = { .e = e };
	struct json_object *joined;
	int r;

	r = read_own_mounts(&p, mounts, err);
	if (r >= 0)
		r = for_each_mount(e, place_mount, &p, err);
	if (r >= 0)
		r = warn_of_left_out(&p, err);
	if (r < 0)
		return r;
	joined = json_new_array(&e->b);
	for (size_t i = 0; i <= p.n; i++) {
		append_placed(e, joined, &p.own[i].before);
		if (i < p.n)
			json_append(&e->b, joined,
				json_object_get(json_object_array_get_idx(mounts->value, i)));
	}
	json_add(&e->b, e->root.value, "mounts", joined);
	return 0;
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
	return e->options->keep_own ? add_mounts(e, &mounts, err) : replace_mounts(e, &mounts, err);
}
