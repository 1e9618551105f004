/* SPDX-License-Identifier: Apache-2.0 */
#include "gguf-sample.h"

static void test_llama(void **state)
{
	struct gguf_sample *s = *state;
	const struct gguf_info *i = &s->info;

	put_llama(s);
	assert_read(s);
	assert_int_equal(i->version, 3);
	assert_string_equal(i->architecture, "llama");
	assert_string_equal(i->precision, "Q4_K_M");
	assert_int_equal(i->n_tensors, 2);
	assert_int_equal(i->tensor_bytes, 4096);
	assert_int_equal(i->vocabulary, 3);
	assert_int_equal(i->blocks.sum, 32);
	assert_int_equal(i->context.sum, 8192);
	assert_int_equal(i->embedding.sum, 4096);
	assert_int_equal(i->heads.sum, 32);
	assert_int_equal(i->kv_heads.sum, 8);
	assert_false(i->kv_heads.is_array);
	assert_int_equal(i->key_length.n, 0);
}

static void test_order_and_arrays(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 2, 0, 6);
	put_u32(s, "gemma3.block_count", 4);
	put_u32(s, "clip.block_count", 99);
	put_array(s, "gemma3.attention.head_count_kv", U32, 4);
	for (unsigned i = 1; i <= 4; i++)
		put(s, i, 4);
	put_u32(s, "gemma3.attention.sliding_window", 1024);
	put_array(s, "gemma3.attention.sliding_window_pattern", BOOL, 4);
	put(s, 0x00010101, 4);
	put_string(s, "general.architecture", "gemma3");
	assert_read(s);
	assert_int_equal(s->info.blocks.sum, 4);
	assert_true(s->info.kv_heads.is_array);
	assert_int_equal(s->info.kv_heads.sum, 10);
	assert_int_equal(s->info.window.sum, 1024);
	assert_int_equal(s->info.window_layers.sum, 3);
	assert_int_equal(s->info.tensor_bytes, 0);
	assert_null(s->info.precision);
}

/* Numbers of another architecture say nothing of this one. */
static void test_other_prefix(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 3, 0, 2);
	put_u32(s, "clip.block_count", 99);
	put_string(s, "general.architecture", "llama");
	assert_read(s);
	assert_int_equal(s->info.blocks.n, 0);
}

static void test_no_file_of_ours(void **state)
{
	struct gguf_sample *s = *state;

	assert_refused(s, NVB_ERR_FORMAT, "end of the file");
	strbuf_str_add(&s->file, "GGML\3\0\0\0");
	assert_refused(s, NVB_ERR_FORMAT, "no GGUF");
	put_start(s, 1, 0, 0);
	assert_refused(s, NVB_ERR_UNSUPPORTED, "version 1");
	put_start(s, 4, 0, 0);
	assert_refused(s, NVB_ERR_UNSUPPORTED, "version 4");
	put_start(s, UINT32_C(3) << 24, 0, 0);
	assert_refused(s, NVB_ERR_UNSUPPORTED, "byte order");
}

static void test_counts(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 3, UINT64_C(1) << 60, 0);
	assert_refused(s, NVB_ERR_FORMAT, "1152921504606846976");
	put_start(s, 3, UINT64_MAX, UINT64_MAX);
	assert_refused(s, NVB_ERR_FORMAT, "number of tensors");
	put_start(s, 3, 0, UINT64_MAX);
	assert_refused(s, NVB_ERR_FORMAT, "number of keys");
	put_start(s, 3, 0, 1);
	assert_refused(s, NVB_ERR_FORMAT, "number of keys");
}

static void test_lengths(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 3, 0, 1);
	put(s, UINT64_MAX, 8);
	put(s, 0, 8);
	assert_refused(s, NVB_ERR_FORMAT, "a key");
	put_start(s, 3, 0, 1);
	put_key(s, "x", STRING);
	put(s, UINT64_C(1) << 40, 8);
	assert_refused(s, NVB_ERR_FORMAT, "end of the file");
	put_start(s, 3, 0, 1);
	put_array(s, "tokenizer.ggml.tokens", STRING, UINT64_C(1) << 61);
	assert_refused(s, NVB_ERR_FORMAT, "tokenizer.ggml.tokens");
	put_start(s, 3, 0, 1);
	put_array(s, "x", U64, UINT64_C(0x2000000000000001));
	put(s, 0, 8);
	assert_refused(s, NVB_ERR_FORMAT, "claims");
}

