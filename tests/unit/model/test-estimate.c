/* SPDX-License-Identifier: Apache-2.0 */
#include "gguf-sample.h"

#include "model/estimate.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static const struct model_load plain = { .context = 8192, .parallel = 1, .n_gpus = 1 };

static struct model_estimate estimate(
	struct gguf_sample *s, const struct model_facts *facts, const struct model_load *load)
{
	struct model_estimate e = { 0 };

	nvb_error_clear(&s->err);
	if (model_estimate(facts, load, s->a, &e, &s->err) != 1)
		fail_msg("%s", s->err ? nvb_error_message(s->err) : "nothing is known");
	return e;
}

static uint64_t term(const struct model_estimate *e, const char *what)
{
	vec_foreach (const struct memory_term, t, &e->terms)
		if (strcmp(t->what, what) == 0)
			return t->bytes;
	fail_msg("no term '%s'", what);
	return 0;
}

/* 32 layers, 8192 tokens, 8 heads, 2 x 128 numbers of 2 bytes. */
static void test_llama(void **state)
{
	struct gguf_sample *s = *state;
	struct model_facts facts = { .gguf = &s->info, .weights_bytes = 4920739072 };
	struct model_load load = plain;
	struct model_estimate e;
	uint64_t sum = 0;

	put_llama(s);
	assert_read(s);
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "keys and values") == GIB);
	assert_true(term(&e, "weights") == 4920739072);
	assert_false(e.is_guess);
	vec_foreach (const struct memory_term, t, &e.terms) {
		assert_non_null(t->source);
		sum += t->bytes;
	}
	assert_true(sum == e.total_bytes);
	assert_true(e.total_bytes > 6 * GIB && e.total_bytes < 8 * GIB);
	load.kv = KV_Q8_0;
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "keys and values") == 544 * MIB);
	load.kv = KV_Q4_0;
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "keys and values") == 288 * MIB);
}

static void test_load(void **state)
{
	struct gguf_sample *s = *state;
	struct model_facts facts = { .gguf = &s->info, .weights_bytes = GIB };
	struct model_load load = plain;
	struct model_estimate e;
	uint64_t computing;

	put_llama(s);
	assert_read(s);
	load.parallel = 4;
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "keys and values") == 4 * GIB);
	computing = term(&e, "computing");
	load.flash_attention = true;
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "computing") < computing / 4);
	load.n_gpus = 3;
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "driver and libraries") == 3 * 512 * MIB);
}

static void test_window(void **state)
{
	struct gguf_sample *s = *state;
	struct model_facts facts = { .gguf = &s->info, .weights_bytes = GIB };
	struct model_load load = plain;
	struct model_estimate e;

	put_llama(s);
	assert_read(s);
	/* 24 of 32 layers see 512 tokens and the batch: 8 x 8192 + 24 x 1024 of 32 x 8192. */
	s->info.window = (struct gguf_number){ .sum = 512, .n = 1 };
	s->info.window_layers = (struct gguf_number){ .sum = 24, .n = 32, .is_array = true };
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "keys and values") == GIB / 32 * 11);
	/* Which layers have one is not said: none is assumed to. */
	s->info.window_layers = (struct gguf_number){ 0 };
	e = estimate(s, &facts, &load);
	assert_true(term(&e, "keys and values") == GIB);
}

static void test_little_known(void **state)
{
	struct gguf_sample *s = *state;
	struct gguf_info info = { .architecture = "x" };
	struct model_facts facts = { .gguf = &info, .weights_bytes = GIB };
	struct model_estimate e = estimate(s, &facts, &plain);

	assert_true(e.is_guess);
	assert_non_null(strstr(e.terms.items[1].source, "guess"));
}

static void test_names(void **state)
{
	struct gguf_sample *s = *state;
	struct name_guess guess = { .parameters = UINT64_C(8000000000),
		.precision = "Q4_K_M",
		.bits_per_1000 = 4890,
		.precision_is_assumed = true };
	struct model_facts facts = { .guess = &guess };
	struct model_estimate e = estimate(s, &facts, &plain);

	assert_true(e.is_guess);
	assert_true(term(&e, "weights") == 4890000000);
	assert_true(term(&e, "keys and values") == GIB);
	assert_non_null(strstr(e.terms.items[0].source, "assumed"));
	/* The seeds' 4 GB for 7B at 16 bits is too little. */
	guess = (struct name_guess){ UINT64_C(7000000000), "F16", 16000, false };
	e = estimate(s, &facts, &plain);
	assert_true(term(&e, "weights") == 14000000000);
	guess.parameters = 0;
	assert_int_equal(model_estimate(&facts, &plain, s->a, &e, NULL), 0);
}

/* Numbers at the bounds of what the parser lets through. */
static void test_hostile(void **state)
{
	struct gguf_sample *s = *state;
	const struct gguf_number large = { .sum = UINT64_C(1) << 32, .n = 1 };
	struct gguf_info info = { .architecture = "x",
		.blocks = large,
		.heads = large,
		.kv_heads = large,
		.embedding = large,
		.key_length = large,
		.value_length = large };
	struct model_facts facts = { .gguf = &info, .weights_bytes = UINT64_MAX };
	struct model_load load = { .context = 1 << 24, .parallel = 4096, .n_gpus = 1 };
	struct model_estimate e;

	assert_int_equal(model_estimate(&facts, &load, s->a, &e, &s->err), NVB_ERR_LIMIT);
	nvb_error_clear(&s->err);
	facts.weights_bytes = UINT64_MAX;
	info = (struct gguf_info){ .architecture = "x" };
	assert_int_equal(model_estimate(&facts, &plain, s->a, &e, &s->err), NVB_ERR_LIMIT);
}

static void test_kv_types(void **state)
{
	enum kv_type type;

	(void)state;
	assert_int_equal(kv_type_parse("q8_0", &type, NULL), 0);
	assert_int_equal(type, KV_Q8_0);
	assert_string_equal(kv_type_name(type), "q8_0");
	assert_int_equal(kv_type_parse("q5_0", &type, NULL), NVB_ERR_USAGE);
	assert_int_equal(kv_type_parse("", &type, NULL), NVB_ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_llama),
		TEST(test_load),
		TEST(test_window),
		TEST(test_little_known),
		TEST(test_names),
		TEST(test_hostile),
		TEST(test_kv_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
