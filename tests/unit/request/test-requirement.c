/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows cover what the NVIDIA Container Toolkit 1.20 promises. Where nvbind differs, it does so
 *on purpose:
 *
 *	what				the toolkit		nvbind
 *	an unknown fact			fails: no version	holds, with a warning
 *	a key that is none		left out, silently	left out, with a warning
 *	4 numbers in a version		not a version		a version
 *	"1.2-rc1", "1.2+x"		ordered as SemVer	not a version
 *	brand<x				the order of letters	an error
 *	brand=Tesla			not "tesla"		"tesla"
 *	tabs and newlines		parts of a value	separate groups, as spaces do
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "request/requirement.h"

static const struct requirement_facts machine = {
	.driver_version = "550.163.01",
	.cuda_version = "12.4",
	.arch = "8.0",
	.brand = "tesla",
};

static int check_list(const char *const *texts, size_t n, const struct requirement_facts *facts,
	struct arena *a, struct string_list *warnings, struct nvb_error **err)
{
	struct string_list list = { 0 };

	for (size_t i = 0; i < n; i++)
		assert_int_equal(string_list_add(a, &list, texts[i]), 0);
	return requirement_check(&list, facts, a, warnings, err);
}

static int check(const char *text, const struct requirement_facts *facts, size_t *ret_warnings)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct string_list warnings = { 0 };
	int r;

	r = check_list(&text, 1, facts, a, &warnings, &err);
	assert_int_equal(r < 0, err != NULL);
	*ret_warnings = warnings.n;
	return r;
}

struct row {
	const char *text;
	int status;
	size_t warnings;
};

static void check_rows(const struct row *rows, size_t n, const struct requirement_facts *facts)
{
	for (size_t i = 0; i < n; i++) {
		size_t warnings = 0;
		int r = check(rows[i].text, facts, &warnings);

		if (r != rows[i].status || warnings != rows[i].warnings)
			fail_msg("'%s': got %d with %zu warnings, want %d with %zu", rows[i].text,
				r, warnings, rows[i].status, rows[i].warnings);
	}
}

#define FAILS NVB_ERR_DRIVER
#define BAD   NVB_ERR_USAGE

static void test_operators(void **state)
{
	static const struct row rows[] = {
		{ "cuda=12.4", 0 },
		{ "cuda=12.3", FAILS },
		{ "cuda!=12.3", 0 },
		{ "cuda!=12.4", FAILS },
		{ "cuda<12.5", 0 },
		{ "cuda<12.4", FAILS },
		{ "cuda<=12.4", 0 },
		{ "cuda<=12.3", FAILS },
		{ "cuda>12.3", 0 },
		{ "cuda>12.4", FAILS },
		{ "cuda>=12.4", 0 },
		{ "cuda>=12.5", FAILS },
	};

	(void)state;
	check_rows(rows, ELEMENTS(rows), &machine);
}

/* A driver that is newer than what we know of: it serves CUDA 13.3, or more. */
static void test_lower_bound(void **state)
{
	static const struct requirement_facts newer = {
		.driver_version = "999.88.77",
		.cuda_at_least = "13.3",
	};
	static const struct row rows[] = {
		{ "cuda>=12.0", 0 },
		{ "cuda>=13.3", 0 },
		{ "cuda>=13.4", 0, 1 },
		{ "cuda>13.2", 0 },
		{ "cuda>13.3", 0, 1 },
		{ "cuda<13.3", FAILS },
		{ "cuda<13.4", 0, 1 },
		{ "cuda<=13.2", FAILS },
		{ "cuda<=13.3", 0, 1 },
		{ "cuda=13.2", FAILS },
		{ "cuda=13.3", 0, 1 },
		{ "cuda!=13.2", 0 },
		{ "cuda!=13.3", 0, 1 },
		{ "cuda>=12.0 brand=tesla", 0 },
		{ "arch>=7.0", 0, 1 },
	};
	static const char *const text = "cuda<13.0";
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct string_list warnings = { 0 };

	(void)state;
	check_rows(rows, ELEMENTS(rows), &newer);
	assert_int_equal(check_list(&text, 1, &newer, a, &warnings, &err), FAILS);
	assert_string_equal(nvb_error_message(err),
		"meet the image's requirement 'cuda<13.0': this driver serves CUDA 13.3 or newer");
}

