/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's mounts and links where the document's own mounts stay, and stay visible.
 *
 * What a place is, a runtime finds out by itself and refuses what does not fit: our look at it is
 * for the order of the mounts and for better words. So a place is looked at once, and its
 * directory once for all that lie in it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "oci/edit_build.h"

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
	/* The directory of the last place; its path as the plan has it, without the last slash. */
	char *dir;
	struct path_resolved real_dir;
};

static void placement_done(struct placement *p)
{
	for (size_t i = 0; p->own && i < p->n; i++)
		free(p->own[i].destination);
	free(p->own);
	free(p->dir);
	path_resolved_done(&p->real_dir);
}

/* Where a mount of the plan leads. */
struct place {
	const char *path; /* as the plan has it where that cannot be told */
	bool exists, is_directory;
};

static struct arena *arena_of(const struct placement *p)
{
	return p->e->plan->arena;
}

static const struct own_mount *find_own_above(const struct placement *p, const char *path)
{
	const struct own_mount *above = NULL;

	for (const struct own_mount *own = p->own; own < p->own + p->n; own++)
		if (path_is_below(path, own->destination))
			above = own;
	return above;
}

/*
 * What cannot be resolved is left to the runtime, which says what is wrong. What lies below an
 * earlier mount is not to be found in the root.
 */
static char *resolve_destination(const struct placement *p, const char *destination)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;

	if ((path_is_normal(destination) && find_own_above(p, destination)) ||
		path_resolve_in(p->e->options->root_fd, destination, &resolved) < 0)
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
		p->own[p->n].destination = resolve_destination(p, destination ? destination : "");
		if (!p->own[p->n].destination)
			return NVB_OOM(err);
	}
	return 0;
}

/* Makes p->real_dir that of `path`; a descriptor of -1 where there is none. */
static int open_dir(struct placement *p, const char *path, struct nvb_error **err)
{
	size_t length = (size_t)(path_base_name(path) - path);

	/* "/usr/lib/" is "/usr/lib"; "/" is itself. */
	length -= length > 1;
	if (p->dir && strncmp(p->dir, path, length) == 0 && !p->dir[length])
		return 0;
	free(p->dir);
	path_resolved_done(&p->real_dir);
	p->dir = strndup(path, length);
	if (!p->dir)
		return NVB_OOM(err);
	/* What cannot be resolved is left to the runtime, which says what is wrong. */
	(void)path_resolve_in(p->e->options->root_fd, p->dir, &p->real_dir);
	return 0;
}

static int resolve_place(
	struct placement *p, const char *path, struct place *ret, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	struct stat st;

	if (path_resolve_in(p->e->options->root_fd, path, &found) < 0)
		return 0;
	ret->path = arena_strdup(arena_of(p), found.path);
	ret->exists = found.exists && fstat(found.fd, &st) == 0;
	ret->is_directory = ret->exists && S_ISDIR(st.st_mode);
	return ret->path ? 0 : NVB_OOM(err);
}

static int find_place(
	struct placement *p, const char *path, struct place *ret, struct nvb_error **err)
{
	const char *name = path_base_name(path);
	struct stat st;
	int r;

	*ret = (struct place){ .path = path };
	if (!path_is_normal(path) || !*name)
		return resolve_place(p, path, ret, err);
	r = open_dir(p, path, err);
	if (r < 0 || !p->real_dir.path)
		return r;
	if (p->real_dir.fd >= 0 && fstatat(p->real_dir.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode))
			return resolve_place(p, path, ret, err);
		ret->exists = true;
		ret->is_directory = S_ISDIR(st.st_mode);
	}
	if (strcmp(p->dir, p->real_dir.path) == 0)
		return 0;
	ret->path = arena_printf(arena_of(p), "%s/%s",
		strcmp(p->real_dir.path, "/") == 0 ? "" : p->real_dir.path, name);
	return ret->path ? 0 : NVB_OOM(err);
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
static bool has_place_in(
	const struct placement *p, const struct own_mount *own, const char *destination)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	_cleanup_close_ int fd =
		own->source ? openat(p->e->options->bundle_fd, own->source, O_PATH | O_CLOEXEC)
			    : -1;

	return fd >= 0 &&
	       path_resolve_in(fd, destination + strlen(own->destination), &resolved) == 0 &&
	       resolved.exists;
}

