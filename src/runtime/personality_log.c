/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/personality_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"

#define LINE_LIMIT_BYTES ((size_t)16 << 10)
#define TEXT_LIMIT_BYTES ((size_t)8 << 10)

static struct {
	const char *program;
	int debug_fd;
} target = { "nvbind-runtime", -1 };

/* Names of images and paths of containers are in there: no byte of theirs may move the cursor. */
static void write_line(int fd, const char *kind, const char *text)
{
	_cleanup_(strbuf_done) struct strbuf line = STRBUF_INIT(LINE_LIMIT_BYTES * 3);

	strbuf_printf(&line, "%s: %s", target.program, kind);
	strbuf_escaped_add(&line, text, TEXT_LIMIT_BYTES);
	strbuf_char_add(&line, '\n');
	if (!strbuf_failed(&line))
		(void)file_write_fd(fd, strbuf_str(&line), line.length);
}

static void sink(enum log_level level, const char *component, const char *text)
{
	bool is_debug = level == LOG_LEVEL_DEBUG || level == LOG_LEVEL_NOTICE;

	(void)component;
	if (target.debug_fd >= 0)
		write_line(target.debug_fd, "", text);
	else if (is_debug)
		write_line(STDERR_FILENO, "", text);
	if (!is_debug)
		write_line(STDERR_FILENO, "warning: ", text);
}

void personality_log_open(const char *program, const char *debug_path)
{
	target.program = program;
	log_set_sink(sink);
	if (!debug_path) {
		log_set_debug(secure_getenv("NVBIND_DEBUG"));
		return;
	}
	target.debug_fd = open(debug_path,
		O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	/* A log that cannot be written must not stop a container. */
	if (target.debug_fd < 0)
		log_warning("debug file '%s': %s", debug_path, strerror(errno));
	else
		log_set_debug("all");
}

void personality_log_error(const struct nvb_error *error)
{
	const char *hint = nvb_error_get_hint(error);

	write_line(STDERR_FILENO, "", nvb_error_message(error));
	if (hint)
		write_line(STDERR_FILENO, "hint: ", hint);
}
