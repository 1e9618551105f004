/* SPDX-License-Identifier: Apache-2.0 */
/* Mounted libraries need a real container: tests/integration/hook.bats has those. */
#include "../host/scratch-tree.h"
#include "tiny-elf.h"

#include "format/ldcache.h"
#include "hook/cache.h"
#include "hook/libraries.h"

#define COMPAT "/usr/local/cuda/compat"

static void write_library(const struct scratch *s, const char *path, uint16_t machine)
{
	struct tiny_elf elf;

	tiny_elf_make(&elf, machine, NULL);
	scratch_write_bytes(s, path, &elf, sizeof(elf));
}

static int update(const struct scratch *s, struct nvb_error **err)
{
	const struct string_list none = { 0 };
	const struct cache_request request = { .folders = &none, .compat_folder = COMPAT };

	return cache_update(s->tree.root_fd, &request, s->arena, err);
}

static const char *cached(const struct scratch *s, const char *soname, enum ldcache_abi abi)
{
	_cleanup_free_ char *data = NULL;
	struct ldcache_entry entry;
	struct ldcache cache;
	size_t size;

	assert_int_equal(file_read_in(s->tree.root_fd, "/etc/ld.so.cache", LDCACHE_LIMIT_BYTES,
				 &data, &size),
		0);
	assert_int_equal(ldcache_parse(data, size, &cache, NULL), 0);
	return ldcache_find(&cache, soname, abi, &entry) ? arena_strdup(s->arena, entry.path)
							 : NULL;
}

static void test_loader(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(cache_find_loader(s->tree.root_fd), CACHE_LOADER_NONE);
	scratch_write(s, "/lib/ld-musl-x86_64.so.1", "");
	assert_int_equal(cache_find_loader(s->tree.root_fd), CACHE_LOADER_MUSL);
	scratch_write(s, "/usr/lib/loader", "");
	assert_int_equal(mkdirat(s->tree.root_fd, "lib64", 0755), 0);
	assert_int_equal(
		symlinkat("/usr/lib/loader", s->tree.root_fd, "lib64/ld-linux-x86-64.so.2"), 0);
	assert_int_equal(cache_find_loader(s->tree.root_fd), CACHE_LOADER_GLIBC);
}

