/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gguf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "model/gguf_reader.h"

#define NAME_LIMIT	  256
#define DEPTH_LIMIT	  4
#define DIMENSIONS_LIMIT  8
#define ALIGNMENT_DEFAULT 32
#define ALIGNMENT_LIMIT	  (UINT32_C(1) << 20)
/* More than any model has of anything; keeps later products within 64 bits. */
#define NUMBER_LIMIT (UINT64_C(1) << 32)
/* Layers whose numbers are added up. */
#define ARRAY_LIMIT (UINT64_C(1) << 16)

enum value_type {
	TYPE_U8,
	TYPE_I8,
	TYPE_U16,
	TYPE_I16,
	TYPE_U32,
	TYPE_I32,
	TYPE_F32,
	TYPE_BOOL,
	TYPE_STRING,
	TYPE_ARRAY,
	TYPE_U64,
	TYPE_I64,
	TYPE_F64,
	TYPE_COUNT,
};

static const struct {
	unsigned size; /* 0: it varies */
	bool is_integer, is_signed;
} types[TYPE_COUNT] = {
	[TYPE_U8] = { 1, true, false },
	[TYPE_I8] = { 1, true, true },
	[TYPE_U16] = { 2, true, false },
	[TYPE_I16] = { 2, true, true },
	[TYPE_U32] = { 4, true, false },
	[TYPE_I32] = { 4, true, true },
	[TYPE_F32] = { 4, false, false },
	[TYPE_BOOL] = { 1, true, false },
	[TYPE_U64] = { 8, true, false },
	[TYPE_I64] = { 8, true, true },
	[TYPE_F64] = { 8, false, false },
};

static const struct {
	const char *key;
	size_t offset;
} wanted[] = {
	{ "block_count", offsetof(struct gguf_info, blocks) },
	{ "context_length", offsetof(struct gguf_info, context) },
	{ "embedding_length", offsetof(struct gguf_info, embedding) },
	{ "attention.head_count", offsetof(struct gguf_info, heads) },
	{ "attention.head_count_kv", offsetof(struct gguf_info, kv_heads) },
	{ "attention.key_length", offsetof(struct gguf_info, key_length) },
	{ "attention.value_length", offsetof(struct gguf_info, value_length) },
	{ "attention.sliding_window", offsetof(struct gguf_info, window) },
	{ "attention.sliding_window_pattern", offsetof(struct gguf_info, window_layers) },
};

/* Numbers whose key begins with the architecture's name, which may come later. */
struct numbers {
	const char *architecture; /* NULL: the key has none in front */
	struct gguf_number of[ELEMENTS(wanted)];
};

/* Source: llama.cpp, include/llama.h, enum llama_ftype. */
static const char *const precisions[] = {
	[0] = "F32",
	[1] = "F16",
	[2] = "Q4_0",
	[3] = "Q4_1",
	[7] = "Q8_0",
	[8] = "Q5_0",
	[9] = "Q5_1",
	[10] = "Q2_K",
	[11] = "Q3_K_S",
	[12] = "Q3_K_M",
	[13] = "Q3_K_L",
	[14] = "Q4_K_S",
	[15] = "Q4_K_M",
	[16] = "Q5_K_S",
	[17] = "Q5_K_M",
	[18] = "Q6_K",
	[32] = "BF16",
};

struct parser {
	struct gguf_reader in;
	struct arena *arena;
	struct gguf_info *info;
	struct numbers numbers; /* of the first prefix met that has any */
	struct gguf_number file_type, alignment;
	uint64_t last_offset; /* of a tensor, from the end of the header */
};

/* ---- Values ---- */

static int read_integer(
	struct parser *p, unsigned type, uint64_t *ret, const char *key, struct nvb_error **err)
{
	unsigned char bytes[8] = { 0 };
	int r = gguf_reader_bytes(&p->in, bytes, types[type].size, key, err);

