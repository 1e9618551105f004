/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as engines read them, whatever the text is. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/file.h"
#include "format/json.h"
#include "runtime/engine_log.h"

struct sample {
	char dir[32];
	char path[64], own_path[64];
	struct runtime_arguments arguments;
	struct runtime_policy policy;
};

static int set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	memcpy(s->dir, "/tmp/nvbind-test-XXXXXX", sizeof("/tmp/nvbind-test-XXXXXX"));
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->path, sizeof(s->path), "%s/log", s->dir);
	(void)snprintf(s->own_path, sizeof(s->own_path), "%s/own", s->dir);
	s->arguments = (struct runtime_arguments){ .log = s->path, .log_format = "json" };
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;

	log_set_sink(NULL);
	(void)unlink(s->path);
	(void)unlink(s->own_path);
	(void)rmdir(s->dir);
	free(s);
	return 0;
}

static char *read_all(const char *path)
{
	char *text = NULL;

	assert_int_equal(file_read_path(path, 1 << 20, &text, NULL), 0);
	return text;
}

/* The message of the one line in JSON, as a reader gets it. */
static void assert_message(const char *line, const char *level, const char *message)
{
	struct json_object *o = NULL;
	struct json_at at;
	const char *text = NULL;

	assert_int_equal(json_parse(line, strlen(line), &o, NULL), 0);
	assert_int_equal(json_root(o, json_type_object, &at, NULL), 0);
	assert_int_equal(json_get_string(&at, "level", &text, NULL), 1);
	assert_string_equal(text, level);
	assert_int_equal(json_get_string(&at, "msg", &text, NULL), 1);
	assert_string_equal(text, message);
	assert_int_equal(json_get_string(&at, "time", &text, NULL), 1);
	/* RFC 3339: containerd parses it. */
	assert_int_equal(strlen(text), strlen("2026-01-02T03:04:05Z"));
	assert_true(text[4] == '-' && text[10] == 'T' && text[19] == 'Z');
	json_putp(&o);
}

static void test_json(void **state)
{
	static const struct {
		const char *text, *read;
	} cases[] = {
		{ "plain", "nvbind: plain" },
		{ "a \"quote\" and \\", "nvbind: a \"quote\" and \\" },
		{ "two\nlines\t\x1b", "nvbind: two\\x0alines\\x09\\x1b" },
		{ "\xc3\xa4", "nvbind: \xc3\xa4" },
		{ "not utf-8: \xff", "nvbind: not utf-8: ?" },
	};
	struct sample *s = *state;

	engine_log_open(&s->arguments, NULL);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *line = NULL;

		log_warning("%s", cases[i].text);
		line = read_all(s->path);
		assert_message(line, "warning", cases[i].read);
		assert_int_equal(unlink(s->path), 0);
	}
}

static void test_text(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *line = NULL;

	s->arguments.log_format = NULL;
	engine_log_open(&s->arguments, NULL);
	log_warning("a \"quote\" and \\ and\n");
	line = read_all(s->path);
	assert_memory_equal(line, "time=\"20", 8);
	assert_string_equal(strstr(line, " level="),
		" level=warning msg=\"nvbind: a \\\"quote\\\" and \\\\ and\\\\x0a\"\n");
}

static void test_error_has_its_hint(void **state)
{
	struct sample *s = *state;
	_cleanup_error_ struct nvb_error *e = NULL;
	_cleanup_free_ char *line = NULL;

	engine_log_open(&s->arguments, NULL);
	(void)NVB_HINT(&e, NVB_RAISE(&e, NVB_ERR_NO_GPU, 0, "select GPU '9'"), "see 'nvbind info'");
	engine_log_error(e);
	line = read_all(s->path);
	assert_message(line, "error", "nvbind: select GPU '9' (see 'nvbind info')");
}

/* A text of any length is cut, never lost. */
static void test_long(void **state)
{
	struct sample *s = *state;
	_cleanup_error_ struct nvb_error *e = NULL;
	_cleanup_free_ char *line = NULL, *text = malloc(200001);

	assert_non_null(text);
	memset(text, '\x01', 200000);
	text[200000] = '\0';
	engine_log_open(&s->arguments, NULL);
	(void)NVB_RAISE(&e, NVB_ERR_FORMAT, 0, "read '%s'", text);
	engine_log_error(e);
	line = read_all(s->path);
	assert_non_null(strstr(line, "\"msg\":\"nvbind: read '\\\\x01"));
}

