/* SPDX-License-Identifier: Apache-2.0 */
/* Which hooks go, and that all others stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json.h"
#include "runtime/predecessor.h"

static void expect(const char *before, size_t removed, const char *after)
{
	struct json_object *config = NULL;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(json_parse(before, strlen(before), &config, NULL), 0);
	assert_int_equal(predecessor_is_present(config), removed > 0);
	assert_int_equal(predecessor_remove_hooks(config), removed);
	assert_false(predecessor_is_present(config));
	assert_int_equal(json_format(config, JSON_PLAIN, &text, NULL, NULL), 0);
	json_putp(&config);
	assert_string_equal(text, after);
}

static void test_removed(void **state)
{
	(void)state;
	expect("{\"hooks\":{\"prestart\":[{\"path\":\"/usr/bin/nvidia-container-runtime-hook\","
	       "\"args\":[\"x\",\"prestart\"]},{\"path\":\"/bin/mine\",\"timeout\":1},"
	       "{\"path\":\"/opt/nvidia-container-toolkit\"}],"
	       "\"createRuntime\":[{\"path\":\"nvidia-container-toolkit\"}]}}",
		3,
		"{\"hooks\":{\"prestart\":[{\"path\":\"/bin/mine\",\"timeout\":1}],"
		"\"createRuntime\":[]}}");
}

static void test_kept(void **state)
{
	static const char *const documents[] = {
		"{}",
		"[]",
		"{\"hooks\":null}",
		"{\"hooks\":[]}",
		"{\"hooks\":{\"prestart\":{}}}",
		"{\"hooks\":{\"prestart\":[7,null,{},{\"path\":1}]}}",
		"{\"hooks\":{\"prestart\":[{\"path\":\"/nvidia-container-runtime-hook/x\"},"
		"{\"path\":\"/usr/bin/nvidia-container-runtime-hook2\"}]}}",
		/* What a CDI specification brings is asked for. */
		"{\"hooks\":{\"createContainer\":[{\"path\":\"/usr/bin/nvidia-cdi-hook\"},"
		"{\"path\":\"/usr/bin/nvidia-container-toolkit\"}]}}",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(documents); i++)
		expect(documents[i], 0, documents[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests_name("runtime/predecessor", tests, NULL, NULL);
}
