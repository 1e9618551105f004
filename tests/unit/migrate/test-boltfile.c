/* SPDX-License-Identifier: Apache-2.0 */
/* The Boltfiles of compose files are TOML and say what the compose file said. */
#include "converting.h"
#include "format/json.h"
#include "format/toml.h"

static struct json_object *at(struct json_object *value, const char *const *path)
{
	for (; value && *path; path++)
		value = json_object_object_get(value, *path);
	return value;
}

#define AT(doc, ...)	  at(toml_root(doc), (const char *const[]){ __VA_ARGS__, NULL })
#define TEXT_AT(doc, ...) json_object_get_string(AT(doc, __VA_ARGS__))
#define JSON_AT(doc, ...) json_object_to_json_string_ext(AT(doc, __VA_ARGS__), 0)

static void to_toml(struct converting *c, const char *text, struct toml_document **ret)
{
	struct nvb_error *error = NULL;

	convert(c, text, COMPOSE_TO_BOLTFILE);
	assert_int_equal(c->status, 0);
	if (toml_parse("Boltfile.toml", c->result.text, c->result.length, ret, &error) < 0)
		fail_msg("%s:\n%s", nvb_error_message(error), c->result.text);
}

static void a_service_with_gpus_is_a_capsule(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"name: rig\nservices:\n  gpu-app:\n    image: nvidia/cuda:latest\n    runtime: "
		"nvidia\n"
		"    environment: [NVIDIA_VISIBLE_DEVICES=0, A=b]\n    ports: ['80:80']\n"
		"    tty: true\n",
		&doc);
	assert_string_equal(TEXT_AT(doc, "project"), "rig");
	assert_string_equal(TEXT_AT(doc, "services", "gpu-app", "capsule"), "nvidia/cuda:latest");
	assert_string_equal(TEXT_AT(doc, "services", "gpu-app", "gpu", "runtime"), "nvbind");
	assert_string_equal(TEXT_AT(doc, "services", "gpu-app", "gpu", "driver"), "auto");
	assert_string_equal(TEXT_AT(doc, "services", "gpu-app", "gpu", "isolation"), "shared");
	assert_string_equal(JSON_AT(doc, "services", "gpu-app", "gpu", "devices"), "[\"gpu:0\"]");
	assert_string_equal(JSON_AT(doc, "services", "gpu-app", "ports"), "[\"80:80\"]");
	assert_string_equal(JSON_AT(doc, "services", "gpu-app", "environment"), "{\"A\":\"b\"}");
	assert_true(json_object_get_boolean(AT(doc, "services", "gpu-app", "tty")));
	converting_done(&c);
}

static void devices_are_named_as_boltfiles_name_them(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  a:\n    image: x\n    environment:\n      NVIDIA_VISIBLE_DEVICES: "
		"all,1,0:2,GPU-11111111-2222-3333-4444-555555555555,amd.com/gpu=0\n",
		&doc);
	assert_string_equal(JSON_AT(doc, "services", "a", "gpu", "devices"),
		"[\"gpu:all\",\"gpu:1\",\"0:2\",\"GPU-11111111-2222-3333-4444-555555555555\","
		"\"amd.com\\/gpu=0\"]");
	converting_done(&c);
}

static void cdi_names_of_devices_are_gpus(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  a: {image: x, devices: [nvidia.com/gpu=0, amd.com/gpu=1, /dev/kfd]}\n"
		"  b: {image: x, runtime: bolt, devices: [nvidia.com/gpu=1]}\n",
		&doc);
	assert_string_equal(TEXT_AT(doc, "services", "a", "capsule"), "x");
	assert_string_equal(
		JSON_AT(doc, "services", "a", "gpu", "devices"), "[\"gpu:0\",\"amd.com\\/gpu=1\"]");
	assert_string_equal(JSON_AT(doc, "services", "b", "gpu", "devices"), "[\"gpu:1\"]");
	assert_int_equal(entry_of(&c, "a")->outcome, MIGRATE_CONVERTED);
	assert_true(says(&c, "a", "'/dev/kfd' in 'devices' goes"));
	assert_true(migrate_report_complete(&c.result.report));
	converting_done(&c);
}

