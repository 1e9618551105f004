/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

/* Far above any real inventory or plan (tens of KiB); a bound against runaway input. */
#define ARENA_LIMIT_BYTES ((size_t)256 << 20)
#define CHUNK_BYTES ((size_t)16 << 10)
/* Many arenas hold little, and each page that is cleared is one more for the kernel to find. */
#define FIRST_CHUNK_BYTES ((size_t)4 << 10)
#define ALIGNMENT _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk *head;
	size_t total_bytes;
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

static struct chunk *add_chunk(struct arena *a, size_t need_bytes)
{
	const size_t usual = a->head ? CHUNK_BYTES : FIRST_CHUNK_BYTES;
	const size_t size = need_bytes > usual ? need_bytes : usual;
	struct chunk *c;

	if (size > ARENA_LIMIT_BYTES - a->total_bytes)
		return NULL;
	c = calloc(1, sizeof(*c) + size);
	if (!c)
		return NULL;
	c->size = size;
	a->total_bytes += size;
	/* A large block must not hide the room left in the current chunk. */
	if (a->head && need_bytes > CHUNK_BYTES) {
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = a->head;
		a->head = c;
	}
	return c;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
	struct chunk *c = a->head;
	void *p;

	if (size_bytes > ARENA_LIMIT_BYTES)
		return NULL;
	size_bytes = (size_bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (!c || c->size - c->used < size_bytes) {
		c = add_chunk(a, size_bytes);
		if (!c)
			return NULL;
	}
	p = c->data + c->used;
	c->used += size_bytes;
	return p;
}

void *arena_memdup(struct arena *a, const void *data, size_t size_bytes)
{
	void *p = arena_alloc(a, size_bytes);

	if (p && size_bytes)
		memcpy(p, data, size_bytes);
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t length)
{
	char *p;

	length = strnlen(s, length);
	if (length == SIZE_MAX)
		return NULL;
	p = arena_alloc(a, length + 1);
	if (p)
		memcpy(p, s, length);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

static char *__attribute__((format(printf, 2, 0)))
arena_vprintf(struct arena *a, const char *format, va_list ap)
{
	va_list again;
	char *p = NULL;
	int length;

	va_copy(again, ap);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length >= 0 && length < INT_MAX)
		p = arena_alloc(a, (size_t)length + 1);
	if (p)
		(void)vsnprintf(p, (size_t)length + 1, format, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap;
	char *p;

	va_start(ap, format);
	p = arena_vprintf(a, format, ap);
	va_end(ap);
	return p;
}

void *vec_push_sized(struct arena *a, void *vec, size_t item_size_bytes)
{
	struct vec_any *v = vec;

	if (v->n == v->capacity) {
		size_t capacity = v->capacity ? v->capacity * 2 : 8;
		void *items;

		if (capacity > ARENA_LIMIT_BYTES / item_size_bytes)
			return NULL;
		items = arena_alloc(a, capacity * item_size_bytes);
		if (!items)
			return NULL;
		if (v->n)
			memcpy(items, v->items, v->n * item_size_bytes);
		v->items = items;
		v->capacity = capacity;
	}
	return (char *)v->items + v->n++ * item_size_bytes;
}

int string_list_add(struct arena *a, struct string_list *list, const char *s)
{
	const char **slot;
	char *copy = arena_strdup(a, s);

	if (!copy)
		return -1;
	slot = vec_push(a, list);
	if (!slot)
		return -1;
	*slot = copy;
	return 0;
}

int string_list_printf(struct arena *a, struct string_list *list, const char *format, ...)
{
	const char **slot;
	va_list ap;
	char *text;

	va_start(ap, format);
	text = arena_vprintf(a, format, ap);
	va_end(ap);
	if (!text)
		return -1;
	slot = vec_push(a, list);
	if (!slot)
		return -1;
	*slot = text;
	return 0;
}
