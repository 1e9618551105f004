/* SPDX-License-Identifier: Apache-2.0 */
/* The cache's file itself: damaged, hostile, in the way, not to be written, written by two. */
#include "cache-case.h"

#include <sys/resource.h>

#include "base/digest.h"
#include "base/runtime_dir.h"

#define HEAD_BYTES 32

struct bytes {
	char *data;
	size_t size;
};

static void bytes_done(struct bytes *b)
{
	free(b->data);
}

/* A host with a sound cache of it. */
static struct cache_case *cached_case(const char *host)
{
	struct cache_case *c = case_new(host);

	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
	find_file(c);
	return c;
}

static struct bytes read_cache(const struct cache_case *c)
{
	struct bytes b = { 0 };

	assert_int_equal(file_read_path(c->file, 4 << 20, &b.data, &b.size), 0);
	return b;
}

/* In place, so the file stays what it is. */
static void write_cache(const struct cache_case *c, const void *data, size_t size)
{
	_cleanup_close_ int fd = open(c->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, data, size), 0);
}

/* All bits of the head; behind it one bit in 117, so each of the eight in turn. */
static void test_every_byte(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	_cleanup_(bytes_done) struct bytes sound = read_cache(c);
	_cleanup_(inventory_freep) struct inventory *fresh = NULL;

	(void)state;
	assert_int_equal(inventory_discover(&c->s.tree, &fresh, NULL), 0);
	for (size_t bit = 0; bit < sound.size * 8; bit += bit < HEAD_BYTES * 8 ? 1 : 117) {
		_cleanup_(inventory_freep) struct inventory *inv = NULL;
		char *byte = sound.data + bit / 8;

		*byte = (char)(*byte ^ 1 << bit % 8);
		write_cache(c, sound.data, sound.size);
		*byte = (char)(*byte ^ 1 << bit % 8);
		if (case_open(c, &inv))
			fail_msg("bit %zu of %zu is not looked at", bit, sound.size * 8);
		same_inventory(inv, fresh);
	}
	write_cache(c, sound.data, sound.size);
	assert_true(case_open_checked(c));
}

static void test_every_length(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	_cleanup_(bytes_done) struct bytes sound = read_cache(c);

	(void)state;
	for (size_t size = 0; size < sound.size; size += 1 + size / 24) {
		write_cache(c, sound.data, size);
		assert_false(case_open_checked(c));
	}
	/* And with something behind. */
	sound.data = realloc(sound.data, sound.size + 1);
	assert_non_null(sound.data);
	sound.data[sound.size] = '\0';
	write_cache(c, sound.data, sound.size + 1);
	assert_false(case_open_checked(c));
	write_cache(c, sound.data, sound.size);
	assert_true(case_open_checked(c));
}

/* Bytes 16 to 32 of the head: the size and the digest. */
static void seal(char *data, size_t size)
{
	uint64_t number = size;

	memcpy(data + 16, &number, sizeof(number));
	number = digest_add(DIGEST_START, data + HEAD_BYTES, size - HEAD_BYTES);
	memcpy(data + 24, &number, sizeof(number));
}

/*
 * Someone who may write as we do can make us believe anything; but not crash us. Most files of this
 * kind are refused, since one answer or another is wrong.
 */
static void test_damage_with_a_seal(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("laptop-hybrid");
	_cleanup_(bytes_done) struct bytes sound = read_cache(c);
	size_t accepted = 0;

	(void)state;
	for (size_t i = HEAD_BYTES; i < sound.size; i += 41) {
		_cleanup_(inventory_freep) struct inventory *inv = NULL;
		char was = sound.data[i];

		sound.data[i] = (char)(i % 3 ? ~was : 0x7f);
		seal(sound.data, sound.size);
		write_cache(c, sound.data, sound.size);
		accepted += case_open(c, &inv);
		sound.data[i] = was;
	}
	/* The seal is the file's own: else nothing behind it was looked at. */
	assert_true(accepted > 0 && accepted < sound.size);
	seal(sound.data, sound.size);
	write_cache(c, sound.data, sound.size);
	assert_true(case_open_checked(c));
}

/* The file of another program: of other rules, of another release. */
static void test_other_program(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	_cleanup_(bytes_done) struct bytes sound = read_cache(c);
	char *version = memmem(sound.data, sound.size, NVBIND_VERSION, sizeof(NVBIND_VERSION));
	/* Behind the head and the length of the first text, which is the fingerprint. */
	char *const places[] = { sound.data + HEAD_BYTES + 4, version };

	(void)state;
	assert_non_null(version);
	for (size_t i = 0; i < ELEMENTS(places); i++) {
		const char was = *places[i];

		*places[i] = was == '1' ? '2' : '1';
		seal(sound.data, sound.size);
		write_cache(c, sound.data, sound.size);
		assert_false(case_open_checked(c));
		*places[i] = was;
		seal(sound.data, sound.size);
		write_cache(c, sound.data, sound.size);
		assert_true(case_open_checked(c));
	}
}

