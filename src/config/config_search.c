/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_search.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/state_dir.h"
#include "config/config_file.h"
#include "gpu/trusted_file.h"

#define MACHINE_PATH "etc/nvbind/config.toml"

struct search {
	struct arena *arena;
	const char *host_root;
	struct config_candidate_list list;
	bool found;
};

const char *config_state_name(enum config_state state)
{
	switch (state) {
	case CONFIG_ABSENT:
		return "absent";
	case CONFIG_REFUSED:
		return "refused";
	case CONFIG_SHADOWED:
		return "shadowed";
	case CONFIG_COUNTS:
		break;
	}
	return "counts";
}

const char *config_place_name(enum config_place place)
{
	switch (place) {
	case CONFIG_BY_OPTION:
		return "--config";
	case CONFIG_BY_VARIABLE:
		return "NVBIND_CONFIG";
	case CONFIG_IN_WORKING_DIRECTORY:
		return "working directory";
	case CONFIG_OF_USER:
		return "user";
	case CONFIG_OF_MACHINE:
		break;
	}
	return "machine";
}

static bool is_named(const struct config_candidate *c)
{
	return c->place == CONFIG_BY_OPTION || c->place == CONFIG_BY_VARIABLE;
}

static char *absolute_path(const char *path)
{
	_cleanup_free_ char *cwd = path[0] == '/' ? strdup("") : get_current_dir_name();
	char *absolute = NULL;

	if (!cwd || asprintf(&absolute, "%s%s%s", cwd, path[0] == '/' ? "" : "/", path) < 0)
		return NULL;
	return absolute;
}

/* "'FILE' is not loaded: 'PART': REASON": our own messages name the file already. */
static const char *without_prefix(const char *why)
{
	static const char behind[] = "is not loaded: ";
	const char *at = strstr(why, behind);

	return at ? at + strlen(behind) : why;
}

/* Fills `why` if the file is not to be read. */
static int judge_for_root(struct search *s, struct config_candidate *c, const struct stat *opened,
	struct nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *why = NULL, *absolute = NULL;
	struct stat st;
	int r;

	/* Who names another root answers for the directories on the way to it. */
	if (c->place == CONFIG_OF_MACHINE && strcmp(s->host_root, "/") != 0) {
		c->why = trusted_file_find_fault(opened, true, geteuid());
		return 0;
	}
	absolute = absolute_path(c->path);
	if (!absolute)
		return NVB_OOM(err);
	r = trusted_file_find(absolute, &path, &why, err);
	if (r < 0)
		return r;
	/* A link on the way may have changed since the file was opened. */
	if (r > 0 && (lstat(path, &st) < 0 || st.st_dev != opened->st_dev ||
			     st.st_ino != opened->st_ino))
		c->why = "it was exchanged while it was read";
	else if (r == 0)
		c->why = arena_strdup(s->arena, without_prefix(why));
	return r > 0 || c->why ? 0 : NVB_OOM(err);
}

static int judge(
	struct search *s, struct config_candidate *c, const struct stat *st, struct nvb_error **err)
{
	if (state_dir_is_root())
		return judge_for_root(s, c, st, err);
	if (c->place != CONFIG_IN_WORKING_DIRECTORY)
		return 0;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		c->why = "it belongs to another user";
	else if (st->st_mode & S_IWOTH)
		c->why = "other users may write to it";
	return 0;
}

/*
 * Whatever is no regular file is not opened at all: in a directory of somebody else it may be a
 * link to a device that acts when it is opened.
 */
static int open_candidate(const struct search *s, const struct config_candidate *c)
{
	const bool machine = c->place == CONFIG_OF_MACHINE;
	_cleanup_close_ int root =
		open(machine ? s->host_root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *path = machine ? strdup(MACHINE_PATH) : absolute_path(c->path);

	if (root < 0)
		return -errno;
	return path ? path_open_regular_in(root, path) : -ENOENT;
}

static int raise_unread(const struct config_candidate *c, int errnum, struct nvb_error **err)
{
	int status =
		errnum == ENOENT ? NVB_ERR_NOT_FOUND : nvb_status_from_errno(errnum, NVB_ERR_IO);

	if (errnum == EFBIG)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"read the configuration '%s': it is larger than %zu bytes", c->path,
			CONFIG_TEXT_LIMIT_BYTES);
	return NVB_RAISE(err, status, errnum, "read the configuration '%s' (%s)", c->path,
		config_place_name(c->place));
}

static int raise_refused(const struct config_candidate *c, struct nvb_error **err)
{
	int r = NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "read the configuration '%s' (%s): %s",
		c->path, config_place_name(c->place), c->why);

	return NVB_HINT(
		err, r, "nobody but root and you may be able to change it: chown, chmod go-w");
}

static int read_text(struct search *s, struct config_candidate *c, int fd, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	errint_t e = file_read_fd(fd, CONFIG_TEXT_LIMIT_BYTES, &text, &length);

	if (e < 0)
		return raise_unread(c, -e, err);
	c->text = arena_memdup(s->arena, text, length + 1);
	c->length = length;
	c->state = CONFIG_COUNTS;
	return c->text ? 0 : NVB_OOM(err);
}

static bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR;
}

