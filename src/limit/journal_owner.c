/* SPDX-License-Identifier: Apache-2.0 */
/* For whom changes were made: a file each, locked for as long as the container lives. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "limit/journal.h"

#define OWNER_PREFIX	 "owner-"
#define NAME_LIMIT_BYTES 256

struct owner_name {
	char text[sizeof(OWNER_PREFIX) + JOURNAL_ID_LENGTH];
};

static struct owner_name name_of(const char *id)
{
	struct owner_name name;

	(void)snprintf(name.text, sizeof(name.text), OWNER_PREFIX "%.*s", JOURNAL_ID_LENGTH, id);
	return name;
}

int journal_owner_new(
	struct journal *j, const char *holder, struct journal_owner *ret, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	struct journal_owner owner;
	struct owner_name name;
	uint64_t number;
	errint_t e;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return NVB_RAISE(err, NVB_ERR_IO, errno, "choose a random name");
	(void)snprintf(owner.id, sizeof(owner.id), "%016" PRIx64, number);
	name = name_of(owner.id);
	fd = openat(j->fd, name.text, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	e = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0
		    ? -errno
		    : file_write_fd(fd, holder, strnlen(holder, NAME_LIMIT_BYTES));
	if (e < 0) {
		if (fd >= 0)
			(void)unlinkat(j->fd, name.text, 0);
		return NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "create '%s/%s'",
			j->path, name.text);
	}
	owner.fd = TAKE_FD(fd);
	*ret = owner;
	return 0;
}

void journal_owner_remove(struct journal *j, struct journal_owner *owner)
{
	(void)unlinkat(j->fd, name_of(owner->id).text, 0);
	closep(&owner->fd);
}

static bool name_lives(struct journal *j, const char *name)
{
	_cleanup_close_ int fd =
		openat(j->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno != ENOENT;
	return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

bool journal_owner_lives(struct journal *j, const char *id)
{
	return name_lives(j, name_of(id).text);
}

const char *journal_owner_name(struct journal *j, struct arena *a, const char *id)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT((size_t)4 * NAME_LIMIT_BYTES + 1);
	_cleanup_free_ char *text = NULL;

	if (file_read_regular_in(j->fd, name_of(id).text, NAME_LIMIT_BYTES, &text, NULL) < 0)
		return NULL;
	strbuf_escaped_add(&shown, text, NAME_LIMIT_BYTES);
	return *text && !strbuf_failed(&shown) ? arena_strdup(a, strbuf_str(&shown)) : NULL;
}

void journal_sweep_owners(struct journal *j, struct arena *a)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct string_list gone = { 0 };
	struct dirent *entry;
	int fd = openat(j->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		closep(&fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, OWNER_PREFIX, strlen(OWNER_PREFIX)) == 0 &&
			!name_lives(j, entry->d_name))
			(void)string_list_printf(a, &gone, "%s", entry->d_name);
	vec_foreach (const char *, name, &gone)
		(void)unlinkat(j->fd, *name, 0);
}
