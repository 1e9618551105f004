/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the machine: made, shared, contradicted, taken back. */
#include "change-case.h"

static void test_made_and_taken_back(void **state)
{
	struct change_case *c = *state;
	struct host_changes *changes;

	write_value(c, "level", "auto");
	write_value(c, "cap", "300000000");
	wish(c, "level", "high");
	wish(c, "cap", "350000000");
	changes = make(c, "a");
	assert_non_null(changes);
	assert_value(c, "level", "high");
	assert_value(c, "cap", "350000000");
	assert_int_equal(recover(c), 0);
	assert_value(c, "level", "high");
	undo(c, changes);
	assert_value(c, "level", "auto");
	assert_value(c, "cap", "300000000");
	assert_int_equal(c->warnings.n, 0);
	assert_int_equal(count_files(c), 0);
}

static void test_nothing_wished_makes_nothing(void **state)
{
	struct change_case *c = *state;

	assert_null(make(c, "a"));
	assert_int_equal(access(c->journal, F_OK), -1);
	assert_int_equal(recover(c), 0);
	assert_int_equal(access(c->journal, F_OK), -1);
}

static void test_last_one_takes_it_back(void **state)
{
	struct change_case *c = *state;
	struct host_changes *first, *second;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	first = make(c, "a");
	second = make(c, "b");
	assert_non_null(second);
	undo(c, first);
	assert_value(c, "level", "high");
	undo(c, second);
	assert_value(c, "level", "auto");
	assert_int_equal(c->warnings.n, 0);
}

static void test_first_wish_wins(void **state)
{
	struct change_case *c = *state;
	struct host_changes *first;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	first = make(c, "the-first");
	c->wishes.items[0].value = "low";
	assert_null(make(c, "b"));
	assert_true(is_said(c, "it is 'high' for container 'the-first'"));
	assert_value(c, "level", "high");
	undo(c, first);
	assert_value(c, "level", "auto");
	assert_int_equal(count_files(c), 0);
}

/* What is so already is held: another one must not change it. */
static void test_same_value_is_held(void **state)
{
	struct change_case *c = *state;
	struct host_changes *first;

	write_value(c, "level", "high");
	wish(c, "level", "high");
	first = make(c, "a");
	assert_non_null(first);
	c->wishes.items[0].value = "low";
	assert_null(make(c, "b"));
	assert_value(c, "level", "high");
	undo(c, first);
	assert_value(c, "level", "high");
}

static void test_others_keep_what_they_wrote(void **state)
{
	struct change_case *c = *state;
	struct host_changes *changes;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	changes = make(c, "a");
	write_value(c, "level", "manual");
	assert_null(make(c, "b"));
	assert_true(is_said(c, "others have changed it"));
	undo(c, changes);
	assert_value(c, "level", "manual");
	assert_true(is_said(c, "set to 'manual' by others"));
	assert_int_equal(count_files(c), 0);
}

static void test_what_cannot_be_changed(void **state)
{
	struct change_case *c = *state;
	struct host_changes *changes;

	write_value(c, "good", "auto");
	write_value(c, "lines", "one\ntwo");
	assert_int_equal(symlink("good", file_of(c, "link")), 0);
	assert_int_equal(mkfifo(file_of(c, "fifo"), 0600), 0);
	wish(c, "missing", "1");
	wish(c, "lines", "1");
	wish(c, "link", "1");
	wish(c, "fifo", "1");
	wish(c, "good", "high");
	changes = make(c, "a");
	assert_non_null(changes);
	assert_int_equal(c->warnings.n, 4);
	assert_value(c, "good", "high");
	undo(c, changes);
	assert_value(c, "good", "auto");
	assert_value(c, "lines", "one");
}

static void test_other_kinds_are_refused(void **state)
{
	struct change_case *c = *state;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	c->wishes.items[0].kind = HOST_CHANGE_GPU_CLOCKS;
	assert_null(make(c, "a"));
	assert_true(is_said(c, "this version cannot"));
	assert_value(c, "level", "auto");
}

static void test_one_container_two_wishes(void **state)
{
	struct change_case *c = *state;
	struct host_changes *changes;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	wish(c, "level", "high");
	wish(c, "level", "low");
	changes = make(c, "a");
	assert_value(c, "level", "high");
	assert_int_equal(c->warnings.n, 1);
	undo(c, changes);
	assert_value(c, "level", "auto");
}

/* A device that was pulled out. */
static void test_file_that_is_gone(void **state)
{
	struct change_case *c = *state;
	struct host_changes *changes;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	changes = make(c, "a");
	assert_int_equal(unlink(file_of(c, "level")), 0);
	undo(c, changes);
	assert_int_equal(count_files(c), 0);
	assert_int_equal(access(file_of(c, "level"), F_OK), -1);
}

/* A container is killed; its keeper, a child that inherited the descriptor, a little later. */
static void test_keeper_holds_it(void **state)
{
	struct change_case *c = *state;
	int ready[2], status;
	pid_t nvbind, keeper;

	write_value(c, "level", "auto");
	wish(c, "level", "high");
	assert_int_equal(pipe(ready), 0);
	nvbind = fork();
	if (nvbind == 0) {
		struct host_changes *changes = make(c, "a");

		keeper = fork();
		if (keeper == 0)
			for (;;)
				(void)pause();
		(void)!write(ready[1], &keeper, sizeof(keeper));
		(void)pause();
		undo(c, changes);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &keeper, sizeof(keeper)), sizeof(keeper));
	assert_int_equal(kill(nvbind, SIGKILL), 0);
	assert_int_equal(waitpid(nvbind, &status, 0), nvbind);
	assert_int_equal(recover(c), 0);
	assert_value(c, "level", "high");
	assert_int_equal(kill(keeper, SIGKILL), 0);
	for (unsigned tries = 0; tries < 500 && recover(c) == 0; tries++)
		(void)usleep(10000);
	assert_value(c, "level", "auto");
	assert_int_equal(count_files(c), 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void test_list(void **state)
{
	struct change_case *c = *state;
	struct host_change_entry_list entries = { 0 };
	struct host_changes *changes;

	assert_int_equal(host_changes_list(c->a, &entries, &c->warnings, NULL), 0);
	assert_int_equal(entries.n, 0);
	write_value(c, "level", "auto");
	wish(c, "level", "high");
	changes = make(c, "a\033[31m");
	assert_int_equal(host_changes_list(c->a, &entries, &c->warnings, NULL), 0);
	assert_int_equal(entries.n, 1);
	assert_string_equal(entries.items[0].target, file_of(c, "level"));
	assert_string_equal(entries.items[0].before, "auto");
	assert_string_equal(entries.items[0].after, "high");
	assert_int_equal(entries.items[0].holders.n, 1);
	assert_null(strchr(entries.items[0].holders.items[0], '\033'));
	undo(c, changes);
}

#define CASE(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, change_case_setup, change_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_made_and_taken_back),
		CASE(test_nothing_wished_makes_nothing),
		CASE(test_last_one_takes_it_back),
		CASE(test_first_wish_wins),
		CASE(test_same_value_is_held),
		CASE(test_others_keep_what_they_wrote),
		CASE(test_what_cannot_be_changed),
		CASE(test_other_kinds_are_refused),
		CASE(test_one_container_two_wishes),
		CASE(test_file_that_is_gone),
		CASE(test_keeper_holds_it),
		CASE(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
