/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "client-samples.h"
#include "engine/client/method.h"

#define RUNTIME "/usr/bin/nvbind-runtime"

static int setup(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

struct row {
	const char *what;
	const struct client_ops *ops;
	const char *info;
	struct method_question question;
	enum client_method method;
	const char *runtime, *reason;
	bool needs_specs;
	int error; /* 0: none */
	const char *hint;
};

/* The question that most rows ask, and what differs in it. */
#define ASK(...)                                                                                   \
	{                                                                                          \
		.wants_devices = true, .runtime = RUNTIME, __VA_ARGS__                             \
	}

/* clang-format off */
static const struct row rows[] = {
	{ "docker, runtime registered", &docker_client, DOCKER_20_NVBIND, ASK(),
	  CLIENT_METHOD_RUNTIME, "nvbind", "Docker 20.10.24+dfsg1 has the runtime 'nvbind'" },
	{ "docker, registered by another name, CDI on", &docker_client, DOCKER_28, ASK(),
	  CLIENT_METHOD_RUNTIME, "gpus", "has the runtime 'gpus'" },
	{ "docker knows its runtimes, not us", &docker_client, DOCKER_28,
	  { .wants_devices = true },
	  CLIENT_METHOD_RUNTIME, "gpus", "has the runtime 'gpus'" },
	{ "docker, CDI alone", &docker_client, DOCKER_28_CDI, ASK(),
	  CLIENT_METHOD_CDI, NULL, "has no runtime 'nvbind', and Docker 28.2.2 reads CDI",
	  .needs_specs = true },
	{ "docker, CDI alone, specification stale", &docker_client, DOCKER_28_CDI,
	  ASK(.spec_problem = "'/etc/cdi/a.json' is stale"),
	  .error = NVB_ERR_ENGINE, .reason = "'/etc/cdi/a.json' is stale", .hint = "nvbind cdi generate" },
	{ "docker, CDI off", &docker_client, DOCKER_26_OFF, ASK(),
	  .error = NVB_ERR_ENGINE, .reason = "CDI is off in Docker 26.1.5+dfsg1", .hint = "sudo nvbind setup docker" },
	{ "docker, too old for CDI", &docker_client, DOCKER_20, ASK(),
	  .error = NVB_ERR_ENGINE, .reason = "no runtime 'nvbind'; Docker 20.10.24+dfsg1 has no CDI",
	  .hint = "sudo nvbind setup docker" },
	{ "docker, CDI forced", &docker_client, DOCKER_28, ASK(.cdi_forced = true),
	  CLIENT_METHOD_CDI, NULL, "'--cdi' was given", .needs_specs = true },
	{ "docker, CDI forced where it has none", &docker_client, DOCKER_20_NVBIND, ASK(.cdi_forced = true),
	  .error = NVB_ERR_ENGINE, .reason = "by CDI: Docker 20.10.24+dfsg1 has no CDI", .hint = "--cdi" },
	{ "docker without root, neither", &docker_client, DOCKER_28_ROOTLESS, ASK(),
	  .error = NVB_ERR_ENGINE, .reason = "CDI is off in Docker 28.2.2",
	  .hint = "run 'nvbind setup docker' once, and the command that it prints; or, to use CDI, run "
		  "'nvbind setup docker --cdi' once, and the command that it prints; then run "
		  "'sudo nvbind cdi generate'" },
	{ "docker, too old for CDI, and what would help", &docker_client, DOCKER_20, ASK(),
	  .error = NVB_ERR_ENGINE, .reason = "no runtime 'nvbind'",
	  .hint = "^run 'sudo nvbind setup docker' once, and the command that it prints" },
	{ "docker, CDI forced where it is off", &docker_client, DOCKER_26_OFF, ASK(.cdi_forced = true),
	  .error = NVB_ERR_ENGINE, .reason = "CDI is off",
	  .hint = "^run 'sudo nvbind setup docker --cdi' once, and the command that it prints; then run "
		  "'sudo nvbind cdi generate'" },
	{ "docker, CDI forced, specification stale", &docker_client, DOCKER_28_CDI,
	  ASK(.cdi_forced = true, .spec_problem = "stale"),
	  .error = NVB_ERR_ENGINE, .reason = "stale", .hint = "^run 'sudo nvbind cdi generate'" },
	/* It is set up, and to do it again would not help. */
	{ "docker, the policy refuses, no CDI", &docker_client, DOCKER_20_NVBIND,
	  ASK(.runtime_problem = "by this machine's policy"),
	  .error = NVB_ERR_ENGINE, .reason = "by this machine's policy; Docker 20.10.24+dfsg1 has no CDI",
	  .hint = "^let 'accept_environment' be \"always\" in its policy" },
	{ "podman, the policy refuses, no CDI", &podman_client, PODMAN_4_0,
	  ASK(.runtime_problem = "by this machine's policy"),
	  .error = NVB_ERR_ENGINE, .reason = "by this machine's policy", .hint = "let 'accept_environment'" },
	{ "podman, CDI forced where it has none", &podman_client, PODMAN_4_0, ASK(.cdi_forced = true),
	  .error = NVB_ERR_ENGINE, .reason = "Podman 4.0.3 has no CDI",
	  .hint = "^leave '--cdi' out, or use a newer Podman, which has CDI" },
	{ "docker, no GPU", &docker_client, DOCKER_20, { .wants_devices = false },
	  CLIENT_METHOD_NOTHING, NULL, "no GPU was asked for" },
	{ "docker, no GPU, CDI forced", &docker_client, DOCKER_20, { .cdi_forced = true },
	  CLIENT_METHOD_NOTHING, NULL, "no GPU was asked for" },
	{ "docker, the policy refuses", &docker_client, DOCKER_28,
	  ASK(.runtime_problem = "by this machine's policy"),
	  CLIENT_METHOD_CDI, NULL, "by this machine's policy, and", .needs_specs = true },
	{ "podman", &podman_client, PODMAN_4, ASK(),
	  CLIENT_METHOD_RUNTIME, RUNTIME, "Podman 4.3.1 takes any runtime by its path" },
	{ "podman without root", &podman_client, PODMAN_5_ROOTLESS, ASK(),
	  CLIENT_METHOD_RUNTIME, RUNTIME, "Podman 5.4.2 takes" },
	{ "podman, nvbind-runtime missing", &podman_client, PODMAN_4, { .wants_devices = true },
	  CLIENT_METHOD_CDI, NULL, "nvbind-runtime is not installed, and Podman 4.3.1 reads CDI",
	  .needs_specs = true },
	{ "podman, neither", &podman_client, PODMAN_4,
	  { .wants_devices = true, .spec_problem = "'vendor.com/gpu=1' is not defined" },
	  .error = NVB_ERR_ENGINE, .reason = "not installed; 'vendor.com/gpu=1'", .hint = "nvbind cdi generate" },
	{ "podman before CDI", &podman_client, PODMAN_4_0, { .wants_devices = true },
	  .error = NVB_ERR_ENGINE, .reason = "Podman 4.0.3 has no CDI", .hint = "nvbind-runtime" },
	{ "podman that does not name its runtime", &podman_client, PODMAN_4_0, ASK(),
	  CLIENT_METHOD_RUNTIME, RUNTIME, "Podman 4.0.3" },
	/* To run it with runc instead would take the sandbox away. */
	{ "podman with a sandbox", &podman_client, PODMAN_SANDBOX, ASK(),
	  CLIENT_METHOD_CDI, NULL, "cannot stand for Podman's runtime '/usr/bin/runsc'", .needs_specs = true },
	{ "podman elsewhere", &podman_client, PODMAN_SERVICE, ASK(),
	  .error = NVB_ERR_UNSUPPORTED, .reason = "another machine", .hint = "CONTAINER_HOST" },
	{ "podman elsewhere, no GPU", &podman_client, PODMAN_SERVICE, { .wants_devices = false },
	  CLIENT_METHOD_NOTHING, NULL, "no GPU was asked for" },
};
/* clang-format on */

/* With ^, the whole hint. */
static bool is_hint(const char *hint, const char *expected)
{
	if (!hint)
		return false;
	if (expected[0] == '^')
		return strcmp(hint, expected + 1) == 0;
	return strstr(hint, expected) != NULL;
}

static void test_choice(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		_cleanup_error_ struct nvb_error *err = NULL;
		struct client_facts facts = { 0 };
		struct method_choice choice = { 0 };
		int r = row->ops->parse(row->info, strlen(row->info), *state, &facts, &err);

		assert_int_equal(r, 0);
		if (method_needs_specs(row->ops, &facts, &row->question, *state) !=
			row->needs_specs)
			fail_msg("%s: reads specifications in vain, or does not", row->what);
		r = method_choose(row->ops, &facts, &row->question, *state, &choice, &err);
		if (r != row->error)
			fail_msg("%s: %d, %s", row->what, r, r < 0 ? nvb_error_message(err) : "");
		if (!strstr(r < 0 ? nvb_error_message(err) : choice.reason, row->reason))
			fail_msg("%s: %s", row->what,
				r < 0 ? nvb_error_message(err) : choice.reason);
		if (r < 0) {
			if (!is_hint(nvb_error_get_hint(err), row->hint))
				fail_msg("%s: %s", row->what, nvb_error_get_hint(err));
			continue;
		}
		if (choice.method != row->method)
			fail_msg("%s: method %d", row->what, (int)choice.method);
		assert_false(choice.assumed);
		assert_non_null(choice.mechanism);
		if (row->runtime)
			assert_string_equal(choice.runtime, row->runtime);
		else
			assert_null(choice.runtime);
	}
}