static void test_types(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 3, 0, 1);
	put_key(s, "some.key", 13);
	assert_refused(s, NVB_ERR_FORMAT, "unknown type 13");
	put_start(s, 3, 0, 1);
	put_array(s, "some.key", 99, 1);
	assert_refused(s, NVB_ERR_FORMAT, "unknown type 99");
	put_start(s, 3, 0, 1);
	put_key(s, "general.architecture", U32);
	put(s, 1, 8);
	assert_refused(s, NVB_ERR_FORMAT, "no string");
	put_start(s, 3, 0, 1);
	put_string(s, "general.architecture", "../../etc");
	assert_refused(s, NVB_ERR_FORMAT, "no name");
}

static void test_nesting(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 3, 0, 1);
	put_array(s, "deep", ARRAY, 1);
	for (size_t i = 0; i < 1000; i++) {
		put(s, ARRAY, 4);
		put(s, 1, 8);
	}
	assert_refused(s, NVB_ERR_FORMAT, "nested deeper");
	put_start(s, 3, 0, 1);
	put_array(s, "shallow", ARRAY, 2);
	for (size_t i = 0; i < 2; i++) {
		put(s, U32, 4);
		put(s, 1, 8);
		put(s, 7, 4);
	}
	assert_read(s);
}

static void test_numbers(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 3, 0, 1);
	put_key(s, "llama.block_count", U64);
	put(s, UINT64_C(1) << 60, 8);
	assert_refused(s, NVB_ERR_FORMAT, "no model has so many");
	put_start(s, 3, 0, 1);
	put_key(s, "llama.block_count", 5);
	put(s, UINT32_MAX, 4);
	put(s, 0, 8);
	assert_refused(s, NVB_ERR_FORMAT, "negative");
	put_start(s, 3, 0, 1);
	put_array(s, "llama.attention.head_count_kv", BOOL, 70000);
	for (size_t i = 0; i < 8750; i++)
		put(s, 0, 8);
	assert_refused(s, NVB_ERR_FORMAT, "70000 items");
	put_start(s, 3, 0, 1);
	put_u32(s, "general.alignment", 0);
	assert_refused(s, NVB_ERR_FORMAT, "alignment");
	/* A word where a number should be says nothing. */
	put_start(s, 3, 0, 2);
	put_string(s, "general.architecture", "llama");
	put_string(s, "llama.block_count", "many");
	assert_read(s);
	assert_int_equal(s->info.blocks.n, 0);
}

static void test_tensors(void **state)
{
	struct gguf_sample *s = *state;

	put_llama(s);
	strbuf_truncate(&s->file, s->file.length - 2048);
	assert_refused(s, NVB_ERR_FORMAT, "cut off");
	put_start(s, 3, 1, 0);
	put_tensor(s, "x", UINT64_MAX);
	put(s, 0, 8);
	assert_refused(s, NVB_ERR_FORMAT, "behind the end");
	put_start(s, 3, 1, 0);
	put_text(s, "x");
	put(s, UINT32_MAX, 4);
	put(s, 0, 8);
	put(s, 0, 8);
	assert_refused(s, NVB_ERR_FORMAT, "4294967295 dimensions");
}

/* Every part that is missing is found. */
static void test_cut_anywhere(void **state)
{
	struct gguf_sample *s = *state;
	size_t header;

	put_llama(s);
	header = s->file.length - 4096;
	for (size_t length = 0; length <= header; length++) {
		int r;

		put_llama(s);
		strbuf_truncate(&s->file, length);
		r = sample_read(s);
		if (r != NVB_ERR_FORMAT)
			fail_msg("with %zu of %zu bytes: %d", length, header, r);
	}
}

/* What a file says is shown in messages: no control bytes. */
static void test_messages(void **state)
{
	struct gguf_sample *s = *state;

	put_start(s, 3, 0, 1);
	put_key(s, "a\x1b[2J", 77);
	assert_refused(s, NVB_ERR_FORMAT, "'a?[2J'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_llama),
		TEST(test_order_and_arrays),
		TEST(test_other_prefix),
		TEST(test_no_file_of_ours),
		TEST(test_counts),
		TEST(test_lengths),
		TEST(test_types),
		TEST(test_nesting),
		TEST(test_numbers),
		TEST(test_tensors),
		TEST(test_cut_anywhere),
		TEST(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
