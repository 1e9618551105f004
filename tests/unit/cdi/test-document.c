/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>

#include "../host/scratch-tree.h"
#include "base/strbuf.h"
#include "cdi/document.h"

/* A specification with one good device, in which one part is replaced by the test. */
#define EDITS	"{\"env\":[\"A=b\"]}"
#define DEVICES "[{\"name\":\"dev\",\"containerEdits\":" EDITS "}]"
#define SPEC(version, more)                                                                        \
	"{\"cdiVersion\":\"" version "\",\"kind\":\"vendor.com/device\"," more "}"
#define WITH(version, more)   SPEC(version, more ",\"devices\":" DEVICES)
#define DEVICE(version, more) SPEC(version, "\"devices\":[{\"name\":\"dev\"," more "}]")
#define EDIT(version, edits)  DEVICE(version, "\"containerEdits\":{" edits "}")
#define NODE(version, node)   EDIT(version, "\"deviceNodes\":[{" node "}]")
#define MOUNT(version, mount) EDIT(version, "\"mounts\":[{" mount "}]")
#define HOOK(version, hook)   EDIT(version, "\"hooks\":[{" hook "}]")
#define RDT(version, rdt)     EDIT(version, "\"intelRdt\":{" rdt "}")
#define NET(version, items)   EDIT(version, "\"netDevices\":[" items "]")

static int parse_as(
	enum cdi_format format, const char *text, struct cdi_spec **ret, struct nvb_error **err)
{
	return cdi_document_parse(text, strlen(text), format, "x", ret, err);
}

static struct cdi_spec *parse(enum cdi_format format, const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct cdi_spec *spec = NULL;

	if (parse_as(format, text, &spec, &err) < 0)
		fail_msg("%s: %s", text, nvb_error_message(err));
	return spec;
}

