/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of AI and computing: what becomes of each, and what a program in the container reads. */
#include "sample.h"

#include "host/session.h"
#include "request/settings.h"

#define GIB (UINT64_C(1) << 30)

struct knobs {
	struct settings settings;
	struct session_facts session;
};

static struct knobs *knobs_of(struct sample *s)
{
	struct knobs *k = arena_new_object(s->a, struct knobs);

	k->settings.arena = s->a;
	k->session.environment.uid = 1000;
	k->session.cache_dir = "/home/u/.cache/nvbind";
	s->req.settings = &k->settings;
	s->req.session = &k->session;
	return k;
}

static void set(struct sample *s, struct knobs *k, enum knob_id id, const char *text)
{
	if (settings_set(&k->settings, &knob_table[id], text, SOURCE_COMMAND_LINE, "--config",
		    &s->err) < 0)
		fail_msg("%s", nvb_error_message(s->err));
}

static const char *variable(const struct plan *plan, const char *name)
{
	size_t length = strlen(name);

	vec_foreach (const char *, line, &plan->env)
		if (strncmp(*line, name, length) == 0 && (*line)[length] == '=')
			return *line + length + 1;
	return NULL;
}

static void assert_variable(const struct plan *plan, const char *name, const char *value)
{
	const char *found = variable(plan, name);

	if (!found)
		fail_now("no variable '%s'", name);
	assert_string_equal(found, value);
}

static void assert_reason(const struct plan *plan, const char *name, const char *part)
{
	const char *reason = get_knob(plan, name)->reason;

	if (!reason || !strstr(reason, part))
		fail_msg("'%s' does not say '%s'", reason ? reason : "", part);
}

static void test_cuda_cache(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	set(s, k, KNOB_CUDA_CACHE_SIZE, "2048");
	/* Two roots without a name would share one: see knob_cache_directory(). */
	plan = sample_plan(s);
	assert_knob(plan, "cuda_cache_size", "2048", KNOB_APPLIED);
	assert_reason(plan, "cuda_cache_size", "ends with the container: a root without a name");
	vec_foreach (const char *, line, &plan->env)
		assert_null(strstr(*line, "CUDA_CACHE_PATH"));
	s->req.image = "rootfs";
	plan = sample_plan(s);
	assert_knob(plan, "cuda_cache_size", "2048", KNOB_APPLIED);
	assert_reason(plan, "cuda_cache_size", "/home/u/.cache/nvbind/cuda-cache/1000/550/rootfs");
	assert_variable(plan, "CUDA_CACHE_MAXSIZE", "2147483648");
	assert_variable(plan, "CUDA_CACHE_PATH", "/var/cache/nvbind/cuda");
	assert_mount(plan, "/var/cache/nvbind/cuda",
		"/host/home/u/.cache/nvbind/cuda-cache/1000/550/rootfs");
	assert_string_equal(get_mount(plan, "/var/cache/nvbind/cuda")->options.items[0], "rw");
}

static void test_cuda_cache_limits(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	set(s, k, KNOB_CUDA_CACHE_SIZE, "8192");
	plan = sample_plan(s);
	assert_variable(plan, "CUDA_CACHE_MAXSIZE", "4294967296");
	assert_reason(plan, "cuda_cache_size", "4096 MiB");
	set(s, k, KNOB_CUDA_CACHE_SIZE, "0");
	plan = sample_plan(s);
	assert_variable(plan, "CUDA_CACHE_DISABLE", "1");
	assert_null(variable(plan, "CUDA_CACHE_MAXSIZE"));
	assert_null(find_mount(plan, "/var/cache/nvbind/cuda"));
}

static void test_cuda_cache_places(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	set(s, k, KNOB_CUDA_CACHE_SIZE, "64");
	k->session.cache_dir = NULL;
	plan = sample_plan(s);
	assert_reason(plan, "cuda_cache_size", "ends with the container");
	assert_null(variable(plan, "CUDA_CACHE_PATH"));
	k->session.cache_dir = "/cache";
	string_list_add(s->a, &s->req.env, "CUDA_CACHE_PATH=/mine");
	plan = sample_plan(s);
	assert_variable(plan, "CUDA_CACHE_PATH", "/mine");
	assert_null(find_mount(plan, "/var/cache/nvbind/cuda"));
	assert_variable(plan, "CUDA_CACHE_MAXSIZE", "67108864");
}

static void test_without_cuda(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_driver(s, GPU_VENDOR_AMD, "amdgpu", "in-tree");
	sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu");
	sample_select_all(s);
	set(s, k, KNOB_CUDA_CACHE_SIZE, "64");
	set(s, k, KNOB_TENSOR_CORES_ENABLED, "false");
	plan = sample_plan(s);
	assert_knob(plan, "cuda_cache_size", "64", KNOB_UNSUPPORTED);
	assert_knob(plan, "tensor_cores_enabled", "false", KNOB_UNSUPPORTED);
	assert_null(variable(plan, "CUDA_CACHE_MAXSIZE"));
	assert_null(variable(plan, "NVIDIA_TF32_OVERRIDE"));
}

