/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 64-bit digest that sees damage and change. Nobody who wants to deceive it is kept from doing
 * so: it is no proof against an author of the data. 8 bytes a multiplication, for files that are
 * read on the path of a container start.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_START UINT64_C(0x9e3779b97f4a7c15)

/* Continues `digest` (first DIGEST_START) with `length` bytes; parts count: "ab" is not "a", "b". */
uint64_t digest_add(uint64_t digest, const void *data, size_t length);
uint64_t digest_add_u64(uint64_t digest, uint64_t value);
