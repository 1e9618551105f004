/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/user.h"

#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"

#define ACCOUNTS_LIMIT_BYTES ((size_t)4 << 20)
#define MAX_ID		     0xfffffffeu
#define MAX_FIELDS	     7

/* Splits "a:b:c" in place; further fields stay in the last one. */
static size_t split_fields(char *line, char *fields[static MAX_FIELDS])
{
	size_t n = 0;

	while (line && n < MAX_FIELDS)
		fields[n++] = strsep(&line, ":");
	return n;
}

/* passwd(5): name:x:uid:gid:gecos:home:shell */
static bool match_passwd(char *line, const char *name, bool by_uid, uint64_t uid,
	struct container_user *user, const char **ret_name, const char **ret_home)
{
	char *f[MAX_FIELDS];
	uint64_t line_uid, line_gid;

	if (split_fields(line, f) < 6 || !number_parse(f[2], MAX_ID, &line_uid) ||
		!number_parse(f[3], MAX_ID, &line_gid))
		return false;
	if (by_uid ? line_uid != uid : strcmp(f[0], name) != 0)
		return false;
	user->uid = (uint32_t)line_uid;
	user->gid = (uint32_t)line_gid;
	*ret_name = f[0];
	*ret_home = f[5];
	return true;
}

/* group(5): name:x:gid:member,member */
static bool lists_member(const char *members, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = members; *p;) {
		size_t n = strcspn(p, ",");

		if (n == length && strncmp(p, name, n) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static int read_accounts(int root_fd, const char *path, char **ret_text, struct nvb_error **err)
{
	errint_t e = file_read_regular_in(root_fd, path, ACCOUNTS_LIMIT_BYTES, ret_text, NULL);

	/* A root without accounts still runs numbers; so does one with something else in their
	 * place. */
	if (e == -ENOENT || e == -ENOTDIR || e == -EISDIR || e == -ENODEV) {
		*ret_text = calloc(1, 1);
		return *ret_text ? 0 : NVB_OOM(err);
	}
	return e < 0 ? NVB_RAISE(err, NVB_ERR_ENGINE, -e, "read '%s' of the container", path) : 0;
}

static int add_groups_of(int root_fd, const char *name, struct arena *a,
	struct container_user *user, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	char *rest;
	int r = read_accounts(root_fd, "/etc/group", &text, err);

	if (r < 0)
		return r;
	rest = text;
	while (rest) {
		char *f[MAX_FIELDS];
		uint64_t gid;
		uint32_t *slot;

		if (split_fields(strsep(&rest, "\n"), f) < 4 || !number_parse(f[2], MAX_ID, &gid) ||
			gid == user->gid || !lists_member(f[3], name))
			continue;
		slot = vec_push(a, &user->gids);
		if (!slot)
			return NVB_OOM(err);
		*slot = (uint32_t)gid;
	}
	return 0;
}

/* `with_groups`: also those that list the user, as without a group of one's own choice. */
static int find_user(int root_fd, const char *name, bool with_groups, struct arena *a,
	struct container_user *user, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	const char *found_name = NULL, *home = NULL;
	uint64_t uid = 0;
	bool by_uid = number_parse(name, MAX_ID, &uid);
	char *rest;
	int r = read_accounts(root_fd, "/etc/passwd", &text, err);

	if (r < 0)
		return r;
	rest = text;
	while (rest && !found_name)
		(void)match_passwd(
			strsep(&rest, "\n"), name, by_uid, uid, user, &found_name, &home);
	if (!found_name) {
		if (!by_uid)
			return NVB_HINT(err,
				NVB_RAISE(err, NVB_ERR_ENGINE, 0,
					"find the user '%s' in the container", name),
				"give a number, or a name of the image's /etc/passwd");
		user->uid = (uint32_t)uid;
		return 0;
	}
	if (*home == '/') {
		user->home = arena_strdup(a, home);
		if (!user->home)
			return NVB_OOM(err);
	}
	return with_groups ? add_groups_of(root_fd, found_name, a, user, err) : 0;
}

static int find_group(
	int root_fd, const char *name, struct container_user *user, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	uint64_t gid;
	char *rest;
	int r;

	if (number_parse(name, MAX_ID, &gid)) {
		user->gid = (uint32_t)gid;
		return 0;
	}
	r = read_accounts(root_fd, "/etc/group", &text, err);
	if (r < 0)
		return r;
	rest = text;
	while (rest) {
		char *f[MAX_FIELDS];

		if (split_fields(strsep(&rest, "\n"), f) < 3 || strcmp(f[0], name) != 0 ||
			!number_parse(f[2], MAX_ID, &gid))
			continue;
		user->gid = (uint32_t)gid;
		return 0;
	}
	return NVB_RAISE(err, NVB_ERR_ENGINE, 0, "find the group '%s' in the container", name);
}

int container_user_find(int root_fd, const char *text, struct arena *a, struct container_user *ret,
	struct nvb_error **err)
{
	struct container_user user = { .home = NULL };
	const char *colon, *name, *group;
	int r;

	if (!text || !*text)
		text = "0";
	colon = strchr(text, ':');
	name = arena_strndup(a, text, colon ? (size_t)(colon - text) : strlen(text));
	if (!name)
		return NVB_OOM(err);
	group = colon && colon[1] ? colon + 1 : NULL;
	r = find_user(root_fd, *name ? name : "0", !group, a, &user, err);
	if (r >= 0 && group)
		r = find_group(root_fd, group, &user, err);
	if (r < 0)
		return r;
	*ret = user;
	return 0;
}
