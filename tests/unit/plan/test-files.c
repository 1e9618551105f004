/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

static void test_questions(void **state)
{
	struct sample *s = *state;
	struct string_list dirs, names;

	sample_add_machine(s, CAPABILITY_ALL);
	assert_int_equal(plan_questions(&s->inv, &s->req, s->a, &dirs, &names, NULL), 0);
	assert_int_equal(dirs.n, 7);
	assert_string_equal(dirs.items[0], "/etc/vulkan/icd.d");
	assert_string_equal(dirs.items[1], "/lib/firmware/nvidia/" DRIVER_VERSION);
	assert_string_equal(dirs.items[2], "/run/nvidia-persistenced");
	assert_string_equal(dirs.items[3], "/usr/bin");
	assert_string_equal(dirs.items[4], "gbm");
	assert_string_equal(dirs.items[5], "nvidia/wine");
	assert_string_equal(dirs.items[6], "vdpau");
	assert_true(list_has(&names, "libcuda.so.1"));
	assert_true(list_has(&names, CUDA_FILE));
	assert_true(list_has(&names, "vdpau/libvdpau_nvidia.so.1"));
	assert_true(list_has(&names, "libvdpau_nvidia.so.1"));
	for (size_t i = 1; i < names.n; i++)
		assert_true(strcmp(names.items[i - 1], names.items[i]) < 0);

	s->req.gpus.n = 0;
	assert_int_equal(plan_questions(&s->inv, &s->req, s->a, &dirs, &names, NULL), 0);
	assert_int_equal(dirs.n + names.n, 0);
}

static void test_placement(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	assert_silent(sample_plan(s));
	assert_mount(s->plan, LIB64 "/" CUDA_FILE, CUDA_SOURCE);
	assert_link(s->plan, LIB64 "/libcuda.so.1", CUDA_FILE, CUDA_SOURCE);
	assert_link(s->plan, LIB64 "/libcuda.so", CUDA_FILE, CUDA_SOURCE);
	assert_link(s->plan, LIB32 "/libcuda.so.1", CUDA_FILE, "/host/32/" CUDA_FILE);
	assert_link(s->plan, LIB64 "/vdpau/libvdpau_nvidia.so.1",
		"libvdpau_nvidia.so." DRIVER_VERSION,
		"/host/64/vdpau/libvdpau_nvidia.so." DRIVER_VERSION);
	/* In another directory than the file. */
	assert_mount(s->plan, LIB64 "/gbm/nvidia-drm_gbm.so",
		"/host/64/libnvidia-allocator.so." DRIVER_VERSION);
	assert_mount(s->plan, LIB64 "/vdpau/libvdpau_nvidia.so." DRIVER_VERSION,
		"/host/64/vdpau/libvdpau_nvidia.so." DRIVER_VERSION);
	assert_mount(s->plan, LIB64 "/nvidia/wine/nvngx.dll", "/host/64/nvidia/wine/nvngx.dll");
	assert_mount(s->plan, "/usr/bin/nvidia-smi", "/host/0//usr/bin/nvidia-smi");
	assert_mount(s->plan, "/etc/vulkan/icd.d/nvidia_icd.i686.json",
		"/host/0//etc/vulkan/icd.d/nvidia_icd.i686.json");
	/* Debian's /lib is a link. */
	assert_mount(s->plan, "/usr/lib/firmware/nvidia/" DRIVER_VERSION "/gsp.bin",
		"/host/0//lib/firmware/nvidia/" DRIVER_VERSION "/gsp.bin");
	assert_options(s->plan, LIB64 "/" CUDA_FILE, "ro,nosuid,nodev,bind,");
	assert_options(s->plan, "/usr/bin/nvidia-smi", "ro,nosuid,nodev,bind,");
	assert_options(s->plan, "/run/nvidia-persistenced/socket",
		"nosuid,nodev,noexec,rbind,rprivate,");
	for (size_t i = 1; i < s->plan->mounts.n; i++)
		assert_true(strcmp(s->plan->mounts.items[i - 1].destination,
				    s->plan->mounts.items[i].destination) < 0);
	for (size_t i = 1; i < s->plan->links.n; i++)
		assert_true(strcmp(s->plan->links.items[i - 1].path,
				    s->plan->links.items[i].path) < 0);
	vec_foreach (struct plan_link, link, &s->plan->links)
		assert_null(find_mount(s->plan, link->path));
	assert_knob(s->plan, "driver_files", DRIVER_VERSION, KNOB_APPLIED);
	assert_knob(s->plan, "compat32", "32-bit libraries", KNOB_APPLIED);
}

