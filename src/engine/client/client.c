/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/spawn.h"

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

/* An engine behind a network knows other GPUs than those of this machine. */
static void read_endpoint(const struct client_ops *ops, struct client_facts *facts)
{
	const char *endpoint = secure_getenv(ops->endpoint_variable);

	if (!endpoint || !endpoint[0])
		return;
	facts->local_endpoint = strncmp(endpoint, "unix:", 5) == 0 || endpoint[0] == '/';
	facts->remote = !facts->local_endpoint;
}

static int ask(const struct client_ops *ops, const char *program, unsigned timeout_ms, char **ret,
	struct nvb_error **err)
{
	const char *words[WORD_LIMIT] = { program };
	const struct spawn_capture_options options = {
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

	for (; n < WORD_LIMIT - 1 && ops->info_words[n - 1]; n++)
		words[n] = ops->info_words[n - 1];
	words[n] = NULL;
	r = spawn_capture(&options, &text, &ended, err);
	if (r < 0)
		return NVB_HINT(err,
			NVB_CONTEXT(err, NVB_ERR_ENGINE, "ask %s what it can do", ops->title),
			"see what '%s info' says", ops->name);
	if (ended.code != 0)
		return ops->raise_silent(program, ended.code, err);
	*ret = TAKE_PTR(text);
	return 0;
}

int client_probe(const struct client_ops *ops, unsigned timeout_ms, struct arena *a,
	struct client_facts *ret, struct nvb_error **err)
{
	struct client_facts facts = { 0 };
	_cleanup_free_ char *text = NULL;
	int r;

	read_endpoint(ops, &facts);
	r = client_program(ops, a, &facts.program, err);
	if (r < 0)
		return r;
	r = ask(ops, facts.program, timeout_ms, &text, err);
	if (r < 0)
		return r;
	r = ops->parse(text, strlen(text), a, &facts, err);
	if (r == NVB_ERR_FORMAT || r == NVB_ERR_LIMIT)
		return NVB_HINT(err,
			NVB_CONTEXT(err, NVB_ERR_ENGINE, "read what '%s' says of itself",
				facts.program),
			"see what '%s info' says", ops->name);
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
	(void)execve(words[0], (char *const *)words, environ);
	return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "start '%s'", words[0]);
}
