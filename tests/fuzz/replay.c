/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds a fuzz target from files, without libFuzzer: replay-NAME FILE|DIRECTORY... Speaks TAP. An
 * input that breaks the target ends the program, and the missing results tell.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"

#define INPUT_LIMIT_BYTES ((size_t)1 << 20)

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void add_directory(struct arena *a, struct string_list *inputs, const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const size_t first = inputs->n;

	CHECK(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			CHECK(string_list_printf(a, inputs, "%s/%s", path, entry->d_name) == 0);
	if (inputs->n > first)
		qsort(inputs->items + first, inputs->n - first, sizeof(*inputs->items), by_name);
}

static bool replay(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *data = NULL, *exact = NULL;
	size_t size;

	if (fd < 0 || file_read_fd(fd, INPUT_LIMIT_BYTES, &data, &size) < 0)
		return false;
	/* No spare byte behind the input: a sanitizer then sees a read past it. */
	exact = malloc(size ? size : 1);
	CHECK(exact);
	memcpy(exact, data, size);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)exact, size);
	return true;
}

int main(int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct string_list inputs = { 0 };
	struct stat st;
	int failed = 0;

	CHECK(a);
	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			add_directory(a, &inputs, argv[i]);
		else
			CHECK(string_list_add(a, &inputs, argv[i]) == 0);
	}
	if (!inputs.n) {
		(void)printf("Bail out! no inputs\n");
		return 1;
	}
	(void)printf("1..%zu\n", inputs.n);
	for (size_t i = 0; i < inputs.n; i++) {
		bool good = replay(inputs.items[i]);

		failed |= !good;
		(void)printf("%s %zu - %s\n", good ? "ok" : "not ok", i + 1,
			path_base_name(inputs.items[i]));
		(void)fflush(stdout);
	}
	return failed;
}
