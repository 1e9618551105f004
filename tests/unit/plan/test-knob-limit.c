/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "request/settings.h"

#define GIB (UINT64_C(1) << 30)

struct knobs {
	struct settings settings;
	struct machine_abilities machine;
};

static struct knobs *knobs_of(struct sample *s)
{
	struct knobs *k = arena_new_object(s->a, struct knobs);

	assert_non_null(k);
	k->settings.arena = s->a;
	k->machine.arena = s->a;
	s->req.settings = &k->settings;
	s->req.abilities = &k->machine;
	return k;
}

static void set(struct sample *s, struct knobs *k, enum knob_id id, const char *text)
{
	if (settings_set(&k->settings, &knob_table[id], text, SOURCE_COMMAND_LINE, "--config",
		    &s->err) < 0)
		fail_msg("%s", nvb_error_message(s->err));
}

/* Nothing can be used, each rung with a reason of its own. */
static struct gpu_abilities *add_abilities(struct sample *s, struct knobs *k, const struct gpu *gpu)
{
	struct gpu_abilities *able = vec_push(s->a, &k->machine.gpus);

	*able = (struct gpu_abilities){ .gpu = gpu, .total_memory_bytes = gpu->memory_bytes };
	for (size_t rung = 0; rung < LIMIT_RUNG_COUNT; rung++)
		able->unusable[rung] =
			arena_printf(s->a, "no %s here", limit_rung_name((enum limit_rung)rung));
	return able;
}

static void add_instance(
	struct sample *s, struct gpu *gpu, const char *profile, uint64_t gib, int gi)
{
	struct gpu_partition *p = vec_push(s->a, &gpu->partitions);

	*p = (struct gpu_partition){
		.index = (unsigned)gpu->partitions.n - 1,
		.gi = gi,
		.uuid = arena_printf(s->a, "MIG-%d", gi),
		.profile = profile,
		.memory_bytes = gib * GIB,
	};
	gpu->mig_enabled = true;
	sample_add_node(s, &p->nodes,
		arena_printf(s->a, "/dev/nvidia-caps/nvidia-cap%u", p->index + 20), 240,
		p->index + 20, CAPABILITY_ALL);
}

/* An 80 GiB GPU in pieces of 10, 20 and 40, of which MIG can be used. */
static struct gpu_abilities *make_divided(struct sample *s, struct knobs *k)
{
	struct gpu_abilities *able;
	struct gpu *gpu;

	sample_add_machine(s, CAPABILITY_COMPUTE);
	gpu = &s->inv.gpus.items[0];
	gpu->memory_bytes = 80 * GIB;
	add_instance(s, gpu, "3g.40gb", 40, 1);
	add_instance(s, gpu, "1g.10gb", 10, 7);
	add_instance(s, gpu, "2g.20gb", 20, 5);
	able = add_abilities(s, k, gpu);
	able->unusable[LIMIT_MIG] = NULL;
	able->mig_slices = 7;
	return able;
}

static struct gpu_abilities *make_whole(struct sample *s, struct knobs *k, uint64_t gib)
{
	sample_add_machine(s, CAPABILITY_COMPUTE);
	s->inv.gpus.items[0].memory_bytes = gib * GIB;
	return add_abilities(s, k, &s->inv.gpus.items[0]);
}

static void assert_reason(const struct plan *plan, const char *name, const char *part)
{
	const char *reason = get_knob(plan, name)->reason;

	if (!reason || !strstr(reason, part))
		fail_msg("'%s' of '%s' does not say '%s'", reason ? reason : "nothing", name, part);
}

static void assert_partition(const struct plan *plan, unsigned index)
{
	assert_true(plan->gpus.n > 0);
	assert_non_null(plan->gpus.items[0].partition);
	assert_int_equal(plan->gpus.items[0].partition->index, index);
}

static void assert_status(const struct plan *plan, enum knob_status status)
{
	assert_string_equal(
		knob_status_name(plan->isolation_outcome.status), knob_status_name(status));
}

