/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: DLSS, ray tracing, shading rates, latency, frames, PRIME. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gpu/requirement_facts.h"
#include "plan/knob_rule.h"

#define TEXT_BYTES 1024

/* The lowest compute capability of the selected GPUs; NULL: not known. */
static const char *lowest_capability(const struct plan_build *b)
{
	const size_t n = b->req->gpus.n;
	const struct gpu **gpus = arena_alloc(b->plan->arena, (n + 1) * sizeof(*gpus));
	struct gpu_requirement_facts facts;

	if (!gpus)
		return NULL;
	for (size_t i = 0; i < n; i++)
		gpus[i] = b->req->gpus.items[i].gpu;
	(void)gpu_requirement_facts(b->inv, gpus, n, &facts);
	return facts.compute_capability;
}

/* Turing is 7.5: the first with RT cores. Source: CUDA C++ Programming Guide, "Compute
 * Capabilities". */
static bool is_before_turing(const char *capability)
{
	unsigned major, minor;

	return capability && sscanf(capability, "%u.%u", &major, &minor) == 2 &&
	       major * 10 + minor < 75;
}

/* True if `word` stands in a product's name by itself: "A100" in "NVIDIA A100-SXM4-40GB", and not
 * in "RTX A1000". */
static bool has_word(const char *name, const char *word)
{
	for (const char *at = name; *(at += strspn(at, " -"));) {
		size_t length = strcspn(at, " -");

		if (length == strlen(word) && strncmp(at, word, length) == 0)
			return true;
		at += length;
	}
	return false;
}

/* Turing's small chips have no tensor cores, and the same compute capability. */
static const struct gpu *find_without_tensor_cores(const struct plan_build *b)
{
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;

		if (gpu->name && strstr(gpu->name, "GTX 16"))
			return gpu;
	}
	return NULL;
}

/*
 * NVIDIA's chips for data centres have none, whatever their generation; programs that ask for ray
 * tracing have it from the ordinary cores.
 * Source: NVIDIA's architecture papers of A100, H100 and Blackwell; of Turing for GTX 16.
 */
static const struct gpu *find_without_rt_cores(const struct plan_build *b)
{
	static const char *const names[] = { "A30", "A100", "A800", "H20", "H100", "H200", "H800",
		"GH200", "B100", "B200", "B300", "GB200", "GB300" };

	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;

		for (size_t n = 0; gpu->name && n < ELEMENTS(names); n++)
			if (has_word(gpu->name, names[n]))
				return gpu;
	}
	return find_without_tensor_cores(b);
}

/* True if a file of the driver goes into the container whose place there begins like this. */
static bool gets_file(
	const struct plan_build *b, const struct gpu_driver *driver, const char *begin)
{
	vec_foreach (struct driver_file, file, &driver->files)
		if (strncmp(file->target, begin, strlen(begin)) == 0 &&
			plan_files_wanted(file, b->req->capabilities))
			return true;
	return false;
}

/* Why games in the container will not find DLSS; NULL: they will. */
static const char *dlss_obstacle(struct plan_build *b)
{
	const struct gpu_driver *driver = plan_nvidia_driver(b->inv, b->req);
	const char *capability = lowest_capability(b);
	const struct gpu *small = find_without_tensor_cores(b);

	if (!driver || !knob_has_nvidia(b))
		return "DLSS needs an NVIDIA GPU on NVIDIA's own driver; for others, games bring "
		       "FSR or XeSS themselves";
	if (small || is_before_turing(capability))
		return arena_printf(b->plan->arena,
			"DLSS needs tensor cores (GeForce RTX, compute capability 7.5); "
			"%s has none",
			small ? small->name : "the GPU here is older and");
	if (!(b->req->capabilities & CAPABILITY_NGX))
		return "the driver capability 'ngx' is not asked for: use '--profile gaming' or "
		       "'--capabilities all'";
	if (plan_files_problem(b, driver))
		return plan_files_problem(b, driver);
	if (!gets_file(b, driver, "libnvidia-ngx.so"))
		return "the host's driver has no libnvidia-ngx";
	return NULL;
}

