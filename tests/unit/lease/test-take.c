/* SPDX-License-Identifier: Apache-2.0 */
/* Who may stand beside whom, several GPUs at once, releasing, listing. */
#include "lease-case.h"

#define GPU   "0000:17:00.0"
#define OTHER "0000:2a:00.0"

static void modes(void **state)
{
	static const struct {
		enum lease_mode held, wanted;
		bool beside;
	} rules[] = {
		{ LEASE_SHARED, LEASE_SHARED, true },
		{ LEASE_SHARED, LEASE_VIRTUAL, true },
		{ LEASE_VIRTUAL, LEASE_VIRTUAL, true },
		{ LEASE_SHARED, LEASE_EXCLUSIVE, false },
		{ LEASE_VIRTUAL, LEASE_EXCLUSIVE, false },
		{ LEASE_EXCLUSIVE, LEASE_SHARED, false },
		{ LEASE_EXCLUSIVE, LEASE_VIRTUAL, false },
		{ LEASE_EXCLUSIVE, LEASE_EXCLUSIVE, false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(rules); i++) {
		struct lease *held = must_take(GPU, NULL, rules[i].held, "first");

		assert_int_equal(is_free(GPU, NULL, rules[i].wanted), rules[i].beside);
		assert_true(is_free(OTHER, NULL, rules[i].wanted));
		lease_release(held);
		assert_true(is_free(GPU, NULL, rules[i].wanted));
	}
}

static void partitions(void **state)
{
	struct lease *one = must_take(GPU, "gi1ci0", LEASE_EXCLUSIVE, "one");
	struct lease *two;

	(void)state;
	assert_false(is_free(GPU, "gi1ci0", LEASE_EXCLUSIVE));
	assert_false(is_free(GPU, "gi1ci0", LEASE_SHARED));
	assert_false(is_free(GPU, NULL, LEASE_EXCLUSIVE));
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	two = must_take(GPU, "gi2ci0", LEASE_EXCLUSIVE, "two");
	lease_release(one);
	assert_true(is_free(GPU, "gi1ci0", LEASE_EXCLUSIVE));
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	lease_release(two);
	one = must_take(GPU, NULL, LEASE_EXCLUSIVE, "one");
	assert_false(is_free(GPU, "gi2ci0", LEASE_SHARED));
	lease_release(one);
	one = must_take(GPU, NULL, LEASE_SHARED, "one");
	assert_true(is_free(GPU, "gi2ci0", LEASE_SHARED));
	assert_false(is_free(GPU, "gi2ci0", LEASE_EXCLUSIVE));
	lease_release(one);
}

static void all_or_nothing(void **state)
{
	struct lease *held = must_take(OTHER, NULL, LEASE_EXCLUSIVE, "held");
	struct lease_request request = {
		.keys = KEYS({ "0000:ff:00.0" }, { OTHER }, { GPU, "gi1ci0" }, { GPU, "gi2ci0" }),
		.mode = LEASE_EXCLUSIVE,
		.holder = "many",
		.engine = "oci",
	};
	struct lease *lease;

	(void)state;
	assert_int_equal(lease_take(&dir, &request, &lease, NULL), NVB_ERR_BUSY);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CREATOR), 0);
	assert_int_equal(count_entries("0000:ff:00.0", LEASE_WITNESS_CREATOR), 0);
	lease_release(held);
	assert_int_equal(lease_take(&dir, &request, &lease, NULL), 0);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CREATOR), 2);
	assert_false(is_free("0000:ff:00.0", NULL, LEASE_SHARED));
	lease_release(lease);
	assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
}

static void a_key_within_another(void **state)
{
	struct lease_request request = {
		.keys = KEYS({ GPU, "gi1ci0" }, { GPU }, { GPU }),
		.mode = LEASE_EXCLUSIVE,
		.holder = "h",
		.engine = "oci",
	};
	struct lease *lease;

	(void)state;
	assert_int_equal(lease_take(&dir, &request, &lease, NULL), 0);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CREATOR), 1);
	lease_release(lease);
	request.keys = KEYS({ "../x" });
	assert_int_equal(lease_take(&dir, &request, &lease, NULL), NVB_ERR_USAGE);
	request.keys = KEYS({ GPU, "a-name-that-is-too-long" });
	assert_int_equal(lease_take(&dir, &request, &lease, NULL), NVB_ERR_USAGE);
}

static void the_message(void **state)
{
	struct lease *held = must_take(GPU, NULL, LEASE_EXCLUSIVE, "train");
	_cleanup_error_ struct nvb_error *err = NULL;
	struct lease *lease;

	(void)state;
	assert_int_equal(try_take(GPU, NULL, LEASE_SHARED, "x", &lease, &err), NVB_ERR_BUSY);
	assert_string_equal(nvb_error_message(err),
		"take '" GPU
		"' as shared: container 'train' of 'oci' holds it as exclusive since 0 s");
	assert_non_null(strstr(nvb_error_get_hint(err), "nvbind lease list"));
	assert_int_equal(nvb_status_exit_code(nvb_error_status(err)), 5);
	lease_release(held);
}