static void test_service_of_this_machine(void **state)
{
	const struct method_question question = ASK();
	struct client_facts facts = { .local_endpoint = true };
	struct method_choice choice;

	assert_int_equal(
		podman_client.parse(PODMAN_SERVICE, strlen(PODMAN_SERVICE), *state, &facts, NULL),
		0);
	assert_false(facts.remote);
	assert_int_equal(
		method_choose(&podman_client, &facts, &question, *state, &choice, NULL), 0);
	assert_int_equal(choice.method, CLIENT_METHOD_CDI);
	assert_non_null(strstr(choice.reason, "service chooses the runtime"));
}

/* How much an engine is asked: what is left unknown must not be needed. */
static void test_depth(void **state)
{
	const struct client_facts brief = { .program = "/bin/podman", .oci_runtime = "crun" };
	struct method_question question = ASK();
	struct method_choice choice;

	assert_int_equal(method_depth(&question), CLIENT_BRIEF);
	assert_false(method_needs_specs(&podman_client, &brief, &question, *state));
	assert_int_equal(
		method_choose(&podman_client, &brief, &question, *state, &choice, NULL), 0);
	assert_int_equal(choice.method, CLIENT_METHOD_RUNTIME);
	assert_string_equal(choice.runtime, RUNTIME);
	assert_string_equal(choice.reason, "Podman takes any runtime by its path");
	question.runtime_problem = "by this machine's policy";
	assert_int_equal(method_depth(&question), CLIENT_FULL);
	question = (struct method_question)ASK(.cdi_forced = true);
	assert_int_equal(method_depth(&question), CLIENT_FULL);
	question = (struct method_question){ .wants_devices = true };
	assert_int_equal(method_depth(&question), CLIENT_FULL);
	question.wants_devices = false;
	assert_int_equal(method_depth(&question), CLIENT_BRIEF);
	assert_int_equal(
		method_choose(&podman_client, &brief, &question, *state, &choice, NULL), 0);
	assert_int_equal(choice.method, CLIENT_METHOD_NOTHING);
}

