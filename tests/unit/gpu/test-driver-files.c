/* SPDX-License-Identifier: Apache-2.0 */
#include "driver-machine.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "format/ldcache.h"
#include "gpu/nvidia/driver_files.h"
#include "gpu/nvidia/driver_groups.h"
#include "gpu/wsl/driver_store.h"

#define V "550.163.01"
#define X86_DIR "/usr/lib/x86_64-linux-gnu"
#define I386_DIR "/usr/lib/i386-linux-gnu"
#define LAST "libnvidia-glcore.so." V

static void find_nvidia(struct machine *m, const char *version)
{
	machine_discover(m, version, nvidia_find_driver_files);
}

static void test_tables(void **state)
{
	(void)state;
	for (const struct driver_library *l = driver_libraries; l->stem; l++) {
		assert_int_equal(strncmp(l->stem, "lib", 3), 0);
		assert_true(l->needed_for != 0);
		assert_int_equal(l->needed_for & CAPABILITY_COMPAT32, 0);
		assert_null(strchr(l->stem, '.'));
		assert_true(!*l->directory || l->directory[strlen(l->directory) - 1] == '/');
		assert_ptr_equal(driver_library_find(l->stem, strlen(l->stem)), l);
	}
	assert_null(driver_library_find("libcud", 6));
	assert_null(driver_library_find("libcuda2", 8));
	assert_non_null(driver_library_find("libcuda2", 7));
}

static void test_library_names(void **state)
{
	static const char *const bad[] = {
		"libcuda", "cuda.so.1", "lib.so.1", "libcuda.so.", "libcuda.so.1.", "libcuda.so.1..2",
		"libcuda.so.1a", "libcuda.soo", "libcuda.so1", "lib cuda.so.1", "libcuda\n.so.1", "",
		"libcuda.so.-1", "lib/a.so.1", "libcuda.so.1.2.3~",
	};
	struct library_name n;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		if (library_name_parse(bad[i], &n))
			fail_msg("'%s' is taken for a library", bad[i]);
	}
	assert_true(library_name_parse("libGLX_nvidia.so." V, &n));
	assert_int_equal(n.stem_length, strlen("libGLX_nvidia"));
	assert_string_equal(n.version, V);
	assert_true(n.is_driver_version);
	assert_true(library_name_parse("libcuda.so", &n));
	assert_string_equal(n.version, "");
	assert_false(n.is_driver_version);
	assert_true(library_name_parse("libnvidia-egl-gbm.so.1.1.2", &n));
	assert_false(n.is_driver_version);
}

static void test_versions(void **state)
{
	static const char *const not_driver[] = { "", "1", "550", "550.", "55.1", "20220623.0.0",
		"550.163.01.2.3", "550.163a", ".550.1", "550..1" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(not_driver); i++) {
		if (driver_version_is_valid(not_driver[i]))
			fail_msg("'%s' is taken for a driver version", not_driver[i]);
	}
	assert_true(driver_version_is_valid("999.88.77"));
	assert_true(driver_version_is_valid("610.43"));
	assert_true(driver_version_compare("550.90.07", "550.163.01") < 0);
	assert_true(driver_version_compare("550.163.01", "550.163.1") == 0);
	assert_true(driver_version_compare("1.1.10", "1.1.9") > 0);
	assert_true(driver_version_compare("1.1", "1.1.1") < 0);
	assert_true(driver_version_compare("99999999999999999999999.1", "1") > 0);
}

static void test_nothing_installed(void **state)
{
	struct machine m = machine_of(state);

	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 0);
	assert_null(m.driver.files_version);
	assert_true(m.driver.brings_user_space);
	assert_true(machine_warns(&m, "not installed"));
}

