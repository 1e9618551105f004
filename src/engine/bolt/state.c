/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/path.h"
#include "base/state_dir.h"
#include "engine/bolt/idmap.h"
#include "host/cgroup.h"

#define NAME_LIMIT 63
/* No container can be named so. */
#define GONE_PREFIX	 ".gone-"
#define GROWING_TRIES	 20
#define GROWING_PAUSE_NS 10000000L

/* mkdir -p; parents as anyone may read them, the last one private. */
static int make_directories(const char *path, struct nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(path);
	int first = 0;

	if (!copy)
		return NVB_OOM(err);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		/* What exists may answer oddly (an automounter's): only the end counts. */
		if (mkdir(copy, 0755) < 0 && errno != EEXIST && !first)
			first = errno;
		*slash = '/';
	}
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	if (!first || errno != ENOENT)
		first = errno;
	return NVB_RAISE(err, nvb_status_from_errno(first, NVB_ERR_IO), first,
		"create the directory '%s'", path);
}

static int raise_writable(const char *path, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "others may write to '%s'", path),
		"run 'chmod go-w %s', or set NVBIND_STATE_DIR to another directory", path);
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
		return raise_writable(state->path, err);
	return 0;
}

/* Whoever may rename a directory on the way here can put his own in its place. */
static int check_parent(const char *path, struct nvb_error **err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "look at '%s'", path);
	/* Root of a user namespace sees the owners of the machine's directories as nobody. */
	if (!idmap_is_needed() && st.st_uid != 0)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_PERMISSION, 0,
				"'%s' belongs to user %u, not to root", path, st.st_uid),
			"set NVBIND_STATE_DIR to a directory that is root's alone");
	if (st.st_mode & S_ISVTX)
		return 0;
	/* Many users have a group of their own, and a umask that trusts it. */
	if (st.st_mode & (idmap_is_needed() ? S_IWOTH : S_IWGRP | S_IWOTH))
		return raise_writable(path, err);
	return 0;
}