static int disable_dlss(struct plan_build *b, struct nvb_error **err)
{
	int r = knob_env_set(b, err, "PROTON_DISABLE_NVAPI", "1");

	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_DLSS_ENABLED, KNOB_ADVISORY, "PROTON_DISABLE_NVAPI",
		"Proton hides DLSS from games, and Reflex with it; a native game asks the driver "
		"itself%s",
		b->req->capabilities & CAPABILITY_NGX
			? ", unless the capability 'ngx' is left out"
			: " and does not find it, because the capability 'ngx' is not asked for");
}

static int resolve_dlss(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const char *obstacle = value->number ? dlss_obstacle(b) : NULL;
	int r;

	if (obstacle)
		return knob_report(
			b, err, KNOB_DLSS_ENABLED, KNOB_UNSUPPORTED, NULL, "%s", obstacle);
	r = knob_env_set(b, err, "NVIDIA_DLSS_ENABLED", "%" PRIu64, value->number);
	if (r < 0)
		return r;
	if (!value->number)
		return disable_dlss(b, err);
	/* Proton sets it itself; plain Wine with DXVK needs it to show an NVIDIA GPU to games. */
	r = knob_env_set(b, err, "DXVK_ENABLE_NVAPI", "1");
	if (r < 0)
		return r;
	if (!gets_file(b, plan_nvidia_driver(b->inv, b->req), "nvidia/wine/"))
		return knob_report(b, err, KNOB_DLSS_ENABLED, KNOB_ADVISORY, "libnvidia-ngx",
			"native games find DLSS; the host's driver has no nvidia/wine/nvngx.dll, "
			"so Windows games will not");
	return knob_report(b, err, KNOB_DLSS_ENABLED, KNOB_APPLIED,
		"libnvidia-ngx + nvidia/wine DLLs + DXVK_ENABLE_NVAPI",
		"Proton finds the DLLs beside libGLX_nvidia; whether DLSS is used is the game's "
		"choice");
}

static int resolve_dlss_quality(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	static const char *const modes[] = {
		[DLSS_ULTRA_PERFORMANCE] = "ultra_performance",
		[DLSS_PERFORMANCE] = "performance",
		[DLSS_BALANCED] = "balanced",
		[DLSS_QUALITY] = "quality",
	};
	const char *obstacle = dlss_obstacle(b);
	int r;

	if (!obstacle && knob_is(b, KNOB_DLSS_ENABLED, 0))
		obstacle = "dlss_enabled is false";
	if (obstacle)
		return knob_report(
			b, err, KNOB_DLSS_QUALITY, KNOB_UNSUPPORTED, NULL, "%s", obstacle);
	r = knob_env_set(b, err, "DXVK_NVAPI_DRS_NGX_DLSS_SR_OVERRIDE", "on");
	if (r >= 0)
		r = knob_env_set(
			b, err, "DXVK_NVAPI_DRS_NGX_DLSS_SR_MODE", "%s", modes[value->number]);
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_DLSS_QUALITY, KNOB_ADVISORY, "DXVK_NVAPI_DRS_*",
		"Windows games of Direct3D 11 and 12 with DLSS, by dxvk-nvapi 0.9; native games "
		"keep their own choice");
}

static const char *ray_tracing_obstacle(struct plan_build *b)
{
	const struct gpu_driver *driver = plan_nvidia_driver(b->inv, b->req);
	const struct gpu *bare = find_without_rt_cores(b);

	if (!b->req->gpus.n)
		return "no GPU is selected";
	if (!(b->req->capabilities & CAPABILITY_GRAPHICS))
		return "the driver capability 'graphics' is not asked for: use '--profile gaming' "
		       "or '--capabilities all'";
	if (!knob_has_nvidia(b))
		return NULL;
	if (bare)
		return arena_printf(b->plan->arena,
			"%s has no RT cores: its ordinary cores trace rays, without a setting",
			bare->name);
	if (is_before_turing(lowest_capability(b)))
		return "the GPU is older than Turing: it has no RT cores";
	if (driver && plan_files_problem(b, driver))
		return plan_files_problem(b, driver);
	if (driver && !gets_file(b, driver, "libnvidia-rtcore.so"))
		return "the host's driver has no libnvidia-rtcore";
	return NULL;
}

