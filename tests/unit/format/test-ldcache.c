/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/spawn.h"
#include "format/ldcache.h"

#define HEADER 48
#define ENTRY  24

static const struct ldcache_library libraries[] = {
	{ "libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", LDCACHE_X86_64 },
	{ "libcuda.so.1", "/usr/lib/i386-linux-gnu/libcuda.so.1", LDCACHE_I386 },
	{ "libfoo.so.10", "/opt/foo/libfoo.so.10.2", LDCACHE_X86_64 },
	{ "libfoo.so.9", "/opt/foo/libfoo.so.9", LDCACHE_X86_64 },
	{ "libcuda.so.1", "/usr/local/cuda/compat/libcuda.so.1", LDCACHE_X86_64 },
	{ "ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2", LDCACHE_ANY },
	{ "libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", LDCACHE_AARCH64 },
};

struct made {
	struct arena *arena;
	unsigned char *data;
	size_t size;
};

static void made_done(struct made *m)
{
	arena_free(m->arena);
}

static void make(struct made *m)
{
	const void *data;

	m->arena = arena_new();
	assert_int_equal(
		ldcache_write(libraries, ELEMENTS(libraries), m->arena, &data, &m->size, NULL), 0);
	m->data = arena_memdup(m->arena, data, m->size);
}

static void put32(unsigned char *p, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static void assert_found(
	const struct ldcache *c, const char *soname, enum ldcache_abi abi, const char *path)
{
	struct ldcache_entry entry;

	assert_int_equal(ldcache_find(c, soname, abi, &entry), 1);
	assert_string_equal(entry.path, path);
}

static void test_write_and_read(void **state)
{
	_cleanup_(made_done) struct made m = { 0 };
	struct ldcache_entry entry, before;
	struct ldcache c;

	(void)state;
	make(&m);
	assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
	assert_int_equal(c.n, ELEMENTS(libraries));
	assert_int_equal(c.n_hwcap, 0);
	assert_found(&c, "libcuda.so.1", LDCACHE_X86_64, libraries[0].path);
	assert_found(&c, "libcuda.so.1", LDCACHE_I386, libraries[1].path);
	assert_found(&c, "libfoo.so.10", LDCACHE_X86_64, libraries[2].path);
	assert_found(&c, "libfoo.so.9", LDCACHE_X86_64, libraries[3].path);
	assert_found(&c, "ld-linux-x86-64.so.2", LDCACHE_X86_64, libraries[5].path);
	assert_found(&c, "ld-linux-x86-64.so.2", LDCACHE_I386, libraries[5].path);
	assert_found(&c, "libc.so.6", LDCACHE_AARCH64, libraries[6].path);
	assert_int_equal(ldcache_find(&c, "libc.so.6", LDCACHE_X86_64, &entry), 0);
	assert_int_equal(ldcache_find(&c, "libfoo.so.1", LDCACHE_X86_64, &entry), 0);
	assert_int_equal(ldcache_find(&c, "", LDCACHE_X86_64, &entry), 0);
	assert_int_equal(ldcache_find(&c, "libcuda.so.1", LDCACHE_OTHER, &entry), 0);
	for (size_t i = 1; i < c.n; i++) {
		ldcache_get(&c, i - 1, &before);
		ldcache_get(&c, i, &entry);
		assert_true(ldcache_compare(before.soname, entry.soname) >= 0);
	}
}

static void test_order(void **state)
{
	(void)state;
	assert_true(ldcache_compare("libfoo.so.10", "libfoo.so.9") > 0);
	assert_true(ldcache_compare("libfoo.so.9", "libfoo.so.10") < 0);
	assert_int_equal(ldcache_compare("liba.so.1", "liba.so.01"), 0);
	assert_true(ldcache_compare("lib1", "liba") > 0);
	assert_true(ldcache_compare("liba", "lib1") < 0);
	assert_true(ldcache_compare("liba", "libaa") < 0);
	assert_int_equal(ldcache_compare("", ""), 0);
}

static void test_empty(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct ldcache_entry entry;
	const void *data;
	struct ldcache c;
	size_t size;

	(void)state;
	assert_int_equal(ldcache_write(NULL, 0, a, &data, &size, NULL), 0);
	assert_int_equal(size, HEADER);
	assert_int_equal(ldcache_parse(data, size, &c, NULL), 0);
	assert_int_equal(c.n, 0);
	assert_int_equal(ldcache_find(&c, "libc.so.6", LDCACHE_X86_64, &entry), 0);
}

static void assert_refused(const void *data, size_t size, int status, const char *part)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct ldcache c;

	assert_int_equal(ldcache_parse(data, size, &c, &err), status);
	if (!strstr(nvb_error_message(err), part))
		fail_msg("'%s' does not say: %s", nvb_error_message(err), part);
}