static void test_precision(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	set(s, k, KNOB_TENSOR_CORES_ENABLED, "true");
	set(s, k, KNOB_MIXED_PRECISION, "true");
	plan = sample_plan(s);
	assert_knob(plan, "tensor_cores_enabled", "true", KNOB_NONE);
	assert_knob(plan, "mixed_precision", "true", KNOB_NONE);
	/* '1' is documented nowhere. */
	assert_null(variable(plan, "NVIDIA_TF32_OVERRIDE"));
	set(s, k, KNOB_TENSOR_CORES_ENABLED, "false");
	plan = sample_plan(s);
	assert_knob(plan, "tensor_cores_enabled", "false", KNOB_ADVISORY);
	assert_variable(plan, "NVIDIA_TF32_OVERRIDE", "0");
}

static void test_pool(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	set(s, k, KNOB_MEMORY_POOL_SIZE, "16GB");
	plan = sample_plan(s);
	assert_knob(plan, "memory_pool_size", "16GiB", KNOB_ADVISORY);
	assert_variable(plan, "CUPY_GPU_MEMORY_LIMIT", "17179869184");
	assert_null(variable(plan, "XLA_PYTHON_CLIENT_MEM_FRACTION"));
	assert_reason(plan, "memory_pool_size", "not known");
	s->inv.gpus.items[0].memory_bytes = 24 * GIB;
	plan = sample_plan(s);
	assert_variable(plan, "XLA_PYTHON_CLIENT_MEM_FRACTION", "0.6666");
	/* A version of PyTorch that does not know the option would not start. */
	assert_null(variable(plan, "PYTORCH_ALLOC_CONF"));
	s->inv.gpus.items[0].memory_bytes = 16 * GIB;
	assert_variable(sample_plan(s), "XLA_PYTHON_CLIENT_MEM_FRACTION", "1.0000");
}

static void test_pool_refused(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	s->inv.gpus.items[0].memory_bytes = 8 * GIB;
	set(s, k, KNOB_MEMORY_POOL_SIZE, "16GB");
	plan = sample_plan(s);
	assert_knob(plan, "memory_pool_size", "16GiB", KNOB_UNSUPPORTED);
	assert_reason(plan, "memory_pool_size", "8192 MiB");
	assert_null(variable(plan, "CUPY_GPU_MEMORY_LIMIT"));
	set(s, k, KNOB_MEMORY_POOL_SIZE, "1");
	assert_variable(sample_plan(s), "XLA_PYTHON_CLIENT_MEM_FRACTION", "0.0001");
	set(s, k, KNOB_MEMORY_POOL_ENABLED, "false");
	plan = sample_plan(s);
	assert_knob(plan, "memory_pool_size", "1", KNOB_UNSUPPORTED);
	assert_knob(plan, "memory_pool_enabled", "false", KNOB_ADVISORY);
	assert_variable(plan, "PYTORCH_NO_CUDA_MEMORY_CACHING", "1");
	assert_null(variable(plan, "XLA_PYTHON_CLIENT_MEM_FRACTION"));
	set(s, k, KNOB_MEMORY_POOL_ENABLED, "true");
	assert_knob(sample_plan(s), "memory_pool_enabled", "true", KNOB_NONE);
}

/* What a program is told: the instance's size, or the hard limit. */
static void test_pool_of_partition(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu_partition *part;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	s->inv.gpus.items[0].memory_bytes = 80 * GIB;
	part = vec_push(s->a, &s->inv.gpus.items[0].partitions);
	*part = (struct gpu_partition){ .gi = 1, .uuid = "MIG-1", .memory_bytes = 20 * GIB };
	s->req.gpus = (struct selection){ 0 };
	sample_select(s, &s->inv.gpus.items[0], part);
	set(s, k, KNOB_MEMORY_POOL_SIZE, "10GB");
	assert_variable(sample_plan(s), "XLA_PYTHON_CLIENT_MEM_FRACTION", "0.5000");
}

static void test_pool_of_limits(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct machine_abilities able = { .arena = s->a, .cgroup_v2 = true, .is_root = true };
	struct gpu_abilities *gpu;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	gpu = vec_push(s->a, &able.gpus);
	*gpu = (struct gpu_abilities){ .gpu = &s->inv.gpus.items[0],
		.total_memory_bytes = 80 * GIB };
	for (size_t i = 0; i < LIMIT_RUNG_COUNT; i++)
		gpu->unusable[i] = i == LIMIT_NVML_MEMORY ? NULL : "not in this test";
	s->req.abilities = &able;
	set(s, k, KNOB_MEMORY_POOL_SIZE, "10GB");
	assert_variable(sample_plan(s), "XLA_PYTHON_CLIENT_MEM_FRACTION", "0.1250");
	set(s, k, KNOB_MEMORY_LIMIT, "40GB");
	assert_variable(sample_plan(s), "XLA_PYTHON_CLIENT_MEM_FRACTION", "0.2500");
	s->req.abilities = NULL;
}