static void test_own_log(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *engine = NULL, *own = NULL;

	s->policy = (struct runtime_policy){ .log_path = s->own_path, .log_level = "info" };
	engine_log_open(&s->arguments, &s->policy);
	log_notice("for us");
	log_warning("for both");
	log_write(LOG_LEVEL_DEBUG, "plan", "for nobody");
	engine = read_all(s->path);
	own = read_all(s->own_path);
	assert_null(strstr(engine, "for us"));
	assert_non_null(strstr(engine, "for both"));
	assert_non_null(strstr(own, "level=info msg=\"nvbind: for us\"\n"));
	assert_non_null(strstr(own, "level=warning msg=\"nvbind: for both\"\n"));
	assert_null(strstr(own, "for nobody"));
}

/* A log that cannot be written is no reason to stop; what is no file is left to crun. */
static void test_nowhere(void **state)
{
	static const char *const places[] = {
		"/no/such/directory/log",
		"/",
		"journald:x",
		"syslog:x",
		"null:",
	};
	struct sample *s = *state;
	struct stat st;

	for (size_t i = 0; i < ELEMENTS(places); i++) {
		s->arguments.log = places[i];
		engine_log_open(&s->arguments, NULL);
		log_warning("lost");
		assert_int_equal(stat(places[i][0] == '/' ? s->path : places[i], &st), -1);
	}
}

/* What a line of the log says on standard error. */
static char *standard_error_of(struct sample *s, void (*say)(void))
{
	int saved = dup(STDERR_FILENO);
	int fd = open(s->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *text;

	assert_true(saved >= 0 && fd >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	say();
	(void)fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(fd);
	text = read_all(s->path);
	assert_int_equal(unlink(s->path), 0);
	return text;
}

static void warn(void)
{
	log_warning("two\nlines");
	log_notice("no warning");
}

static void raise_error(void)
{
	_cleanup_error_ struct nvb_error *e = NULL;

	(void)NVB_RAISE(&e, NVB_ERR_NO_GPU, 0, "select GPU '9'");
	engine_log_error(e);
}

/* As with runc: where no file is named, it is standard error. Errors are there once anyhow. */
static void test_standard_error(void **state)
{
	static const struct {
		const char *log;
		bool own, heard;
	} cases[] = {
		{ NULL, false, true },
		{ "journald:x", false, true },
		{ "syslog:x", false, true },
		{ "null:", false, false },
		{ "/no/such/directory/log", false, false },
		{ NULL, true, false },
	};
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *warned = NULL, *raised = NULL;

		s->policy = (struct runtime_policy){ .log_path = cases[i].own ? s->own_path : NULL,
			.log_level = "warning" };
		s->arguments.log = cases[i].log;
		engine_log_open(&s->arguments, &s->policy);
		warned = standard_error_of(s, warn);
		assert_string_equal(
			warned, cases[i].heard ? "nvbind: warning: two\\x0alines\n" : "");
		raised = standard_error_of(s, raise_error);
		assert_string_equal(raised, "nvbind: select GPU '9'\n");
	}
}

/* Root must not write where somebody else has laid a link. */
static void test_own_log_in_danger(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *line = NULL;
	struct stat st;

	s->policy = (struct runtime_policy){ .log_path = s->own_path, .log_level = "warning" };
	assert_int_equal(chmod(s->dir, 01777), 0);
	engine_log_open(&s->arguments, &s->policy);
	log_warning("found");
	assert_int_equal(lstat(s->own_path, &st), -1);
	line = read_all(s->path);
	assert_non_null(strstr(line, "is not used: others may write to its directory"));
	assert_non_null(strstr(line, "found"));
	assert_int_equal(chmod(s->dir, 0755), 0);
	assert_int_equal(symlink(s->path, s->own_path), 0);
	assert_int_equal(truncate(s->path, 0), 0);
	engine_log_open(&s->arguments, &s->policy);
	free(line);
	line = read_all(s->path);
	assert_non_null(strstr(line, "is not used: it is no regular file"));
	/* Where it becomes a link later. */
	assert_int_equal(unlink(s->own_path), 0);
	engine_log_open(&s->arguments, &s->policy);
	assert_int_equal(truncate(s->path, 0), 0);
	assert_int_equal(symlink(s->path, s->own_path), 0);
	s->arguments.log = NULL;
	engine_log_open(&s->arguments, NULL);
	log_warning("found");
	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void test_file_prefix(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *line = NULL;
	char log[80];

	(void)snprintf(log, sizeof(log), "file:%s", s->path);
	s->arguments.log = log;
	engine_log_open(&s->arguments, NULL);
	log_warning("found");
	line = read_all(s->path);
	assert_message(line, "warning", "nvbind: found");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_json),
		TEST(test_text),
		TEST(test_error_has_its_hint),
		TEST(test_long),
		TEST(test_own_log),
		TEST(test_nowhere),
		TEST(test_own_log_in_danger),
		TEST(test_file_prefix),
		TEST(test_standard_error),
	};

	return cmocka_run_group_tests_name("runtime/engine-log", tests, NULL, NULL);
}
