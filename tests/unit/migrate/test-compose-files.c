/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files: compose/NAME.before.txt becomes NAME.TARGET.txt, byte for byte, and
 * NAME.TARGET.report is what is said of it. With NVBIND_UPDATE set, the expected files are written
 * anew.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "converting.h"
#include "format/json.h"
#include "format/yaml.h"

static const struct {
	enum compose_target target;
	const char *name;
} targets[] = {
	{ COMPOSE_TO_CDI, "cdi" },
	{ COMPOSE_TO_RUNTIME, "runtime" },
	{ COMPOSE_TO_BOLTFILE, "boltfile" },
};

static int folder = -1;
static unsigned n_files, n_differ;

static char *read_named(const char *name, const char *ending, size_t *ret_length)
{
	char path[256], *text = NULL;

	(void)snprintf(path, sizeof(path), "%s%s", name, ending);
	if (file_read_in(folder, path, 1 << 20, &text, ret_length) < 0)
		return NULL;
	return text;
}

static void compare(const char *name, const char *ending, const char *text, size_t length)
{
	_cleanup_free_ char *expected = NULL;
	char path[256];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s%s", name, ending);
	n_files++;
	if (getenv("NVBIND_UPDATE")) {
		assert_int_equal(file_replace_at(folder, path, text, length, 0644), 0);
		return;
	}
	expected = read_named(name, ending, &n);
	if (expected && n == length && memcmp(expected, text, n) == 0)
		return;
	n_differ++;
	print_message("# %s differs; it is now:\n%.*s\n", path, (int)length, text);
}

/* What comes out can be converted again, and then nothing is left to do. */
static void check_again(const struct converting *first, enum compose_target target)
{
	struct converting c;

	if (target == COMPOSE_TO_BOLTFILE)
		return;
	convert_bytes(&c, first->result.text, first->result.length, target);
	assert_int_equal(c.status, 0);
	assert_false(c.result.changed);
	assert_int_equal(c.result.length, first->result.length);
	converting_done(&c);
}

static void check_file(const char *name)
{
	size_t length = 0;
	_cleanup_free_ char *before = read_named(name, ".before.txt", &length);

	assert_non_null(before);
	for (size_t i = 0; i < ELEMENTS(targets); i++) {
		_cleanup_free_ char *report = NULL;
		char ending[32];
		struct converting c;

		convert_bytes(&c, before, length, targets[i].target);
		report = report_text(&c);
		(void)snprintf(ending, sizeof(ending), ".%s.report.txt", targets[i].name);
		compare(name, ending, report, strlen(report));
		if (c.status == 0) {
			(void)snprintf(ending, sizeof(ending), ".%s.txt", targets[i].name);
			compare(name, ending, c.result.text, c.result.length);
			check_again(&c, targets[i].target);
		}
		converting_done(&c);
	}
}

static void every_file_becomes_what_stands_beside_it(void **state)
{
	static const char ending[] = ".before.txt";
	_cleanup_closedir_ DIR *dir = fdopendir(dup(folder));
	unsigned n = 0;

	(void)state;
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		const size_t length = strlen(entry->d_name);
		_cleanup_free_ char *name = NULL;

		if (length < sizeof(ending) ||
			strcmp(entry->d_name + length - sizeof(ending) + 1, ending) != 0)
			continue;
		name = strndup(entry->d_name, length - sizeof(ending) + 1);
		check_file(name);
		n++;
	}
	assert_true(n >= 25);
	assert_true(n_files >= 3 * n);
	assert_int_equal(n_differ, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_becomes_what_stands_beside_it),
	};
	char path[4096];

	(void)snprintf(
		path, sizeof(path), "%s/tests/unit/migrate/compose", getenv("NVBIND_SOURCE_ROOT"));
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return 99;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
