/* SPDX-License-Identifier: Apache-2.0 */
#include "format/ldcache_layout.h"

/* FLAG_ELF_LIBC6 with the architecture's bits above it; FLAG_ELF alone. */
static const struct abi_row {
	uint32_t flags;
	enum ldcache_abi abi;
	int elf_class;
} abi_table[] = {
	{ 0x0303, LDCACHE_X86_64, 64 },
	{ 0x0003, LDCACHE_I386, 32 },
	{ 0x0a03, LDCACHE_AARCH64, 64 },
	{ 0x0903, LDCACHE_ARMHF, 32 },
	{ 0x0001, LDCACHE_ANY, 0 },
};

int ldcache_abi_class(enum ldcache_abi abi)
{
	for (size_t i = 0; i < ELEMENTS(abi_table); i++)
		if (abi_table[i].abi == abi)
			return abi_table[i].elf_class;
	return 0;
}

static enum ldcache_abi abi_of_flags(uint32_t flags)
{
	for (size_t i = 0; i < ELEMENTS(abi_table); i++)
		if (abi_table[i].flags == flags)
			return abi_table[i].abi;
	return LDCACHE_OTHER;
}

bool ldcache_flags_of_abi(enum ldcache_abi abi, uint32_t *ret_flags)
{
	for (size_t i = 0; i < ELEMENTS(abi_table); i++)
		if (abi_table[i].abi == abi) {
			*ret_flags = abi_table[i].flags;
			return true;
		}
	return false;
}

static bool starts_with(const unsigned char *data, size_t size, const char *magic, size_t length)
{
	return size >= length && memcmp(data, magic, length) == 0;
}

static int parse_new(
	const unsigned char *data, size_t size, struct ldcache *c, struct nvb_error **err)
{
	unsigned byte_order;
	uint32_t n;

	if (size < NEW_HEADER_BYTES)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read ld.so.cache: it ends in its header");
	byte_order = data[AT_ENDIAN] & ENDIAN_MASK;
	if (byte_order == ENDIAN_BIG)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"read ld.so.cache: it is for a big-endian machine");
	if (byte_order != ENDIAN_UNSET && byte_order != ENDIAN_LITTLE)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "read ld.so.cache: it is marked as unfinished");
	n = get32(data + AT_COUNT);
	if (n > (size - NEW_HEADER_BYTES) / NEW_ENTRY_BYTES)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read ld.so.cache: it claims %u entries, more than it has room for", n);
	if (get32(data + AT_STRINGS_SIZE) > size - NEW_HEADER_BYTES - (size_t)n * NEW_ENTRY_BYTES)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read ld.so.cache: it claims %u bytes of names, more than it has",
			get32(data + AT_STRINGS_SIZE));
	*c = (struct ldcache){
		.entries = data + NEW_HEADER_BYTES,
		.n = n,
		.entry_size = NEW_ENTRY_BYTES,
		.has_hwcap = true,
		.strings = (const char *)data,
	};
	return 0;
}

static int check_text(const struct ldcache *c, size_t index, size_t field, size_t available,
	size_t max_bytes, const char *what, struct nvb_error **err)
{
	uint32_t offset = get32(c->entries + index * c->entry_size + field);
	size_t left;

	if (offset >= available)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read ld.so.cache: the %s of entry %zu lies outside the file", what, index);
	left = available - offset;
	if (left > max_bytes)
		left = max_bytes;
	if (!memchr(c->strings + offset, '\0', left))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read ld.so.cache: the %s of entry %zu has no end", what, index);
	return 0;
}

static bool needs_hwcap(const struct ldcache *c, const unsigned char *entry)
{
	return c->has_hwcap && (get32(entry + AT_HWCAP) || get32(entry + AT_HWCAP + 4));
}

static int check_entries(struct ldcache *c, const unsigned char *end, struct nvb_error **err)
{
	size_t available = (size_t)(end - (const unsigned char *)c->strings);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n; i++) {
		r = check_text(c, i, AT_KEY, available, MAX_SONAME_BYTES, "name", err);
		if (r >= 0)
			r = check_text(c, i, AT_VALUE, available, MAX_PATH_BYTES, "path", err);
		if (needs_hwcap(c, c->entries + i * c->entry_size))
			c->n_hwcap++;
	}
	return r;
}

