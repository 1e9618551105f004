/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hook/view.h"

/* Of crun 1.8.1: the root is bound onto itself and made read-only before the hooks. */
#define RUNTIME                                                                                    \
	"92 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"                                          \
	"113 92 254:0 /x/root /x/root ro,relatime - ext4 /dev/vda rw\n"                            \
	"114 113 0:42 / /x/root/proc rw,relatime - proc proc rw\n"
/* An administrator's read-only bind, and the runtime's over it. */
#define ADMIN                                                                                      \
	"92 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"                                          \
	"100 92 254:0 /x/root /x/root ro,relatime - ext4 /dev/vda rw\n"                            \
	"113 100 254:0 /x/root /x/root ro,relatime shared:7 - ext4 /dev/vda rw\n"

static void test_view(void **state)
{
	(void)state;
	assert_true(view_is_read_only_in(RUNTIME, 113));
	assert_false(view_is_read_only_in(RUNTIME, 92));
	assert_false(view_is_read_only_in(RUNTIME, 114));
	assert_false(view_is_read_only_in(ADMIN, 113));
}

static void test_what_cannot_be_told(void **state)
{
	(void)state;
	assert_false(view_is_read_only_in("", 1));
	assert_false(view_is_read_only_in("113", 113));
	assert_false(view_is_read_only_in("113 92\n", 113));
	assert_false(view_is_read_only_in(RUNTIME, 7));
	/* The parent is in no list: the root of another namespace. */
	assert_false(view_is_read_only_in("113 92 254:0 / / ro - ext4 x rw", 113));
	/* "ro" of the file system is another thing. */
	assert_false(
		view_is_read_only_in("92 1 0:1 / / rw - a b rw\n3 92 0:1 / / rw - a b ro\n", 3));
	assert_false(view_is_read_only_in(
		"92 1 0:1 / / rw - a b rw\n3 92 0:1 / / rox,nro - a b ro\n", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_what_cannot_be_told),
	};

	return cmocka_run_group_tests_name("hook/view", tests, NULL, NULL);
}