/* The smallest that is large enough, with its nodes and no others', and its name for CUDA. */
static void test_mig_instance(void **state)
{
	static const struct {
		const char *memory, *compute;
		unsigned index;
		const char *cap;
	} cases[] = {
		{ "10GB", NULL, 1, "/dev/nvidia-caps/nvidia-cap21" },
		{ "6GB", NULL, 1, "/dev/nvidia-caps/nvidia-cap21" },
		{ "11GB", NULL, 2, "/dev/nvidia-caps/nvidia-cap22" },
		{ "24GB", NULL, 0, "/dev/nvidia-caps/nvidia-cap20" },
		{ NULL, "14%", 1, "/dev/nvidia-caps/nvidia-cap21" },
		{ NULL, "20%", 2, "/dev/nvidia-caps/nvidia-cap22" },
		{ "20GB", "40%", 0, "/dev/nvidia-caps/nvidia-cap20" },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct sample *s = NULL;
		struct knobs *k;
		const struct plan *plan;

		(void)state;
		assert_int_equal(sample_set_up((void **)&s), 0);
		k = knobs_of(s);
		(void)make_divided(s, k);
		s->req.isolation = ISOLATION_VIRTUAL;
		if (cases[i].memory)
			set(s, k, KNOB_MEMORY_LIMIT, cases[i].memory);
		if (cases[i].compute)
			set(s, k, KNOB_COMPUTE_LIMIT, cases[i].compute);
		plan = sample_plan(s);
		assert_partition(plan, cases[i].index);
		assert_int_equal(plan->limits.n, 1);
		assert_int_equal(plan->limits.items[0].rung, LIMIT_MIG);
		assert_status(plan, KNOB_ENFORCED);
		for (unsigned n = 20; n < 23; n++) {
			const char *path = arena_printf(s->a, "/dev/nvidia-caps/nvidia-cap%u", n);

			assert_int_equal(
				find_node(plan, path) != NULL, strcmp(path, cases[i].cap) == 0);
		}
		assert_true(list_has(&plan->env, arena_printf(s->a, "NVIDIA_VISIBLE_DEVICES=%s",
							 plan->gpus.items[0].partition->uuid)));
		(void)sample_tear_down((void **)&s);
	}
}

static void test_both_numbers(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)make_divided(s, k);
	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	set(s, k, KNOB_COMPUTE_LIMIT, "10%");
	(void)sample_plan(s);
	assert_knob(s->plan, "gpu_memory_limit", "8GiB", KNOB_ENFORCED);
	assert_reason(s->plan, "gpu_memory_limit", "8192 MiB were asked for");
	assert_reason(s->plan, "gpu_memory_limit", "has 10240 MiB");
	assert_knob(s->plan, "compute_limit", "10%", KNOB_ENFORCED);
	assert_reason(s->plan, "compute_limit", "10% were asked for, the partition has 14%");
	assert_int_equal(s->plan->limits.items[0].granted_percent, 14);
	assert_string_equal(
		get_knob(s->plan, "gpu_memory_limit")->mechanism, "MIG instance 0:1 (1g.10gb)");
}

/* Whom a limit refuses: the plan is made, and no container starts from it. */
static void assert_not_kept(struct sample *s, const char *knob, const char *part)
{
	const struct plan *plan = sample_plan(s);

	assert_string_equal(
		knob_status_name(get_knob(plan, knob)->status), knob_status_name(KNOB_UNSUPPORTED));
	assert_reason(plan, knob, part);
	assert_status(plan, KNOB_UNSUPPORTED);
	assert_non_null(strstr(plan->refused, part));
	assert_string_equal(plan->isolation_outcome.reason, plan->refused);
	assert_int_equal(plan->limits.n, 0);
	assert_null(plan->gpus.items[0].partition);
}

static void test_no_instance_fits(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu_abilities *able = make_divided(s, k);

	set(s, k, KNOB_MEMORY_LIMIT, "48GB");
	assert_not_kept(s, "gpu_memory_limit", "MIG instance: no free partition is large enough");
	/* One of 10 GiB is no rounding of one of 2. */
	set(s, k, KNOB_MEMORY_LIMIT, "2GB");
	assert_not_kept(s, "gpu_memory_limit", "more than twice");
	set(s, k, KNOB_MEMORY_LIMIT, "10GB");
	able->mig_slices = 0;
	assert_partition(sample_plan(s), 1);
	set(s, k, KNOB_COMPUTE_LIMIT, "14%");
	assert_not_kept(s, "gpu_memory_limit", "not known");
}

