/* SPDX-License-Identifier: Apache-2.0 */
/* What a config.json says of its container, and which ones are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json.h"
#include "oci/container_facts.h"

struct sample {
	struct arena *arena;
	struct json_object *config;
	struct oci_facts facts;
	struct nvb_error *err;
};

static int set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->arena = arena_new();
	assert_non_null(s->arena);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;

	json_putp(&s->config);
	nvb_error_free(s->err);
	arena_free(s->arena);
	free(s);
	return 0;
}

static int try_read(struct sample *s, const char *text)
{
	json_putp(&s->config);
	nvb_error_clear(&s->err);
	assert_int_equal(json_parse(text, strlen(text), &s->config, NULL), 0);
	return oci_facts_read(s->config, s->arena, &s->facts, &s->err);
}

static void read_facts(struct sample *s, const char *text)
{
	if (try_read(s, text) < 0)
		fail_msg("%s", nvb_error_message(s->err));
}

static void test_everything(void **state)
{
	struct sample *s = *state;

	read_facts(s,
		"{\"process\": {\"env\": [\"A=1\", \"no equals\", \"\", \"A=2\\n\"],"
		" \"capabilities\": {\"bounding\": [\"CAP_KILL\", \"CAP_SYS_ADMIN\"]}},"
		" \"annotations\": {\"a\": \"b\", \"c\": null},"
		" \"mounts\": [{\"destination\": \"/d\", \"source\": \"/s\"}, {\"destination\": "
		"\"/e\"}, {}],"
		" \"root\": {\"path\": \"rootfs\", \"readonly\": true},"
		" \"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"user\", \"path\": "
		"\"/x\"}],"
		" \"gidMappings\": [{\"containerID\": 1, \"hostID\": 4294967295, \"size\": 7}]}}");
	assert_int_equal(s->facts.env.n, 4);
	assert_string_equal(s->facts.env.items[1], "no equals");
	assert_string_equal(s->facts.env.items[3], "A=2\n");
	assert_true(s->facts.administers);
	assert_false(s->facts.privileged);
	assert_int_equal(s->facts.annotations.n, 1);
	assert_string_equal(s->facts.annotations.items[0].key, "a");
	assert_string_equal(s->facts.annotations.items[0].value, "b");
	assert_int_equal(s->facts.mounts.n, 3);
	assert_string_equal(s->facts.mounts.items[0].key, "/d");
	assert_string_equal(s->facts.mounts.items[0].value, "/s");
	assert_string_equal(s->facts.mounts.items[1].value, "");
	assert_string_equal(s->facts.mounts.items[2].key, "");
	assert_string_equal(s->facts.root_path, "rootfs");
	assert_true(s->facts.root_read_only);
	assert_true(s->facts.user_namespace);
	assert_int_equal(s->facts.gid_maps.n, 1);
	assert_int_equal(s->facts.gid_maps.items[0].inside, 1);
	assert_int_equal(s->facts.gid_maps.items[0].outside, 4294967295U);
	assert_int_equal(s->facts.gid_maps.items[0].count, 7);
}

/* Root of a user namespace is none of the machine. */
static void test_privileged(void **state)
{
	static const struct {
		const char *capability, *namespace;
		bool administers, privileged;
	} cases[] = {
		{ "CAP_SYS_ADMIN", "pid", true, true },
		{ "CAP_SYS_ADMIN", "user", true, false },
		{ "CAP_NET_ADMIN", "pid", false, false },
		{ "CAP_NET_ADMIN", "user", false, false },
	};
	struct sample *s = *state;
	char text[256];

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		(void)snprintf(text, sizeof(text),
			"{\"process\": {\"capabilities\": {\"bounding\": [\"%s\"]}},"
			" \"linux\": {\"namespaces\": [{\"type\": \"mount\"}, {\"type\": "
			"\"%s\"}]}}",
			cases[i].capability, cases[i].namespace);
		read_facts(s, text);
		assert_int_equal(s->facts.administers, cases[i].administers);
		assert_int_equal(s->facts.privileged, cases[i].privileged);
	}
}

