/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_env_file.h"

#include <string.h>

static const char blanks[] = " \t\r";

/* The text behind "NAME=" of a line, or NULL. */
static const char *value_in(const char *line, size_t length, const char *name, size_t *ret_length)
{
	static const char export[] = "export ";
	const size_t n = strlen(name), m = sizeof(export) - 1;
	const char *end = line + length;

	while (line < end && strchr(blanks, *line))
		line++;
	if ((size_t)(end - line) > m && strncmp(line, export, m) == 0)
		line += m;
	while (line < end && strchr(blanks, *line))
		line++;
	if ((size_t)(end - line) <= n || strncmp(line, name, n) != 0 || line[n] != '=')
		return NULL;
	line += n + 1;
	while (line < end && strchr(blanks, *line))
		line++;
	while (end > line && strchr(blanks, end[-1]))
		end--;
	*ret_length = (size_t)(end - line);
	return line;
}

/* Without its quotes, or without the comment behind it. */
static char *unquote(struct arena *a, const char *text, size_t length)
{
	const char *end;

	if (length > 0 && (*text == '"' || *text == '\'')) {
		end = memchr(text + 1, *text, length - 1);
		if (end)
			return arena_strndup(a, text + 1, (size_t)(end - text - 1));
	}
	for (size_t i = 1; i < length; i++)
		if (text[i] == '#' && strchr(blanks, text[i - 1]))
			length = i;
	while (length > 0 && strchr(blanks, text[length - 1]))
		length--;
	return arena_strndup(a, text, length);
}

static int find_in(const char *text, const char *name, struct arena *a, enum compose_found *ret,
	const char **ret_value, struct nvb_error **err)
{
	while (*text) {
		const size_t length = strcspn(text, "\n");
		size_t n = 0;
		const char *value = value_in(text, length, name, &n);

		if (value) {
			*ret_value = unquote(a, value, n);
			*ret = COMPOSE_FOUND;
			if (!*ret_value)
				return NVB_OOM(err);
		}
		text += length + (text[length] == '\n');
	}
	return 0;
}

int compose_env_file_find(const struct compose_service *service, const struct compose_files *files,
	const char *name, struct arena *a, enum compose_found *ret, const char **ret_value,
	struct nvb_error **err)
{
	*ret = service->has_env_file && !service->env_files.n ? COMPOSE_UNKNOWN : COMPOSE_ABSENT;
	vec_foreach (const char *, path, &service->env_files) {
		_cleanup_free_ char *text = NULL;
		int r;

		if (!files->read || compose_is_interpolated(*path) ||
			files->read(files->user, *path, &text) < 0) {
			*ret = COMPOSE_UNKNOWN;
			return 0;
		}
		r = find_in(text, name, a, ret, ret_value, err);
		if (r < 0)
			return r;
	}
	return 0;
}
