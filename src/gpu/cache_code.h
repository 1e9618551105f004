/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory as bytes, for gpu/cache*.c and their tests alone. One function per type does both
 * directions, so what is written is what is read. Numbers are the machine's own: the file never
 * leaves it.
 *
 * Reading takes nothing on trust: a count, a length, a truth value or a member of an enum that
 * cannot be is the end of it. Strings stay where they are in the buffer, which must live as long as
 * the inventory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "gpu/inventory.h"

/* Of the sources that decide what discovery finds. */
extern const char cache_fingerprint[];

struct cache_code {
	struct strbuf *out;	       /* where to write; NULL: reading */
	const unsigned char *at, *end; /* reading: what is left */
	struct arena *arena;	       /* reading: for the lists */
	bool failed;
};

void cache_code_bytes(struct cache_code *c, void *data, size_t size);
void cache_code_string(struct cache_code *c, const char **s);
/* How many things follow, each of at least one byte. */
void cache_code_count(struct cache_code *c, size_t *n);
void cache_code_inventory(struct cache_code *c, struct inventory *inv);