static void test_capabilities_filter(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_UTILITY);
	(void)sample_plan(s);
	assert_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
	assert_null(find_mount(s->plan, LIB64 "/" CUDA_FILE));
	assert_non_null(find_link(s->plan, LIB64 "/libnvidia-ml.so.1"));
	assert_null(find_knob(s->plan, "compat32"));
	s->req.capabilities = CAPABILITY_COMPUTE;
	(void)sample_root(s);
	(void)sample_plan(s);
	assert_non_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
	assert_null(find_link(s->plan, LIB32 "/libcuda.so.1"));
	/* compat32 is no group of its own. */
	s->req.capabilities = CAPABILITY_COMPAT32 | CAPABILITY_UTILITY;
	(void)sample_root(s);
	(void)sample_plan(s);
	assert_null(find_link(s->plan, LIB32 "/libcuda.so.1"));
	assert_knob(s->plan, "compat32", "32-bit libraries", KNOB_UNSUPPORTED);
}

static void test_no_32_bit_root(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s)->lib32_dir = NULL;
	assert_silent(sample_plan(s));
	assert_null(find_link(s->plan, LIB32 "/libcuda.so.1"));
	assert_null(find_mount(s->plan, "/etc/vulkan/icd.d/nvidia_icd.i686.json"));
	assert_non_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
	assert_knob(s->plan, "compat32", "32-bit libraries", KNOB_UNSUPPORTED);
	assert_string_equal(get_knob(s->plan, "compat32")->reason,
		"the container has no 32-bit glibc");
}

static void test_only_32_bit_root(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s)->lib64_dir = NULL;
	assert_warned(sample_plan(s), "no 64-bit glibc");
	assert_null(find_mount(s->plan, "/usr/bin/nvidia-smi"));
	assert_non_null(find_link(s->plan, LIB32 "/libcuda.so.1"));
}

static void test_no_glibc(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s)->libc = ROOT_LIBC_MUSL;
	assert_warned(sample_plan(s), "the container has musl");
	assert_int_equal(s->plan->mounts.n, 0);
	assert_non_null(find_node(s->plan, "/dev/nvidia0"));
	assert_knob(s->plan, "driver_files", DRIVER_VERSION, KNOB_UNSUPPORTED);
	assert_knob(s->plan, "compat32", "32-bit libraries", KNOB_UNSUPPORTED);
	s->root->libc = ROOT_LIBC_NONE;
	assert_warned(sample_plan(s), "no C library");
	assert_int_equal(s->plan->mounts.n, 0);
}

static void test_no_files(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	s->inv.drivers.items[0].files.n = 0;
	s->inv.drivers.items[0].files_version = NULL;
	assert_warned(sample_plan(s), "must bring version " DRIVER_VERSION);
	assert_knob(s->plan, "driver_files", DRIVER_VERSION, KNOB_UNSUPPORTED);
	assert_non_null(find_node(s->plan, "/dev/nvidia0"));
}

static void test_unsafe_root(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_root(s);
	s->root->libc = ROOT_LIBC_NONE;
	s->root->unsafe_path = "/usr/lib";
	s->root->unsafe_reason = "'/usr/lib' leads to '/etc'";
	assert_refused(s, NVB_ERR_UNSAFE_PATH, "'/usr/lib' leads to '/etc'");
	/* Who places nothing there does not care. */
	s->req.gpus.n = 0;
	assert_silent(sample_plan(s));
}

static void test_unusable_directory(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s);
	vec_foreach (struct root_dir, dir, &s->root->dirs) {
		if (strcmp(dir->path, "/etc/vulkan/icd.d") == 0 ||
			strcmp(dir->path, LIB64 "/vdpau") == 0) {
			dir->resolved = NULL;
			dir->problem = "it leads to '/'";
		}
	}
	assert_warned(sample_plan(s), "'/etc/vulkan/icd.d' are left out: it leads to '/'");
	assert_warned(s->plan, LIB64 "/vdpau");
	/* Once per directory, however many files and names. */
	assert_int_equal(s->plan->warnings.n, 2);
	assert_null(find_link(s->plan, LIB64 "/vdpau/libvdpau_nvidia.so.1"));
	assert_non_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
}

