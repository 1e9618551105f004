/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery looks at nothing that is not noted: strace's list of what it looks at, beside its own.
 * The program runs itself under strace, with the host's root as its argument.
 */
#include "cache-case.h"

#include "host/record.h"

#define DISCOVER_ARGUMENT  "--discover"
#define OUTPUT_LIMIT_BYTES (4 << 20)

/* The traced part: prints what it noted. */
static int discover(const char *root)
{
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct host_record record = { .arena = a };

	if (!a || host_tree_open(root, &tree, NULL) < 0)
		return 1;
	tree.record = &record;
	if (inventory_discover(&tree, &inv, NULL) < 0 || record.unprovable)
		return 1;
	vec_foreach (struct host_fact, fact, &record.facts)
		printf("%d %s\n", (int)fact->question, fact->path);
	return 0;
}

struct noted {
	enum host_question question;
	const char *path;
};

struct noted_list VEC(struct noted);

static void parse_noted(struct arena *a, char *text, struct noted_list *ret)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct noted *slot = vec_push(a, ret);

		assert_non_null(slot);
		*slot = (struct noted){ .question = (enum host_question)(line[0] - '0'),
			.path = line + 2 };
	}
}

/*
 * `openat2(3</tmp/host>, "dev/dri", {flags=...` in parts: the path as the host sees it, whatever is
 * behind it. False for calls about something else: outside of the host, about no path.
 */
static bool parse_call(char *line, const char *root, char path[static 4096], const char **ret_rest)
{
	char *directory = strchr(line, '<'), *end = directory ? strstr(directory, ">, \"") : NULL;
	char *name = end ? end + 4 : NULL, *quote = name ? strchr(name, '"') : NULL;
	size_t length = strlen(root);

	if (!quote || strncmp(directory + 1, root, length) != 0)
		return false;
	*end = *quote = '\0';
	*ret_rest = quote + 1;
	name += strspn(name, "/");
	(void)snprintf(path, 4096, "%s%s%s", directory + 1 + length, *name ? "/" : "", name);
	/* "." is the directory itself, and an empty name is the file that is open already. */
	if (!*name || strcmp(name, ".") == 0)
		return false;
	return true;
}

static bool is_noted(const struct noted_list *noted, const char *path, bool is_read)
{
	size_t length = strlen(path);

	vec_foreach (struct noted, n, noted) {
		if (strcmp(n->path, path) == 0)
			return true;
		/* A directory on the way to what is asked for, which is not read. */
		if (!is_read && strncmp(n->path, path, length) == 0 && n->path[length] == '/')
			return true;
		/* The users of modules are of no interest; /sys/module stands for the list. */
		if (n->question == HOST_MODULE && (strncmp(path, "/sys/module", 11) == 0 ||
							  strcmp(path, "/proc/modules") == 0))
			return true;
	}
	return false;
}

/* Returns how many calls were looked at. */
static unsigned check_trace(char *trace, const char *root, const struct noted_list *noted)
{
	unsigned n = 0;
	char *save = NULL;

	for (char *line = strtok_r(trace, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char path[4096];
		const char *rest;

		if (!parse_call(line, root, path, &rest))
			continue;
		n++;
		if (!is_noted(noted, path, strstr(rest, "O_RDONLY") && !strstr(rest, "O_PATH")))
			fail_msg("looked at, but not noted: '%s' (%s%s", path, line, rest);
	}
	return n;
}

/* Returns false where processes cannot be traced. */
static bool check_host(const char *strace, const char *host)
{
	/* The leak checker of a sanitizer's build does not work under strace. */
	static const char *const environment[] = { "ASAN_OPTIONS=detect_leaks=0", NULL };
	_cleanup_(case_freep) struct cache_case *c = case_new(host);
	_cleanup_free_ char *noted_text = NULL, *trace = NULL;
	char trace_path[128], self[4096] = "";
	const char *argv[] = { strace, "-f", "-y", "-qq", "-s", "4096", "-o", trace_path, "-e",
		"trace=openat,openat2,newfstatat,readlinkat,statx,faccessat2", self,
		DISCOVER_ARGUMENT, c->s.tree.prefix, NULL };
	struct noted_list noted = { 0 };
	struct spawn_exit end;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	(void)snprintf(trace_path, sizeof(trace_path), "%s/trace", c->directory);
	assert_int_equal(spawn_capture(&(struct spawn_capture_options){ .argv = argv,
					       .envp = environment,
					       .timeout_ms = 60000,
					       .limit_bytes = OUTPUT_LIMIT_BYTES },
				 &noted_text, &end, NULL),
		0);
	if (spawn_exit_code(end) != 0)
		return false;
	parse_noted(c->s.arena, noted_text, &noted);
	assert_int_equal(file_read_path(trace_path, OUTPUT_LIMIT_BYTES, &trace, NULL), 0);
	assert_true(check_trace(trace, c->s.tree.prefix, &noted) > 5);
	return true;
}

static void test_all_is_noted(void **state)
{
	static const char *const hosts[] = { "a100-mig", "arch-desktop", "broken",
		"geforce-desktop", "h100x8", "mi300x-partitions", "wsl2" };
	_cleanup_free_ char *strace = spawn_find_program("strace", SPAWN_SYSTEM_PATH);

	(void)state;
	if (!strace) {
		print_message("strace is not installed\n");
		skip();
	}
	for (size_t i = 0; i < ELEMENTS(hosts); i++) {
		if (check_host(strace, hosts[i]))
			continue;
		print_message("strace does not work here\n");
		skip();
	}
}

/* The check itself must see what is not noted. */
static void test_the_check(void **state)
{
	struct noted items[] = { { HOST_FILE, "/usr/lib/a" }, { HOST_DIRECTORY, "/usr/lib" } };
	const struct noted_list noted = { .items = items, .n = ELEMENTS(items) };
	char line[] = "77 openat2(3</tmp/h>, \"usr/lib/b\", {flags=O_RDONLY}, 24) = 4</x>";
	char path[4096];
	const char *rest;

	(void)state;
	assert_true(parse_call(line, "/tmp/h", path, &rest));
	assert_string_equal(path, "/usr/lib/b");
	assert_non_null(strstr(rest, "O_RDONLY"));
	assert_false(is_noted(&noted, path, true));
	assert_true(is_noted(&noted, "/usr/lib/a", true));
	assert_true(is_noted(&noted, "/usr", false));
	assert_false(is_noted(&noted, "/usr", true));
	assert_false(is_noted(&noted, "/us", false));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_noted),
		cmocka_unit_test(test_the_check),
	};

	if (argc == 3 && strcmp(argv[1], DISCOVER_ARGUMENT) == 0)
		return discover(argv[2]);
	return cmocka_run_group_tests_name("gpu cache questions", tests, NULL, NULL);
}