/* What another container holds, and what shares its memory with another instance. */
static void test_held_and_shared(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu_abilities *able = make_divided(s, k);
	struct gpu *gpu = &s->inv.gpus.items[0];
	struct held_partition *held = vec_push(s->a, &able->held);

	*held = (struct held_partition){ &gpu->partitions.items[1], "web" };
	set(s, k, KNOB_MEMORY_LIMIT, "10GB");
	assert_partition(sample_plan(s), 2);
	*(struct held_partition *)vec_push(s->a, &able->held) =
		(struct held_partition){ &gpu->partitions.items[2], "other" };
	set(s, k, KNOB_MEMORY_LIMIT, "16GB");
	gpu->partitions.items[0].memory_bytes = 30 * GIB;
	assert_partition(sample_plan(s), 0);
	set(s, k, KNOB_MEMORY_LIMIT, "10GB");
	assert_not_kept(s, "gpu_memory_limit", "held by another container");
	able->held.n = 0;
	/* Two compute instances of one GPU instance. */
	gpu->partitions.items[2].gi = 7;
	assert_not_kept(s, "gpu_memory_limit", "share their memory");
}

/* One that was named: it counts, where it is not far too large. */
static void test_named_instance(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)make_divided(s, k);
	s->selected[0].partition = &s->inv.gpus.items[0].partitions.items[1];
	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	assert_partition(sample_plan(s), 1);
	assert_knob(s->plan, "gpu_memory_limit", "8GiB", KNOB_ENFORCED);
	/* It has less: nothing needs to be done. */
	set(s, k, KNOB_MEMORY_LIMIT, "24GB");
	assert_partition(sample_plan(s), 1);
	assert_reason(s->plan, "gpu_memory_limit", "never reached");
	set(s, k, KNOB_MEMORY_LIMIT, "2GB");
	assert_string_equal(knob_status_name(get_knob(sample_plan(s), "gpu_memory_limit")->status),
		"unsupported");
}

static void test_strongest_first(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu_abilities *able = make_whole(s, k, 24);

	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	able->unusable[LIMIT_MPS] = NULL;
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_MPS);
	able->unusable[LIMIT_NVML_MEMORY] = NULL;
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_NVML_MEMORY);
	assert_true(s->plan->limits.items[0].memory_bytes == 8 * GIB);
	assert_knob(s->plan, "gpu_memory_limit", "8GiB", KNOB_ENFORCED);
	/* Memory alone is not enough any more. */
	set(s, k, KNOB_COMPUTE_LIMIT, "50%");
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_MPS);
	assert_int_equal(s->plan->limits.items[0].compute_percent, 50);
	assert_reason(s->plan, "compute_limit", "a ceiling");
	able->unusable[LIMIT_NVML_MEMORY_MPS] = NULL;
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_NVML_MEMORY_MPS);
}

/* Every rung for such GPUs says why not, and none for others. */
static void test_fails_closed(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)make_whole(s, k, 24);
	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	assert_not_kept(s, "gpu_memory_limit", "no mig here");
	assert_reason(s->plan, "gpu_memory_limit", "no mps here");
	assert_reason(s->plan, "gpu_memory_limit", "no nvml-memory here");
	assert_null(strstr(get_knob(s->plan, "gpu_memory_limit")->reason, "dmem"));
	set(s, k, KNOB_COMPUTE_LIMIT, "50%");
	assert_not_kept(s, "gpu_memory_limit", "no mps here");
	assert_reason(s->plan, "compute_limit", "see gpu_memory_limit");
	/* Nobody looked: nothing is known to work. */
	s->req.abilities = NULL;
	assert_not_kept(s, "gpu_memory_limit", "not looked for");
	set(s, k, KNOB_ALLOW_UNENFORCED, "false");
	assert_not_kept(s, "gpu_memory_limit", "not looked for");
}

static void test_unenforced(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu_abilities *able = make_whole(s, k, 24);

	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	set(s, k, KNOB_COMPUTE_LIMIT, "50%");
	set(s, k, KNOB_ALLOW_UNENFORCED, "true");
	assert_knob(sample_plan(s), "gpu_memory_limit", "8GiB", KNOB_ADVISORY);
	assert_reason(s->plan, "gpu_memory_limit", "nothing keeps the container within it");
	assert_knob(s->plan, "compute_limit", "50%", KNOB_ADVISORY);
	assert_reason(s->plan, "allow_unenforced", "can go beyond");
	assert_status(s->plan, KNOB_APPLIED);
	/* What can be kept is kept. */
	able->unusable[LIMIT_NVML_MEMORY] = NULL;
	assert_knob(sample_plan(s), "gpu_memory_limit", "8GiB", KNOB_ENFORCED);
	assert_knob(s->plan, "compute_limit", "50%", KNOB_ADVISORY);
	assert_int_equal(s->plan->limits.n, 1);
	assert_true(s->plan->limits.items[0].compute_percent == 0);
}

