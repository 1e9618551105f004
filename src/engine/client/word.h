/* SPDX-License-Identifier: Apache-2.0 */
/* Words that are handed to an engine as they are: which of them concern GPUs. Pure. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

enum client_word_kind {
	CLIENT_WORD_OTHER,
	CLIENT_WORD_RUNTIME,
	CLIENT_WORD_GPUS,
	CLIENT_WORD_DEVICE,
	CLIENT_WORD_VARIABLE, /* sets, changes or removes one */
};

struct client_word {
	enum client_word_kind kind;
	const char *value; /* never NULL; of the next word, where it stands there */
};

/*
 * Reads words[i] by itself. What is the value of an option before it cannot be told without a list
 * of all options of all engines: such a value that looks like one of these options is taken for it.
 */
struct client_word client_word_read(const struct string_list *words, size_t i);
