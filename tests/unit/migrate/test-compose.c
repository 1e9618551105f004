/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of single settings, and input that is not what it should be. */
#include <stdio.h>

#include "base/strbuf.h"
#include "converting.h"
#include "format/json.h"
#include "format/yaml.h"

static void assert_devices(const char *setting, const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 16);
	struct converting c;

	strbuf_printf(&text, "services:\n  s:\n    image: x\n%s", setting);
	convert(&c, strbuf_str(&text), COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_int_equal(entry_of(&c, "s")->outcome, MIGRATE_CONVERTED);
	assert_true(says(&c, "s", expected));
	converting_done(&c);
}

static void assert_not_converted(const char *setting, const char *reason)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 16);
	struct converting c;

	strbuf_printf(&text, "services:\n  s:\n    image: x\n%s", setting);
	convert(&c, strbuf_str(&text), COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_int_equal(entry_of(&c, "s")->outcome, MIGRATE_NOT_CONVERTED);
	assert_true(says(&c, "s", reason));
	assert_false(c.result.changed);
	assert_string_equal(c.result.text, strbuf_str(&text));
	assert_false(migrate_report_complete(&c.result.report));
	converting_done(&c);
}

static void every_form_of_a_selection_is_read(void **state)
{
	static const char list[] = "    runtime: nvidia\n    environment:\n      - ";
	static const struct {
		const char *value, *expected;
	} values[] = {
		{ "all", "devices: nvidia.com/gpu=all" },
		{ "ALL", "devices: nvidia.com/gpu=all" },
		{ "0", "devices: nvidia.com/gpu=0" },
		{ "0, 1,,2", "devices: nvidia.com/gpu=0,nvidia.com/gpu=1,nvidia.com/gpu=2" },
		{ "1,1", "devices: nvidia.com/gpu=1" },
		{ "0:1", "devices: nvidia.com/gpu=0:1" },
		{ "GPU-11111111-2222-3333-4444-555555555555",
			"gpu=GPU-11111111-2222-3333-4444-555555555555" },
		{ "MIG-11111111-2222-3333-4444-555555555555",
			"gpu=MIG-11111111-2222-3333-4444-555555555555" },
		{ "nvidia.com/gpu=3", "devices: nvidia.com/gpu=3" },
		{ "example.com/dev=a", "devices: example.com/dev=a" },
		{ "void", "devices: none" },
		{ "", "devices: none" },
	};
	char setting[256];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(values); i++) {
		(void)snprintf(setting, sizeof(setting), "%s\"NVIDIA_VISIBLE_DEVICES=%s\"\n", list,
			values[i].value);
		assert_devices(setting, values[i].expected);
	}
}

static void what_cdi_cannot_say_stays(void **state)
{
	static const char map[] = "    runtime: nvidia\n    environment:\n      "
				  "NVIDIA_VISIBLE_DEVICES: ";
	static const struct {
		const char *value, *reason;
	} values[] = {
		{ "none", "driver without a GPU" },
		{ "0000:01:00.0", "number or UUID" },
		{ "two", "does not name a GPU" },
		{ "${GPUS}", "only known when Compose runs" },
		{ "$GPUS", "only known when Compose runs" },
		{ "", "only known when Compose runs" },
		{ "99999999999999", "GPU" },
	};
	char setting[256];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(values); i++) {
		(void)snprintf(setting, sizeof(setting), "%s%s\n", map, values[i].value);
		assert_not_converted(setting, values[i].reason);
	}
}

static void requests_that_contradict_themselves_stay(void **state)
{
	(void)state;
	assert_not_converted("    gpus:\n      - count: 1\n        device_ids: ['0']\n"
			     "        capabilities: [gpu]\n",
		"exclude each other");
	assert_not_converted("    gpus:\n      - count: 0\n        driver: nvidia\n",
		"neither 'all' nor a number");
	assert_not_converted("    gpus:\n      - count: 100000\n        driver: nvidia\n",
		"neither 'all' nor a number");
	assert_not_converted("    gpus:\n      - count: -2\n        driver: nvidia\n",
		"neither 'all' nor a number");
	assert_not_converted("    gpus:\n      - device_ids: ['$A']\n        driver: nvidia\n",
		"only known when Compose runs");
}

struct env_case {
	const char *text, *says;
	enum migrate_outcome outcome;
};