static void test_installer_layout(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_link(&m, X86_DIR "/libcuda.so.1", "libcuda.so." V);
	put_link(&m, X86_DIR "/libcuda.so", "libcuda.so.1");
	put_library(&m, X86_DIR "/libnvidia-cfg.so." V, EM_X86_64, "libnvidia-cfg.so.1");
	put_link(&m, X86_DIR "/libnvidia-cfg.so", "libnvidia-cfg.so." V);
	put_library(&m, X86_DIR "/libnvidia-allocator.so." V, EM_X86_64, "libnvidia-allocator.so.1");
	put_library(&m, X86_DIR "/vdpau/libvdpau_nvidia.so." V, EM_X86_64, "libvdpau_nvidia.so.1");
	put_library(&m, X86_DIR "/libnvcuvid.so." V, EM_X86_64, "libnvcuvid.so.1");
	put_library(&m, X86_DIR "/" LAST, EM_X86_64, LAST);
	put_library(&m, X86_DIR "/libGL.so.1.7.0", EM_X86_64, "libGL.so.1");
	put_file(&m, "/usr/bin/nvidia-smi");
	put_file(&m, "/usr/bin/nvidia-modprobe");
	put_file(&m, "/lib/firmware/nvidia/" V "/gsp_ga10x.bin");
	put_file(&m, "/lib/firmware/nvidia/535.1.2/gsp_ga10x.bin");
	find_nvidia(&m, V);

	assert_string_equal(m.driver.files_version, V);
	assert_int_equal(m.inv.warnings.n, 0);
	assert_int_equal(m.driver.files.n, 8);
	f = machine_expect(&m, "libcuda.so." V, 64, X86_DIR "/libcuda.so." V);
	assert_int_equal(f->kind, DRIVER_FILE_LIBRARY);
	assert_string_equal(f->soname, "libcuda.so.1");
	assert_int_equal(f->aliases.n, 2);
	assert_true(has_alias(f, "libcuda.so.1") && has_alias(f, "libcuda.so"));
	assert_int_equal(f->needed_for, CAPABILITY_COMPUTE | CAPABILITY_VIDEO);
	assert_int_equal(f->requires_all, 0);
	/* A link that the table does not have, as the machine has it. */
	f = machine_get(&m, "libnvidia-cfg.so." V, 64);
	assert_true(has_alias(f, "libnvidia-cfg.so") && has_alias(f, "libnvidia-cfg.so.1"));
	/* And one that programs load, though this machine lacks the link. */
	assert_true(has_alias(machine_get(&m, "libnvcuvid.so." V, 64), "libnvcuvid.so"));
	f = machine_get(&m, "libnvidia-allocator.so." V, 64);
	assert_true(has_alias(f, "gbm/nvidia-drm_gbm.so"));
	f = machine_expect(&m, "vdpau/libvdpau_nvidia.so." V, 64,
		X86_DIR "/vdpau/libvdpau_nvidia.so." V);
	assert_true(has_alias(f, "libvdpau_nvidia.so.1"));
	/* Its own name is its SONAME: there is nothing to add. */
	assert_int_equal(machine_get(&m, LAST, 64)->aliases.n, 0);
	f = machine_expect(&m, "/usr/bin/nvidia-smi", 0, "/usr/bin/nvidia-smi");
	assert_int_equal(f->kind, DRIVER_FILE_PROGRAM);
	assert_int_equal(f->needed_for, CAPABILITY_UTILITY);
	f = machine_expect(&m, "/lib/firmware/nvidia/" V "/gsp_ga10x.bin", 0,
		"/lib/firmware/nvidia/" V "/gsp_ga10x.bin");
	assert_int_equal(f->kind, DRIVER_FILE_FIRMWARE);
}

