/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "format/ldcache.h"
#include "host/container_root.h"

#define LIBCUDA "libcuda.so.1"

/* A container root in a temporary directory. */
struct fixture {
	char path[32];
	int fd;
	struct arena *arena;
	struct string_list dirs, names;
	struct container_root *root;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "/tmp/nvbind-root-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->fd = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	f->arena = arena_new();
	*state = f;
	return f->fd >= 0 && f->arena ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)path_remove_tree(tmp, path_base_name(f->path));
	closep(&tmp);
	closep(&f->fd);
	container_root_free(f->root);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void make_dir(struct fixture *f, const char *path)
{
	int fd = path_mkdir_all_in(f->fd, path, 0755);

	assert_true(fd >= 0);
	closep(&fd);
}

static int open_parent(struct fixture *f, const char *path)
{
	const char *base = path_base_name(path);
	_cleanup_free_ char *dir = strndup(path, (size_t)(base - path));
	int fd;

	make_dir(f, dir);
	fd = path_open_in(f->fd, dir, O_PATH | O_DIRECTORY, 0);
	assert_true(fd >= 0);
	return fd;
}

static void write_file(struct fixture *f, const char *path, const void *data, size_t length)
{
	_cleanup_close_ int dir = open_parent(f, path);

	assert_int_equal(file_replace_at(dir, path_base_name(path), data, length, 0644), 0);
}

static void make_link(struct fixture *f, const char *target, const char *path)
{
	_cleanup_close_ int dir = open_parent(f, path);

	assert_int_equal(symlinkat(target, dir, path_base_name(path)), 0);
}

static void write_libc(struct fixture *f, const char *dir, int elf_class, uint16_t machine)
{
	_cleanup_free_ char *path = NULL;
	Elf64_Ehdr wide = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(wide),
		.e_phentsize = sizeof(Elf64_Phdr),
	};
	Elf32_Ehdr narrow = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(narrow),
		.e_phentsize = sizeof(Elf32_Phdr),
	};

	assert_true(asprintf(&path, "%s/libc.so.6", dir) > 0);
	if (elf_class == 64)
		write_file(f, path, &wide, sizeof(wide));
	else
		write_file(f, path, &narrow, sizeof(narrow));
}

static void ask_dir(struct fixture *f, const char *path)
{
	assert_int_equal(string_list_add(f->arena, &f->dirs, path), 0);
}

static void ask_name(struct fixture *f, const char *name)
{
	assert_int_equal(string_list_add(f->arena, &f->names, name), 0);
}

