/* SPDX-License-Identifier: Apache-2.0 */
/* The model of `nvbind ollama`: where it is, and what its file says. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "nvbind/ollama.h"

/* Where the package of Ollama that has a user of its own keeps them. */
#define SYSTEM_MODELS "/usr/share/ollama/.ollama/models"
#define PATH_BYTES    4096

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool names_file(const char *model)
{
	size_t length = strlen(model);

	return model[0] == '/' || model[0] == '.' ||
	       (length > 5 && strcmp(model + length - 5, ".gguf") == 0);
}

static int make_absolute(struct arena *a, const char **path, struct nvb_error **err)
{
	char directory[PATH_BYTES];

	if ((*path)[0] == '/')
		return 0;
	if (!getcwd(directory, sizeof(directory)))
		return NVB_RAISE(err, NVB_ERR_IO, errno, "find the working directory");
	*path = arena_printf(a, "%s/%s", directory, *path);
	return *path ? 0 : NVB_OOM(err);
}

/* --models, else Ollama's own variable, else its usual places. */
static int find_directory(const struct ollama_options *o, struct arena *a, struct ollama_model *m,
	struct nvb_error **err)
{
	const char *variable = secure_getenv("OLLAMA_MODELS"), *home = secure_getenv("HOME");
	int r;

	m->directory = o->models_dir;
	if (!m->directory && variable && *variable)
		m->directory = variable;
	m->directory_is_default = !m->directory;
	if (!m->directory && home && home[0] == '/')
		m->directory = arena_printf(a, "%s/.ollama/models", home);
	if (m->directory_is_default && (!m->directory || !is_directory(m->directory)) &&
		is_directory(SYSTEM_MODELS))
		m->directory = SYSTEM_MODELS;
	if (!m->directory)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "find the models: HOME is not set"),
			"say where they are with --models DIR");
	r = make_absolute(a, &m->directory, err);
	if (r < 0)
		return r;
	if (strchr(m->directory, ':'))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"mount '%s': no engine takes a volume with ':' in its path", m->directory);
	m->directory_exists = is_directory(m->directory);
	if (m->directory_exists || m->directory_is_default)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "open '%s', the directory of the models",
			m->directory),
		"make it with 'mkdir -p', or choose another one with --models");
}

/* A file that cannot be read makes the estimate worse, and stops nothing: Ollama may know it. */
static int read_gguf(int fd, struct arena *a, struct ollama_model *m, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r = gguf_read(fd, a, &m->gguf, &problem);

	m->has_gguf = r >= 0;
	if (r >= 0)
		return 0;
	m->why_no_gguf = arena_strdup(a, nvb_error_message(problem));
	return m->why_no_gguf ? 0 : NVB_OOM(err);
}

static int find_file(
	const char *path, struct arena *a, struct ollama_model *m, struct nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_NOT_FOUND), errno,
			"open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "open '%s': it is no file", path);
	m->is_file = true;
	m->stored.weights_bytes = (uint64_t)st.st_size;
	r = gguf_read(fd, a, &m->gguf, err);
	m->has_gguf = r >= 0;
	return r < 0 ? NVB_CONTEXT(err, r, "read '%s'", path) : 0;
}

static int find_stored(const struct model_name *name, struct arena *a, struct ollama_model *m,
	struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (!m->directory_exists)
		return 0;
	fd = open(m->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno, "open '%s'",
			m->directory);
	r = model_store_find(fd, name, a, &m->stored, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "model '%s' in '%s'", m->shown, m->directory);
	m->is_stored = r > 0;
	return r > 0 ? read_gguf(m->stored.fd, a, m, err) : 0;
}

int ollama_model_find(const struct ollama_options *o, struct arena *a, struct ollama_model *ret,
	struct nvb_error **err)
{
	struct model_name name;
	int r;

	*ret = (struct ollama_model){ .shown = o->model, .stored = STORED_MODEL_INIT };
	r = find_directory(o, a, ret, err);
	if (r < 0)
		return r;
	if (names_file(o->model))
		return find_file(o->model, a, ret, err);
	r = model_name_parse(a, o->model, &name, err);
	if (r < 0)
		return r;
	ret->guess = model_name_guess(&name);
	return find_stored(&name, a, ret, err);
}