static void test_never_reached(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)make_whole(s, k, 16);
	set(s, k, KNOB_MEMORY_LIMIT, "24GB");
	set(s, k, KNOB_COMPUTE_LIMIT, "100%");
	assert_knob(sample_plan(s), "gpu_memory_limit", "24GiB", KNOB_ENFORCED);
	assert_reason(s->plan, "gpu_memory_limit", "it has 16384 MiB");
	assert_knob(s->plan, "compute_limit", "100%", KNOB_ENFORCED);
	assert_int_equal(s->plan->limits.n, 0);
	assert_status(s->plan, KNOB_APPLIED);
}

/* By CDI specifications: what was looked at is not what the container gets. */
static void test_specifications(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu_abilities *able = make_whole(s, k, 24);

	able->unusable[LIMIT_NVML_MEMORY] = NULL;
	s->req.gpus = (struct selection){ .none = true };
	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	assert_knob(sample_plan(s), "gpu_memory_limit", "8GiB", KNOB_UNSUPPORTED);
	assert_non_null(strstr(s->plan->refused, "CDI specifications"));
	assert_status(s->plan, KNOB_UNSUPPORTED);
	set(s, k, KNOB_ALLOW_UNENFORCED, "true");
	assert_null(sample_plan(s)->refused);
	/* No GPU at all is nothing to limit. */
	set(s, k, KNOB_ALLOW_UNENFORCED, "false");
	k->machine.gpus.n = 0;
	assert_knob(sample_plan(s), "gpu_memory_limit", "8GiB", KNOB_NONE);
	assert_null(s->plan->refused);
}

static void test_two_gpus(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)sample_add_nvidia(s);
	sample_add_nvidia_gpu(s)->memory_bytes = 24 * GIB;
	sample_add_nvidia_gpu(s)->memory_bytes = 24 * GIB;
	sample_select_all(s);
	s->req.capabilities = CAPABILITY_COMPUTE;
	(void)add_abilities(s, k, &s->inv.gpus.items[0]);
	(void)add_abilities(s, k, &s->inv.gpus.items[1]);
	k->machine.gpus.items[0].unusable[LIMIT_NVML_MEMORY] = NULL;
	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	assert_status(sample_plan(s), KNOB_UNSUPPORTED);
	assert_reason(s->plan, "gpu_memory_limit", "GPU 1: ");
	k->machine.gpus.items[1].unusable[LIMIT_NVML_MEMORY] = NULL;
	assert_knob(sample_plan(s), "gpu_memory_limit", "8GiB", KNOB_ENFORCED);
	assert_int_equal(s->plan->limits.n, 2);
	assert_string_equal(
		get_knob(s->plan, "gpu_memory_limit")->mechanism, "driver memory limit");
}

static void make_amd(struct sample *s, struct knobs *k)
{
	(void)sample_add_driver(s, GPU_VENDOR_AMD, "amdgpu", "in-tree");
	sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu")->memory_bytes = 192 * GIB;
	sample_select_all(s);
	(void)add_abilities(s, k, &s->inv.gpus.items[0]);
}