static int read_env(void *user, const char *path, char **ret_text)
{
	const struct env_case *test = user;

	if (strcmp(path, "b.env") != 0) {
		*ret_text = strdup("NVIDIA_VISIBLE_DEVICES=7\n");
		return 0;
	}
	if (!test->text)
		return -1;
	*ret_text = strdup(test->text);
	return 0;
}

/* The last file counts, and in it the last line. */
static void files_of_variables_are_read(void **state)
{
	static const char text[] = "services:\n  s:\n    image: x\n    runtime: nvidia\n"
				   "    env_file: [a.env, {path: b.env, required: false}]\n";
	static const struct env_case cases[] = {
		{ "NVIDIA_VISIBLE_DEVICES=0\nNVIDIA_VISIBLE_DEVICES=1", "devices: nvidia.com/gpu=1",
			MIGRATE_CONVERTED },
		{ "# x\n export NVIDIA_VISIBLE_DEVICES = 0\n", "devices: nvidia.com/gpu=7",
			MIGRATE_CONVERTED },
		{ "export NVIDIA_VISIBLE_DEVICES=\"2\" # c\r\n", "devices: nvidia.com/gpu=2",
			MIGRATE_CONVERTED },
		{ "NVIDIA_VISIBLE_DEVICES='3,4'", "devices: nvidia.com/gpu=3,nvidia.com/gpu=4",
			MIGRATE_CONVERTED },
		{ "NVIDIA_VISIBLE_DEVICES=5 # five", "devices: nvidia.com/gpu=5",
			MIGRATE_CONVERTED },
		{ "NVIDIA_VISIBLE_DEVICES_X=5\n", "devices: nvidia.com/gpu=7", MIGRATE_CONVERTED },
		{ "NVIDIA_VISIBLE_DEVICES=", "devices: none", MIGRATE_CONVERTED },
		{ "NVIDIA_VISIBLE_DEVICES=${X}", "may come from 'env_file'",
			MIGRATE_NOT_CONVERTED },
		{ NULL, "may come from 'env_file'", MIGRATE_NOT_CONVERTED },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct env_case test = cases[i];
		const struct compose_files files = { .read = read_env, .user = &test };
		struct converting c = { .arena = arena_new() };

		c.status = compose_migrate("compose.yml", text, strlen(text), COMPOSE_TO_CDI,
			&files, c.arena, &c.result, &c.error);
		assert_int_equal(c.status, 0);
		assert_int_equal(entry_of(&c, "s")->outcome, test.outcome);
		if (!says(&c, "s", test.says))
			fail_msg("%s: '%s' is not said", test.text, test.says);
		converting_done(&c);
	}
}

#define RESERVED(request) "    deploy: {resources: {reservations: {devices: [" request "]}}}\n"

/* Compose adds the capability of an entry of `gpus`. */
static void an_entry_of_gpus_needs_no_capability(void **state)
{
	(void)state;
	assert_devices("    gpus: [{count: 2}]\n", "devices: nvidia.com/gpu=0,nvidia.com/gpu=1");
	assert_devices("    gpus: [{device_ids: ['1']}]\n", "devices: nvidia.com/gpu=1");
	assert_devices("    gpus: [{}]\n", "devices: nvidia.com/gpu=all");
	/* And below `deploy`, a part of the driver stands for it. */
	assert_devices(RESERVED("{capabilities: [utility]}"), "devices: nvidia.com/gpu=all");
	assert_not_converted("    gpus: [{driver: example}]\n", "'example' is no driver");
}

