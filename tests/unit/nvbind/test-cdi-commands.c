/* SPDX-License-Identifier: Apache-2.0 */
/* `nvbind cdi list`, `validate` and `resolve` as a caller sees them, on a machine made by hand. */
#include "../host/scratch-tree.h"
#include "base/spawn.h"
#include "base/strbuf.h"

#define GOOD                                                                                       \
	"{\"cdiVersion\":\"0.5.0\",\"kind\":\"vendor.com/gpu\",\"devices\":["                      \
	"{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/gpu0\","            \
	"\"major\":195,\"minor\":0}]}},"                                                           \
	"{\"name\":\"1\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/gpu1\","            \
	"\"major\":195,\"minor\":1}]}}],"                                                          \
	"\"containerEdits\":{\"env\":[\"A=b\"]}}"

/* Runs nvbind on the machine; *ret_output is malloc'd. `streams` is of the shell. */
static int run(const struct scratch *s, const char *arguments, const char *streams,
	char **ret_output)
{
	_cleanup_(strbuf_done) struct strbuf line = STRBUF_INIT(16384);
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct spawn_exit status;

	strbuf_printf(&line, "cd '%s' && '%s/nvbind' --host-root . cdi %s %s", s->directory,
		getenv("NVBIND_BUILD_ROOT"), arguments, streams);
	argv[2] = strbuf_str(&line);
	assert_int_equal(spawn_capture(
				 &(struct spawn_capture_options){
					 .argv = argv,
					 .timeout_ms = 60000,
					 .limit_bytes = 1 << 20,
				 },
				 ret_output, &status, NULL),
		0);
	return spawn_exit_code(status);
}

/* A part that is NULL stands for silence. */
static void expect(const struct scratch *s, const char *arguments, int code, const char *in_output,
	const char *in_errors)
{
	_cleanup_free_ char *output = NULL, *errors = NULL;
	const int got = run(s, arguments, "2>/dev/null", &output);

	(void)run(s, arguments, "2>&1 >/dev/null", &errors);
	if (in_output ? !strstr(output, in_output) : output[0])
		fail_msg("'cdi %s' says: %s", arguments, output);
	if (in_errors ? !strstr(errors, in_errors) : errors[0])
		fail_msg("'cdi %s' complains: %s", arguments, errors);
	if (got != code)
		fail_msg("'cdi %s' ends with %d", arguments, got);
}

static void write_machine(const struct scratch *s)
{
	scratch_write(s, "/dev/gpu0", "c 195:0\n");
	scratch_write(s, "/dev/gpu1", "c 195:1\n");
	scratch_write(s, "/etc/cdi/vendor.json", GOOD);
}

static void test_list(void **state)
{
	const struct scratch *s = *state;

	expect(s, "list", 0, NULL, "no CDI device is defined in ");
	write_machine(s);
	expect(s, "list", 0, "vendor.com/gpu=0 ", NULL);
	expect(s, "list", 0, "/etc/cdi/vendor.json\n", NULL);
	expect(s, "list --json", 0, "\"name\": \"vendor.com/gpu=1\"", NULL);
	expect(s, "list --spec-dir nowhere", 0, NULL, "no CDI device is defined in nowhere");
	expect(s, "list more", 2, NULL, "takes no argument 'more'");
	scratch_write(s, "/etc/cdi/bad.yaml", "cdiVersion: 0.5.0\nx: y\n");
	expect(s, "list", 0, "vendor.com/gpu=0 ", "bad.yaml:2: 'x' must be one of the fields");
	expect(s, "list --json", 0, "\"message\": \"", NULL);
	scratch_write(s, "/etc/cdi/again.json", GOOD);
	expect(s, "list", 0, NULL, "'vendor.com/gpu=0' is defined twice");
	expect(s, "list --json", 0, "\"conflicts\": [\n    {\n      \"name\": \"vendor.com/gpu=0\"",
		NULL);
}

static void test_validate(void **state)
{
	const struct scratch *s = *state;

	expect(s, "validate", 0, NULL, NULL);
	write_machine(s);
	expect(s, "validate", 0, "/etc/cdi/vendor.json: valid\n", NULL);
	expect(s, "validate etc/cdi/vendor.json", 0, "etc/cdi/vendor.json: valid\n", NULL);
	expect(s, "validate --json", 0, "\"findings\": [],", NULL);
	scratch_write(s, "/open.json", GOOD);
	assert_int_equal(fchmodat(s->tree.root_fd, "open.json", 0664, 0), 0);
	expect(s, "validate open.json", 0, "open.json: valid\n", "others may write to 'open.json'");
	assert_int_equal(fchmodat(s->tree.root_fd, "open.json", 0644, 0), 0);
	expect(s, "validate open.json", 0, "open.json: valid\n", NULL);
	expect(s, "validate none.json", 1, "none.json: open it: No such file", NULL);
	scratch_write(s, "/dev/gpu1", "c 195:7\n");
	expect(s, "validate", 1,
		"/etc/cdi/vendor.json: 'devices[1].containerEdits.deviceNodes[0].minor': the node "
		"'/dev/gpu1' has the numbers 195:7, not 195:1\n",
		NULL);
	expect(s, "validate --json", 1,
		"\"field\": \"devices[1].containerEdits.deviceNodes[0].minor\"", NULL);
	scratch_write(s, "/bad.json", "{\"cdiVersion\":\"0.5.0\",\n\"kind\":7,\n\"devices\":{}}");
	expect(s, "validate bad.json", 1, "bad.json:3: 'devices' must be an array\n", NULL);
	scratch_write(s, "/run/cdi/bad.json", "{");
	scratch_link(s, "/var/run", "/run");
	expect(s, "validate", 1, "/run/cdi/bad.json: parse JSON: line 1", NULL);
}

static void test_resolve(void **state)
{
	const struct scratch *s = *state;

	write_machine(s);
	/* What the spec does for all devices is there once, and first. */
	expect(s, "resolve vendor.com/gpu=1 vendor.com/gpu=0", 0,
		"{\n  \"env\": [\n    \"A=b\"\n  ],\n  \"deviceNodes\": [\n    {\n"
		"      \"path\": \"/dev/gpu1\",\n      \"major\": 195,\n      \"minor\": 1\n    },\n"
		"    {\n      \"path\": \"/dev/gpu0\",\n",
		NULL);
	expect(s, "resolve vendor.com/gpu=2", 3, NULL, "'vendor.com/gpu=2' is not defined");
	expect(s, "resolve vendor.com/gpu=2", 3, NULL, "known are vendor.com/gpu=0,");
	expect(s, "resolve", 2, NULL, "needs a NAME");
}

static void test_group(void **state)
{
	const struct scratch *s = *state;

	expect(s, "", 2, NULL, "no command given behind 'nvbind cdi'");
	expect(s, "lits", 2, NULL, "unknown command 'cdi lits'\n  hint: did you mean 'list'?");
	expect(s, "--help", 0, "Usage: nvbind cdi [OPTION...] COMMAND", NULL);
	expect(s, "list --help", 0, "Usage: nvbind cdi list [OPTION...]", NULL);
	expect(s, "list --jsno", 2, NULL, "'nvbind cdi list --help' lists the options");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list),
		TEST(test_validate),
		TEST(test_resolve),
		TEST(test_group),
	};

	/* `validate` minds who may write. */
	(void)umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
