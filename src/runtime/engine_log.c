/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/engine_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "format/json.h"

#define TEXT_LIMIT_BYTES ((size_t)16 << 10)
/* Every byte of a text may become four, and each of these two. */
#define LINE_LIMIT_BYTES (TEXT_LIMIT_BYTES * 10)
#define FILE_PREFIX	 "file:"

static struct {
	const char *path; /* of the engine; NULL: none */
	bool json;
	const char *own_path; /* of our own; NULL: none */
	enum log_level own_level;
} target;

/* As runc spells them, in the order of enum log_level. */
static const char *const level_names[] = { "error", "warning", "info", "debug" };

static void format_time(char *out, size_t size)
{
	struct timespec now = { 0 };
	struct tm parts = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &parts);
	(void)strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static bool add_json(struct strbuf *line, const char *level, const char *time, const char *text)
{
	struct json_builder b = JSON_BUILDER_INIT;
	struct json_object *o = json_new_object(&b);
	_cleanup_free_ char *formatted = NULL;
	bool made;

	json_add_string(&b, o, "level", level);
	json_add_string(&b, o, "msg", text);
	json_add_string(&b, o, "time", time);
	made = json_builder_check(&b, NULL) >= 0 &&
	       json_format(o, JSON_PLAIN, &formatted, NULL, NULL) >= 0;
	if (made)
		strbuf_printf(line, "%s\n", formatted);
	json_putp(&o);
	return made;
}

/* A path may be no UTF-8, and JSON is nothing else. */
static void format_json(struct strbuf *line, const char *level, const char *time, const char *text)
{
	_cleanup_free_ char *ascii = NULL;

	if (add_json(line, level, time, text))
		return;
	ascii = strdup(text);
	for (char *p = ascii; p && *p; p++)
		*p = (unsigned char)*p < 0x80 ? *p : '?';
	if (ascii)
		(void)add_json(line, level, time, ascii);
}

/* A quote inside would end the text for whoever reads it. */
static void format_text(struct strbuf *line, const char *level, const char *time, const char *text)
{
	strbuf_printf(line, "time=\"%s\" level=%s msg=\"", time, level);
	for (const char *p = text; *p; p++)
		strbuf_printf(line, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
	strbuf_str_add(line, "\"\n");
}

static void append(const char *path, const struct strbuf *line)
{
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);

	/* A log that cannot be written must not stop a container. */
	if (fd >= 0 && !strbuf_failed(line))
		(void)file_write_fd(fd, strbuf_str(line), line->length);
}

static void write_line(enum log_level level, const char *component, const char *text)
{
	_cleanup_(strbuf_done) struct strbuf line = STRBUF_INIT(LINE_LIMIT_BYTES);
	_cleanup_(strbuf_done) struct strbuf own = STRBUF_INIT(LINE_LIMIT_BYTES);
	_cleanup_(strbuf_done) struct strbuf clean = STRBUF_INIT(LINE_LIMIT_BYTES);
	char time[32];

	strbuf_str_add(&clean, "nvbind: ");
	if (component)
		strbuf_printf(&clean, "%s: ", component);
	strbuf_escaped_add(&clean, text, TEXT_LIMIT_BYTES);
	format_time(time, sizeof(time));
	/* The engine keeps what it gets: nothing that only we read. */
	if (target.path && level <= LOG_LEVEL_WARNING) {
		(target.json ? format_json : format_text)(
			&line, level_names[level], time, strbuf_str(&clean));
		append(target.path, &line);
	}
	if (target.own_path && level <= target.own_level) {
		format_text(&own, level_names[level], time, strbuf_str(&clean));
		append(target.own_path, &own);
	}
}

static enum log_level parse_level(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(level_names); i++)
		if (name && strcmp(level_names[i], name) == 0)
			return (enum log_level)i;
	return LOG_LEVEL_WARNING;
}

/* crun may be told to log elsewhere than into a file: that is left to it. */
static const char *file_of(const char *log)
{
	if (!log || strncmp(log, "journald:", 9) == 0 || strncmp(log, "syslog:", 7) == 0 ||
		strncmp(log, "null:", 5) == 0)
		return NULL;
	return strncmp(log, FILE_PREFIX, strlen(FILE_PREFIX)) == 0 ? log + strlen(FILE_PREFIX)
								   : log;
}

void engine_log_open(const struct runtime_arguments *arguments, const struct runtime_policy *policy)
{
	if (arguments) {
		target.path = file_of(arguments->log);
		target.json = arguments->log_format && strcmp(arguments->log_format, "json") == 0;
	}
	if (policy) {
		target.own_path = policy->log_path;
		target.own_level = parse_level(policy->log_level);
	}
	log_set_sink(write_line);
	if (policy && target.own_level == LOG_LEVEL_DEBUG)
		log_set_debug("all");
}

void engine_log_error(const struct nvb_error *e)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(LINE_LIMIT_BYTES);
	const char *hint = nvb_error_get_hint(e);

	strbuf_escaped_add(&text, nvb_error_message(e), TEXT_LIMIT_BYTES);
	if (hint) {
		strbuf_str_add(&text, " (");
		strbuf_escaped_add(&text, hint, TEXT_LIMIT_BYTES);
		strbuf_char_add(&text, ')');
	}
	write_line(LOG_LEVEL_ERROR, NULL, strbuf_str(&text));
	(void)fprintf(stderr, "nvbind: %s\n", strbuf_str(&text));
}