static void test_debian_layout(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_library(&m, X86_DIR "/nvidia/current/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_link(&m, X86_DIR "/nvidia/current/libcuda.so.1", "libcuda.so." V);
	put_link(&m, "/etc/alternatives/nvidia--libcuda.so-x86_64-linux-gnu",
		X86_DIR "/nvidia/current/libcuda.so.1");
	put_link(&m, X86_DIR "/libcuda.so", "/etc/alternatives/nvidia--libcuda.so-x86_64-linux-gnu");
	put_library(&m, X86_DIR "/nvidia/current/libnvidia-ngx.so." V, EM_X86_64, "libnvidia-ngx.so.1");
	put_library(&m, X86_DIR "/" LAST, EM_X86_64, LAST);
	put_link(&m, "/usr/bin/nvidia-smi", "/etc/alternatives/nvidia--nvidia-smi");
	put_link(&m, "/etc/alternatives/nvidia--nvidia-smi", "/usr/lib/nvidia/current/nvidia-smi");
	put_file(&m, "/usr/lib/nvidia/current/nvidia-smi");
	put_link(&m, "/usr/lib/xorg/modules/extensions/libglxserver_nvidia.so",
		"/usr/lib/nvidia/current/libglxserver_nvidia.so." V);
	put_library(&m, "/usr/lib/nvidia/current/libglxserver_nvidia.so." V, EM_X86_64, NULL);
	find_nvidia(&m, V);

	assert_int_equal(m.inv.warnings.n, 0);
	assert_int_equal(m.driver.files.n, 5);
	f = machine_expect(&m, "libcuda.so." V, 64, X86_DIR "/nvidia/current/libcuda.so." V);
	assert_true(has_alias(f, "libcuda.so.1") && has_alias(f, "libcuda.so"));
	machine_expect(&m, LAST, 64, X86_DIR "/" LAST);
	machine_expect(&m, "/usr/bin/nvidia-smi", 0, "/usr/lib/nvidia/current/nvidia-smi");
	f = machine_expect(&m, "/usr/lib/xorg/modules/extensions/libglxserver_nvidia.so", 0,
		"/usr/lib/nvidia/current/libglxserver_nvidia.so." V);
	assert_int_equal(f->kind, DRIVER_FILE_DATA);
	assert_int_equal(f->needed_for, CAPABILITY_DISPLAY);
}

/* Debian's tesla packages, NixOS: a directory that only a link leads to. */
static void test_directory_behind_a_link(void **state)
{
	struct machine m = machine_of(state);
	const char *dir = X86_DIR "/nvidia/tesla-470";

	put_link(&m, X86_DIR "/libcuda.so.1", "/etc/alternatives/libcuda");
	put_link(&m, "/etc/alternatives/libcuda", "../..//usr/lib/x86_64-linux-gnu/nvidia/tesla-470/x");
	put_link(&m, X86_DIR "/nvidia/tesla-470/x", "libcuda.so.470.256.02");
	put_library(&m, X86_DIR "/nvidia/tesla-470/libcuda.so.470.256.02", EM_X86_64, "libcuda.so.1");
	put_library(&m, X86_DIR "/nvidia/tesla-470/libnvoptix.so.470.256.02", EM_X86_64,
		"libnvoptix.so.1");
	find_nvidia(&m, "470.256.02");

	assert_int_equal(m.driver.files.n, 2);
	assert_true(has_alias(machine_get(&m, "libcuda.so.470.256.02", 64), "libcuda.so.1"));
	assert_non_null(machine_file(&m, "libnvoptix.so.470.256.02", 64));
	assert_non_null(strstr(machine_get(&m, "libnvoptix.so.470.256.02", 64)->host_path, dir));
}

static void test_fedora_layout(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_link(&m, "/lib64", "usr/lib64");
	put_link(&m, "/lib", "usr/lib");
	put_library(&m, "/usr/lib64/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_library(&m, "/usr/lib/libcuda.so." V, EM_386, "libcuda.so.1");
	put_library(&m, "/usr/lib64/vdpau/libvdpau_nvidia.so." V, EM_X86_64, "libvdpau_nvidia.so.1");
	put_file(&m, "/usr/share/vulkan/icd.d/nvidia_icd.x86_64.json");
	put_file(&m, "/usr/share/vulkan/icd.d/nvidia_icd.i686.json");
	put_file(&m, "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json");
	find_nvidia(&m, V);

	assert_int_equal(m.driver.files.n, 5);
	machine_expect(&m, "libcuda.so." V, 64, "/usr/lib64/libcuda.so." V);
	f = machine_expect(&m, "libcuda.so." V, 32, "/usr/lib/libcuda.so." V);
	/* With compute alone it stays out; with compat32 alone too. */
	assert_int_equal(f->needed_for, CAPABILITY_COMPUTE | CAPABILITY_VIDEO);
	assert_int_equal(f->requires_all, CAPABILITY_COMPAT32);
	f = machine_expect(&m, "/etc/vulkan/icd.d/nvidia_icd.x86_64.json", 0,
		"/usr/share/vulkan/icd.d/nvidia_icd.x86_64.json");
	assert_int_equal(f->kind, DRIVER_FILE_CONFIG);
	assert_int_equal(f->requires_all, 0);
	f = machine_get(&m, "/etc/vulkan/icd.d/nvidia_icd.i686.json", 0);
	assert_int_equal(f->requires_all, CAPABILITY_COMPAT32);
}

/* Fedora since 590: the SONAME is the file, the versioned name the link. */
static void test_file_named_by_soname(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_link(&m, "/usr/lib64/libGLX_nvidia.so." V, "libGLX_nvidia.so.0");
	put_library(&m, "/usr/lib64/libGLX_nvidia.so.0", EM_X86_64, "libGLX_nvidia.so.0");
	/* The same with the highest version and with no link to it: neither is this driver's. */
	put_link(&m, "/usr/lib64/libcuda.so.999.1.1", "libcuda.so.1");
	put_library(&m, "/usr/lib64/libcuda.so.1", EM_X86_64, "libcuda.so.1");
	put_library(&m, "/usr/lib64/libnvoptix.so.1", EM_X86_64, "libnvoptix.so.1");
	find_nvidia(&m, V);

	assert_string_equal(m.driver.files_version, V);
	assert_int_equal(m.driver.files.n, 1);
	f = machine_expect(&m, "libGLX_nvidia.so.0", 64, "/usr/lib64/libGLX_nvidia.so.0");
	assert_string_equal(f->soname, "libGLX_nvidia.so.0");
	assert_int_equal(f->aliases.n, 2);
	assert_true(has_alias(f, "libGLX_nvidia.so." V) && has_alias(f, "libGLX_indirect.so.0"));
	assert_true(machine_warns(&m, "999.1.1"));
}

/* Of two versions that links give one file, the running one counts. */
static void test_file_with_links_of_two_versions(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, "/usr/lib64/libGLX_nvidia.so.0", EM_X86_64, "libGLX_nvidia.so.0");
	put_link(&m, "/usr/lib64/libGLX_nvidia.so.540.1", "libGLX_nvidia.so.0");
	put_link(&m, "/usr/lib64/libGLX_nvidia.so." V, "libGLX_nvidia.so.0");
	put_link(&m, "/usr/lib64/libGLX_nvidia.so.560.1", "libGLX_nvidia.so.0");
	find_nvidia(&m, V);
	assert_string_equal(m.driver.files_version, V);
	assert_int_equal(m.driver.files.n, 1);
}

static void test_xorg_configuration_in_etc(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, "/usr/lib64/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_file(&m, "/etc/X11/xorg.conf.d/10-nvidia.conf");
	put_file(&m, "/etc/X11/xorg.conf.d/00-my-nvidia.conf");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 2);
	machine_expect(&m, "/usr/share/X11/xorg.conf.d/10-nvidia.conf", 0,
		"/etc/X11/xorg.conf.d/10-nvidia.conf");

	/* The package's own place comes first. */
	put_file(&m, "/usr/share/X11/xorg.conf.d/10-nvidia.conf");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 2);
	machine_expect(&m, "/usr/share/X11/xorg.conf.d/10-nvidia.conf", 0,
		"/usr/share/X11/xorg.conf.d/10-nvidia.conf");
}

