/* SPDX-License-Identifier: Apache-2.0 */
#include "model/estimate.h"

#include <string.h>

#define BYTES_PER_MIB (UINT64_C(1) << 20)
/* Tokens that are computed in one step: llama.cpp's default of n_ubatch. */
#define BATCH UINT64_C(512)
/* The driver's and the libraries' own; seen from 300 to 600 MiB. */
#define CONTEXT_BYTES  (512 * BYTES_PER_MIB)
#define MARGIN_PERCENT 8
/* KV_F16 and the like, in 32nds of a byte for each number: scales of blocks included. */
#define KV_UNITS 32

static const struct {
	const char *name;
	unsigned units;
} kv_types[KV_TYPES] = {
	[KV_F16] = { "f16", 64 },
	[KV_Q8_0] = { "q8_0", 34 },
	[KV_Q4_0] = { "q4_0", 18 },
};

/* Keys and values of one token in 16 bits, as models of that size have them. */
static const struct {
	uint64_t parameters, token_bytes;
} kv_guesses[] = {
	{ UINT64_C(2000000000), 32 << 10 },
	{ UINT64_C(5000000000), 112 << 10 },
	{ UINT64_C(10000000000), 128 << 10 },
	{ UINT64_C(20000000000), 192 << 10 },
	{ UINT64_C(40000000000), 256 << 10 },
	{ UINT64_C(100000000000), 320 << 10 },
	{ UINT64_MAX, 512 << 10 },
};

/* A product or sum that 64 bits do not hold becomes `overflow`, for one check at the end. */
struct sum {
	bool overflow;
};

static uint64_t times(struct sum *s, uint64_t x, uint64_t y)
{
	uint64_t product = 0;

	s->overflow |= __builtin_mul_overflow(x, y, &product);
	return product;
}

static uint64_t plus(struct sum *s, uint64_t x, uint64_t y)
{
	uint64_t sum = 0;

	s->overflow |= __builtin_add_overflow(x, y, &sum);
	return sum;
}

static uint64_t greater(uint64_t x, uint64_t y)
{
	return x > y ? x : y;
}

const char *kv_type_name(enum kv_type type)
{
	return kv_types[type].name;
}

int kv_type_parse(const char *text, enum kv_type *ret, struct nvb_error **err)
{
	for (size_t i = 0; i < KV_TYPES; i++) {
		if (strcmp(text, kv_types[i].name) != 0)
			continue;
		*ret = (enum kv_type)i;
		return 0;
	}
	return NVB_RAISE(err, NVB_ERR_USAGE, 0,
		"unknown type '%.32s' of keys and values; known are 'f16', 'q8_0', 'q4_0'", text);
}

static int add_term(struct model_estimate *e, struct arena *a, const char *what, uint64_t bytes,
	const char *source, struct nvb_error **err)
{
	struct memory_term *term = source ? vec_push(a, &e->terms) : NULL;

	if (!term)
		return NVB_OOM(err);
	*term = (struct memory_term){ what, bytes, source };
	if (__builtin_add_overflow(e->total_bytes, bytes, &e->total_bytes))
		return NVB_RAISE(
			err, NVB_ERR_LIMIT, 0, "the model needs more than 64 bits of memory");
	return 0;
}

/* ---- From the model's file ---- */

static uint64_t per_layer(const struct gguf_number *number)
{
	return number->is_array && number->n ? number->sum / number->n : number->sum;
}

struct attention {
	uint64_t layers, window_layers; /* of the latter, the context is `window` at most */
	uint64_t kv_heads;		/* of all layers together */
	uint64_t numbers_per_head;	/* of key and value */
	uint64_t window;
};

/* False: the file does not say enough. */
static bool read_attention(const struct gguf_info *g, struct attention *ret)
{
	struct attention t = { .layers = g->blocks.sum };
	uint64_t heads = per_layer(&g->heads), key = g->key_length.sum, value = g->value_length.sum;
	struct sum s = { 0 };

	if (!t.layers)
		return false;
	if ((!key || !value) && heads && g->embedding.sum) {
		key = key ? key : g->embedding.sum / heads;
		value = value ? value : g->embedding.sum / heads;
	}
	if (g->kv_heads.is_array)
		t.kv_heads = g->kv_heads.sum;
	else
		t.kv_heads = times(&s, g->kv_heads.n ? g->kv_heads.sum : heads, t.layers);
	t.numbers_per_head = plus(&s, key, value);
	t.window = g->window.sum;
	if (g->window_layers.is_array && g->window_layers.n == t.layers && t.window)
		t.window_layers = g->window_layers.sum < t.layers ? g->window_layers.sum : t.layers;
	if (s.overflow || !t.kv_heads || !t.numbers_per_head)
		return false;
	*ret = t;
	return true;
}

/* Of all layers, in tokens times layers. */
static uint64_t kv_tokens(struct sum *s, const struct attention *t, const struct model_load *load)
{
	uint64_t full = times(s, load->context, load->parallel);
	uint64_t window = times(s, plus(s, t->window, BATCH), load->parallel);
	uint64_t tokens = times(s, full, t->layers - t->window_layers);

	return plus(s, tokens, times(s, window < full ? window : full, t->window_layers));
}

