/* SPDX-License-Identifier: Apache-2.0 */
/* What of a machine can be tuned, and machines of which nothing can. */
#include "../host/scratch-tree.h"

#include "gpu/tuning.h"

#define DEVICE "/sys/bus/pci/devices/0000:03:00.0"
#define HWMON  DEVICE "/hwmon/hwmon4"

struct machine {
	struct inventory inv;
	struct machine_tuning *tuning;
};

static struct machine make_machine(struct scratch *s, enum gpu_vendor vendor, const char *driver)
{
	struct machine m = { .inv = { .arena = s->arena } };
	struct gpu *gpu = vec_push(s->arena, &m.inv.gpus);

	*gpu = (struct gpu){
		.vendor = vendor,
		.driver = driver,
		.pci_address = "0000:03:00.0",
		.card_node = "/dev/dri/card1",
		.numa_node = -1,
	};
	return m;
}

static void look(struct scratch *s, struct machine *m)
{
	struct nvb_error *err = NULL;

	machine_tuning_free(m->tuning);
	if (machine_tuning_read(&s->tree, &m->inv, &m->tuning, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
}

static const struct tuning_power *find_power(const struct machine *m, const char *path)
{
	vec_foreach (const struct tuning_power, power, &m->tuning->power)
		if (strcmp(power->file.path, path) == 0)
			return power;
	return NULL;
}

static void assert_power(const struct machine *m, const char *path, const char *maximum,
	const char *balanced, const char *saver)
{
	const struct tuning_power *power = find_power(m, path);
	const char *const values[][2] = {
		{ power ? power->maximum : NULL, maximum },
		{ power ? power->balanced : NULL, balanced },
		{ power ? power->saver : NULL, saver },
	};

	if (!power)
		fail_msg("no '%s'", path);
	for (size_t i = 0; i < ELEMENTS(values); i++) {
		assert_true(!values[i][0] == !values[i][1]);
		if (values[i][1])
			assert_string_equal(values[i][0], values[i][1]);
	}
}

static void test_nothing(void **state)
{
	struct scratch *s = *state;
	struct machine m = make_machine(s, GPU_VENDOR_AMD, "amdgpu");

	look(s, &m);
	assert_int_equal(m.tuning->power.n, 0);
	assert_int_equal(m.tuning->cpus.n, 0);
	assert_int_equal(m.tuning->nodes.n, 0);
	assert_null(m.tuning->huge_pages.path);
	assert_null(m.tuning->online_cpus);
	machine_tuning_free(m.tuning);
}

static void test_amd(void **state)
{
	struct scratch *s = *state;
	struct machine m = make_machine(s, GPU_VENDOR_AMD, "amdgpu");

	scratch_write(s, DEVICE "/power_dpm_force_performance_level", "auto\n");
	look(s, &m);
	assert_int_equal(m.tuning->power.n, 1);
	assert_power(&m, DEVICE "/power_dpm_force_performance_level", "high", "auto", "low");
	assert_string_equal(m.tuning->power.items[0].file.current, "auto");
	assert_int_equal(m.tuning->power.items[0].file.write_errnum, 0);
	assert_non_null(strstr(m.tuning->power.items[0].file.host_path, s->directory));
	scratch_write(s, HWMON "/power1_cap", "300000000\n");
	scratch_write(s, HWMON "/power1_cap_max", "350000000\n");
	scratch_write(s, HWMON "/power1_cap_default", "300000000\n");
	scratch_write(s, HWMON "/power1_cap_min", "0\n");
	look(s, &m);
	assert_int_equal(m.tuning->power.n, 2);
	assert_power(&m, HWMON "/power1_cap", "350000000", "300000000", NULL);
	scratch_write(s, HWMON "/power1_cap_min", "200000000\n");
	look(s, &m);
	assert_power(&m, HWMON "/power1_cap", "350000000", "300000000", "200000000");
	assert_power(&m, DEVICE "/power_dpm_force_performance_level", "high", "auto", "auto");
	machine_tuning_free(m.tuning);
}

static void test_intel(void **state)
{
	struct scratch *s = *state;
	struct machine m = make_machine(s, GPU_VENDOR_INTEL, "xe");

	scratch_write(s, DEVICE "/tile0/gt1/freq0/rp0_freq", "2400\n");
	scratch_write(s, DEVICE "/tile0/gt1/freq0/rpe_freq", "600\n");
	scratch_write(s, DEVICE "/tile0/gt1/freq0/min_freq", "300\n");
	scratch_write(s, DEVICE "/tile0/gt1/freq0/max_freq", "2400\n");
	scratch_write(s, DEVICE "/drm/card1/gt_RP0_freq_mhz", "1500\n");
	scratch_write(s, DEVICE "/drm/card1/gt_RP1_freq_mhz", "350\n");
	scratch_write(s, DEVICE "/drm/card1/gt_min_freq_mhz", "100\n");
	scratch_write(s, DEVICE "/drm/card1/gt_max_freq_mhz", "1500\n");
	look(s, &m);
	assert_int_equal(m.tuning->power.n, 2);
	assert_power(&m, DEVICE "/tile0/gt1/freq0/min_freq", "2400", NULL, NULL);
	assert_power(&m, DEVICE "/tile0/gt1/freq0/max_freq", NULL, NULL, "600");
	m.inv.gpus.items[0].driver = "i915";
	look(s, &m);
	assert_int_equal(m.tuning->power.n, 2);
	assert_power(&m, DEVICE "/drm/card1/gt_min_freq_mhz", "1500", NULL, NULL);
	assert_power(&m, DEVICE "/drm/card1/gt_max_freq_mhz", NULL, NULL, "350");
	m.inv.gpus.items[0].state = GPU_LOST;
	look(s, &m);
	assert_int_equal(m.tuning->power.n, 0);
	machine_tuning_free(m.tuning);
}

static void test_machine(void **state)
{
	struct scratch *s = *state;
	struct machine m = make_machine(s, GPU_VENDOR_NVIDIA, "nvidia");

	m.inv.gpus.items[0].numa_node = 1;
	*vec_push(s->arena, &m.inv.gpus) = m.inv.gpus.items[0];
	scratch_write(s, DEVICE "/local_cpulist", "48-95\n");
	scratch_write(s, "/sys/devices/system/cpu/online", "0-95\n");
	scratch_write(s, "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n");
	scratch_write(s, "/sys/devices/system/cpu/cpufreq/policy0/scaling_available_governors",
		"performance powersave \n");
	scratch_write(s, "/sys/devices/system/cpu/cpufreq/policy10/scaling_governor", "a\nb\n");
	scratch_write(s, "/sys/devices/system/cpu/cpufreq/boost", "1\n");
	scratch_write(s, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	look(s, &m);
	assert_int_equal(m.tuning->nodes.n, 1);
	assert_int_equal(m.tuning->nodes.items[0].numa_node, 1);
	assert_string_equal(m.tuning->nodes.items[0].cpus, "48-95");
	assert_string_equal(m.tuning->online_cpus, "0-95");
	assert_int_equal(m.tuning->cpus.n, 1);
	assert_string_equal(m.tuning->cpus.items[0].governors, "performance powersave");
	assert_string_equal(m.tuning->huge_pages.current, "0");
	assert_int_equal(m.tuning->power.n, 0);
	machine_tuning_free(m.tuning);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing),
		CASE(test_amd),
		CASE(test_intel),
		CASE(test_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