static void test_arch_layout(void **state)
{
	struct machine m = machine_of(state);

	put_link(&m, "/usr/lib64", "lib");
	put_link(&m, "/lib64", "usr/lib");
	put_link(&m, "/usr/sbin", "bin");
	put_library(&m, "/usr/lib/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_library(&m, "/usr/lib32/libcuda.so." V, EM_386, "libcuda.so.1");
	put_library(&m, "/usr/lib/nvidia/xorg/libglxserver_nvidia.so." V, EM_X86_64, NULL);
	put_link(&m, "/usr/lib/nvidia/xorg/libglxserver_nvidia.so", "libglxserver_nvidia.so." V);
	put_file(&m, "/usr/share/X11/xorg.conf.d/10-nvidia-drm-outputclass.conf");
	put_file(&m, "/etc/X11/xorg.conf.d/20-nvidia.conf");
	find_nvidia(&m, V);

	assert_int_equal(m.driver.files.n, 4);
	machine_expect(&m, "libcuda.so." V, 64, "/usr/lib/libcuda.so." V);
	machine_expect(&m, "libcuda.so." V, 32, "/usr/lib32/libcuda.so." V);
	machine_expect(&m, "/usr/lib/nvidia/xorg/libglxserver_nvidia.so", 0,
		"/usr/lib/nvidia/xorg/libglxserver_nvidia.so." V);
	assert_null(machine_file(&m, "/usr/share/X11/xorg.conf.d/20-nvidia.conf", 0));
}

static void test_other_processor(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, "/usr/lib/aarch64-linux-gnu/libcuda.so." V, EM_AARCH64, "libcuda.so.1");
	/* An emulator's libraries beside it must not win, nor double it. */
	put_library(&m, "/usr/lib64/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_library(&m, "/usr/lib64/libnvidia-ml.so." V, EM_X86_64, "libnvidia-ml.so.1");
	find_nvidia(&m, V);

	assert_int_equal(m.driver.files.n, 1);
	machine_expect(&m, "libcuda.so." V, 64, "/usr/lib/aarch64-linux-gnu/libcuda.so." V);
}

static void put_cache(const struct machine *m, const struct ldcache_library *libraries, size_t n)
{
	const void *data;
	size_t size;

	assert_int_equal(ldcache_write(libraries, n, m->scratch->arena, &data, &size, NULL), 0);
	scratch_write_bytes(m->scratch, "/etc/ld.so.cache", data, size);
}

static void test_directory_in_loader_cache(void **state)
{
	static const struct ldcache_library libraries[] = {
		{ "libc.so.6", "/opt/other/libc.so.6", LDCACHE_X86_64 },
		{ "libcuda.so.1", "/opt/nvidia/lib/deep/libcuda.so.1", LDCACHE_X86_64 },
		{ "libnvidia-ml.so.1", "/opt/nvidia/lib/libnvidia-ml.so.1", LDCACHE_X86_64 },
		{ "libnvcuvid.so.1", "relative/libnvcuvid.so.1", LDCACHE_X86_64 },
	};
	struct machine m = machine_of(state);

	put_library(&m, "/opt/nvidia/lib/libnvidia-ml.so." V, EM_X86_64, "libnvidia-ml.so.1");
	put_library(&m, "/opt/nvidia/lib/deep/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_library(&m, "/opt/other/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_cache(&m, libraries, ELEMENTS(libraries) - 1);
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 2);
	machine_expect(&m, "libcuda.so." V, 64, "/opt/nvidia/lib/deep/libcuda.so." V);

	/* A damaged cache names no directories, and that is all. */
	scratch_write(m.scratch, "/etc/ld.so.cache", "glibc-ld.so.cache1.1 and then nothing");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 0);
}

static void test_class_is_the_headers(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, X86_DIR "/libcuda.so." V, EM_386, "libcuda.so.1");
	put_library(&m, I386_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 2);
	machine_expect(&m, "libcuda.so." V, 32, X86_DIR "/libcuda.so." V);
	machine_expect(&m, "libcuda.so." V, 64, I386_DIR "/libcuda.so." V);
}

static void test_version_mismatch(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, X86_DIR "/libcuda.so.535.54.03", EM_X86_64, "libcuda.so.1");
	put_library(&m, X86_DIR "/libcuda.so.535.183.01", EM_X86_64, "libcuda.so.1");
	put_library(&m, "/usr/lib64/libcuda.so.575.57.08", EM_X86_64, "libcuda.so.1");
	find_nvidia(&m, V);
	/* The highest of the first directory: what the machine's loader would take. */
	assert_string_equal(m.driver.files_version, "535.183.01");
	assert_int_equal(m.driver.files.n, 1);
	assert_true(machine_warns(&m, "535.54.03"));
	assert_true(machine_warns(&m, "575.57.08"));

	find_nvidia(&m, NULL);
	assert_string_equal(m.driver.files_version, "535.183.01");
}

