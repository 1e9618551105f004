/* SPDX-License-Identifier: Apache-2.0 */
#include "model/name.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define PART_LIMIT	  80
#define HOST_LIMIT	  350
#define WORD_LETTERS	  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define DEFAULT_HOST	  "registry.ollama.ai"
#define DEFAULT_NAMESPACE "library"
#define DEFAULT_TAG	  "latest"
/* Models have up to some 10^13 parameters. */
#define PARAMETERS_LIMIT UINT64_C(100000000000000)

static int check_part(
	const char *text, const char *what, const char *also, size_t limit, struct nvb_error **err)
{
	const char *c = text;

	/* A part that begins with a letter or digit is not "..". */
	for (; *c && (strchr(WORD_LETTERS, *c) || (c > text && strchr(also, *c))); c++)
		;
	if (!*c && c > text && (size_t)(c - text) <= limit)
		return 0;
	return NVB_RAISE(err, NVB_ERR_USAGE, 0,
		"model: '%.80s' is no %s: letters, digits, '_' and '%s', at most %zu", text, what,
		also, limit);
}

static int check_name(const struct model_name *name, struct nvb_error **err)
{
	int r = check_part(name->host, "host", "-.:", HOST_LIMIT, err);

	if (r >= 0)
		r = check_part(name->name_space, "namespace", "-.", PART_LIMIT, err);
	if (r >= 0)
		r = check_part(name->model, "model's name", "-.", PART_LIMIT, err);
	return r < 0 ? r : check_part(name->tag, "tag", "-.", PART_LIMIT, err);
}

/* Cuts `text` at its last `separator`; NULL: there is none. */
static char *cut_last(char *text, char separator)
{
	char *at = strrchr(text, separator);

	if (at)
		*at++ = '\0';
	return at;
}

int model_name_parse(
	struct arena *a, const char *text, struct model_name *ret, struct nvb_error **err)
{
	struct model_name name = { DEFAULT_HOST, DEFAULT_NAMESPACE, NULL, DEFAULT_TAG };
	char *copy = arena_strdup(a, text), *model, *part;
	int r;

	if (!copy)
		return NVB_OOM(err);
	model = cut_last(copy, '/');
	part = cut_last(model ? model : copy, ':');
	if (part)
		name.tag = part;
	name.model = model ? model : copy;
	if (model) {
		part = cut_last(copy, '/');
		name.name_space = part ? part : copy;
		if (part)
			name.host = copy;
	}
	r = check_name(&name, err);
	if (r < 0)
		return NVB_HINT(err, r,
			"a model is MODEL[:TAG] or NAMESPACE/MODEL[:TAG], as in llama3.1:8b");
	*ret = name;
	return 0;
}

/* ---- Guesses ---- */

/* Bits of a thousand parameters, scales included. Source: llama.cpp, tools/quantize/README.md. */
static const struct {
	const char *word, *precision;
	unsigned bits_per_1000;
} precisions[] = {
	{ "q2_k", "Q2_K", 3160 },
	{ "q3_k", "Q3_K_M", 4000 },
	{ "q4_0", "Q4_0", 4660 },
	{ "q4_1", "Q4_1", 5100 },
	{ "q4_k", "Q4_K_M", 4890 },
	{ "q5_0", "Q5_0", 5540 },
	{ "q5_1", "Q5_1", 6000 },
	{ "q5_k", "Q5_K_M", 5700 },
	{ "q6_k", "Q6_K", 6560 },
	{ "q8_0", "Q8_0", 8500 },
	{ "fp16", "F16", 16000 },
	{ "bf16", "BF16", 16000 },
	{ "f16", "F16", 16000 },
	{ "fp32", "F32", 32000 },
	{ "f32", "F32", 32000 },
};

/* What Ollama's own library has behind most tags. */
#define ASSUMED_PRECISION 4

/* "8b", "1.5b", "8x7b", "350m" at `text`; 0: none of these. *ret_end is behind it. */
static uint64_t read_parameters(const char *text, const char **ret_end)
{
	uint64_t whole = 0, thousandths = 0, factor = 1, unit = 0;
	const char *c = text;

	for (; isdigit((unsigned char)*c) && whole < 100000; c++)
		whole = whole * 10 + (uint64_t)(*c - '0');
	if (*c == 'x' && isdigit((unsigned char)c[1]) && whole) {
		factor = whole;
		whole = 0;
		for (c++; isdigit((unsigned char)*c) && whole < 100000; c++)
			whole = whole * 10 + (uint64_t)(*c - '0');
	}
	if (*c == '.' && isdigit((unsigned char)c[1])) {
		uint64_t weight = 100;

		for (c++; isdigit((unsigned char)*c); c++, weight /= 10)
			thousandths += weight * (uint64_t)(*c - '0');
	}
	if (*c == 'b' || *c == 'B')
		unit = 1000000;
	else if (*c == 'm' || *c == 'M')
		unit = 1000;
	*ret_end = c + 1;
	/* A word that goes on is no size: "4bit". */
	if (!unit || factor > 1000 || isalnum((unsigned char)c[1]))
		return 0;
	return factor * (whole * 1000 + thousandths) * unit;
}

static uint64_t find_parameters(const char *text)
{
	for (const char *c = text; *c; c++) {
		const char *end;
		uint64_t n;

		if (!isdigit((unsigned char)*c) ||
			(c > text && (isalnum((unsigned char)c[-1]) || c[-1] == '.')))
			continue;
		n = read_parameters(c, &end);
		if (n && n <= PARAMETERS_LIMIT)
			return n;
	}
	return 0;
}

struct name_guess model_name_guess(const struct model_name *name)
{
	struct name_guess guess = {
		.parameters = find_parameters(name->tag),
		.precision = precisions[ASSUMED_PRECISION].precision,
		.bits_per_1000 = precisions[ASSUMED_PRECISION].bits_per_1000,
		.precision_is_assumed = true,
	};

	if (!guess.parameters)
		guess.parameters = find_parameters(name->model);
	for (size_t i = 0; i < ELEMENTS(precisions); i++) {
		if (!strcasestr(name->tag, precisions[i].word))
			continue;
		guess.precision = precisions[i].precision;
		guess.bits_per_1000 = precisions[i].bits_per_1000;
		guess.precision_is_assumed = false;
		break;
	}
	return guess;
}