static int check_parents(const struct bolt_state *state, struct nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(state->path);
	char *slash;

	if (!copy)
		return NVB_OOM(err);
	while ((slash = strrchr(copy, '/'))) {
		int r;

		*slash = '\0';
		r = check_parent(*copy ? copy : "/", err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* From here on the path has no links: what was checked is what is used. */
static int make_canonical(struct bolt_state *state, struct nvb_error **err)
{
	char proc[32], target[4096];
	ssize_t n;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", state->dir_fd);
	n = readlink(proc, target, sizeof(target) - 1);
	if (n < 0 || n == (ssize_t)sizeof(target) - 1 || target[0] != '/')
		return NVB_RAISE(err, NVB_ERR_IO, n < 0 ? errno : ENAMETOOLONG,
			"find the absolute path of '%s'", state->path);
	target[n] = '\0';
	freep(&state->path);
	state->path = strdup(target);
	return state->path ? 0 : NVB_OOM(err);
}

static int open_directory(struct bolt_state *state, struct nvb_error **err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	state->dir_fd = open(state->path, flags);
	if (state->dir_fd < 0 && errno == ENOENT) {
		int r = make_directories(state->path, err);

		if (r < 0)
			return r;
		state->dir_fd = open(state->path, flags);
	}
	if (state->dir_fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno, "open '%s'",
			state->path);
	return 0;
}

int bolt_state_open(struct bolt_state *ret, struct nvb_error **err)
{
	_cleanup_(bolt_state_done) struct bolt_state state = BOLT_STATE_INIT;
	int r;

	r = state_dir_path(&state.path, err);
	if (r < 0)
		return r;
	r = open_directory(&state, err);
	if (r >= 0)
		r = make_canonical(&state, err);
	if (r >= 0)
		r = check_owner(&state, err);
	if (r >= 0)
		r = check_parents(&state, err);
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

/* Cgroups are the machine's, names of capsules only a state directory's: so both are in it. */
static int cgroup_name(
	const struct bolt_state *state, const char *id, char **ret_name, struct nvb_error **err)
{
	struct stat st;

	if (fstat(state->capsules_fd, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "look at '%s/capsules'", state->path);
	return asprintf(ret_name, "nvbind-%s-%jx.%jx", id, (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino) < 0
		       ? NVB_OOM(err)
		       : 0;
}

/* Takes a lock file below dir_fd. 1 taken, 0 held by another, < 0 -errno. */
static errint_t lock_file(int dir_fd, const char *name, int operation, int *ret_fd)
{
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
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

static int remove_cgroup(const struct bolt_state *state, const char *id, struct nvb_error **err)
{
	_cleanup_free_ char *name = NULL;
	int r;

	/* Rootless containers have no cgroup of their own. */
	if (idmap_is_needed())
		return 0;
	r = cgroup_name(state, id, &name, err);
	return r < 0 ? r : cgroup_remove(name, err);
}

static int remove_tree(const struct bolt_state *state, const char *name, struct nvb_error **err)
{
	const struct timespec pause = { .tv_nsec = GROWING_PAUSE_NS };
	errint_t e = 0;

	for (int i = 0; i < GROWING_TRIES; i++) {
		e = path_remove_tree(state->capsules_fd, name);
		/* A killed container's last processes may still write while they die. */
		if (e != -ENOTEMPTY)
			break;
		(void)nanosleep(&pause, NULL);
	}
	/* A container may own files as a user that is mapped for it alone. */
	if ((e == -EACCES || e == -EPERM) && idmap_is_needed())
		e = idmap_remove_tree(state->capsules_fd, name);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "remove '%s/capsules/%s'", state->path, name);
	return 0;
}

/*
 * The name is freed in one step, while the capsule's lock is whole: nobody meets a capsule that
 * is half removed, nor removes one that took over its name.
 */
static int remove_leftovers(const struct bolt_state *state, const char *id, struct nvb_error **err)
{
	_cleanup_free_ char *gone = NULL;
	int r;

	if (strncmp(id, GONE_PREFIX, strlen(GONE_PREFIX)) == 0)
		return remove_tree(state, id, err);
	r = remove_cgroup(state, id, err);
	if (r < 0)
		return r;
	if (asprintf(&gone, GONE_PREFIX "%s-%d", id, (int)getpid()) < 0)
		return NVB_OOM(err);
	if (renameat(state->capsules_fd, id, state->capsules_fd, gone) == 0)
		return remove_tree(state, gone, err);
	return errno == ENOENT ? 0 : remove_tree(state, id, err);
}

/* True if no process holds the capsule any more. Called under the capsules' lock. */
static bool is_dead(const struct bolt_state *state, const char *id)
{
	_cleanup_close_ int dir_fd =
		openat(state->capsules_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int fd = -1;

	/* A file or a link is nobody's capsule. What we cannot see may be alive. */
	if (dir_fd < 0)
		return errno == ENOTDIR || errno == ELOOP;
	/* Without a lock file it died while it was made, under this very lock, or is removed. */
	if (faccessat(dir_fd, "lock", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return lock_file(dir_fd, "lock", LOCK_EX | LOCK_NB, &fd) == 1;
}

/* Everything but ".", ".." and the lock. */
static bool is_capsule(const char *name)
{
	return name[0] != '.' || strncmp(name, GONE_PREFIX, strlen(GONE_PREFIX)) == 0;
}

/* Called under the capsules' lock. */
static struct bolt_sweep sweep(const struct bolt_state *state, bool dry_run)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	struct bolt_sweep met = { 0 };
	int fd = openat(state->capsules_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return met;
	dir = fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return met;
	}
	while ((entry = readdir(dir))) {
		_cleanup_error_ struct nvb_error *error = NULL;

		if (!is_capsule(entry->d_name))
			continue;
		if (!is_dead(state, entry->d_name)) {
			met.alive++;
			continue;
		}
		met.dead++;
		if (dry_run)
			continue;
		log_debug("engine", "removing what the container '%s' left", entry->d_name);
		if (remove_leftovers(state, entry->d_name, &error) < 0) {
			log_warning("%s, ignoring", nvb_error_message(error));
			met.kept++;
		}
	}
	return met;
}

/* Whoever has the lock sweeps himself. */
static void sweep_again(const struct bolt_state *state)
{
	_cleanup_close_ int all_fd = -1;

	if (lock_file(state->capsules_fd, ".lock", LOCK_EX | LOCK_NB, &all_fd) == 1)
		(void)sweep(state, false);
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
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "get a random number");
	return asprintf(ret_id, "%012" PRIx64, random & UINT64_C(0xffffffffffff)) < 0 ? NVB_OOM(err)
										      : 0;
}

static int raise_create(
	const struct bolt_state *state, const char *id, int errnum, struct nvb_error **err)
{
	int r = NVB_RAISE(err, NVB_ERR_ENGINE, errnum, "create '%s/capsules/%s'", state->path, id);

	if (errnum == ENOSPC || errnum == EDQUOT)
		return NVB_HINT(err, r, "free disk space, or set NVBIND_STATE_DIR to another disk");
	return r;
}

/* Under the capsules' lock: nobody sees a capsule that is half made. */
static int make_capsule(
	const struct bolt_state *state, struct bolt_capsule *c, struct nvb_error **err)
{
	static const char *const folders[] = { "upper", "work" };
	errint_t e;

	if (mkdirat(state->capsules_fd, c->id, 0700) < 0) {
		if (errno != EEXIST)
			return raise_create(state, c->id, errno, err);
		return NVB_HINT(err,
			NVB_RAISE(
				err, NVB_ERR_ENGINE, 0, "a container named '%s' is running", c->id),
			"choose another --name");
	}
	c->dir_fd =
		openat(state->capsules_fd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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

int bolt_state_sweep(const struct bolt_state *state, bool dry_run, struct bolt_sweep *ret,
	struct nvb_error **err)
{
	_cleanup_close_ int all_fd = -1;
	errint_t e = lock_file(state->capsules_fd, ".lock", LOCK_EX, &all_fd);

	if (e < 0)
		return raise_create(state, ".lock", -e, err);
	*ret = sweep(state, dry_run);
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
	r = cgroup_name(state, c.id, &c.cgroup, err);
	if (r < 0)
		return r;
	e = lock_file(state->capsules_fd, ".lock", LOCK_EX, &all_fd);
	if (e < 0)
		return raise_create(state, ".lock", -e, err);
	c.has_others = sweep(state, false).alive > 0;
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

int bolt_capsule_remove(
	const struct bolt_state *state, struct bolt_capsule *capsule, struct nvb_error **err)
{
	int r = remove_leftovers(state, capsule->id, err);

	/* The lock goes last: until then a sweep sees the capsule as alive. */
	bolt_capsule_done(capsule);
	if (capsule->has_others)
		sweep_again(state);
	return r;
}

void bolt_capsule_done(struct bolt_capsule *capsule)
{
	freep(&capsule->id);
	freep(&capsule->path);
	freep(&capsule->cgroup);
	closep(&capsule->dir_fd);
	closep(&capsule->lock_fd);
}
