/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"
#include "engine/bolt/idmap.h"
#include "host/cgroup.h"

#define SYSTEM_STATE_DIR "/var/lib/nvbind"
#define NAME_LIMIT 63

static int state_path(char **ret_path, struct nvb_error **err)
{
	const char *override = secure_getenv("NVBIND_STATE_DIR");
	const char *data_home = secure_getenv("XDG_DATA_HOME");
	const char *home = secure_getenv("HOME");
	int n;

	if (override && *override)
		n = asprintf(ret_path, "%s", override);
	else if (geteuid() == 0)
		n = asprintf(ret_path, "%s", SYSTEM_STATE_DIR);
	else if (data_home && data_home[0] == '/')
		n = asprintf(ret_path, "%s/nvbind", data_home);
	else if (home && home[0] == '/')
		n = asprintf(ret_path, "%s/.local/share/nvbind", home);
	else
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "find a directory for containers: no HOME"),
			"set NVBIND_STATE_DIR to a directory of yours");
	if (n < 0)
		return NVB_OOM(err);
	if ((*ret_path)[0] == '/')
		return 0;
	n = NVB_RAISE(err, NVB_ERR_USAGE, 0, "NVBIND_STATE_DIR '%s' is not an absolute path",
		*ret_path);
	freep(ret_path);
	return n;
}

/* mkdir -p; parents as anyone may read them, the last one private. */
static int make_directories(const char *path, struct nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return NVB_OOM(err);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
				"create the directory '%s'", copy);
		*slash = '/';
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"create the directory '%s'", path);
	return 0;
}

/* Whoever may write here can make root run a container of his making. */
static int check_owner(const struct bolt_state *state, struct nvb_error **err)
{
	struct stat st;

	if (fstat(state->dir_fd, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "look at '%s'", state->path);
	if (st.st_uid != geteuid())
		return NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "'%s' belongs to user %u, not to %u",
			state->path, st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "others may write to '%s'",
				state->path),
			"run 'chmod go-w %s'", state->path);
	return 0;
}

int bolt_state_open(struct bolt_state *ret, struct nvb_error **err)
{
	_cleanup_(bolt_state_done) struct bolt_state state = BOLT_STATE_INIT;
	int r;

	r = state_path(&state.path, err);
	if (r < 0)
		return r;
	r = make_directories(state.path, err);
	if (r < 0)
		return r;
	state.dir_fd = open(state.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state.dir_fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno, "open '%s'",
			state.path);
	r = check_owner(&state, err);
	if (r < 0)
		return r;
	if (mkdirat(state.dir_fd, "capsules", 0700) < 0 && errno != EEXIST)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "create '%s/capsules'", state.path);
	state.capsules_fd =
		openat(state.dir_fd, "capsules", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (state.capsules_fd < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "open '%s/capsules'", state.path);
	*ret = state;
	state = (struct bolt_state)BOLT_STATE_INIT;
	return 0;
}

void bolt_state_done(struct bolt_state *state)
{
	freep(&state->path);
	closep(&state->dir_fd);
	closep(&state->capsules_fd);
}

int bolt_capsule_cgroup(const char *id, char **ret_name, struct nvb_error **err)
{
	return asprintf(ret_name, "nvbind-%s", id) < 0 ? NVB_OOM(err) : 0;
}