/* The same text is good as JSON and as YAML, and what is written reads the same. */
static void test_good(void **state)
{
	static const struct {
		const char *text, *minimum;
	} cases[] = {
		{ SPEC("0.3.0", "\"devices\":" DEVICES), "0.3.0" },
		{ SPEC("0.1.0", "\"devices\":" DEVICES), "0.3.0" },
		{ SPEC("v0.5.0", "\"devices\":" DEVICES), "0.3.0" },
		{ SPEC("1.1.0", "\"devices\":" DEVICES), "0.3.0" },
		{ WITH("0.3.0", "\"containerEdits\":" EDITS), "0.3.0" },
		{ WITH("0.3.0", "\"containerEdits\":{},\"annotations\":{}"), "0.3.0" },
		{ WITH("0.3.0", "\"containerEdits\":null,\"annotations\":null"), "0.3.0" },
		{ WITH("0.6.0", "\"annotations\":{\"a/b\":\"\",\"X.y-Z_0\":\"v\"}"), "0.6.0" },
		{ DEVICE("0.6.0", "\"annotations\":{\"a.b-c/d\":1},\"containerEdits\":" EDITS),
			"0.6.0" },
		{ NODE("0.3.0", "\"path\":\"/dev/x\""), "0.3.0" },
		{ NODE("0.3.0", "\"path\":\"/dev/x\",\"type\":\"\",\"hostPath\":\"\""), "0.3.0" },
		{ NODE("0.5.0", "\"path\":\"/dev/x\",\"hostPath\":\"/dev/y\",\"type\":\"c\","
				"\"major\":195,\"minor\":0,\"fileMode\":438,"
				"\"permissions\":\"rwm\",\"uid\":0,\"gid\":4294967295"),
			"0.5.0" },
		{ NODE("0.3.0", "\"path\":\"/dev/x\",\"permissions\":\"none\""), "0.3.0" },
		{ NODE("0.3.0", "\"path\":\"/dev/x\",\"major\":1.0,\"minor\":null"), "0.3.0" },
		{ MOUNT("0.3.0", "\"hostPath\":\"/a\",\"containerPath\":\"/b\","
				 "\"options\":[\"ro\",\"rbind\"]"),
			"0.3.0" },
		{ MOUNT("0.4.0", "\"hostPath\":\"tmpfs\",\"containerPath\":\"/b\","
				 "\"type\":\"tmpfs\""),
			"0.4.0" },
		{ HOOK("0.3.0",
			  "\"hookName\":\"createContainer\",\"path\":\"/bin/x\","
			  "\"args\":[\"x\",5,true,1.50,1e6,1e999],\"env\":[\"A=\"],\"timeout\":1"),
			"0.3.0" },
		{ HOOK("0.3.0", "\"hookName\":\"prestart\",\"path\":\"/bin/x\""), "0.3.0" },
		{ EDIT("0.7.0", "\"additionalGids\":[0,44,4294967295]"), "0.7.0" },
		{ RDT("0.7.0", "\"closID\":\"/\",\"l3CacheSchema\":\"L3:0=f\","
			       "\"memBwSchema\":\"MB:0=10\""),
			"0.7.0" },
		{ RDT("0.7.0", ""), "0.7.0" },
		{ RDT("0.7.0", "\"enableCMT\":true,\"enableMBM\":false"), "0.7.0" },
		{ RDT("0.7.0", "\"enableMonitoring\":false"), "0.7.0" },
		{ RDT("1.1.0", "\"schemata\":[\"L3:0=f\"]"), "1.1.0" },
		{ RDT("1.1.0", "\"enableMonitoring\":true"), "1.1.0" },
		{ NET("1.1.0", "{\"hostInterfaceName\":\"eth0\",\"name\":\"a\"},"
			       "{\"hostInterfaceName\":\"eth1\",\"name\":\"b\"}"),
			"1.1.0" },
		{ "{\"cdiVersion\":\"0.5.0\",\"kind\":\"a/b\",\"devices\":[{\"name\":\"0\","
		  "\"containerEdits\":" EDITS "}]}",
			"0.5.0" },
		/* A number where a text is wanted is its text. */
		{ "{\"cdiVersion\":\"0.5.0\",\"kind\":\"a/b\",\"devices\":[{\"name\":10,"
		  "\"containerEdits\":" EDITS "}]}",
			"0.5.0" },
		{ "{\"cdiVersion\":\"0.6.0\",\"kind\":\"a/b.c\",\"devices\":" DEVICES "}",
			"0.6.0" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ELEMENTS(cases); i++) {
		const enum cdi_format format = i % 2 ? CDI_FORMAT_YAML : CDI_FORMAT_JSON;
		_cleanup_(cdi_spec_freep) struct cdi_spec *spec = parse(format, cases[i / 2].text);
		_cleanup_(cdi_spec_freep) struct cdi_spec *again = NULL;
		_cleanup_free_ char *first = NULL, *second = NULL;
		size_t length = 0;

		assert_string_equal(cdi_spec_minimum_version(spec), cases[i / 2].minimum);
		assert_int_equal(cdi_spec_validate(spec, NULL), 0);
		assert_int_equal(cdi_document_write(spec, format, &first, &length, NULL), 0);
		assert_int_equal(length, strlen(first));
		again = parse(format, first);
		assert_int_equal(cdi_document_write(again, format, &second, NULL, NULL), 0);
		assert_string_equal(first, second);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "{}", "'cdiVersion' is missing" },
		{ "[]", "must be an object" },
		{ "7", "must be an object" },
		{ "{\"cdiVersion\":null}", "'cdiVersion' is missing" },
		{ "{\"cdiVersion\":{}}", "'cdiVersion' must be a string" },
		{ SPEC("0.9.0", "\"devices\":" DEVICES), "'cdiVersion' must be a known version" },
		{ SPEC("0.5", "\"devices\":" DEVICES), "'cdiVersion' must be a known version" },
		{ SPEC("", "\"devices\":" DEVICES), "'cdiVersion' must be a known version" },
		{ SPEC("vv0.5.0", "\"devices\":" DEVICES), "'cdiVersion' must be a known version" },
		{ "{\"cdiVersion\":\"0.5.0\",\"devices\":" DEVICES "}", "'kind' must be" },
		{ "{\"cdiVersion\":\"0.5.0\",\"kind\":\"a\",\"devices\":" DEVICES "}",
			"'kind' must be VENDOR/CLASS, not 'a'" },
		{ "{\"cdiVersion\":\"0.5.0\",\"kind\":\"a/b/c\",\"devices\":" DEVICES "}",
			"'kind' must be" },
		{ "{\"cdiVersion\":\"0.5.0\",\"kind\":\"1/b\",\"devices\":" DEVICES "}",
			"'kind' must be" },
		{ SPEC("0.5.0", "\"devices\":[]"), "'devices' must be a list of at least one" },
		{ SPEC("0.5.0", "\"devices\":null"), "'devices' must be a list of at least one" },
		{ SPEC("0.5.0", "\"devices\":{}"), "'devices' must be an array" },
		{ SPEC("0.5.0", "\"devices\":[null]"), "'devices[0]' must be an object" },
		{ WITH("0.5.0", "\"Devices\":[]"), "'Devices' must be one of the fields" },
		{ WITH("0.5.0", "\"x\":null"), "'x' must be one of the fields cdiVersion, kind," },
		{ DEVICE("0.5.0", "\"containerEdits\":{}"),
			"'devices[0].containerEdits' must be not empty" },
		{ DEVICE("0.5.0", "\"x\":1"), "'devices[0].x' must be one of the fields name," },
		{ SPEC("0.5.0", "\"devices\":[{\"name\":\"a b\",\"containerEdits\":" EDITS "}]"),
			"'devices[0].name' must be" },
		{ SPEC("0.5.0", "\"devices\":[{\"containerEdits\":" EDITS "}]"),
			"'devices[0].name' must be" },
		{ SPEC("0.5.0", "\"devices\":[{\"name\":\"b\",\"containerEdits\":" EDITS
				"},{\"name\":\"a\",\"containerEdits\":" EDITS
				"},{\"name\":\"b\",\"containerEdits\":" EDITS "}]"),
			"'devices[2].name' must be unique: item 0 is 'b' too" },
		{ SPEC("0.4.0", "\"devices\":[{\"name\":\"0\",\"containerEdits\":" EDITS "}]"),
			"'cdiVersion' must be at least 0.5.0" },
		{ WITH("0.5.0", "\"annotations\":{\"a\":\"b\"}"), "must be at least 0.6.0" },
		{ DEVICE("0.5.0", "\"annotations\":{\"a\":\"b\"},\"containerEdits\":" EDITS),
			"must be at least 0.6.0" },
		{ NODE("0.4.0", "\"path\":\"/dev/x\",\"hostPath\":\"/dev/y\""),
			"must be at least 0.5.0" },
		{ MOUNT("0.3.0", "\"hostPath\":\"/a\",\"containerPath\":\"/b\",\"type\":\"bind\""),
			"must be at least 0.4.0" },
		{ EDIT("0.6.0", "\"additionalGids\":[1]"), "must be at least 0.7.0" },
		{ RDT("0.6.0", ""), "must be at least 0.7.0" },
		{ RDT("1.0.0", "\"schemata\":[\"x\"]"), "must be at least 1.1.0" },
		{ RDT("1.1.0", "\"enableCMT\":true"), "enableCMT' must be one of the fields" },
		{ RDT("0.7.0", "\"closID\":\"a/b\""), "intelRdt.closID' must be a file name" },
		{ RDT("0.7.0", "\"closID\":\"..\""), "intelRdt.closID' must be a file name" },
		{ RDT("0.7.0", "\"enableMonitoring\":1"), "must be true or false" },
		{ NET("1.0.0", "{\"hostInterfaceName\":\"a\",\"name\":\"b\"}"),
			"must be at least 1.1.0" },
		{ NET("1.1.0", "{\"hostInterfaceName\":\"a\"}"),
			"netDevices[0].name' must be given" },
		{ NET("1.1.0", "{\"name\":\"a\"}"), "hostInterfaceName' must be given" },
		{ NET("1.1.0", "{\"hostInterfaceName\":\"a\",\"name\":\"b\"},"
			       "{\"hostInterfaceName\":\"a\",\"name\":\"c\"}"),
			"netDevices[1].hostInterfaceName' must be unique" },
		{ NET("1.1.0", "{\"hostInterfaceName\":\"a\",\"name\":\"b\"},"
			       "{\"hostInterfaceName\":\"c\",\"name\":\"b\"}"),
			"netDevices[1].name' must be unique" },
		{ "{\"cdiVersion\":\"0.5.0\",\"kind\":\"a/b.c\",\"devices\":" DEVICES "}",
			"must be at least 0.6.0" },
		{ WITH("0.6.0", "\"annotations\":{\"a b\":\"c\"}"), "'annotations.a b' must be" },
		{ WITH("0.6.0", "\"annotations\":{\"\":\"c\"}"), "must be named" },
		{ WITH("0.6.0", "\"annotations\":{\"/a\":\"c\"}"), "must be named" },
		{ WITH("0.6.0", "\"annotations\":{\"a/\":\"c\"}"), "must be named" },
		{ WITH("0.6.0", "\"annotations\":{\"a/b/c\":\"c\"}"), "must be named" },
		{ WITH("0.6.0", "\"annotations\":{\"a_b/c\":\"c\"}"), "must be named" },
		{ WITH("0.6.0", "\"annotations\":{\"a..b/c\":\"c\"}"), "must be named" },
		{ WITH("0.6.0", "\"annotations\":{\"a\":{}}"), "'annotations.a' must be a string" },
		{ WITH("0.6.0", "\"annotations\":[]"), "'annotations' must be an object" },
		{ EDIT("0.5.0", "\"env\":[\"A\"]"), "env[0]' must be NAME=VALUE, not 'A'" },
		{ EDIT("0.5.0", "\"env\":[\"A=1\",\"=b\"]"), "env[1]' must be NAME=VALUE" },
		{ EDIT("0.5.0", "\"env\":[null]"), "env[0]' must be a string" },
		{ EDIT("0.5.0", "\"env\":{}"), "env' must be an array" },
		{ EDIT("0.5.0", "\"env\":[\"A=\\u0000\"]"), "without NUL" },
		{ EDIT("0.5.0", "\"Env\":[]"), "Env' must be one of the fields env," },
		{ EDIT("0.5.0", "\"devices\":[]"), "devices' must be one of the fields" },
		{ NODE("0.5.0", ""), "deviceNodes[0].path' must be an absolute path" },
		{ NODE("0.5.0", "\"path\":\"dev/x\""), "path' must be an absolute path" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"hostPath\":\"y\""), "hostPath' must be" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"type\":\"cc\""), "type' must be one of" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"type\":\"x\""), "type' must be one of" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"permissions\":\"rx\""), "permissions' must be" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"major\":-1"),
			"major' must be an integer from 0" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"minor\":4294967296"), "minor' must be" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"minor\":18446744073709551615"),
			"signed 64-bit" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"minor\":1.5"), "minor' must be an integer" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"minor\":1e300"), "minor' must be an integer" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"minor\":\"1\""), "minor' must be an integer" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"uid\":-1"), "uid' must be an integer from 0" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"gid\":4294967296"), "gid' must be" },
		{ NODE("0.5.0", "\"path\":\"/x\",\"mode\":1"), "mode' must be one of the fields" },
		{ EDIT("0.5.0", "\"deviceNodes\":[null]"), "deviceNodes[0]' must be an object" },
		{ MOUNT("0.5.0", "\"containerPath\":\"/b\""), "mounts[0].hostPath' must be" },
		{ MOUNT("0.5.0", "\"hostPath\":\"/b\""), "mounts[0].containerPath' must be" },
		{ MOUNT("0.5.0", "\"hostPath\":\"a\",\"containerPath\":\"/b\""), "hostPath' must" },
		{ MOUNT("0.5.0", "\"hostPath\":\"a\",\"containerPath\":\"/b\",\"type\":\"x\","
				 "\"options\":[\"bind\"]"),
			"hostPath' must be an absolute path" },
		{ MOUNT("0.5.0", "\"containerPath\":\"/b\",\"type\":\"tmpfs\""),
			"hostPath' must be given" },
		{ MOUNT("0.5.0", "\"hostPath\":\"/a\",\"containerPath\":\"b\""), "containerPath'" },
		{ MOUNT("0.5.0", "\"hostPath\":\"/a\",\"containerPath\":\"/b\",\"options\":\"ro\""),
			"mounts[0].options' must be an array" },
		{ HOOK("0.5.0", "\"path\":\"/x\""), "hooks[0].hookName' must be one of" },
		{ HOOK("0.5.0", "\"hookName\":\"CreateContainer\",\"path\":\"/x\""), "hookName'" },
		{ HOOK("0.5.0", "\"hookName\":\"poststop\",\"path\":\"x\""), "path' must be an" },
		{ HOOK("0.5.0", "\"hookName\":\"poststop\""), "path' must be an absolute path" },
		{ HOOK("0.5.0", "\"hookName\":\"poststop\",\"path\":\"/x\",\"env\":[\"A\"]"),
			"hooks[0].env[0]' must be NAME=VALUE" },
		{ HOOK("0.5.0", "\"hookName\":\"poststop\",\"path\":\"/x\",\"timeout\":0"),
			"timeout' must be positive" },
		{ EDIT("0.7.0", "\"additionalGids\":[-1]"), "additionalGids[0]' must be" },
		{ EDIT("0.7.0", "\"additionalGIDs\":[1]"), "additionalGIDs' must be one of" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ELEMENTS(cases); i++) {
		const char *text = cases[i / 2].text;
		_cleanup_error_ struct nvb_error *err = NULL;
		struct cdi_spec *spec = NULL;
		int r = parse_as(i % 2 ? CDI_FORMAT_YAML : CDI_FORMAT_JSON, text, &spec, &err);

		if (r >= 0) {
			cdi_spec_free(spec);
			fail_msg("accepted: %s", text);
		}
		assert_null(spec);
		assert_int_equal(r, NVB_ERR_FORMAT);
		if (!strstr(nvb_error_message(err), cases[i / 2].part))
			fail_msg("%s: %s", text, nvb_error_message(err));
	}
}

