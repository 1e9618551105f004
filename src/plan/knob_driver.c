/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: the driver, its version, WSL2, words of the engine. */
#include <string.h>

#include "base/number.h"
#include "gpu/requirement_facts.h"
#include "plan/knob_rule.h"

#define MAX_VERSION_PART 1000000

/* "cuda_version = \"12\"" is 12.0. Less than 0: `have` is older than `want`. */
static int compare_versions(const char *have, const char *want)
{
	while (*have || *want) {
		size_t have_digits = strspn(have, "0123456789");
		size_t want_digits = strspn(want, "0123456789");
		uint64_t x = 0, y = 0;

		(void)number_parse_n(have, have_digits, MAX_VERSION_PART, &x);
		(void)number_parse_n(want, want_digits, MAX_VERSION_PART, &y);
		if (x != y)
			return x < y ? -1 : 1;
		have += have_digits;
		want += want_digits;
		have += *have == '.';
		want += *want == '.';
	}
	return 0;
}

/* Numbers with points between them, each small enough to be compared. */
static bool is_version(const char *text)
{
	for (;;) {
		size_t digits = strspn(text, "0123456789");
		uint64_t part;

		if (!number_parse_n(text, digits, MAX_VERSION_PART, &part))
			return false;
		text += digits;
		if (!*text)
			return true;
		if (*text++ != '.')
			return false;
	}
}

static int check_version_text(const struct setting *value, struct nvb_error **err)
{
	if (is_version(value->text))
		return 0;
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' is no version", value->text),
		"write numbers with points between them: \"550.163.01\"");
}

/* The facts of the selected GPUs. False: none of them runs on a driver that has any. */
static bool find_facts(struct plan_build *b, struct gpu_requirement_facts *ret)
{
	const size_t n = b->req->gpus.n;
	const struct gpu **gpus = arena_alloc(b->plan->arena, (n + 1) * sizeof(*gpus));

	for (size_t i = 0; gpus && i < n; i++)
		gpus[i] = b->req->gpus.items[i].gpu;
	return gpus && plan_nvidia_driver(b->inv, b->req) &&
	       gpu_requirement_facts(b->inv, gpus, n, ret) > 0;
}

static int report_no_nvidia(struct plan_build *b, enum knob_id id, struct nvb_error **err)
{
	return knob_report(
		b, err, id, KNOB_UNSUPPORTED, NULL, "no GPU on NVIDIA's own driver is selected");
}

static int resolve_driver_version(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	struct gpu_requirement_facts facts;
	int r = check_version_text(value, err);

	if (r < 0)
		return r;
	if (!find_facts(b, &facts))
		return report_no_nvidia(b, KNOB_DRIVER_VERSION, err);
	if (!facts.driver_version)
		return knob_report(b, err, KNOB_DRIVER_VERSION, KNOB_ADVISORY, NULL,
			"the driver's version is not known: it is not compared");
	if (compare_versions(facts.driver_version, value->text) < 0)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_DRIVER, 0,
				"use driver %s or newer: this machine's is %s", value->text,
				facts.driver_version),
			"install a newer driver on the host: a container cannot bring its own");
	return knob_report(b, err, KNOB_DRIVER_VERSION, KNOB_ENFORCED, "compared before the start",
		"the machine's driver is %s", facts.driver_version);
}

static int resolve_cuda_version(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	struct gpu_requirement_facts facts;
	const char *have;
	int r = check_version_text(value, err);

	if (r < 0)
		return r;
	if (!find_facts(b, &facts))
		return report_no_nvidia(b, KNOB_CUDA_VERSION, err);
	have = facts.cuda_version ? facts.cuda_version : facts.cuda_at_least;
	if (have && compare_versions(have, value->text) >= 0)
		return knob_report(b, err, KNOB_CUDA_VERSION, KNOB_ENFORCED,
			"compared before the start", "the driver serves CUDA %s%s", have,
			facts.cuda_version ? "" : " or newer");
	if (facts.cuda_version)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_DRIVER, 0,
				"use CUDA %s: this machine's driver serves CUDA %s", value->text,
				have),
			"install a newer driver on the host, or use an image with an older CUDA");
	return knob_report(b, err, KNOB_CUDA_VERSION, KNOB_ADVISORY, NULL,
		"which CUDA this driver serves is not known: it is not compared");
}

