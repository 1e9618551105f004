/* SPDX-License-Identifier: Apache-2.0 */
/* A cache from nothing, or from another one with some libraries put before it. */
#include <stdlib.h>

#include "format/ldcache_layout.h"

/* More directories than any machine has; an index beyond it makes an entry useless. */
#define MAX_HWCAP_NAMES 64

struct item {
	const char *soname, *path;
	uint32_t flags;
	uint32_t hwcap_low, hwcap_high;
	bool is_new;
	size_t order;
};

struct item_list VEC(struct item);

struct writer {
	struct item *items;
	size_t n;
	const char *hwcap_names[MAX_HWCAP_NAMES];
	size_t n_hwcap_names;
};

static void writer_done(struct writer *w)
{
	free(w->items);
}

static int by_cache_order(const void *left, const void *right)
{
	const struct item *l = left, *r = right;
	int order = ldcache_compare(r->soname, l->soname);

	if (order)
		return order;
	if (l->flags != r->flags)
		return l->flags < r->flags ? 1 : -1;
	/* What an older cache has of one name stays in its order: glibc-hwcaps before the rest. */
	return l->order < r->order ? -1 : l->order > r->order;
}

bool ldcache_name_is_sound(const char *name)
{
	size_t digits = 0, length = strlen(name);

	if (!length || length >= MAX_SONAME_BYTES)
		return false;
	for (; *name; name++) {
		if (*name <= ' ' || *name > '~' || *name == '/')
			return false;
		digits = *name >= '0' && *name <= '9' ? digits + 1 : 0;
		/* Ten digits can wrap in glibc's comparison, which then is no order. */
		if (digits > 9)
			return false;
	}
	return true;
}

static int check_library(
	const struct ldcache_library *l, uint32_t *ret_flags, struct nvb_error **err)
{
	if (!ldcache_name_is_sound(l->soname))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"write ld.so.cache: '%.64s' cannot be the name of a library", l->soname);
	if (l->path[0] != '/' || strlen(l->path) >= MAX_PATH_BYTES)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"write ld.so.cache: '%.64s' cannot be the path of a library", l->path);
	if (!ldcache_flags_of_abi(l->abi, ret_flags))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"write ld.so.cache: the ABI of '%.64s' is unknown", l->path);
	return 0;
}

static int add_libraries(
	struct writer *w, const struct ldcache_library *libraries, size_t n, struct nvb_error **err)
{
	for (size_t i = 0; i < n; i++) {
		struct item *item = &w->items[w->n];
		int r;

		*item = (struct item){
			.soname = libraries[i].soname,
			.path = libraries[i].path,
			.is_new = true,
			.order = w->n,
		};
		r = check_library(&libraries[i], &item->flags, err);
		if (r < 0)
			return r;
		w->n++;
	}
	return 0;
}

/* NULL: not a short text inside the file. */
static const char *text_at(const unsigned char *header, size_t size, uint32_t offset)
{
	size_t left = offset < size ? size - offset : 0;

	if (left > MAX_SONAME_BYTES)
		left = MAX_SONAME_BYTES;
	return left && memchr(header + offset, '\0', left) ? (const char *)header + offset : NULL;
}

static void read_hwcap_section(struct writer *w, const unsigned char *header, size_t size,
	uint32_t offset, uint32_t section_size)
{
	size_t n = section_size / 4;

	/* Of two such sections the last counts, and a damaged one has no names. */
	w->n_hwcap_names = 0;
	if (offset > size || section_size > size - offset || n > MAX_HWCAP_NAMES)
		return;
	for (size_t i = 0; i < n; i++) {
		w->hwcap_names[i] = text_at(header, size, get32(header + offset + 4 * i));
		if (!w->hwcap_names[i])
			return;
	}
	w->n_hwcap_names = n;
}