static void test_matching_version_wins(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, X86_DIR "/libcuda.so.560.35.03", EM_X86_64, "libcuda.so.1");
	put_library(&m, X86_DIR "/libnvidia-ml.so.560.35.03", EM_X86_64, "libnvidia-ml.so.1");
	put_link(&m, X86_DIR "/libcuda.so.1", "libcuda.so.560.35.03");
	put_library(&m, "/usr/lib64/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_file(&m, "/usr/share/nvidia/nvidia-application-profiles-560.35.03-rc");
	put_file(&m, "/usr/share/nvidia/nvidia-application-profiles-" V "-rc");
	put_file(&m, "/usr/share/nvidia/nvidia-application-profiles-rc");
	find_nvidia(&m, V);
	assert_string_equal(m.driver.files_version, V);
	assert_int_equal(m.driver.files.n, 3);
	machine_expect(&m, "libcuda.so." V, 64, "/usr/lib64/libcuda.so." V);
	/* One warning a version, not one a file. */
	assert_int_equal(m.inv.warnings.n, 1);
	assert_null(machine_file(&m, "/usr/share/nvidia/nvidia-application-profiles-560.35.03-rc", 0));
}

static void test_unknown_library_of_the_driver(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_library(&m, X86_DIR "/libnvidia-brandnew.so." V, EM_X86_64, "libnvidia-brandnew.so.3");
	put_library(&m, X86_DIR "/libstrange.so.123.4", EM_X86_64, "libstrange.so.123");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 2);
	f = machine_get(&m, "libnvidia-brandnew.so." V, 64);
	assert_int_equal(f->needed_for, CAPABILITY_ALL & ~CAPABILITY_COMPAT32);
	assert_true(has_alias(f, "libnvidia-brandnew.so.3"));
	/* An unknown library alone says nothing of a driver. */
	assert_false(machine_warns(&m, "123.4"));
}

static void test_own_versions(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_library(&m, X86_DIR "/libnvidia-egl-gbm.so.1.1.2", EM_X86_64, "libnvidia-egl-gbm.so.1");
	put_library(&m, X86_DIR "/libnvidia-egl-gbm.so.1.1.10", EM_X86_64, "libnvidia-egl-gbm.so.1");
	put_library(&m, X86_DIR "/libnvidia-egl-wayland.so.1.1.18", EM_X86_64,
		"libnvidia-egl-wayland.so.1");
	put_library(&m, X86_DIR "/libnvidia-egl-wayland2.so.1.0.0", EM_X86_64,
		"libnvidia-egl-wayland2.so.1");
	put_library(&m, X86_DIR "/libnvidia-api.so.1", EM_X86_64, "libnvidia-api.so.1");
	put_library(&m, X86_DIR "/libnvidia-nvvm70.so.4", EM_X86_64, "libnvidia-nvvm70.so.4");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 6);
	f = machine_get(&m, "libnvidia-egl-gbm.so.1.1.10", 64);
	assert_true(has_alias(f, "libnvidia-egl-gbm.so.1"));
	assert_non_null(machine_file(&m, "libnvidia-egl-wayland.so.1.1.18", 64));
	assert_non_null(machine_file(&m, "libnvidia-egl-wayland2.so.1.0.0", 64));
	assert_non_null(machine_file(&m, "libnvidia-api.so.1", 64));
}

static void test_broken_libraries(void **state)
{
	struct machine m = machine_of(state);
	struct tiny_library liar = library_make(EM_X86_64, "libnvcuvid.so.1");

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	scratch_write_bytes(m.scratch, X86_DIR "/libnvidia-ml.so." V, &liar, 40);
	liar.elf64.dynamic[2].d_un.d_val = UINT64_MAX;
	scratch_write_bytes(m.scratch, X86_DIR "/libnvcuvid.so." V, &liar, sizeof(liar));
	scratch_write(m.scratch, X86_DIR "/libnvidia-ngx.so." V, "#!/bin/sh\n");
	scratch_write(m.scratch, X86_DIR "/libnvidia-fbc.so." V, "");
	scratch_directory(m.scratch, X86_DIR "/libnvidia-tls.so." V);
	put_library(&m, X86_DIR "/libnvidia-encode.so." V, EM_X86_64, "libc.so.6");
	find_nvidia(&m, V);

	assert_int_equal(m.driver.files.n, 2);
	assert_true(machine_warns(&m, "libnvidia-ml.so"));
	assert_true(machine_warns(&m, "libnvcuvid.so"));
	assert_true(machine_warns(&m, "libnvidia-ngx.so." V "' is left out: it is not a shared"));
	assert_true(machine_warns(&m, "libnvidia-fbc.so"));
	/* A foreign SONAME would replace the container's C library. */
	assert_true(machine_warns(&m, "libc.so.6"));
	assert_null(machine_get(&m, "libnvidia-encode.so." V, 64)->soname);
	assert_false(has_alias(machine_get(&m, "libnvidia-encode.so." V, 64), "libc.so.6"));
}