static int resolve_ray_tracing(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const char *obstacle = value->number ? ray_tracing_obstacle(b) : NULL;
	int r;

	if (obstacle)
		return knob_report(
			b, err, KNOB_RT_CORES_ENABLED, KNOB_UNSUPPORTED, NULL, "%s", obstacle);
	r = knob_env_set(b, err, "NVIDIA_RT_CORES_ENABLED", "%" PRIu64, value->number);
	if (r < 0)
		return r;
	if (!value->number) {
		r = knob_env_option(b, err, "VKD3D_CONFIG", ',', "nodxr");
		if (r < 0)
			return r;
		return knob_report(b, err, KNOB_RT_CORES_ENABLED, KNOB_ADVISORY,
			"VKD3D_CONFIG=nodxr",
			"Direct3D 12 games see no ray tracing; RT cores have no switch, and native "
			"Vulkan and OptiX find them");
	}
	if (!knob_has_nvidia(b))
		return knob_report(b, err, KNOB_RT_CORES_ENABLED, KNOB_ADVISORY, "device nodes",
			"ray tracing is the image's Mesa's: RADV and ANV offer it where the GPU "
			"has it");
	return knob_report(b, err, KNOB_RT_CORES_ENABLED, KNOB_APPLIED,
		"libnvidia-rtcore + libnvoptix",
		"games use it by their own settings; nothing has to be switched on");
}

static int resolve_vrs(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	return knob_report(b, err, KNOB_VRS_ENABLED, KNOB_NONE, NULL,
		"variable rate shading is a choice of each game, and no driver has a switch "
		"for it%s",
		value->number ? "; on AMD, 'vrs_force = \"2x2\"' makes all games coarser" : "");
}

static int resolve_vrs_force(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	int r;

	if (!knob_has_vendor(b, GPU_VENDOR_AMD))
		return knob_report(b, err, KNOB_VRS_FORCE, KNOB_UNSUPPORTED, NULL,
			"only Mesa's RADV can force a shading rate, and no AMD GPU is selected");
	if (knob_is(b, KNOB_VRS_ENABLED, 0))
		return knob_report(
			b, err, KNOB_VRS_FORCE, KNOB_UNSUPPORTED, NULL, "vrs_enabled is false");
	r = knob_env_set(b, err, "RADV_FORCE_VRS", "%s", value->text);
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_VRS_FORCE, KNOB_ADVISORY, "RADV_FORCE_VRS",
		"RDNA 2 and newer (GFX10.3), Vulkan alone, and at the cost of the picture");
}

static int limit_queues(struct plan_build *b, enum knob_id id, struct nvb_error **err)
{
	static const char *const options[] = {
		"dxgi.maxFrameLatency = 1",
		"d3d9.maxFrameLatency = 1",
		"dxvk.latencySleep = True",
	};
	int r = knob_env_set(b, err, "VKD3D_SWAPCHAIN_LATENCY_FRAMES", "1");

	for (size_t i = 0; r >= 0 && i < ELEMENTS(options); i++)
		r = knob_env_option(b, err, "DXVK_CONFIG", ';', "%s", options[i]);
	if (r >= 0 && knob_has_nvidia(b))
		r = knob_env_set(b, err, "__GL_MaxFramesAllowed", "1");
	if (r < 0)
		return r;
	return knob_report(b, err, id, KNOB_ADVISORY,
		knob_has_nvidia(b) ? "DXVK_CONFIG + VKD3D_SWAPCHAIN_LATENCY_FRAMES + "
				     "__GL_MaxFramesAllowed"
				   : "DXVK_CONFIG + VKD3D_SWAPCHAIN_LATENCY_FRAMES",
		"one frame is prepared ahead instead of three, in Direct3D games%s; native Vulkan "
		"games decide themselves%s",
		knob_has_nvidia(b) ? " and OpenGL" : "",
		knob_is(b, KNOB_VSYNC_MODE, VSYNC_OFF) ? ""
						       : "; 'vsync_mode = \"off\"' saves one more");
}