static int add_kv(struct model_estimate *e, const struct attention *t,
	const struct model_load *load, struct arena *a, struct nvb_error **err)
{
	struct sum s = { 0 };
	/* The heads of all layers share the tokens of all layers evenly. */
	uint64_t heads = (t->kv_heads + t->layers - 1) / t->layers;
	uint64_t numbers = times(&s, times(&s, kv_tokens(&s, t, load), heads), t->numbers_per_head);
	uint64_t bytes = times(&s, numbers, kv_types[load->kv].units) / KV_UNITS;
	const char *window;

	if (s.overflow)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"the model's file claims more keys and values than any machine holds");
	window = t->window_layers ? arena_printf(a, " (of %llu only %llu)",
					    (unsigned long long)t->window_layers,
					    (unsigned long long)t->window)
				  : "";
	if (!window)
		return NVB_OOM(err);
	return add_term(e, a, "keys and values", bytes,
		arena_printf(a,
			"%llu x %llu tokens in %llu layers%s, %llu heads of %llu numbers in %s",
			(unsigned long long)load->parallel, (unsigned long long)load->context,
			(unsigned long long)t->layers, window, (unsigned long long)heads,
			(unsigned long long)t->numbers_per_head, kv_types[load->kv].name),
		err);
}

/*
 * The largest step of computing. Without flash attention, the scores of all heads are kept.
 * Source: Ollama repository, fs/ggml/ggml.go, GraphSize() of llama.
 */
static int add_graph(struct model_estimate *e, const struct gguf_info *g,
	const struct model_load *load, struct arena *a, struct nvb_error **err)
{
	struct sum s = { 0 };
	uint64_t context = times(&s, load->context, load->parallel);
	uint64_t batch = context < BATCH ? context : BATCH;
	uint64_t scores = load->flash_attention
				  ? context
				  : times(&s, context, plus(&s, 1, per_layer(&g->heads)));
	uint64_t inner = plus(&s, plus(&s, 1, times(&s, 4, g->embedding.sum)), scores);
	uint64_t last = plus(&s, g->embedding.sum, g->vocabulary);
	uint64_t bytes = times(&s, 4 * batch, greater(inner, last));

	if (s.overflow)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"the model's file claims a larger step of computing than any machine does");
	return add_term(e, a, "computing", bytes,
		load->flash_attention
			? "estimated for steps of 512 tokens, with flash attention"
			: "estimated for steps of 512 tokens, without flash attention",
		err);
}

static int estimate_file(struct model_estimate *e, const struct model_facts *facts,
	const struct model_load *load, struct arena *a, struct nvb_error **err)
{
	struct attention attention;
	int r = add_term(e, a, "weights", facts->weights_bytes,
		arena_printf(a, "size of the model's files%s%s", facts->gguf->precision ? ", " : "",
			facts->gguf->precision ? facts->gguf->precision : ""),
		err);

	if (r < 0)
		return r;
	if (!read_attention(facts->gguf, &attention)) {
		e->is_guess = true;
		return add_term(e, a, "keys and values", facts->weights_bytes / 4,
			"guess: the model's file does not say what its attention is like", err);
	}
	r = add_kv(e, &attention, load, a, err);
	return r < 0 ? r : add_graph(e, facts->gguf, load, a, err);
}

/* ---- From the model's name ---- */

static int estimate_name(struct model_estimate *e, const struct name_guess *guess,
	const struct model_load *load, struct arena *a, struct nvb_error **err)
{
	uint64_t tokens, bytes, weights = guess->parameters / 8000 * guess->bits_per_1000;
	struct sum s = { 0 };
	size_t row = 0;
	int r;

	while (guess->parameters > kv_guesses[row].parameters)
		row++;
	tokens = times(&s, load->context, load->parallel);
	bytes = times(&s, times(&s, tokens, kv_guesses[row].token_bytes), kv_types[load->kv].units);
	if (s.overflow)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"a context of %llu tokens for %llu requests",
			(unsigned long long)load->context, (unsigned long long)load->parallel);
	r = add_term(e, a, "weights", weights,
		arena_printf(a, "guess by the name: %llu million parameters in %s%s",
			(unsigned long long)(guess->parameters / 1000000), guess->precision,
			guess->precision_is_assumed ? ", which is assumed" : ""),
		err);
	if (r < 0)
		return r;
	return add_term(e, a, "keys and values", bytes / kv_types[KV_F16].units,
		"guess: as models of this size usually have them", err);
}

int model_estimate(const struct model_facts *facts, const struct model_load *load, struct arena *a,
	struct model_estimate *ret, struct nvb_error **err)
{
	struct model_estimate e = { .per_gpu_bytes = CONTEXT_BYTES };
	unsigned n_gpus = load->n_gpus ? load->n_gpus : 1;
	int r;

	if (!facts->gguf && !(facts->guess && facts->guess->parameters))
		return 0;
	e.is_guess = !facts->gguf;
	r = facts->gguf ? estimate_file(&e, facts, load, a, err)
			: estimate_name(&e, facts->guess, load, a, err);
	if (r >= 0)
		r = add_term(&e, a, "driver and libraries", CONTEXT_BYTES * n_gpus,
			arena_printf(a, "512 MiB for each GPU, by experience; GPUs: %u", n_gpus),
			err);
	if (r >= 0)
		r = add_term(&e, a, "margin", e.total_bytes / 100 * MARGIN_PERCENT,
			"8% of all that", err);
	if (r < 0)
		return r;
	*ret = e;
	return 1;
}