static const struct container_root *inspect(struct fixture *f)
{
	_cleanup_error_ struct nvb_error *err = NULL;

	container_root_free(f->root);
	f->root = NULL;
	if (container_root_inspect(f->fd, &f->dirs, &f->names, &f->root, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return f->root;
}

static void assert_dir(const struct container_root *root, const char *path, const char *resolved,
	const char *problem)
{
	const struct root_dir *dir = container_root_dir(root, path);

	if (!dir)
		fail_msg("'%s' was not looked at", path);
	if (resolved) {
		assert_non_null(dir->resolved);
		assert_string_equal(dir->resolved, resolved);
		assert_null(dir->problem);
		return;
	}
	if (dir->resolved)
		fail_msg("'%s' is '%s'", path, dir->resolved);
	assert_string_equal(dir->problem, problem);
}

/* Layouts as distributions have them. */

static void merge_usr(struct fixture *f)
{
	make_link(f, "usr/lib", "/lib");
	make_link(f, "usr/lib64", "/lib64");
	make_link(f, "usr/bin", "/bin");
	make_dir(f, "/usr/lib64");
	make_dir(f, "/usr/bin");
}

static void test_debian(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	merge_usr(f);
	write_libc(f, "/usr/lib/x86_64-linux-gnu", 64, EM_X86_64);
	write_libc(f, "/usr/lib/i386-linux-gnu", 32, EM_386);
	root = inspect(f);
	assert_int_equal(root->libc, ROOT_LIBC_GLIBC);
	assert_string_equal(root->lib64_dir, "/usr/lib/x86_64-linux-gnu");
	assert_string_equal(root->lib32_dir, "/usr/lib/i386-linux-gnu");
	assert_null(root->unsafe_path);
	assert_false(root->assumed);
	assert_false(root->cache_present);
	assert_null(root->cache_problem);
	assert_null(root->cuda_compat_version);
}

/* Before the merged /usr, the libc is in /lib. */
static void test_old_debian(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	make_dir(f, "/usr/lib/x86_64-linux-gnu");
	write_libc(f, "/lib/x86_64-linux-gnu", 64, EM_X86_64);
	root = inspect(f);
	assert_string_equal(root->lib64_dir, "/lib/x86_64-linux-gnu");
	assert_null(root->lib32_dir);
}

static void test_fedora(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	merge_usr(f);
	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	write_libc(f, "/usr/lib", 32, EM_386);
	root = inspect(f);
	assert_string_equal(root->lib64_dir, "/usr/lib64");
	assert_string_equal(root->lib32_dir, "/usr/lib");
}

static void test_arch(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	make_link(f, "usr/lib", "/lib");
	make_link(f, "usr/lib", "/lib64");
	make_link(f, "lib", "/usr/lib64");
	write_libc(f, "/usr/lib", 64, EM_X86_64);
	write_libc(f, "/usr/lib32", 32, EM_386);
	root = inspect(f);
	assert_string_equal(root->lib64_dir, "/usr/lib");
	assert_string_equal(root->lib32_dir, "/usr/lib32");
	assert_null(root->unsafe_path);
}

/* A foreign libc in a multiarch root must not shadow that of this machine. */
static void test_foreign_machine(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	write_libc(f, "/usr/lib/x86_64-linux-gnu", 64, EM_X86_64);
	write_libc(f, "/usr/lib/aarch64-linux-gnu", 64, EM_AARCH64);
	root = inspect(f);
#if defined(__aarch64__)
	assert_string_equal(root->lib64_dir, "/usr/lib/aarch64-linux-gnu");
#else
	assert_string_equal(root->lib64_dir, "/usr/lib/x86_64-linux-gnu");
#endif
}

static void test_musl(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	make_dir(f, "/usr/lib");
	write_file(f, "/lib/ld-musl-x86_64.so.1", "x", 1);
	root = inspect(f);
	assert_int_equal(root->libc, ROOT_LIBC_MUSL);
	assert_null(root->lib64_dir);
	/* A root with both runs glibc programs from its own directories. */
	write_libc(f, "/usr/lib/x86_64-linux-gnu", 64, EM_X86_64);
	assert_int_equal(inspect(f)->libc, ROOT_LIBC_GLIBC);
}

static void test_empty_root(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	ask_dir(f, "/etc/vulkan/icd.d");
	ask_dir(f, "vdpau");
	ask_name(f, LIBCUDA);
	root = inspect(f);
	assert_int_equal(root->libc, ROOT_LIBC_NONE);
	/* A missing directory can be made; one without a place has none. */
	assert_dir(root, "/etc/vulkan/icd.d", "/etc/vulkan/icd.d", NULL);
	assert_int_equal(root->dirs.n, 1);
}

/* Things named libc.so.6 that are none. */
static void test_bad_libc(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int dir = -1;

	write_file(f, "/usr/lib64/libc.so.6", "\x7f" "ELF\2\1\1", 7);
	write_file(f, "/usr/lib/libc.so.6", "GROUP ( /lib/libc.so )", 22);
	make_dir(f, "/usr/lib/x86_64-linux-gnu/libc.so.6");
	make_dir(f, "/lib64");
	make_link(f, "/lib64/libc.so.6", "/lib64/libc.so.6");
	dir = open_parent(f, "/lib/libc.so.6");
	assert_int_equal(mkfifoat(dir, "libc.so.6", 0644), 0);
	assert_int_equal(inspect(f)->libc, ROOT_LIBC_NONE);
}

/* The name of a multiarch directory says what a plain file in it is; of a link, the file does. */
static void test_multiarch_libc(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	merge_usr(f);
	write_file(f, "/usr/lib/x86_64-linux-gnu/libc.so.6", "x", 1);
	write_libc(f, "/opt", 32, EM_386);
	make_link(f, "/opt/libc.so.6", "/usr/lib/i386-linux-gnu/libc.so.6");
	root = inspect(f);
	assert_string_equal(root->lib64_dir, "/usr/lib/x86_64-linux-gnu");
	assert_string_equal(root->lib32_dir, "/usr/lib/i386-linux-gnu");
	write_file(f, "/opt/libc.so.6", "x", 1);
	assert_null(inspect(f)->lib32_dir);
}

/* A link at the top is read once, and goes nowhere out of the root. */
static void test_links_at_the_top(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	make_link(f, "../../../usr/lib64", "/lib64");
	make_link(f, "/usr/./lib64/", "/lib");
	make_link(f, "lib32", "/lib32");
	make_link(f, "lib/../lib64", "/bin");
	ask_dir(f, "/lib/firmware");
	ask_dir(f, "/bin");
	ask_dir(f, "/lib32/x");
	root = inspect(f);
	assert_string_equal(root->lib64_dir, "/usr/lib64");
	assert_dir(root, "/lib/firmware", "/usr/lib64/firmware", NULL);
	assert_dir(root, "/bin", "/usr/lib64", NULL);
	assert_dir(root, "/lib32/x", NULL, "it is a loop of links");
}

static void test_hostile_library_dir(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	make_dir(f, "/etc");
	make_link(f, "usr/lib", "/lib");
	make_link(f, "../../../../etc", "/usr/lib");
	root = inspect(f);
	assert_int_equal(root->libc, ROOT_LIBC_NONE);
	assert_string_equal(root->unsafe_path, "/usr/lib");
	assert_string_equal(root->unsafe_reason, "'/usr/lib' leads to '/etc'");
}

/* The link is followed in the root: the host's own /lib must stay unseen. */
static void test_absolute_link(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	make_link(f, "/opt/lib", "/usr/lib64");
	write_libc(f, "/opt/lib", 64, EM_X86_64);
	root = inspect(f);
	assert_string_equal(root->unsafe_path, "/usr/lib64");
	assert_null(root->lib64_dir);
}

static void test_library_dir_in_circle(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	make_link(f, "/usr/lib", "/lib");
	make_link(f, "/lib", "/usr/lib");
	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	root = inspect(f);
	assert_string_equal(root->lib64_dir, "/usr/lib64");
	assert_null(root->unsafe_path);
}

static void test_dirs(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	merge_usr(f);
	make_dir(f, "/etc/vulkan");
	make_dir(f, "/usr/share");
	make_dir(f, "/proc/self/attr");
	make_link(f, "/", "/etc/OpenCL");
	make_link(f, "../../proc/self/attr", "/etc/vulkan/icd.d");
	make_link(f, "/dev", "/usr/share/nvidia");
	make_link(f, "../../etc", "/usr/share/glvnd");
	make_link(f, "egl", "/usr/share/egl");
	make_link(f, "/opt/x11", "/usr/share/X11");
	write_file(f, "/etc/file", "", 0);
	ask_dir(f, "/usr/bin");
	ask_dir(f, "/bin");
	ask_dir(f, "/lib/firmware/nvidia/550.163.01");
	ask_dir(f, "/etc/OpenCL");
	ask_dir(f, "/etc/vulkan/icd.d");
	ask_dir(f, "/usr/share/nvidia");
	ask_dir(f, "/usr/share/glvnd");
	ask_dir(f, "/usr/share/egl");
	ask_dir(f, "/usr/share/X11");
	ask_dir(f, "/etc/file/below");
	ask_dir(f, "/etc/file");
	root = inspect(f);
	assert_dir(root, "/usr/bin", "/usr/bin", NULL);
	assert_dir(root, "/bin", "/usr/bin", NULL);
	assert_dir(root, "/lib/firmware/nvidia/550.163.01",
		"/usr/lib/firmware/nvidia/550.163.01", NULL);
	assert_dir(root, "/etc/OpenCL", NULL, "it leads to '/'");
	assert_dir(root, "/etc/vulkan/icd.d", NULL, "it leads to '/proc/self/attr'");
	assert_dir(root, "/usr/share/nvidia", NULL, "it leads to '/dev'");
	assert_dir(root, "/usr/share/glvnd", NULL, "it leads to '/etc'");
	assert_dir(root, "/usr/share/egl", NULL, "it is a loop of links");
	assert_dir(root, "/usr/share/X11", "/opt/x11", NULL);
	assert_dir(root, "/etc/file/below", NULL, "a file is in its way");
	assert_dir(root, "/etc/file", NULL, "a file is in its way");
	assert_null(container_root_dir(root, "/never/asked"));
}

static void test_dirs_below_library_dirs(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	merge_usr(f);
	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	write_libc(f, "/usr/lib", 32, EM_386);
	make_dir(f, "/opt/vdpau");
	make_link(f, "/opt/vdpau", "/usr/lib64/vdpau");
	ask_dir(f, "vdpau");
	ask_dir(f, "nvidia/wine");
	root = inspect(f);
	assert_dir(root, "/usr/lib64/vdpau", NULL, "it leads to '/opt/vdpau'");
	assert_dir(root, "/usr/lib/vdpau", "/usr/lib/vdpau", NULL);
	assert_dir(root, "/usr/lib64/nvidia/wine", "/usr/lib64/nvidia/wine", NULL);
	assert_int_equal(root->dirs.n, 4);
}

static void test_links(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;
	const struct root_link *link;

	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	write_file(f, "/usr/lib64/libcuda.so.535.54.03", "", 0);
	make_link(f, "libcuda.so.1", "/usr/lib64/libcuda.so");
	make_link(f, "libcuda.so.535.54.03", "/usr/lib64/libcuda.so.1");
	make_link(f, "/etc/shadow", "/usr/lib64/libnvidia-ml.so.1");
	make_link(f, "/usr/lib64/gone.so", "/usr/lib64/vdpau/a.so.1");
	make_link(f, "b.so.1", "/usr/lib64/b.so.1");
	ask_name(f, "libcuda.so");
	ask_name(f, "libcuda.so.1");
	ask_name(f, "libcuda.so.535.54.03");
	ask_name(f, "libnvidia-ml.so.1");
	ask_name(f, "vdpau/a.so.1");
	ask_name(f, "b.so.1");
	ask_name(f, "not-there.so");
	root = inspect(f);
	assert_int_equal(root->links.n, 5);
	link = container_root_link(root, "/usr/lib64/libcuda.so");
	assert_string_equal(link->resolved, "/usr/lib64/libcuda.so.535.54.03");
	link = container_root_link(root, "/usr/lib64/libnvidia-ml.so.1");
	assert_null(link->resolved);
	assert_string_equal(link->problem, "it leads to '/etc/shadow'");
	link = container_root_link(root, "/usr/lib64/vdpau/a.so.1");
	assert_string_equal(link->resolved, "/usr/lib64/gone.so");
	link = container_root_link(root, "/usr/lib64/b.so.1");
	assert_string_equal(link->problem, "it is a loop of links");
	assert_null(container_root_link(root, "/usr/lib64/libcuda.so.535.54.03"));
}

static void write_cache(struct fixture *f, const struct ldcache_library *libraries, size_t n)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	const void *data;
	size_t size;

	if (ldcache_write(libraries, n, f->arena, &data, &size, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	write_file(f, "/etc/ld.so.cache", data, size);
}

static const struct root_cache_entry *find_entry(const struct container_root *root,
	const char *soname, int elf_class)
{
	vec_foreach (struct root_cache_entry, entry, &root->cache) {
		if (strcmp(entry->soname, soname) == 0 && entry->elf_class == elf_class)
			return entry;
	}
	fail_msg("no entry '%s'", soname);
	return NULL;
}

static void test_cache(void **state)
{
	static const struct ldcache_library libraries[] = {
		{ "libcuda.so.1", "/usr/local/cuda/compat/libcuda.so.1", LDCACHE_X86_64 },
		{ "libcuda.so.1", "/usr/lib/gone.so.1", LDCACHE_I386 },
		{ "libnvidia-ml.so.1", "/proc/ml", LDCACHE_X86_64 },
		{ "libother.so.1", "/usr/lib64/libc.so.6", LDCACHE_X86_64 },
		{ "libdir.so.1", "/usr/lib64", LDCACHE_X86_64 },
	};
	struct fixture *f = *state;
	const struct root_cache_entry *entry;
	const struct container_root *root;

	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	write_libc(f, "/usr/lib", 32, EM_386);
	write_file(f, "/proc/ml", "", 0);
	write_file(f, "/usr/local/cuda-12.9/compat/libcuda.so.575.57.08", "", 0);
	make_link(f, "cuda-12.9", "/usr/local/cuda");
	make_link(f, "libcuda.so.575.57.08", "/usr/local/cuda-12.9/compat/libcuda.so.1");
	write_cache(f, libraries, ELEMENTS(libraries));
	ask_name(f, LIBCUDA);
	ask_name(f, "libnvidia-ml.so.1");
	ask_name(f, "libdir.so.1");
	ask_name(f, "libabsent.so.1");
	root = inspect(f);
	assert_true(root->cache_present);
	assert_null(root->cache_problem);
	assert_int_equal(root->cache.n, 4);
	entry = find_entry(root, LIBCUDA, 64);
	assert_string_equal(entry->path, "/usr/local/cuda/compat/libcuda.so.1");
	assert_string_equal(entry->resolved, "/usr/local/cuda-12.9/compat/libcuda.so.575.57.08");
	entry = find_entry(root, LIBCUDA, 32);
	assert_string_equal(entry->path, "/usr/lib/gone.so.1");
	assert_null(entry->resolved);
	assert_null(find_entry(root, "libnvidia-ml.so.1", 64)->resolved);
	assert_null(find_entry(root, "libdir.so.1", 64)->resolved);
	assert_string_equal(root->cuda_compat_version, "575.57.08");
}

static void test_damaged_cache(void **state)
{
	struct fixture *f = *state;
	const struct container_root *root;

	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	write_file(f, "/etc/ld.so.cache", "glibc-ld.so.cache1.1\xff\xff\xff\xff", 24);
	ask_name(f, LIBCUDA);
	root = inspect(f);
	assert_false(root->cache_present);
	assert_non_null(root->cache_problem);
	assert_int_equal(root->cache.n, 0);
}

static void test_cache_is_a_directory(void **state)
{
	struct fixture *f = *state;

	write_libc(f, "/usr/lib64", 64, EM_X86_64);
	make_dir(f, "/etc/ld.so.cache");
	assert_non_null(inspect(f)->cache_problem);
}

static void test_compat_version(void **state)
{
	static const char *const names[] = { "libcuda.so", "libcuda.so.1", "libcuda.so.575.57.08",
		"libcuda.so.580.9", "libcuda.so.1000.1.2.3", "libcuda.so.999.", "libcuda.so.9999999999.1",
		"libcuda.so.x.1", "libcudadebugger.so.999.1.1", "libcuda.so.580.10.1" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_free_ char *path = NULL;

		assert_true(asprintf(&path, "/usr/local/cuda/compat/%s", names[i]) > 0);
		write_file(f, path, "", 0);
	}
	assert_string_equal(inspect(f)->cuda_compat_version, "580.10.1");
}

static void test_assume(void **state)
{
	struct fixture *f = *state;

	ask_dir(f, "/usr/share/nvidia");
	ask_dir(f, "/lib/firmware/nvidia");
	ask_dir(f, "vdpau");
	assert_int_equal(container_root_assume(&f->dirs, &f->root, NULL), 0);
	assert_true(f->root->assumed);
	assert_int_equal(f->root->libc, ROOT_LIBC_GLIBC);
	assert_dir(f->root, "/usr/share/nvidia", "/usr/share/nvidia", NULL);
	assert_dir(f->root, "/lib/firmware/nvidia", "/usr/lib/firmware/nvidia", NULL);
#if !defined(__aarch64__)
	assert_string_equal(f->root->lib64_dir, "/usr/lib/x86_64-linux-gnu");
	assert_dir(f->root, "/usr/lib/i386-linux-gnu/vdpau", "/usr/lib/i386-linux-gnu/vdpau", NULL);
#endif
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_debian),
		TEST(test_old_debian),
		TEST(test_fedora),
		TEST(test_arch),
		TEST(test_foreign_machine),
		TEST(test_musl),
		TEST(test_empty_root),
		TEST(test_bad_libc),
		TEST(test_multiarch_libc),
		TEST(test_links_at_the_top),
		TEST(test_hostile_library_dir),
		TEST(test_absolute_link),
		TEST(test_library_dir_in_circle),
		TEST(test_dirs),
		TEST(test_dirs_below_library_dirs),
		TEST(test_links),
		TEST(test_cache),
		TEST(test_damaged_cache),
		TEST(test_cache_is_a_directory),
		TEST(test_compat_version),
		TEST(test_assume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
