/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/lease_file.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"

#define MAGIC	      "nvblease"
#define VERSION	      2
#define PAGE_STRIDE   (sizeof(struct lease_page) + LEASE_PAGE_SLOTS * LEASE_BODY_BYTES)
#define SLOT_LOCKS    ((off_t)1 << 40) /* far behind the end: bytes that only locks know */
#define GUARD_LIMIT_S 5
#define FIRST_PAUSE   20000L
#define LAST_PAUSE    2000000L

static int io_error(
	const char *verb, const struct lease_file *file, int errnum, struct nvb_error **err)
{
	int r = NVB_RAISE(err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum,
		"%s the lease file '%s'", verb, file->name);

	if (errnum == ENOSPC)
		return NVB_HINT(
			err, r, "make room in the file system of the leases, '/run' for root");
	return r;
}

static int raise_format(const struct lease_file *file, const char *what, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read the lease file '%s': %s", file->name, what),
		"end all containers with GPUs, then remove the file");
}

bool lease_file_is_name(const char *name)
{
	size_t length = strlen(name);

	return length && length < LEASE_NAME_BYTES && name[0] != '.' &&
	       strspn(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:.-") ==
		       length;
}

/* A FIFO is not waited for, and no link is followed. Others cannot enter the directory. */
int lease_file_open(const struct lease_dir *dir, const char *name, bool create,
	struct lease_file *ret, struct nvb_error **err)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct lease_file file = { .name = name };

	/* It is there but for the first time: O_CREAT would lock the directory each time. */
	file.fd = openat(dir->fd, name, flags);
	if (file.fd < 0 && errno == ENOENT && !create)
		return 0;
	if (file.fd < 0 && errno == ENOENT)
		file.fd = openat(dir->fd, name, flags | O_CREAT, 0600);
	if (file.fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return raise_format(&file, "it is not a regular file", err);
	if (file.fd < 0)
		return io_error("open", &file, errno, err);
	*ret = file;
	return 1;
}

/* Locks. */

static int set_lock(int fd, short type, off_t start)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static bool is_past(const struct timespec *end)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

/* Its holder may be stopped: there is no lock of the kernel's that waits for a time. */
static int wait_for_lock(struct lease_file *file, struct nvb_error **err)
{
	struct timespec end, pause = { .tv_nsec = FIRST_PAUSE };

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += GUARD_LIMIT_S;
	do {
		(void)nanosleep(&pause, NULL);
		if (set_lock(file->fd, F_WRLCK, 0) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return io_error("lock", file, errno, err);
		if (pause.tv_nsec < LAST_PAUSE)
			pause.tv_nsec *= 2;
	} while (!is_past(&end));
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_BUSY, 0,
			"lock the lease file '%s': another nvbind has it for more than %d s",
			file->name, GUARD_LIMIT_S),
		"it is stopped or hangs: lslocks(8) shows its process");
}

int lease_file_lock(struct lease_file *file, struct nvb_error **err)
{
	if (set_lock(file->fd, F_WRLCK, 0) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return wait_for_lock(file, err);
	return io_error("lock", file, errno, err);
}

void lease_file_unlock(struct lease_file *file)
{
	(void)set_lock(file->fd, F_UNLCK, 0);
}

int lease_file_lock_slot(const struct lease_file *file, unsigned slot, struct nvb_error **err)
{
	if (set_lock(file->fd, F_WRLCK, SLOT_LOCKS + slot) == 0)
		return 0;
	return io_error("lock a slot of", file, errno, err);
}

void lease_file_unlock_slot(const struct lease_file *file, unsigned slot)
{
	(void)set_lock(file->fd, F_UNLCK, SLOT_LOCKS + slot);
}

errint_t lease_file_slot_is_locked(const struct lease_file *file, unsigned slot)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SLOT_LOCKS + slot, .l_len = 1
	};

	if (fcntl(file->fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type != F_UNLCK;
}

/* Pages. */

static off_t page_offset(unsigned page)
{
	return (off_t)page * (off_t)PAGE_STRIDE;
}

static off_t head_offset(unsigned slot)
{
	return page_offset(slot / LEASE_PAGE_SLOTS) + (off_t)offsetof(struct lease_page, heads) +
	       (off_t)(slot % LEASE_PAGE_SLOTS * sizeof(struct lease_head));
}

static off_t body_offset(unsigned slot)
{
	return page_offset(slot / LEASE_PAGE_SLOTS) + (off_t)sizeof(struct lease_page) +
	       (off_t)(slot % LEASE_PAGE_SLOTS) * LEASE_BODY_BYTES;
}

static int write_at(const struct lease_file *file, off_t offset, const void *data, size_t length,
	struct nvb_error **err)
{
	ssize_t n;

	do
		n = pwrite(file->fd, data, length, offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return io_error("write", file, errno, err);
	/* A full file system may take a part; a head of which a part is there is torn. */
	return (size_t)n == length ? 0 : io_error("write", file, ENOSPC, err);
}

static uint64_t header_check(const struct lease_header *header)
{
	return digest_add(DIGEST_START, header, offsetof(struct lease_header, check));
}

static void make_header(struct lease_header *ret, unsigned page, unsigned pages)
{
	*ret = (struct lease_header){ .version = VERSION, .page = page, .pages = pages };
	memcpy(ret->magic, MAGIC, sizeof(ret->magic));
	ret->check = header_check(ret);
}

static int make_page(
	struct lease_file *file, unsigned n, struct lease_page *ret, struct nvb_error **err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	make_header(&ret->header, n, 1);
	r = write_at(file, page_offset(n), ret, sizeof(*ret), err);
	return r < 0 ? r : 1;
}

static int check_header(const struct lease_file *file, unsigned n,
	const struct lease_header *header, struct nvb_error **err)
{
	if (memcmp(header->magic, MAGIC, sizeof(header->magic)) != 0)
		return raise_format(file, "it is not a lease file", err);
	if (header->version != VERSION)
		return raise_format(file, "it is of another version of nvbind", err);
	if (header->page != n || header->check != header_check(header) || !header->pages ||
		header->pages > LEASE_PAGES)
		return raise_format(file, "it is damaged", err);
	return 1;
}

/*
 * A first page that is shorter than it must be was being made when its maker died: holders are
 * written into whole ones only.
 */
int lease_file_read(
	struct lease_file *file, unsigned n, struct lease_page *ret, struct nvb_error **err)
{
	ssize_t length;
	int r;

	if (n && n >= file->pages)
		return 0;
	do
		length = pread(file->fd, ret, sizeof(*ret), page_offset(n));
	while (length < 0 && errno == EINTR);
	if (length < 0 && errno == ESPIPE)
		return raise_format(file, "it is not a regular file", err);
	if (length < 0)
		return io_error("read", file, errno, err);
	if ((size_t)length == sizeof(*ret))
		r = check_header(file, n, &ret->header, err);
	else
		r = n ? raise_format(file, "it is too short", err) : make_page(file, n, ret, err);
	if (r > 0 && !n)
		file->pages = ret->header.pages;
	return r;
}

/* A page counts from when the first one says so. */
int lease_file_grow(struct lease_file *file, struct nvb_error **err)
{
	struct lease_header first;
	struct lease_page page;
	int r;

	if (file->pages >= LEASE_PAGES)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_LIMIT, 0, "the lease file '%s' has %d holders",
				file->name, LEASE_PAGES * LEASE_PAGE_SLOTS),
			"end some of the containers that 'nvbind lease list' shows");
	r = make_page(file, file->pages, &page, err);
	if (r < 0)
		return r;
	make_header(&first, 0, file->pages + 1);
	r = write_at(file, 0, &first, sizeof(first), err);
	if (r < 0)
		return r;
	file->pages++;
	return 0;
}

