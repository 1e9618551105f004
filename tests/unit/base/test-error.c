/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"

static int open_device(struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_DRIVER, ENOENT, "open '%s'", "/dev/nvidia0");
}

static int inject(struct nvb_error **err)
{
	int r = open_device(err);

	return NVB_CONTEXT(err, r, "inject GPU %d", 0);
}

static void test_chain(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	int r = inject(&err);

	(void)state;
	assert_int_equal(r, NVB_ERR_DRIVER);
	assert_int_equal(nvb_error_status(err), NVB_ERR_DRIVER);
	assert_int_equal(nvb_error_errno(err), ENOENT);
	assert_string_equal(nvb_error_message(err),
		"inject GPU 0: open '/dev/nvidia0': No such file or directory");
	assert_null(nvb_error_get_hint(err));
	assert_int_equal(NVB_HINT(&err, r, "run '%s'", "modprobe nvidia"), r);
	assert_string_equal(nvb_error_get_hint(err), "run 'modprobe nvidia'");
	(void)NVB_HINT(&err, r, "another");
	assert_string_equal(nvb_error_get_hint(err), "another");
	nvb_error_clear(&err);
	assert_null(err);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(inject(NULL), NVB_ERR_DRIVER);
	assert_int_equal(NVB_OOM(NULL), NVB_ERR_NO_MEMORY);
	assert_int_equal(NVB_HINT(NULL, -5, "x"), -5);
	nvb_error_clear(NULL);
	nvb_error_free(NULL);
	assert_int_equal(nvb_error_status(NULL), 0);
	assert_string_equal(nvb_error_message(NULL), "no error");
}

/* A misuse must not read as success. */
static void test_never_success(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;

	(void)state;
	assert_int_equal(NVB_RAISE(&err, 0, 0, "x"), NVB_ERR_FAILED);
	assert_int_equal(NVB_CONTEXT(&err, 0, "y"), NVB_ERR_FAILED);
	assert_int_equal(NVB_CONTEXT(&err, 1, "y"), NVB_ERR_FAILED);
	assert_int_equal(NVB_RAISE(NULL, 1, 0, "x"), NVB_ERR_FAILED);
}

static void test_out_of_memory(void **state)
{
	struct nvb_error *err = NULL, *other = NULL;

	(void)state;
	(void)open_device(&err);
	assert_int_equal(NVB_OOM(&err), NVB_ERR_NO_MEMORY);
	assert_int_equal(nvb_error_status(err), NVB_ERR_NO_MEMORY);
	assert_int_equal(NVB_CONTEXT(&err, NVB_ERR_NO_MEMORY, "x"), NVB_ERR_NO_MEMORY);
	(void)NVB_HINT(&err, NVB_ERR_NO_MEMORY, "x");
	assert_string_equal(nvb_error_message(err), "out of memory");
	assert_null(nvb_error_get_hint(err));
	assert_int_equal(NVB_OOM(&other), NVB_ERR_NO_MEMORY);
	nvb_error_clear(&err);
	assert_string_equal(nvb_error_message(other), "out of memory");
	nvb_error_clear(&other);
}

static void test_table(void **state)
{
	static const int statuses[] = {
#define X(name, value, exit_code, meaning) NVB_ERR_##name,
#include "base/errors.def"
#undef X
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(statuses); i++) {
		assert_true(statuses[i] <= -5000);
		assert_true(nvb_status_exit_code(statuses[i]) > 0);
		assert_true(nvb_status_exit_code(statuses[i]) <= 127);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(statuses[k], statuses[i]);
	}
	assert_int_equal(nvb_status_exit_code(0), 0);
	assert_int_equal(nvb_status_exit_code(-1), 1);
	assert_int_equal(nvb_status_exit_code(NVB_ERR_USAGE), 2);
	assert_int_equal(nvb_status_exit_code(NVB_ERR_NO_GPU), 3);
	assert_int_equal(nvb_status_exit_code(NVB_ERR_PERMISSION), 4);
	assert_int_equal(nvb_status_exit_code(NVB_ERR_BUSY), 5);
	assert_int_equal(nvb_status_exit_code(NVB_ERR_NO_COMMAND), 127);
	assert_int_equal(nvb_status_from_errno(EACCES, NVB_ERR_IO), NVB_ERR_PERMISSION);
	assert_int_equal(nvb_status_from_errno(EPERM, NVB_ERR_IO), NVB_ERR_PERMISSION);
	assert_int_equal(nvb_status_from_errno(ENOMEM, NVB_ERR_IO), NVB_ERR_NO_MEMORY);
	assert_int_equal(nvb_status_from_errno(ENOENT, NVB_ERR_IO), NVB_ERR_IO);
}

static int close_late(struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *mine = NULL;

	(void)open_device(&mine);
	*err = TAKE_PTR(mine);
	errno = EBUSY;
	return nvb_error_status(*err);
}

static void test_cleanup_keeps_errno(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;

	(void)state;
	assert_int_equal(close_late(&err), NVB_ERR_DRIVER);
	assert_int_equal(errno, EBUSY);
	assert_non_null(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_never_success),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_cleanup_keeps_errno),
	};

	return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
