/* SPDX-License-Identifier: Apache-2.0 */
/* A directory tree to test with, made in /tmp and removed at the end; errors as tests want them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

#define ORDINARY_USER 61234

struct root {
	char path[64];
	int fd;
	struct arena *a;
	struct nvb_error *err;
};

static inline int root_set_up(void **state)
{
	struct root *r = calloc(1, sizeof(*r));

	if (!r)
		return -1;
	(void)snprintf(r->path, sizeof(r->path), "/tmp/nvbind-engine-XXXXXX");
	r->a = arena_new();
	if (!mkdtemp(r->path) || !r->a)
		return -1;
	r->fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = r;
	return r->fd < 0 ? -1 : 0;
}

static inline int root_tear_down(void **state)
{
	struct root *r = *state;
	int left = path_remove_tree(AT_FDCWD, r->path);

	closep(&r->fd);
	arena_free(r->a);
	nvb_error_free(r->err);
	free(r);
	return left;
}

/* Root may do what tests want to see refused: the tree and the test become an ordinary user's. */
static inline void root_become_ordinary(struct root *r)
{
	if (geteuid() != 0)
		return;
	assert_int_equal(fchown(r->fd, ORDINARY_USER, (gid_t)-1), 0);
	assert_int_equal(seteuid(ORDINARY_USER), 0);
}

static inline void root_become_self(void)
{
	assert_int_equal(seteuid(getuid()), 0);
}

static inline void root_dir(struct root *r, const char *path, mode_t mode)
{
	int fd = path_mkdir_all_in(r->fd, path, 0755);

	assert_true(fd >= 0);
	closep(&fd);
	assert_int_equal(fchmodat(r->fd, path, mode, 0), 0);
}

/* With the directories above it. */
static inline void root_file(struct root *r, const char *path, const char *text, mode_t mode)
{
	_cleanup_free_ char *dir = strdup(path);
	_cleanup_close_ int fd = -1;
	char *slash = strrchr(dir, '/');

	if (slash) {
		*slash = '\0';
		fd = path_mkdir_all_in(r->fd, dir, 0755);
		assert_true(fd >= 0);
		closep(&fd);
	}
	fd = openat(r->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static inline void root_link(struct root *r, const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, r->fd, path), 0);
}

/* The type and mode of what `path` is itself, 0 if it is not there. */
static inline mode_t root_mode(struct root *r, const char *path)
{
	struct stat st;

	return fstatat(r->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mode;
}

static inline int root_open(struct root *r, const char *path)
{
	int fd = openat(r->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* The status is `status`, and the message or the hint has `text`. Clears the error. */
static inline void assert_raised(struct root *r, int result, int status, const char *text)
{
	const char *hint;

	assert_non_null(r->err);
	hint = nvb_error_get_hint(r->err);
	if (result != status || nvb_error_status(r->err) != status ||
		(!strstr(nvb_error_message(r->err), text) && !(hint && strstr(hint, text))))
		fail_msg("status %d (wanted %d): %s; hint: %s; wanted '%s'", result, status,
			nvb_error_message(r->err), hint ? hint : "none", text);
	nvb_error_clear(&r->err);
}

static inline void assert_success(struct root *r, int result)
{
	if (result < 0)
		fail_msg("%s", r->err ? nvb_error_message(r->err) : "no message");
	assert_null(r->err);
}

static inline void assert_list(const struct string_list *list, const char *const *expected, size_t n)
{
	for (size_t i = 0; i < n && i < list->n; i++)
		assert_string_equal(list->items[i], expected[i]);
	assert_int_equal(list->n, n);
}

#define ASSERT_LIST(list, ...)                                              \
	do {                                                                \
		static const char *const expected_items[] = { __VA_ARGS__ }; \
		assert_list((list), expected_items, ELEMENTS(expected_items)); \
	} while (0)