/* Before Podman 4.6 an image can replace the annotation; never the name of the cgroup. */
static void test_podman(void **state)
{
	static const struct {
		const char *document;
		bool podman;
	} cases[] = {
		{ "{\"annotations\": {\"io.container.manager\": \"libpod\"}}", true },
		{ "{\"annotations\": {\"io.container.manager\": \"cri-o\"}}", false },
		{ "{\"annotations\": {\"manager\": \"libpod\"}}", false },
		{ "{\"annotations\": {\"io.container.manager\": \"cri-o\"},"
		  " \"linux\": {\"cgroupsPath\": \"machine.slice:libpod:1a2b\"}}", true },
		{ "{\"linux\": {\"cgroupsPath\": \"/libpod_parent/libpod-1a2b\"}}", true },
		{ "{\"linux\": {\"cgroupsPath\": \"/kubepods/besteffort/1a2b\"}}", false },
		{ "{\"linux\": {\"cgroupsPath\": \"kubepods.slice:crio:1a2b\"}}", false },
		{ "{\"linux\": {\"cgroupsPath\": null}}", false },
	};
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		read_facts(s, cases[i].document);
		assert_int_equal(s->facts.podman, cases[i].podman);
	}
}

static void test_little(void **state)
{
	static const char *const documents[] = {
		"{}",
		"{\"process\": null, \"mounts\": null, \"annotations\": null, \"linux\": null, "
		"\"root\": null}",
		"{\"process\": {\"env\": null, \"capabilities\": null}, \"root\": {}, \"linux\": "
		"{}}",
		"{\"process\": {\"capabilities\": {\"effective\": [\"CAP_SYS_ADMIN\"], "
		"\"bounding\": []}}, \"linux\": {\"namespaces\": [{}], \"gidMappings\": []}}",
	};
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(documents); i++) {
		read_facts(s, documents[i]);
		assert_int_equal(s->facts.env.n, 0);
		assert_int_equal(s->facts.mounts.n, 0);
		assert_int_equal(s->facts.annotations.n, 0);
		assert_int_equal(s->facts.gid_maps.n, 0);
		assert_false(s->facts.privileged);
		assert_false(s->facts.user_namespace);
		assert_false(s->facts.root_read_only);
		assert_null(s->facts.root_path);
	}
}

static void test_wrong_types(void **state)
{
	static const struct {
		const char *document, *place;
	} cases[] = {
		{ "[]", "the document" },
		{ "{\"process\": []}", "'process'" },
		{ "{\"process\": {\"env\": {}}}", "'process.env'" },
		{ "{\"process\": {\"env\": [\"A=1\", 7]}}", "'process.env[1]'" },
		{ "{\"process\": {\"env\": [null]}}", "'process.env[0]'" },
		{ "{\"process\": {\"env\": [\"A=\\u0000\"]}}", "'process.env[0]'" },
		{ "{\"process\": {\"capabilities\": 1}}", "'process.capabilities'" },
		{ "{\"process\": {\"capabilities\": {\"bounding\": [1]}}}",
			"'process.capabilities.bounding[0]'" },
		{ "{\"annotations\": []}", "'annotations'" },
		{ "{\"annotations\": {\"a\": 1}}", "'annotations.a'" },
		{ "{\"mounts\": {}}", "'mounts'" },
		{ "{\"mounts\": [\"/x\"]}", "'mounts[0]'" },
		{ "{\"mounts\": [{\"destination\": 1}]}", "'mounts[0].destination'" },
		{ "{\"root\": \"/\"}", "'root'" },
		{ "{\"root\": {\"path\": 1}}", "'root.path'" },
		{ "{\"root\": {\"readonly\": \"yes\"}}", "'root.readonly'" },
		{ "{\"linux\": {\"namespaces\": {}}}", "'linux.namespaces'" },
		{ "{\"linux\": {\"namespaces\": [{\"type\": 1}]}}", "'linux.namespaces[0].type'" },
		{ "{\"linux\": {\"gidMappings\": [{\"size\": -1}]}}",
			"'linux.gidMappings[0].size'" },
		{ "{\"linux\": {\"gidMappings\": [{\"hostID\": 4294967296}]}}",
			"'linux.gidMappings[0].hostID'" },
	};
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(try_read(s, cases[i].document), NVB_ERR_FORMAT);
		if (!strstr(nvb_error_message(s->err), cases[i].place))
			fail_msg("%s: '%s'", cases[i].place, nvb_error_message(s->err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_privileged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_podman, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_little, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_types, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("oci/container-facts", tests, NULL, NULL);
}