#define LIE(change, status, part)                                                                  \
	do {                                                                                       \
		_cleanup_(made_done) struct made m = { 0 };                                        \
		make(&m);                                                                          \
		change;                                                                            \
		assert_refused(m.data, m.size, (status), (part));                                  \
	} while (0)

static void test_lies(void **state)
{
	(void)state;
	LIE(m.data[0] = 'x', NVB_ERR_FORMAT, "does not start as one");
	LIE(m.size = 0, NVB_ERR_FORMAT, "does not start as one");
	LIE(m.size = 20, NVB_ERR_FORMAT, "ends in its header");
	LIE(m.size = HEADER, NVB_ERR_FORMAT, "it claims 7 entries");
	LIE(m.size--, NVB_ERR_FORMAT, "bytes of names, more than it has");
	LIE(put32(m.data + 20, UINT32_MAX), NVB_ERR_FORMAT, "it claims 4294967295 entries");
	LIE(put32(m.data + 24, UINT32_MAX), NVB_ERR_FORMAT, "it claims 4294967295 bytes of names");
	LIE(m.data[28] = 3, NVB_ERR_UNSUPPORTED, "big-endian");
	LIE(m.data[28] = 1, NVB_ERR_FORMAT, "unfinished");
	LIE(put32(m.data + HEADER + 4, UINT32_MAX), NVB_ERR_FORMAT, "the name of entry 0 lies");
	LIE(put32(m.data + HEADER + ENTRY + 8, (uint32_t)m.size), NVB_ERR_FORMAT,
		"the path of entry 1 lies");
	LIE(m.data[m.size - 1] = 'x', NVB_ERR_FORMAT, "has no end");
	assert_refused("ld.so-1.7.0\0\xff\xff\xff\xff", 16, NVB_ERR_FORMAT, "its old part claims");
	assert_refused("ld.so-1.7.0", 11, NVB_ERR_FORMAT, "ends in its header");
	assert_refused("x", LDCACHE_LIMIT_BYTES + 1, NVB_ERR_LIMIT, "more than 67108864 bytes");
}

/* Names are bounded: a cache cannot make a reader walk its whole length for every entry. */
static void test_endless_name(void **state)
{
	unsigned char *data = calloc(1, 10000);

	(void)state;
	memcpy(data, "glibc-ld.so.cache1.1", 20);
	put32(data + 20, 1);
	put32(data + HEADER, 0x0303);
	put32(data + HEADER + 4, 100);
	put32(data + HEADER + 8, 99);
	memset(data + 100, 'x', 256);
	assert_refused(data, 10000, NVB_ERR_FORMAT, "the name of entry 0 has no end");
	put32(data + HEADER + 4, 99);
	put32(data + HEADER + 8, 100);
	memset(data + 100, 'x', 4096);
	assert_refused(data, 10000, NVB_ERR_FORMAT, "the path of entry 0 has no end");
	free(data);
}

static void test_old_part_in_front(void **state)
{
	_cleanup_(made_done) struct made m = { 0 };
	_cleanup_free_ unsigned char *both = NULL;
	struct ldcache c;

	(void)state;
	make(&m);
	/* A header, one entry, four bytes to the next multiple of eight. */
	both = calloc(1, 32 + m.size);
	memcpy(both, "ld.so-1.7.0", 11);
	put32(both + 12, 1);
	memcpy(both + 32, m.data, m.size);
	assert_int_equal(ldcache_parse(both, 32 + m.size, &c, NULL), 0);
	assert_int_equal(c.n, ELEMENTS(libraries));
	assert_found(&c, "libfoo.so.10", LDCACHE_X86_64, libraries[2].path);
}

static void test_old_part_alone(void **state)
{
	unsigned char old[64] = "ld.so-1.7.0";
	struct ldcache c;

	(void)state;
	put32(old + 12, 1);
	put32(old + 16, 3);
	put32(old + 20, 0);
	put32(old + 24, 10);
	memcpy(old + 28, "libc.so.6", 10);
	memcpy(old + 38, "/lib/libc.so.6", 15);
	assert_int_equal(ldcache_parse(old, sizeof(old), &c, NULL), 0);
	assert_found(&c, "libc.so.6", LDCACHE_I386, "/lib/libc.so.6");
}