static void test_broken_file_gives_way(void **state)
{
	struct machine m = machine_of(state);

	scratch_write(m.scratch, X86_DIR "/libcuda.so." V, "");
	put_library(&m, "/usr/lib64/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	find_nvidia(&m, V);
	machine_expect(&m, "libcuda.so." V, 64, "/usr/lib64/libcuda.so." V);
}

static void test_links_stay_in_the_tree(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_link(&m, X86_DIR "/libcuda.so.1", "../../../../../../../.." X86_DIR "/libcuda.so." V);
	put_link(&m, X86_DIR "/libnvidia-ml.so.1", "/proc/self/exe");
	put_link(&m, X86_DIR "/libnvcuvid.so.1", "libnvcuvid.so");
	put_link(&m, X86_DIR "/libnvcuvid.so", "libnvcuvid.so.1");
	put_link(&m, X86_DIR "/libnvidia-encode.so.1", "gone");
	put_link(&m, X86_DIR "/libnvidia-ngx.so." V, "/etc/passwd");
	/* A link from one library to another gives the other no foreign name. */
	put_link(&m, X86_DIR "/libnvidia-fbc.so.1", "libcuda.so." V);
	put_link(&m, "/usr/lib64", "/usr/lib64");
	put_link(&m, "/usr/lib32", "../../../..");
	put_link(&m, "/usr/bin/nvidia-smi", "/bin/sh");
	put_link(&m, "/usr/share/nvidia/nvoptix.bin", "../../../../../../etc/passwd");
	find_nvidia(&m, V);

	assert_int_equal(m.driver.files.n, 1);
	f = machine_expect(&m, "libcuda.so." V, 64, X86_DIR "/libcuda.so." V);
	assert_true(has_alias(f, "libcuda.so.1"));
	assert_false(has_alias(f, "libnvidia-fbc.so.1"));
	assert_int_equal(m.inv.warnings.n, 0);
}

static void test_odd_files_do_not_hang(void **state)
{
	struct machine m = machine_of(state);
	char path[256];

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	(void)snprintf(path, sizeof(path), "%s" X86_DIR "/libnvidia-ml.so." V, m.scratch->directory);
	assert_int_equal(mkfifo(path, 0644), 0);
	scratch_directory(m.scratch, X86_DIR "/nvidia/wine");
	(void)snprintf(path, sizeof(path), "%s" X86_DIR "/nvidia/wine/nvngx.dll",
		m.scratch->directory);
	assert_int_equal(mkfifo(path, 0644), 0);
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 1);
}

static void test_directories_are_read_once(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, "/usr/lib/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_link(&m, "/usr/lib64", "lib");
	put_link(&m, "/lib", "usr/lib");
	put_link(&m, "/lib64", "/usr/lib64");
	put_link(&m, X86_DIR, "/usr/lib");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 1);
	machine_expect(&m, "libcuda.so." V, 64, "/usr/lib/libcuda.so." V);
}

static void test_configuration(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	put_file(&m, "/usr/share/glvnd/egl_vendor.d/10_nvidia.json");
	put_file(&m, "/usr/share/glvnd/egl_vendor.d/50_mesa.json");
	put_file(&m, "/usr/share/egl/egl_external_platform.d/09_nvidia_wayland2.json");
	put_file(&m, "/usr/share/OpenCL/vendors/nvidia.icd");
	put_file(&m, "/etc/vulkan/icd.d/nvidia_icd.json");
	put_file(&m, "/usr/share/vulkan/icd.d/nvidia_icd.json");
	put_file(&m, "/vulkan/implicit_layer.d/nvidia_layers.json");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 6);
	machine_expect(&m, "/usr/share/glvnd/egl_vendor.d/10_nvidia.json", 0,
		"/usr/share/glvnd/egl_vendor.d/10_nvidia.json");
	machine_expect(&m, "/etc/OpenCL/vendors/nvidia.icd", 0,
		"/usr/share/OpenCL/vendors/nvidia.icd");
	machine_expect(&m, "/etc/vulkan/icd.d/nvidia_icd.json", 0,
		"/etc/vulkan/icd.d/nvidia_icd.json");
	machine_expect(&m, "/etc/vulkan/implicit_layer.d/nvidia_layers.json", 0,
		"/vulkan/implicit_layer.d/nvidia_layers.json");
}

static void test_firmware_search_order(void **state)
{
	struct machine m = machine_of(state);

	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	scratch_write(m.scratch, "/sys/module/firmware_class/parameters/path", "/opt/firmware\n");
	scratch_write(m.scratch, "/proc/sys/kernel/osrelease", "6.1.0\n");
	put_file(&m, "/opt/firmware/nvidia/" V "/gsp_tu10x.bin");
	put_file(&m, "/lib/firmware/6.1.0/nvidia/" V "/gsp_tu10x.bin");
	put_file(&m, "/lib/firmware/nvidia/" V "/gsp_ga10x.bin");
	put_file(&m, "/lib/firmware/nvidia/" V "/readme");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 3);
	machine_expect(&m, "/lib/firmware/nvidia/" V "/gsp_tu10x.bin", 0,
		"/opt/firmware/nvidia/" V "/gsp_tu10x.bin");
}