/* Damaged extensions count as absent, as for the loader. */
static void read_hwcap_names(struct writer *w, const unsigned char *header, size_t size)
{
	uint32_t at = get32(header + AT_EXTENSIONS), n;

	if (!at || at > size || size - at < EXTENSION_HEADER_BYTES ||
		get32(header + at) != EXTENSION_MAGIC)
		return;
	n = get32(header + at + 4);
	if (n > (size - at - EXTENSION_HEADER_BYTES) / EXTENSION_SECTION_BYTES)
		return;
	for (size_t i = 0; i < n; i++) {
		const unsigned char *section =
			header + at + EXTENSION_HEADER_BYTES + i * EXTENSION_SECTION_BYTES;

		if (get32(section) == EXTENSION_TAG_HWCAPS)
			read_hwcap_section(
				w, header, size, get32(section + 8), get32(section + 12));
	}
}

static bool is_usable(const struct writer *w, const struct item *item)
{
	if (!ldcache_name_is_sound(item->soname) || item->path[0] != '/')
		return false;
	return item->hwcap_high != HWCAP_IS_INDEX || item->hwcap_low < w->n_hwcap_names;
}

static void add_older(struct writer *w, const struct ldcache *older)
{
	for (size_t i = 0; i < older->n; i++) {
		const unsigned char *entry = older->entries + i * older->entry_size;
		struct item *item = &w->items[w->n];

		*item = (struct item){
			.soname = older->strings + get32(entry + AT_KEY),
			.path = older->strings + get32(entry + AT_VALUE),
			.flags = get32(entry + AT_FLAGS),
			.order = w->n,
		};
		if (older->has_hwcap) {
			item->hwcap_low = get32(entry + AT_HWCAP);
			item->hwcap_high = get32(entry + AT_HWCAP + 4);
		}
		if (is_usable(w, item))
			w->n++;
	}
}

/* A new library stands for all that the older cache has of its name and ABI. */
static void drop_replaced(struct writer *w)
{
	const struct item *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct item *item = &w->items[i];

		if (!first || item->flags != first->flags ||
			ldcache_compare(item->soname, first->soname) != 0)
			first = item;
		else if (first->is_new)
			continue;
		/* Never over `first`: it is at or before its own new place. */
		w->items[n++] = *item;
		if (first == item)
			first = &w->items[n - 1];
	}
	w->n = n;
}

/* A name is usually the end of its path: then one string serves both. */
static bool path_ends_in_name(const struct item *item)
{
	const char *slash = strrchr(item->path, '/');

	return strcmp(slash + 1, item->soname) == 0;
}

static size_t text_bytes(const struct item *item)
{
	return strlen(item->path) + 1 + (path_ends_in_name(item) ? 0 : strlen(item->soname) + 1);
}

static size_t extension_bytes(const struct writer *w)
{
	return w->n_hwcap_names
		       ? EXTENSION_HEADER_BYTES + EXTENSION_SECTION_BYTES + 4 * w->n_hwcap_names
		       : 0;
}

/* Where the strings end and, aligned, the extensions begin. */
static size_t strings_end(const struct writer *w)
{
	size_t size = NEW_HEADER_BYTES + w->n * NEW_ENTRY_BYTES;

	for (size_t i = 0; i < w->n; i++)
		size += text_bytes(&w->items[i]);
	for (size_t i = 0; i < w->n_hwcap_names; i++)
		size += strlen(w->hwcap_names[i]) + 1;
	return size;
}

static uint32_t put_text(unsigned char *data, size_t *at, const char *text)
{
	size_t size = strlen(text) + 1, start = *at;

	memcpy(data + start, text, size);
	*at += size;
	return (uint32_t)start;
}

static void put_entry(
	unsigned char *entry, unsigned char *data, size_t *text_at, const struct item *item)
{
	uint32_t path_at = put_text(data, text_at, item->path);
	uint32_t name_at = (uint32_t)(*text_at - strlen(item->soname) - 1);

	if (!path_ends_in_name(item))
		name_at = put_text(data, text_at, item->soname);
	put32(entry + AT_FLAGS, item->flags);
	put32(entry + AT_KEY, name_at);
	put32(entry + AT_VALUE, path_at);
	put32(entry + AT_HWCAP, item->hwcap_low);
	put32(entry + AT_HWCAP + 4, item->hwcap_high);
}

