/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's files: what was written is read, what is damaged or strange is not believed. */
#include "change-case.h"

static const char *only_change(struct change_case *c)
{
	struct string_list names = { 0 };
	struct journal j = JOURNAL_INIT;

	assert_int_equal(journal_open(false, &j, NULL), 1);
	assert_int_equal(journal_list(&j, c->a, &names, NULL), 0);
	assert_int_equal(names.n, 1);
	journal_done(&j);
	return arena_printf(c->a, "%s/%s", c->journal, names.items[0]);
}

/* A killed container's change of "level" from "auto" to "high". Returns the entry's path. */
static const char *leave_change(struct change_case *c)
{
	int status;
	pid_t pid;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	pid = fork();
	if (pid == 0) {
		(void)make(c, "a");
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_value(c, "level", "high");
	return only_change(c);
}

static char *read_text(const char *path, size_t *ret_length)
{
	char *text = NULL;

	assert_int_equal(file_read_path(path, 65536, &text, ret_length), 0);
	return text;
}

static void write_text(const char *path, const char *text, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void test_every_torn_end(void **state)
{
	struct change_case *c = *state;
	const char *path = leave_change(c);
	_cleanup_free_ char *text = NULL;
	size_t length;

	text = read_text(path, &length);
	for (size_t n = 0; n < length; n++) {
		write_text(path, text, n);
		c->warnings.n = 0;
		assert_int_equal(recover(c), 0);
		assert_true(is_said(c, "it is damaged"));
		assert_value(c, "level", "high");
		assert_int_equal(count_files(c), 0);
	}
	write_text(path, text, length);
	assert_int_equal(recover(c), 1);
	assert_value(c, "level", "auto");
}

static void test_every_changed_byte(void **state)
{
	struct change_case *c = *state;
	const char *path = leave_change(c);
	_cleanup_free_ char *text = NULL;
	size_t length;

	text = read_text(path, &length);
	for (size_t i = 0; i < length; i++) {
		char kept = text[i];

		text[i] ^= 1;
		write_text(path, text, length);
		assert_int_equal(recover(c), 0);
		assert_value(c, "level", "high");
		text[i] = kept;
	}
}

static void test_entry_under_another_name(void **state)
{
	struct change_case *c = *state;
	const char *path = leave_change(c);
	char *other = arena_strdup(c->a, path);

	other[strlen(other) - 1] = other[strlen(other) - 1] == '0' ? '1' : '0';
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(recover(c), 0);
	assert_true(is_said(c, "it is damaged"));
	assert_value(c, "level", "high");
}

static void test_entry_that_is_no_file(void **state)
{
	struct change_case *c = *state;
	const char *path = leave_change(c);

	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(recover(c), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(recover(c), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_huge_entry(void **state)
{
	struct change_case *c = *state;
	const char *path = leave_change(c);

	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
	assert_int_equal(recover(c), 0);
	assert_true(is_said(c, "it is damaged"));
	assert_int_equal(count_files(c), 0);
}

/* The boot's own: what the kernel held is gone with it. */
static void test_other_boot_is_forgotten(void **state)
{
	struct change_case *c = *state;
	struct journal_change change = {
		.knob = "power_profile",
		.target = file_of(c, "level"),
		.before = "auto",
		.wanted = "high",
		.after = "high",
	};
	struct journal j = JOURNAL_INIT;

	write_value(c, "level", "high");
	assert_int_equal(journal_open(true, &j, NULL), 1);
	j.boot_id[0] = j.boot_id[0] == '0' ? '1' : '0';
	assert_int_equal(journal_write(&j, &change, NULL), 0);
	journal_done(&j);
	assert_int_equal(recover(c), 0);
	assert_value(c, "level", "high");
	assert_int_equal(c->warnings.n, 0);
	assert_int_equal(count_files(c), 0);
}

static void test_intended_is_taken_back(void **state)
{
	struct change_case *c = *state;
	struct journal_change change = {
		.knob = "power_profile",
		.target = file_of(c, "level"),
		.before = "auto",
		.wanted = "high",
	};
	struct journal j = JOURNAL_INIT;

	write_value(c, "level", "rounded");
	assert_int_equal(journal_open(true, &j, NULL), 1);
	assert_int_equal(journal_write(&j, &change, NULL), 0);
	journal_done(&j);
	assert_int_equal(recover(c), 1);
	assert_value(c, "level", "auto");
}

static void test_lines_are_not_written(void **state)
{
	struct change_case *c = *state;
	struct journal_change change = {
		.knob = "power_profile",
		.target = file_of(c, "level"),
		.before = "auto\nowner 0123456789abcdef",
		.wanted = "high",
	};
	struct journal j = JOURNAL_INIT;

	assert_int_equal(journal_open(true, &j, NULL), 1);
	assert_int_equal(journal_write(&j, &change, NULL), NVB_ERR_USAGE);
	assert_int_equal(count_files(c), 0);
	journal_done(&j);
}

static void test_open_directory_is_refused(void **state)
{
	struct change_case *c = *state;

	assert_int_equal(mkdir(c->journal, 0700), 0);
	assert_int_equal(chmod(c->journal, 0750), 0);
	assert_int_equal(
		host_changes_recover(NULL, true, c->a, &c->warnings, NULL), NVB_ERR_PERMISSION);
	assert_int_equal(rmdir(c->journal), 0);
	assert_int_equal(symlink("/tmp", c->journal), 0);
	assert_true(host_changes_recover(NULL, true, c->a, &c->warnings, NULL) < 0);
	assert_int_equal(setenv("NVBIND_JOURNAL_DIR", "relative", 1), 0);
	assert_int_equal(host_changes_recover(NULL, true, c->a, &c->warnings, NULL), NVB_ERR_USAGE);
}

#define CASE(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, change_case_setup, change_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_every_torn_end),
		CASE(test_every_changed_byte),
		CASE(test_entry_under_another_name),
		CASE(test_entry_that_is_no_file),
		CASE(test_huge_entry),
		CASE(test_other_boot_is_forgotten),
		CASE(test_intended_is_taken_back),
		CASE(test_lines_are_not_written),
		CASE(test_open_directory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