/* By numbers, not by letters; what is not given is 0. */
static void test_versions(void **state)
{
	static const struct row rows[] = {
		{ "cuda>=9.0", 0 },
		{ "cuda<100", 0 },
		{ "cuda>=12", 0 },
		{ "cuda=12.4.0", 0 },
		{ "cuda>=12.4.1", FAILS },
		{ "cuda>=v12.4", 0 },
		{ "cuda=012.04", 0 },
		{ "driver>=550.54.14", 0 },
		{ "driver=550.163.1", 0 },
		{ "driver>550.163.01", FAILS },
		{ "driver<551", 0 },
		{ "driver>=550.163.01.2", FAILS },
		{ "arch>=7.5", 0 },
		{ "arch<8.0", FAILS },
		{ "cuda<4294967295.4294967295.4294967295", 0 },
		{ "cuda>=1.2.3.4.5.6.7.8", 0 },
		{ "cuda>=1.2.3.4.5.6.7.8.9", BAD },
		{ "cuda<4294967296", BAD },
		{ "cuda=twelve", BAD },
		{ "cuda=12.x", BAD },
		{ "cuda=12.", BAD },
		{ "cuda=.4", BAD },
		{ "cuda=12..4", BAD },
		{ "cuda=-1", BAD },
		{ "cuda=+1", BAD },
		{ "cuda=v", BAD },
		{ "cuda=12.4-rc1", BAD },
		{ "cuda=", BAD },
	};

	(void)state;
	check_rows(rows, ELEMENTS(rows), &machine);
}

/* Spaces are "or", commas are "and", and bind closer. */
static void test_logic(void **state)
{
	static const struct row rows[] = {
		{ "", 0 },
		{ "   ", 0 },
		{ ",", 0 },
		{ " , ,, ", 0 },
		{ "cuda>=12,arch>=8", 0 },
		{ "cuda>=12,arch>=9", FAILS },
		{ "cuda>=13,arch>=8", FAILS },
		{ "cuda>=13 arch>=8", 0 },
		{ "cuda>=12 arch>=9", 0 },
		{ "cuda>=13 arch>=9", FAILS },
		{ "cuda>=13 cuda>=12,arch>=8", 0 },
		{ "cuda<13 cuda>=12,arch>=9", 0 },
		{ "cuda>=13,arch>=8 cuda>=12,arch>=9", FAILS },
		{ ",cuda>=12,", 0 },
		{ " cuda>=13  cuda>=12 ", 0 },
		{ "cuda>=13\tcuda>=12\n", 0 },
		{ "brand=tesla", 0 },
		{ "brand=Tesla", 0 },
		{ "brand=tes", FAILS },
		{ "brand=geforce", FAILS },
		{ "brand!=geforce", 0 },
		/* The form of NVIDIA's images. */
		{ "cuda>=12.6 brand=tesla,driver>=535,driver<536 "
		  "brand=tesla,driver>=550,driver<551",
			0 },
		{ "cuda>=12.6 brand=tesla,driver>=535,driver<536 brand=geforce,driver>=550",
			FAILS },
	};

	(void)state;
	check_rows(rows, ELEMENTS(rows), &machine);
}

static void test_grammar(void **state)
{
	static const struct row rows[] = {
		{ "cuda", BAD },
		{ "12.4", BAD },
		{ "=12.4", BAD },
		{ ">=", BAD },
		{ "cuda!12", BAD },
		{ "cuda==12.4", BAD },
		{ "cuda=>12", BAD },
		{ "cuda><12", BAD },
		{ "cuda>=1=2", BAD },
		{ "cuda >=12", BAD },
		{ "brand<x", BAD },
		{ "brand>=tesla", BAD },
		{ "brand=", BAD },
		/* All of it is read, also behind what already holds or fails. */
		{ "cuda>=12 cuda", BAD },
		{ "cuda>=99,cuda=x", BAD },
		{ "foo=1 cuda>=y", BAD },
		{ "word", BAD },
		{ "\x01\x02", BAD },
	};

	(void)state;
	check_rows(rows, ELEMENTS(rows), &machine);
}

/* Keys that are none of ours do not count. */
static void test_foreign_keys(void **state)
{
	static const struct row rows[] = {
		{ "foo=bar", 0, 1 },
		{ "foo=bar bar=foo", 0, 1 },
		{ "CUDA>=99", 0, 1 },
		{ "cuda>=12 foo=bar", 0, 1 },
		{ "foo=bar cuda>=12", 0, 1 },
		{ "cuda>=12,foo=bar", 0, 1 },
		{ "csv-mounts=all", 0, 1 },
		{ "foo=bar cuda>=99", FAILS },
		{ "cuda>=99 foo=bar", FAILS },
		{ "cuda>=99,foo=bar", FAILS },
	};

	(void)state;
	check_rows(rows, ELEMENTS(rows), &machine);
}

/* What nobody knows refuses nothing; a group that is sure goes before one that is not. */
static void test_unknown_facts(void **state)
{
	static const struct requirement_facts driver_alone = { .driver_version = "550.163.01" };
	static const struct requirement_facts odd = { .driver_version = "unknown",
		.brand = "tesla" };
	static const struct row of_driver_alone[] = {
		{ "cuda>=99", 0, 1 },
		{ "cuda>=99,brand=x,arch>=99", 0, 3 },
		{ "driver>=999 cuda>=99", 0, 1 },
		{ "cuda>=99 driver>=550", 0 },
		{ "cuda>=99,driver>=999", FAILS },
		{ "brand=x,driver<1 brand=y,driver<2", FAILS },
		{ "brand=x,driver<1 brand=y,driver>2", 0, 1 },
	};
	static const struct row of_odd[] = {
		{ "driver>=999", 0, 1 },
		{ "driver>=999,brand=x", FAILS },
	};

	(void)state;
	check_rows(of_driver_alone, ELEMENTS(of_driver_alone), &driver_alone);
	check_rows(of_odd, ELEMENTS(of_odd), &odd);
}

