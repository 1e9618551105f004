/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/spawn.h"
#include "engine/client/last_words.h"

#define INFO_BYTES    ((size_t)4 << 20)
#define SHOWN_BYTES   64
#define WORD_LIMIT    16
#define VERSION_LIMIT 100000

static const struct client_ops *const clients[] = { &docker_client, &podman_client };

const struct client_ops *client_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(clients); i++)
		if (strcmp(clients[i]->name, name) == 0)
			return clients[i];
	return NULL;
}

/* The caller's PATH may lead anywhere: root does not follow it. */
static const char *search_path(void)
{
	const char *path = geteuid() == 0 ? NULL : secure_getenv("PATH");

	return path && path[0] ? path : SPAWN_SYSTEM_PATH;
}

static int raise_missing(const struct client_ops *ops, const char *named, struct nvb_error **err)
{
	int r;

	if (named)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_ENGINE, 0,
				"use %s: %s is '%.256s', which is not the absolute path of a "
				"program",
				ops->title, ops->program_variable, named),
			"unset it, or let it name the program");
	r = NVB_RAISE(
		err, NVB_ERR_ENGINE, 0, "use %s: there is no program '%s'", ops->title, ops->name);
	return NVB_HINT(
		err, r, "install %s, or name its program in %s", ops->title, ops->program_variable);
}

int client_program(
	const struct client_ops *ops, struct arena *a, const char **ret, struct nvb_error **err)
{
	const char *named = secure_getenv(ops->program_variable);
	_cleanup_free_ char *found = NULL;

	if (named && !named[0])
		named = NULL;
	if (!named || named[0] == '/')
		found = spawn_find_program(named ? named : ops->name, search_path());
	/* A relative part of PATH would be another program after a change of directory. */
	if (!found || found[0] != '/')
		return raise_missing(ops, named, err);
	*ret = arena_strdup(a, found);
	return *ret ? 0 : NVB_OOM(err);
}

static bool is_local(const char *endpoint)
{
	return strncmp(endpoint, "unix:", 5) == 0 || endpoint[0] == '/';
}

/* An engine behind a network knows other GPUs than those of this machine. */
static void read_endpoint(const struct client_ops *ops, struct client_facts *facts)
{
	const char *endpoint = secure_getenv(ops->endpoint_variable);

	if (!endpoint || !endpoint[0])
		return;
	facts->local_endpoint = is_local(endpoint);
	facts->remote = !facts->local_endpoint;
}

/* What it says on standard error goes to *said. */
static int ask(const struct client_ops *ops, const char *program, const char *const *arguments,
	unsigned timeout_ms, struct last_words *said, char **ret, int *ret_code,
	struct nvb_error **err)
{
	const char *words[WORD_LIMIT] = { program };
	struct spawn_capture_options options = {
		.argv = words,
		/* Contexts, sockets and storage are found through the user's own environment. */
		.envp = (const char *const *)environ,
		.timeout_ms = timeout_ms,
		.limit_bytes = INFO_BYTES,
	};
	_cleanup_free_ char *text = NULL;
	struct spawn_exit ended;
	size_t n = 1;
	int r;

	for (; n < WORD_LIMIT - 1 && arguments[n - 1]; n++)
		words[n] = arguments[n - 1];
	words[n] = NULL;
	last_words_catch(said);
	options.keep_stderr = said->caught_fd >= 0;
	r = spawn_capture(&options, &text, &ended, err);
	last_words_release(said);
	if (r < 0)
		return NVB_HINT(err,
			NVB_CONTEXT(err, NVB_ERR_ENGINE, "ask %s what it can do", ops->title),
			"see what '%s info' says", ops->name);
	*ret_code = ended.code;
	*ret = TAKE_PTR(text);
	return 0;
}

/* 1: what was told is enough. */
static int ask_briefly(const struct client_ops *ops, unsigned timeout_ms, struct arena *a,
	struct client_facts *facts, struct nvb_error **err)
{
	_cleanup_(last_words_done) struct last_words said = LAST_WORDS_INIT;
	_cleanup_free_ char *text = NULL;
	int code, r;

