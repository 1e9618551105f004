/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../host/scratch-tree.h"
#include "cdi/document.h"
#include "cdi/presence.h"

static void write_machine(const struct scratch *s)
{
	scratch_write(s, "/dev/nvidia0", "c 195:0\n");
	scratch_write(s, "/dev/nvidiactl", "c 195:255\n");
	scratch_write(s, "/usr/lib/libnvidia-ml.so.550.54.14", "");
	scratch_write(s, "/usr/lib/libcuda.so.550.54.14", "");
	scratch_write(s, "/usr/lib/libnvidia-egl-gbm.so.1.1.1", "");
	scratch_write(s, "/usr/bin/nvbind-hook", "");
}

/* One finding per line: "FIELD: MESSAGE". */
static const char *find(const struct scratch *s, const char *driver_version, const char *edits)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;
	struct cdi_finding_list list = { 0 };
	const char *text, *all = "";

	text = arena_printf(s->arena,
		"{\"cdiVersion\":\"1.1.0\",\"kind\":\"nvidia.com/gpu\",\"devices\":["
		"{\"name\":\"0\",\"containerEdits\":{%s}},{\"name\":\"all\",\"containerEdits\":{%s}"
		"}"
		"]}",
		edits, edits);
	if (cdi_document_parse(text, strlen(text), CDI_FORMAT_JSON, NULL, &spec, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_int_equal(
		cdi_spec_find_missing(spec, &s->tree, driver_version, s->arena, &list, NULL), 0);
	vec_foreach (struct cdi_finding, f, &list)
		all = arena_printf(s->arena, "%s%s: %s\n", all, f->field, f->message);
	return all;
}

#define NODE(more)  "\"deviceNodes\":[{" more "}]"
#define MOUNT(path) "\"mounts\":[{\"hostPath\":\"" path "\",\"containerPath\":\"/x\"}]"

static void test_present(void **state)
{
	const struct scratch *s = *state;

	write_machine(s);
	assert_string_equal(
		find(s, "550.54.14",
			NODE("\"path\":\"/dev/nvidia0\",\"major\":195,\"minor\":0") "," MOUNT(
				"/usr/lib/libnvidia-ml.so.550.54.14") ","
								      "\"hooks\":[{\"hookName\":"
								      "\"createContainer\","
								      "\"path\":\"/usr/bin/"
								      "nvbind-hook\"}]"),
		"");
	assert_string_equal(find(s, NULL,
				    NODE("\"path\":\"/dev/x\","
					 "\"hostPath\":\"/dev/nvidiactl\",\"minor\":255")),
		"");
	/* Nothing of the host is named. */
	assert_string_equal(find(s, NULL,
				    "\"mounts\":[{\"hostPath\":\"tmpfs\","
				    "\"containerPath\":\"/x\",\"type\":\"tmpfs\"}]"),
		"");
}

/* Specs for a machine below a root may name its paths as seen from outside. */
static void test_prefix(void **state)
{
	const struct scratch *s = *state;
	const char *edits;

	write_machine(s);
	edits = arena_printf(s->arena,
		"\"deviceNodes\":[{\"path\":\"/dev/a\",\"hostPath\":\"%s/dev/nvidia0\","
		"\"minor\":0},{\"path\":\"/dev/b\",\"hostPath\":\"%s/dev/nvidia9\"}]",
		s->directory, s->directory);
	assert_string_equal(find(s, NULL, edits),
		arena_printf(s->arena,
			"devices[0].containerEdits.deviceNodes[1].hostPath: the node "
			"'%s/dev/nvidia9' does not exist\n",
			s->directory));
}

static void test_missing(void **state)
{
	const struct scratch *s = *state;

	write_machine(s);
	assert_string_equal(find(s, NULL, NODE("\"path\":\"/dev/nvidia1\"")),
		"devices[0].containerEdits.deviceNodes[0].path: the node '/dev/nvidia1' does not "
		"exist\n");
	assert_string_equal(find(s, NULL, MOUNT("/usr/lib/libnvidia-ml.so.1")),
		"devices[0].containerEdits.mounts[0].hostPath: '/usr/lib/libnvidia-ml.so.1' does "
		"not exist\n");
	assert_string_equal(find(s, NULL,
				    "\"hooks\":[{\"hookName\":\"poststop\","
				    "\"path\":\"/bin/no\"}]"),
		"devices[0].containerEdits.hooks[0].path: the hook '/bin/no' does not exist\n");
	assert_string_equal(find(s, NULL,
				    NODE("\"path\":\"/dev/nvidia0\",\"major\":195,"
					 "\"minor\":1")),
		"devices[0].containerEdits.deviceNodes[0].minor: the node '/dev/nvidia0' has the "
		"numbers 195:0, not 195:1\n");
	assert_string_equal(find(s, NULL,
				    NODE("\"path\":\"/dev/nvidia0\",\"type\":\"b\","
					 "\"major\":195,\"minor\":0")),
		"devices[0].containerEdits.deviceNodes[0].type: the node '/dev/nvidia0' is of the "
		"type 'c', not 'b'\n");
}

static void test_driver_version(void **state)
{
	const struct scratch *s = *state;
	const char *said = "devices[0].containerEdits.mounts[0].hostPath: "
			   "'/usr/lib/libcuda.so.550.54.14' is of the driver 550.54.14, but "
			   "570.86.15 runs\n";

	write_machine(s);
	assert_string_equal(find(s, "570.86.15", MOUNT("/usr/lib/libcuda.so.550.54.14")), said);
	assert_string_equal(find(s, "550.54.14", MOUNT("/usr/lib/libcuda.so.550.54.14")), "");
	assert_string_equal(find(s, NULL, MOUNT("/usr/lib/libcuda.so.550.54.14")), "");
	/* A version of the library's own. */
	assert_string_equal(find(s, "570.86.15", MOUNT("/usr/lib/libnvidia-egl-gbm.so.1.1.1")), "");
	scratch_directory(s, "/lib/firmware/nvidia/550.54.14");
	scratch_write(s, "/lib/firmware/nvidia/550.54.14/gsp_ga10x.bin", "");
	assert_string_equal(
		find(s, "550.54.14", MOUNT("/lib/firmware/nvidia/550.54.14/gsp_ga10x.bin")), "");
	assert_non_null(
		strstr(find(s, "550.54", MOUNT("/lib/firmware/nvidia/550.54.14/gsp_ga10x.bin")),
			"is of the driver 550.54.14, but 550.54 runs"));
	/* Said once, however many files there are. */
	assert_string_equal(find(s, "570.86.15",
				    "\"mounts\":[{\"hostPath\":\"/usr/lib/libcuda.so.550.54.14\","
				    "\"containerPath\":\"/x\"},{\"hostPath\":"
				    "\"/usr/lib/libnvidia-ml.so.550.54.14\",\"containerPath\":"
				    "\"/y\"}]"),
		said);
}

static void test_limit(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = cdi_spec_new();
	struct cdi_finding_list list = { 0 };

	assert_non_null(spec);
	for (int i = 0; i < 1000; i++) {
		struct cdi_device_node *node = vec_push(spec->arena, &spec->edits.device_nodes);

		assert_non_null(node);
		node->path = arena_printf(spec->arena, "/dev/x%d", i);
	}
	assert_int_equal(cdi_spec_find_missing(spec, &s->tree, NULL, s->arena, &list, NULL), 0);
	assert_int_equal(list.n, CDI_FINDING_LIMIT);
	assert_string_equal(list.items[0].field, "containerEdits.deviceNodes[0].path");
}

static void test_whose_driver(void **state)
{
	const struct scratch *s = *state;
	struct inventory inv = { 0 };
	struct gpu_driver *driver = vec_push(s->arena, &inv.drivers);
	struct cdi_spec spec = { .vendor = "nvidia.com" };

	assert_non_null(driver);
	driver->vendor = GPU_VENDOR_NVIDIA;
	driver->version = "550.54.14";
	assert_string_equal(cdi_spec_driver_version(&spec, &inv), "550.54.14");
	spec.vendor = "management.nvidia.com";
	assert_string_equal(cdi_spec_driver_version(&spec, &inv), "550.54.14");
	spec.vendor = "notnvidia.com";
	assert_null(cdi_spec_driver_version(&spec, &inv));
	spec.vendor = "amd.com";
	assert_null(cdi_spec_driver_version(&spec, &inv));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_present),
		TEST(test_prefix),
		TEST(test_missing),
		TEST(test_driver_version),
		TEST(test_limit),
		TEST(test_whose_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
