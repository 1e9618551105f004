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
	unsetenv("DOCKER_CONTEXT");
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
	assert_null(f.context);
	assert_null(facts_of(&docker_client, DOCKER_20, *state).context);
	assert_string_equal(facts_of(&docker_client, DOCKER_FARAWAY, *state).context, "faraway");
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
	int r = client_probe(ops, CLIENT_FULL, timeout_ms, a, &facts, &err);

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
	assert_int_equal(client_probe(&docker_client, CLIENT_FULL, 5000, *state, &facts, &err), 0);
	assert_string_equal(facts.program, path);
	assert_int_equal(facts.major, 26);
	assert_false(facts.remote);
	/* The engine finds its endpoint by the user's environment, and so it must reach it. */
	assert_int_equal(setenv("DOCKER_HOST", "ssh://elsewhere", 1), 0);
	stub(*state, "NVBIND_DOCKER",
		"[ \"$DOCKER_HOST\" = ssh://elsewhere ] && echo '{\"ServerVersion\":\"28.0\"}'");
	assert_int_equal(client_probe(&docker_client, CLIENT_FULL, 5000, *state, &facts, &err), 0);
	assert_true(facts.remote);
	assert_int_equal(setenv("CONTAINER_HOST", "unix:///run/podman.sock", 1), 0);
	stub(*state, "NVBIND_PODMAN", "echo '" PODMAN_SERVICE "'");
	assert_int_equal(client_probe(&podman_client, CLIENT_FULL, 5000, *state, &facts, &err), 0);
	assert_true(facts.service);
	assert_false(facts.remote);
}

/* A context names an engine, perhaps of another machine; only its endpoint tells. */
static void test_contexts(void **state)
{
	static const struct {
		const char *endpoint;
		bool remote;
	} rows[] = {
		{ "echo unix:///run/user/1000/docker.sock", false },
		{ "echo ssh://elsewhere", true },
		{ "echo tcp://127.0.0.1:2375", true },
		{ "echo", true },
		{ "exit 1", true },
	};
	struct client_facts facts;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *script = arena_printf(*state,
			"case \"$*\" in\n'info --format {{json .}}') echo '%s' ;;\n"
			"'context inspect --format {{.Endpoints.docker.Host}}') %s ;;\n"
			"*) exit 9 ;;\nesac",
			DOCKER_FARAWAY, rows[i].endpoint);

		stub(*state, "NVBIND_DOCKER", script);
		assert_int_equal(
			client_probe(&docker_client, CLIENT_FULL, 5000, *state, &facts, NULL), 0);
		if (facts.remote != rows[i].remote)
			fail_msg("%s: remote %d", rows[i].endpoint, facts.remote);
		assert_string_equal(facts.context, "faraway");
	}
	/* The default one is where the environment says, or here: nothing more is asked. */
	stub(*state, "NVBIND_DOCKER",
		"[ $1 = info ] && echo '{\"ServerVersion\":\"28.0\",\"ClientInfo\":{\"Context\":"
		"\"default\"}}'");
	assert_int_equal(client_probe(&docker_client, CLIENT_FULL, 5000, *state, &facts, NULL), 0);
	assert_false(facts.remote);
}

static void brief_podman(struct arena *a, const char *help, struct client_facts *ret)
{
	stub(a, "NVBIND_PODMAN",
		arena_printf(a,
			"case $1 in\n--help) cat <<'END'\n%s\nEND\n;;\ninfo) echo '%s' ;;\nesac",
			help, PODMAN_SANDBOX));
	assert_int_equal(client_probe(&podman_client, CLIENT_BRIEF, 5000, a, ret, NULL), 0);
}