/* Takes a lock file below dir_fd. 1 taken, 0 held by another, < 0 -errno. */
static errint_t lock_file(int dir_fd, const char *name, int operation, int *ret_fd)
{
	_cleanup_close_ int fd = openat(
		dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	do {
		r = flock(fd, operation);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EWOULDBLOCK ? 0 : -errno;
	*ret_fd = TAKE_FD(fd);
	return 1;
}

static int remove_leftovers(const struct bolt_state *state, const char *id, struct nvb_error **err)
{
	_cleanup_free_ char *cgroup = NULL;
	errint_t e;
	int r;

	r = bolt_capsule_cgroup(id, &cgroup, err);
	if (r < 0)
		return r;
	/* Rootless containers have no cgroup of their own. */
	if (geteuid() == 0) {
		r = cgroup_remove(cgroup, err);
		if (r < 0)
			return r;
	}
	e = path_remove_tree(state->capsules_fd, id);
	/* A container may own files as a user that is mapped for it alone. */
	if ((e == -EACCES || e == -EPERM) && geteuid() != 0)
		e = idmap_remove_tree(state->capsules_fd, id);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "remove '%s/capsules/%s'", state->path, id);
	return 0;
}

/* True if no process holds the capsule any more. Called under the capsules' lock. */
static bool is_dead(const struct bolt_state *state, const char *id)
{
	_cleanup_close_ int dir_fd = openat(state->capsules_fd, id,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int fd = -1;

	/* Without a lock file it died while it was made, under this very lock. */
	if (dir_fd < 0 || faccessat(dir_fd, "lock", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	return lock_file(dir_fd, "lock", LOCK_EX | LOCK_NB, &fd) == 1;
}

static void sweep(const struct bolt_state *state)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(state->capsules_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return;
	}
	while ((entry = readdir(dir))) {
		_cleanup_error_ struct nvb_error *error = NULL;

		if (entry->d_name[0] == '.' || !is_dead(state, entry->d_name))
			continue;
		log_debug("engine", "removing what the container '%s' left", entry->d_name);
		if (remove_leftovers(state, entry->d_name, &error) < 0)
			log_warning("%s, ignoring", nvb_error_message(error));
	}
}

static bool is_name(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > NAME_LIMIT || name[0] == '.' || name[0] == '-' || name[0] == '_')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		length;
}

static int make_id(const char *name, char **ret_id, struct nvb_error **err)
{
	uint64_t random = 0;

	if (name) {
		if (!is_name(name))
			return NVB_HINT(err,
				NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' is not a container name",
					name),
				"use 1 to %d letters, digits, '_', '.' or '-', a letter or "
				"digit first",
				NAME_LIMIT);
		*ret_id = strdup(name);
		return *ret_id ? 0 : NVB_OOM(err);
	}
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "get a random number");
	return asprintf(ret_id, "%012" PRIx64, random & UINT64_C(0xffffffffffff)) < 0 ? NVB_OOM(err) : 0;
}

static int raise_create(const struct bolt_state *state, const char *id, int errnum,
	struct nvb_error **err)
{
	int r = NVB_RAISE(
		err, NVB_ERR_ENGINE, errnum, "create '%s/capsules/%s'", state->path, id);

	if (errnum == ENOSPC || errnum == EDQUOT)
		return NVB_HINT(err, r, "free disk space, or set NVBIND_STATE_DIR to another disk");
	return r;
}

/* Under the capsules' lock: nobody sees a capsule that is half made. */
static int make_capsule(const struct bolt_state *state, struct bolt_capsule *c,
	struct nvb_error **err)
{
	static const char *const folders[] = { "upper", "work", "root", "runtime" };
	errint_t e;

	if (mkdirat(state->capsules_fd, c->id, 0700) < 0) {
		if (errno != EEXIST)
			return raise_create(state, c->id, errno, err);
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_ENGINE, 0, "a container named '%s' is running",
				c->id),
			"choose another --name");
	}
	c->dir_fd = openat(
		state->capsules_fd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->dir_fd < 0)
		return raise_create(state, c->id, errno, err);
	e = lock_file(c->dir_fd, "lock", LOCK_EX | LOCK_NB, &c->lock_fd);
	if (e <= 0)
		return raise_create(state, c->id, -e, err);
	for (size_t i = 0; i < ELEMENTS(folders); i++)
		if (mkdirat(c->dir_fd, folders[i], i == 0 ? 0755 : 0700) < 0)
			return raise_create(state, c->id, errno, err);
	return 0;
}

int bolt_capsule_new(const struct bolt_state *state, const char *name, struct bolt_capsule *ret,
	struct nvb_error **err)
{
	_cleanup_(bolt_capsule_done) struct bolt_capsule c = BOLT_CAPSULE_INIT;
	_cleanup_close_ int all_fd = -1;
	errint_t e;
	int r;

	r = make_id(name, &c.id, err);
	if (r < 0)
		return r;
	if (asprintf(&c.path, "%s/capsules/%s", state->path, c.id) < 0)
		return NVB_OOM(err);
	e = lock_file(state->capsules_fd, ".lock", LOCK_EX, &all_fd);
	if (e < 0)
		return raise_create(state, ".lock", -e, err);
	sweep(state);
	r = make_capsule(state, &c, err);
	if (r < 0) {
		/* What was made belongs to nobody else: a name in use has no dir_fd here. */
		if (c.dir_fd >= 0)
			(void)path_remove_tree(state->capsules_fd, c.id);
		return r;
	}
	*ret = c;
	c = (struct bolt_capsule)BOLT_CAPSULE_INIT;
	return 0;
}

int bolt_capsule_remove(const struct bolt_state *state, struct bolt_capsule *capsule,
	struct nvb_error **err)
{
	int r = remove_leftovers(state, capsule->id, err);

	/* The lock goes last: until then a sweep sees the capsule as alive. */
	bolt_capsule_done(capsule);
	return r;
}

void bolt_capsule_done(struct bolt_capsule *capsule)
{
	freep(&capsule->id);
	freep(&capsule->path);
	closep(&capsule->dir_fd);
	closep(&capsule->lock_fd);
}
