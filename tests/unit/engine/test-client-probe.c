/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/path.h"
#include "client-samples.h"
#include "engine/client/client.h"

static char directory[64];

static int setup(void **state)
{
	(void)snprintf(directory, sizeof(directory), "/tmp/nvbind-client-XXXXXX");
	unsetenv("NVBIND_DOCKER");
	unsetenv("NVBIND_PODMAN");
	unsetenv("DOCKER_HOST");
	unsetenv("CONTAINER_HOST");
	*state = arena_new();
	return *state && mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return path_remove_tree(AT_FDCWD, directory) < 0 ? -1 : 0;
}

static int parse(const struct client_ops *ops, const char *text, struct arena *a,
	struct client_facts *facts, struct nvb_error **err)
{
	return ops->parse(text, strlen(text), a, facts, err);
}

static struct client_facts facts_of(const struct client_ops *ops, const char *text, struct arena *a)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct client_facts facts = { 0 };

	if (parse(ops, text, a, &facts, &err) < 0)
		fail_msg("%s: %s", text, nvb_error_message(err));
	return facts;
}

static void expect_error(const struct client_ops *ops, const char *text, struct arena *a,
	int status, const char *message, const char *hint)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct client_facts facts = { 0 };
	int r = parse(ops, text, a, &facts, &err);

	if (r != status || !strstr(nvb_error_message(err), message))
		fail_msg("%s: %d, %s", text, r, r < 0 ? nvb_error_message(err) : "no error");
	if (hint && (!nvb_error_get_hint(err) || !strstr(nvb_error_get_hint(err), hint)))
		fail_msg("%s: hint %s", text, nvb_error_get_hint(err));
}

static void test_docker(void **state)
{
	struct client_facts f;

	f = facts_of(&docker_client, DOCKER_20, *state);
	assert_string_equal(f.version, "20.10.24+dfsg1");
	assert_int_equal(f.major, 20);
	assert_int_equal(f.minor, 10);
	assert_null(f.nvbind_name);
	assert_int_equal(f.cdi_dirs.n, 0);
	assert_false(f.rootless);
	f = facts_of(&docker_client, DOCKER_20_NVBIND, *state);
	assert_string_equal(f.nvbind_name, "nvbind");
	f = facts_of(&docker_client, DOCKER_26_OFF, *state);
	assert_int_equal(f.major, 26);
	assert_int_equal(f.cdi_dirs.n, 0);
	/* Registered under a name of the administrator's own. */
	f = facts_of(&docker_client, DOCKER_28, *state);
	assert_string_equal(f.nvbind_name, "gpus");
	assert_int_equal(f.cdi_dirs.n, 2);
	assert_string_equal(f.cdi_dirs.items[1], "/var/run/cdi");
	assert_true(f.rootless);
}

static void test_docker_errors(void **state)
{
	expect_error(&docker_client, DOCKER_NOT_RUNNING, *state, NVB_ERR_ENGINE,
		"reach Docker's daemon: Cannot connect", "systemctl start docker");
	expect_error(&docker_client, DOCKER_FORBIDDEN, *state, NVB_ERR_PERMISSION,
		"permission denied", "group 'docker'");
	expect_error(&docker_client, PODMAN_4, *state, NVB_ERR_ENGINE, "is Podman",
		"'--runtime podman'");
	expect_error(
		&docker_client, "{}", *state, NVB_ERR_FORMAT, "'ServerVersion' is missing", NULL);
	expect_error(&docker_client, "", *state, NVB_ERR_FORMAT, "", NULL);
	expect_error(&docker_client, "Client: Docker Engine\n", *state, NVB_ERR_FORMAT, "", NULL);
	expect_error(&docker_client, "[]", *state, NVB_ERR_FORMAT, "object", NULL);
	expect_error(&docker_client, "{\"ServerVersion\":\"dev\"}", *state, NVB_ERR_FORMAT,
		"'dev' is not a version", NULL);
	expect_error(&docker_client, "{\"ServerVersion\":28}", *state, NVB_ERR_FORMAT,
		"'ServerVersion' must be", NULL);
	expect_error(&docker_client, "{\"ServerVersion\":\"28.1\",\"Runtimes\":[]}", *state,
		NVB_ERR_FORMAT, "'Runtimes' must be", NULL);
	expect_error(&docker_client, "{\"ServerVersion\":\"28.1\",\"CDISpecDirs\":[1]}", *state,
		NVB_ERR_FORMAT, "'CDISpecDirs[0]' must be", NULL);
	expect_error(&docker_client, "{\"ServerErrors\":[\"\\u001b[31mred\"]}", *state,
		NVB_ERR_ENGINE, "\\x1b[31mred", NULL);
}

static void test_podman(void **state)
{
	struct client_facts f;

	f = facts_of(&podman_client, PODMAN_4, *state);
	assert_string_equal(f.version, "4.3.1");
	assert_string_equal(f.oci_runtime, "/usr/bin/crun");
	assert_string_equal(f.cdi_newest, "0.5.0");
	assert_int_equal(f.cdi_dirs.n, 2);
	assert_false(f.rootless || f.remote || f.service);
	f = facts_of(&podman_client, PODMAN_5_ROOTLESS, *state);
	assert_int_equal(f.major, 5);
	assert_int_equal(f.minor, 4);
	assert_true(f.rootless);
	assert_null(f.cdi_newest);
	f = facts_of(&podman_client, PODMAN_SERVICE, *state);
	assert_true(f.service && f.remote);
	f = facts_of(&podman_client, PODMAN_4_0, *state);
	assert_null(f.oci_runtime);
	expect_error(&podman_client, "{\"host\":{}}", *state, NVB_ERR_FORMAT,
		"'version' is missing", NULL);
	expect_error(&podman_client, "{\"version\":{}}", *state, NVB_ERR_FORMAT,
		"'version.Version' is missing", NULL);
	expect_error(&podman_client, "{\"version\":{\"Version\":\"4.3\"}}", *state, NVB_ERR_FORMAT,
		"'host' is missing", NULL);
	expect_error(&podman_client, "{\"version\":{\"Version\":\"4.\"},\"host\":{}}", *state,
		NVB_ERR_FORMAT, "'4.' is not a version", NULL);
	expect_error(&podman_client,
		"{\"version\":{\"Version\":\"99999999999999999999.1\"},\"host\":{}}", *state,
		NVB_ERR_FORMAT, "is not a version", NULL);
}