static void assert_message(
	enum cdi_format format, const char *text, const char *message, const char *hint)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct cdi_spec *spec = NULL;

	assert_true(parse_as(format, text, &spec, &err) < 0);
	assert_string_equal(nvb_error_message(err), message);
	if (hint)
		assert_string_equal(nvb_error_get_hint(err), hint);
}

static void test_messages(void **state)
{
	(void)state;
	assert_message(CDI_FORMAT_JSON,
		"{\"cdiVersion\": \"0.5.0\",\n \"kind\": \"a/b\",\n \"devices\": [\n"
		"  {\"name\": \"x\", \"containerEdits\": {\"env\": [\"A=b\"]}},\n"
		"  {\"name\": \"y\", \"containerEdits\": {\"mounts\": [\n"
		"   {\"hostPath\": \"/a\", \"containerPath\": \"/b\",\n"
		"    \"options\": \"ro\"}]}}]}",
		"x:7: 'devices[1].containerEdits.mounts[0].options' must be an array", NULL);
	assert_message(CDI_FORMAT_YAML,
		"cdiVersion: 0.5.0\nkind: a/b\ndevices:\n- name: x\n  containerEdits:\n"
		"    hooks:\n    - hookName: poststop\n      path: x\n",
		"x:8: 'devices[0].containerEdits.hooks[0].path' must be an absolute path", NULL);
	/* What is missing is complained of where it should stand. */
	assert_message(CDI_FORMAT_YAML,
		"cdiVersion: 0.5.0\nkind: a/b\ndevices:\n- name: x\n  containerEdits:\n"
		"    hooks:\n    - hookName: poststop\n",
		"x:7: 'devices[0].containerEdits.hooks[0].path' must be an absolute path, and it "
		"is "
		"missing",
		NULL);
	assert_message(CDI_FORMAT_JSON, "{\"cdiVersion\":\"0.5.0\",\n\"CDIVersion\":\"0.5.0\"}",
		"x:2: 'CDIVersion' must be one of the fields cdiVersion, kind, annotations, "
		"devices, "
		"containerEdits",
		"write 'cdiVersion'");
	assert_message(CDI_FORMAT_JSON, "{\"cdiVersion\":\"0.5.0\",\n\"cdiVersion\":\"0.5.0\"}",
		"x: parse JSON: line 2: a second 'cdiVersion'", NULL);
}