/* `driver` itself is checked before any knob and reported with the GPUs, where there are some. */
static int resolve_driver(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	vec_foreach (const struct gpu_driver, driver, &b->inv->drivers)
		if (plan_uses_driver(b->inv, b->req, driver))
			return 0;
	return knob_report(
		b, err, KNOB_DRIVER, KNOB_UNSUPPORTED, NULL, "the container gets no GPU");
}

/* The same for the GPUs of one vendor. */
static int check_vendor(struct plan_build *b, enum knob_id id, enum gpu_vendor vendor,
	const struct setting *value, struct nvb_error **err)
{
	const enum driver_choice choice = (enum driver_choice)value->number;
	bool is_near = false;

	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;

		if (gpu->vendor != vendor ||
			plan_driver_fits(choice, gpu, inventory_driver(b->inv, gpu)))
			continue;
		if (plan_driver_is_near(choice, gpu, value->source)) {
			is_near = true;
			continue;
		}
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_DRIVER, 0, "use driver '%s': GPU %u runs on '%s'",
				value->text, gpu->index, gpu->driver ? gpu->driver : "unknown"),
			"change the value, or choose other GPUs with --gpu: a container cannot "
			"change the host's kernel driver");
	}
	if (!knob_has_vendor(b, vendor))
		return knob_report(b, err, id, KNOB_UNSUPPORTED, NULL, "no GPU of %s is selected",
			vendor == GPU_VENDOR_AMD ? "AMD" : "NVIDIA");
	if (is_near)
		return knob_report(b, err, id, KNOB_UNSUPPORTED, NULL,
			"the machine runs NVIDIA's driver with its other kernel modules: a "
			"container cannot change that, and its programs cannot tell");
	return knob_report(b, err, id, KNOB_ENFORCED, "compared before the start", "%s", "");
}

static int resolve_nvidia_driver(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	return check_vendor(b, KNOB_NVIDIA_DRIVER, GPU_VENDOR_NVIDIA, value, err);
}

static int resolve_amd_driver(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	return check_vendor(b, KNOB_AMD_DRIVER, GPU_VENDOR_AMD, value, err);
}

static bool has_compute(const struct plan_build *b)
{
	return b->req->capabilities & CAPABILITY_COMPUTE;
}

static bool has_cuda_driver(const struct plan_build *b)
{
	return plan_nvidia_driver(b->inv, b->req) || knob_has_vendor(b, GPU_VENDOR_WSL);
}

static int resolve_cuda(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct gpu_driver *driver = plan_nvidia_driver(b->inv, b->req);

	if (!value->number && has_cuda_driver(b) && has_compute(b))
		return knob_report(b, err, KNOB_CUDA_SUPPORT, KNOB_UNSUPPORTED, NULL,
			"the capability 'compute' brings CUDA: choose others with "
			"'--capabilities'");
	if (!value->number)
		return knob_report(b, err, KNOB_CUDA_SUPPORT, KNOB_APPLIED,
			"libcuda is not mounted", "%s", "");
	if (!has_cuda_driver(b))
		return report_no_nvidia(b, KNOB_CUDA_SUPPORT, err);
	if (!has_compute(b))
		return knob_report(b, err, KNOB_CUDA_SUPPORT, KNOB_UNSUPPORTED, NULL,
			"the driver capability 'compute' is not asked for");
	if (driver && plan_files_problem(b, driver))
		return knob_report(b, err, KNOB_CUDA_SUPPORT, KNOB_UNSUPPORTED, NULL, "%s",
			plan_files_problem(b, driver));
	return knob_report(b, err, KNOB_CUDA_SUPPORT, KNOB_APPLIED,
		"libcuda of the driver + device nodes", "the CUDA toolkit is the image's own");
}

