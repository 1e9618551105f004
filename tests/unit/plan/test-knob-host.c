/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of the machine: what each changes, for whom it is unsupported, and why. */
#include "knob-case.h"

#include <errno.h>

#include "gpu/tuning.h"

static struct tuning_file file(struct sample *s, const char *path, const char *current)
{
	return (struct tuning_file){
		.path = path,
		.host_path = arena_printf(s->a, "/host%s", path),
		.current = current,
	};
}

static void add_power(struct sample *s, struct machine_tuning *t, const struct gpu *gpu,
	const char *path, const char *maximum, const char *balanced, const char *saver)
{
	*vec_push(s->a, &t->power) = (struct tuning_power){
		.gpu = gpu,
		.file = file(s, path, "x"),
		.maximum = maximum,
		.balanced = balanced,
		.saver = saver,
	};
}

static void add_cpus(struct sample *s, struct machine_tuning *t, const char *path)
{
	*vec_push(s->a, &t->cpus) = (struct tuning_cpus){
		.governor = file(s, path, "powersave"),
		.governors = "performance powersave",
	};
}

/* The built-in engine, on a machine with one GPU of AMD's and 16 CPUs. */
static struct machine_tuning *machine(struct sample *s)
{
	struct machine_tuning *t = arena_new_object(s->a, struct machine_tuning);
	struct gpu *gpu = knob_amd_machine(s);

	gpu->numa_node = 1;
	add_power(s, t, gpu, "/sys/level", "high", "auto", "low");
	add_power(s, t, gpu, "/sys/cap", "350", "300", NULL);
	add_cpus(s, t, "/sys/policy0");
	add_cpus(s, t, "/sys/policy1");
	*vec_push(s->a, &t->nodes) = (struct tuning_node){ .numa_node = 1, .cpus = "8-15" };
	t->huge_pages = file(s, "/sys/pages", "16");
	t->online_cpus = "0-15";
	s->req.tuning = t;
	s->req.changes_host = s->req.sets_cpus = true;
	return t;
}

static void assert_change(const struct plan *plan, size_t index, const char *knob,
	const char *target, const char *value)
{
	const struct plan_host_change *change;

	assert_true(index < plan->host_changes.n);
	change = &plan->host_changes.items[index];
	assert_int_equal(change->kind, HOST_CHANGE_FILE);
	assert_string_equal(change->knob, knob);
	assert_string_equal(change->target, target);
	assert_string_equal(change->value, value);
}

static void test_power(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	(void)machine(s);
	knob_set(s, "power_profile=maximum");
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_APPLIED, "as long as the container runs");
	assert_true(get_knob(plan, "power_profile")->is_host);
	assert_int_equal(plan->host_changes.n, 2);
	assert_change(plan, 0, "power_profile", "/host/sys/level", "high");
	assert_change(plan, 1, "power_profile", "/host/sys/cap", "350");
	knob_set(s, "power_profile=power-saver");
	plan = sample_plan(s);
	assert_int_equal(plan->host_changes.n, 1);
	assert_change(plan, 0, "power_profile", "/host/sys/level", "low");
}

/* Two partitions of one GPU are one GPU. */
static void test_power_once_per_gpu(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	(void)machine(s);
	sample_select(s, s->req.gpus.items[0].gpu, NULL);
	knob_set(s, "power_profile=balanced");
	plan = sample_plan(s);
	assert_int_equal(plan->host_changes.n, 2);
	assert_change(plan, 0, "power_profile", "/host/sys/level", "auto");
}

static void test_power_of_mixed_gpus(void **state)
{
	struct sample *s = *state;
	struct machine_tuning *t = machine(s);
	const struct plan *plan;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	vec_foreach (struct tuning_power, power, &t->power)
		power->gpu = &s->inv.gpus.items[0];
	knob_set(s, "power_profile=maximum");
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_APPLIED, "a warning says so");
	assert_int_equal(plan->host_changes.n, 3);
	assert_int_equal(plan->host_changes.items[2].kind, HOST_CHANGE_GPU_POWER);
	assert_string_equal(plan->host_changes.items[2].target, s->inv.gpus.items[1].pci_address);
	assert_string_equal(plan->host_changes.items[2].value, "max");
	s->inv.drivers.items[1].brings_user_space = false;
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_APPLIED, "GPU 1: its driver has no file");
	s->inv.drivers.items[1].brings_user_space = true;
	t->control_errnum = EPERM;
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_APPLIED, "GPU 1: only root may");
	assert_int_equal(plan->host_changes.n, 2);
	t->power.n = 0;
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_UNSUPPORTED, "GPU 0: its driver has no file");
	assert_int_equal(plan->host_changes.n, 0);
}