static void what_may_ask_for_gpus_is_not_passed_over(void **state)
{
	static const char later[] = "is only known when Compose runs";
	static const struct {
		const char *setting, *reason;
	} settings[] = {
		{ RESERVED("{driver: \"${DRIVER-nvidia}\", capabilities: [gpu]}"), later },
		{ RESERVED("{driver: \"${DRIVER-nvidia}\", capabilities: [tpu]}"), later },
		{ RESERVED("{capabilities: [\"${CAP:-gpu}\"]}"), later },
		{ RESERVED("{driver: nvidia, capabilities: [\"${CAP:-gpu}\"]}"), later },
		{ RESERVED("{driver: NVIDIA, count: 1}"), "'NVIDIA' is no driver" },
		{ RESERVED("{driver: example, capabilities: [gpu]}"), "'example' is no driver" },
		{ "    gpus: ${GPUS:-all}\n", later },
		{ "    runtime: ${RUNTIME:-nvidia}\n", "the runtime '${RUNTIME:-nvidia}'" },
		{ "    runtime: ${RUNTIME:-nvidia}\n"
		  "    environment: {NVIDIA_VISIBLE_DEVICES: all}\n",
			"the runtime '${RUNTIME:-nvidia}'" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(settings); i++)
		assert_not_converted(settings[i].setting, settings[i].reason);
}

/* With a default runtime that reads it, an image's own "all" would count. */
static void what_says_no_gpu_stays(void **state)
{
	static const char *const values[] = { "void", "''", "','" };
	_cleanup_(strbuf_done) struct strbuf line = STRBUF_INIT(1 << 10);

	(void)state;
	for (size_t i = 0; i < ELEMENTS(values); i++) {
		_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 10);
		struct converting c;

		strbuf_truncate(&line, 0);
		strbuf_printf(&line, "NVIDIA_VISIBLE_DEVICES: %s", values[i]);
		strbuf_printf(&text, "services: {s: {runtime: nvidia, environment: {%s}}}\n",
			strbuf_str(&line));
		convert(&c, strbuf_str(&text), COMPOSE_TO_CDI);
		assert_int_equal(c.status, 0);
		assert_int_equal(entry_of(&c, "s")->outcome, MIGRATE_CONVERTED);
		assert_non_null(strstr(c.result.text, strbuf_str(&line)));
		assert_null(strstr(c.result.text, "runtime"));
		converting_done(&c);
	}
}

/* A list that does not fit is no empty list, which would be another wish. */
static void long_lists_are_whole(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 20);
	struct converting c;

	(void)state;
	strbuf_str_add(&text, "services:\n  s:\n    gpus:\n      - device_ids:\n");
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&text, "        - GPU-11111111-2222-3333-4444-%012d\n", i);
	convert(&c, strbuf_str(&text), COMPOSE_TO_RUNTIME);
	assert_int_equal(c.status, 0);
	assert_int_equal(entry_of(&c, "s")->outcome, MIGRATE_CONVERTED);
	assert_non_null(strstr(c.result.text, "GPU-11111111-2222-3333-4444-000000000000,"));
	assert_non_null(strstr(c.result.text, ",GPU-11111111-2222-3333-4444-000000000999"));
	converting_done(&c);
}

