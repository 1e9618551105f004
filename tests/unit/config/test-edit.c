/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "config/config_edit.h"

static const char text[] = "# mine\n"
			   "[bolt.capsule]\n"
			   "# who else\n"
			   "isolation = \"exclusive\"   # nobody\n"
			   "\n"
			   "[bolt.gaming]\n"
			   "dlss_enabled = true\n"
			   "\n"
			   "[services.web.gpu]\n"
			   "isolation = \"shared\"\n";

struct edit_case {
	const char *key, *value; /* NULL: unset */
	const char *from, *to;	 /* what the edit changes in the text; `to` NULL: an error */
	int status;
};

static const struct edit_case cases[] = {
	{ "isolation_level", "gpu-virtual", "\"exclusive\"   # nobody", "\"virtual\"   # nobody",
		0 },
	{ "bolt.capsule.isolation", "shared", "\"exclusive\"   #", "\"shared\"   #", 0 },
	{ "services.web.gpu.isolation", "virtual", "\"shared\"\n", "\"virtual\"\n", 0 },
	{ "dlss_enabled", "off", "dlss_enabled = true\n", "dlss_enabled = false\n", 0 },
	{ "frame_rate_target", "144", "dlss_enabled = true\n",
		"dlss_enabled = true\nframe_rate_target = 144\n", 0 },
	{ "memory_limit", "8GB", "# nobody\n", "# nobody\ngpu_memory_limit = \"8GiB\"\n", 0 },
	{ "devices", "gpu:0,gpu:1", "isolation = \"shared\"\n",
		"isolation = \"shared\"\n\n[runtime.nvbind]\ndevices = [\"gpu:0\", \"gpu:1\"]\n",
		0 },
	{ "isolation", NULL, "isolation = \"exclusive\"   # nobody\n", "", 0 },
	{ "bolt.gaming.dlss_enabled", NULL, "dlss_enabled = true\n", "", 0 },
	{ "services.web.gpu.isolation", NULL, "isolation = \"shared\"\n", "", 0 },
	{ "isolation_level", "exclusive", "", "", 0 },
	{ "compute_limit", "140%", "", NULL, NVB_ERR_USAGE },
	{ "isolatoin", "shared", "", NULL, NVB_ERR_USAGE },
	{ "isolatoin", NULL, "", NULL, NVB_ERR_USAGE },
	{ "name", "Title", "", NULL, NVB_ERR_USAGE },
	{ "frame_rate_target", NULL, "", NULL, NVB_ERR_NOT_FOUND },
	/* A second spelling that contradicts the first. */
	{ "bolt.capsule.isolation_level", "shared", "", NULL, NVB_ERR_FORMAT },
};

static char *replace(const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *result = NULL;

	assert_non_null(at);
	assert_true(
		asprintf(&result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	return result;
}

static void test_edits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct edit_case *c = &cases[i];
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_error_ struct nvb_error *err = NULL;
		_cleanup_free_ char *got = NULL, *expected = NULL;
		int r = c->value ? config_edit_set(a, "f", text, c->key, c->value, &got, &err)
				 : config_edit_unset(a, "f", text, c->key, &got, &err);

		if (r != c->status)
			fail_msg("%s: %d: %s", c->key, r, err ? nvb_error_message(err) : "");
		if (!c->to)
			continue;
		expected = replace(c->from, c->to);
		assert_string_equal(got, expected);
	}
}

static void test_new_file(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_free_ char *got = NULL;

	(void)state;
	assert_int_equal(config_edit_set(a, "f", "", "isolation", "exclusive", &got, NULL), 0);
	assert_string_equal(got, "[bolt.capsule]\nisolation_level = \"exclusive\"\n");
}

/* A file that is wrong already is not made worse. */
static void test_wrong_file(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	char *got = NULL;

	(void)state;
	assert_int_equal(config_edit_set(a, "f", "[bolt.capsule]\ncompute_limit = 0\n", "isolation",
				 "exclusive", &got, &err),
		NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(err), "f:2:1: 'bolt.capsule.compute_limit'"));
	assert_int_equal(config_edit_set(a, "f", "x = [", "isolation", "exclusive", &got, NULL),
		NVB_ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_new_file),
		cmocka_unit_test(test_wrong_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