static void test_without_privilege(void **state)
{
	struct sample *s = *state;
	struct machine_tuning *t = machine(s);
	const struct plan *plan;

	t->power.items[0].file.write_errnum = EACCES;
	t->cpus.items[1].governor.write_errnum = EROFS;
	t->huge_pages.write_errnum = EACCES;
	knob_set(s, "power_profile=maximum");
	knob_set(s, "cpu_governor=performance");
	knob_set(s, "huge_pages=64");
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_UNSUPPORTED, "sudo");
	assert_outcome(plan, "cpu_governor", KNOB_UNSUPPORTED, "read-only");
	assert_outcome(plan, "huge_pages", KNOB_UNSUPPORTED, "sudo");
	assert_int_equal(plan->host_changes.n, 0);
}

static void test_other_engines(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	(void)machine(s);
	s->req.changes_host = false;
	s->req.session = session_desktop(s);
	knob_set(s, "power_profile=maximum");
	knob_set(s, "cpu_governor=performance");
	knob_set(s, "huge_pages=64");
	knob_set(s, "realtime=true");
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_UNSUPPORTED, "nobody would take it back");
	assert_outcome(plan, "cpu_governor", KNOB_UNSUPPORTED, "nobody would take it back");
	assert_outcome(plan, "huge_pages", KNOB_UNSUPPORTED, "nobody would take it back");
	assert_outcome(plan, "realtime", KNOB_UNSUPPORTED, "--ulimit");
	s->req.changes_host = true;
	s->req.tuning = NULL;
	plan = sample_plan(s);
	assert_outcome(plan, "power_profile", KNOB_UNSUPPORTED, "not known here");
	assert_int_equal(plan->host_changes.n, 0);
}

static void test_clocks(void **state)
{
	static const char *const bad[] = { "0", "x", "-", "100-", "-100", "200-100", "1 2",
		"99999999999999999999", "100-200-300" };
	struct sample *s = *state;

	(void)machine(s);
	knob_set(s, "gpu_clocks=210-1800");
	assert_outcome(sample_plan(s), "gpu_clocks", KNOB_UNSUPPORTED, "-lgc");
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		knob_set(s, arena_printf(s->a, "gpu_clocks=%s", bad[i]));
		assert_refused(s, NVB_ERR_USAGE, "is no clock");
	}
}

static void test_cpus(void **state)
{
	static const char *const bad[] = { "x", "1-", "-1", "3-1", "1,,2", "1,", "0-7:2", "9999",
		"18446744073709551616", "autos" };
	struct sample *s = *state;
	const struct plan *plan;

	(void)machine(s);
	knob_set(s, "cpu_set=0-3,8");
	plan = sample_plan(s);
	assert_outcome(plan, "cpu_set", KNOB_ENFORCED, "cpuset");
	assert_string_equal(plan->cpu_set, "0-3,8");
	knob_set(s, "cpu_set=auto");
	plan = sample_plan(s);
	assert_outcome(plan, "cpu_set", KNOB_ENFORCED, "8-15");
	assert_string_equal(plan->cpu_set, "8-15");
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		knob_set(s, arena_printf(s->a, "cpu_set=%s", bad[i]));
		assert_refused(s, NVB_ERR_USAGE, "is no list of CPUs");
	}
	knob_set(s, "cpu_set=14-16");
	assert_refused(s, NVB_ERR_USAGE, "CPU 16 is not online: this machine has 0-15");
}

static void test_cpus_that_cannot_be_set(void **state)
{
	struct sample *s = *state;
	struct machine_tuning *t = machine(s);
	const struct plan *plan;

	knob_set(s, "cpu_set=0-3");
	s->req.sets_cpus = false;
	plan = sample_plan(s);
	assert_outcome(plan, "cpu_set", KNOB_UNSUPPORTED, "no control group");
	assert_null(plan->cpu_set);
	s->req.sets_cpus = true;
	t->nodes.n = 0;
	knob_set(s, "cpu_set=auto");
	plan = sample_plan(s);
	assert_outcome(plan, "cpu_set", KNOB_UNSUPPORTED, "tells of no CPUs");
	assert_null(plan->cpu_set);
	s->req.gpus.n = 0;
	assert_outcome(sample_plan(s), "cpu_set", KNOB_UNSUPPORTED, "gets no GPU");
	s->req.tuning = NULL;
	assert_outcome(sample_plan(s), "cpu_set", KNOB_UNSUPPORTED, "not known here");
}