static void put_socket(const struct machine *m, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *name;
	_cleanup_close_ int parent = scratch_parent(m->scratch, path, &name);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s%s", m->scratch->directory, path);
	assert_true(fd >= 0 && parent >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void test_sockets(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	put_socket(&m, "/run/nvidia-persistenced/socket");
	put_file(&m, "/run/nvidia-fabricmanager/socket");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 2);
	f = machine_expect(&m, "/run/nvidia-persistenced/socket", 0, "/run/nvidia-persistenced/socket");
	assert_int_equal(f->kind, DRIVER_FILE_SOCKET);
	assert_non_null(machine_file(&m, "/run/nvidia-fabricmanager/socket", 0));
}

/* Anyone can make /tmp/nvidia-mps: only root's or our own counts, and never a link. */
static void test_pipe_directory(void **state)
{
	struct machine m = machine_of(state);
	const struct driver_file *f;

	scratch_link(m.scratch, "/tmp/nvidia-mps", "/etc");
	scratch_directory(m.scratch, "/etc");
	find_nvidia(&m, V);
	assert_null(machine_file(&m, "/tmp/nvidia-mps", 0));
	assert_int_equal(unlinkat(m.scratch->tree.root_fd, "tmp/nvidia-mps", 0), 0);
	put_file(&m, "/tmp/nvidia-mps");
	find_nvidia(&m, V);
	assert_null(machine_file(&m, "/tmp/nvidia-mps", 0));
	assert_int_equal(unlinkat(m.scratch->tree.root_fd, "tmp/nvidia-mps", 0), 0);
	scratch_directory(m.scratch, "/tmp/nvidia-mps");
	find_nvidia(&m, V);
	f = machine_expect(&m, "/tmp/nvidia-mps", 0, "/tmp/nvidia-mps");
	assert_int_equal(f->kind, DRIVER_FILE_SOCKET);
	assert_true(f->needed_for & CAPABILITY_COMPUTE);
	assert_false(f->needed_for & CAPABILITY_GRAPHICS);
	if (geteuid() != 0)
		return;
	assert_int_equal(
		fchownat(m.scratch->tree.root_fd, "tmp/nvidia-mps", 1000, 1000, 0), 0);
	find_nvidia(&m, V);
	assert_null(machine_file(&m, "/tmp/nvidia-mps", 0));
}

static void test_wine_dlls(void **state)
{
	static const unsigned char dll64[0x80] = { [0] = 'M', [1] = 'Z', [0x3c] = 0x40, [0x40] = 'P',
		[0x41] = 'E', [0x44] = 0x64, [0x45] = 0x86 };
	unsigned char dll32[sizeof(dll64)], wild[sizeof(dll64)];
	struct machine m = machine_of(state);
	const struct driver_file *f;

	memcpy(dll32, dll64, sizeof(dll64));
	dll32[0x44] = 0x4c;
	dll32[0x45] = 0x01;
	memcpy(wild, dll64, sizeof(dll64));
	memset(wild + 0x3c, 0xff, 4);
	put_library(&m, X86_DIR "/libcuda.so." V, EM_X86_64, "libcuda.so.1");
	scratch_write_bytes(m.scratch, X86_DIR "/nvidia/wine/nvngx.dll", dll64, sizeof(dll64));
	scratch_write_bytes(m.scratch, X86_DIR "/nvidia/wine/old.dll", dll32, sizeof(dll32));
	scratch_write_bytes(m.scratch, X86_DIR "/nvidia/wine/wild.dll", wild, sizeof(wild));
	scratch_write_bytes(m.scratch, X86_DIR "/nvidia/wine/short.dll", dll64, 0x3d);
	put_file(&m, X86_DIR "/nvidia/wine/readme.txt");
	find_nvidia(&m, V);
	assert_int_equal(m.driver.files.n, 5);
	assert_non_null(machine_file(&m, "nvidia/wine/wild.dll", 64));
	assert_non_null(machine_file(&m, "nvidia/wine/short.dll", 64));
	f = machine_expect(&m, "nvidia/wine/nvngx.dll", 64, X86_DIR "/nvidia/wine/nvngx.dll");
	assert_int_equal(f->kind, DRIVER_FILE_LIBRARY);
	assert_int_equal(f->needed_for, CAPABILITY_NGX);
	f = machine_expect(&m, "nvidia/wine/old.dll", 32, X86_DIR "/nvidia/wine/old.dll");
	assert_int_equal(f->requires_all, CAPABILITY_COMPAT32);
}

static void test_order_is_fixed(void **state)
{
	struct machine m = machine_of(state), again = machine_of(state);
	static const char *const stems[] = { "libnvidia-ml", "libcuda", "libnvoptix", "libEGL_nvidia" };

	for (size_t i = 0; i < ELEMENTS(stems); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "/usr/lib64/%s.so." V, stems[i]);
		put_library(&m, path, EM_X86_64, NULL);
		(void)snprintf(path, sizeof(path), "/usr/lib/%s.so." V, stems[i]);
		put_library(&m, path, EM_386, NULL);
	}
	put_file(&m, "/usr/bin/nvidia-smi");
	find_nvidia(&m, V);
	find_nvidia(&again, V);
	assert_int_equal(m.driver.files.n, 9);
	assert_int_equal(again.driver.files.n, 9);
	for (size_t i = 0; i < m.driver.files.n; i++) {
		const struct driver_file *f = &m.driver.files.items[i];

		assert_string_equal(f->host_path, again.driver.files.items[i].host_path);
		if (i == 0)
			continue;
		assert_true(f[-1].kind <= f->kind);
		if (f[-1].kind == f->kind && f[-1].elf_class == f->elf_class)
			assert_true(strcmp(f[-1].target, f->target) < 0);
	}
	assert_int_equal(m.driver.files.items[0].elf_class, 64);
}