static void test_hwcap(void **state)
{
	_cleanup_(made_done) struct made m = { 0 };
	struct ldcache_entry entry;
	struct ldcache c;

	(void)state;
	make(&m);
	assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
	for (size_t i = 0; i < c.n; i++) {
		ldcache_get(&c, i, &entry);
		if (strcmp(entry.path, libraries[0].path) == 0 ||
			strcmp(entry.path, libraries[2].path) == 0)
			m.data[HEADER + i * ENTRY + 23] = 0x40;
	}
	assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
	assert_int_equal(c.n_hwcap, 2);
	assert_found(&c, "libcuda.so.1", LDCACHE_X86_64, libraries[4].path);
	assert_int_equal(ldcache_find(&c, "libfoo.so.10", LDCACHE_X86_64, &entry), 1);
	assert_true(entry.needs_hwcap);
}

static void test_names_that_cannot_be_written(void **state)
{
	static const struct ldcache_library bad[] = {
		{ "", "/lib/x", LDCACHE_X86_64 },
		{ "a/b", "/lib/x", LDCACHE_X86_64 },
		{ "a b", "/lib/x", LDCACHE_X86_64 },
		{ "a\xff", "/lib/x", LDCACHE_X86_64 },
		{ "lib1234567890", "/lib/x", LDCACHE_X86_64 },
		{ "liba", "lib/x", LDCACHE_X86_64 },
		{ "liba", "", LDCACHE_X86_64 },
		{ "liba", "/lib/x", LDCACHE_OTHER },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const void *data = NULL;
	size_t size;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;

		assert_int_equal(ldcache_write(&bad[i], 1, a, &data, &size, &err), NVB_ERR_FORMAT);
		assert_non_null(err);
		assert_null(data);
	}
}

/* Checks against the real glibc. */

struct scratch {
	char path[64];
};

static void scratch_done(struct scratch *s)
{
	(void)path_remove_tree(AT_FDCWD, s->path);
}

static void scratch_make(struct scratch *s)
{
	(void)snprintf(s->path, sizeof(s->path), "/tmp/nvbind-ldcache-XXXXXX");
	assert_non_null(mkdtemp(s->path));
}

static void write_file(const char *path, const void *data, size_t size)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, data, size), 0);
}

static void test_ldconfig_reads_it(void **state)
{
	_cleanup_free_ char *ldconfig = spawn_find_program("ldconfig", SPAWN_SYSTEM_PATH);
	_cleanup_(scratch_done) struct scratch scratch;
	_cleanup_(made_done) struct made m = { 0 };
	_cleanup_free_ char *path = NULL, *output = NULL;
	struct spawn_exit e;

	(void)state;
	if (!ldconfig)
		skip();
	scratch_make(&scratch);
	make(&m);
	assert_true(asprintf(&path, "%s/cache", scratch.path) > 0);
	write_file(path, m.data, m.size);
	assert_int_equal(
		spawn_capture(
			&(struct spawn_capture_options){
				.argv = (const char *const[]){ ldconfig, "-p", "-C", path, NULL },
				.timeout_ms = 10000,
				.limit_bytes = 1 << 16,
			},
			&output, &e, NULL),
		0);
	assert_int_equal(spawn_exit_code(e), 0);
	assert_non_null(strstr(output, "7 libs found in cache"));
	assert_non_null(strstr(
		output, "libcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1\n"));
	assert_non_null(
		strstr(output, "libcuda.so.1 (libc6) => /usr/lib/i386-linux-gnu/libcuda.so.1\n"));
	assert_non_null(strstr(output, "libfoo.so.10 (libc6,x86-64) => /opt/foo/libfoo.so.10.2\n"));
	assert_non_null(
		strstr(output, "ld-linux-x86-64.so.2 (ELF) => /lib64/ld-linux-x86-64.so.2\n"));
}

/*
 * The loader itself: a copy of libm stands in a directory that nothing but our cache names. In a
 * mount namespace with that cache, this program is started again and opens it by name.
 */
#define PROBE "libnvbindprobe.so.7"

static int probe(void)
{
	return dlopen(PROBE, RTLD_NOW) ? 0 : 3;
}

static enum ldcache_abi own_abi(void)
{
#if defined(__x86_64__)
	return LDCACHE_X86_64;
#elif defined(__aarch64__)
	return LDCACHE_AARCH64;
#else
	return LDCACHE_OTHER;
#endif
}

static bool copy_libm(const char *to)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *data = NULL;
	void *libm = dlopen("libm.so.6", RTLD_NOW);
	size_t size;
	Dl_info info;

	if (!libm || !dladdr(dlsym(libm, "cos"), &info))
		return false;
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || file_read_fd(fd, 64 << 20, &data, &size) < 0)
		return false;
	write_file(to, data, size);
	return true;
}

#define CANNOT_TRY 77

