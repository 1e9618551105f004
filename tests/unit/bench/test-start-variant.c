/* SPDX-License-Identifier: Apache-2.0 */
/* With a script in the place of the low-level runtime, which writes down what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "bench/start_variant.h"

struct fixture {
	struct arena *arena;
	struct place place;
	struct start_setup setup;
	const char *log;
};

static void write_script(const struct fixture *f, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	(void)f;
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
	(void)close(fd);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char *script;

	assert_non_null(f);
	f->arena = arena_new();
	assert_int_equal(place_open(f->arena, NULL, &f->place, NULL), 0);
	f->log = arena_printf(f->arena, "%s/log", f->place.path);
	f->setup = (struct start_setup){
		.arena = f->arena,
		.place = &f->place,
		.low_level = arena_printf(f->arena, "%s/runtime", f->place.path),
		.nothing = "/bin/true",
		.host_root = "/",
	};
	f->setup.runtime = f->setup.low_level;
	script = arena_printf(f->arena,
		"#!/bin/sh\necho \"$@\" >>%s\n"
		"case $* in *create*) [ -s \"$5/config.json\" ] || exit 9; "
		"grep -c NVBIND_GPU \"$5/config.json\" >>%s; echo junk >\"$5/config.json\";; "
		"*start*) exit ${FAIL_START:-0};; esac\n",
		f->log, f->log);
	write_script(f, f->setup.low_level, script);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	place_close(&f->place);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void expect_log(const struct fixture *f, const char *part)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(file_read_path(f->log, 65536, &text, NULL), 0);
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

/* The configuration is the engine's own again at every start; each container has its own name. */
static void test_run(void **state)
{
	struct fixture *f = *state;
	struct start_variant *v = NULL;
	int64_t took_ns = 0;
	char part[128];

	assert_int_equal(
		start_variant_new(&f->setup, f->setup.low_level, "NVBIND_GPU=0", &v, NULL), 0);
	assert_int_equal(start_variant_run(v, &took_ns, NULL), 0);
	assert_true(took_ns > 0);
	assert_int_equal(start_variant_run(v, &took_ns, NULL), 0);
	for (int i = 1; i <= 2; i++) {
		(void)snprintf(
			part, sizeof(part), "start nvbind-bench-%d-0-%d\n", (int)getpid(), i);
		expect_log(f, part);
		(void)snprintf(part, sizeof(part), "delete --force nvbind-bench-%d-0-%d\n",
			(int)getpid(), i);
		expect_log(f, part);
	}
	expect_log(f, "\n1\n");
}

/* What a failed start left is removed. */
static void test_failure(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct nvb_error *err = NULL;
	struct start_variant *v = NULL;
	int64_t took_ns = -1;

	(void)setenv("FAIL_START", "7", 1);
	assert_int_equal(start_variant_new(&f->setup, f->setup.low_level, NULL, &v, NULL), 0);
	assert_int_equal(start_variant_run(v, &took_ns, &err), NVB_ERR_ENGINE);
	(void)unsetenv("FAIL_START");
	assert_int_equal(took_ns, -1);
	assert_non_null(strstr(nvb_error_message(err), "exit status 7"));
	expect_log(f, "delete --force");
	expect_log(f, "\n0\n");
}

/* What the runtime made of the configuration is what the low-level runtime gets then. */
static void test_edited(void **state)
{
	struct fixture *f = *state;
	struct start_variant *v = NULL;
	int64_t took_ns = 0;

	assert_int_equal(start_variant_new_edited(&f->setup, "NVBIND_GPU=0", &v, NULL), 0);
	assert_int_equal(start_variant_run(v, &took_ns, NULL), 0);
	/* Once as written by us, then as "junk". */
	expect_log(f, "\n1\n");
	expect_log(f, "\n0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_edited, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("start-variant", tests, NULL, NULL);
}