static void a_service_that_loses_its_gpu_is_not_converted(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  a: {image: x, devices: [/dev/snd, /dev/kfd, /dev/dri]}\n"
		"  b: {image: x, devices: ['nvidia.com/gpu=${N}']}\n"
		"  c: {image: x, devices: [/dev/snd]}\n"
		"  d: {image: x, devices: [{source: /dev/dri/card0}, {target: /x}]}\n",
		&doc);
	assert_int_equal(entry_of(&c, "a")->outcome, MIGRATE_NOT_CONVERTED);
	assert_true(says(&c, "a", "put 'amd.com/gpu=all' into 'devices'"));
	assert_true(says(&c, "a", "'/dev/dri' in 'devices' is left out"));
	assert_int_equal(entry_of(&c, "b")->outcome, MIGRATE_NOT_CONVERTED);
	assert_true(says(&c, "b", "'nvidia.com/gpu=${N}' in 'devices' is left out"));
	assert_null(AT(doc, "services", "b", "gpu"));
	assert_int_equal(entry_of(&c, "c")->outcome, MIGRATE_CONVERTED);
	assert_true(says(&c, "c", "'/dev/snd' in 'devices' is left out"));
	assert_int_equal(entry_of(&c, "d")->outcome, MIGRATE_NOT_CONVERTED);
	assert_true(says(&c, "d", "'/dev/dri/card0' in 'devices' is left out"));
	assert_true(says(&c, "d", "'null' in 'devices' is left out"));
	converting_done(&c);
}

static void odd_texts_survive(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  \"a.b \\\"c\":\n    image: \"x\\\\y\\\"z\\t\\x01\"\n    labels: "
		"{\"k.e=y\": "
		"\"multi\\nline\"}\n    environment: {E: '', \"F G\": h}\n",
		&doc);
	assert_string_equal(TEXT_AT(doc, "services", "a.b \"c", "image"), "x\\y\"z\t\x01");
	assert_string_equal(TEXT_AT(doc, "services", "a.b \"c", "labels", "k.e=y"), "multi\nline");
	assert_string_equal(TEXT_AT(doc, "services", "a.b \"c", "environment", "E"), "");
	assert_string_equal(TEXT_AT(doc, "services", "a.b \"c", "environment", "F G"), "h");
	converting_done(&c);
}

static void lists_of_pairs_are_mappings(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  a:\n    image: x\n    labels: [a=1, b, a=2, {c: d}]\n    sysctls: "
		"text\n"
		"    environment: [E=1, E=2]\n",
		&doc);
	assert_string_equal(
		JSON_AT(doc, "services", "a", "labels"), "{\"\":\"\",\"a\":\"2\",\"b\":\"\"}");
	assert_string_equal(JSON_AT(doc, "services", "a", "environment"), "{\"E\":\"2\"}");
	assert_true(says(&c, "a", "'sysctls' is left out"));
	converting_done(&c);
}

static void what_has_no_place_is_said(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  a:\n    image: x\n    healthcheck: {test: [CMD]}\n    command: sh -c "
		"'a b'\n"
		"    ports: [{target: 80}]\n    environment: [FROM_SHELL]\n  b: {runtime: bolt}\n",
		&doc);
	assert_true(says(&c, "a", "'healthcheck' is left out"));
	assert_true(says(&c, "a", "'command' is left out"));
	assert_true(says(&c, "a", "'ports' is left out"));
	assert_true(says(&c, "a", "'FROM_SHELL' is left out"));
	assert_null(AT(doc, "services", "a", "healthcheck"));
	assert_true(says(&c, "b", "needs an image"));
	assert_string_equal(JSON_AT(doc, "services", "b", "gpu", "devices"), "[\"gpu:all\"]");
	assert_false(migrate_report_complete(&c.result.report));
	converting_done(&c);
}

