/* SPDX-License-Identifier: Apache-2.0 */
/* GGUF files written in code: true ones and lies. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "model/gguf.h"

#define U32    4U
#define BOOL   7U
#define STRING 8U
#define ARRAY  9U
#define U64    10U
#define F64    12U

#define FILE_LIMIT ((size_t)1 << 20)

struct gguf_sample {
	struct strbuf file;
	struct arena *a;
	struct gguf_info info;
	struct nvb_error *err;
};

static inline void put(struct gguf_sample *s, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		strbuf_char_add(&s->file, (char)(value >> (8 * i)));
}

static inline void put_text(struct gguf_sample *s, const char *text)
{
	put(s, strlen(text), 8);
	strbuf_str_add(&s->file, text);
}

static inline void put_start(
	struct gguf_sample *s, uint32_t version, uint64_t n_tensors, uint64_t n_keys)
{
	strbuf_truncate(&s->file, 0);
	strbuf_str_add(&s->file, "GGUF");
	put(s, version, 4);
	put(s, n_tensors, 8);
	put(s, n_keys, 8);
}

static inline void put_key(struct gguf_sample *s, const char *key, uint32_t type)
{
	put_text(s, key);
	put(s, type, 4);
}

static inline void put_u32(struct gguf_sample *s, const char *key, uint32_t value)
{
	put_key(s, key, U32);
	put(s, value, 4);
}

static inline void put_string(struct gguf_sample *s, const char *key, const char *value)
{
	put_key(s, key, STRING);
	put_text(s, value);
}

static inline void put_array(struct gguf_sample *s, const char *key, uint32_t type, uint64_t n)
{
	put_key(s, key, ARRAY);
	put(s, type, 4);
	put(s, n, 8);
}

static inline void put_tensor(struct gguf_sample *s, const char *name, uint64_t offset)
{
	put_text(s, name);
	put(s, 2, 4);
	put(s, 64, 8);
	put(s, 32, 8);
	put(s, 0, 4);
	put(s, offset, 8);
}

/* Llama 3 8B, with a small vocabulary and 4096 bytes of tensors. */
static inline void put_llama(struct gguf_sample *s)
{
	put_start(s, 3, 2, 10);
	put_string(s, "general.architecture", "llama");
	put_string(s, "general.name", "a name \x1b[31m");
	put_u32(s, "general.file_type", 15);
	put_u32(s, "llama.block_count", 32);
	put_u32(s, "llama.context_length", 8192);
	put_u32(s, "llama.embedding_length", 4096);
	put_u32(s, "llama.attention.head_count", 32);
	put_u32(s, "llama.attention.head_count_kv", 8);
	put_key(s, "llama.rope.freq_base", F64);
	put(s, 0, 8);
	put_array(s, "tokenizer.ggml.tokens", STRING, 3);
	put_text(s, "a");
	put_text(s, "bc");
	put_text(s, "");
	put_tensor(s, "output.weight", 0);
	put_tensor(s, "token_embd.weight", 2048);
	while (s->file.length % 32)
		put(s, 0, 1);
	for (size_t i = 0; i < 512; i++)
		put(s, 0, 8);
}

static inline int sample_read(struct gguf_sample *s)
{
	_cleanup_close_ int fd = memfd_create("gguf", MFD_CLOEXEC);

	assert_true(fd >= 0 && !strbuf_failed(&s->file));
	assert_int_equal(file_write_fd(fd, strbuf_str(&s->file), s->file.length), 0);
	nvb_error_clear(&s->err);
	return gguf_read(fd, s->a, &s->info, &s->err);
}

static inline void assert_read(struct gguf_sample *s)
{
	if (sample_read(s) < 0)
		fail_msg("%s", nvb_error_message(s->err));
}

static inline void assert_refused(struct gguf_sample *s, int status, const char *part)
{
	int r = sample_read(s);

	if (r != status || !strstr(nvb_error_message(s->err), part))
		fail_msg("%d: '%s' does not say '%s'", r,
			s->err ? nvb_error_message(s->err) : "no error", part);
}

static inline int sample_set_up(void **state)
{
	struct gguf_sample *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	s->file = (struct strbuf)STRBUF_INIT(FILE_LIMIT);
	s->a = arena_new();
	*state = s;
	return s->a ? 0 : -1;
}

static inline int sample_tear_down(void **state)
{
	struct gguf_sample *s = *state;

	nvb_error_free(s->err);
	strbuf_done(&s->file);
	arena_free(s->a);
	free(s);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sample_set_up, sample_tear_down)
