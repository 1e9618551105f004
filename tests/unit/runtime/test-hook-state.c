/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sys/mman.h>

#include "base/file.h"
#include "runtime/hook_state.h"

struct input {
	struct arena *a;
	struct nvb_error *err;
	struct hook_state state;
};

static int set_up(void **state)
{
	struct input *in = calloc(1, sizeof(*in));

	if (!in)
		return -1;
	in->a = arena_new();
	*state = in;
	return in->a ? 0 : -1;
}

static int tear_down(void **state)
{
	struct input *in = *state;

	arena_free(in->a);
	nvb_error_free(in->err);
	free(in);
	return 0;
}

static int read_text(struct input *in, const char *text, size_t length)
{
	_cleanup_close_ int fd = memfd_create("state", MFD_CLOEXEC);

	assert_int_equal(file_write_fd(fd, text, length), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	nvb_error_clear(&in->err);
	return hook_state_read(fd, in->a, &in->state, &in->err);
}

static void test_states(void **state)
{
	static const char *const texts[] = {
		/* runc, crun */
		"{\"ociVersion\":\"1.0.2-dev\",\"id\":\"a\",\"status\":\"creating\",\"pid\":42,"
		"\"bundle\":\"/run/b\"}",
		"{\"ociVersion\":\"1.0\",\"id\":\"a\",\"pid\":42,\"root\":\"rootfs\",\"bundle\":\"/"
		"run/b\","
		"\"status\":\"created\",\"annotations\":{\"x\":null}}",
	};
	struct input *in = *state;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		assert_int_equal(read_text(in, texts[i], strlen(texts[i])), 0);
		assert_string_equal(in->state.bundle, "/run/b");
		assert_int_equal(in->state.pid, 42);
	}
}

static void test_bad_states(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"null",
		"[]",
		"{}",
		"{\"pid\":42}",
		"{\"bundle\":\"/b\"}",
		"{\"bundle\":\"\",\"pid\":42}",
		"{\"bundle\":\"b\",\"pid\":42}",
		"{\"bundle\":\"/b\",\"pid\":0}",
		"{\"bundle\":\"/b\",\"pid\":-42}",
		"{\"bundle\":\"/b\",\"pid\":4294967338}",
		"{\"bundle\":\"/b\",\"pid\":4.2}",
		"{\"bundle\":\"/b\",\"pid\":\"42\"}",
		"{\"bundle\":7,\"pid\":42}",
		"{\"bundle\":\"/b\\u0000c\",\"pid\":42}",
		"{\"bundle\":\"/b\",\"pid\":42} trailing",
	};
	struct input *in = *state;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		int r = read_text(in, texts[i], strlen(texts[i]));

		if (r != NVB_ERR_FORMAT)
			print_error("'%s': %d\n", texts[i], r);
		assert_int_equal(r, NVB_ERR_FORMAT);
		assert_null(in->state.bundle);
	}
}

static void test_limit(void **state)
{
	const size_t length = (4U << 20) + 1;
	_cleanup_free_ char *text = malloc(length);
	struct input *in = *state;

	assert_non_null(text);
	memset(text, ' ', length);
	assert_int_equal(read_text(in, text, length), NVB_ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