/* In a child: with `cache` as the machine's cache, what does probe() say in a new program? */
static void __attribute__((noreturn)) run_with_cache(const char *cache)
{
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		_exit(CANNOT_TRY);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(cache, "/etc/ld.so.cache", NULL, MS_BIND, NULL) < 0)
		_exit(CANNOT_TRY);
	(void)execl("/proc/self/exe", "test-format-ldcache", "--probe", NULL);
	_exit(CANNOT_TRY);
}

static int probe_with_cache(const char *cache)
{
	struct spawn_exit e;
	pid_t pid = fork();

	if (pid == 0)
		run_with_cache(cache);
	assert_int_equal(spawn_wait(pid, &e, NULL), 0);
	return spawn_exit_code(e);
}

static void test_loader_uses_it(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(scratch_done) struct scratch scratch;
	const char *cache, *library;
	const void *data;
	size_t size;

	(void)state;
	if (own_abi() == LDCACHE_OTHER)
		skip();
	scratch_make(&scratch);
	cache = arena_printf(a, "%s/cache", scratch.path);
	library = arena_printf(a, "%s/anyname", scratch.path);
	if (!copy_libm(library))
		skip();
	assert_int_equal(ldcache_write(
				 (struct ldcache_library[]){
					 { "libaaa.so.1", "/nonexistent/libaaa.so.1", own_abi() },
					 { PROBE, library, own_abi() },
					 { "libzzz.so.10", "/nonexistent/libzzz.so.10", own_abi() },
					 { "libzzz.so.9", "/nonexistent/libzzz.so.9", own_abi() },
				 },
				 4, a, &data, &size, NULL),
		0);
	assert_int_equal(probe(), 3);
	write_file(cache, data, size);
	switch (probe_with_cache(cache)) {
	case 0:
		break;
	case CANNOT_TRY:
		skip();
		break;
	default:
		fail_msg("the loader does not find " PROBE " through the written cache");
	}
	/* The counter-test: an empty cache does not lead there. */
	assert_int_equal(ldcache_write(NULL, 0, a, &data, &size, NULL), 0);
	assert_int_equal(unlink(cache), 0);
	write_file(cache, data, size);
	assert_int_equal(probe_with_cache(cache), 3);
}

static const struct ldcache_library added[] = {
	{ "libcuda.so.1", "/new/libcuda.so.1", LDCACHE_X86_64 },
	{ "libcuda.so.1", "/second/libcuda.so.1", LDCACHE_X86_64 },
	{ "libnew.so.1", "/new/libnew.so.1", LDCACHE_X86_64 },
};

static void merge(const struct made *older, struct made *ret)
{
	const void *data;

	ret->arena = arena_new();
	assert_int_equal(ldcache_merge(older->data, older->size, added, ELEMENTS(added), ret->arena,
				 &data, &ret->size, NULL),
		0);
	ret->data = arena_memdup(ret->arena, data, ret->size);
}

static void test_merge(void **state)
{
	_cleanup_(made_done) struct made older = { 0 }, m = { 0 }, again = { 0 };
	struct ldcache c;

	(void)state;
	make(&older);
	merge(&older, &m);
	assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
	/* Two of one name and ABI went for the new one, of which the first counts. */
	assert_int_equal(c.n, ELEMENTS(libraries) - 2 + 2);
	assert_found(&c, "libcuda.so.1", LDCACHE_X86_64, "/new/libcuda.so.1");
	assert_found(&c, "libnew.so.1", LDCACHE_X86_64, "/new/libnew.so.1");
	assert_found(&c, "libcuda.so.1", LDCACHE_I386, libraries[1].path);
	assert_found(&c, "libfoo.so.10", LDCACHE_X86_64, libraries[2].path);
	assert_found(&c, "libc.so.6", LDCACHE_AARCH64, libraries[6].path);
	merge(&m, &again);
	assert_int_equal(again.size, m.size);
	assert_memory_equal(again.data, m.data, m.size);
}

