/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables against the real files of a driver, in both layouts that tests/roots/fetch-driver
 * makes. Without them (they are 1 GB, from Debian's non-free archive) there is nothing to test.
 */
#include "driver-machine.h"

#include <ftw.h>

#include "format/elf.h"
#include "gpu/nvidia/driver_files.h"

#define MAX_OPEN_DIRECTORIES 16

static char tree_directory[4000];

struct real_machine {
	struct host_tree tree;
	struct inventory inv;
	struct gpu_driver driver;
};

static void discover_layout(struct real_machine *m, const char *layout)
{
	struct gpu_discovery d = { .tree = &m->tree, .inv = &m->inv };
	char path[sizeof(tree_directory) + 16];

	*m = (struct real_machine){ .tree = HOST_TREE_INIT };
	(void)snprintf(path, sizeof(path), "%s/%s", tree_directory, layout);
	assert_int_equal(host_tree_open(path, &m->tree, NULL), 0);
	m->inv.arena = arena_new();
	assert_non_null(m->inv.arena);
	m->inv.host_prefix = m->tree.prefix;
	assert_int_equal(nvidia_find_driver_files(&d, &m->driver, NULL), 0);
	for (size_t i = 0; i < m->inv.warnings.n; i++)
		fail_msg("%s", m->inv.warnings.items[i]);
	assert_non_null(m->driver.files_version);
}

static void machine_done(struct real_machine *m)
{
	arena_free(m->inv.arena);
	host_tree_done(&m->tree);
}

/* What is not for containers; path patterns of fragments. */
static bool is_not_for_containers(const char *path)
{
	static const char *const fragments[] = {
		/* The host's services and scripts. */
		"nvidia-modprobe", "nvidia-powerd", "nvidia-sleep.sh", "nvidia-bug-report",
		"/systemd/", "/init.d/", "/initramfs-tools/", "/modprobe", "/udev/",
		/* Documents, build descriptions. */
		"/usr/share/doc/", "/usr/share/man/", "/usr/share/lintian/", "/usr/share/bug/",
		"nvidia.ids", ".1.gz", "/metainfo/", "/dbus-1/", "/pkgconfig/",
		/* Other firmware; the OpenCL loader is the image's. */
		"/firmware/nvidia/gv", "/firmware/nvidia/tegra", "libOpenCL.so",
		/* Reference values for attestation, which a verifier gets from NVIDIA. */
		"/nvidia/rim/",
	};

	for (size_t i = 0; i < ELEMENTS(fragments); i++) {
		if (strstr(path, fragments[i]))
			return true;
	}
	return false;
}

static const struct real_machine *walked;
static unsigned n_walked;

static int check_claimed(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *inside = path + strlen(walked->tree.prefix);

	(void)st;
	(void)ftw;
	if (type != FTW_F || (!strstr(inside, "nvidia") && !strstr(inside, "libnv") &&
				     !strstr(inside, "libcuda")) ||
		is_not_for_containers(inside))
		return 0;
	n_walked++;
	vec_foreach (struct driver_file, f, &walked->driver.files) {
		if (strcmp(f->host_path, path) == 0)
			return 0;
	}
	fail_msg("no table claims '%s'", inside);
	return 0;
}

static void check_all_claimed(const char *layout)
{
	struct real_machine m;

	discover_layout(&m, layout);
	walked = &m;
	n_walked = 0;
	assert_int_equal(nftw(m.tree.prefix, check_claimed, MAX_OPEN_DIRECTORIES, FTW_PHYS), 0);
	assert_true(n_walked > 60);
	machine_done(&m);
}

static void test_installer_is_claimed(void **state)
{
	(void)state;
	check_all_claimed("installer");
}

static void test_debian_is_claimed(void **state)
{
	(void)state;
	check_all_claimed("debian");
}

static bool has_library(const struct real_machine *m, const struct driver_file *wanted)
{
	vec_foreach (struct driver_file, f, &m->driver.files) {
		if (f->kind == wanted->kind && f->elf_class == wanted->elf_class &&
			strcmp(f->target, wanted->target) == 0)
			return f->needed_for == wanted->needed_for &&
				f->requires_all == wanted->requires_all;
	}
	return false;
}

/* A container cannot tell how the machine laid its driver out. */
static void test_layouts_agree(void **state)
{
	struct real_machine installer, debian;

	(void)state;
	discover_layout(&installer, "installer");
	discover_layout(&debian, "debian");
	vec_foreach (struct driver_file, f, &installer.driver.files) {
		if (!has_library(&debian, f))
			fail_msg("only the installer's layout has '%s'", f->target);
	}
	vec_foreach (struct driver_file, f, &debian.driver.files) {
		/* Debian adds a name without the version for one document. */
		if (!has_library(&installer, f) && !strstr(f->target, "-key-documentation"))
			fail_msg("only Debian's layout has '%s'", f->target);
	}
	machine_done(&installer);
	machine_done(&debian);
}

static bool is_given(const struct driver_file *f, capability_set wanted)
{
	return (f->needed_for & wanted) && (f->requires_all & wanted) == f->requires_all;
}

static bool provides(const struct driver_file *f, const char *name)
{
	if (strcmp(path_base_name(f->target), name) == 0)
		return true;
	for (size_t i = 0; i < f->aliases.n; i++) {
		if (strcmp(f->aliases.items[i], name) == 0)
			return true;
	}
	return false;
}

/* 1 given, 0 the driver has it but it is not given, -1 not the driver's. */
static int find_provider(const struct real_machine *m, const char *name, int elf_class,
	capability_set wanted)
{
	int found = -1;

	vec_foreach (struct driver_file, f, &m->driver.files) {
		if (f->kind != DRIVER_FILE_LIBRARY || f->elf_class != elf_class || !provides(f, name))
			continue;
		found = is_given(f, wanted);
		if (found)
			return 1;
	}
	return found;
}

static void check_needs(const struct real_machine *m, const struct driver_file *f,
	capability_set wanted)
{
	_cleanup_close_ int fd = open(f->host_path, O_RDONLY | O_CLOEXEC);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct elf_info info;

	assert_true(fd >= 0);
	assert_non_null(a);
	if (elf_read(fd, a, &info, NULL) != 1)
		return; /* a DLL */
	for (size_t i = 0; i < info.needed.n; i++) {
		if (find_provider(m, info.needed.items[i], f->elf_class, wanted) == 0)
			fail_msg("'%s' of %d bit needs '%s', which capabilities %#x do not bring",
				f->target, f->elf_class, info.needed.items[i], wanted);
	}
}

static void test_each_capability_loads(void **state)
{
	struct real_machine m;

	(void)state;
	discover_layout(&m, "installer");
	for (unsigned bit = 0; bit < CAPABILITY_BIT_COUNT; bit++) {
		for (unsigned compat = 0; compat < 2; compat++) {
			capability_set wanted = 1u << bit | (compat ? CAPABILITY_COMPAT32 : 0);

			vec_foreach (struct driver_file, f, &m.driver.files) {
				if (f->kind == DRIVER_FILE_LIBRARY && is_given(f, wanted))
					check_needs(&m, f, wanted);
			}
		}
	}
	machine_done(&m);
}

static void test_compat32_alone_gives_nothing(void **state)
{
	struct real_machine m;
	unsigned n32 = 0;

	(void)state;
	discover_layout(&m, "installer");
	vec_foreach (struct driver_file, f, &m.driver.files) {
		assert_false(is_given(f, CAPABILITY_COMPAT32));
		if (f->elf_class != 32)
			continue;
		n32++;
		assert_false(is_given(f, CAPABILITY_ALL & ~CAPABILITY_COMPAT32));
		assert_true(is_given(f, CAPABILITY_ALL));
	}
	assert_true(n32 > 20);
	machine_done(&m);
}

static bool find_tree(void)
{
	const char *cache = getenv("NVBIND_TEST_CACHE"), *home = getenv("HOME");
	char stamp[sizeof(tree_directory) + 16];

	if (cache)
		(void)snprintf(tree_directory, sizeof(tree_directory), "%s/driver", cache);
	else
		(void)snprintf(tree_directory, sizeof(tree_directory), "%s/.cache/nvbind-tests/driver",
			home ? home : "");
	(void)snprintf(stamp, sizeof(stamp), "%s/stamp", tree_directory);
	return faccessat(AT_FDCWD, stamp, R_OK, 0) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_installer_is_claimed),
		cmocka_unit_test(test_debian_is_claimed),
		cmocka_unit_test(test_layouts_agree),
		cmocka_unit_test(test_each_capability_loads),
		cmocka_unit_test(test_compat32_alone_gives_nothing),
	};

	if (!find_tree()) {
		(void)printf("1..0 # SKIP no driver files: tests/roots/fetch-driver '%s'\n",
			tree_directory);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