	if (r < 0)
		return r;
	if (types[type].is_signed && bytes[types[type].size - 1] & 0x80)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'%s' is negative", key);
	*ret = 0;
	for (size_t i = 0; i < types[type].size; i++)
		*ret |= (uint64_t)bytes[i] << (8 * i);
	if (*ret > NUMBER_LIMIT)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'%s' is %llu: no model has so many", key,
			(unsigned long long)*ret);
	return 0;
}

static int skip_string(struct parser *p, const char *key, struct nvb_error **err)
{
	uint64_t length;
	int r = gguf_reader_u64(&p->in, &length, key, err);

	return r < 0 ? r : gguf_reader_skip(&p->in, length, key, err);
}

/* One that is too long for what it is stays empty. Messages show it: no control bytes. */
static int read_string(
	struct parser *p, char text[NAME_LIMIT], const char *what, struct nvb_error **err)
{
	uint64_t length;
	int r = gguf_reader_u64(&p->in, &length, what, err);

	text[0] = '\0';
	if (r < 0)
		return r;
	if (length >= NAME_LIMIT)
		return gguf_reader_skip(&p->in, length, what, err);
	r = gguf_reader_bytes(&p->in, text, (size_t)length, what, err);
	if (r < 0)
		return r;
	text[length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	return 0;
}

static int read_type(struct parser *p, uint32_t *ret, const char *key, struct nvb_error **err)
{
	int r = gguf_reader_u32(&p->in, ret, key, err);

	if (r >= 0 && *ret >= TYPE_COUNT)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'%s' has the unknown type %u", key, *ret);
	return r;
}

static int skip_value(
	struct parser *p, uint32_t type, unsigned depth, const char *key, struct nvb_error **err);

/* Behind the header of an array. */
static int skip_items(struct parser *p, uint32_t type, uint64_t n, unsigned depth, const char *key,
	struct nvb_error **err)
{
	int r = 0;

	if (types[type].size)
		return gguf_reader_skip(&p->in, n * types[type].size, key, err);
	for (uint64_t i = 0; r >= 0 && i < n; i++)
		r = skip_value(p, type, depth, key, err);
	return r;
}

static int read_array_header(struct parser *p, uint32_t *ret_type, uint64_t *ret_n, const char *key,
	struct nvb_error **err)
{
	int r = read_type(p, ret_type, key, err);
	unsigned least = r < 0 ? 0 : types[*ret_type].size;

	if (r < 0)
		return r;
	/* A string has its length, an array its type and length. */
	if (!least)
		least = *ret_type == TYPE_STRING ? 8 : 12;
	return gguf_reader_count(&p->in, least, ret_n, key, err);
}

static int skip_value(
	struct parser *p, uint32_t type, unsigned depth, const char *key, struct nvb_error **err)
{
	uint32_t item_type = 0;
	uint64_t n = 0;
	int r;

	if (types[type].size)
		return gguf_reader_skip(&p->in, types[type].size, key, err);
	if (type == TYPE_STRING)
		return skip_string(p, key, err);
	if (depth >= DEPTH_LIMIT)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "'%s' is nested deeper than %d", key, DEPTH_LIMIT);
	r = read_array_header(p, &item_type, &n, key, err);
	return r < 0 ? r : skip_items(p, item_type, n, depth + 1, key, err);
}

static int add_items(struct parser *p, uint32_t type, uint64_t n, struct gguf_number *number,
	const char *key, struct nvb_error **err)
{
	int r = 0;

	if (n > ARRAY_LIMIT)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"'%s' has %llu items: no model has so many", key, (unsigned long long)n);
	*number = (struct gguf_number){ .n = n, .is_array = true };
	for (uint64_t i = 0; r >= 0 && i < n; i++) {
		uint64_t value = 0;

		r = read_integer(p, type, &value, key, err);
		number->sum += value;
	}
	return r;
}

/* A number, or an array of them; anything else counts as not said. */
static int read_wanted(struct parser *p, uint32_t type, struct gguf_number *number, const char *key,
	struct nvb_error **err)
{
	uint32_t item_type = 0;
	uint64_t n = 0;
	int r;

