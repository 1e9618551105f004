/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded reading of a GGUF file from its beginning. For model/gguf.c alone. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define GGUF_WINDOW_BYTES ((size_t)64 << 10)

struct gguf_reader {
	int fd;
	uint64_t size;	   /* of the file */
	uint64_t position; /* of the next byte */
	uint64_t window_start;
	size_t window_length;
	unsigned char *window; /* GGUF_WINDOW_BYTES, the caller's */
};

/* Bytes from here to the end of the file. */
uint64_t gguf_reader_left(const struct gguf_reader *r);

/* All of them, or an error that names `what`. */
int gguf_reader_bytes(struct gguf_reader *r, void *buffer, size_t length, const char *what,
	struct nvb_error **err);
int gguf_reader_skip(
	struct gguf_reader *r, uint64_t length, const char *what, struct nvb_error **err);
int gguf_reader_u32(struct gguf_reader *r, uint32_t *ret, const char *what, struct nvb_error **err);
int gguf_reader_u64(struct gguf_reader *r, uint64_t *ret, const char *what, struct nvb_error **err);

/* A number of things of at least `least_bytes` each, for which there must be room in the file. */
int gguf_reader_count(struct gguf_reader *r, uint64_t least_bytes, uint64_t *ret, const char *what,
	struct nvb_error **err);
