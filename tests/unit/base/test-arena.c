/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"

static void test_alloc(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	static const size_t sizes[] = { 1, 3, 16, 100, 4096, 16383, 16384, 16385, 1 << 20, 7 };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		unsigned char *p = arena_alloc(a, sizes[i]);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, sizes[i]);
	}
	assert_non_null(arena_alloc(a, 0));
}

static void test_limits(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	(void)state;
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_alloc(a, ((size_t)256 << 20) + 1));
	assert_non_null(arena_alloc(a, (size_t)200 << 20));
	assert_null(arena_alloc(a, (size_t)100 << 20));
	assert_non_null(arena_alloc(a, 1000));
	arena_free(NULL);
}

static void test_copies(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char bytes[] = { 'a', 0, 'b' };

	(void)state;
	assert_string_equal(arena_strdup(a, "text"), "text");
	assert_string_equal(arena_strdup(a, ""), "");
	assert_string_equal(arena_strndup(a, "text", 2), "te");
	assert_string_equal(arena_strndup(a, "te", 200), "te");
	assert_memory_equal(arena_memdup(a, bytes, sizeof(bytes)), bytes, sizeof(bytes));
	assert_non_null(arena_memdup(a, NULL, 0));
	assert_string_equal(arena_printf(a, "%s-%d", "gpu", 7), "gpu-7");
	assert_int_equal(strlen(arena_printf(a, "%50000d", 1)), 50000);
}

struct pair {
	int n;
	char pad[21];
};

static void test_vector(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct VEC(struct pair) list = { 0 };
	const struct pair *first = NULL;
	int n = 0;

	(void)state;
	vec_foreach (struct pair, p, &list)
		fail();
	for (int i = 0; i < 1000; i++) {
		struct pair *p = vec_push(a, &list);

		assert_non_null(p);
		assert_int_equal(p->n, 0);
		p->n = i;
		if (!first)
			first = p;
	}
	vec_foreach (struct pair, p, &list)
		assert_int_equal(p->n, n++);
	assert_int_equal(n, 1000);
	/* The vector moved; what was handed out stays readable. */
	assert_int_equal(first->n, 0);
}

static void test_string_list(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct string_list list = { 0 };
	char text[] = "one";

	(void)state;
	assert_int_equal(string_list_add(a, &list, text), 0);
	text[0] = 'x';
	assert_int_equal(string_list_printf(a, &list, "%d", 2), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0], "one");
	assert_string_equal(list.items[1], "2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_string_list),
	};

	return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