static void test_resolved_directory(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s);
	vec_foreach (struct root_dir, dir, &s->root->dirs) {
		if (strcmp(dir->path, LIB64 "/vdpau") == 0)
			dir->resolved = "/usr/lib/vdpau";
	}
	assert_silent(sample_plan(s));
	assert_non_null(find_link(s->plan, "/usr/lib/vdpau/libvdpau_nvidia.so.1"));
	assert_non_null(find_mount(s->plan, "/usr/lib/vdpau/libvdpau_nvidia.so." DRIVER_VERSION));
}

static void add_cached(struct sample *s, const char *soname, const char *resolved, int elf_class)
{
	struct root_cache_entry *entry = vec_push(s->root->arena, &s->root->cache);

	*entry = (struct root_cache_entry){
		.soname = soname,
		.path = resolved ? resolved : "/gone",
		.resolved = resolved,
		.elf_class = elf_class,
	};
	s->root->cache_present = true;
}

static void test_cache_elsewhere(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s);
	add_cached(s, "libcuda.so.1", "/opt/old/libcuda.so.470.1", 64);
	add_cached(s, "libcuda.so.1", NULL, 32);
	add_cached(s, "libnvidia-ml.so.1", LIB64 "/libnvidia-ml.so.1", 64);
	add_cached(s, "libGLX_indirect.so.0", "/opt/libGLX_mesa.so.0", 64);
	(void)sample_plan(s);
	assert_mount(s->plan, "/opt/old/libcuda.so.470.1", CUDA_SOURCE);
	assert_non_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
	assert_non_null(find_link(s->plan, LIB64 "/libnvidia-ml.so.1"));
	assert_null(find_mount(s->plan, "/opt/libGLX_mesa.so.0"));
	assert_warned(s->plan, "sends 'libGLX_indirect.so.0' to '/opt/libGLX_mesa.so.0'");
	assert_null(find_knob(s->plan, "cuda_compat"));
}

static void test_damaged_cache(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_root(s)->cache_problem = "entry 7 lies";
	assert_warned(sample_plan(s), "ld.so.cache says is not known: entry 7 lies");
	assert_non_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
}

static void test_compat_kept(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_root(s);
	add_cached(s, "libcuda.so.1", "/usr/local/cuda-12.9/compat/libcuda.so.575.57.08", 64);
	(void)sample_plan(s);
	assert_null(find_mount(s->plan, "/usr/local/cuda-12.9/compat/libcuda.so.575.57.08"));
	assert_knob(s->plan, "cuda_compat", "575.57.08", KNOB_APPLIED);
	assert_non_null(strstr(get_knob(s->plan, "cuda_compat")->reason, "stays in charge"));
}

static void test_compat_replaced(void **state)
{
	static const struct {
		const char *path, *version;
	} cases[] = {
		{ "/usr/local/cuda/compat/libcuda.so.535.54.03", "535.54.03" },
		/* Of one branch: not newer in what counts. */
		{ "/usr/local/cuda/compat/libcuda.so.550.999", "550.999" },
		{ "/usr/local/cuda-12/compat/libcuda.so.1", "unknown" },
		{ "/usr/local/cuda/compat/libcuda.so.999.x", "unknown" },
	};
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		sample_root(s);
		add_cached(s, "libcuda.so.1", cases[i].path, 64);
		(void)sample_plan(s);
		assert_mount(s->plan, cases[i].path, CUDA_SOURCE);
		assert_knob(s->plan, "cuda_compat", cases[i].version, KNOB_APPLIED);
	}
}

static void test_compat_idle(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_root(s)->cuda_compat_version = "575.57.08";
	(void)sample_plan(s);
	assert_knob(s->plan, "cuda_compat", "575.57.08", KNOB_ADVISORY);
	assert_non_null(strstr(get_knob(s->plan, "cuda_compat")->reason,
		"-e LD_LIBRARY_PATH=/usr/local/cuda/compat"));
	s->root->cuda_compat_version = "550.54.15";
	assert_null(find_knob(sample_plan(s), "cuda_compat"));
	/* Not a matter of containers without CUDA. */
	s->root->cuda_compat_version = "575.57.08";
	s->req.capabilities = CAPABILITY_UTILITY;
	assert_null(find_knob(sample_plan(s), "cuda_compat"));
}

