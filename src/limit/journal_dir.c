/* SPDX-License-Identifier: Apache-2.0 */
/* Where the journal is, who may enter it, and its lock. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/runtime_dir.h"
#include "base/state_dir.h"
#include "limit/journal.h"

#define JOURNAL_NAME  "journal"
#define LOCK_NAME     ".lock"
#define LOCK_TRIES    3000
#define LOCK_PAUSE_NS 10000000L
#define OPEN_DIR      (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int io_error(const char *verb, const char *path, int errnum, struct nvb_error **err)
{
	return NVB_RAISE(
		err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum, "%s '%s'", verb, path);
}

static const char *given_path(void)
{
	const char *given = secure_getenv("NVBIND_JOURNAL_DIR");

	return given && *given ? given : NULL;
}

static int choose_path(char **ret_path, struct nvb_error **err)
{
	const char *given = given_path();

	if (!given)
		return runtime_dir_path(JOURNAL_NAME, ret_path, err);
	if (given[0] != '/')
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"NVBIND_JOURNAL_DIR '%s' is not an absolute path", given);
	*ret_path = strdup(given);
	return *ret_path ? 0 : NVB_OOM(err);
}

/* Asked for at each start of a container: one system call where root never changed anything. */
static bool root_has_none(void)
{
	return !given_path() && geteuid() == 0 &&
	       access(RUNTIME_DIR_SYSTEM "/" JOURNAL_NAME, F_OK) < 0 && errno == ENOENT &&
	       (!secure_getenv("XDG_RUNTIME_DIR") || state_dir_is_root());
}

/* For us alone: who may open a file can lock it, and make an owner live for ever. */
static int check_alone(int fd, const char *path, struct nvb_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return io_error("look at", path, errno, err);
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IRWXG | S_IRWXO)))
		return 0;
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "others may enter '%s'", path),
		"it must belong to you alone: owner and mode 700");
}

static int make_dir(const char *path, struct nvb_error **err)
{
	_cleanup_free_ char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	_cleanup_close_ int fd = -1;

	if (!slash)
		return NVB_OOM(err);
	*slash = '\0';
	/* A parent that cannot be made shows in the next line. */
	(void)mkdir(parent, 0755);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return io_error("create the directory", path, errno, err);
	/* Nobody else may decide what it is. */
	return state_dir_open_path(path, &fd, err);
}

static int read_boot_id(struct journal *j, struct nvb_error **err)
{
	char id[BOOT_ID_LENGTH + 1];
	errint_t e = runtime_dir_read_boot_id(id);

	if (e < 0)
		return io_error("read", BOOT_ID_PATH, -e, err);
	j->boot_id = strdup(id);
	return j->boot_id ? 0 : NVB_OOM(err);
}

/* 1, or 0 if there is none. */
static int open_dir(struct journal *j, bool make, struct nvb_error **err)
{
	int r;

	j->fd = open(j->path, OPEN_DIR);
	if (j->fd < 0 && errno == ENOENT) {
		if (!make)
			return 0;
		r = make_dir(j->path, err);
		if (r < 0)
			return r;
		j->fd = open(j->path, OPEN_DIR);
	}
	if (j->fd < 0)
		return io_error("open the directory", j->path, errno, err);
	r = check_alone(j->fd, j->path, err);
	return r < 0 ? r : 1;
}

/* Root of a user namespace may see the machine's journal, which is not his to read. */
static int raise_foreign(const char *path, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
		"find a directory for the journal of changes: '%s' is another user's", path);
}

int journal_open(bool make, struct journal *ret, struct nvb_error **err)
{
	_cleanup_(journal_done) struct journal j = JOURNAL_INIT;
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r;

	if (!make && root_has_none())
		return 0;
	r = choose_path(&j.path, err);
	if (r < 0)
		return r;
	r = open_dir(&j, make, &problem);
	if (r == NVB_ERR_PERMISSION && !given_path() && runtime_dir_is_foreign(j.path))
		return make ? raise_foreign(j.path, err) : 0;
	if (r < 0 && err)
		*err = TAKE_PTR(problem);
	if (r <= 0)
		return r;
	r = read_boot_id(&j, err);
	if (r < 0)
		return r;
	*ret = j;
	j = (struct journal)JOURNAL_INIT;
	return 1;
}

void journal_done(struct journal *j)
{
	journal_unlock(j);
	closep(&j->fd);
	freep(&j->path);
	freep(&j->boot_id);
}

int journal_lock(struct journal *j, bool wait, struct nvb_error **err)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	_cleanup_close_ int fd = openat(
		j->fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return io_error("lock the journal of changes in", j->path, errno, err);
	for (unsigned i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return io_error("lock the journal of changes in", j->path, errno, err);
		if (!wait || i == LOCK_TRIES)
			return NVB_RAISE(err, NVB_ERR_BUSY, 0,
				"lock the journal of changes in '%s': another nvbind has it",
				j->path);
		(void)nanosleep(&pause, NULL);
	}
	j->lock_fd = TAKE_FD(fd);
	return 0;
}

void journal_unlock(struct journal *j)
{
	closep(&j->lock_fd);
}
