/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena owns everything that a result consists of: a snapshot, a plan, a parsed file.
 *
 * Nothing in it is freed alone; arena_free() releases all. Memory is zeroed. Every function
 * returns NULL when memory or the arena's limit is exhausted. Pointers stay valid until
 * arena_free(): a growing vector moves, its old items stay readable.
 *
 * Thread safety: one thread while it is built; any number of readers afterwards.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/cleanup.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);
DEFINE_FREEP(struct arena, arena_free)

void *arena_alloc(struct arena *a, size_t size_bytes);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t length);
void *arena_memdup(struct arena *a, const void *data, size_t size_bytes);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define arena_new_object(a, type) ((type *)arena_alloc((a), sizeof(type)))

/*
 * A vector in an arena:
 *
 *	struct { VEC_MEMBERS(struct gpu) } or: struct gpu_list VEC(struct gpu);
 *	struct gpu *g = vec_push(arena, &list);		// NULL: out of memory
 *	vec_foreach (struct gpu, g, &list) ...
 */
#define VEC(type)                 \
	{                         \
		type *items;      \
		size_t n;         \
		size_t capacity;  \
	}

struct vec_any VEC(void);

void *vec_push_sized(struct arena *a, void *vec, size_t item_size_bytes);

#define vec_push(arena, vec) \
	((__typeof__((vec)->items))vec_push_sized((arena), (vec), sizeof(*(vec)->items)))

#define vec_foreach(type, item, vec) \
	for (type *item = (vec)->items; (size_t)(item - (vec)->items) < (vec)->n; item++)

struct string_list VEC(const char *);

/* Returns 0, or -1 when out of memory. */
int string_list_add(struct arena *a, struct string_list *list, const char *s);
/* The same, formatted into the arena. */
int string_list_printf(struct arena *a, struct string_list *list, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