/* A place that only looks like that of forward compatibility. */
static void test_not_compat(void **state)
{
	static const char *const paths[] = { "/usr/local/cudax/compat/libcuda.so.999.1",
		"/usr/local/cuda/lib/compat/libcuda.so.999.1",
		"/opt/usr/local/cuda/compat/libcuda.so.999.1" };
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		sample_root(s);
		add_cached(s, "libcuda.so.1", paths[i], 64);
		(void)sample_plan(s);
		assert_mount(s->plan, paths[i], CUDA_SOURCE);
	}
}

/* Two host files of one name: the first that the inventory found. */
static void test_destination_is_unique(void **state)
{
	struct sample *s = *state;
	struct gpu_driver *d = sample_add_nvidia(s);

	sample_add_file(s, d, DRIVER_FILE_LIBRARY, "libcuda.so.1", NULL, 64, CAPABILITY_COMPUTE)
		->host_path = "/own-name";
	sample_add_file(s, d, DRIVER_FILE_LIBRARY, CUDA_FILE, NULL, 64, CAPABILITY_COMPUTE)
		->host_path = "/second";
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	(void)sample_plan(s);
	assert_mount(s->plan, LIB64 "/" CUDA_FILE, CUDA_SOURCE);
	/* A file's own name beats an alias of another. */
	assert_mount(s->plan, LIB64 "/libcuda.so.1", "/own-name");
	assert_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
}

static void test_volumes(void **state)
{
	struct sample *s = *state;
	const struct plan_mount *mounts;
	size_t n;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_add_volume(s, "/z", "/data", false);
	sample_add_volume(s, "/a", "/models", true);
	assert_silent(sample_plan(s));
	mounts = s->plan->mounts.items;
	n = s->plan->mounts.n;
	/* In the user's order, behind the driver's files. */
	assert_string_equal(mounts[n - 2].destination, "/data");
	assert_string_equal(mounts[n - 1].destination, "/models");
	assert_options(s->plan, "/data", "rw,nosuid,nodev,rbind,rprivate,");
	assert_options(s->plan, "/models", "ro,rro,nosuid,nodev,rbind,rprivate,");
}

static void test_volume_over_driver_files(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_add_volume(s, "/mine", LIB64, true);
	assert_warned(sample_plan(s), "the volume on '" LIB64 "'");
	assert_int_equal(s->plan->warnings.n, 1);
	assert_null(find_mount(s->plan, LIB64 "/" CUDA_FILE));
	assert_int_equal(s->plan->links.n, 0);
	assert_mount(s->plan, LIB64, "/mine");
	assert_non_null(find_mount(s->plan, "/usr/bin/nvidia-smi"));
}

static void test_bad_volumes(void **state)
{
	static const char *const bad[] = { "/", "/a/../b", "relative", "/a//b" };
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		s->req.volumes.n = 0;
		sample_add_volume(s, "/src", bad[i], false);
		assert_refused(s, NVB_ERR_USAGE, bad[i]);
	}
	s->req.volumes.n = 0;
	sample_add_volume(s, "/src", "/data", false);
	sample_add_volume(s, "/other", "/data", false);
	assert_refused(s, NVB_ERR_USAGE, "'/src' is mounted there already");
}

static void test_assumed_root(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_root(s)->assumed = true;
	assert_warned(sample_plan(s), "Debian (multiarch) is assumed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_questions),
		TEST(test_placement),
		TEST(test_capabilities_filter),
		TEST(test_no_32_bit_root),
		TEST(test_only_32_bit_root),
		TEST(test_no_glibc),
		TEST(test_no_files),
		TEST(test_unsafe_root),
		TEST(test_unusable_directory),
		TEST(test_resolved_directory),
		TEST(test_cache_elsewhere),
		TEST(test_damaged_cache),
		TEST(test_compat_kept),
		TEST(test_compat_replaced),
		TEST(test_compat_idle),
		TEST(test_not_compat),
		TEST(test_destination_is_unique),
		TEST(test_volumes),
		TEST(test_volume_over_driver_files),
		TEST(test_bad_volumes),
		TEST(test_assumed_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