static void put_extension(
	const struct writer *w, unsigned char *data, size_t *text_at, size_t extension_at)
{
	unsigned char *section = data + extension_at + EXTENSION_HEADER_BYTES;
	size_t names_at = extension_at + EXTENSION_HEADER_BYTES + EXTENSION_SECTION_BYTES;

	if (!w->n_hwcap_names)
		return;
	put32(data + AT_EXTENSIONS, (uint32_t)extension_at);
	put32(data + extension_at, EXTENSION_MAGIC);
	put32(data + extension_at + 4, 1);
	put32(section, EXTENSION_TAG_HWCAPS);
	put32(section + 8, (uint32_t)names_at);
	put32(section + 12, (uint32_t)(4 * w->n_hwcap_names));
	for (size_t i = 0; i < w->n_hwcap_names; i++)
		put32(data + names_at + 4 * i, put_text(data, text_at, w->hwcap_names[i]));
}

static int put_all(const struct writer *w, struct arena *a, const void **ret_data, size_t *ret_size,
	struct nvb_error **err)
{
	size_t text_at = NEW_HEADER_BYTES + w->n * NEW_ENTRY_BYTES, strings_at = text_at;
	size_t end = strings_end(w), extension_at = (end + 3) & ~(size_t)3;
	size_t size = w->n_hwcap_names ? extension_at + extension_bytes(w) : end;
	unsigned char *data;

	if (size > LDCACHE_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "write ld.so.cache: more than %zu bytes",
			LDCACHE_LIMIT_BYTES);
	data = arena_alloc(a, size);
	if (!data)
		return NVB_OOM(err);
	memcpy(data, NEW_MAGIC, NEW_MAGIC_BYTES);
	put32(data + AT_COUNT, (uint32_t)w->n);
	put32(data + AT_STRINGS_SIZE, (uint32_t)(end - strings_at));
	data[AT_ENDIAN] = ENDIAN_LITTLE;
	for (size_t i = 0; i < w->n; i++)
		put_entry(data + NEW_HEADER_BYTES + i * NEW_ENTRY_BYTES, data, &text_at,
			&w->items[i]);
	put_extension(w, data, &text_at, extension_at);
	*ret_data = data;
	*ret_size = size;
	return 0;
}

static int writer_reserve(struct writer *w, size_t n, struct nvb_error **err)
{
	if (n > LDCACHE_LIMIT_BYTES / NEW_ENTRY_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "write ld.so.cache: %zu libraries", n);
	w->items = calloc(n + 1, sizeof(*w->items));
	return w->items ? 0 : NVB_OOM(err);
}

int ldcache_write(const struct ldcache_library *libraries, size_t n, struct arena *a,
	const void **ret_data, size_t *ret_size, struct nvb_error **err)
{
	_cleanup_(writer_done) struct writer w = { 0 };
	int r = writer_reserve(&w, n, err);

	if (r >= 0)
		r = add_libraries(&w, libraries, n, err);
	if (r < 0)
		return r;
	qsort(w.items, w.n, sizeof(*w.items), by_cache_order);
	return put_all(&w, a, ret_data, ret_size, err);
}

int ldcache_merge(const void *older, size_t older_size, const struct ldcache_library *libraries,
	size_t n, struct arena *a, const void **ret_data, size_t *ret_size, struct nvb_error **err)
{
	_cleanup_(writer_done) struct writer w = { 0 };
	struct ldcache cache;
	int r = ldcache_parse(older, older_size, &cache, err);

	if (r >= 0)
		r = writer_reserve(&w, n + cache.n, err);
	if (r >= 0)
		r = add_libraries(&w, libraries, n, err);
	if (r < 0)
		return r;
	if (cache.has_hwcap) {
		const unsigned char *header = (const unsigned char *)cache.strings;

		read_hwcap_names(
			&w, header, older_size - (size_t)(header - (const unsigned char *)older));
	}
	add_older(&w, &cache);
	qsort(w.items, w.n, sizeof(*w.items), by_cache_order);
	drop_replaced(&w);
	return put_all(&w, a, ret_data, ret_size, err);
}