static void test_training(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	set(s, k, KNOB_AIML_PROFILE, "training");
	plan = sample_plan(s);
	assert_knob(plan, "aiml_profile", "training", KNOB_UNSUPPORTED);
	assert_int_equal(plan->rlimits.n, 0);
	assert_reason(plan, "aiml_profile", "CAP_SYS_RESOURCE");
	k->session.can_raise_limits = true;
	plan = sample_plan(s);
	assert_knob(plan, "aiml_profile", "training", KNOB_APPLIED);
	assert_reason(plan, "aiml_profile", "imex-channel");
	assert_int_equal(plan->rlimits.n, 2);
	assert_string_equal(plan->rlimits.items[0].type, "RLIMIT_MEMLOCK");
	assert_true(plan->rlimits.items[0].hard == UINT64_MAX);
	s->req.session = NULL;
	assert_knob(sample_plan(s), "aiml_profile", "training", KNOB_UNSUPPORTED);
	set(s, k, KNOB_AIML_PROFILE, "inference");
	assert_knob(sample_plan(s), "aiml_profile", "inference", KNOB_NONE);
}

static void test_ollama(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	const struct plan *plan;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	set(s, k, KNOB_MODEL_SIZE, "XLarge");
	set(s, k, KNOB_PRECISION, "FP16");
	set(s, k, KNOB_BATCH_SIZE, "8");
	set(s, k, KNOB_CONTEXT_LENGTH, "4096");
	string_list_add(s->a, &s->req.env, "OLLAMA_CONTEXT_LENGTH=99");
	plan = sample_plan(s);
	assert_knob(plan, "model_size", "XLarge", KNOB_NONE);
	assert_knob(plan, "precision", "FP16", KNOB_NONE);
	assert_knob(plan, "batch_size", "8", KNOB_ADVISORY);
	assert_knob(plan, "context_length", "4096", KNOB_ADVISORY);
	assert_variable(plan, "OLLAMA_NUM_PARALLEL", "8");
	assert_variable(plan, "OLLAMA_CONTEXT_LENGTH", "99");
	/* No program reads these. */
	assert_null(variable(plan, "OLLAMA_PRECISION"));
	assert_null(variable(plan, "OLLAMA_GPU_MEMORY"));
}

static void test_shm(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	sample_add_machine(s, CAPABILITY_COMPUTE);
	assert_true(sample_plan(s)->shm_size_bytes == 0);
	set(s, k, KNOB_SHM_SIZE, "8GB");
	assert_knob(sample_plan(s), "shm_size", "8GiB", KNOB_APPLIED);
	assert_true(s->plan->shm_size_bytes == 8 * GIB);
}

/* The word is NVIDIA_VISIBLE_DEVICES' own. */
static void test_visible_devices(void **state)
{
	struct sample *s = *state;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	string_list_add(s->a, &s->req.env, "CUDA_VISIBLE_DEVICES=0");
	assert_silent(sample_plan(s));
	string_list_add(s->a, &s->req.env, "CUDA_VISIBLE_DEVICES=all");
	assert_warned(sample_plan(s), "CUDA sees no GPU");
	assert_variable(s->plan, "CUDA_VISIBLE_DEVICES", "all");
}

/* Each of the group is reported once, whatever its value. */
static void test_each_once(void **state)
{
	static const enum knob_id ids[] = { KNOB_AIML_PROFILE, KNOB_CUDA_CACHE_SIZE,
		KNOB_TENSOR_CORES_ENABLED, KNOB_MIXED_PRECISION, KNOB_MEMORY_POOL_SIZE,
		KNOB_MEMORY_POOL_ENABLED, KNOB_MODEL_SIZE, KNOB_PRECISION, KNOB_BATCH_SIZE,
		KNOB_CONTEXT_LENGTH, KNOB_SHM_SIZE };
	static const char *const texts[] = { "training", "1", "true", "true", "1GB", "true",
		"Small", "Q4", "1", "1", "1MB" };
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	sample_add_machine(s, CAPABILITY_COMPUTE);
	for (size_t i = 0; i < ELEMENTS(ids); i++)
		set(s, k, ids[i], texts[i]);
	(void)sample_plan(s);
	for (size_t i = 0; i < ELEMENTS(ids); i++) {
		size_t n = 0;

		vec_foreach (struct plan_knob, knob, &s->plan->knobs)
			n += strcmp(knob->name, knob_table[ids[i]].name) == 0;
		if (n != 1)
			fail_msg("'%s' is reported %zu times", knob_table[ids[i]].name, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cuda_cache),
		TEST(test_cuda_cache_limits),
		TEST(test_cuda_cache_places),
		TEST(test_without_cuda),
		TEST(test_precision),
		TEST(test_pool),
		TEST(test_pool_refused),
		TEST(test_pool_of_partition),
		TEST(test_pool_of_limits),
		TEST(test_training),
		TEST(test_ollama),
		TEST(test_shm),
		TEST(test_visible_devices),
		TEST(test_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
