/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/runtime_log.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "format/json.h"

#define LOG_LIMIT_BYTES	    ((size_t)1 << 20)
#define MESSAGE_LIMIT_BYTES 512

/* NULL: the line is no error message. */
static char *line_error(const char *line)
{
	_cleanup_(json_putp) struct json_object *document = NULL;
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4 * MESSAGE_LIMIT_BYTES);
	const char *level = NULL, *message = NULL;
	struct json_at root;

	if (json_parse(line, strlen(line), &document, NULL) < 0 ||
		json_root(document, json_type_object, &root, NULL) < 0 ||
		json_get_string(&root, "level", &level, NULL) < 0 ||
		json_get_string(&root, "msg", &message, NULL) < 0)
		return NULL;
	if (!level || !message || strcmp(level, "error") != 0)
		return NULL;
	strbuf_escaped_add(&text, message, MESSAGE_LIMIT_BYTES);
	return strbuf_take(&text);
}

char *runtime_log_error(int capsule_fd)
{
	_cleanup_free_ char *log = NULL;
	char *found = NULL, *save = NULL;

	if (file_read_in(capsule_fd, "log", LOG_LIMIT_BYTES, &log, NULL) < 0)
		return NULL;
	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *message = line_error(line);

		if (!message)
			continue;
		free(found);
		found = message;
	}
	return found;
}

/* Only words that stand before a program's name: the name itself is anyone's choice. */
static bool is_about_command(const char *message)
{
	/* runc: `exec: "x": permission denied`, `exec /x: exec format error`; crun: the others. */
	static const char *const words[] = { ": exec: \"", ": exec /", "executable file `",
		"exec container process `", "open executable" };

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strstr(message, words[i]))
			return true;
	return false;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

int runtime_log_status(const char *message)
{
	static const struct {
		const char *end;
		int status;
	} table[] = {
		{ "executable file not found in $PATH", NVB_ERR_NO_COMMAND },
		{ "no such file or directory", NVB_ERR_NO_COMMAND },
		{ "permission denied", NVB_ERR_NOT_EXECUTABLE },
		{ "exec format error", NVB_ERR_NOT_EXECUTABLE },
		{ "is a directory", NVB_ERR_NOT_EXECUTABLE },
		/* crun's word for a directory. */
		{ "operation not permitted", NVB_ERR_NOT_EXECUTABLE },
	};

	if (!is_about_command(message))
		return NVB_ERR_ENGINE;
	for (size_t i = 0; i < ELEMENTS(table); i++)
		if (ends_with(message, table[i].end))
			return table[i].status;
	return NVB_ERR_ENGINE;
}
