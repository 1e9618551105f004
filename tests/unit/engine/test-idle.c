/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/bolt/idle.h"

static const char constant[] = "of the program's file";
static char written[] = "of the program's file, too";

/* Of all that the process has mapped. */
static long read_kib(const char *field)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[128];
	long kib = -1;

	assert_non_null(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, field, strlen(field)) == 0)
			assert_int_equal(sscanf(line + strlen(field), "%ld", &kib), 1);
	(void)fclose(file);
	assert_true(kib >= 0);
	return kib;
}

static void test_nothing_is_lost(void **state)
{
	char *heap = strdup("of the heap"), local[] = "of the stack";

	(void)state;
	assert_non_null(heap);
	memcpy(written, "written over", sizeof("written over"));
	idle_release_memory();
	assert_string_equal(constant, "of the program's file");
	assert_string_equal(written, "written over");
	assert_string_equal(heap, "of the heap");
	assert_string_equal(local, "of the stack");
	free(heap);
}

static void test_pages_go(void **state)
{
	const size_t size = (size_t)8 << 20;
	long before;
	char *blocks[1024];

	(void)state;
	/* Small ones: large ones go by themselves. */
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		blocks[i] = malloc(size / 1024);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, size / 1024);
	}
	before = read_kib("Rss:");
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		free(blocks[i]);
	idle_release_memory();
	assert_true(read_kib("Rss:") < before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost),
		cmocka_unit_test(test_pages_go),
	};

	return cmocka_run_group_tests_name("engine/idle", tests, NULL, NULL);
}