/* It is there, or might be, but not to be opened. */
static int refuse_unopened(
	struct search *s, struct config_candidate *c, int errnum, struct nvb_error **err)
{
	const bool is_other = errnum == EISDIR || errnum == ENODEV;

	if (is_named(c) && !is_other)
		return raise_unread(c, errnum, err);
	c->state = CONFIG_REFUSED;
	c->why = is_other ? "it is no regular file" : arena_strdup(s->arena, strerror(errnum));
	if (!c->why)
		return NVB_OOM(err);
	return is_named(c) ? raise_refused(c, err) : 0;
}

static int look(struct search *s, struct config_candidate *c, bool counts, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (strcmp(c->path, "/dev/null") == 0) {
		c->text = "";
		c->state = counts ? CONFIG_COUNTS : CONFIG_SHADOWED;
		return 0;
	}
	fd = open_candidate(s, c);
	if (fd < 0 && is_absent(-fd) && !is_named(c))
		return 0;
	if (fd < 0)
		return refuse_unopened(s, c, -fd, err);
	if (fstat(fd, &st) < 0)
		return raise_unread(c, errno, err);
	r = judge(s, c, &st, err);
	if (r < 0)
		return r;
	if (c->why && is_named(c))
		return raise_refused(c, err);
	c->state = c->why ? CONFIG_REFUSED : CONFIG_SHADOWED;
	return !c->why && counts ? read_text(s, c, fd, err) : 0;
}

/* `together`: it counts beside the one before it. */
static int add(struct search *s, enum config_place place, const char *path, bool together,
	struct nvb_error **err)
{
	struct config_candidate *c = vec_push(s->arena, &s->list);
	int r;

	if (!c)
		return NVB_OOM(err);
	c->place = place;
	c->path = arena_strdup(s->arena, path);
	if (!c->path)
		return NVB_OOM(err);
	r = look(s, c, !s->found || together, err);
	if (r >= 0 && c->state == CONFIG_COUNTS)
		s->found = true;
	return r;
}

static int add_below(struct search *s, enum config_place place, const char *directory,
	const char *name, struct nvb_error **err)
{
	const char *path = arena_printf(s->arena, "%s/%s", directory, name);

	return path ? add(s, place, path, false, err) : NVB_OOM(err);
}

static const char *machine_path(struct arena *a, const char *host_root)
{
	return strcmp(host_root, "/") == 0 ? "/" MACHINE_PATH
					   : arena_printf(a, "%s/" MACHINE_PATH, host_root);
}

/* Only absolute ones count. Source: XDG Base Directory Specification, 0.8. */
static const char *absolute_variable(const char *name)
{
	const char *value = secure_getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

/* Both variables may name one directory: its file is one. */
static bool is_default_of(const char *home, const char *config_home)
{
	struct stat own, of_home;
	_cleanup_free_ char *path = NULL;

	if (!config_home)
		return false;
	if (asprintf(&path, "%s/.config", home) < 0) {
		path = NULL;
		return false;
	}
	return strcmp(path, config_home) == 0 ||
	       (stat(path, &of_home) == 0 && stat(config_home, &own) == 0 &&
		       of_home.st_dev == own.st_dev && of_home.st_ino == own.st_ino);
}

static int add_searched(struct search *s, struct nvb_error **err)
{
	const char *home = absolute_variable("HOME");
	const char *config_home = absolute_variable("XDG_CONFIG_HOME");
	const char *machine = machine_path(s->arena, s->host_root);
	int r = add(s, CONFIG_IN_WORKING_DIRECTORY, "nvbind.toml", false, err);

	if (r >= 0)
		r = add(s, CONFIG_IN_WORKING_DIRECTORY, ".nvbind.toml", false, err);
	if (r >= 0 && config_home)
		r = add_below(s, CONFIG_OF_USER, config_home, "nvbind/config.toml", err);
	if (r >= 0 && home && !is_default_of(home, config_home))
		r = add_below(s, CONFIG_OF_USER, home, ".config/nvbind/config.toml", err);
	if (r >= 0)
		r = machine ? add(s, CONFIG_OF_MACHINE, machine, false, err) : NVB_OOM(err);
	return r;
}

int config_search(struct arena *a, const char *host_root, const struct string_list *given,
	struct config_candidate_list *ret, struct nvb_error **err)
{
	struct search s = { .arena = a, .host_root = host_root };
	const char *variable = secure_getenv("NVBIND_CONFIG");
	int r = 0;

	for (size_t i = 0; i < given->n && r >= 0; i++)
		r = add(&s, CONFIG_BY_OPTION, given->items[i], true, err);
	/* What is not going to be read need not exist. */
	if (r >= 0 && !s.found && variable && *variable)
		r = add(&s, CONFIG_BY_VARIABLE, variable, false, err);
	if (r >= 0)
		r = add_searched(&s, err);
	if (r < 0)
		return r;
	*ret = s.list;
	return 0;
}

const char *config_own_path(struct arena *a, const char *host_root)
{
	const char *config_home = absolute_variable("XDG_CONFIG_HOME");
	const char *home = absolute_variable("HOME");

	if (state_dir_is_root() || strcmp(host_root, "/") != 0)
		return machine_path(a, host_root);
	if (config_home)
		return arena_printf(a, "%s/nvbind/config.toml", config_home);
	return home ? arena_printf(a, "%s/.config/nvbind/config.toml", home) : NULL;
}