static void check_mode(struct cache_case *c, mode_t mode)
{
	assert_int_equal(chmod(c->file, mode), 0);
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
}

static void test_mode(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	struct stat st;

	(void)state;
	assert_int_equal(stat(c->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	check_mode(c, 0620);
	check_mode(c, 0602);
	check_mode(c, 0666);
	assert_int_equal(chmod(c->file, 0644), 0);
	assert_true(case_open_checked(c));
}

static void test_owner(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");

	(void)state;
	if (geteuid() != 0 || chown(c->file, 1, 1) < 0) {
		print_message("only root gives files away\n");
		skip();
	}
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
	/* Another's directory: nothing is read there, nor written. */
	assert_int_equal(chown(c->cache, 1, 1), 0);
	assert_false(case_open_checked(c));
	assert_int_equal(unlink(c->file), 0);
	assert_false(case_open_checked(c));
	assert_int_equal(access(c->file, F_OK), -1);
	assert_int_equal(chown(c->cache, 0, 0), 0);
	assert_int_equal(chmod(c->cache, 0777), 0);
	assert_false(case_open_checked(c));
	assert_int_equal(access(c->file, F_OK), -1);
}

/* The name is taken by what is no plain file of ours. Where it can be replaced, it is. */
static void test_other_kinds(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	char other[256];

	(void)state;
	(void)snprintf(other, sizeof(other), "%s.other", c->file);
	assert_int_equal(rename(c->file, other), 0);
	assert_int_equal(symlink(other, c->file), 0);
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
	/* A file of ours under a second name: who gave it that? */
	assert_int_equal(unlink(c->file), 0);
	assert_int_equal(link(other, c->file), 0);
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
	assert_int_equal(unlink(c->file), 0);
	assert_int_equal(mkfifo(c->file, 0600), 0);
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
	assert_int_equal(unlink(c->file), 0);
	assert_int_equal(mkdir(c->file, 0700), 0);
	assert_false(case_open_checked(c));
	assert_false(case_open_checked(c));
}

/* No place, or none to write to: everything goes on as without a cache. */
static void test_no_place(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = case_new("arc-xe");
	struct rlimit no_file = { .rlim_cur = 10, .rlim_max = RLIM_INFINITY }, before;

	(void)state;
	(void)snprintf(c->cache, sizeof(c->cache), "%s/missing/cache", c->directory);
	assert_false(case_open_checked(c));
	assert_false(case_open_checked(c));
	(void)snprintf(c->cache, sizeof(c->cache), "%s/file", c->directory);
	assert_int_equal(close(creat(c->cache, 0600)), 0);
	assert_false(case_open_checked(c));
	assert_int_equal(unlink(c->cache), 0);
	assert_int_equal(symlink(c->directory, c->cache), 0);
	assert_false(case_open_checked(c));
	/* Where files must be smaller than this one: SIGXFSZ would be the end. */
	(void)snprintf(c->cache, sizeof(c->cache), "%s/full", c->directory);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	no_file.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &no_file), 0);
	assert_false(case_open_checked(c));
	assert_false(case_open_checked(c));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rmdir(c->cache), 0);
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
}

/*
 * Whoever owns a link or a directory on the way to the cache decides what it is: sudo -E with a
 * user's NVBIND_STATE_DIR.
 */
static void test_way(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	char real[sizeof(c->cache)], link[128];

	(void)state;
	if (geteuid() != 0 || chown(c->file, 1, 1) < 0) {
		print_message("only root gives files away\n");
		skip();
	}
	assert_int_equal(chown(c->file, 0, 0), 0);
	memcpy(real, c->cache, sizeof(real));
	(void)snprintf(link, sizeof(link), "%s/link", c->directory);
	assert_int_equal(symlink(".", link), 0);
	(void)snprintf(c->cache, sizeof(c->cache), "%s/link/cache", c->directory);
	assert_true(case_open_checked(c));
	assert_int_equal(lchown(link, 1, 1), 0);
	assert_false(case_open_checked(c));
	assert_false(case_open_checked(c));
	memcpy(c->cache, real, sizeof(real));
	assert_true(case_open_checked(c));
	assert_int_equal(chown(c->directory, 1, 1), 0);
	assert_false(case_open_checked(c));
	assert_int_equal(chown(c->directory, 0, 0), 0);
	assert_true(case_open_checked(c));
}