static int parse_old(
	const unsigned char *data, size_t size, struct ldcache *c, struct nvb_error **err)
{
	size_t new_start;
	uint32_t n;

	if (size < OLD_HEADER_BYTES)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read ld.so.cache: it ends in its header");
	n = get32(data + OLD_HEADER_BYTES - 4);
	if (n > (size - OLD_HEADER_BYTES) / OLD_ENTRY_BYTES)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read ld.so.cache: its old part claims %u entries, more than it has room "
			"for",
			n);
	new_start = OLD_HEADER_BYTES + (size_t)n * OLD_ENTRY_BYTES;
	*c = (struct ldcache){
		.entries = data + OLD_HEADER_BYTES,
		.n = n,
		.entry_size = OLD_ENTRY_BYTES,
		.strings = (const char *)data + new_start,
	};
	new_start = (new_start + NEW_ALIGN - 1) & ~(size_t)(NEW_ALIGN - 1);
	if (new_start < size &&
		starts_with(data + new_start, size - new_start, NEW_MAGIC, NEW_MAGIC_BYTES))
		return parse_new(data + new_start, size - new_start, c, err);
	return 0;
}

int ldcache_parse(const void *data, size_t size, struct ldcache *ret, struct nvb_error **err)
{
	const unsigned char *bytes = data;
	struct ldcache c = { 0 };
	int r;

	if (size > LDCACHE_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read ld.so.cache: more than %zu bytes",
			LDCACHE_LIMIT_BYTES);
	if (starts_with(bytes, size, NEW_MAGIC, NEW_MAGIC_BYTES))
		r = parse_new(bytes, size, &c, err);
	else if (starts_with(bytes, size, OLD_MAGIC, sizeof(OLD_MAGIC) - 1))
		r = parse_old(bytes, size, &c, err);
	else
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "read ld.so.cache: it does not start as one");
	if (r >= 0)
		r = check_entries(&c, bytes + size, err);
	if (r < 0)
		return r;
	*ret = c;
	return 0;
}

void ldcache_get(const struct ldcache *cache, size_t index, struct ldcache_entry *ret)
{
	const unsigned char *entry = cache->entries + index * cache->entry_size;

	*ret = (struct ldcache_entry){
		.soname = cache->strings + get32(entry + AT_KEY),
		.path = cache->strings + get32(entry + AT_VALUE),
		.abi = abi_of_flags(get32(entry + AT_FLAGS)),
		.needs_hwcap = needs_hwcap(cache, entry),
	};
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* glibc computes in int; a long run of digits wraps, and the order must wrap with it. */
static int32_t take_number(const char **p)
{
	uint32_t value = 0;

	while (is_digit(**p))
		value = value * 10 + (uint32_t)(*(*p)++ - '0');
	return (int32_t)value;
}

int ldcache_compare(const char *left, const char *right)
{
	while (*left) {
		if (is_digit(*left) && is_digit(*right)) {
			uint32_t l = (uint32_t)take_number(&left);
			uint32_t r = (uint32_t)take_number(&right);

			if (l != r)
				return (int32_t)(l - r) < 0 ? -1 : 1;
		} else if (is_digit(*left)) {
			return 1;
		} else if (is_digit(*right)) {
			return -1;
		} else if (*left != *right) {
			return *left - *right;
		} else {
			left++;
			right++;
		}
	}
	return *left - *right;
}

static const char *name_at(const struct ldcache *c, size_t index)
{
	return c->strings + get32(c->entries + index * c->entry_size + AT_KEY);
}

/* The first of the neighbours named `soname`, or c->n. The cache is sorted in descending order. */
static size_t search(const struct ldcache *c, const char *soname)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low - 1) / 2;
		int order = ldcache_compare(soname, name_at(c, middle));

		if (order == 0) {
			while (middle > 0 && ldcache_compare(soname, name_at(c, middle - 1)) == 0)
				middle--;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return c->n;
}

/* How well an entry serves a loader of `abi`; 0: not at all. */
static unsigned rank(const struct ldcache_entry *entry, enum ldcache_abi abi)
{
	if (entry->abi != abi && entry->abi != LDCACHE_ANY)
		return 0;
	return 1 + (entry->abi == abi) + 2 * !entry->needs_hwcap;
}

int ldcache_find(const struct ldcache *cache, const char *soname, enum ldcache_abi abi,
	struct ldcache_entry *ret)
{
	struct ldcache_entry entry;
	unsigned best = 0;

	if (abi == LDCACHE_OTHER)
		return 0;
	for (size_t i = search(cache, soname); i < cache->n; i++) {
		if (ldcache_compare(soname, name_at(cache, i)) != 0)
			break;
		ldcache_get(cache, i, &entry);
		if (rank(&entry, abi) <= best)
			continue;
		best = rank(&entry, abi);
		*ret = entry;
	}
	return best > 0;
}
