/* SPDX-License-Identifier: Apache-2.0 */
#include "game/game.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int raise_unsafe(const char *path, const char *why, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * 256 + 8);

	strbuf_escaped_add(&shown, path, 256);
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "mount '%s' for a game: %s",
			strbuf_str(&shown), why),
		"move the game to a directory of its own, or correct its launcher's file");
}

/* Everything that a container of a game must not write to, whatever a file says. */
static const char *find_objection(const char *home, const char *path)
{
	static const char *const machines[] = { "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32",
		"/lib64", "/proc", "/root/.ssh", "/run", "/sbin", "/sys", "/usr", "/var/lib" };

	if (!path_is_normal(path))
		return "it is not an absolute path";
	if (strchr(path, ':') || strchr(path, '\n'))
		return "a volume cannot have this name";
	if (path_is_below(home, path))
		return "it holds the whole home";
	if (!strchr(path + 1, '/'))
		return "it is a whole directory of the machine";
	for (size_t i = 0; i < ELEMENTS(machines); i++)
		if (path_is_below(path, machines[i]) && !path_is_below(path, home))
			return "it belongs to the system";
	return NULL;
}

static bool is_covered(const struct game *game, const char *path, bool read_only)
{
	vec_foreach (struct game_mount, mount, &game->mounts)
		if (path_is_below(path, mount->path) && (read_only || !mount->read_only))
			return true;
	return false;
}

/* Where links lead to: what is refused by name must not come by another one. malloc'd, or NULL. */
static char *resolve(const struct game_place *place, const char *path)
{
	struct path_resolved at = PATH_RESOLVED_INIT;
	char *found = NULL;

	if (host_tree_resolve(place->tree, path, &at) >= 0 && at.exists)
		found = TAKE_PTR(at.path);
	path_resolved_done(&at);
	return found;
}

int game_add_mount(const struct game_place *place, struct game *game, const char *path,
	bool read_only, const char *why, struct nvb_error **err)
{
	_cleanup_free_ char *home = resolve(place, place->home), *source = NULL;
	struct game_mount *mount;
	const char *objection = find_objection(place->home, path);

	if (objection)
		return raise_unsafe(path, objection, err);
	source = resolve(place, path);
	if (!source)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "find '%s': %s", path, why);
	objection = find_objection(home ? home : place->home, source);
	if (objection)
		return raise_unsafe(path, objection, err);
	if (is_covered(game, path, read_only))
		return 0;
	mount = vec_push(place->arena, &game->mounts);
	if (!mount)
		return NVB_OOM(err);
	mount->path = arena_strdup(place->arena, path);
	mount->source = host_tree_path(place->tree, place->arena, source);
	mount->read_only = read_only;
	mount->why = why;
	return mount->path && mount->source ? 0 : NVB_OOM(err);
}

int game_add_env(const struct game_place *place, struct game *game, struct nvb_error **err,
	const char *name, const char *value)
{
	if (string_list_printf(place->arena, &game->env, "%s=%s", name, value) < 0)
		return NVB_OOM(err);
	return 0;
}

int game_note(const struct game_place *place, struct game *game, struct nvb_error **err,
	const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	const char *kept;
	va_list ap;
	int length;

	va_start(ap, format);
	length = vasprintf(&text, format, ap);
	va_end(ap);
	if (length < 0) {
		text = NULL;
		return NVB_OOM(err);
	}
	kept = arena_strdup(place->arena, text);
	return kept && string_list_add(place->arena, &game->notes, kept) == 0 ? 0 : NVB_OOM(err);
}