static void test_content(void **state)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = parse(CDI_FORMAT_YAML,
		"cdiVersion: \"0.7.0\"\n"
		"kind: vendor.com/device\n"
		"annotations: {a: b}\n"
		"devices:\n"
		"- name: 0\n"
		"  containerEdits:\n"
		"    deviceNodes:\n"
		"    - {path: /dev/x, hostPath: /dev/y, major: 0xC3, minor: 0, fileMode: 0666}\n"
		"    additionalGids: [44]\n"
		"- name: no\n"
		"  containerEdits:\n"
		"    hooks:\n"
		"    - hookName: poststop\n"
		"      path: /bin/x\n"
		"      args: [x, 1.50, 5, true, 123456789.0, 1e6, 100000.0, 1e-5, -0.25]\n"
		"      timeout: 3\n"
		"containerEdits:\n"
		"  env: [A=b]\n"
		"  mounts: [{hostPath: /a, containerPath: /b, options: [ro, bind]}]\n");
	static const char *const args[] = { "x", "1.5", "5", "true", "1.23456789e+08", "1e+06",
		"100000", "1e-05", "-0.25" };
	const struct cdi_device_node *node;
	const struct cdi_hook *hook;

	(void)state;
	assert_string_equal(spec->path, "x");
	assert_string_equal(spec->version, "0.7.0");
	assert_string_equal(spec->vendor, "vendor.com");
	assert_string_equal(spec->class_name, "device");
	assert_string_equal(spec->annotations.items[0].value, "b");
	assert_int_equal(spec->devices.n, 2);
	assert_ptr_equal(cdi_spec_device(spec, "0"), &spec->devices.items[0]);
	/* As the reference reads it. */
	assert_non_null(cdi_spec_device(spec, "false"));
	assert_null(cdi_spec_device(spec, "1"));
	node = spec->devices.items[0].edits.device_nodes.items;
	assert_string_equal(node->host_path, "/dev/y");
	assert_null(node->type);
	assert_true(node->has_major && node->has_minor && node->has_file_mode);
	assert_int_equal(node->major, 195);
	assert_int_equal(node->minor, 0);
	assert_int_equal(node->file_mode, 0666);
	assert_false(node->has_uid || node->has_gid);
	assert_int_equal(spec->devices.items[0].edits.additional_gids.items[0], 44);
	hook = spec->devices.items[1].edits.hooks.items;
	assert_true(hook->has_timeout);
	assert_int_equal(hook->timeout_s, 3);
	assert_int_equal(hook->args.n, ELEMENTS(args));
	for (size_t i = 0; i < ELEMENTS(args); i++)
		assert_string_equal(hook->args.items[i], args[i]);
	assert_string_equal(spec->edits.env.items[0], "A=b");
	assert_string_equal(spec->edits.mounts.items[0].options.items[1], "bind");
}