/* The help of Podman is cheap and may be enough; whatever is odd about it, all is asked. */
static void test_brief(void **state)
{
	static const char *const odd[] = {
		PODMAN_HELP("runsc"),
		PODMAN_HELP("/usr/bin/kata-runtime"),
		PODMAN_HELP(""),
		PODMAN_HELP_SERVICE,
		PODMAN_HELP_LINE(""),
		PODMAN_HELP_LINE(" (default \")"),
		PODMAN_HELP_LINE(" (default \"crun"),
		"--runtime (default \")",
		"crun --runtime string (default \"crun\")",
		"",
	};
	static const char *const plain[] = { "crun", "runc", "nvbind", "/usr/bin/nvbind-runtime" };
	struct client_facts facts;

	for (size_t i = 0; i < ELEMENTS(odd); i++) {
		brief_podman(*state, odd[i], &facts);
		if (!facts.version)
			fail_msg("'%s' was enough", odd[i]);
		assert_string_equal(facts.oci_runtime, "/usr/bin/runsc");
	}
	brief_podman(*state, PODMAN_HELP("/usr/bin/crun"), &facts);
	/* Which root Podman would be there, its own facts alone tell. */
	if (geteuid() == 0 && facts.version)
		skip();
	assert_null(facts.version);
	assert_string_equal(facts.oci_runtime, "/usr/bin/crun");
	assert_int_equal(facts.rootless, geteuid() != 0);
	assert_false(facts.remote || facts.service);
	for (size_t i = 0; i < ELEMENTS(plain); i++) {
		assert_true(podman_client.parse_brief(
			arena_printf(*state, PODMAN_HELP("%s"), plain[i]), *state, &facts));
		assert_string_equal(facts.oci_runtime, plain[i]);
	}
	/* The option as the last words, without a new line. */
	assert_true(podman_client.parse_brief(
		"      --runtime string   x (default \"crun\")", *state, &facts));
	stub(*state, "NVBIND_PODMAN", "[ $1 = info ] && echo '" PODMAN_4 "'");
	assert_int_equal(client_probe(&podman_client, CLIENT_BRIEF, 5000, *state, &facts, NULL), 0);
	assert_string_equal(facts.version, "4.3.1");
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

/* The engine's own words say more than its exit status, and are no more to be trusted than others.
 */
static void test_last_words(void **state)
{
	static const struct {
		const char *script, *message;
	} rows[] = {
		{ "echo first >&2; echo 'Error: no runtime' >&2; exit 125",
			"exit status 125: Error: no runtime" },
		{ "printf 'Error: no\\n \\r\\n\\n' >&2; exit 125", "status 125: Error: no" },
		{ "printf 'no end' >&2; exit 1", "status 1: no end" },
		{ "printf '\\033[31mred\\n' >&2; exit 1", "status 1: \\x1b[31mred" },
		{ "printf '\\n \\n' >&2; exit 1", "ended with exit status 1" },
		{ "exit 1", "ended with exit status 1" },
	};
	_cleanup_error_ struct nvb_error *err = NULL;
	struct client_facts facts;
	char *message;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		stub(*state, "NVBIND_PODMAN", rows[i].script);
		assert_int_equal(
			client_probe(&podman_client, CLIENT_FULL, 5000, *state, &facts, &err),
			NVB_ERR_ENGINE);
		message = arena_strdup(*state, nvb_error_message(err));
		if (strlen(message) < strlen(rows[i].message) ||
			strcmp(message + strlen(message) - strlen(rows[i].message),
				rows[i].message) != 0)
			fail_msg("'%s'", message);
		nvb_error_clear(&err);
	}
	/* Neither a long line nor many of them are ours to repeat or to keep. */
	stub(*state, "NVBIND_PODMAN", "head -c 60000 /dev/zero | tr '\\0' x >&2; exit 1");
	assert_int_equal(client_probe(&podman_client, CLIENT_FULL, 5000, *state, &facts, &err),
		NVB_ERR_ENGINE);
	assert_in_range(strlen(nvb_error_message(err)), 256, 512);
	stub(*state, "NVBIND_PODMAN",
		"trap '' PIPE; head -c 4000000 /dev/zero | tr '\\0' '\\n' >&2; exit 1");
	expect_probe(*state, &podman_client, 5000, NVB_ERR_ENGINE, "ended with exit status 1");
	/* Docker's too, where nothing is known better. */
	assert_int_equal(setenv("DOCKER_HOST", "ssh://elsewhere", 1), 0);
	stub(*state, "NVBIND_DOCKER", "echo 'ssh: unknown host' >&2; exit 1");
	expect_probe(*state, &docker_client, 5000, NVB_ERR_ENGINE, "status 1: ssh: unknown host");
}

/* Only the program that is asked is caught. */
static void test_standard_error(void **state)
{
	struct stat before, after;

	assert_int_equal(fstat(2, &before), 0);
	stub(*state, "NVBIND_PODMAN", "echo x >&2; exit 1");
	expect_probe(*state, &podman_client, 5000, NVB_ERR_ENGINE, "status 1: x");
	stub(*state, "NVBIND_PODMAN", "exec sleep 30");
	expect_probe(*state, &podman_client, 100, NVB_ERR_ENGINE, "did not answer");
	assert_int_equal(fstat(2, &after), 0);
	assert_int_equal(before.st_dev, after.st_dev);
	assert_int_equal(before.st_ino, after.st_ino);
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
	/* Another engine is looked for elsewhere. */
	assert_int_equal(unsetenv("DOCKER_HOST"), 0);
	assert_int_equal(setenv("DOCKER_CONTEXT", "faraway", 1), 0);
	expect_probe(*state, &docker_client, 5000, NVB_ERR_ENGINE, "ended with exit status 1");
	assert_int_equal(unsetenv("DOCKER_CONTEXT"), 0);
	assert_int_equal(setenv("DOCKER_HOST", host, 1), 0);
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
		TEST(test_contexts),
		TEST(test_brief),
		TEST(test_failing_programs),
		TEST(test_docker_socket),
		TEST(test_last_words),
		TEST(test_standard_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