static int save_power(struct plan_build *b, enum knob_id id, struct nvb_error **err)
{
	bool has_cap = knob_setting(b, KNOB_FRAME_RATE_TARGET) != NULL;
	bool has_power = knob_setting(b, KNOB_POWER_PROFILE) != NULL;

	if (!has_cap && !has_power)
		return knob_report(b, err, id, KNOB_UNSUPPORTED, NULL,
			"a container saves power by fewer frames or lower clocks: set "
			"'frame_rate_target' or 'power_profile'");
	return knob_report(b, err, id, KNOB_ADVISORY,
		has_cap && has_power ? "frame_rate_target + power_profile"
		: has_cap	     ? "frame_rate_target"
				     : "power_profile",
		"see there");
}

static int set_performance(struct plan_build *b, enum knob_id id, enum performance_profile profile,
	struct nvb_error **err)
{
	switch (profile) {
	case PERFORMANCE_ULTRA_LOW_LATENCY:
		return limit_queues(b, id, err);
	case PERFORMANCE_EFFICIENCY:
		return save_power(b, id, err);
	case PERFORMANCE_THROUGHPUT:
	case PERFORMANCE_BALANCED:
		break;
	}
	return knob_report(b, err, id, KNOB_APPLIED, "the drivers' own defaults", "%s",
		profile == PERFORMANCE_THROUGHPUT
			? "no limit on frames in flight is set; 'shader_cache' and "
			  "'power_profile = \"maximum\"' are what can add to it"
			: "");
}

static int resolve_performance(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	return set_performance(
		b, KNOB_PERFORMANCE_PROFILE, (enum performance_profile)value->number, err);
}

static int resolve_mode(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	static const enum performance_profile profiles[] = {
		[MODE_ULTRA] = PERFORMANCE_ULTRA_LOW_LATENCY,
		[MODE_HIGH] = PERFORMANCE_THROUGHPUT,
		[MODE_BALANCED] = PERFORMANCE_BALANCED,
		[MODE_EFFICIENT] = PERFORMANCE_EFFICIENCY,
	};
	const struct setting *profile = knob_setting(b, KNOB_PERFORMANCE_PROFILE);

	if (!profile)
		return set_performance(b, KNOB_PERFORMANCE_MODE, profiles[value->number], err);
	if (profile->number == profiles[value->number])
		return knob_report(b, err, KNOB_PERFORMANCE_MODE, KNOB_ADVISORY,
			"performance_profile", "it says the same");
	return knob_report(b, err, KNOB_PERFORMANCE_MODE, KNOB_UNSUPPORTED, NULL,
		"performance_profile = \"%s\" of %s decides", profile->text, profile->origin);
}

static int resolve_frame_rate(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEXT_BYTES);
	const bool has_overlay = knob_is(b, KNOB_MANGOHUD, 1);
	const bool has_gamescope = knob_is(b, KNOB_GAMESCOPE, 1);
	int r = knob_env_option(b, err, "DXVK_CONFIG", ';', "dxgi.maxFrameRate = %s", value->text);

	if (r >= 0)
		r = knob_env_option(
			b, err, "DXVK_CONFIG", ';', "d3d9.maxFrameRate = %s", value->text);
	/* Of DXVK until 2025; a newer one does not read it. */
	if (r >= 0)
		r = knob_env_set(b, err, "DXVK_FRAME_RATE", "%s", value->text);
	if (r >= 0)
		r = knob_env_set(b, err, "VKD3D_FRAME_RATE", "%s", value->text);
	if (r < 0)
		return r;
	knob_add_part(&text, "DXVK_CONFIG + VKD3D_FRAME_RATE");
	if (has_overlay)
		knob_add_part(&text, "MANGOHUD_CONFIG");
	if (has_gamescope)
		knob_add_part(&text, "gamescope -r");
	if (!knob_parts(b, &text))
		return NVB_OOM(err);
	return knob_report(b, err, KNOB_FRAME_RATE_TARGET, KNOB_ADVISORY, knob_parts(b, &text),
		"%s",
		has_overlay || has_gamescope
			? "no driver on Linux has a limit of its own"
			: "Direct3D games alone: no driver on Linux has a limit of its own; "
			  "'mangohud' or 'gamescope' limits native games too");
}

