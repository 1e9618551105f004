/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knobs: caches, pools, precision, Ollama.
 *
 * Almost all of this is decided inside a framework: what we can do is to set the variable that it
 * reads, and to say where there is none. Variables that a former version of a framework would
 * refuse to start with are not set: the version is the image's, which is not known here.
 */
#include "plan/knob_rule.h"

#include <string.h>

#include "host/session.h"

/* Source: CUDA C++ Programming Guide, "CUDA Environment Variables": the driver's own ceiling. */
#define CUDA_CACHE_MOST_BYTES (UINT64_C(4) << 30)
#define BYTES_PER_MIB	      (UINT64_C(1) << 20)
/* In the container; a place that images do not use. */
#define CUDA_CACHE_PLACE "/var/cache/nvbind/cuda"
/* Of a fraction that a framework gets, in digits behind the point. */
#define FRACTION_UNITS 10000U
/* Source: NVIDIA Deep Learning Frameworks documentation, "Running a container". */
#define STACK_BYTES (UINT64_C(64) << 20)

/* The driver that programs reach by CUDA; NULL: the container gets none. */
static const struct gpu_driver *cuda_driver(const struct plan_build *b)
{
	vec_foreach (const struct gpu_driver, driver, &b->inv->drivers)
		if ((driver->vendor == GPU_VENDOR_NVIDIA || driver->vendor == GPU_VENDOR_WSL) &&
			driver->brings_user_space && plan_uses_driver(b->inv, b->req, driver))
			return driver;
	return NULL;
}

static int report_no_cuda(struct plan_build *b, enum knob_id id, struct nvb_error **err)
{
	return knob_report(
		b, err, id, KNOB_UNSUPPORTED, NULL, "the container gets no driver with CUDA");
}

/* What is compiled for one branch of the driver is of no use to another. NULL: see *ret_reason. */
static const char *cuda_cache_source(
	struct plan_build *b, const struct gpu_driver *driver, const char **ret_reason)
{
	const char *version = driver->version ? driver->version : "unknown";
	const char *kind = arena_printf(b->plan->arena, "cuda-cache/%u/%.*s",
		b->req->session->environment.uid, (int)strcspn(version, "."), version);

	return kind ? knob_cache_directory(b, kind, ret_reason) : NULL;
}

/* *ret_reason says what became of it. */
static int mount_cuda_cache(struct plan_build *b, const struct gpu_driver *driver,
	const char **ret_reason, struct nvb_error **err)
{
	const char *source, *problem = "out of memory";
	int r;

	if (knob_env_is_users(b, "CUDA_CACHE_PATH")) {
		*ret_reason = "your CUDA_CACHE_PATH says where it is";
		return 0;
	}
	if (!b->req->session || !b->req->session->cache_dir) {
		*ret_reason = "it ends with the container: there is no directory on the host to "
			      "keep it in";
		return 0;
	}
	source = cuda_cache_source(b, driver, &problem);
	if (!source) {
		*ret_reason = arena_printf(
			b->plan->arena, "it ends with the container: %s", problem);
		return *ret_reason ? 0 : NVB_OOM(err);
	}
	r = knob_mount(b, err, source, CUDA_CACHE_PLACE, true);
	if (r >= 0)
		r = knob_env_set(b, err, "CUDA_CACHE_PATH", "%s", CUDA_CACHE_PLACE);
	*ret_reason = arena_printf(b->plan->arena, "kept in '%s'", source);
	return *ret_reason ? r : NVB_OOM(err);
}

static int resolve_cuda_cache(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct gpu_driver *driver = cuda_driver(b);
	uint64_t bytes = value->number * BYTES_PER_MIB;
	const char *reason = "";
	int r;

	if (!driver)
		return report_no_cuda(b, KNOB_CUDA_CACHE_SIZE, err);
	if (!bytes) {
		r = knob_env_set(b, err, "CUDA_CACHE_DISABLE", "1");
		return r < 0 ? r
			     : knob_report(b, err, KNOB_CUDA_CACHE_SIZE, KNOB_APPLIED,
				       "CUDA_CACHE_DISABLE", "kernels are compiled at each start");
	}
	r = mount_cuda_cache(b, driver, &reason, err);
	if (r >= 0)
		r = knob_env_set(b, err, "CUDA_CACHE_MAXSIZE", "%llu",
			(unsigned long long)(bytes < CUDA_CACHE_MOST_BYTES
						     ? bytes
						     : CUDA_CACHE_MOST_BYTES));
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_CUDA_CACHE_SIZE, KNOB_APPLIED, "CUDA_CACHE_MAXSIZE", "%s%s",
		reason,
		bytes > CUDA_CACHE_MOST_BYTES ? "; 4096 MiB, the most that CUDA takes" : "");
}

