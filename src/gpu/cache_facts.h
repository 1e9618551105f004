/* SPDX-License-Identifier: Apache-2.0 */
/* What an inventory was made from, as bytes; and whether it is still so. For gpu/cache.c alone. */
#pragma once

#include "gpu/cache_code.h"
#include "host/record.h"

/* Returns -1 when out of memory, or if one question had two answers: then nothing is proven. */
int cache_facts_write(
	const struct host_tree *tree, struct host_record *record, struct cache_code *out);

/*
 * Asks the machine all questions again. False if one answer is another, or the bytes are no
 * facts: `in` has failed then. `in` stands behind them if true.
 */
bool cache_facts_hold(const struct host_tree *tree, struct cache_code *in);