/* All of several must hold; none needs nothing. */
static void test_several(void **state)
{
	static const struct {
		const char *texts[3];
		size_t n;
		int status;
	} cases[] = {
		{ { NULL }, 0, 0 },
		{ { "cuda>=12" }, 1, 0 },
		{ { "cuda>=99" }, 1, FAILS },
		{ { "cuda>=12", "arch>=8" }, 2, 0 },
		{ { "cuda>=12", "arch>=9" }, 2, FAILS },
		{ { "cuda>=99", "arch>=8" }, 2, FAILS },
		{ { "", "cuda>=12", "" }, 3, 0 },
		{ { "cuda>=12", "x", "cuda>=12" }, 3, BAD },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct string_list warnings = { 0 };

		assert_int_equal(
			check_list(cases[i].texts, cases[i].n, &machine, a, &warnings, NULL),
			cases[i].status);
	}
}

static void test_messages(void **state)
{
	static const struct {
		const char *text, *message, *hint;
	} cases[] = {
		{ "cuda>=13.0 brand=tesla,driver>=999",
			"meet the image's requirement 'cuda>=13.0': this driver serves CUDA 12.4",
			"install a newer driver or use an older image; NVIDIA_DISABLE_REQUIRE=1 "
			"starts the container without this check" },
		{ "arch>=7,arch<8",
			"meet the image's requirement 'arch<8': the lowest compute capability of "
			"the GPUs is 8.0",
			"select other GPUs or use another image; NVIDIA_DISABLE_REQUIRE=1 starts "
			"the container without this check" },
		{ "cuda\x1b=1,x", "read the image's requirement 'x': not KEY, operator and value",
			"set NVIDIA_DISABLE_REQUIRE=1 to start without this check" },
		{ "cuda=\x1b[2J", "read the image's requirement 'cuda=\\x1b[2J': not a version",
			"set NVIDIA_DISABLE_REQUIRE=1 to start without this check" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_error_ struct nvb_error *err = NULL;
		struct string_list warnings = { 0 };

		assert_true(check_list(&cases[i].text, 1, &machine, a, &warnings, &err) < 0);
		assert_string_equal(nvb_error_message(err), cases[i].message);
		assert_string_equal(nvb_error_get_hint(err), cases[i].hint);
	}
}

/* Each unknown fact and the first unknown key are told once, whatever asks for them. */
static void test_warnings(void **state)
{
	static const char *const texts[] = { "cuda>=1,cuda>=2", "cuda>=3,foo=1", "bar=2" };
	static const struct requirement_facts nothing = { 0 };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct string_list warnings = { 0 };

	(void)state;
	assert_int_equal(check_list(texts, 3, &nothing, a, &warnings, NULL), 0);
	assert_int_equal(warnings.n, 2);
	assert_string_equal(warnings.items[0],
		"the image's requirement on 'cuda' is not checked: unknown on this machine");
	assert_string_equal(
		warnings.items[1], "the image's requirement 'foo=1' is not checked: unknown key");
}

static void test_needs(void **state)
{
	static const char *const texts[] = { "cuda>=12 foo=1", "arch>=7" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct requirement_needs needs = { 0 };
	struct string_list list = { 0 };

	(void)state;
	assert_int_equal(requirement_needs(&list, &needs, NULL), 0);
	assert_false(needs.cuda || needs.driver || needs.arch || needs.brand);
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		assert_int_equal(string_list_add(a, &list, texts[i]), 0);
	assert_int_equal(requirement_needs(&list, &needs, NULL), 0);
	assert_true(needs.cuda && needs.arch);
	assert_false(needs.driver || needs.brand);
	assert_int_equal(string_list_add(a, &list, "brand"), 0);
	assert_int_equal(requirement_needs(&list, &needs, NULL), NVB_ERR_USAGE);
}

static void test_long_text(void **state)
{
	const size_t length = 131072;
	_cleanup_free_ char *text = malloc(length + 1);
	size_t warnings;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < length; i++)
		text[i] = "cuda>1 "[i % 7];
	text[length] = '\0';
	assert_int_equal(check(text, &machine, &warnings), NVB_ERR_LIMIT);
	text[7 * 18000] = '\0';
	assert_int_equal(check(text, &machine, &warnings), 0);
	memset(text, 'x', length - 1);
	text[length - 1] = '\0';
	assert_int_equal(check(text, &machine, &warnings), NVB_ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_lower_bound),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_logic),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_foreign_keys),
		cmocka_unit_test(test_unknown_facts),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
