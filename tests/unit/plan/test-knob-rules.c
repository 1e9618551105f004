/* SPDX-License-Identifier: Apache-2.0 */
/* Every knob has one rule and ends in one status; what rules build their effects with. */
#include "knob-case.h"

#include "plan/knob_rule.h"

static const struct knob_rule_table *const tables[] = {
	&knob_rules_gaming,
	&knob_rules_wine,
	&knob_rules_desktop,
	&knob_rules_aiml,
	&knob_rules_driver,
	&knob_rules_limit,
	&knob_rules_host,
};

static size_t count_rules(size_t id)
{
	size_t n = 0;

	for (size_t t = 0; t < ELEMENTS(tables); t++)
		for (size_t i = 0; i < tables[t]->n; i++)
			n += tables[t]->rules[i].id == id;
	return n;
}

static void test_one_rule_each(void **state)
{
	(void)state;
	for (size_t id = 0; id < KNOB_COUNT; id++)
		if (count_rules(id) != 1)
			fail_msg("'%s' has %zu rules", knob_table[id].name, count_rules(id));
}

static size_t count_reports(const struct plan *plan, const char *name)
{
	size_t n = 0;

	vec_foreach (struct plan_knob, knob, &plan->knobs)
		n += strcmp(knob->name, name) == 0;
	return n;
}

/* Values that parse, for knobs whose type does not say one. */
static const char *example(const struct knob *knob, bool second)
{
	switch (knob->type) {
	case KNOB_TYPE_BOOL:
		return second ? "false" : "true";
	case KNOB_TYPE_WORD:
		return knob->vocabulary->words[second && knob->vocabulary->n > 1].name;
	case KNOB_TYPE_SIZE:
		return "1GiB";
	case KNOB_TYPE_PERCENT:
		return "50%";
	case KNOB_TYPE_NUMBER:
		return second ? "64" : "48";
	case KNOB_TYPE_LIST:
		return "all";
	case KNOB_TYPE_TEXT:
		break;
	}
	return knob->id == KNOB_GPU_CLOCKS || knob->id == KNOB_CPU_SET ? "0-3" : "1.0";
}

/* A refusal is an outcome too: of limits that nothing enforces, of a driver that is another. */
static void check_alone(struct sample *s, const struct knob *knob, bool second)
{
	const char *value = example(knob, second);

	if (knob->id == KNOB_AUDIO_SAMPLE_RATE)
		value = "48000";
	knob_clear(s);
	knob_set(s, arena_printf(s->a, "%s=%s", knob->name, value));
	if (sample_try(s) < 0) {
		assert_true(*nvb_error_message(s->err));
		return;
	}
	/* The isolation mode may have its outcome elsewhere. */
	if (knob->id == KNOB_ISOLATION && s->plan->isolation_outcome.name)
		return;
	if (count_reports(s->plan, knob->name) != 1)
		fail_msg("'%s=%s' ends in %zu statuses", knob->name, value,
			count_reports(s->plan, knob->name));
}

static void check_all(struct sample *s)
{
	for (size_t id = 0; id < KNOB_COUNT; id++) {
		check_alone(s, &knob_table[id], false);
		check_alone(s, &knob_table[id], true);
	}
}

static void test_one_status_each(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	check_all(s);
	(void)session_desktop(s);
	check_all(s);
}

static void test_one_status_on_amd(void **state)
{
	struct sample *s = *state;

	knob_amd_machine(s);
	check_all(s);
	(void)session_desktop(s);
	check_all(s);
}

static void test_one_status_without_gpu(void **state)
{
	struct sample *s = *state;

	s->req.gpus.none = true;
	check_all(s);
}

static void test_nothing_without_settings(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	knob_gaming_machine(s);
	(void)session_desktop(s);
	plan = sample_plan(s);
	assert_null(find_knob(plan, "dlss_enabled"));
	assert_null(find_env(plan, "DXVK_CONFIG"));
	assert_null(find_node(plan, "/dev/ntsync"));
	assert_int_equal(plan->rlimits.n, 0);
}

static void test_options_are_one_variable(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "frame_rate_target=144");
	knob_set(s, "vsync_mode=off");
	assert_env(sample_plan(s), "DXVK_CONFIG",
		"dxgi.maxFrameRate = 144;d3d9.maxFrameRate = 144;dxgi.syncInterval = 0;"
		"d3d9.presentInterval = 0");
}

static void test_users_options_come_last(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "frame_rate_target=144");
	(void)string_list_add(s->a, &s->req.env, "DXVK_CONFIG=dxgi.maxFrameRate = 30");
	(void)string_list_add(s->a, &s->req.env, "VKD3D_FRAME_RATE=30");
	assert_env(sample_plan(s), "DXVK_CONFIG",
		"dxgi.maxFrameRate = 144;d3d9.maxFrameRate = 144;dxgi.maxFrameRate = 30");
	/* No list: the user's replaces it. */
	assert_env(s->plan, "VKD3D_FRAME_RATE", "30");
}

