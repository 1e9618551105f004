/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/engine_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/user_namespace.h"
#include "format/json.h"

#define TEXT_LIMIT_BYTES ((size_t)16 << 10)
/* Every byte of a text may become four, and each of these two. */
#define LINE_LIMIT_BYTES (TEXT_LIMIT_BYTES * 10)
#define FILE_PREFIX	 "file:"

static struct {
	const char *path; /* of the engine; NULL: none */
	bool json;
	bool discards;	      /* crun's "null:": nothing is to be said */
	const char *own_path; /* of our own; NULL: none */
	enum log_level own_level;
} target;

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

/* `flags` beside those that a log always needs. */
static void append(const char *path, int flags, const struct strbuf *line)
{
	_cleanup_close_ int fd = open(path,
		O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags, 0644);

	/* A log that cannot be written must not stop a container. */
	if (fd >= 0 && !strbuf_failed(line))
		(void)file_write_fd(fd, strbuf_str(line), line->length);
}

static void write_files(enum log_level level, const char *component, const char *text)
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
			&line, runtime_policy_level_name(level), time, strbuf_str(&clean));
		append(target.path, 0, &line);
	}
	if (target.own_path && level <= target.own_level) {
		format_text(&own, runtime_policy_level_name(level), time, strbuf_str(&clean));
		append(target.own_path, O_NOFOLLOW, &own);
	}
}

/* Where there is no file, who started us reads standard error, as with runc. */
static void write_line(enum log_level level, const char *component, const char *text)
{
	_cleanup_(strbuf_done) struct strbuf clean = STRBUF_INIT(LINE_LIMIT_BYTES);

	write_files(level, component, text);
	if (level != LOG_LEVEL_WARNING || target.path || target.own_path || target.discards)
		return;
	strbuf_escaped_add(&clean, text, TEXT_LIMIT_BYTES);
	(void)fprintf(stderr, "nvbind: warning: %s\n", strbuf_str(&clean));
}

static bool is_null(const char *log)
{
	return strncmp(log, "null:", 5) == 0;
}

/* crun may be told to log elsewhere than into a file: that is left to it. */
static const char *file_of(const char *log)
{
	if (!log || strncmp(log, "journald:", 9) == 0 || strncmp(log, "syslog:", 7) == 0 ||
		is_null(log))
		return NULL;
	return strncmp(log, FILE_PREFIX, strlen(FILE_PREFIX)) == 0 ? log + strlen(FILE_PREFIX)
								   : log;
}

/*
 * In a directory that others may write to, the file could be theirs: a link or a FIFO made before
 * ours. A group may: distributions give /var/log to that of their logger. What is wrong; NULL:
 * nothing.
 */
static const char *find_log_fault(const char *path)
{
	_cleanup_free_ char *parent = strndup(path, (size_t)(path_base_name(path) - path));
	struct stat st;

	if (!parent)
		return strerror(ENOMEM);
	if (stat(parent, &st) < 0)
		return strerror(errno);
	if (st.st_uid != 0 && st.st_uid != geteuid() && user_namespace_has_id(st.st_uid))
		return "its directory belongs to another user";
	if (st.st_mode & S_IWOTH)
		return "others may write to its directory";
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return "it is no regular file";
	return NULL;
}

static void open_own(const struct runtime_policy *policy)
{
	const char *fault = policy->log_path ? find_log_fault(policy->log_path) : NULL;

	target.own_path = fault ? NULL : policy->log_path;
	target.own_level = runtime_policy_level(policy);
	if (fault)
		log_warning("log_path '%s' of the runtime's policy is not used: %s",
			policy->log_path, fault);
}

void engine_log_open(const struct runtime_arguments *arguments, const struct runtime_policy *policy)
{
	if (arguments) {
		target.path = file_of(arguments->log);
		target.discards = arguments->log && is_null(arguments->log);
		target.json = arguments->log_format && strcmp(arguments->log_format, "json") == 0;
	}
	log_set_sink(write_line);
	if (policy)
		open_own(policy);
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
	write_files(LOG_LEVEL_ERROR, NULL, strbuf_str(&text));
	(void)fprintf(stderr, "nvbind: %s\n", strbuf_str(&text));
}