static void test_write(void **state)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = parse(CDI_FORMAT_JSON,
		"{\"devices\":[{\"containerEdits\":{\"mounts\":[{\"options\":[\"ro\"],"
		"\"containerPath\":\"/b\",\"hostPath\":\"/a\"}],\"deviceNodes\":[{\"gid\":5,"
		"\"path\":\"/dev/x\",\"minor\":0}]},\"name\":\"dev\"}],\"kind\":\"a/b\","
		"\"containerEdits\":{\"env\":[]},\"cdiVersion\":\"0.5.0\"}");
	_cleanup_free_ char *json = NULL, *yaml = NULL, *edits = NULL;

	(void)state;
	assert_int_equal(cdi_document_write(spec, CDI_FORMAT_JSON, &json, NULL, NULL), 0);
	assert_string_equal(json,
		"{\n  \"cdiVersion\": \"0.5.0\",\n  \"kind\": \"a/b\",\n  \"devices\": [\n    {\n"
		"      \"name\": \"dev\",\n      \"containerEdits\": {\n        \"deviceNodes\": "
		"[\n"
		"          {\n            \"path\": \"/dev/x\",\n            \"minor\": 0,\n"
		"            \"gid\": 5\n          }\n        ],\n        \"mounts\": [\n          "
		"{\n"
		"            \"hostPath\": \"/a\",\n            \"containerPath\": \"/b\",\n"
		"            \"options\": [\n              \"ro\"\n            ]\n          }\n"
		"        ]\n      }\n    }\n  ]\n}\n");
	assert_int_equal(cdi_document_write(spec, CDI_FORMAT_YAML, &yaml, NULL, NULL), 0);
	assert_string_equal(yaml,
		"---\ncdiVersion: \"0.5.0\"\nkind: a/b\ndevices:\n  - name: dev\n"
		"    containerEdits:\n      deviceNodes:\n        - path: /dev/x\n"
		"          minor: 0\n          gid: 5\n      mounts:\n        - hostPath: /a\n"
		"          containerPath: /b\n          options:\n            - ro\n");
	assert_int_equal(cdi_edits_write(&spec->edits, CDI_FORMAT_JSON, &edits, NULL, NULL), 0);
	assert_string_equal(edits, "{}\n");
}