static int resolve_rocm(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const bool kfd = plan_nodes_has(b->plan, b->plan->nodes.n, "/dev/kfd");

	if (!value->number)
		return knob_report(b, err, KNOB_ROCM_SUPPORT, kfd ? KNOB_UNSUPPORTED : KNOB_APPLIED,
			kfd ? NULL : "no /dev/kfd", "%s",
			kfd ? "the capability 'compute' brings /dev/kfd: choose others with "
			      "'--capabilities'"
			    : "");
	if (!knob_has_vendor(b, GPU_VENDOR_AMD))
		return knob_report(b, err, KNOB_ROCM_SUPPORT, KNOB_UNSUPPORTED, NULL,
			"no AMD GPU is selected");
	if (!kfd)
		return knob_report(b, err, KNOB_ROCM_SUPPORT, KNOB_UNSUPPORTED, NULL, "%s",
			has_compute(b) ? "the host has no /dev/kfd"
				       : "the driver capability 'compute' is not asked for");
	return knob_report(b, err, KNOB_ROCM_SUPPORT, KNOB_APPLIED, "/dev/kfd + render nodes",
		"ROCm itself is the image's own");
}

static int resolve_rocm_version(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r = check_version_text(value, err);

	return r < 0 ? r
		     : knob_report(b, err, KNOB_ROCM_VERSION, KNOB_NONE, NULL,
			       "ROCm is the image's own, and its kernel driver has no version to "
			       "compare: choose an image with %s",
			       value->text);
}

static int resolve_devices(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	return knob_report(b, err, KNOB_DEVICES, KNOB_APPLIED, "selection of GPUs",
		"asked for by %s; 'gpu' says what the container gets", value->origin);
}

static int resolve_default_runtime(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	/* Another engine may do the work: "auto", or --runtime said so. */
	if (b->req->engine && strcmp(b->req->engine, value->text) != 0)
		return knob_report(b, err, KNOB_DEFAULT_RUNTIME, KNOB_APPLIED,
			"choice of the engine", "this container's is '%s'", b->req->engine);
	return knob_report(
		b, err, KNOB_DEFAULT_RUNTIME, KNOB_APPLIED, "choice of the engine", "%s", "");
}

static int resolve_gpu_runtime(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	if (value->number == GPU_RUNTIME_NVBIND)
		return knob_report(b, err, KNOB_GPU_RUNTIME, KNOB_APPLIED, "nvbind", "%s", "");
	return knob_report(b, err, KNOB_GPU_RUNTIME, KNOB_UNSUPPORTED, NULL,
		"nvbind itself brings the GPU into this container");
}

static int resolve_profile_default(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_DEFAULT_PROFILE, KNOB_APPLIED, "choice of the profile",
		"for containers that name none");
}

static int resolve_ollama_default(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_DEFAULT_OLLAMA_PROFILE, KNOB_UNSUPPORTED, NULL,
		"a preset of Ollama is not for this command");
}

static int resolve_title(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(
		b, err, KNOB_TITLE, KNOB_NONE, NULL, "a title for people: it changes nothing");
}

static int resolve_preload(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_PRELOAD_LIBRARIES, KNOB_NONE, NULL,
		"nothing is copied or loaded at a start: the host's own files are bind-mounted, "
		"and "
		"the kernel keeps in memory what is in use");
}

static int resolve_cache(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	if (!value->number)
		return knob_report(b, err, KNOB_CACHE_DRIVER_INFO, KNOB_UNSUPPORTED, NULL,
			"the inventory is read before this is known: set NVBIND_NO_CACHE=1");
	return knob_report(b, err, KNOB_CACHE_DRIVER_INFO, KNOB_APPLIED, "kept inventory",
		"it holds as long as everything that it was made from is the same");
}