static void test_wsl_store(void **state)
{
	struct machine m = machine_of(state);
	const char *old = "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_aaaa";
	const struct driver_file *f;
	char path[256];
	const struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	put_file(&m, "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_aaaa/libcuda.so.1.1");
	put_file(&m, "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_bbbb/libcuda.so.1.1");
	put_file(&m, "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_bbbb/nvcubins.bin");
	put_file(&m, "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_bbbb/nv_dispi.inf");
	put_file(&m, "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_bbbb/nvidia-smi");
	put_file(&m, "/usr/lib/wsl/drivers/iigd_dch.inf_amd64_cccc/libigd.so");
	put_file(&m, "/usr/lib/wsl/lib/libdxcore.so");
	put_file(&m, "/usr/lib/wsl/lib/libcuda.so.1");
	put_file(&m, "/usr/lib/wsl/lib/nvidia-smi");
	(void)snprintf(path, sizeof(path), "%s%s/libcuda.so.1.1", m.scratch->directory, old);
	assert_int_equal(utimensat(AT_FDCWD, path, past, 0), 0);
	machine_discover(&m, NULL, wsl_find_driver_files);

	assert_true(m.driver.brings_user_space);
	assert_int_equal(m.driver.files.n, 5);
	f = machine_expect(&m, "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_bbbb/libcuda.so.1.1", 0,
		"/usr/lib/wsl/drivers/nv_dispi.inf_amd64_bbbb/libcuda.so.1.1");
	assert_int_equal(f->kind, DRIVER_FILE_DATA);
	assert_int_equal(f->needed_for, CAPABILITY_COMPUTE | CAPABILITY_VIDEO);
	f = machine_expect(&m, "/usr/bin/nvidia-smi", 0,
		"/usr/lib/wsl/drivers/nv_dispi.inf_amd64_bbbb/nvidia-smi");
	assert_int_equal(f->kind, DRIVER_FILE_PROGRAM);
	assert_non_null(machine_file(&m, "/usr/lib/wsl/lib/libdxcore.so", 0));
	assert_int_equal(m.driver.environment.n, 1);
	assert_string_equal(m.driver.environment.items[0], "LD_LIBRARY_PATH=/usr/lib/wsl/lib");
}

static void test_wsl_without_libraries(void **state)
{
	struct machine m = machine_of(state);

	machine_discover(&m, NULL, wsl_find_driver_files);
	assert_int_equal(m.driver.files.n, 0);
	assert_int_equal(m.driver.environment.n, 0);
	assert_true(machine_warns(&m, "libdxcore.so"));
}

#define ON_MACHINE(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_library_names),
		cmocka_unit_test(test_versions),
		ON_MACHINE(test_nothing_installed),
		ON_MACHINE(test_installer_layout),
		ON_MACHINE(test_debian_layout),
		ON_MACHINE(test_directory_behind_a_link),
		ON_MACHINE(test_fedora_layout),
		ON_MACHINE(test_file_named_by_soname),
		ON_MACHINE(test_file_with_links_of_two_versions),
		ON_MACHINE(test_xorg_configuration_in_etc),
		ON_MACHINE(test_arch_layout),
		ON_MACHINE(test_other_processor),
		ON_MACHINE(test_directory_in_loader_cache),
		ON_MACHINE(test_class_is_the_headers),
		ON_MACHINE(test_version_mismatch),
		ON_MACHINE(test_matching_version_wins),
		ON_MACHINE(test_unknown_library_of_the_driver),
		ON_MACHINE(test_own_versions),
		ON_MACHINE(test_broken_libraries),
		ON_MACHINE(test_broken_file_gives_way),
		ON_MACHINE(test_links_stay_in_the_tree),
		ON_MACHINE(test_odd_files_do_not_hang),
		ON_MACHINE(test_directories_are_read_once),
		ON_MACHINE(test_configuration),
		ON_MACHINE(test_firmware_search_order),
		ON_MACHINE(test_sockets),
		ON_MACHINE(test_pipe_directory),
		ON_MACHINE(test_wine_dlls),
		ON_MACHINE(test_order_is_fixed),
		ON_MACHINE(test_wsl_store),
		ON_MACHINE(test_wsl_without_libraries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
