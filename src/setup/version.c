/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/version.h"

#include <string.h>

#include "base/spawn.h"

#define OUTPUT_LIMIT_BYTES 65536
#define TIMEOUT_MS	   5000

const char *setup_program(const struct host_tree *tree, struct arena *a, const char *names)
{
	for (const char *name = names; *name;) {
		size_t length = strcspn(name, " ");

		for (const char *dir = SPAWN_SYSTEM_PATH; *dir;) {
			size_t n = strcspn(dir, ":");
			const char *path =
				arena_printf(a, "%.*s/%.*s", (int)n, dir, (int)length, name);

			if (path && host_tree_exists(tree, path))
				return path;
			dir += n + (dir[n] == ':');
		}
		name += length + (name[length] == ' ');
	}
	return NULL;
}

/* "Docker version 26.1.5+dfsg1, build": the first number with a dot in it. */
static const char *find_number(struct arena *a, const char *text)
{
	for (; *text; text++) {
		size_t digits = strspn(text, "0123456789");
		size_t length = strspn(text, "0123456789.");

		if (digits && text[digits] == '.' && length > digits + 1)
			return arena_strndup(a, text, length);
		text += digits ? digits - 1 : 0;
	}
	return NULL;
}

const char *setup_version(const struct host_tree *tree, struct arena *a, const char *names)
{
	const char *program = host_tree_is_live(tree) ? setup_program(tree, a, names) : NULL;
	const char *argv[] = { program, "--version", NULL };
	struct spawn_capture_options options = {
		.argv = argv,
		.timeout_ms = TIMEOUT_MS,
		.limit_bytes = OUTPUT_LIMIT_BYTES,
	};
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e;

	if (!program || spawn_capture(&options, &output, &e, NULL) < 0 || spawn_exit_code(e) != 0)
		return NULL;
	return find_number(a, output);
}
