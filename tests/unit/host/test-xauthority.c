/* SPDX-License-Identifier: Apache-2.0 */
/* Files of X11 cookies: one cookie of many, and damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "host/xauthority.h"

#define INTERNET "\x00\x00"
#define LOCAL	 "\x01\x00"
#define WILD	 "\xff\xff"
#define NAME	 "\x00\x12MIT-MAGIC-COOKIE-1"
#define HOST	 "\x00\x02me"
#define NUMBER	 "\x00\x01" "0"

/* The cookie that a container gets; "": none. */
static void assert_cookie(const char *data, size_t length, const char *display, const char *expected)
{
	_cleanup_free_ char *file = NULL;
	size_t file_length = 0;
	int r = xauthority_make(data, length, display, "me", &file, &file_length);

	if (!*expected) {
		assert_int_equal(r, 0);
		assert_null(file);
		return;
	}
	assert_int_equal(r, 1);
	assert_memory_equal(file, WILD "\x00\x00", 4);
	assert_true(file_length > strlen(expected));
	assert_memory_equal(file + file_length - strlen(expected), expected, strlen(expected));
	/* What was made can be read again. */
	free(file);
	file = NULL;
	r = xauthority_make(data, length, display, "me", &file, &file_length);
	assert_int_equal(r, 1);
}

#define assert_cookie_of(data, display, expected) \
	assert_cookie((data), sizeof(data) - 1, (display), (expected))

static void test_one(void **state)
{
	(void)state;
	assert_cookie_of(LOCAL HOST NUMBER NAME "\x00\x04" "good", ":0", "good");
	assert_cookie_of(LOCAL HOST NUMBER NAME "\x00\x04" "good", "unix:0.0", "good");
	assert_cookie_of(WILD "\x00\x00" NUMBER NAME "\x00\x04" "good", ":0", "good");
	assert_cookie_of(LOCAL HOST "\x00\x00" NAME "\x00\x04" "good", ":7", "good");
}

/* Cookies of other machines, displays and methods are nothing for the container. */
static void test_others(void **state)
{
	(void)state;
	assert_cookie_of(INTERNET "\x00\x04\x0a\x00\x00\x01" NUMBER NAME "\x00\x04" "evil", ":0", "");
	assert_cookie_of(LOCAL HOST "\x00\x01" "1" NAME "\x00\x04" "evil", ":0", "");
	assert_cookie_of(LOCAL HOST "\x00\x02" "00" NAME "\x00\x04" "evil", ":0", "");
	assert_cookie_of(LOCAL HOST NUMBER "\x00\x03" "XDM" "\x00\x04" "evil", ":0", "");
	assert_cookie_of(LOCAL HOST NUMBER NAME "\x00\x00", ":0", "");
}

/* A machine that had other names: its own entry counts, else the newest. */
static void test_host_names(void **state)
{
	(void)state;
	assert_cookie_of(LOCAL HOST NUMBER NAME "\x00\x04" "mine"
			 LOCAL "\x00\x03old" NUMBER NAME "\x00\x04" "past", ":0", "mine");
	assert_cookie_of(LOCAL "\x00\x03old" NUMBER NAME "\x00\x04" "past"
			 LOCAL "\x00\x03new" NUMBER NAME "\x00\x04" "last", ":0", "last");
}

static void test_only_one_is_given(void **state)
{
	static const char data[] = LOCAL HOST "\x00\x01" "1" NAME "\x00\x05" "other"
				   LOCAL HOST NUMBER NAME "\x00\x04" "good";
	_cleanup_free_ char *file = NULL;
	size_t length = 0;

	(void)state;
	assert_int_equal(
		xauthority_make(data, sizeof(data) - 1, ":0", "me", &file, &length), 1);
	assert_int_equal(length, 2 + 2 + 3 + 20 + 6);
	assert_null(memmem(file, length, "other", 5));
}

/* Cut off anywhere, a file gives a whole cookie or none. */
static void test_cut_off(void **state)
{
	static const char data[] = LOCAL HOST NUMBER NAME "\x00\x04" "good"
				   LOCAL HOST NUMBER NAME "\xff\xff" "evil";
	const size_t first = 2 + 4 + 3 + 20 + 6;

	(void)state;
	for (size_t length = 0; length < sizeof(data); length++) {
		/* On the heap, so that reading behind it is seen. */
		char *copy = malloc(length ? length : 1);

		assert_non_null(copy);
		memcpy(copy, data, length);
		assert_cookie(copy, length, ":0", length < first ? "" : "good");
		free(copy);
	}
}

static void test_displays(void **state)
{
	static const char *const none[] = { "", "0", ":", ":x" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(none); i++)
		assert_cookie_of(LOCAL HOST NUMBER NAME "\x00\x04" "good", none[i], "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_only_one_is_given),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_displays),
	};

	return cmocka_run_group_tests_name("host/xauthority", tests, NULL, NULL);
}