static size_t mount_position(const struct plan *plan, const char *destination)
{
	return (size_t)(get_mount(plan, destination) - plan->mounts.items);
}

/* A volume inside of what a knob mounts must stay visible, one above it takes its place. */
static void test_mounts_and_volumes(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	knob_gaming_machine(s);
	(void)session_desktop(s);
	knob_set(s, "audio_system=auto");
	knob_set(s, "shader_cache=true");
	sample_add_volume(s, "/data", "/run/user/1000/data", false);
	sample_add_volume(s, "/cache", "/var/cache", false);
	plan = sample_plan(s);
	assert_string_equal(get_mount(plan, "/run/user/1000")->type, "tmpfs");
	assert_true(mount_position(plan, "/run/user/1000") <
		    mount_position(plan, "/run/user/1000/pulse/native"));
	assert_true(mount_position(plan, "/run/user/1000") <
		    mount_position(plan, "/run/user/1000/data"));
	assert_null(find_mount(plan, "/var/cache/nvbind/shaders"));
	assert_string_equal(plan->mounts.items[plan->mounts.n - 1].destination, "/var/cache");
}

/* Nodes of knobs stand among the others, with their groups. */
static void test_nodes_are_sorted(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	knob_gaming_machine(s);
	(void)session_desktop(s);
	knob_set(s, "input=true");
	plan = sample_plan(s);
	for (size_t i = 1; i < plan->nodes.n; i++)
		assert_true(
			strverscmp(plan->nodes.items[i - 1].path, plan->nodes.items[i].path) < 0);
	assert_int_equal(plan->additional_gids.n, 1);
	assert_int_equal(plan->additional_gids.items[0], 104);
}

/* Another engine gets nothing of the plan but GPUs: no knob may claim more. */
static void test_other_engines(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	(void)session_desktop(s);
	s->req.engine = "docker";
	knob_set(s, "dlss_enabled=true");
	knob_set(s, "display=auto");
	knob_set(s, "cuda_version=12.0");
	assert_outcome(sample_plan(s), "dlss_enabled", KNOB_UNSUPPORTED, "--runtime bolt");
	assert_outcome(s->plan, "display", KNOB_UNSUPPORTED, "'docker'");
	assert_outcome(s->plan, "cuda_version", KNOB_ENFORCED, "12.4");
	assert_null(find_env(s->plan, "DISPLAY"));
	assert_null(find_env(s->plan, "DXVK_ENABLE_NVAPI"));
}

/* "NAME" of "NAME=VALUE". */
static const char *name_of(struct sample *s, const char *assignment)
{
	return arena_strndup(s->a, assignment, strcspn(assignment, "="));
}

/* What is true of every engine is not another engine's fault. */
static void test_other_engines_and_nothing(void **state)
{
	static const char *const inert[] = { "vrs_enabled=true", "vrs_enabled=false",
		"dxvk_async=true", "mixed_precision=true", "tensor_cores_enabled=true",
		"memory_pool_enabled=true", "model_size=Small", "precision=FP16",
		"aiml_profile=inference" };
	static const char *const active[] = { "tensor_cores_enabled=false",
		"memory_pool_enabled=false", "aiml_profile=training" };
	struct sample *s = *state;
	size_t n_env;

	knob_gaming_machine(s);
	s->req.engine = "docker";
	n_env = sample_plan(s)->env.n;
	for (size_t i = 0; i < ELEMENTS(inert); i++) {
		knob_set(s, inert[i]);
		assert_outcome(sample_plan(s), name_of(s, inert[i]), KNOB_NONE, "");
		assert_int_equal(s->plan->env.n, n_env);
	}
	for (size_t i = 0; i < ELEMENTS(active); i++) {
		knob_set(s, active[i]);
		assert_outcome(sample_plan(s), name_of(s, active[i]), KNOB_UNSUPPORTED, "'docker'");
		assert_int_equal(s->plan->env.n, n_env);
	}
}

static void test_errors_say_who_set_it(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set_from(s, "driver_version=999.1", SOURCE_CONFIG, "config.toml:3");
	assert_refused(s, NVB_ERR_DRIVER, "config.toml:3: driver_version");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_rule_each),
		TEST(test_one_status_each),
		TEST(test_one_status_on_amd),
		TEST(test_one_status_without_gpu),
		TEST(test_nothing_without_settings),
		TEST(test_options_are_one_variable),
		TEST(test_users_options_come_last),
		TEST(test_mounts_and_volumes),
		TEST(test_nodes_are_sorted),
		TEST(test_other_engines),
		TEST(test_other_engines_and_nothing),
		TEST(test_errors_say_who_set_it),
	};

	return cmocka_run_group_tests_name("plan/knob-rules", tests, NULL, NULL);
}
