/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "gpu/nvidia/version.h"

static void test_known_texts(void **state)
{
	static const struct {
		const char *text, *version, *flavor;
	} cases[] = {
		{ "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.163.01  "
		  "Release Build  (dvs-builder@U22-I3-AF03-21-4)  Tue Apr  8 12:41:17 UTC 2025\n"
		  "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n",
			"550.163.01", "open" },
		{ "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  "
		  "Tue Apr  8 12:41:17 UTC 2025\nGCC version:  gcc version 12.2.0\n",
			"550.163.01", "proprietary" },
		{ "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.95.05  Rel\n",
			"580.95.05", "open" },
		{ "NVRM version: NVIDIA UNIX x86_64 Kernel Module  390.157  Wed Oct 12\n",
			"390.157", "proprietary" },
		{ "NVRM version: something else 12.5\n", "12.5", NULL },
		{ "noise\nNVRM version:\t1.2.3\n", "1.2.3", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct nvidia_version v = { 0 };

		assert_true(version_parse(cases[i].text, strlen(cases[i].text), &v));
		assert_string_equal(v.text, cases[i].version);
		if (cases[i].flavor)
			assert_string_equal(v.flavor, cases[i].flavor);
		else
			assert_null(v.flavor);
	}
}

static void test_bad_texts(void **state)
{
	static const char *const cases[] = {
		"",
		"NVRM version:",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module\nGCC version:  gcc 12.2.0\n",
		"GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550\n",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.\n",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  .163\n",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550..163\n",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163-beta\n",
		"NVRM version: 1234567890.1234567890.1234567890.1\n",
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct nvidia_version v = { .text = "kept" };

		assert_false(version_parse(cases[i], strlen(cases[i]), &v));
		assert_string_equal(v.text, "kept");
	}
}

/* Every prefix, in a buffer of exactly its size: the sanitizer sees any byte read beyond it. */
static void test_truncation(void **state)
{
	static const char text[] =
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Tue\n";

	(void)state;
	for (size_t length = 0; length < sizeof(text); length++) {
		_cleanup_free_ char *part = malloc(length ? length : 1);
		struct nvidia_version v = { 0 };

		memcpy(part, text, length);
		assert_int_equal(version_parse(part, length, &v), length >= sizeof(text) - 1);
		assert_string_equal(v.text, length >= sizeof(text) - 1 ? "550.163.01" : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_texts),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_truncation),
	};

	return cmocka_run_group_tests_name("gpu version", tests, NULL, NULL);
}
