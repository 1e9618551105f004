/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file of tests/golden/config is read without a finding, and becomes what stands beside it.
 * With NVBIND_UPDATE_GOLDEN=1 that is written anew: read the difference before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <dirent.h>
#include <fcntl.h>
#include <cmocka.h>

#include "base/file.h"
#include "config/config_output.h"

static int directory;
static size_t seen;

static char *dump(const char *name)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *text = NULL;
	struct config config = { .arena = a };
	struct settings merged = { .arena = a };
	struct config_file *file = NULL;
	char *json = NULL;
	size_t length;

	assert_int_equal(file_read_in(directory, name, 1 << 20, &text, &length), 0);
	if (config_file_parse(a, name, text, length, &file, &err) < 0 ||
		config_file_check(file, true, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	*(struct config_file **)vec_push(a, &config.files) = file;
	assert_int_equal(config_merge(&config, &merged, NULL), 0);
	assert_int_equal(config_output_json(&config, &merged, true, &json, NULL), 0);
	return json;
}

static void check(const char *name)
{
	_cleanup_free_ char *got = dump(name), *expected = NULL, *beside = NULL;

	assert_true(
		asprintf(&beside, "%.*s.json", (int)(strlen(name) - strlen(".toml")), name) > 0);
	if (getenv("NVBIND_UPDATE_GOLDEN"))
		assert_int_equal(file_replace_at(directory, beside, got, strlen(got), 0644), 0);
	assert_int_equal(file_read_in(directory, beside, 1 << 20, &expected, NULL), 0);
	assert_string_equal(got, expected);
	seen++;
}

static void test_files(void **state)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;

	(void)state;
	assert_true(asprintf(&path, "%s/tests/golden/config", getenv("NVBIND_SOURCE_ROOT")) > 0);
	dir = opendir(path);
	assert_non_null(dir);
	directory = dirfd(dir);
	while ((entry = readdir(dir)))
		if (strlen(entry->d_name) > 5 &&
			strcmp(entry->d_name + strlen(entry->d_name) - 5, ".toml") == 0)
			check(entry->d_name);
	assert_true(seen >= 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
