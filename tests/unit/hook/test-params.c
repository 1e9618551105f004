/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hook/params.h"

static void assert_edit(const char *text, const char *expected)
{
	_cleanup_free_ char *edited = NULL;

	assert_int_equal(params_edit(text, &edited, NULL), expected ? 1 : 0);
	if (expected)
		assert_string_equal(edited, expected);
	else
		assert_null(edited);
}

static void test_edit(void **state)
{
	(void)state;
	assert_edit("ModifyDeviceFiles: 1\n", "ModifyDeviceFiles: 0\n");
	assert_edit("ModifyDeviceFiles: 1", "ModifyDeviceFiles: 0");
	assert_edit("A: 1\nModifyDeviceFiles: 1\nB: \"x\"\n\n",
		"A: 1\nModifyDeviceFiles: 0\nB: \"x\"\n\n");
	assert_edit("ModifyDeviceFiles: 10\n", "ModifyDeviceFiles: 0\n");
	assert_edit("ModifyDeviceFiles: \n", "ModifyDeviceFiles: 0\n");
	assert_edit("ModifyDeviceFiles: 00\n", "ModifyDeviceFiles: 0\n");
	assert_edit("ModifyDeviceFiles: 0\n", NULL);
	assert_edit("ModifyDeviceFiles: 0", NULL);
	assert_edit("NoModifyDeviceFiles: 1\n", NULL);
	assert_edit("", NULL);
	assert_edit("\n", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edit),
	};

	return cmocka_run_group_tests_name("hook/params", tests, NULL, NULL);
}
