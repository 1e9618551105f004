/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What container_request_is_possible() rules out. That it rules out nothing else is checked with
 * every row of the other tests of requests: see case_make().
 */
#include "container-case.h"

#define HEAD "{\"process\": {\"env\": [\"PATH=/bin\", \""
#define TAIL "\"]}}"

static bool is_possible(const char *json)
{
	return container_request_is_possible(json, strlen(json), &container_policy_default);
}

static void test_words(void **state)
{
	static const char *const words[] = { "NVBIND_GPU=", "NVIDIA_VISIBLE_DEVICES=",
		"AMD_VISIBLE_DEVICES=", "CUDA_VERSION=",
#define X(variable, vendor, grammar) variable "=",
		CONTAINER_REQUEST_FILTERS(X)
#undef X
			"nvidia-container-devices",
		"cdi.k8s.io" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(words); i++) {
		const size_t length = strlen(words[i]);

		(void)snprintf(text, sizeof(text), HEAD "%s" TAIL, words[i]);
		assert_true(is_possible(text));
		(void)snprintf(text, sizeof(text), HEAD "%.*s" TAIL, (int)length - 1, words[i]);
		assert_false(is_possible(text));
		(void)snprintf(text, sizeof(text), HEAD "%s" TAIL, words[i] + 1);
		assert_false(is_possible(text));
	}
}

static void test_escapes(void **state)
{
	static const struct {
		const char *json;
		bool possible;
	} cases[] = {
		{ HEAD "a \\\"b\\\" \\\\ \\n \\/ \\t" TAIL, false },
		{ HEAD "a \\u0026\\u0026 b \\u003c \\u003E \\u00e9 \\ud83d\\ude00" TAIL, false },
		/* 'V', '_', '=', '-', '.', '0'. */
		{ HEAD "N\\u0056BIND_GPU=all" TAIL, true },
		{ HEAD "NVBIND\\u005FGPU=all" TAIL, true },
		{ HEAD "NVBIND_GPU\\u003dall" TAIL, true },
		{ HEAD "\\u002d" TAIL, true },
		{ HEAD "\\u002e" TAIL, true },
		{ HEAD "\\u0030" TAIL, true },
		/* A backslash and a text: no escape, and not looked at closely. */
		{ HEAD "\\\\u0041" TAIL, true },
		/* Cut off: whatever it is to become. */
		{ HEAD "\\u00", true },
		{ HEAD "\\u", true },
		{ HEAD "\\", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		if (is_possible(cases[i].json) != cases[i].possible)
			fail_msg("%s", cases[i].json);
}

static void test_zero_byte(void **state)
{
	static const char json[] = "{\0\"NVBIND_GPU=all\"";

	(void)state;
	assert_true(
		container_request_is_possible(json, sizeof(json) - 1, &container_policy_default));
}

static void test_policy(void **state)
{
	static const char *resources[] = { "DOCKER_RESOURCE_GPU" }, *short_word[] = { "GPU" },
			  *prefixes[] = { "acme.com/gpu" }, *slash[] = { "/acme" };
	struct container_policy policy = container_policy_default;
	const char *text = HEAD "DOCKER_RESOURCE_GPU=0" TAIL, *none = HEAD "A=1" TAIL;

	(void)state;
	assert_false(is_possible(text));
	policy.swarm_resources = (struct string_list){ .items = resources, .n = 1 };
	assert_true(container_request_is_possible(text, strlen(text), &policy));
	assert_false(container_request_is_possible(none, strlen(none), &policy));
	/* Too short to be searched for. */
	policy.swarm_resources = (struct string_list){ .items = short_word, .n = 1 };
	assert_true(container_request_is_possible(none, strlen(none), &policy));
	policy.swarm_resources = (struct string_list){ 0 };
	/* A slash may be written "\/". */
	policy.annotation_prefixes = (struct string_list){ .items = prefixes, .n = 1 };
	text = "{\"annotations\": {\"acme.com\\/gpu\": \"\"}}";
	assert_true(container_request_is_possible(text, strlen(text), &policy));
	text = "{\"annotations\": {\"cdi.k8s.io/x\": \"\"}}";
	assert_false(container_request_is_possible(text, strlen(text), &policy));
	policy.annotation_prefixes = (struct string_list){ .items = slash, .n = 1 };
	assert_true(container_request_is_possible(text, strlen(text), &policy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_zero_byte),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
