/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of models as Ollama has them: [HOST/][NAMESPACE/]MODEL[:TAG].
 *
 * Each part becomes a directory's name below the store, so nothing but a name is accepted: no
 * empty part, no "..", no slash.
 * Source: Ollama repository, types/model/name.go.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct model_name {
	const char *host;	 /* "registry.ollama.ai" where none is given */
	const char *name_space;	 /* "library" */
	const char *model, *tag; /* "latest" */
};

/* Strings go into the arena. Errors: NVB_ERR_USAGE. */
int model_name_parse(
	struct arena *a, const char *text, struct model_name *ret, struct nvb_error **err);

/* What a name says of a model's size, as "llama3.1:70b-instruct-q4_K_M" does. */
struct name_guess {
	uint64_t parameters;	/* 0: it says nothing */
	const char *precision;	/* "Q4_K_M"; assumed where the tag names none */
	unsigned bits_per_1000; /* thousand parameters take so many bits */
	bool precision_is_assumed;
};

struct name_guess model_name_guess(const struct model_name *name);