static int resolve_tensor_cores(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r;

	if (!cuda_driver(b))
		return report_no_cuda(b, KNOB_TENSOR_CORES_ENABLED, err);
	if (value->number)
		return knob_report(b, err, KNOB_TENSOR_CORES_ENABLED, KNOB_NONE, NULL,
			"they are always on; whether single precision goes through them (TF32) is "
			"the program's choice, as torch.set_float32_matmul_precision()");
	r = knob_env_set(b, err, "NVIDIA_TF32_OVERRIDE", "0");
	return r < 0 ? r
		     : knob_report(b, err, KNOB_TENSOR_CORES_ENABLED, KNOB_ADVISORY,
			       "NVIDIA_TF32_OVERRIDE=0",
			       "cuBLAS and cuDNN compute single precision without them; FP16, BF16 "
			       "and INT8 use them still, and no switch keeps a program off them");
}

static int resolve_mixed_precision(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_MIXED_PRECISION, KNOB_NONE, NULL,
		"the program's own code decides: torch.autocast, or a policy of Keras or JAX");
}

/* True where a program that asks the GPU for its size is told the limit. */
static bool rung_changes_total(enum limit_rung rung)
{
	return rung == LIMIT_NVML_MEMORY_MPS || rung == LIMIT_NVML_MEMORY || rung == LIMIT_MPS;
}

/* 0: unknown. */
static uint64_t memory_of(const struct plan_build *b, const struct selected_gpu *item)
{
	vec_foreach (const struct plan_limit, limit, &b->plan->limits) {
		if (limit->gpu != item->gpu || limit->partition != item->partition)
			continue;
		if (limit->memory_bytes && rung_changes_total(limit->rung))
			return limit->memory_bytes;
		if (limit->partition)
			return limit->partition->memory_bytes;
	}
	if (item->partition)
		return item->partition->memory_bytes;
	if (item->gpu->memory_bytes || !b->req->abilities)
		return item->gpu->memory_bytes;
	vec_foreach (const struct gpu_abilities, able, &b->req->abilities->gpus)
		if (able->gpu == item->gpu)
			return able->total_memory_bytes;
	return 0;
}

/* Of the smallest GPU, as programs in the container are told. 0: not known of each. */
static uint64_t visible_memory(const struct plan_build *b)
{
	uint64_t least = 0;

	for (size_t i = 0; i < b->req->gpus.n; i++) {
		uint64_t bytes = memory_of(b, &b->req->gpus.items[i]);

		if (!bytes)
			return 0;
		least = least && least < bytes ? least : bytes;
	}
	return least;
}

static int limit_pool(struct plan_build *b, uint64_t pool, uint64_t total, struct nvb_error **err)
{
	unsigned share = 0;
	int r = knob_env_set(b, err, "CUPY_GPU_MEMORY_LIMIT", "%llu", (unsigned long long)pool);

	if (r >= 0)
		r = knob_env_set(b, err, "TF_FORCE_GPU_ALLOW_GROWTH", "true");
	if (r < 0 || !total)
		return r;
	/* In MiB no product overflows. Not 0: that would be no limit. */
	if (total >= BYTES_PER_MIB)
		share = (unsigned)(pool / BYTES_PER_MIB * FRACTION_UNITS / (total / BYTES_PER_MIB));
	if (!share)
		share = 1;
	return knob_env_set(b, err, "XLA_PYTHON_CLIENT_MEM_FRACTION", "%u.%04u",
		share / FRACTION_UNITS, share % FRACTION_UNITS);
}

static int resolve_pool_size(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct setting *enabled = knob_setting(b, KNOB_MEMORY_POOL_ENABLED);
	uint64_t total = visible_memory(b);
	int r;

	if (enabled && !enabled->number)
		return knob_report(b, err, KNOB_MEMORY_POOL_SIZE, KNOB_UNSUPPORTED, NULL,
			"memory_pool_enabled=false takes the pool away");
	if (total && value->number > total)
		return knob_report(b, err, KNOB_MEMORY_POOL_SIZE, KNOB_UNSUPPORTED, NULL,
			"a GPU of the container has %llu MiB: a pool that is larger limits nothing",
			(unsigned long long)(total / BYTES_PER_MIB));
	r = limit_pool(b, value->number, total, err);
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_MEMORY_POOL_SIZE, KNOB_ADVISORY,
		total ? "CUPY_GPU_MEMORY_LIMIT + XLA_PYTHON_CLIENT_MEM_FRACTION + "
			"TF_FORCE_GPU_ALLOW_GROWTH"
		      : "CUPY_GPU_MEMORY_LIMIT + TF_FORCE_GPU_ALLOW_GROWTH",
		total ? "CuPy and JAX obey; TensorFlow takes what it needs; PyTorch 2.10 obeys "
			"PYTORCH_ALLOC_CONF=per_process_memory_fraction:F, which older ones refuse "
			"to "
			"start with: set it yourself; gpu_memory_limit binds all"
		      : "CuPy obeys; TensorFlow takes what it needs; JAX and PyTorch want a "
			"fraction "
			"of the GPU's memory, whose size is not known here; gpu_memory_limit binds "
			"all");
}