static int resolve_quic(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_QUIC_ACCELERATION, KNOB_NONE, NULL,
		"no GPU runs QUIC: it is a protocol of network programs, which use CPU and network "
		"card");
}

static int report_wsl(struct plan_build *b, enum knob_id id, const char *mechanism,
	const char *reason, struct nvb_error **err)
{
	if (knob_has_vendor(b, GPU_VENDOR_WSL))
		return knob_report(b, err, id, KNOB_APPLIED, mechanism, "%s", reason);
	return knob_report(b, err, id, KNOB_UNSUPPORTED, NULL,
		"no GPU of WSL2 is selected: /dev/dxg is where Windows shows one");
}

static int resolve_wsl_optimized(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	if (!value->number)
		return knob_report(b, err, KNOB_WSL2_OPTIMIZED, KNOB_NONE, NULL,
			"what WSL2 needs is found out, and there is nothing to switch off");
	return report_wsl(b, KNOB_WSL2_OPTIMIZED, "driver store + LD_LIBRARY_PATH + /dev/dxg",
		"the same without this setting", err);
}

static int resolve_wsl_enabled(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	if (!value->number)
		return knob_report(b, err, KNOB_WSL2_ENABLED, KNOB_NONE, NULL,
			"whether this is WSL2 is found out by /dev/dxg");
	return report_wsl(b, KNOB_WSL2_ENABLED, "/dev/dxg", "this is WSL2", err);
}

static int resolve_wsl_acceleration(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r = 0;

	(void)value;
	/* Mesa's driver for Direct3D, in the image, is the way of OpenGL to such a GPU. */
	if (knob_has_vendor(b, GPU_VENDOR_WSL) && b->req->capabilities & CAPABILITY_GRAPHICS)
		r = knob_env_set(b, err, "GALLIUM_DRIVER", "d3d12");
	return r < 0 ? r
		     : report_wsl(b, KNOB_WSL2_GPU_ACCELERATION, "/dev/dxg + libdxcore",
			       "it is the only way; OpenGL goes by the image's Mesa (d3d12), and "
			       "Vulkan by its dzn",
			       err);
}

static int resolve_wsl_latency(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_WSL2_LOW_LATENCY, KNOB_NONE, NULL,
		"Windows schedules the GPU: nothing in WSL2 sets the length of its queues");
}

static const struct knob_rule rules[] = {
	{ KNOB_DEFAULT_RUNTIME, resolve_default_runtime },
	{ KNOB_GPU_RUNTIME, resolve_gpu_runtime },
	{ KNOB_DEVICES, resolve_devices },
	{ KNOB_DRIVER, resolve_driver },
	{ KNOB_NVIDIA_DRIVER, resolve_nvidia_driver },
	{ KNOB_AMD_DRIVER, resolve_amd_driver },
	{ KNOB_DRIVER_VERSION, resolve_driver_version },
	{ KNOB_CUDA_SUPPORT, resolve_cuda },
	{ KNOB_CUDA_VERSION, resolve_cuda_version },
	{ KNOB_ROCM_SUPPORT, resolve_rocm },
	{ KNOB_ROCM_VERSION, resolve_rocm_version },
	{ KNOB_PRELOAD_LIBRARIES, resolve_preload },
	{ KNOB_CACHE_DRIVER_INFO, resolve_cache },
	{ KNOB_QUIC_ACCELERATION, resolve_quic },
	{ KNOB_WSL2_OPTIMIZED, resolve_wsl_optimized },
	{ KNOB_WSL2_ENABLED, resolve_wsl_enabled },
	{ KNOB_WSL2_GPU_ACCELERATION, resolve_wsl_acceleration },
	{ KNOB_WSL2_LOW_LATENCY, resolve_wsl_latency },
	{ KNOB_TITLE, resolve_title },
	{ KNOB_DEFAULT_PROFILE, resolve_profile_default },
	{ KNOB_DEFAULT_OLLAMA_PROFILE, resolve_ollama_default },
};

const struct knob_rule_table knob_rules_driver = { rules, ELEMENTS(rules) };