static void test_amd(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu *gpu;

	make_amd(s, k);
	gpu = &s->inv.gpus.items[0];
	set(s, k, KNOB_MEMORY_LIMIT, "40GB");
	k->machine.gpus.items[0].unusable[LIMIT_DMEM] = NULL;
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_DMEM);
	assert_reason(s->plan, "gpu_memory_limit", "system memory");
	set(s, k, KNOB_COMPUTE_LIMIT, "20%");
	assert_not_kept(s, "gpu_memory_limit", "it limits memory alone");
	for (unsigned i = 0; i < 4; i++) {
		struct gpu_partition *p = vec_push(s->a, &gpu->partitions);

		*p = (struct gpu_partition){ .index = i,
			.gi = -1,
			.ci = -1,
			.profile = "QPX_NPS1",
			.memory_bytes = 48 * GIB,
			.standalone = true };
	}
	k->machine.gpus.items[0].unusable[LIMIT_PARTITION] = NULL;
	assert_not_kept(s, "gpu_memory_limit", "share their memory");
	vec_foreach (struct gpu_partition, p, &gpu->partitions)
		p->profile = "QPX_NPS4";
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_PARTITION);
	assert_partition(s->plan, 0);
	assert_reason(s->plan, "compute_limit", "has 25%");
	/* One by name, where another rung does it; what it calls its own may be shared. */
	s->selected[0].partition = &gpu->partitions.items[2];
	k->settings.of[KNOB_COMPUTE_LIMIT].given = false;
	set(s, k, KNOB_MEMORY_LIMIT, "100GB");
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_PARTITION);
	vec_foreach (struct gpu_partition, p, &gpu->partitions)
		p->profile = "QPX_NPS1";
	assert_int_equal(sample_plan(s)->limits.items[0].rung, LIMIT_DMEM);
	assert_string_equal(get_knob(s->plan, "gpu_memory_limit")->mechanism, "dmem control group");
	assert_reason(s->plan, "gpu_memory_limit", "system memory");
}

static void test_protection(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	make_amd(s, k);
	set(s, k, KNOB_VRAM_PROTECT, "4GB");
	assert_knob(sample_plan(s), "vram_protect", "4GiB", KNOB_UNSUPPORTED);
	assert_reason(s->plan, "vram_protect", "no dmem here");
	k->machine.gpus.items[0].unusable[LIMIT_DMEM] = NULL;
	assert_knob(sample_plan(s), "vram_protect", "4GiB", KNOB_APPLIED);
	assert_int_equal(s->plan->limits.n, 1);
	assert_true(s->plan->limits.items[0].protect_bytes == 4 * GIB);
	assert_true(s->plan->limits.items[0].memory_bytes == 0);
	/* It bounds nobody. */
	s->req.isolation = ISOLATION_VIRTUAL;
	assert_status(sample_plan(s), KNOB_ADVISORY);
	/* Together with a limit, it is one thing to apply. */
	set(s, k, KNOB_MEMORY_LIMIT, "8GB");
	assert_int_equal(sample_plan(s)->limits.n, 1);
	assert_status(s->plan, KNOB_ENFORCED);
	assert_true(s->plan->limits.items[0].protect_bytes == 4 * GIB);
	assert_true(s->plan->limits.items[0].memory_bytes == 8 * GIB);
	set(s, k, KNOB_MEMORY_LIMIT, "2GB");
	assert_knob(sample_plan(s), "vram_protect", "4GiB", KNOB_UNSUPPORTED);
	assert_true(s->plan->limits.items[0].protect_bytes == 0);
}

static void test_mig_enabled(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);
	struct gpu_abilities *able = make_divided(s, k);

	set(s, k, KNOB_MIG_ENABLED, "true");
	assert_knob(sample_plan(s), "mig_enabled", "true", KNOB_ENFORCED);
	assert_partition(s->plan, 0);
	*(struct held_partition *)vec_push(s->a, &able->held) =
		(struct held_partition){ &s->inv.gpus.items[0].partitions.items[0], "web" };
	assert_partition(sample_plan(s), 2);
	set(s, k, KNOB_MODEL_SIZE, "XLarge");
	(void)sample_plan(s);
	assert_reason(s->plan, "mig_enabled", "smaller than its GPU");
	set(s, k, KNOB_MIG_ENABLED, "false");
	assert_null(sample_plan(s)->gpus.items[0].partition);
	assert_knob(s->plan, "mig_enabled", "false", KNOB_APPLIED);
	set(s, k, KNOB_MEMORY_LIMIT, "10GB");
	assert_not_kept(s, "gpu_memory_limit", "mig_enabled=false");
	set(s, k, KNOB_MIG_ENABLED, "true");
	assert_partition(sample_plan(s), 1);
	s->inv.gpus.items[0].partitions.n = 0;
	k->settings.of[KNOB_MEMORY_LIMIT].given = false;
	assert_knob(sample_plan(s), "mig_enabled", "true", KNOB_UNSUPPORTED);
	assert_reason(s->plan, "mig_enabled", "no MIG instance");
	assert_status(s->plan, KNOB_APPLIED);
}

