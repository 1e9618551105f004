/* SPDX-License-Identifier: Apache-2.0 */
/* The further names of libraries: links, and when they are mounts. */
#include "sample.h"

static void test_links_in_the_way(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s);
	/* An old copy of the same library, reached under two names. */
	sample_add_root_link(s, LIB64 "/libcuda.so", LIB64 "/libcuda.so.535.54.03", NULL);
	sample_add_root_link(s, LIB64 "/libcuda.so.1", LIB64 "/libcuda.so.535.54.03", NULL);
	/* Somebody else's library, and a trap. */
	sample_add_root_link(s, LIB64 "/libGLX_indirect.so.0", LIB64 "/libGLX_mesa.so.0.0.0", NULL);
	sample_add_root_link(s, LIB64 "/libnvidia-ml.so.1", NULL, "it leads to '/etc/shadow'");
	/* The same version was here before: its links lead to where ours goes. */
	sample_add_root_link(s, LIB64 "/gbm/nvidia-drm_gbm.so", LIB64 "/libnvidia-allocator.so." DRIVER_VERSION,
		NULL);
	sample_add_root_link(s, LIB64 "/libnvidia-allocator.so.1",
		LIB64 "/libnvidia-allocator.so." DRIVER_VERSION, NULL);
	(void)sample_plan(s);
	assert_link_over(s->plan, LIB64 "/libcuda.so", CUDA_FILE, CUDA_SOURCE,
		LIB64 "/libcuda.so.535.54.03");
	assert_link_over(s->plan, LIB64 "/libcuda.so.1", CUDA_FILE, CUDA_SOURCE,
		LIB64 "/libcuda.so.535.54.03");
	assert_mount(s->plan, LIB64 "/" CUDA_FILE, CUDA_SOURCE);
	assert_null(find_mount(s->plan, LIB64 "/libcuda.so.1"));
	assert_null(find_mount(s->plan, LIB64 "/libcuda.so"));
	assert_null(find_link(s->plan, LIB64 "/libnvidia-allocator.so.1"));
	assert_null(find_link(s->plan, LIB64 "/libGLX_indirect.so.0"));
	assert_null(find_link(s->plan, LIB64 "/libnvidia-ml.so.1"));
	assert_null(find_mount(s->plan, LIB64 "/libGLX_indirect.so.0"));
	assert_null(find_mount(s->plan, LIB64 "/libGLX_mesa.so.0.0.0"));
	assert_warned(s->plan, "libGLX_mesa.so.0.0.0' and stays as it is");
	assert_null(find_mount(s->plan, LIB64 "/libnvidia-ml.so.1"));
	assert_warned(s->plan, "it leads to '/etc/shadow'");
	assert_null(find_mount(s->plan, LIB64 "/gbm/nvidia-drm_gbm.so"));
	assert_int_equal(s->plan->warnings.n, 2);
	/* As mounts, both are one. */
	assert_int_equal(plan_links_to_mounts(s->plan, NULL), 0);
	assert_mount(s->plan, LIB64 "/libcuda.so.535.54.03", CUDA_SOURCE);
	assert_null(find_mount(s->plan, LIB64 "/libcuda.so.1"));
}

/* Where the file itself has no place of its own, nothing can name it. */
static void test_link_under_the_file_name(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_root(s);
	sample_add_root_link(s, LIB64 "/" CUDA_FILE, LIB64 "/libcuda.so.0", NULL);
	sample_add_root_link(s, LIB64 "/libnvidia-ml.so." DRIVER_VERSION, NULL, "it leads to '/etc/shadow'");
	(void)sample_plan(s);
	assert_mount(s->plan, LIB64 "/libcuda.so.0", CUDA_SOURCE);
	assert_mount(s->plan, LIB64 "/libcuda.so.1", CUDA_SOURCE);
	assert_mount(s->plan, LIB64 "/libcuda.so", CUDA_SOURCE);
	assert_mount(s->plan, LIB64 "/libnvidia-ml.so.1",
		"/host/64/libnvidia-ml.so." DRIVER_VERSION);
	assert_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
	assert_null(find_link(s->plan, LIB64 "/libnvidia-ml.so.1"));
}

