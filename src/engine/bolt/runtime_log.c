/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/runtime_log.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "format/json.h"

#define LOG_LIMIT_BYTES ((size_t)1 << 20)
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
