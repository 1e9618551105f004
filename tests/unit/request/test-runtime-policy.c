/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/path.h"
#include "format/json.h"
#include "request/runtime_policy.h"

struct fixture {
	char directory[64], path[96];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->directory, sizeof(f->directory), "/tmp/nvbind-policy-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	(void)snprintf(f->path, sizeof(f->path), "%s/runtime.json", f->directory);
	assert_int_equal(setenv("NVBIND_RUNTIME_CONFIG", f->path, 1), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	int root = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(path_remove_tree(root, path_base_name(f->directory)), 0);
	close(root);
	free(f);
	return unsetenv("NVBIND_RUNTIME_CONFIG");
}

static void write_text(const struct fixture *f, const char *text, mode_t mode)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void assert_list(const struct string_list *list, const char *first, const char *second)
{
	const char *const want[] = { first, second };
	size_t n = second ? 2 : first ? 1 : 0;

	assert_int_equal(list->n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(list->items[i], want[i]);
}

static void assert_default(const struct runtime_policy *p)
{
	assert_int_equal(p->container.accept_environment, POLICY_ALWAYS);
	assert_int_equal(p->container.accept_volume_mounts, POLICY_NEVER);
	assert_int_equal(p->container.accept_annotations, POLICY_ALWAYS);
	assert_int_equal(p->container.accept_exclusive, POLICY_ALWAYS);
	assert_list(&p->container.annotation_prefixes, "cdi.k8s.io/", NULL);
	assert_list(&p->container.swarm_resources, NULL, NULL);
	assert_int_equal(p->container.capabilities, CAPABILITY_ALL);
	assert_false(p->container.disable_require || p->container.ignore_imex_channels);
	assert_list(&p->low_level_runtimes, "runc", "crun");
	assert_string_equal(p->host_root, "/");
	assert_null(p->log_path);
	assert_string_equal(p->log_level, "warning");
}

static void test_defaults(void **state)
{
	static const char *const texts[] = { "{}", " { }\n",
		"{\"log_path\": null, "
		"\"swarm_resources\": null, "
		"\"disable_require\": null}" };
	const struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct runtime_policy policy;

		write_text(f, texts[i], 0644);
		assert_int_equal(runtime_policy_read(a, &policy, NULL), 0);
		assert_default(&policy);
	}
}

static const char every_key[] = "{\n"
				"  \"accept_environment\": \"privileged\",\n"
				"  \"accept_volume_mounts\": \"always\",\n"
				"  \"accept_annotations\": \"never\",\n"
				"  \"accept_exclusive\": \"always\",\n"
				"  \"annotation_prefixes\": [\n"
				"    \"one/\",\n"
				"    \"two/\"\n"
				"  ],\n"
				"  \"environment_kinds\": [\n"
				"    \"acme.com/gpu\"\n"
				"  ],\n"
				"  \"swarm_resources\": [\n"
				"    \"DOCKER_RESOURCE_GPU\"\n"
				"  ],\n"
				"  \"capabilities\": \"compute,utility\",\n"
				"  \"disable_require\": true,\n"
				"  \"ignore_imex_channels\": true,\n"
				"  \"low_level_runtimes\": [\n"
				"    \"crun\",\n"
				"    \"/opt/bin/runc\"\n"
				"  ],\n"
				"  \"host_root\": \"/host\",\n"
				"  \"log_path\": \"/var/log/nvbind.log\",\n"
				"  \"log_level\": \"debug\"\n"
				"}\n";

static void test_every_key(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_free_ char *again = NULL;
	const struct fixture *f = *state;
	struct runtime_policy p;

	write_text(f, every_key, 0600);
	assert_int_equal(runtime_policy_read(a, &p, NULL), 0);
	assert_int_equal(p.container.accept_environment, POLICY_PRIVILEGED);
	assert_int_equal(p.container.accept_volume_mounts, POLICY_ALWAYS);
	assert_int_equal(p.container.accept_annotations, POLICY_NEVER);
	assert_int_equal(p.container.accept_exclusive, POLICY_ALWAYS);
	assert_list(&p.container.annotation_prefixes, "one/", "two/");
	assert_list(&p.container.environment_kinds, "acme.com/gpu", NULL);
	assert_list(&p.container.swarm_resources, "DOCKER_RESOURCE_GPU", NULL);
	assert_int_equal(p.container.capabilities, CAPABILITY_COMPUTE | CAPABILITY_UTILITY);
	assert_true(p.container.disable_require && p.container.ignore_imex_channels);
	assert_list(&p.low_level_runtimes, "crun", "/opt/bin/runc");
	assert_string_equal(p.host_root, "/host");
	assert_string_equal(p.log_path, "/var/log/nvbind.log");
	assert_string_equal(p.log_level, "debug");

	assert_int_equal(runtime_policy_format(&p, &again, NULL), 0);
	assert_string_equal(again, every_key);
}

/* Who does not trust images closes all ways, unless the file says otherwise. */
static void test_others_follow(void **state)
{
	static const struct {
		const char *text;
		enum policy_trust annotations, exclusive;
	} cases[] = {
		{ "{\"accept_environment\": \"privileged\"}", POLICY_PRIVILEGED,
			POLICY_PRIVILEGED },
		{ "{\"accept_environment\": \"never\"}", POLICY_NEVER, POLICY_NEVER },
		{ "{\"accept_environment\": \"never\", \"accept_annotations\": null}", POLICY_NEVER,
			POLICY_NEVER },
		{ "{\"accept_annotations\": \"always\", \"accept_environment\": \"never\"}",
			POLICY_ALWAYS, POLICY_NEVER },
		{ "{\"accept_annotations\": \"never\"}", POLICY_NEVER, POLICY_ALWAYS },
		{ "{\"accept_exclusive\": \"privileged\"}", POLICY_ALWAYS, POLICY_PRIVILEGED },
		{ "{\"accept_environment\": \"never\", \"accept_exclusive\": \"always\"}",
			POLICY_NEVER, POLICY_ALWAYS },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_free_ char *again = NULL;
		struct runtime_policy p;

		write_text(f, cases[i].text, 0600);
		assert_int_equal(runtime_policy_read(a, &p, NULL), 0);
		assert_int_equal(p.container.accept_annotations, cases[i].annotations);
		assert_int_equal(p.container.accept_exclusive, cases[i].exclusive);
		/* What is written means the same when it is read. */
		assert_int_equal(runtime_policy_format(&p, &again, NULL), 0);
		write_text(f, again, 0600);
		assert_int_equal(runtime_policy_read(a, &p, NULL), 0);
		assert_int_equal(p.container.accept_annotations, cases[i].annotations);
		assert_int_equal(p.container.accept_exclusive, cases[i].exclusive);
	}
}

/* As a rootless engine, which is not root and owns no policy. */
static void test_unreadable(void **state)
{
	const struct fixture *f = *state;
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	write_text(f, "{}", 0600);
	assert_int_equal(chmod(f->directory, 0755), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_error_ struct nvb_error *err = NULL;
		struct runtime_policy policy;

		if (setresuid(1000, 1000, 1000) < 0)
			_exit(77);
		_exit(runtime_policy_read(a, &policy, &err) != NVB_ERR_PERMISSION ||
			!strstr(nvb_error_get_hint(err), "chmod 0644 '"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The environment of who starts us counts more than the file, which may also be absent. */
static void test_host_root(void **state)
{
	static const struct {
		const char *text, *variable, *want;
	} cases[] = {
		{ "{}", "/other", "/other" },
		{ "{\"host_root\": \"/host\"}", "/other", "/other" },
		{ "{\"host_root\": \"/host\"}", "", "/host" },
		{ "{\"host_root\": \"/host\"}", NULL, "/host" },
		{ "{}", NULL, "/" },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct runtime_policy p;

		write_text(f, cases[i].text, 0600);
		if (cases[i].variable)
			assert_int_equal(setenv("NVBIND_HOST_ROOT", cases[i].variable, 1), 0);
		assert_int_equal(runtime_policy_read(a, &p, NULL), 0);
		(void)unsetenv("NVBIND_HOST_ROOT");
		assert_string_equal(p.host_root, cases[i].want);
	}
}

static void test_levels(void **state)
{
	static const struct {
		const char *word;
		enum log_level level;
	} cases[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "warning", LOG_LEVEL_WARNING },
		{ "info", LOG_LEVEL_NOTICE },
		{ "debug", LOG_LEVEL_DEBUG },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct runtime_policy p = { .log_level = cases[i].word };

		assert_int_equal(runtime_policy_level(&p), cases[i].level);
		assert_string_equal(runtime_policy_level_name(cases[i].level), cases[i].word);
	}
}

/* What is at its default is not written, so that a later default counts. */
static void test_format(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_free_ char *text = NULL, *changed = NULL;
	const struct fixture *f = *state;
	struct runtime_policy p;

	write_text(f, "{}", 0600);
	assert_int_equal(runtime_policy_read(a, &p, NULL), 0);
	assert_int_equal(runtime_policy_format(&p, &text, NULL), 0);
	assert_string_equal(text, "{}\n");
	p.container.accept_environment = p.container.accept_annotations =
		p.container.accept_exclusive = POLICY_PRIVILEGED;
	p.container.annotation_prefixes.n = 0;
	assert_int_equal(runtime_policy_format(&p, &changed, NULL), 0);
	assert_string_equal(changed, "{\n  \"accept_environment\": \"privileged\",\n"
				     "  \"annotation_prefixes\": []\n}\n");
}

static void test_bad_text(void **state)
{
	static const struct {
		const char *text, *message, *hint; /* the message behind "read 'FILE': " */
	} cases[] = {
		{ "", NULL, NULL },
		{ "[]", NULL, NULL },
		{ "{\"accept_environment\": \"always\",}", NULL, NULL },
		{ "{\"accept_enviroment\": \"never\"}", "unknown key 'accept_enviroment'",
			"did you mean 'accept_environment'?" },
		{ "{\"zzz\": 1}", "unknown key 'zzz'", NULL },
		{ "{\"\\u001b\": 1}", "unknown key '\\x1b'", NULL },
		{ "{\"accept_environment\": true}", "'accept_environment' must be a string", NULL },
		{ "{\"accept_environment\": \"privilege\"}",
			"key 'accept_environment': unknown trust 'privilege'; known are 'never', "
			"'privileged', 'always'",
			"did you mean 'privileged'?" },
		{ "{\"disable_require\": \"yes\"}", "'disable_require' must be true or false",
			NULL },
		{ "{\"capabilities\": \"compute,warp\"}",
			"key 'capabilities': unknown driver capability 'warp'", NULL },
		{ "{\"capabilities\": \"\"}",
			"key 'capabilities': the list of driver capabilities is empty", NULL },
		{ "{\"low_level_runtimes\": []}",
			"'low_level_runtimes' must be a list with an item", NULL },
		{ "{\"low_level_runtimes\": [\"bin/runc\"]}",
			"'low_level_runtimes' must be a list of names and absolute paths", NULL },
		{ "{\"low_level_runtimes\": [\"/bin/../runc\"]}",
			"'low_level_runtimes' must be a list of names and absolute paths", NULL },
		{ "{\"low_level_runtimes\": [\"\"]}",
			"'low_level_runtimes' must be a list of names and absolute paths", NULL },
		{ "{\"low_level_runtimes\": \"runc\"}", "'low_level_runtimes' must be an array",
			NULL },
		{ "{\"swarm_resources\": [\"A=B\"]}", "'swarm_resources' must be a list of names",
			NULL },
		{ "{\"swarm_resources\": [1]}", "'swarm_resources[0]' must be a string", NULL },
		{ "{\"host_root\": \"host\"}", "'host_root' must be an absolute path", NULL },
		{ "{\"log_path\": \"/a//b\"}", "'log_path' must be an absolute path", NULL },
		{ "{\"log_level\": \"loud\"}",
			"key 'log_level': unknown log level 'loud'; known are 'error', 'warning', "
			"'info', 'debug'",
			NULL },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_error_ struct nvb_error *err = NULL;
		struct runtime_policy policy;
		char want[512];

		write_text(f, cases[i].text, 0600);
		assert_int_equal(runtime_policy_read(a, &policy, &err), NVB_ERR_FORMAT);
		(void)snprintf(want, sizeof(want), "read '%s': %s", f->path,
			cases[i].message ? cases[i].message : "");
		if (cases[i].message)
			assert_string_equal(nvb_error_message(err), want);
		else
			assert_memory_equal(nvb_error_message(err), want, strlen(want));
		if (cases[i].hint)
			assert_string_equal(nvb_error_get_hint(err), cases[i].hint);
	}
}

static int read_status(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct runtime_policy policy;
	int r = runtime_policy_read(a, &policy, &err);

	assert_int_equal(r < 0, err != NULL);
	return r;
}

/* A policy that others could have written is none, and must not be taken for the default. */
static void test_trust(void **state)
{
	const struct fixture *f = *state;

	write_text(f, "{}", 0666);
	assert_int_equal(read_status(), NVB_ERR_PERMISSION);
	write_text(f, "{}", 0664);
	assert_int_equal(read_status(), NVB_ERR_PERMISSION);
	write_text(f, "{}", 0644);
	assert_int_equal(chmod(f->directory, 0777), 0);
	assert_int_equal(read_status(), NVB_ERR_PERMISSION);
	assert_int_equal(chmod(f->directory, 0755), 0);
	assert_int_equal(read_status(), 0);
}

/* As a rootless engine: its user is 0 in a namespace that does not know the machine's root. */
static bool enter_namespace(void)
{
	_cleanup_close_ int fd = -1;
	char map[64];
	uid_t user;

	if (geteuid() == 0 && setresuid(1000, 1000, 1000) < 0)
		return false;
	user = geteuid();
	/* Another user's process may not be written to, not even by itself. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0 || unshare(CLONE_NEWUSER) < 0)
		return false;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	(void)snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)user);
	return fd >= 0 && file_write_fd(fd, map, strlen(map)) == 0;
}

/* 77: there are no such namespaces here. */
static int read_in_namespace(void)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(!enter_namespace() ? 77 : read_status() != 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* There, root's file seems to be nobody's: rootless engines must work with it. */
static void test_user_namespace(void **state)
{
	const struct fixture *f = *state;
	int status;

	write_text(f, "{\"log_level\": \"debug\"}", 0644);
	assert_int_equal(chmod(f->directory, 0755), 0);
	status = read_in_namespace();
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
	/* Only whose the file is does not count; what is in it does. */
	write_text(f, "{\"log_level\": 1}", 0644);
	assert_int_equal(read_in_namespace(), 1);
}

static void test_no_file(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(read_status(), NVB_ERR_IO);
	assert_int_equal(setenv("NVBIND_RUNTIME_CONFIG", "runtime.json", 1), 0);
	assert_int_equal(read_status(), NVB_ERR_USAGE);
	assert_int_equal(setenv("NVBIND_RUNTIME_CONFIG", f->directory, 1), 0);
	assert_true(read_status() < 0);
}

static void test_large_file(void **state)
{
	const struct fixture *f = *state;
	const size_t length = ((size_t)256 << 10) + 1;
	_cleanup_free_ char *text = malloc(length + 1);

	assert_non_null(text);
	memset(text, ' ', length);
	text[length] = '\0';
	write_text(f, text, 0600);
	assert_true(read_status() < 0);
}

static void note_key(void *user, const char *key, const char *values, const char *default_value,
	const char *meaning)
{
	struct json_object *object = user, *value = json_tokener_parse(default_value);

	assert_true(key[0] && values[0] && meaning[0]);
	assert_true(value || strcmp(default_value, "null") == 0);
	assert_false(json_object_object_get_ex(object, key, NULL));
	assert_int_equal(json_object_object_add(object, key, value), 0);
}

/* The documented defaults, written into a file, are the defaults. */
static void test_documented_defaults(void **state)
{
	_cleanup_(json_putp) struct json_object *object = json_object_new_object();
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct fixture *f = *state;
	struct runtime_policy policy;

	runtime_policy_for_each_key(note_key, object);
	assert_int_equal(json_object_object_length(object), 14);
	write_text(f, json_object_to_json_string(object), 0600);
	assert_int_equal(runtime_policy_read(a, &policy, NULL), 0);
	assert_default(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_others_follow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_host_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_format, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trust, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_user_namespace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_large_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_documented_defaults, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