static void texts_are_as_they_are_spelled(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  y:\n    image: x\n    restart: no\n    networks: [n]\n"
		"    tty: yes\n    read_only: false\n    privileged: ${PRIVILEGED}\n"
		"    environment: {A: yes, B: 3.10, C: 1e3, D: 010, E: true, F: 'null'}\n"
		"networks: {n: {}}\n",
		&doc);
	assert_string_equal(TEXT_AT(doc, "services", "y", "restart"), "no");
	assert_string_equal(JSON_AT(doc, "services", "y", "networks"), "[\"n\"]");
	assert_non_null(AT(doc, "networks", "n"));
	assert_string_equal(TEXT_AT(doc, "services", "y", "environment", "A"), "yes");
	assert_string_equal(TEXT_AT(doc, "services", "y", "environment", "B"), "3.10");
	assert_string_equal(TEXT_AT(doc, "services", "y", "environment", "C"), "1e3");
	assert_string_equal(TEXT_AT(doc, "services", "y", "environment", "D"), "010");
	assert_string_equal(TEXT_AT(doc, "services", "y", "environment", "E"), "true");
	assert_string_equal(TEXT_AT(doc, "services", "y", "environment", "F"), "null");
	assert_true(json_object_get_boolean(AT(doc, "services", "y", "tty")));
	assert_false(json_object_get_boolean(AT(doc, "services", "y", "read_only")));
	/* Not a guess: false would be another service. */
	assert_null(AT(doc, "services", "y", "privileged"));
	assert_true(says(&c, "y", "'privileged' is left out"));
	converting_done(&c);
}

static bool remarks(const struct converting *c, const char *part)
{
	vec_foreach (const char *, remark, &c->result.report.remarks)
		if (strstr(*remark, part))
			return true;
	return false;
}

static void nothing_is_lost_in_silence(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"services:\n  a:\n    image: x\n    build: .\n    deploy: {resources: {limits: "
		"{memory: 4G}, reservations: {devices: [{driver: nvidia, count: 1}]}}}\n"
		"    volumes: ['a:/a', {type: bind, source: /b, target: /b}, 'c:/c']\n"
		"  b:\n    build: {context: ./b, dockerfile: D, args: {A: b}}\n"
		"  c:\n    image: x\n    deploy: {resources: {reservations: {devices: "
		"[{driver: example, capabilities: [tpu]}]}}}\n",
		&doc);
	assert_true(says(&c, "a", "'build' is left out"));
	assert_true(says(&c, "a", "'deploy.resources.limits' is left out"));
	assert_false(says(&c, "a", "'deploy' is left out"));
	assert_true(says(&c, "a", "'volumes' is left out: items"));
	assert_string_equal(JSON_AT(doc, "services", "a", "volumes"), "[\"a:\\/a\",\"c:\\/c\"]");
	assert_string_equal(TEXT_AT(doc, "services", "b", "build"), "./b");
	assert_true(says(&c, "b", "'build.dockerfile' is left out"));
	assert_true(says(&c, "b", "'build.args' is left out"));
	assert_true(says(&c, "c", "'deploy.resources.reservations.devices' is left out"));
	converting_done(&c);
}

static void what_stands_at_the_top_is_said_too(void **state)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct converting c;

	(void)state;
	to_toml(&c,
		"version: '3'\nx-own: {}\nservices: {a: {image: x}}\n"
		"secrets: {s: {file: f}}\nconfigs: {c: {file: f}}\n"
		"volumes: {v: {driver: local, external: true}, w: }\n",
		&doc);
	assert_true(remarks(&c, "'secrets' is left out"));
	assert_true(remarks(&c, "'configs' is left out"));
	assert_true(remarks(&c, "'volumes.v.external' is left out"));
	assert_false(remarks(&c, "driver"));
	assert_false(remarks(&c, "version"));
	assert_false(remarks(&c, "x-own"));
	assert_false(migrate_report_complete(&c.result.report));
	converting_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_with_gpus_is_a_capsule),
		cmocka_unit_test(devices_are_named_as_boltfiles_name_them),
		cmocka_unit_test(cdi_names_of_devices_are_gpus),
		cmocka_unit_test(a_service_that_loses_its_gpu_is_not_converted),
		cmocka_unit_test(odd_texts_survive),
		cmocka_unit_test(lists_of_pairs_are_mappings),
		cmocka_unit_test(what_has_no_place_is_said),
		cmocka_unit_test(texts_are_as_they_are_spelled),
		cmocka_unit_test(nothing_is_lost_in_silence),
		cmocka_unit_test(what_stands_at_the_top_is_said_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