struct vsync_words {
	const char *nvidia_gl, *mesa_gl, *mesa_vulkan, *vkd3d;
	const char *dxvk[2];
};

/* NULL: no such word. Source: NVIDIA driver README, "OpenGL Environment Variable Settings"; Mesa,
 * "Environment Variables"; DXVK, dxvk.conf; VKD3D-Proton, README. */
static const struct vsync_words vsync_words[] = {
	[VSYNC_OFF] = { "0", "0", "immediate", "IMMEDIATE",
		{ "dxgi.syncInterval = 0", "d3d9.presentInterval = 0" } },
	[VSYNC_ON] = { "1", "3", "fifo", "FIFO",
		{ "dxgi.syncInterval = 1", "d3d9.presentInterval = 1" } },
	[VSYNC_ADAPTIVE] = { NULL, "1", "relaxed", "FIFO_RELAXED",
		{ "dxvk.tearFree = False", NULL } },
	[VSYNC_MAILBOX] = { NULL, NULL, "mailbox", "MAILBOX", { "dxvk.tearFree = True", NULL } },
};

static int set_vsync_of_driver(struct plan_build *b, const struct vsync_words *words,
	struct strbuf *text, struct nvb_error **err)
{
	int r = 0;

	if (knob_has_nvidia(b) && words->nvidia_gl) {
		knob_add_part(text, "__GL_SYNC_TO_VBLANK");
		r = knob_env_set(b, err, "__GL_SYNC_TO_VBLANK", "%s", words->nvidia_gl);
	}
	if (r >= 0 && knob_has_mesa(b) && words->mesa_gl) {
		knob_add_part(text, "vblank_mode");
		r = knob_env_set(b, err, "vblank_mode", "%s", words->mesa_gl);
	}
	if (r >= 0 && knob_has_mesa(b)) {
		knob_add_part(text, "MESA_VK_WSI_PRESENT_MODE");
		r = knob_env_set(b, err, "MESA_VK_WSI_PRESENT_MODE", "%s", words->mesa_vulkan);
	}
	return r;
}

static int resolve_vsync(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEXT_BYTES);
	const struct vsync_words *words = &vsync_words[value->number];
	int r = set_vsync_of_driver(b, words, &text, err);

	for (size_t i = 0; r >= 0 && i < ELEMENTS(words->dxvk) && words->dxvk[i]; i++)
		r = knob_env_option(b, err, "DXVK_CONFIG", ';', "%s", words->dxvk[i]);
	if (r >= 0)
		r = knob_env_set(b, err, "VKD3D_SWAPCHAIN_PRESENT_MODE", "%s", words->vkd3d);
	if (r < 0)
		return r;
	knob_add_part(&text, "DXVK_CONFIG + VKD3D_SWAPCHAIN_PRESENT_MODE");
	if (!knob_parts(b, &text))
		return NVB_OOM(err);
	return knob_report(b, err, KNOB_VSYNC_MODE, KNOB_ADVISORY, knob_parts(b, &text), "%s%s",
		knob_has_nvidia(b) ? "native Vulkan games on NVIDIA's driver decide themselves; "
				   : "",
		"the display server has the last word");
}

