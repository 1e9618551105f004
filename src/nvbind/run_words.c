/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/run_words.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"

#define ENV_FILE_BYTES ((size_t)1 << 20)

static int raise_nameless(const char *variable, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "variable '%.64s': it has no name", variable);
}

/* Adds NAME=VALUE, or NAME with our own value; an unset variable adds nothing. */
static int add_env(struct arena *a, struct run_options *o, const char *text, struct nvb_error **err)
{
	size_t length = strcspn(text, "=");
	const char *value;
	int r;

	if (!length)
		return raise_nameless(text, err);
	if (text[length]) {
		r = string_list_add(a, &o->env, text);
	} else {
		value = secure_getenv(text);
		r = value ? string_list_printf(a, &o->env, "%s=%s", text, value) : 0;
	}
	return r < 0 ? NVB_OOM(err) : 0;
}

/* Docker's format: one NAME=VALUE or NAME per line, '#' begins a comment line, no quoting. */
static int read_env_file(
	struct arena *a, struct run_options *o, const char *path, struct nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	size_t length, number = 0;
	char *next;
	int r;

	r = fd < 0 ? -errno : file_read_fd(fd, ENV_FILE_BYTES, &text, &length);
	if (r < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-r, NVB_ERR_IO), -r,
			"read the variables in '%s'", path);
	if (strlen(text) != length)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'%s' is not a text file", path);
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		line[strcspn(line, "\r")] = '\0';
		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		line = arena_strdup(a, line);
		if (!line)
			return NVB_OOM(err);
		r = add_env(a, o, line, err);
		if (r < 0)
			return NVB_CONTEXT(err, r, "'%s', line %zu", path, number);
	}
	return 0;
}

static int add_volume(
	struct arena *a, struct run_options *o, const char *value, struct nvb_error **err)
{
	struct volume *slot, v;
	int r;

	r = volume_parse(a, value, &v, err);
	if (r < 0)
		return r;
	slot = vec_push(a, &o->volumes);
	if (!slot)
		return NVB_OOM(err);
	*slot = v;
	return 0;
}

static int read_network(struct run_options *o, struct nvb_error **err)
{
	const char *word = o->words.network;

	o->network = NETWORK_HOST;
	if (!word || strcmp(word, "host") == 0)
		return 0;
	o->network = NETWORK_NONE;
	if (strcmp(word, "none") == 0)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '--network': the built-in engine 'bolt' has no network '%.64s', "
			"only "
			"'host' and 'none'",
			word),
		"use '--runtime docker' or '--runtime podman' for others");
}

int run_words_read(struct arena *a, struct run_options *options, struct nvb_error **err)
{
	const struct run_words *w = &options->words;
	int r = read_network(options, err);

	for (size_t i = 0; r >= 0 && i < w->volumes.n; i++)
		r = add_volume(a, options, w->volumes.items[i], err);
	for (size_t i = 0; r >= 0 && i < w->env_files.n; i++)
		r = read_env_file(a, options, w->env_files.items[i], err);
	for (size_t i = 0; r >= 0 && i < w->env.n; i++)
		r = add_env(a, options, w->env.items[i], err);
	return r;
}

int run_words_check(const struct run_words *words, struct nvb_error **err)
{
	vec_foreach (const char *, variable, &words->env)
		if (!(*variable)[0] || (*variable)[0] == '=')
			return raise_nameless(*variable, err);
	return 0;
}
