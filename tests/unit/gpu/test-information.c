/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/nvidia/information.h"

#define UUID "GPU-3c8087a3-c7f5-4a11-a503-7398246b1555"

static const char whole[] = "Model: \t\t NVIDIA H100 80GB HBM3\n"
			    "IRQ:   \t\t 264\n"
			    "GPU UUID: \t " UUID "\n"
			    "Video BIOS: \t 96.00.89.00.01\n"
			    "Bus Type: \t PCIe\n"
			    "DMA Size: \t 52 bits\n"
			    "DMA Mask: \t 0xfffffffffffff\n"
			    "Bus Location: \t 0000:1b:00.0\n"
			    "Device Minor: \t 2\n"
			    "GPU Firmware: \t 550.163.01\n"
			    "GPU Excluded:\t No\n";

static int setup(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static struct information parse(struct arena *a, const char *text)
{
	struct information info;

	assert_int_equal(information_parse(text, strlen(text), a, &info), 0);
	return info;
}

static void test_whole(void **state)
{
	struct information info = parse(*state, whole);

	assert_string_equal(info.model, "NVIDIA H100 80GB HBM3");
	assert_string_equal(info.uuid, UUID);
	assert_int_equal(info.minor, 2);
	assert_false(info.excluded);
	assert_null(info.missing);
}

static void test_what_the_driver_does_not_know(void **state)
{
	struct information info = parse(*state,
		"Model: \t\t Unknown\n"
		"GPU UUID: \t GPU-" "????????" "-" "????" "-" "????" "-" "????" "-" "????????????\n"
		"Video BIOS: \t ??.??.??.??.??\n"
		"Device Minor: \t 0\n"
		"GPU Firmware: \t N/A\n"
		"GPU Excluded:\t Yes\n");

	assert_null(info.model);
	assert_null(info.uuid);
	assert_int_equal(info.minor, 0);
	assert_true(info.excluded);
	assert_null(info.missing);
}

static void test_missing_is_named(void **state)
{
	static const char *const cases[] = {
		"",
		"\n\n\n",
		"Device Minor",
		"Device Minor:\n",
		"Device Minor: x\n",
		"Device Minor: -1\n",
		"Device Minor: 248\n",
		"Device Minor: 255\n",
		"Device Minor: 99999999999999999999\n",
		"Device Minor: 1 2\n",
		"XDevice Minor: 1\n",
		"Device  Minor: 1\n",
		": 1\n",
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct information info = parse(*state, cases[i]);

		assert_int_equal(info.minor, -1);
		assert_string_equal(info.missing, "Device Minor");
	}
}

static void test_odd_lines(void **state)
{
	struct information info = parse(*state,
		"no colon at all\r\n"
		"  Model:   A: B  \r\n"
		"Model: second\n"
		"Device Minor:7\r\n"
		"GPU UUID: GPU-zc8087a3-c7f5-4a11-a503-7398246b1555\n"
		"GPU UUID: " UUID "\n"
		"GPU Excluded: Yes\n"
		"GPU Excluded: No\n");

	assert_string_equal(info.model, "A: B");
	assert_int_equal(info.minor, 7);
	assert_true(info.excluded);
	assert_null(parse(*state, "Model: a\001b\n").model);
	/* The first line of a name counts, also when its value is none. */
	assert_null(info.uuid);
}

static void test_overlong_value_is_no_value(void **state)
{
	char text[600];
	struct information info;

	memset(text, 'x', sizeof(text));
	memcpy(text, "Model: ", 7);
	memcpy(text + sizeof(text) - 18, "\nDevice Minor: 3\n", 18);
	info = parse(*state, text);
	assert_null(info.model);
	assert_int_equal(info.minor, 3);
}

static void test_nul_bytes(void **state)
{
	static const char text[] = "Model: a\0b\nDevice Minor: 4\n";
	struct information info;

	assert_int_equal(information_parse(text, sizeof(text) - 1, *state, &info), 0);
	assert_null(info.model);
	assert_int_equal(info.minor, 4);
}

/* Every prefix, in a buffer of exactly its size. What is told is never half a value's guess. */
static void test_truncation(void **state)
{
	static const char line[] = "Minor: \t 2\n";
	const size_t minor_end = (size_t)(strstr(whole, line) - whole) + strlen(line);

	for (size_t length = 0; length < sizeof(whole); length++) {
		_cleanup_free_ char *part = malloc(length ? length : 1);
		struct information info;

		memcpy(part, whole, length);
		assert_int_equal(information_parse(part, length, *state, &info), 0);
		assert_int_equal(info.minor, length >= minor_end ? 2 : -1);
		assert_int_equal(info.missing == NULL, length >= minor_end);
		if (info.uuid)
			assert_string_equal(info.uuid, UUID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_the_driver_does_not_know, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlong_value_is_no_value, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nul_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncation, setup, teardown),
	};

	return cmocka_run_group_tests_name("gpu information", tests, NULL, NULL);
}