static void test_wsl(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)sample_add_driver(s, GPU_VENDOR_WSL, "dxg", "wsl");
	(void)sample_add_gpu(s, GPU_VENDOR_WSL, "dxg");
	sample_select_all(s);
	s->req.capabilities = CAPABILITY_COMPUTE;
	s->req.isolation = ISOLATION_VIRTUAL;
	(void)add_abilities(s, k, &s->inv.gpus.items[0]);
	assert_status(sample_plan(s), KNOB_UNSUPPORTED);
	assert_non_null(strstr(s->plan->isolation_outcome.reason, "WSL2"));
	set(s, k, KNOB_MEMORY_LIMIT, "4GB");
	assert_not_kept(s, "gpu_memory_limit", "no mechanism exists");
}

/* Without a limit it is shared, and says so; with a partition it is more. */
static void test_virtual_without_limits(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)make_divided(s, k);
	s->req.isolation = ISOLATION_VIRTUAL;
	set(s, k, KNOB_ISOLATION, "virtual");
	assert_status(sample_plan(s), KNOB_ADVISORY);
	assert_knob(s->plan, "isolation_level", "virtual", KNOB_ADVISORY);
	assert_reason(s->plan, "isolation_level", "shared with others");
	s->selected[0].partition = &s->inv.gpus.items[0].partitions.items[2];
	assert_status(sample_plan(s), KNOB_ENFORCED);
	assert_knob(s->plan, "isolation_level", "virtual", KNOB_ENFORCED);
}

static void test_snapshot(void **state)
{
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)make_whole(s, k, 24);
	set(s, k, KNOB_SNAPSHOT_GPU_STATE, "true");
	assert_knob(sample_plan(s), "snapshot_gpu_state", "true", KNOB_UNSUPPORTED);
	assert_reason(s->plan, "snapshot_gpu_state", "570");
	s->inv.drivers.items[0].version = s->inv.drivers.items[0].files_version = "580.95.05";
	(void)sample_plan(s);
	assert_reason(s->plan, "snapshot_gpu_state", "cuCheckpointProcess");
	s->req.capabilities |= CAPABILITY_GRAPHICS;
	(void)sample_plan(s);
	assert_reason(s->plan, "snapshot_gpu_state", "Vulkan");
	set(s, k, KNOB_SNAPSHOT_GPU_STATE, "false");
	assert_knob(sample_plan(s), "snapshot_gpu_state", "false", KNOB_APPLIED);
}

/* Each of the group is reported once, whatever its value, with and without a GPU. */
static void test_each_once(void **state)
{
	static const enum knob_id ids[] = { KNOB_ISOLATION, KNOB_MEMORY_LIMIT, KNOB_COMPUTE_LIMIT,
		KNOB_ALLOW_UNENFORCED, KNOB_MIG_ENABLED, KNOB_SNAPSHOT_GPU_STATE,
		KNOB_VRAM_PROTECT };
	static const char *const texts[] = { "virtual", "1GB", "1%", "true", "true", "true",
		"1MB" };
	struct sample *s = *state;
	struct knobs *k = knobs_of(s);

	(void)make_divided(s, k);
	for (size_t i = 0; i < ELEMENTS(ids); i++)
		set(s, k, ids[i], texts[i]);
	for (size_t pass = 0; pass < 2; pass++, s->req.gpus.n = 0) {
		(void)sample_plan(s);
		for (size_t i = 0; i < ELEMENTS(ids); i++) {
			size_t n = 0;

			vec_foreach (struct plan_knob, knob, &s->plan->knobs)
				n += strcmp(knob->name, knob_table[ids[i]].name) == 0;
			if (n != 1)
				fail_msg("'%s' is reported %zu times", knob_table[ids[i]].name, n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mig_instance),
		TEST(test_both_numbers),
		TEST(test_no_instance_fits),
		TEST(test_held_and_shared),
		TEST(test_named_instance),
		TEST(test_strongest_first),
		TEST(test_fails_closed),
		TEST(test_unenforced),
		TEST(test_never_reached),
		TEST(test_specifications),
		TEST(test_two_gpus),
		TEST(test_amd),
		TEST(test_protection),
		TEST(test_mig_enabled),
		TEST(test_wsl),
		TEST(test_virtual_without_limits),
		TEST(test_snapshot),
		TEST(test_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