	if (types[type].is_integer) {
		uint64_t value = 0;

		r = read_integer(p, type, &value, key, err);
		*number = (struct gguf_number){ .sum = value, .n = 1 };
		return r;
	}
	if (type != TYPE_ARRAY)
		return skip_value(p, type, 0, key, err);
	r = read_array_header(p, &item_type, &n, key, err);
	if (r < 0)
		return r;
	return types[item_type].is_integer ? add_items(p, item_type, n, number, key, err)
					   : skip_items(p, item_type, n, 1, key, err);
}

/* ---- Keys ---- */

static int read_architecture(struct parser *p, uint32_t type, struct nvb_error **err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	char text[NAME_LIMIT] = "";
	int r;

	if (type != TYPE_STRING)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'general.architecture' is no string");
	r = read_string(p, text, "'general.architecture'", err);
	if (r < 0)
		return r;
	if (!text[0] || text[strspn(text, letters)])
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'general.architecture' is no name");
	p->info->architecture = arena_strdup(p->arena, text);
	return p->info->architecture ? 0 : NVB_OOM(err);
}

static int read_vocabulary(struct parser *p, uint32_t type, const char *key, struct nvb_error **err)
{
	uint32_t item_type = 0;
	uint64_t n = 0;
	int r;

	if (type != TYPE_ARRAY)
		return skip_value(p, type, 0, key, err);
	r = read_array_header(p, &item_type, &n, key, err);
	if (r < 0)
		return r;
	p->info->vocabulary = n;
	return skip_items(p, item_type, n, 1, key, err);
}

/* The row of `wanted` for "PREFIX.KEY", if the prefix can be the architecture. NULL: none. */
static struct gguf_number *find_wanted(struct parser *p, const char *key)
{
	const char *prefix_end = strchr(key, '.');
	size_t length = prefix_end ? (size_t)(prefix_end - key) : 0;
	struct numbers *numbers = &p->numbers;

	if (!length ||
		(p->info->architecture && (strlen(p->info->architecture) != length ||
						  memcmp(p->info->architecture, key, length))))
		return NULL;
	for (size_t i = 0; i < ELEMENTS(wanted); i++) {
		if (strcmp(prefix_end + 1, wanted[i].key) != 0)
			continue;
		if (!numbers->architecture)
			numbers->architecture = arena_strndup(p->arena, key, length);
		if (!numbers->architecture || strlen(numbers->architecture) != length ||
			memcmp(numbers->architecture, key, length) != 0)
			return NULL;
		return &numbers->of[i];
	}
	return NULL;
}

static int read_pair(struct parser *p, struct nvb_error **err)
{
	char key[NAME_LIMIT];
	struct gguf_number *number;
	uint32_t type = 0;
	int r = read_string(p, key, "a key", err);

	if (r >= 0)
		r = read_type(p, &type, key, err);
	if (r < 0)
		return r;
	if (strcmp(key, "general.architecture") == 0)
		return read_architecture(p, type, err);
	if (strcmp(key, "general.file_type") == 0)
		return read_wanted(p, type, &p->file_type, key, err);
	if (strcmp(key, "general.alignment") == 0)
		return read_wanted(p, type, &p->alignment, key, err);
	if (strcmp(key, "split.count") == 0)
		return read_wanted(p, type, &p->info->parts, key, err);
	if (strcmp(key, "tokenizer.ggml.tokens") == 0)
		return read_vocabulary(p, type, key, err);
	number = find_wanted(p, key);
	return number ? read_wanted(p, type, number, key, err) : skip_value(p, type, 0, key, err);
}

/* ---- The file ---- */