static void other_ways_to_gpus_are_said(void **state)
{
	struct converting c;

	(void)state;
	convert(&c,
		"services:\n  a: {image: x, devices: [/dev/snd, '/dev/nvidia0:/dev/nvidia0']}\n"
		"  b: {image: x, deploy: {resources: {reservations: {generic_resources: "
		"[{discrete_resource_spec: {kind: gpu, value: 1}}]}}}}\n"
		"  c: {image: x, devices: [/dev/snd, /dev/drill, /dev/kfd0]}\n"
		"  d: {image: x, devices: [/dev/kfd, '/dev/dri:/dev/dri']}\n"
		"  e: {image: x, devices: [{source: /dev/dri/renderD128, target: /dev/d}]}\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_true(says(&c, "a", "'/dev/nvidia0:/dev/nvidia0' in 'devices'"));
	assert_true(says(&c, "b", "'generic_resources'"));
	assert_null(entry_of(&c, "c"));
	assert_true(says(&c, "d", "'/dev/kfd' in 'devices' is"));
	assert_true(says(&c, "d", "'amd.com/gpu=all' brings it"));
	assert_true(says(&c, "d", "'/dev/dri:/dev/dri' in 'devices' is"));
	assert_true(says(&c, "e", "'/dev/dri/renderD128' in 'devices' is"));
	assert_true(says(&c, "e", "'intel.com/gpu=all'"));
	assert_false(c.result.changed);
	converting_done(&c);
}

static void nodes_that_a_device_brings_may_go(void **state)
{
	struct converting c;

	(void)state;
	convert(&c,
		"services:\n  a: {image: x, runtime: amd, environment: [AMD_VISIBLE_DEVICES=0], "
		"devices: [/dev/kfd, /dev/dri]}\n"
		"  b: {image: x, gpus: all, devices: [/dev/nvidia0, /dev/kfd]}\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_true(says(&c, "a", "'/dev/kfd' in 'devices' may go"));
	assert_true(says(&c, "a", "'/dev/dri' in 'devices' may go"));
	assert_true(says(&c, "b", "'/dev/nvidia0' in 'devices' may go"));
	assert_true(says(&c, "b", "'/dev/kfd' in 'devices' is a node"));
	assert_false(says(&c, "b", "'/dev/kfd' in 'devices' may go"));
	converting_done(&c);
}

static void an_anchor_that_others_take_keeps_its_service_alone(void **state)
{
	struct converting c;

	(void)state;
	convert(&c,
		"services:\n  a:\n    image: x\n    runtime: &rt nvidia\n    labels:\n"
		"      made.by: *rt\n  b: {image: y, gpus: all}\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_int_equal(entry_of(&c, "a")->outcome, MIGRATE_NOT_CONVERTED);
	assert_true(says(&c, "a", "has an anchor"));
	assert_int_equal(entry_of(&c, "b")->outcome, MIGRATE_CONVERTED);
	assert_non_null(strstr(c.result.text, "    runtime: &rt nvidia\n"));
	assert_non_null(strstr(c.result.text, "b: {image: y, devices: [\"nvidia.com/gpu=all\"]}"));
	converting_done(&c);
}

/* Names and texts are what they are spelled. */
static void truths_of_old_yaml_are_texts(void **state)
{
	struct converting c;

	(void)state;
	convert(&c, "services:\n  y: {image: x, gpus: all}\n  010: {image: x, gpus: all}\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_int_equal(entry_of(&c, "y")->outcome, MIGRATE_CONVERTED);
	assert_int_equal(entry_of(&c, "010")->outcome, MIGRATE_CONVERTED);
	converting_done(&c);
}

static void files_to_be_put_over_others_are_read(void **state)
{
	struct converting c;

	(void)state;
	convert(&c,
		"services:\n  a: {runtime: !reset null, gpus: !reset [{count: 1}]}\n"
		"  b:\n    gpus: !override\n      - count: 1\n    ports: !override ['80:80']\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_null(entry_of(&c, "a"));
	assert_int_equal(entry_of(&c, "b")->outcome, MIGRATE_CONVERTED);
	assert_non_null(strstr(c.result.text, "a: {runtime: !reset null, gpus: !reset ["));
	assert_non_null(strstr(c.result.text, "    ports: !override ['80:80']\n"));
	assert_non_null(strstr(c.result.text, "      - nvidia.com/gpu=0\n"));
	converting_done(&c);
}

static void a_request_counts_before_a_variable(void **state)
{
	(void)state;
	assert_devices("    gpus: [{driver: nvidia, device_ids: ['2']}]\n"
		       "    environment: {NVIDIA_VISIBLE_DEVICES: all}\n",
		"devices: nvidia.com/gpu=2");
}

static void requests_of_others_are_none_of_ours(void **state)
{
	struct converting c;

	(void)state;
	convert(&c,
		"services:\n  s:\n    image: x\n    deploy: {resources: {reservations: {devices: "
		"[{driver: example, capabilities: [tpu]}]}}}\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_null(entry_of(&c, "s"));
	assert_false(c.result.changed);
	assert_true(migrate_report_complete(&c.result.report));
	converting_done(&c);
}

static void a_note_alone_is_complete_and_a_loss_is_not(void **state)
{
	struct converting c;

	(void)state;
	convert(&c, "services:\n  s: {gpus: [{driver: nvidia, count: 1}]}\n", COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_true(migrate_report_complete(&c.result.report));
	converting_done(&c);
	convert(&c, "services:\n  s: {gpus: all, environment: {NVIDIA_REQUIRE_CUDA: 'cuda>=12'}}\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_int_equal(entry_of(&c, "s")->outcome, MIGRATE_CONVERTED);
	assert_false(migrate_report_complete(&c.result.report));
	converting_done(&c);
}

static void assert_refused(const char *text, enum nvb_status status, const char *part)
{
	struct converting c;

	convert(&c, text, COMPOSE_TO_CDI);
	assert_int_equal(c.status, status);
	assert_non_null(strstr(nvb_error_message(c.error), "compose.yml"));
	if (!strstr(nvb_error_message(c.error), part))
		fail_msg("'%s' does not say '%s'", nvb_error_message(c.error), part);
	converting_done(&c);
}

static void files_that_are_no_compose_files_are_refused(void **state)
{
	(void)state;
	assert_refused("", NVB_ERR_FORMAT, "empty");
	assert_refused("\xef\xbb\xbf", NVB_ERR_FORMAT, "empty");
	assert_refused("a: [\n", NVB_ERR_FORMAT, "line ");
	assert_refused("a:\n\tb: c\n", NVB_ERR_FORMAT, "line 2");
	assert_refused("- a\n", NVB_ERR_FORMAT, "object");
	assert_refused("services:\n", NVB_ERR_FORMAT, "services");
	assert_refused("services: [a]\n", NVB_ERR_FORMAT, "services");
	assert_refused("services:\n  a:\n", NVB_ERR_FORMAT, "services.a");
	assert_refused("web:\n  image: x\n", NVB_ERR_FORMAT, "services");
	assert_refused("services: {a: {}}\n---\nservices: {b: {}}\n", NVB_ERR_FORMAT,
		"line 2, column 1: a second document");
	assert_refused(
		"services:\n  a: {image: x, image: y}\n", NVB_ERR_FORMAT, "a second 'image'");
	assert_refused("services:\n  a: {image: x}\n  a: {image: y}\n", NVB_ERR_FORMAT, "line 3");
	assert_refused("services: &a\n  b: *a\n", NVB_ERR_FORMAT, "inside of its own anchor");
	assert_refused("services: {a: *nobody}\n", NVB_ERR_FORMAT, "nobody");
	assert_refused("services: {a: {runtime: !rest null}}\n", NVB_ERR_FORMAT, "!rest");
	assert_refused("services: {a: {ports: !rest []}}\n", NVB_ERR_FORMAT, "!rest");
	assert_refused("services: {a: {gpus: some}}\n", NVB_ERR_FORMAT, "services.a.gpus");
	assert_refused("services: {a: {gpus: {driver: nvidia}}}\n", NVB_ERR_FORMAT, "a.gpus");
	assert_refused("services: {a: {environment: text}}\n", NVB_ERR_FORMAT, "a.environment");
	assert_refused(
		"services: {a: {environment: [{A: b}]}}\n", NVB_ERR_FORMAT, "environment[0]");
	assert_refused("services: {a: {runtime: [nvidia]}}\n", NVB_ERR_FORMAT, "a.runtime");
	assert_refused("services: {a: {deploy: [x]}}\n", NVB_ERR_FORMAT, "a.deploy");
	assert_refused("services: {a: {extends: [x]}}\n", NVB_ERR_FORMAT, "a.extends");
	assert_refused("services: {a: \xff}\n", NVB_ERR_FORMAT, "UTF-8");
}

/* A file of 1 KiB that stands for 10^9 values. */
static void a_file_that_grows_without_bound_is_refused(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 16);

	(void)state;
	strbuf_str_add(&text, "x-a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n");
	for (int i = 1; i < 10; i++) {
		strbuf_printf(&text, "x-a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			strbuf_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
		strbuf_str_add(&text, "]\n");
	}
	strbuf_str_add(&text, "services: {a: {gpus: all}}\n");
	assert_refused(strbuf_str(&text), NVB_ERR_LIMIT, "aliases counted");
}

static void large_files_and_many_services_are_refused(void **state)
{
	const size_t length = (size_t)10 << 20;
	char *text = malloc(length + 1);
	_cleanup_(strbuf_done) struct strbuf many = STRBUF_INIT(1 << 20);

	(void)state;
	assert_non_null(text);
	memset(text, '#', length);
	text[length] = '\0';
	assert_refused(text, NVB_ERR_LIMIT, "more than");
	free(text);
	strbuf_str_add(&many, "services:\n");
	for (int i = 0; i < 600; i++)
		strbuf_printf(&many, "  s%d: {gpus: all}\n", i);
	assert_refused(strbuf_str(&many), NVB_ERR_LIMIT, "services");
}

/* A file of 1.5 KiB with 2^39 ways from the service to its runtime. */
static void a_file_of_many_ways_ends(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 16);
	struct converting c;

	(void)state;
	strbuf_str_add(&text, "x-0: &m0 {runtime: nvidia}\n");
	for (int i = 1; i < 40; i++)
		strbuf_printf(&text, "x-%d: &m%d\n  <<: [*m%d, *m%d]\n", i, i, i - 1, i - 1);
	strbuf_str_add(&text, "services: {a: {<<: *m39, image: x}, b: {<<: *m39, runtime: y}}\n");
	convert(&c, strbuf_str(&text), COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	converting_done(&c);
}

/* Many services that share and do not share: each round takes somebody out, and it ends. */
static void many_services_at_odds_end(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 20);
	struct converting c;
	unsigned n = 0;

	(void)state;
	strbuf_str_add(&text, "x-e: &e {NVIDIA_VISIBLE_DEVICES: '0', A: b}\nservices:\n");
	for (int i = 0; i < 150; i++)
		strbuf_printf(&text, "  a%d: {runtime: nvidia, environment: *e}\n", i);
	strbuf_str_add(&text, "  b: {runtime: runc, environment: *e}\n");
	for (int i = 0; i < 50; i++)
		strbuf_printf(&text, "  c%d: {gpus: all}\n", i);
	convert(&c, strbuf_str(&text), COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	for (size_t i = 0; i < c.result.report.entries.n; i++) {
		const struct migrate_entry *entry = &c.result.report.entries.items[i];

		assert_int_equal(entry->outcome, entry->name[0] == 'a'	 ? MIGRATE_NOT_CONVERTED
						 : entry->name[0] == 'b' ? MIGRATE_NOTHING_TO_DO
									 : MIGRATE_CONVERTED);
		n++;
	}
	assert_int_equal(n, 201);
	converting_done(&c);
}

static void circles_of_extends_end(void **state)
{
	struct converting c;

	(void)state;
	convert(&c,
		"services:\n  a: {extends: b, gpus: all}\n  b: {extends: {service: c}, image: x}\n"
		"  c: {extends: a, gpus: all}\n  d: {extends: d, gpus: all}\n"
		"  e: {extends: nobody, gpus: all}\n",
		COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_int_equal(entry_of(&c, "a")->outcome, MIGRATE_NOT_CONVERTED);
	assert_int_equal(entry_of(&c, "c")->outcome, MIGRATE_NOT_CONVERTED);
	assert_null(entry_of(&c, "b"));
	assert_int_equal(entry_of(&c, "d")->outcome, MIGRATE_CONVERTED);
	assert_int_equal(entry_of(&c, "e")->outcome, MIGRATE_CONVERTED);
	assert_true(says(&c, "a", "'extends' joins"));
	converting_done(&c);
}

static void a_report_is_json_too(void **state)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	struct json_object *entries, *value;
	struct converting c;

	(void)state;
	convert(&c, "services:\n  \"a\\nb\": {gpus: all}\n", COMPOSE_TO_CDI);
	assert_int_equal(c.status, 0);
	assert_int_equal(migrate_report_format_json(&c.result.report, &text, NULL), 0);
	assert_int_equal(json_parse(text, strlen(text), &root, NULL), 0);
	assert_true(json_object_object_get_ex(root, "complete", &value));
	assert_true(json_object_get_boolean(value));
	assert_true(json_object_object_get_ex(root, "entries", &entries));
	assert_int_equal(json_object_array_length(entries), 1);
	value = json_object_object_get(json_object_array_get_idx(entries, 0), "name");
	assert_string_equal(json_object_get_string(value), "a\nb");
	free(text);
	/* As text, what could be an escape sequence of a terminal is none. */
	assert_int_equal(migrate_report_format(&c.result.report, &text, NULL), 0);
	assert_non_null(strstr(text, "service 'a\\x0ab' (line 2): converted"));
	converting_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_selection_is_read),
		cmocka_unit_test(what_cdi_cannot_say_stays),
		cmocka_unit_test(requests_that_contradict_themselves_stay),
		cmocka_unit_test(files_of_variables_are_read),
		cmocka_unit_test(an_entry_of_gpus_needs_no_capability),
		cmocka_unit_test(what_may_ask_for_gpus_is_not_passed_over),
		cmocka_unit_test(what_says_no_gpu_stays),
		cmocka_unit_test(long_lists_are_whole),
		cmocka_unit_test(other_ways_to_gpus_are_said),
		cmocka_unit_test(nodes_that_a_device_brings_may_go),
		cmocka_unit_test(an_anchor_that_others_take_keeps_its_service_alone),
		cmocka_unit_test(truths_of_old_yaml_are_texts),
		cmocka_unit_test(files_to_be_put_over_others_are_read),
		cmocka_unit_test(a_request_counts_before_a_variable),
		cmocka_unit_test(requests_of_others_are_none_of_ours),
		cmocka_unit_test(a_note_alone_is_complete_and_a_loss_is_not),
		cmocka_unit_test(files_that_are_no_compose_files_are_refused),
		cmocka_unit_test(a_file_that_grows_without_bound_is_refused),
		cmocka_unit_test(large_files_and_many_services_are_refused),
		cmocka_unit_test(a_file_of_many_ways_ends),
		cmocka_unit_test(many_services_at_odds_end),
		cmocka_unit_test(circles_of_extends_end),
		cmocka_unit_test(a_report_is_json_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