static void put_beside(const struct cache_case *c, const char *name, time_t age)
{
	const time_t then = time(NULL) - age;
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", c->cache, name) > 0);
	assert_int_equal(close(creat(path, 0600)), 0);
	assert_int_equal(utimensat(AT_FDCWD, path,
				 (struct timespec[]){ { .tv_sec = then }, { .tv_sec = then } }, 0),
		0);
}

static void check_beside(const struct cache_case *c, const char *name, bool is_left)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", c->cache, name) > 0);
	if ((access(path, F_OK) == 0) != is_left)
		fail_msg("'%s' is %s", name, is_left ? "gone" : "left");
}

/* What killed processes and forgotten roots left is taken away with the next write. */
static void test_sweep(void **state)
{
	const time_t day = 24 * 60 * 60;
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	char left[256];
	const struct {
		const char *name;
		time_t age;
		bool is_left;
	} files[] = {
		{ left, 0, false },
		{ "inventory-1-2", 8 * day, false },
		{ "inventory-1-3", 6 * day, true },
		{ ".inventory-1-2.2147483646.new", 8 * day, false },
		{ ".inventory-1-3.2147483646.new", 0, true },
		{ "inventory", 8 * day, true },
		{ "other", 8 * day, true },
	};

	(void)state;
	(void)snprintf(left, sizeof(left), ".%s.2147483646.new", path_base_name(c->file));
	for (size_t i = 0; i < ELEMENTS(files); i++)
		put_beside(c, files[i].name, files[i].age);
	/* As old: but it is the one that is used. */
	put_beside(c, path_base_name(c->file), 8 * day);
	assert_false(case_open_checked(c));
	for (size_t i = 0; i < ELEMENTS(files); i++)
		check_beside(c, files[i].name, files[i].is_left);
	assert_true(case_open_checked(c));
}

/* Writes and damages the cache again and again; the inventory is right all the time. */
static _Noreturn void write_and_read(struct cache_case *c, const struct bytes *sound)
{
	for (unsigned i = 0; i < 30; i++) {
		if (i % 3 == 0)
			(void)unlink(c->file);
		if (i % 7 == 0)
			write_cache(c, sound->data, sound->size / 2);
		(void)case_open_checked(c);
	}
	_exit(0);
}

static void test_many_writers(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");
	_cleanup_(bytes_done) struct bytes sound = read_cache(c);
	pid_t children[4];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(children); i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			write_and_read(c, &sound);
	}
	for (size_t i = 0; i < ELEMENTS(children); i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	(void)case_open_checked(c);
	assert_true(case_open_checked(c));
}

static void check_directory(const char *expected)
{
	_cleanup_free_ char *directory = inventory_cache_directory();

	if (expected)
		assert_string_equal(directory, expected);
	else
		assert_null(directory);
}

static void test_directory(void **state)
{
	_cleanup_free_ char *directory = NULL;

	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
	assert_int_equal(unsetenv("NVBIND_NO_CACHE"), 0);
	assert_int_equal(setenv("NVBIND_STATE_DIR", "/some/where", 1), 0);
	check_directory("/some/where");
	assert_int_equal(setenv("NVBIND_NO_CACHE", "1", 1), 0);
	check_directory(NULL);
	assert_int_equal(setenv("NVBIND_NO_CACHE", "0", 1), 0);
	assert_int_equal(unsetenv("NVBIND_STATE_DIR"), 0);
	/* base/runtime_dir.h tells which. */
	assert_int_equal(runtime_dir_path(NULL, &directory, NULL), 0);
	check_directory(directory);
}

/* Off is off: by the environment, whatever there is. */
static void test_off(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = cached_case("arc-xe");

	(void)state;
	assert_int_equal(setenv("NVBIND_STATE_DIR", c->cache, 1), 0);
	for (int off = 0; off < 2; off++) {
		_cleanup_(inventory_freep) struct inventory *inv = NULL;

		assert_int_equal(setenv("NVBIND_NO_CACHE", off ? "1" : "", 1), 0);
		assert_int_equal(inventory_open(&c->s.tree, NULL, &inv, NULL), !off);
	}
	assert_int_equal(unsetenv("NVBIND_STATE_DIR"), 0);
	assert_int_equal(unsetenv("NVBIND_NO_CACHE"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_damage_with_a_seal),
		cmocka_unit_test(test_other_program),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_way),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_many_writers),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests_name("gpu cache file", tests, NULL, NULL);
}
