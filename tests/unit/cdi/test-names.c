/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cdi/document.h"

static char *repeat(char c, size_t n)
{
	char *text = malloc(n + 1);

	assert_non_null(text);
	memset(text, c, n);
	text[n] = '\0';
	return text;
}

static void test_vendor_and_class(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "vendor.com", true },
		{ "v", true },
		{ "V0", true },
		{ "a_b-c.d1", true },
		{ "a..b", true },
		{ "", false },
		{ "1vendor", false },
		{ "-a", false },
		{ "_a", false },
		{ ".a", false },
		{ "a-", false },
		{ "a.", false },
		{ "a/b", false },
		{ "a=b", false },
		{ "a:b", false },
		{ "a b", false },
		{ "\303\251a", false },
		{ "a\303\251", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(
			cdi_is_vendor(cases[i].text, strlen(cases[i].text)), cases[i].good);
		assert_int_equal(cdi_is_class(cases[i].text, strlen(cases[i].text)), cases[i].good);
	}
	/* Only the given length counts, and a NUL in it is no letter. */
	assert_true(cdi_is_vendor("vendor/", 6));
	assert_false(cdi_is_vendor("a\0b", 3));
}

static void test_lengths(void **state)
{
	_cleanup_free_ char *text = repeat('a', 254);

	(void)state;
	assert_true(cdi_is_vendor(text, 253));
	assert_false(cdi_is_vendor(text, 254));
	assert_true(cdi_is_class(text, 63));
	assert_false(cdi_is_class(text, 64));
}

static void test_device_name(void **state)
{
	static const char *const good[] = { "0", "all", "gpu0", "0:1", "GPU-8a2d.x_y", "A",
		"a:b-c" };
	static const char *const bad[] = { "", ":0", "0:", "-a", "a-", "a_", "a=b", "a/b", "a b",
		"\xff", "a,b" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(good); i++)
		assert_true(cdi_is_device_name(good[i]));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(cdi_is_device_name(bad[i]));
}

static void test_split(void **state)
{
	static const char *const bad[] = { "", "a", "a/b", "a=b", "=", "/=", "a/=c", "/b=c",
		"a/b=", "a/b/c=d", "a/b=c=d", "/dev/x=y", "a=b/c", "1/b=c", "a/b=c/d", "a/b= c" };
	const char *class_name, *device, *text = "nvidia.com/gpu-bolt=0:1";
	size_t vendor_length, class_length;

	(void)state;
	assert_true(cdi_split_qualified(text, &vendor_length, &class_name, &class_length, &device));
	assert_int_equal(vendor_length, strlen("nvidia.com"));
	assert_ptr_equal(class_name, text + strlen("nvidia.com/"));
	assert_int_equal(class_length, strlen("gpu-bolt"));
	assert_string_equal(device, "0:1");
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		if (cdi_split_qualified(
			    bad[i], &vendor_length, &class_name, &class_length, &device))
			fail_msg("accepted: '%s'", bad[i]);
}

static void test_format_of_path(void **state)
{
	enum cdi_format format;

	(void)state;
	assert_true(cdi_format_of_path("/etc/cdi/a.b.json", &format));
	assert_int_equal(format, CDI_FORMAT_JSON);
	assert_true(cdi_format_of_path("a.yaml", &format));
	assert_int_equal(format, CDI_FORMAT_YAML);
	assert_false(cdi_format_of_path("a.yml", &format));
	assert_false(cdi_format_of_path("a.json.tmp", &format));
	assert_false(cdi_format_of_path("/x.json/a", &format));
	assert_false(cdi_format_of_path("a.JSON", &format));
	assert_false(cdi_format_of_path("json", &format));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vendor_and_class),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_device_name),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_format_of_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