static void test_context(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct method_question question = ASK();
	struct client_facts facts = { 0 };
	struct method_choice choice;

	assert_int_equal(
		docker_client.parse(DOCKER_FARAWAY, strlen(DOCKER_FARAWAY), *state, &facts, NULL),
		0);
	facts.remote = true;
	assert_int_equal(method_choose(&docker_client, &facts, &question, *state, &choice, &err),
		NVB_ERR_UNSUPPORTED);
	assert_non_null(strstr(nvb_error_message(err), "the engine of the context 'faraway'"));
	assert_string_equal(
		nvb_error_get_hint(err), "set DOCKER_CONTEXT to 'default', or run nvbind there");
	facts.remote = false;
	assert_int_equal(
		method_choose(&docker_client, &facts, &question, *state, &choice, NULL), 0);
	assert_int_equal(choice.method, CLIENT_METHOD_RUNTIME);
}

static void test_assumption(void **state)
{
	struct method_question question = ASK();
	struct method_choice choice;

	assert_int_equal(
		method_assume(&docker_client, &question, "it is off", *state, &choice, NULL), 0);
	assert_true(choice.assumed);
	assert_int_equal(choice.method, CLIENT_METHOD_RUNTIME);
	assert_string_equal(choice.runtime, "nvbind");
	assert_string_equal(choice.reason, "assumed, because Docker could not be asked: it is off");
	assert_int_equal(
		method_assume(&podman_client, &question, "it is off", *state, &choice, NULL), 0);
	assert_string_equal(choice.runtime, "nvbind-runtime");
	question.cdi_forced = true;
	assert_int_equal(
		method_assume(&podman_client, &question, "it is off", *state, &choice, NULL), 0);
	assert_int_equal(choice.method, CLIENT_METHOD_CDI);
	assert_non_null(strstr(choice.reason, "it is off"));
	question.wants_devices = false;
	assert_int_equal(
		method_assume(&podman_client, &question, "it is off", *state, &choice, NULL), 0);
	assert_int_equal(choice.method, CLIENT_METHOD_NOTHING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_choice),
		TEST(test_service_of_this_machine),
		TEST(test_depth),
		TEST(test_context),
		TEST(test_assumption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