/* A GPU of the machine that may drive the display in the place of the selected one. */
static const struct gpu *find_other(const struct plan_build *b, const struct gpu *selected)
{
	vec_foreach (const struct gpu, gpu, &b->inv->gpus)
		if (gpu != selected && gpu->state == GPU_USABLE && gpu->card_node)
			return gpu;
	return NULL;
}

/* "0000:03:00.0" is "pci-0000_03_00_0" here. Source: Mesa, "Environment Variables", DRI_PRIME. */
static int set_dri_prime(struct plan_build *b, const struct gpu *gpu, struct nvb_error **err)
{
	char *tag = gpu->pci_address ? arena_strdup(b->plan->arena, gpu->pci_address) : NULL;

	if (!gpu->pci_address)
		return 0;
	if (!tag)
		return NVB_OOM(err);
	for (char *c = tag; *c; c++)
		if (*c == ':' || *c == '.')
			*c = '_';
	return knob_env_set(b, err, "DRI_PRIME", "pci-%s", tag);
}

static int offload(struct plan_build *b, const struct gpu *gpu, struct nvb_error **err)
{
	const struct gpu_driver *driver = inventory_driver(b->inv, gpu);
	int r;

	if (!driver || !driver->brings_user_space) {
		r = set_dri_prime(b, gpu, err);
		return r < 0 ? r
			     : knob_report(b, err, KNOB_PRIME_OFFLOAD, KNOB_ADVISORY, "DRI_PRIME",
				       "Mesa renders on GPU %u", gpu->index);
	}
	r = knob_env_set(b, err, "__NV_PRIME_RENDER_OFFLOAD", "1");
	if (r >= 0)
		r = knob_env_set(b, err, "__VK_LAYER_NV_optimus", "NVIDIA_only");
	if (r >= 0)
		r = knob_env_set(b, err, "__GLX_VENDOR_LIBRARY_NAME", "nvidia");
	return r < 0 ? r
		     : knob_report(b, err, KNOB_PRIME_OFFLOAD, KNOB_ADVISORY,
			       "__NV_PRIME_RENDER_OFFLOAD + __VK_LAYER_NV_optimus + "
			       "__GLX_VENDOR_LIBRARY_NAME",
			       "programs render on GPU %u, and the display server shows it",
			       gpu->index);
}

static int resolve_prime(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct gpu *gpu = b->req->gpus.n ? b->req->gpus.items[0].gpu : NULL;

	if (!value->number)
		return knob_report(
			b, err, KNOB_PRIME_OFFLOAD, KNOB_APPLIED, "nothing is set", "%s", "");
	if (b->req->gpus.n != 1)
		return knob_report(b, err, KNOB_PRIME_OFFLOAD, KNOB_UNSUPPORTED, NULL,
			"it renders on one GPU: select it with --gpu");
	if (!find_other(b, gpu))
		return knob_report(b, err, KNOB_PRIME_OFFLOAD, KNOB_UNSUPPORTED, NULL,
			"the machine has no other GPU that would drive the display: GPU %u renders "
			"anyway",
			gpu->index);
	return offload(b, gpu, err);
}

static const struct knob_rule rules[] = {
	{ KNOB_DLSS_ENABLED, resolve_dlss },
	{ KNOB_DLSS_QUALITY, resolve_dlss_quality },
	{ KNOB_RT_CORES_ENABLED, resolve_ray_tracing },
	{ KNOB_VRS_ENABLED, resolve_vrs, knob_inert },
	{ KNOB_VRS_FORCE, resolve_vrs_force },
	{ KNOB_PERFORMANCE_PROFILE, resolve_performance },
	{ KNOB_PERFORMANCE_MODE, resolve_mode },
	{ KNOB_FRAME_RATE_TARGET, resolve_frame_rate },
	{ KNOB_VSYNC_MODE, resolve_vsync },
	{ KNOB_PRIME_OFFLOAD, resolve_prime },
};

const struct knob_rule_table knob_rules_gaming = { rules, ELEMENTS(rules) };
