/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a GGUF file: what a model is, without its tensors.
 *
 * A model comes from anywhere, so the file is hostile: every count and length is held against the
 * bytes that are left in the file before anything is done with it, nothing is allocated by a size
 * that the file claims, and the header has a limit of its own.
 * Source: GGML repository, docs/gguf.md, versions 2 and 3.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Vocabularies make headers of some 20 MiB. */
#define GGUF_HEADER_LIMIT_BYTES (UINT64_C(256) << 20)

/* A number, or one for each layer; n == 0: the file does not say. */
struct gguf_number {
	uint64_t sum;
	uint64_t n;
	bool is_array;
};

struct gguf_info {
	unsigned version;
	const char *architecture; /* "llama": letters, digits, '-', '_', '.' */
	const char *precision;	  /* of most tensors: "Q4_K_M"; NULL: unknown */
	uint64_t n_tensors;
	uint64_t tensor_bytes; /* all that follows the header */
	uint64_t vocabulary;   /* 0: unknown */
	struct gguf_number blocks, context, embedding, heads, kv_heads, key_length, value_length;
	struct gguf_number window, window_layers; /* sliding attention; of an array the true ones */
	struct gguf_number parts;		  /* files that the model is split into */
};

/*
 * `fd` is a regular file, and borrowed. Errors: NVB_ERR_FORMAT (what is wrong, and where),
 * NVB_ERR_LIMIT, NVB_ERR_IO, NVB_ERR_NO_MEMORY.
 */
int gguf_read(int fd, struct arena *a, struct gguf_info *ret, struct nvb_error **err);