/* What a runtime would refuse, in words that few understand. */
static int check_type(const struct plan_mount *m, const struct place *place, struct nvb_error **err)
{
	struct stat source;
	bool is_directory = false;

	if (m->source[0] != '/' || !place->exists)
		return 0;
	if (!plan_mount_is_one_file(m)) {
		if (stat(m->source, &source) < 0)
			return 0;
		is_directory = S_ISDIR(source.st_mode);
	}
	if (is_directory == place->is_directory)
		return 0;
	return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
		"mount '%s' on the container's '%s': there it is %s", m->source, m->destination,
		place->is_directory ? "a directory" : "no directory");
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
	slot = vec_push(arena_of(p), &p->own[at].before);
	if (!slot)
		return NVB_OOM(err);
	*slot = *m;
	return 0;
}

/* Behind all that lie above it, in front of the first that lies below it. */
static int place_mount(void *user, const struct plan_mount *m, struct nvb_error **err)
{
	struct placement *p = user;
	struct own_mount *above = NULL;
	struct place place;
	int r = find_place(p, m->destination, &place, err);

	if (r < 0)
		return r;
	for (struct own_mount *own = p->own; own < p->own + p->n; own++) {
		if (strcmp(own->destination, place.path) == 0)
			return warn_of_own(p, own, m, err);
		if (path_is_below(place.path, own->destination))
			above = own;
	}
	if (above && above->is_bind && !has_place_in(p, above, place.path)) {
		if (!above->n_left_out++)
			above->left_out = m->destination;
		return 0;
	}
	if (!above && check_type(m, &place, err) < 0)
		return NVB_ERR_UNSAFE_PATH;
	return insert_mount(p, above ? (size_t)(above - p->own) + 1 : 0, m, place.path, err);
}

/* The document's own mounts would hide the link, or what it names. */
static int is_hidden(
	const struct placement *p, const struct plan_link *link, bool *ret, struct nvb_error **err)
{
	size_t dir_length = (size_t)(path_base_name(link->path) - link->path);
	const char *named =
		arena_printf(arena_of(p), "%.*s%s", (int)dir_length, link->path, link->text);

	if (!named)
		return NVB_OOM(err);
	*ret = find_own_above(p, link->path) || find_own_above(p, link->destination) ||
	       find_own_above(p, named);
	return 0;
}

static bool is_taken(const struct placement *p, const char *destination)
{
	for (size_t i = 0; i <= p->n; i++)
		vec_foreach (const struct plan_mount, m, &p->own[i].before)
			if (strcmp(m->destination, destination) == 0)
				return true;
	return false;
}

/* Mounts first: they can fail, and a link of a container that does not start is of no use. */
static int place_links(struct placement *p, struct nvb_error **err)
{
	const struct oci_edit_options *options = p->e->options;

	vec_foreach (const struct plan_link, link, &p->e->plan->links) {
		const struct plan_mount mount = plan_link_mount(link);
		bool hidden = true;
		int r = 0;

		if (is_taken(p, link->path))
			continue;
		if (options->make_link)
			r = is_hidden(p, link, &hidden, err);
		if (r >= 0 && !hidden && options->make_link(options->link_user, link))
			continue;
		/* Several links of an image may have one end. */
		if (r >= 0 && !is_taken(p, mount.destination))
			r = place_mount(p, &mount, err);
		if (r < 0)
			return r;
	}
	return 0;
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
				json_append(&e->b, to, edit_describe_mount(e, m));
}

int edit_add_mounts(struct edit *e, const struct json_at *mounts, struct nvb_error **err)
{
	_cleanup_(placement_done) struct placement p = { .e = e, .real_dir = PATH_RESOLVED_INIT };
	struct json_object *joined;
	int r;

	r = read_own_mounts(&p, mounts, err);
	if (r >= 0)
		r = edit_each_mount(e, place_mount, &p, err);
	if (r >= 0)
		r = place_links(&p, err);
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