static void test_cpus_of_two_nodes(void **state)
{
	struct sample *s = *state;
	struct machine_tuning *t = machine(s);

	*vec_push(s->a, &t->nodes) = (struct tuning_node){ .numa_node = 0, .cpus = "0-7" };
	sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu")->numa_node = 0;
	sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu")->numa_node = 1;
	sample_select_all(s);
	knob_set(s, "cpu_set=auto");
	assert_string_equal(sample_plan(s)->cpu_set, "8-15,0-7");
}

static void test_governor(void **state)
{
	struct sample *s = *state;
	struct machine_tuning *t = machine(s);
	const struct plan *plan;

	knob_set(s, "cpu_governor=performance");
	plan = sample_plan(s);
	assert_outcome(plan, "cpu_governor", KNOB_APPLIED, "cpufreq");
	assert_int_equal(plan->host_changes.n, 2);
	assert_change(plan, 1, "cpu_governor", "/host/sys/policy1", "performance");
	knob_set(s, "cpu_governor=schedutil");
	plan = sample_plan(s);
	assert_outcome(plan, "cpu_governor", KNOB_UNSUPPORTED, "performance powersave");
	assert_int_equal(plan->host_changes.n, 0);
	t->cpus.n = 0;
	assert_outcome(sample_plan(s), "cpu_governor", KNOB_UNSUPPORTED, "hypervisor");
}

static void test_huge_pages(void **state)
{
	struct sample *s = *state;
	struct machine_tuning *t = machine(s);
	const struct plan *plan;

	knob_set(s, "huge_pages=64");
	plan = sample_plan(s);
	assert_outcome(plan, "huge_pages", KNOB_APPLIED, "MAP_HUGETLB");
	assert_change(plan, 0, "huge_pages", "/host/sys/pages", "64");
	knob_set(s, "huge_pages=8");
	plan = sample_plan(s);
	assert_outcome(plan, "huge_pages", KNOB_APPLIED, "as many already");
	assert_change(plan, 0, "huge_pages", "/host/sys/pages", "16");
	t->huge_pages.write_errnum = EACCES;
	plan = sample_plan(s);
	assert_outcome(plan, "huge_pages", KNOB_APPLIED, "as many already");
	assert_int_equal(plan->host_changes.n, 0);
	t->huge_pages.path = NULL;
	assert_outcome(sample_plan(s), "huge_pages", KNOB_UNSUPPORTED, "no huge pages");
}

static void test_realtime(void **state)
{
	struct sample *s = *state;
	struct session_facts *session;
	const struct plan *plan;

	(void)machine(s);
	knob_set(s, "realtime=true");
	assert_outcome(sample_plan(s), "realtime", KNOB_UNSUPPORTED, "not known here");
	session = session_desktop(s);
	plan = sample_plan(s);
	assert_outcome(plan, "realtime", KNOB_UNSUPPORTED, "CAP_SYS_RESOURCE");
	assert_int_equal(plan->rlimits.n, 0);
	session->can_raise_limits = true;
	plan = sample_plan(s);
	assert_outcome(plan, "realtime", KNOB_APPLIED, "RLIMIT_RTPRIO");
	assert_int_equal(plan->rlimits.n, 3);
	knob_set(s, "realtime=false");
	plan = sample_plan(s);
	assert_outcome(plan, "realtime", KNOB_APPLIED, "no limit");
	assert_int_equal(plan->rlimits.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power),
		TEST(test_power_once_per_gpu),
		TEST(test_power_of_mixed_gpus),
		TEST(test_without_privilege),
		TEST(test_other_engines),
		TEST(test_clocks),
		TEST(test_cpus),
		TEST(test_cpus_that_cannot_be_set),
		TEST(test_cpus_of_two_nodes),
		TEST(test_governor),
		TEST(test_huge_pages),
		TEST(test_realtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