/* Of names without a version those that programs ask for. */
static void test_names_without_version(void **state)
{
	struct sample *s = *state;
	struct gpu_driver *d = sample_add_nvidia(s);
	struct driver_file *file = sample_add_file(s, d, DRIVER_FILE_LIBRARY,
		"libnvidia-cfg.so." DRIVER_VERSION, "libnvidia-cfg.so.1", 64, CAPABILITY_UTILITY);
	_cleanup_(plan_freep) struct plan *spec = NULL;

	(void)string_list_add(s->a, &file->aliases, "libnvidia-cfg.so");
	vec_foreach (struct driver_file, f, &d->files)
		if (strcmp(f->target, "libnvidia-ml.so." DRIVER_VERSION) == 0)
			(void)string_list_add(s->a, &f->aliases, "libnvidia-ml.so");
	/* This one is the file's own name. */
	(void)sample_add_file(s, d, DRIVER_FILE_LIBRARY, "libdxcore.so", NULL, 64,
		CAPABILITY_UTILITY);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	s->req.capabilities = CAPABILITY_ALL;
	(void)sample_plan(s);
	assert_non_null(find_link(s->plan, LIB64 "/libnvidia-ml.so"));
	assert_non_null(find_link(s->plan, LIB64 "/libGLX_indirect.so.0"));
	assert_non_null(find_link(s->plan, LIB64 "/libnvidia-cfg.so.1"));
	assert_null(find_link(s->plan, LIB64 "/libnvidia-cfg.so"));
	assert_non_null(find_mount(s->plan, LIB64 "/libdxcore.so"));
	/* A specification is for programs that nobody knows yet. */
	assert_int_equal(plan_make_for_spec(&s->inv, &s->req, s->root, &spec, NULL), 0);
	assert_int_equal(spec->links.n, 0);
	assert_mount(spec, LIB64 "/libnvidia-cfg.so", "/host/64/libnvidia-cfg.so." DRIVER_VERSION);
	assert_options(spec, LIB64 "/libcuda.so.1", "ro,nosuid,nodev,rbind,rprivate,");
}

/* The user's file in the place of the driver's has one name, or takes one of its names. */
static void test_volume_over_one_name(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_add_volume(s, "/mine", LIB64 "/" CUDA_FILE, true);
	(void)sample_plan(s);
	assert_mount(s->plan, LIB64 "/" CUDA_FILE, "/mine");
	assert_mount(s->plan, LIB64 "/libcuda.so.1", CUDA_SOURCE);
	assert_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
	assert_non_null(find_link(s->plan, LIB64 "/libnvidia-ml.so.1"));

	s->req.volumes.n = 0;
	sample_add_volume(s, "/mine", LIB64 "/libcuda.so.1", true);
	(void)sample_plan(s);
	assert_mount(s->plan, LIB64 "/" CUDA_FILE, CUDA_SOURCE);
	assert_mount(s->plan, LIB64 "/libcuda.so.1", "/mine");
	assert_null(find_link(s->plan, LIB64 "/libcuda.so.1"));
	assert_non_null(find_link(s->plan, LIB64 "/libcuda.so"));
}

static void test_links_to_mounts(void **state)
{
	struct sample *s = *state;
	size_t n;

	sample_add_machine(s, CAPABILITY_ALL);
	sample_add_volume(s, "/mine", "/data", true);
	(void)sample_plan(s);
	n = s->plan->mounts.n + s->plan->links.n;
	assert_true(s->plan->links.n > 4);
	assert_int_equal(plan_links_to_mounts(s->plan, NULL), 0);
	assert_int_equal(s->plan->links.n, 0);
	assert_int_equal(s->plan->mounts.n, n);
	assert_mount(s->plan, LIB64 "/libcuda.so.1", CUDA_SOURCE);
	assert_mount(s->plan, LIB32 "/libcuda.so.1", "/host/32/" CUDA_FILE);
	assert_options(s->plan, LIB64 "/libcuda.so.1", "ro,nosuid,nodev,bind,");
	assert_true(s->plan->mounts.items[n - 1].is_volume);
	for (size_t i = 1; i < n - 1; i++)
		assert_true(strcmp(s->plan->mounts.items[i - 1].destination,
				    s->plan->mounts.items[i].destination) < 0);
	/* There is nothing left to do. */
	assert_int_equal(plan_links_to_mounts(s->plan, NULL), 0);
	assert_int_equal(s->plan->mounts.n, n);
}

/* The mount that a link names can have gone: a specification of others takes its place. */
static void test_link_to_nothing(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_DEFAULT);
	sample_add_volume(s, "/mine", "/data", true);
	(void)sample_plan(s);
	s->plan->mounts.items[0] = s->plan->mounts.items[s->plan->mounts.n - 1];
	s->plan->mounts.n = 1;
	assert_int_equal(plan_links_to_mounts(s->plan, NULL), 0);
	assert_mount(s->plan, LIB64 "/libcuda.so.1", CUDA_SOURCE);
	assert_true(s->plan->mounts.items[s->plan->mounts.n - 1].is_volume);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_links_in_the_way),
		TEST(test_link_under_the_file_name),
		TEST(test_names_without_version),
		TEST(test_volume_over_one_name),
		TEST(test_links_to_mounts),
		TEST(test_link_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
