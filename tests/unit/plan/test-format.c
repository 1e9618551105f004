/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

static char *format_json(struct sample *s)
{
	char *text = NULL;

	if (plan_format_json(sample_plan(s), &text, &s->err) < 0)
		fail_msg("%s", nvb_error_message(s->err));
	return text;
}

/* The whole of it: keys and their order are a public interface. */
static void test_json(void **state)
{
	static const char expected[] =
		"{\n"
		"  \"engine\": \"bolt\",\n"
		"  \"image\": null,\n"
		"  \"command\": [\n"
		"    \"echo\",\n"
		"    \"a \\\"b\\\"\"\n"
		"  ],\n"
		"  \"isolation\": {\n"
		"    \"mode\": \"exclusive\",\n"
		"    \"status\": \"unsupported\",\n"
		"    \"mechanism\": null,\n"
		"    \"reason\": \"nvbind takes no part in how this engine starts the container: "
		"nothing would keep others off the GPU\"\n"
		"  },\n"
		"  \"gpus\": [\n"
		"    {\n"
		"      \"index\": 0,\n"
		"      \"uuid\": null,\n"
		"      \"pci_address\": \"0000:10:00.0\"\n"
		"    }\n"
		"  ],\n"
		"  \"device_nodes\": [\n"
		"    {\n"
		"      \"path\": \"/dev/dri/card0\",\n"
		"      \"host_path\": \"/host/dev/dri/card0\",\n"
		"      \"type\": null,\n"
		"      \"major\": null,\n"
		"      \"minor\": null,\n"
		"      \"permissions\": \"rw\"\n"
		"    },\n"
		"    {\n"
		"      \"path\": \"/dev/dri/renderD128\",\n"
		"      \"host_path\": \"/host/dev/dri/renderD128\",\n"
		"      \"type\": \"c\",\n"
		"      \"major\": 226,\n"
		"      \"minor\": 128,\n"
		"      \"permissions\": \"rw\"\n"
		"    }\n"
		"  ],\n"
		"  \"mounts\": [\n"
		"    {\n"
		"      \"source\": \"/src\",\n"
		"      \"destination\": \"/data\",\n"
		"      \"options\": [\n"
		"        \"rw\",\n"
		"        \"nosuid\",\n"
		"        \"nodev\",\n"
		"        \"rbind\",\n"
		"        \"rprivate\"\n"
		"      ]\n"
		"    }\n"
		"  ],\n"
		"  \"env\": {\n"
		"    \"NVIDIA_VISIBLE_DEVICES\": \"void\",\n"
		"    \"X\": \"a=b\"\n"
		"  },\n"
		"  \"additional_gids\": [\n"
		"    44\n"
		"  ],\n"
		"  \"rlimits\": [],\n"
		"  \"hooks\": [],\n"
		"  \"knobs\": [\n"
		"    {\n"
		"      \"name\": \"gpu\",\n"
		"      \"value\": \"0\",\n"
		"      \"status\": \"enforced\",\n"
		"      \"mechanism\": \"device nodes + device cgroup\",\n"
		"      \"reason\": null\n"
		"    },\n"
		"    {\n"
		"      \"name\": \"driver\",\n"
		"      \"value\": \"auto\",\n"
		"      \"status\": \"applied\",\n"
		"      \"mechanism\": \"xe (in-tree)\",\n"
		"      \"reason\": null\n"
		"    },\n"
		"    {\n"
		"      \"name\": \"capabilities\",\n"
		"      \"value\": \"graphics\",\n"
		"      \"status\": \"applied\",\n"
		"      \"mechanism\": \"device nodes\",\n"
		"      \"reason\": null\n"
		"    }\n"
		"  ],\n"
		"  \"warnings\": [],\n"
		"  \"engine_argv\": [],\n"
		"  \"links\": []\n"
		"}\n";
	struct sample *s = *state;
	_cleanup_free_ char *text = NULL;
	struct volume *volume;
	struct gpu *gpu;

	sample_add_driver(s, GPU_VENDOR_INTEL, "xe", "in-tree");
	gpu = sample_add_gpu(s, GPU_VENDOR_INTEL, "xe");
	sample_add_node(s, &gpu->nodes, "/dev/dri/renderD128", 226, 128, CAPABILITY_GRAPHICS);
	sample_add_node(s, &gpu->nodes, "/dev/dri/card0", 226, 0, CAPABILITY_GRAPHICS)->node.type = 0;
	gpu->nodes.items[0].node.mode = 0660;
	gpu->nodes.items[0].node.gid = 44;
	sample_select_all(s);
	s->req.capabilities = CAPABILITY_GRAPHICS;
	s->req.isolation = ISOLATION_EXCLUSIVE;
	(void)string_list_add(s->a, &s->req.command, "echo");
	(void)string_list_add(s->a, &s->req.command, "a \"b\"");
	(void)string_list_add(s->a, &s->req.env, "X=a=b");
	volume = vec_push(s->a, &s->req.volumes);
	*volume = (struct volume){ .source = "/src", .destination = "/data" };
	text = format_json(s);
	assert_string_equal(text, expected);
}

static void test_json_is_always_the_same(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *first = NULL;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	s->req.capabilities = CAPABILITY_ALL;
	first = format_json(s);
	for (int i = 0; i < 100; i++) {
		_cleanup_free_ char *again = format_json(s);

		assert_string_equal(again, first);
	}
}

static void test_json_of_bytes_that_are_no_text(void **state)
{
	struct sample *s = *state;
	char *text = NULL;

	(void)string_list_add(s->a, &s->req.command, "\xff\xfe");
	assert_int_equal(plan_format_json(sample_plan(s), &text, &s->err), NVB_ERR_FORMAT);
	assert_null(text);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void test_json_links(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *text = NULL;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	s->req.capabilities = CAPABILITY_UTILITY;
	text = format_json(s);
	assert_has(text,
		"  \"links\": [\n"
		"    {\n"
		"      \"path\": \"" LIB64 "/libnvidia-ml.so.1\",\n"
		"      \"text\": \"libnvidia-ml.so." DRIVER_VERSION "\",\n"
		"      \"source\": \"/host/64/libnvidia-ml.so." DRIVER_VERSION "\"\n"
		"    }\n"
		"  ]\n"
		"}\n");
}

static void test_text(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *text = NULL;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	s->req.image = "host";
	(void)string_list_add(s->a, &s->req.command, "sh");
	(void)string_list_add(s->a, &s->req.command, "\x1b[31m x");
	assert_int_equal(plan_format_text(sample_plan(s), &text, &s->err), 0);
	assert_has(text, "engine      bolt\n");
	assert_has(text, "image       host\n");
	assert_has(text, "isolation   shared, applied: device nodes + device cgroup\n");
	assert_has(text, "gpus        0  0000:10:00.0  GPU-00000000\n");
	assert_has(text, "nodes       /dev/nvidia-uvm  c 511:0  rw\n");
	assert_has(text, "            /dev/nvidia0     c 195:0  rw\n");
	assert_has(text, "2 files in /usr/lib/x86_64-linux-gnu\n");
	assert_has(text, "links       3 names in /usr/lib/x86_64-linux-gnu\n");
	assert_has(text, "env         NVIDIA_DRIVER_CAPABILITIES=compute,utility\n");
	assert_has(text, "            driver        auto             applied: nvidia 550.163.01 (open)\n");
	/* Nothing that a terminal would obey. */
	assert_null(strchr(text, 0x1b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_json),
		TEST(test_json_is_always_the_same),
		TEST(test_json_links),
		TEST(test_json_of_bytes_that_are_no_text),
		TEST(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
