/* SPDX-License-Identifier: Apache-2.0 */
/* Where the journal is, who may enter it, and its lock. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/state_dir.h"
#include "limit/journal.h"

#define SYSTEM_DIR     "/run/nvbind/journal"
#define LOCK_NAME      ".lock"
#define LOCK_TRIES     3000
#define LOCK_PAUSE_NS  10000000L
#define BOOT_ID_PATH   "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36
#define OPEN_DIR       (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int io_error(const char *verb, const char *path, int errnum, struct nvb_error **err)
{
	return NVB_RAISE(
		err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum, "%s '%s'", verb, path);
}

static int choose_path(char **ret_path, struct nvb_error **err)
{
	const char *given = secure_getenv("NVBIND_JOURNAL_DIR");
	const char *session = secure_getenv("XDG_RUNTIME_DIR");

	*ret_path = NULL;
	if (given && *given) {
		if (given[0] != '/')
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"NVBIND_JOURNAL_DIR '%s' is not an absolute path", given);
		*ret_path = strdup(given);
	} else if (state_dir_is_root()) {
		*ret_path = strdup(SYSTEM_DIR);
	} else if (session && session[0] == '/') {
		if (asprintf(ret_path, "%s/nvbind/journal", session) < 0)
			*ret_path = NULL;
	} else {
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
			"find a directory for the journal of changes: no XDG_RUNTIME_DIR");
	}
	return *ret_path ? 0 : NVB_OOM(err);
}

/* Asked for at each start of a container: one system call where root never changed anything. */
static bool root_has_none(void)
{
	return !secure_getenv("NVBIND_JOURNAL_DIR") && geteuid() == 0 &&
	       access(SYSTEM_DIR, F_OK) < 0 && errno == ENOENT;
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
	errint_t e = file_read_path(BOOT_ID_PATH, 64, &j->boot_id, NULL);

	if (e < 0 || strlen(j->boot_id) < BOOT_ID_LENGTH)
		return io_error("read", BOOT_ID_PATH, -e, err);
	j->boot_id[BOOT_ID_LENGTH] = '\0';
	return 0;
}

int journal_open(bool make, struct journal *ret, struct nvb_error **err)
{
	_cleanup_(journal_done) struct journal j = JOURNAL_INIT;
	int r;

	if (!make && root_has_none())
		return 0;
	r = choose_path(&j.path, err);
	if (r < 0)
		return r;
	j.fd = open(j.path, OPEN_DIR);
	if (j.fd < 0 && errno == ENOENT) {
		if (!make)
			return 0;
		r = make_dir(j.path, err);
		if (r < 0)
			return r;
		j.fd = open(j.path, OPEN_DIR);
	}
	if (j.fd < 0)
		return io_error("open the directory", j.path, errno, err);
	r = check_alone(j.fd, j.path, err);
	if (r >= 0)
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