static void too_long(void **state)
{
	char holder[LEASE_BODY_BYTES];
	struct lease *lease;

	(void)state;
	memset(holder, 'x', sizeof(holder) - 1);
	holder[sizeof(holder) - 1] = '\0';
	assert_int_equal(try_take(GPU, NULL, LEASE_SHARED, holder, &lease, NULL), NVB_ERR_LIMIT);
	holder[sizeof(holder) - 7] = '\0';
	assert_int_equal(try_take(GPU, NULL, LEASE_SHARED, holder, &lease, NULL), 0);
	lease_release(lease);
}

/* Slots of the dead are used again before the file grows; the living make it grow to its end. */
static void many(void **state)
{
	static struct lease *leases[LEASE_PAGES * LEASE_PAGE_SLOTS];
	struct lease_request request = {
		.keys = KEYS({ GPU }), .mode = LEASE_SHARED, .holder = "dead", .engine = "oci"
	};
	struct lease *lease;
	struct stat st;

	(void)state;
	for (int i = 0; i < 200; i++)
		if (i % 3)
			end_child(start_holder(&request));
	assert_int_equal(fstatat(dir.fd, GPU, &st, 0), 0);
	assert_true(st.st_size <=
		    (off_t)(sizeof(struct lease_page) + LEASE_PAGE_SLOTS * LEASE_BODY_BYTES));
	for (size_t i = 0; i < ELEMENTS(leases); i++)
		leases[i] = must_take(GPU, NULL, LEASE_SHARED, "living");
	assert_int_equal(try_take(GPU, NULL, LEASE_SHARED, "x", &lease, NULL), NVB_ERR_LIMIT);
	assert_false(is_free(GPU, NULL, LEASE_EXCLUSIVE));
	for (size_t i = 1; i < ELEMENTS(leases); i++)
		lease_release(leases[i]);
	assert_false(is_free(GPU, NULL, LEASE_EXCLUSIVE));
	lease_release(leases[0]);
	assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
}

static void released_by_force(void **state)
{
	struct lease *first = must_take(GPU, NULL, LEASE_EXCLUSIVE, "first"), *second;

	(void)state;
	assert_int_equal(lease_release_held(&dir, NULL, "first", false, NULL), NVB_ERR_BUSY);
	assert_int_equal(lease_release_held(&dir, OTHER, "first", true, NULL), 0);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(lease_release_held(&dir, GPU, NULL, true, NULL), 1);
	assert_int_equal(lease_release_held(&dir, GPU, NULL, true, NULL), 0);
	second = must_take(GPU, NULL, LEASE_EXCLUSIVE, "second");
	/* What the first one does to its slot is nothing to the second. */
	assert_int_equal(lease_set_process(first, getpid(), NULL), 0);
	lease_release(first);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CREATOR), 1);
	lease_release(second);
	assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
}

/* A reader of ours that writes under the guard is waited for: what is torn under it is not. */
static void a_guard_is_waited_for(void **state)
{
	struct lease *lease = must_take(GPU, NULL, LEASE_EXCLUSIVE, "h");
	struct lease_file file = LEASE_FILE_INIT;
	struct nvb_error *err = NULL;
	char byte, damage;
	int ready[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (lease_file_open(&dir, GPU, false, &file, NULL) != 1 ||
			lease_file_lock(&file, NULL) < 0 || pread(file.fd, &byte, 1, 72) != 1)
			_exit(1);
		damage = (char)(byte ^ 1);
		if (pwrite(file.fd, &damage, 1, 72) != 1 || write(ready[1], "", 1) != 1)
			_exit(1);
		(void)usleep(30000);
		_exit(pwrite(file.fd, &byte, 1, 72) == 1 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &damage, 1), 1);
	if (lease_set_process(lease, getpid(), &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_PROCESS), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	lease_release(lease);
}

static void gc(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct lease_request request = { .keys = KEYS({ GPU }, { OTHER }),
		.mode = LEASE_SHARED,
		.holder = "h",
		.engine = "oci" };
	struct string_list warnings = { 0 };
	struct lease *living = must_take(GPU, NULL, LEASE_SHARED, "living");

	(void)state;
	end_child(start_holder(&request));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_NONE), 1);
	assert_int_equal(lease_gc(&dir, a, &warnings, NULL), 2);
	assert_int_equal(lease_gc(&dir, a, &warnings, NULL), 0);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_NONE), 0);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CREATOR), 1);
	assert_int_equal(warnings.n, 0);
	lease_release(living);
	end_child(start_holder(&request));
	assert_int_equal(lease_release_held(&dir, NULL, "h", false, NULL), 2);
}

static void no_descriptor_is_left(void **state)
{
	size_t before = count_descriptors();
	struct lease *lease = must_take(GPU, NULL, LEASE_EXCLUSIVE, "h");

	(void)state;
	assert_false(is_free(GPU, NULL, LEASE_EXCLUSIVE));
	lease_release(lease);
	lease = must_take(GPU, NULL, LEASE_EXCLUSIVE, "h");
	lease_leave(lease);
	assert_int_equal(count_descriptors(), before);
	/* Its creator lives: this process. */
	assert_false(is_free(GPU, NULL, LEASE_EXCLUSIVE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(modes, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(partitions, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(all_or_nothing, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_key_within_another, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(the_message, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(too_long, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(many, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(released_by_force, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_guard_is_waited_for, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(gc, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(no_descriptor_is_left, case_setup, case_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
