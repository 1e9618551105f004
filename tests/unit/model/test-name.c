/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "model/name.h"

static int set_up(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static void assert_name(struct arena *a, const char *text, const char *host, const char *space,
	const char *model, const char *tag)
{
	struct model_name name;

	assert_int_equal(model_name_parse(a, text, &name, NULL), 0);
	assert_string_equal(name.host, host);
	assert_string_equal(name.name_space, space);
	assert_string_equal(name.model, model);
	assert_string_equal(name.tag, tag);
}

static void test_names(void **state)
{
	assert_name(*state, "llama3.1", "registry.ollama.ai", "library", "llama3.1", "latest");
	assert_name(*state, "llama3.1:8b", "registry.ollama.ai", "library", "llama3.1", "8b");
	assert_name(*state, "mine/model:v1", "registry.ollama.ai", "mine", "model", "v1");
	assert_name(
		*state, "hf.co/some/Model-GGUF:Q4_K_M", "hf.co", "some", "Model-GGUF", "Q4_K_M");
	assert_name(*state, "localhost:5000/a/b", "localhost:5000", "a", "b", "latest");
}

/* Parts become directories' names: none may lead elsewhere. */
static void test_refused(void **state)
{
	static const char *const texts[] = { "", "..", "../x", "a/../b", "a/b/../c", "/etc/passwd",
		"a//b", "x:", ":x", "x:..", "a/b/c/d", "./x", "a b", "x:a/b", "\xc3\xa9",
		"x@sha256:0", "..:..", "a/..", "-x", "x:-y", "a:5/b" };

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct model_name name;

		if (model_name_parse(*state, texts[i], &name, &err) != NVB_ERR_USAGE)
			fail_msg("'%s' is accepted", texts[i]);
	}
}

static void test_long(void **state)
{
	char text[82];
	struct model_name name;

	memset(text, 'a', sizeof(text));
	text[81] = '\0';
	assert_int_equal(model_name_parse(*state, text, &name, NULL), NVB_ERR_USAGE);
	text[80] = '\0';
	assert_int_equal(model_name_parse(*state, text, &name, NULL), 0);
}

static void assert_guess(
	struct arena *a, const char *text, uint64_t millions, const char *precision)
{
	struct name_guess guess;
	struct model_name name;

	assert_int_equal(model_name_parse(a, text, &name, NULL), 0);
	guess = model_name_guess(&name);
	if (guess.parameters != millions * 1000000)
		fail_msg("'%s': %llu", text, (unsigned long long)guess.parameters);
	assert_string_equal(guess.precision, precision);
}

static void test_guesses(void **state)
{
	assert_guess(*state, "llama3.1:70b", 70000, "Q4_K_M");
	assert_guess(*state, "llama3.1:8b-instruct-q8_0", 8000, "Q8_0");
	assert_guess(*state, "llama3.1:8b-instruct-fp16", 8000, "F16");
	assert_guess(*state, "qwen2.5:0.5b", 500, "Q4_K_M");
	assert_guess(*state, "mixtral:8x7b", 56000, "Q4_K_M");
	assert_guess(*state, "smollm:360m", 360, "Q4_K_M");
	assert_guess(*state, "hf.co/x/Llama-3.2-1B-Instruct-GGUF:Q6_K", 1000, "Q6_K");
	assert_guess(*state, "mistral", 0, "Q4_K_M");
	assert_guess(*state, "phi3", 0, "Q4_K_M");
	assert_guess(*state, "model:4bit", 0, "Q4_K_M");
	assert_guess(*state, "x:99999999999999999999b", 0, "Q4_K_M");
	assert_guess(*state, "x:99999x99999b", 0, "Q4_K_M");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_refused),
		TEST(test_long),
		TEST(test_guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
