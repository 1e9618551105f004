/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much GPU memory a model needs: its weights, the context's keys and values, what computing
 * takes, and a margin. Each term says where it comes from; the sum is an estimate, and from a
 * model's name alone it is a guess.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/gguf.h"
#include "model/name.h"

/* How the context's keys and values are stored; values of OLLAMA_KV_CACHE_TYPE. */
enum kv_type {
	KV_F16,
	KV_Q8_0,
	KV_Q4_0,
	KV_TYPES,
};

const char *kv_type_name(enum kv_type type);
/* Errors: NVB_ERR_USAGE. */
int kv_type_parse(const char *text, enum kv_type *ret, struct nvb_error **err);

/* What is known of a model; the first of them that is set counts. */
struct model_facts {
	const struct gguf_info *gguf;	/* of its file; NULL: not at hand */
	uint64_t weights_bytes;		/* with `gguf`: of all its files */
	const struct name_guess *guess; /* of its name; NULL: it says nothing */
};

struct model_load {
	uint64_t context;  /* tokens of one request */
	uint64_t parallel; /* requests at once */
	enum kv_type kv;
	bool flash_attention;
	unsigned n_gpus; /* that it is spread over */
};

struct memory_term {
	const char *what;
	uint64_t bytes;
	const char *source;
};

struct memory_term_list VEC(struct memory_term);

struct model_estimate {
	struct memory_term_list terms;
	uint64_t total_bytes;
	uint64_t per_gpu_bytes; /* of these, what each further GPU adds */
	bool is_guess;
};

/*
 * Returns 1, or 0 if nothing is known of the model's size. Strings go into the arena. Errors:
 * NVB_ERR_LIMIT (numbers that no machine has), NVB_ERR_NO_MEMORY.
 */
int model_estimate(const struct model_facts *facts, const struct model_load *load, struct arena *a,
	struct model_estimate *ret, struct nvb_error **err);