/* Slots. */

int lease_body_pack(
	const struct lease_request *request, struct lease_body *ret, struct nvb_error **err)
{
	const char *const texts[] = { request->holder, request->engine, request->pid_file,
		request->cgroup };
	const char **places[] = { &ret->holder, &ret->engine, &ret->pid_file, &ret->cgroup };
	size_t used = 0;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		size_t length = texts[i] ? strlen(texts[i]) : 0;

		if (length >= LEASE_BODY_BYTES - used)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"note the holder of a GPU: its name and paths are longer than %d "
				"bytes",
				LEASE_BODY_BYTES - 4);
		*places[i] = ret->text + used;
		if (length)
			memcpy(ret->text + used, texts[i], length);
		used += length;
		ret->text[used++] = '\0';
	}
	return 0;
}

/* The last text ends the body. */
static size_t body_length(const struct lease_body *body)
{
	return (size_t)(body->cgroup - body->text) + strlen(body->cgroup) + 1;
}

static uint64_t head_check(const struct lease_head *head)
{
	struct lease_head copy = *head;

	copy.state = 0;
	copy.check = 0;
	return digest_add(DIGEST_START, &copy, sizeof(copy));
}

static uint32_t body_check(const struct lease_body *body, size_t length)
{
	return (uint32_t)digest_add(DIGEST_START, body->text, length);
}

bool lease_head_is_whole(const struct lease_head *head)
{
	return head->check == head_check(head) && head->mode >= LEASE_SHARED &&
	       head->mode <= LEASE_EXCLUSIVE &&
	       memchr(head->partition, '\0', sizeof(head->partition));
}

void lease_head_seal(struct lease_head *head, const struct lease_body *body)
{
	if (body) {
		head->body_length = (uint16_t)body_length(body);
		head->body_check = body_check(body, head->body_length);
	}
	head->check = head_check(head);
}

int lease_file_write_slot(const struct lease_file *file, unsigned slot,
	const struct lease_head *head, const struct lease_body *body, struct nvb_error **err)
{
	int r = write_at(file, body_offset(slot), body->text, head->body_length, err);

	return r < 0 ? r : write_at(file, head_offset(slot), head, sizeof(*head), err);
}

int lease_file_write_head(const struct lease_file *file, unsigned slot,
	const struct lease_head *head, struct nvb_error **err)
{
	const size_t skipped = sizeof(head->state);

	return write_at(file, head_offset(slot) + (off_t)skipped, (const char *)head + skipped,
		sizeof(*head) - skipped, err);
}

int lease_file_write_state(const struct lease_file *file, unsigned slot,
	enum lease_slot_state state, struct nvb_error **err)
{
	uint32_t value = state;

	return write_at(file, head_offset(slot), &value, sizeof(value), err);
}

static bool split_body(struct lease_body *body, size_t length)
{
	const char **places[] = { &body->holder, &body->engine, &body->pid_file, &body->cgroup };
	size_t at = 0;

	for (size_t i = 0; i < ELEMENTS(places); i++) {
		const char *end = at < length ? memchr(body->text + at, '\0', length - at) : NULL;

		if (!end)
			return false;
		*places[i] = body->text + at;
		at = (size_t)(end - body->text) + 1;
	}
	return at == length;
}

bool lease_file_read_body(const struct lease_file *file, unsigned slot,
	const struct lease_head *head, struct lease_body *ret)
{
	const size_t length = head->body_length;

	if (length <= sizeof(ret->text) &&
		pread(file->fd, ret->text, length, body_offset(slot)) == (ssize_t)length &&
		body_check(ret, length) == head->body_check && split_body(ret, length))
		return true;
	ret->text[0] = '\0';
	ret->holder = ret->engine = ret->pid_file = ret->cgroup = ret->text;
	return false;
}