static void test_write_and_keep(void **state)
{
	const struct scratch *s = *state;
	struct stat before, after;

	write_library(s, COMPAT "/libcuda.so.1", EM_X86_64);
	write_library(s, COMPAT "/libother.so.2", EM_AARCH64);
	scratch_write(s, COMPAT "/libtext.so", "GROUP ( libc.so.6 )");
	write_library(s, COMPAT "/nolib.so", EM_X86_64);
	assert_int_equal(update(s, NULL), 1);
	assert_string_equal(cached(s, "libcuda.so.1", LDCACHE_X86_64), COMPAT "/libcuda.so.1");
	assert_string_equal(cached(s, "libother.so.2", LDCACHE_AARCH64), COMPAT "/libother.so.2");
	assert_null(cached(s, "libtext.so", LDCACHE_X86_64));
	assert_null(cached(s, "nolib.so", LDCACHE_X86_64));
	assert_int_equal(path_stat_in(s->tree.root_fd, "/etc/ld.so.cache", &before), 0);
	assert_int_equal(before.st_mode & 07777, 0644);
	/* Everything is there: the file stays. */
	assert_int_equal(update(s, NULL), 0);
	assert_int_equal(path_stat_in(s->tree.root_fd, "/etc/ld.so.cache", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void test_merge(void **state)
{
	static const struct ldcache_library image[] = {
		{ "libcuda.so.1", "/usr/lib/libcuda.so.1", LDCACHE_X86_64 },
		{ "libcuda.so.1", "/usr/lib32/libcuda.so.1", LDCACHE_I386 },
		{ "libz.so.1", "/usr/lib/libz.so.1", LDCACHE_X86_64 },
	};
	const struct scratch *s = *state;
	const void *data;
	size_t size;

	assert_int_equal(ldcache_write(image, 3, s->arena, &data, &size, NULL), 0);
	scratch_write_bytes(s, "/etc/ld.so.cache", data, size);
	write_library(s, COMPAT "/libcuda.so.1", EM_X86_64);
	assert_int_equal(update(s, NULL), 1);
	assert_string_equal(cached(s, "libcuda.so.1", LDCACHE_X86_64), COMPAT "/libcuda.so.1");
	assert_string_equal(cached(s, "libcuda.so.1", LDCACHE_I386), "/usr/lib32/libcuda.so.1");
	assert_string_equal(cached(s, "libz.so.1", LDCACHE_X86_64), "/usr/lib/libz.so.1");
}

static void test_damaged_cache(void **state)
{
	const struct scratch *s = *state;

	scratch_write(s, "/etc/ld.so.cache", "glibc-ld.so.cache1.1 and then nothing of use");
	write_library(s, COMPAT "/libcuda.so.1", EM_X86_64);
	assert_int_equal(update(s, NULL), 1);
	assert_non_null(cached(s, "libcuda.so.1", LDCACHE_X86_64));
}

static void test_configuration(void **state)
{
	const struct scratch *s = *state;
	_cleanup_free_ char *text = NULL, *include = NULL;
	struct stat st;

	write_library(s, COMPAT "/libcuda.so.1", EM_X86_64);
	/* Nobody in this root could read it. */
	assert_int_equal(update(s, NULL), 1);
	assert_int_equal(path_stat_in(s->tree.root_fd, "/etc/ld.so.conf.d", &st), -ENOENT);
	assert_int_equal(unlinkat(s->tree.root_fd, "etc/ld.so.cache", 0), 0);
	scratch_write(s, "/sbin/ldconfig", "");
	assert_int_equal(update(s, NULL), 1);
	assert_int_equal(file_read_in(s->tree.root_fd, "/etc/ld.so.conf.d/00-nvbind-compat.conf",
				 100, &text, NULL),
		0);
	assert_string_equal(text, COMPAT "\n");
	assert_int_equal(file_read_in(s->tree.root_fd, "/etc/ld.so.conf", 100, &include, NULL), 0);
	assert_string_equal(include, "include /etc/ld.so.conf.d/*.conf\n");
}

static void test_names_no_cache_can_hold(void **state)
{
	const struct scratch *s = *state;
	struct library_list list = { 0 };

	write_library(s, COMPAT "/lib b.so", EM_X86_64);
	write_library(s, COMPAT "/libx.so.12345678901", EM_X86_64);
	write_library(s, COMPAT "/libm.so.0", EM_MIPS);
	write_library(s, COMPAT "/libgood.so.1", EM_X86_64);
	assert_int_equal(
		symlinkat("libgood.so.1", s->tree.root_fd, "usr/local/cuda/compat/libgood.so"), 0);
	assert_int_equal(
		symlinkat("/nowhere", s->tree.root_fd, "usr/local/cuda/compat/libbad.so"), 0);
	assert_int_equal(mkfifoat(s->tree.root_fd, "usr/local/cuda/compat/libfifo.so", 0644), 0);
	assert_int_equal(
		libraries_of_folder(s->tree.root_fd, COMPAT, LIBRARIES_ALL, s->arena, &list, NULL),
		0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].soname, "libgood.so.1");
	assert_string_equal(list.items[1].soname, "libgood.so");
	assert_string_equal(list.items[1].path, COMPAT "/libgood.so");
}

/* Nothing is mounted here, so nothing is the driver's. */
static void test_mounted_only(void **state)
{
	const struct scratch *s = *state;
	struct library_list list = { 0 };

	write_library(s, "/usr/lib/libcuda.so.1", EM_X86_64);
	assert_int_equal(libraries_of_folder(s->tree.root_fd, "/usr/lib", LIBRARIES_MOUNTED,
				 s->arena, &list, NULL),
		0);
	assert_int_equal(list.n, 0);
	assert_int_equal(
		libraries_of_folder(s->tree.root_fd, "/none", LIBRARIES_ALL, s->arena, &list, NULL),
		0);
	assert_int_equal(list.n, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_loader),
		TEST(test_write_and_keep),
		TEST(test_merge),
		TEST(test_damaged_cache),
		TEST(test_configuration),
		TEST(test_names_no_cache_can_hold),
		TEST(test_mounted_only),
	};

	return cmocka_run_group_tests_name("hook/cache", tests, NULL, NULL);
}