/* Without a text there is no line; the rules are the same. */
static void test_validate_made_here(void **state)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = cdi_spec_new();
	_cleanup_error_ struct nvb_error *err = NULL;

	(void)state;
	assert_non_null(spec);
	assert_int_equal(cdi_spec_validate(spec, &err), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(err), "'cdiVersion'"));
	nvb_error_clear(&err);
	spec->version = "0.5.0";
	spec->kind = "a/b";
	assert_int_equal(cdi_spec_validate(spec, &err), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(err), "'devices'"));
}

static void assert_unreadable(
	const struct scratch *s, const char *name, int status, const char *part)
{
	_cleanup_close_ int dir = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_error_ struct nvb_error *err = NULL;
	struct cdi_spec *spec = NULL;

	assert_int_equal(cdi_document_read(dir, name, name, &spec, &err), status);
	assert_null(spec);
	if (!strstr(nvb_error_message(err), part))
		fail_msg("%s: %s", name, nvb_error_message(err));
}

static void test_files(void **state)
{
	const struct scratch *s = *state;
	_cleanup_close_ int dir = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	_cleanup_close_ int huge = -1;

	scratch_write(s, "/good.json", SPEC("0.5.0", "\"devices\":" DEVICES));
	assert_int_equal(cdi_document_read(dir, "good.json", "/p/good.json", &spec, NULL), 0);
	assert_string_equal(spec->path, "/p/good.json");

	scratch_link(s, "/link.json", "good.json");
	assert_unreadable(s, "link.json", NVB_ERR_FORMAT, "link.json: a symbolic link");
	scratch_directory(s, "/directory.json");
	assert_unreadable(s, "directory.json", NVB_ERR_FORMAT, "not a regular file");
	assert_int_equal(mkfifoat(dir, "fifo.yaml", 0600), 0);
	assert_unreadable(s, "fifo.yaml", NVB_ERR_FORMAT, "not a regular file");
	assert_unreadable(s, "none.json", NVB_ERR_NOT_FOUND, "none.json: open it");
	scratch_write(s, "/x.yml", "a");
	assert_unreadable(s, "x.yml", NVB_ERR_FORMAT, "named .json or .yaml");
	scratch_write(s, "/bytes.json", "{\"a\":\"\xff\"}");
	assert_unreadable(s, "bytes.json", NVB_ERR_FORMAT, "bytes.json: parse JSON: line 1");

	huge = openat(dir, "huge.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(huge, (off_t)100 << 20), 0);
	assert_unreadable(s, "huge.json", NVB_ERR_LIMIT, "huge.json: more than 16777216 bytes");
}

/* Small texts that would need much memory or time. */
static void test_costly(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(CDI_DOCUMENT_LIMIT_BYTES);
	struct cdi_spec *spec = NULL;

	(void)state;
	strbuf_str_add(&b, "{\"cdiVersion\":\"0.5.0\",\"kind\":\"a/b\",\"devices\":[{}");
	for (int i = 0; i < 1 << 18; i++)
		strbuf_str_add(&b, ",{}");
	strbuf_str_add(&b, "]}");
	assert_int_equal(
		cdi_document_parse(strbuf_str(&b), b.length, CDI_FORMAT_JSON, NULL, &spec, NULL),
		NVB_ERR_LIMIT);
	strbuf_truncate(&b, 0);
	strbuf_str_add(&b, "{\"cdiVersion\":\"0.5.0\",\"x\":[0");
	for (int i = 0; i < 1 << 21; i++)
		strbuf_str_add(&b, ",0");
	strbuf_str_add(&b, "]}");
	assert_int_equal(
		cdi_document_parse(strbuf_str(&b), b.length, CDI_FORMAT_JSON, NULL, &spec, NULL),
		NVB_ERR_LIMIT);
	strbuf_truncate(&b, 0);
	for (int i = 0; i < 100; i++)
		strbuf_char_add(&b, '[');
	assert_int_equal(
		cdi_document_parse(strbuf_str(&b), b.length, CDI_FORMAT_JSON, NULL, &spec, NULL),
		NVB_ERR_LIMIT);
	/* Many devices of different names are compared with each other. */
	strbuf_truncate(&b, 0);
	strbuf_str_add(&b, "{\"cdiVersion\":\"0.5.0\",\"kind\":\"a/b\",\"devices\":[");
	for (int i = 0; i < 20000; i++)
		strbuf_printf(&b, "%s{\"name\":\"%d\",\"containerEdits\":{\"env\":[\"A=b\"]}}",
			i ? "," : "", i);
	strbuf_str_add(&b, "]}");
	assert_int_equal(
		cdi_document_parse(strbuf_str(&b), b.length, CDI_FORMAT_JSON, NULL, &spec, NULL),
		0);
	assert_int_equal(spec->devices.n, 20000);
	cdi_spec_free(spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_validate_made_here),
		cmocka_unit_test_setup_teardown(test_files, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_costly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