	if (!ops->brief_words)
		return 0;
	r = ask(ops, facts->program, ops->brief_words, timeout_ms, &said, &text, &code, err);
	return r < 0 ? r : code == 0 && ops->parse_brief(text, a, facts);
}

static int raise_ended(const struct client_ops *ops, const char *program, int code,
	const char *said, struct nvb_error **err)
{
	int r = ops->raise_silent ? ops->raise_silent(err) : 0;

	return r < 0 ? r
		     : NVB_HINT(err,
			       NVB_RAISE(err, NVB_ERR_ENGINE, 0,
				       "ask %s what it can do: '%s' ended with exit status %d%s%s",
				       ops->title, program, code, said ? ": " : "",
				       said ? said : ""),
			       "see what '%s info' says", ops->name);
}

static int ask_all(const struct client_ops *ops, unsigned timeout_ms, struct arena *a,
	struct client_facts *facts, struct nvb_error **err)
{
	_cleanup_(last_words_done) struct last_words said = LAST_WORDS_INIT;
	_cleanup_free_ char *text = NULL;
	int code, r;

	r = ask(ops, facts->program, ops->info_words, timeout_ms, &said, &text, &code, err);
	if (r >= 0 && code != 0)
		return raise_ended(ops, facts->program, code, last_words_line(&said, a), err);
	if (r < 0)
		return r;
	r = ops->parse(text, strlen(text), a, facts, err);
	if (r == NVB_ERR_FORMAT || r == NVB_ERR_LIMIT)
		return NVB_HINT(err,
			NVB_CONTEXT(err, NVB_ERR_ENGINE, "read what '%s' says of itself",
				facts->program),
			"see what '%s info' says", ops->name);
	return r;
}

/* A context may well be this machine's: an ordinary user's own Docker has one. */
static int ask_endpoint(const struct client_ops *ops, unsigned timeout_ms,
	struct client_facts *facts, struct nvb_error **err)
{
	_cleanup_(last_words_done) struct last_words said = LAST_WORDS_INIT;
	_cleanup_free_ char *text = NULL;
	int code, r;

	r = ask(ops, facts->program, ops->endpoint_words, timeout_ms, &said, &text, &code, err);
	if (r >= 0 && (code != 0 || !is_local(text)))
		facts->remote = true;
	return r;
}

int client_probe(const struct client_ops *ops, enum client_depth depth, unsigned timeout_ms,
	struct arena *a, struct client_facts *ret, struct nvb_error **err)
{
	struct client_facts facts = { 0 };
	int r;

	read_endpoint(ops, &facts);
	r = client_program(ops, a, &facts.program, err);
	if (r >= 0 && depth == CLIENT_BRIEF)
		r = ask_briefly(ops, timeout_ms, a, &facts, err);
	if (r == 0)
		r = ask_all(ops, timeout_ms, a, &facts, err);
	if (r >= 0 && facts.context)
		r = ask_endpoint(ops, timeout_ms, &facts, err);
	if (r < 0)
		return r;
	*ret = facts;
	return 0;
}

int client_parse_version(const char *text, struct client_facts *facts, struct nvb_error **err)
{
	size_t major = strspn(text, "0123456789");
	size_t minor = text[major] == '.' ? strspn(text + major + 1, "0123456789") : 0;
	uint64_t first = 0, second = 0;

	if (!number_parse_n(text, major, VERSION_LIMIT, &first) ||
		!number_parse_n(text + major + 1, minor, VERSION_LIMIT, &second))
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "'%.*s' is not a version", SHOWN_BYTES, text);
	facts->major = (unsigned)first;
	facts->minor = (unsigned)second;
	return 0;
}

int client_become(const struct string_list *argv, struct nvb_error **err)
{
	_cleanup_free_ const char **words = calloc(argv->n + 1, sizeof(*words));

	if (!words)
		return NVB_OOM(err);
	for (size_t i = 0; i < argv->n; i++)
		words[i] = argv->items[i];
	(void)fflush(NULL);
	spawn_restore_file_limit();
	(void)execve(words[0], (char *const *)words, environ);
	return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "start '%s'", words[0]);
}