static int read_tensor(struct parser *p, struct nvb_error **err)
{
	uint32_t n_dimensions = 0, type;
	uint64_t offset = 0;
	int r = skip_string(p, "the name of a tensor", err);

	if (r >= 0)
		r = gguf_reader_u32(&p->in, &n_dimensions, "a tensor", err);
	if (r >= 0 && n_dimensions > DIMENSIONS_LIMIT)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "a tensor with %u dimensions", n_dimensions);
	if (r >= 0)
		r = gguf_reader_skip(&p->in, UINT64_C(8) * n_dimensions, "a tensor", err);
	if (r >= 0)
		r = gguf_reader_u32(&p->in, &type, "a tensor", err);
	if (r >= 0)
		r = gguf_reader_u64(&p->in, &offset, "a tensor", err);
	if (r >= 0 && offset > p->last_offset)
		p->last_offset = offset;
	return r;
}

static int read_start(struct parser *p, struct nvb_error **err)
{
	char magic[4];
	uint32_t version = 0;
	int r = gguf_reader_bytes(&p->in, magic, sizeof(magic), "the first bytes", err);

	if (r >= 0 && memcmp(magic, "GGUF", sizeof(magic)) != 0)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "it is no GGUF file");
	if (r >= 0)
		r = gguf_reader_u32(&p->in, &version, "the version", err);
	if (r < 0)
		return r;
	if (version && !(version & 0xffff))
		return NVB_RAISE(
			err, NVB_ERR_UNSUPPORTED, 0, "it is for machines of the other byte order");
	if (version != 2 && version != 3)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"GGUF version %u: versions 2 and 3 are known", version);
	p->info->version = version;
	return 0;
}

/* Tensors begin at the next multiple of the alignment. */
static int measure(struct parser *p, struct nvb_error **err)
{
	uint64_t alignment = p->alignment.n ? p->alignment.sum : ALIGNMENT_DEFAULT;
	uint64_t start;

	if (!alignment || alignment > ALIGNMENT_LIMIT || alignment % 8)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'general.alignment' is %llu",
			(unsigned long long)alignment);
	start = (p->in.position + alignment - 1) / alignment * alignment;
	if (p->info->n_tensors && (start > p->in.size || p->last_offset >= p->in.size - start))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"a tensor begins behind the end of the file: it is cut off");
	p->info->tensor_bytes = start < p->in.size ? p->in.size - start : 0;
	return 0;
}

static void settle(struct parser *p)
{
	struct gguf_info *info = p->info;

	if (p->file_type.n == 1 && p->file_type.sum < ELEMENTS(precisions))
		info->precision = precisions[p->file_type.sum];
	if (!info->architecture || !p->numbers.architecture ||
		strcmp(info->architecture, p->numbers.architecture) != 0)
		return;
	for (size_t i = 0; i < ELEMENTS(wanted); i++)
		*(struct gguf_number *)((char *)info + wanted[i].offset) = p->numbers.of[i];
}

static int parse(struct parser *p, struct nvb_error **err)
{
	uint64_t n_pairs = 0;
	int r = read_start(p, err);

	/* A tensor has at least a name's length, dimensions, type and offset. */
	if (r >= 0)
		r = gguf_reader_count(
			&p->in, 24, &p->info->n_tensors, "the number of tensors", err);
	if (r >= 0)
		r = gguf_reader_count(&p->in, 13, &n_pairs, "the number of keys", err);
	for (uint64_t i = 0; r >= 0 && i < n_pairs; i++)
		r = read_pair(p, err);
	for (uint64_t i = 0; r >= 0 && i < p->info->n_tensors; i++)
		r = read_tensor(p, err);
	if (r >= 0)
		r = measure(p, err);
	if (r >= 0)
		settle(p);
	return r;
}

int gguf_read(int fd, struct arena *a, struct gguf_info *ret, struct nvb_error **err)
{
	_cleanup_free_ unsigned char *window = malloc(GGUF_WINDOW_BYTES);
	struct gguf_info info = { 0 };
	struct parser p = { .in = { .fd = fd, .window = window }, .arena = a, .info = &info };
	struct stat st;
	int r;

	if (!window)
		return NVB_OOM(err);
	if (fstat(fd, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "look at the file");
	if (st.st_size < 0)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "its size is negative");
	p.in.size = (uint64_t)st.st_size;
	r = parse(&p, err);
	if (r >= 0)
		*ret = info;
	return r;
}