/* A program that runs this script, named in the variable. */
static const char *stub(struct arena *a, const char *variable, const char *script)
{
	const char *path = arena_printf(a, "%s/engine", directory);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", script) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(setenv(variable, path, 1), 0);
	return path;
}

static void expect_probe(struct arena *a, const struct client_ops *ops, unsigned timeout_ms,
	int status, const char *message)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct client_facts facts;
	int r = client_probe(ops, timeout_ms, a, &facts, &err);

	if (r != status)
		fail_msg("%d: %s", r, r < 0 ? nvb_error_message(err) : "no error");
	if (r < 0 && !strstr(nvb_error_message(err), message))
		fail_msg("%s", nvb_error_message(err));
	if (r < 0)
		assert_non_null(nvb_error_get_hint(err));
}

static void test_programs(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct client_facts facts;
	const char *path;

	assert_ptr_equal(client_find("docker"), &docker_client);
	assert_ptr_equal(client_find("podman"), &podman_client);
	assert_null(client_find("bolt"));
	path = stub(*state, "NVBIND_DOCKER",
		"[ \"$*\" = 'info --format {{json .}}' ] || exit 9\ncat <<'END'\n" DOCKER_26_OFF
		"\nEND\necho noise >&2");
	assert_int_equal(client_probe(&docker_client, 5000, *state, &facts, &err), 0);
	assert_string_equal(facts.program, path);
	assert_int_equal(facts.major, 26);
	assert_false(facts.remote);
	/* The engine finds its endpoint by the user's environment, and so it must reach it. */
	assert_int_equal(setenv("DOCKER_HOST", "ssh://elsewhere", 1), 0);
	stub(*state, "NVBIND_DOCKER",
		"[ \"$DOCKER_HOST\" = ssh://elsewhere ] && echo '{\"ServerVersion\":\"28.0\"}'");
	assert_int_equal(client_probe(&docker_client, 5000, *state, &facts, &err), 0);
	assert_true(facts.remote);
	assert_int_equal(setenv("CONTAINER_HOST", "unix:///run/podman.sock", 1), 0);
	stub(*state, "NVBIND_PODMAN", "echo '" PODMAN_SERVICE "'");
	assert_int_equal(client_probe(&podman_client, 5000, *state, &facts, &err), 0);
	assert_true(facts.service);
	assert_false(facts.remote);
}

static void test_failing_programs(void **state)
{
	struct timespec before, after;

	stub(*state, "NVBIND_PODMAN", "exit 125");
	expect_probe(*state, &podman_client, 5000, NVB_ERR_ENGINE, "exit status 125");
	stub(*state, "NVBIND_PODMAN", "kill -SEGV $$");
	expect_probe(*state, &podman_client, 5000, NVB_ERR_ENGINE, "signal 11");
	stub(*state, "NVBIND_PODMAN", "echo 'not JSON'");
	expect_probe(*state, &podman_client, 5000, NVB_ERR_ENGINE, "says of itself");
	stub(*state, "NVBIND_PODMAN", "exec yes '{'");
	expect_probe(*state, &podman_client, 5000, NVB_ERR_ENGINE, "prints more than");
	stub(*state, "NVBIND_PODMAN", "exec sleep 30");
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
	expect_probe(*state, &podman_client, 200, NVB_ERR_ENGINE, "did not answer in 200 ms");
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
	assert_true(after.tv_sec - before.tv_sec < 15);
	assert_int_equal(setenv("NVBIND_PODMAN", "podman", 1), 0);
	expect_probe(*state, &podman_client, 200, NVB_ERR_ENGINE, "not the absolute path");
	assert_int_equal(setenv("NVBIND_PODMAN", directory, 1), 0);
	expect_probe(*state, &podman_client, 200, NVB_ERR_ENGINE, "not the absolute path");
}

/* Clients from 28 on say nothing on standard output: the socket itself is tried. */
static void test_docker_socket(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *host;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", directory);
	host = arena_printf(*state, "unix://%s", address.sun_path);
	assert_int_equal(setenv("DOCKER_HOST", host, 1), 0);
	stub(*state, "NVBIND_DOCKER", "exit 1");
	expect_probe(*state, &docker_client, 5000, NVB_ERR_ENGINE, "No such file or directory");
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	expect_probe(*state, &docker_client, 5000, NVB_ERR_ENGINE, "Connection refused");
	assert_int_equal(listen(fd, 8), 0);
	expect_probe(*state, &docker_client, 5000, NVB_ERR_ENGINE, "ended with exit status 1");
	if (geteuid() != 0) {
		assert_int_equal(chmod(address.sun_path, 0), 0);
		expect_probe(*state, &docker_client, 5000, NVB_ERR_PERMISSION, "Permission denied");
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_docker),
		TEST(test_docker_errors),
		TEST(test_podman),
		TEST(test_programs),
		TEST(test_failing_programs),
		TEST(test_docker_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