static int resolve_pool_enabled(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r;

	if (value->number)
		return knob_report(b, err, KNOB_MEMORY_POOL_ENABLED, KNOB_NONE, NULL,
			"frameworks pool GPU memory by themselves; memory_pool_size says how much");
	r = knob_env_set(b, err, "PYTORCH_NO_CUDA_MEMORY_CACHING", "1");
	if (r >= 0)
		r = knob_env_set(b, err, "XLA_PYTHON_CLIENT_ALLOCATOR", "platform");
	if (r >= 0)
		r = knob_env_set(b, err, "TF_FORCE_GPU_ALLOW_GROWTH", "true");
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_MEMORY_POOL_ENABLED, KNOB_ADVISORY,
		"PYTORCH_NO_CUDA_MEMORY_CACHING + XLA_PYTHON_CLIENT_ALLOCATOR + "
		"TF_FORCE_GPU_ALLOW_GROWTH",
		"PyTorch and JAX give memory back at once, which is slow; TensorFlow keeps what it "
		"took, but takes no more than it needs");
}

static const char fabric_advice[] =
	"devices of a fabric are asked for by name, once 'nvbind cdi generate' has defined them: "
	"'--device nvidia.com/imex-channel=0' between machines with NVLink, '--device "
	"nvidia.com/mofed=all' for RDMA";

static bool raises_nothing(const struct setting *value)
{
	return value->number != AIML_TRAINING;
}

/* Pinned memory of frameworks and RDMA counts against it. */
static int resolve_profile(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct session_facts *session = b->req->session;
	int r;

	if (raises_nothing(value))
		return knob_report(b, err, KNOB_AIML_PROFILE, KNOB_NONE, NULL,
			"a single process that infers needs nothing but the GPU; 'training' raises "
			"limits");
	if (!session || !session->can_raise_limits)
		return knob_report(b, err, KNOB_AIML_PROFILE, KNOB_UNSUPPORTED, NULL,
			"it would raise the limit of locked memory (memlock)%s; %s",
			session ? ", which needs CAP_SYS_RESOURCE or a higher hard limit in "
				  "/etc/security/limits.conf"
				: ", and whether the caller may is not known here",
			fabric_advice);
	r = knob_rlimit(b, "RLIMIT_MEMLOCK", UINT64_MAX, err);
	if (r >= 0)
		r = knob_rlimit(b, "RLIMIT_STACK", STACK_BYTES, err);
	return r < 0 ? r
		     : knob_report(b, err, KNOB_AIML_PROFILE, KNOB_APPLIED,
			       "RLIMIT_MEMLOCK unlimited + RLIMIT_STACK 64 MiB", "%s",
			       fabric_advice);
}

static int resolve_model_size(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_MODEL_SIZE, KNOB_NONE, NULL,
		"it is the model that has a size: 'nvbind ollama MODEL' reads it from the model's "
		"file");
}

static int resolve_precision(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_PRECISION, KNOB_NONE, NULL,
		"a model's file has one precision: choose it by the tag, as in "
		"llama3.1:8b-instruct-q4_K_M or -fp16");
}

static int resolve_batch_size(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r = knob_env_set(
		b, err, "OLLAMA_NUM_PARALLEL", "%llu", (unsigned long long)value->number);

	return r < 0 ? r
		     : knob_report(b, err, KNOB_BATCH_SIZE, KNOB_ADVISORY, "OLLAMA_NUM_PARALLEL",
			       "Ollama serves as many requests at once, and each has a context of "
			       "its own in the GPU's memory");
}

static int resolve_context(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r = knob_env_set(
		b, err, "OLLAMA_CONTEXT_LENGTH", "%llu", (unsigned long long)value->number);

	return r < 0 ? r
		     : knob_report(b, err, KNOB_CONTEXT_LENGTH, KNOB_ADVISORY,
			       "OLLAMA_CONTEXT_LENGTH",
			       "Ollama's default; a request may ask for another one");
}

static int resolve_shm_size(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	b->plan->shm_size_bytes = value->number;
	return knob_report(
		b, err, KNOB_SHM_SIZE, KNOB_APPLIED, "size of the tmpfs on /dev/shm", "%s", "");
}

static const struct knob_rule rules[] = {
	{ KNOB_AIML_PROFILE, resolve_profile, raises_nothing },
	{ KNOB_CUDA_CACHE_SIZE, resolve_cuda_cache },
	{ KNOB_TENSOR_CORES_ENABLED, resolve_tensor_cores, knob_inert_if_true },
	{ KNOB_MIXED_PRECISION, resolve_mixed_precision, knob_inert },
	{ KNOB_MEMORY_POOL_SIZE, resolve_pool_size },
	{ KNOB_MEMORY_POOL_ENABLED, resolve_pool_enabled, knob_inert_if_true },
	{ KNOB_MODEL_SIZE, resolve_model_size, knob_inert },
	{ KNOB_PRECISION, resolve_precision, knob_inert },
	{ KNOB_BATCH_SIZE, resolve_batch_size },
	{ KNOB_CONTEXT_LENGTH, resolve_context },
	{ KNOB_SHM_SIZE, resolve_shm_size },
};

const struct knob_rule_table knob_rules_aiml = { rules, ELEMENTS(rules) };
