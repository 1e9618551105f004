/* SPDX-License-Identifier: Apache-2.0 */
/* The right to make and to watch MIG instances. */
#include "sample.h"

#define CAPS_MAJOR 238

static void add_mig_nodes(struct sample *s, struct gpu *gpu, unsigned first, unsigned n)
{
	for (unsigned minor = first; minor < first + n; minor++) {
		struct gpu_node *node = sample_add_node(s, &gpu->mig_nodes,
			arena_printf(s->a, "/dev/nvidia-caps/nvidia-cap%u", minor), CAPS_MAJOR,
			minor, CAPABILITY_ALL);

		node->node.exists = node->node.is_device = false;
		node->node.mode = 0;
	}
}

/* Two GPUs; the first has an instance, whose node exists. */
static void set_up(struct sample *s)
{
	struct gpu_driver *driver = sample_add_nvidia(s);
	struct gpu_partition *part;
	struct gpu *gpu;

	sample_add_node(s, &driver->mig_config_nodes, "/dev/nvidia-caps/nvidia-cap1", CAPS_MAJOR, 1,
		CAPABILITY_ALL)
		->node.mode = 0400;
	sample_add_node(s, &driver->mig_monitor_nodes, "/dev/nvidia-caps/nvidia-cap2", CAPS_MAJOR,
		2, CAPABILITY_ALL);
	gpu = sample_add_nvidia_gpu(s);
	gpu->mig_enabled = true;
	part = vec_push(s->a, &gpu->partitions);
	*part = (struct gpu_partition){ .gi = 1, .ci = 0, .uuid = "MIG-1" };
	sample_add_node(
		s, &part->nodes, "/dev/nvidia-caps/nvidia-cap11", CAPS_MAJOR, 11, CAPABILITY_ALL);
	add_mig_nodes(s, gpu, 10, 5);
	gpu = sample_add_nvidia_gpu(s);
	add_mig_nodes(s, gpu, 20, 5);
}

static size_t count_caps(const struct plan *plan)
{
	size_t n = 0;

	vec_foreach (const struct plan_node, node, &plan->nodes)
		n += strstr(node->path, "/nvidia-cap") != NULL;
	return n;
}

static void test_unasked(void **state)
{
	struct sample *s = *state;

	set_up(s);
	sample_select_all(s);
	assert_int_equal(count_caps(sample_plan(s)), 1);
	assert_null(find_knob(s->plan, "mig_config"));
	assert_null(find_knob(s->plan, "mig_monitor"));
}

static void test_config(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	sample_select_all(s);
	s->req.mig_config = true;
	plan = sample_plan(s);
	assert_int_equal(get_node(plan, "/dev/nvidia-caps/nvidia-cap1")->mode, 0400);
	assert_null(find_node(plan, "/dev/nvidia-caps/nvidia-cap2"));
	/* Of all instances, each once, with what is known of the one that exists. */
	assert_int_equal(count_caps(plan), 1 + 5 + 5);
	assert_true(get_node(plan, "/dev/nvidia-caps/nvidia-cap11")->exists);
	assert_false(get_node(plan, "/dev/nvidia-caps/nvidia-cap12")->exists);
	assert_int_equal(get_node(plan, "/dev/nvidia-caps/nvidia-cap24")->major, CAPS_MAJOR);
	assert_string_equal(get_node(plan, "/dev/nvidia-caps/nvidia-cap24")->permissions, "rw");
	assert_knob(plan, "mig_config", "all", KNOB_APPLIED);
	assert_null(find_knob(plan, "mig_monitor"));
	/* What may be made is expected to be missing. */
	assert_silent(plan);
}

static void test_monitor_of_one_gpu(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	sample_select(s, &s->inv.gpus.items[1], NULL);
	s->req.mig_monitor = true;
	/* The rights do not depend on what else the container wants of the driver. */
	s->req.capabilities = CAPABILITY_UTILITY;
	plan = sample_plan(s);
	assert_non_null(find_node(plan, "/dev/nvidia-caps/nvidia-cap2"));
	assert_null(find_node(plan, "/dev/nvidia-caps/nvidia-cap1"));
	assert_non_null(find_node(plan, "/dev/nvidia-caps/nvidia-cap20"));
	assert_null(find_node(plan, "/dev/nvidia-caps/nvidia-cap11"));
	assert_int_equal(count_caps(plan), 1 + 5);
	assert_knob(plan, "mig_monitor", "all", KNOB_APPLIED);
}

static void test_both(void **state)
{
	struct sample *s = *state;

	set_up(s);
	sample_select_all(s);
	s->req.mig_config = s->req.mig_monitor = true;
	assert_int_equal(count_caps(sample_plan(s)), 2 + 5 + 5);
	assert_knob(s->plan, "mig_config", "all", KNOB_APPLIED);
	assert_knob(s->plan, "mig_monitor", "all", KNOB_APPLIED);
}

static void test_instance_is_not_enough(void **state)
{
	struct sample *s = *state;

	set_up(s);
	sample_select(s, &s->inv.gpus.items[0], &s->inv.gpus.items[0].partitions.items[0]);
	s->req.mig_monitor = true;
	assert_refused(s, NVB_ERR_USAGE, "only its instance 0:0 is selected");
}

static void test_no_node_of_the_driver(void **state)
{
	struct sample *s = *state;
	struct gpu_node *node;

	set_up(s);
	sample_select_all(s);
	s->req.mig_config = true;
	node = &s->inv.drivers.items[0].mig_config_nodes.items[0];
	/* Not on the host, but its number is known. */
	node->node.exists = false;
	assert_int_equal(get_node(sample_plan(s), "/dev/nvidia-caps/nvidia-cap1")->minor, 1);
	assert_warned(s->plan, "made by its number, 238:1");
	node->node.type = 0;
	assert_refused(s, NVB_ERR_DRIVER, "make MIG instances");
	s->inv.drivers.items[0].mig_config_nodes.n = 0;
	assert_refused(s, NVB_ERR_DRIVER, "make MIG instances");
	assert_non_null(strstr(nvb_error_get_hint(s->err), "450"));
	s->req.mig_config = false;
	s->req.mig_monitor = true;
	(void)sample_plan(s);
	s->inv.drivers.items[0].mig_monitor_nodes.n = 0;
	assert_refused(s, NVB_ERR_DRIVER, "watch MIG instances");
}

static void test_no_gpu_of_nvidia(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	s->req.gpus.none = s->req.driver_only = true;
	s->req.mig_config = true;
	plan = sample_plan(s);
	assert_int_equal(count_caps(plan), 0);
	assert_knob(plan, "mig_config", "all", KNOB_UNSUPPORTED);
	s->req.driver_only = false;
	assert_knob(sample_plan(s), "mig_config", "all", KNOB_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unasked),
		TEST(test_config),
		TEST(test_monitor_of_one_gpu),
		TEST(test_both),
		TEST(test_instance_is_not_enough),
		TEST(test_no_node_of_the_driver),
		TEST(test_no_gpu_of_nvidia),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