/* One entry for CPUs of one kind, by its index in the names of the extension. */
static void make_hwcaps(struct made *m, uint32_t index)
{
	static const char text[] = "libz.so.1\0/hw/libz.so.1\0/lib/libz.so.1\0x86-64-v3";
	const size_t strings = HEADER + 2 * ENTRY, extension = strings + 56;
	unsigned char *p;

	m->arena = arena_new();
	m->size = extension + 28;
	m->data = p = arena_alloc(m->arena, m->size);
	memcpy(p, "glibc-ld.so.cache1.1", 20);
	put32(p + 20, 2);
	put32(p + 24, 56);
	p[28] = 2;
	put32(p + 32, (uint32_t)extension);
	for (size_t i = 0; i < 2; i++) {
		put32(p + HEADER + i * ENTRY, 0x0303);
		put32(p + HEADER + i * ENTRY + 4, (uint32_t)strings);
		put32(p + HEADER + i * ENTRY + 8, (uint32_t)strings + (i ? 24 : 10));
	}
	put32(p + HEADER + 16, index);
	put32(p + HEADER + 20, 1U << 30);
	memcpy(p + strings, text, sizeof(text));
	p += extension;
	put32(p, 0xeaa42174);
	put32(p + 4, 1);
	put32(p + 8, 1);
	put32(p + 16, (uint32_t)extension + 24);
	put32(p + 20, 4);
	put32(p + 24, (uint32_t)strings + 39);
}

static void test_merge_keeps_hwcaps(void **state)
{
	_cleanup_(made_done) struct made older = { 0 }, m = { 0 };
	struct ldcache_entry first, second;
	struct ldcache c;

	(void)state;
	make_hwcaps(&older, 0);
	merge(&older, &m);
	assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
	assert_int_equal(c.n_hwcap, 1);
	ldcache_get(&c, 0, &first);
	ldcache_get(&c, 1, &second);
	assert_string_equal(first.path, "/hw/libz.so.1");
	assert_true(first.needs_hwcap);
	assert_string_equal(second.path, "/lib/libz.so.1");
	assert_false(second.needs_hwcap);
	assert_non_null(memmem(m.data, m.size, "x86-64-v3", 10));
}

static void test_merge_drops_what_is_damaged(void **state)
{
	static const size_t places[] = { 32, 152, 156, 160, 168, 172, 176 };
	struct ldcache c;

	(void)state;
	/* An index beyond the names; then each number of the extension, made too large. */
	for (size_t i = 0; i <= ELEMENTS(places); i++) {
		_cleanup_(made_done) struct made older = { 0 }, m = { 0 };

		make_hwcaps(&older, i == 0);
		if (i)
			put32(older.data + places[i - 1], 0x7fffffff);
		merge(&older, &m);
		assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
		assert_int_equal(c.n_hwcap, 0);
		assert_found(&c, "libz.so.1", LDCACHE_X86_64, "/lib/libz.so.1");
		assert_found(&c, "libcuda.so.1", LDCACHE_X86_64, "/new/libcuda.so.1");
	}
}

static void test_merge_drops_unsound_entries(void **state)
{
	_cleanup_(made_done) struct made older = { 0 }, m = { 0 };
	char *name;
	struct ldcache c;

	(void)state;
	make(&older);
	name = memmem(older.data, older.size, "/opt/foo/libfoo.so.9", 20);
	assert_non_null(name);
	/* A relative path, and a name that is its end. */
	name[0] = 'x';
	merge(&older, &m);
	assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
	assert_int_equal(c.n, ELEMENTS(libraries) - 1);
	assert_null(memmem(m.data, m.size, "xopt", 4));
}

static void test_merge_of_an_old_format(void **state)
{
	_cleanup_(made_done) struct made older = { 0 }, m = { 0 };
	unsigned char old[64] = "ld.so-1.7.0";
	struct ldcache c;

	(void)state;
	put32(old + 12, 1);
	put32(old + 16, 3);
	put32(old + 20, 0);
	put32(old + 24, 10);
	memcpy(old + 28, "libc.so.6", 10);
	memcpy(old + 38, "/lib/libc.so.6", 15);
	older.data = old;
	older.size = sizeof(old);
	merge(&older, &m);
	assert_int_equal(ldcache_parse(m.data, m.size, &c, NULL), 0);
	assert_true(c.has_hwcap);
	assert_found(&c, "libc.so.6", LDCACHE_I386, "/lib/libc.so.6");
	assert_found(&c, "libnew.so.1", LDCACHE_X86_64, "/new/libnew.so.1");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_endless_name),
		cmocka_unit_test(test_old_part_in_front),
		cmocka_unit_test(test_old_part_alone),
		cmocka_unit_test(test_hwcap),
		cmocka_unit_test(test_names_that_cannot_be_written),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_merge_keeps_hwcaps),
		cmocka_unit_test(test_merge_drops_what_is_damaged),
		cmocka_unit_test(test_merge_drops_unsound_entries),
		cmocka_unit_test(test_merge_of_an_old_format),
		cmocka_unit_test(test_ldconfig_reads_it),
		cmocka_unit_test(test_loader_uses_it),
	};

	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return probe();
	return cmocka_run_group_tests_name("format/ldcache", tests, NULL, NULL);
}
