/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/start_variant.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "bench/place_name.h"
#include "bench/process.h"
#include "oci/config.h"

#define CONFIG_NAME  "config.json"
#define CONFIG_BYTES ((size_t)16 << 20)
#define MAX_WORDS    16

struct start_variant {
	const struct start_setup *setup;
	const char *program, *directory, *state;
	const char *const *envp;
	char *config; /* in the arena */
	size_t config_length;
	unsigned number, count;
};

static int format_config(const struct start_setup *setup, const char *request, struct arena *a,
	char **ret_config, size_t *ret_length, struct nvb_error **err)
{
	_cleanup_(plan_freep) struct plan *plan = plan_new();
	const struct plan_mount_list none = { 0 };
	struct string_list env = { 0 };
	const struct oci_container container = {
		.root_path = setup->place->root,
		.hostname = "bench",
		.cwd = "/",
		.args = &setup->place->command,
		.env = &env,
		.cgroup_path = setup->device_cgroup
				       ? arena_printf(a, "/" PLACE_PREFIX "%d", (int)getpid())
				       : NULL,
		.device_cgroup = setup->device_cgroup,
		.extra_mounts = &none,
		.mounts = &none,
	};

	if (!plan ||
		string_list_add(a, &env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/bin") < 0 ||
		(request && string_list_add(a, &env, request) < 0))
		return NVB_OOM(err);
	return oci_config_format(plan, &container, ret_config, ret_length, err);
}

/* What nvbind-runtime must know; the others do not look at it. */
static int make_environment(const struct start_setup *setup, const char *low_level,
	const char *const **ret, struct nvb_error **err)
{
	struct arena *a = setup->arena;
	_cleanup_close_ int dir_fd = open(setup->place->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct string_list more = { 0 };
	errint_t e;
	int r;

	if (string_list_printf(a, &more, "NVBIND_OCI_RUNTIME=%s", low_level) < 0 ||
		string_list_printf(a, &more, "NVBIND_HOST_ROOT=%s", setup->host_root) < 0 ||
		string_list_printf(
			a, &more, "NVBIND_RUNTIME_CONFIG=%s/runtime.json", setup->place->path) < 0)
		return NVB_OOM(err);
	/* A GPU that a container has to itself can be measured too: nothing of ours uses it. */
	r = place_add_variables(setup->place, a, &more, err);
	if (r < 0)
		return r;
	/* Not the machine's policy: what it refuses would be measured as if it were given. */
	e = dir_fd < 0 ? -errno : file_replace_at(dir_fd, "runtime.json", "{}\n", 3, 0600);
	if (e < 0)
		return NVB_RAISE(
			err, NVB_ERR_IO, -e, "write '%s/runtime.json'", setup->place->path);
	return place_environment(a, PLACE_WITHOUT_OURS, &more, ret, err);
}

static int make_variant(struct start_setup *setup, const char *program, const char *low_level,
	const char *request, struct start_variant **ret, struct nvb_error **err)
{
	struct start_variant *v = arena_new_object(setup->arena, struct start_variant);
	_cleanup_free_ char *config = NULL;
	char name[32];
	int r;

	if (!v)
		return NVB_OOM(err);
	*v = (struct start_variant){
		.setup = setup, .program = program, .number = setup->n_variants++
	};
	(void)snprintf(name, sizeof(name), "bundle-%u", v->number);
	r = place_directory(setup->place, setup->arena, name, &v->directory, err);
	if (r < 0)
		return r;
	v->state = arena_printf(setup->arena, "%s/state", v->directory);
	r = make_environment(setup, low_level, &v->envp, err);
	if (r >= 0)
		r = format_config(setup, request, setup->arena, &config, &v->config_length, err);
	if (r < 0)
		return r;
	v->config = arena_memdup(setup->arena, config, v->config_length);
	if (!v->config || !v->state)
		return NVB_OOM(err);
	*ret = v;
	return 0;
}

static int write_config(const struct start_variant *v, struct nvb_error **err)
{
	_cleanup_close_ int fd = open(v->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	errint_t e = fd < 0 ? -errno
			    : file_replace_at(fd, CONFIG_NAME, v->config, v->config_length, 0600);

	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "write '%s/" CONFIG_NAME "'", v->directory);
	return 0;
}

enum action {
	ACTION_CREATE,
	ACTION_START,
	ACTION_DELETE,
};

/* An OCI runtime's command line. */
struct command_line {
	char id[64];
	const char *words[MAX_WORDS];
};

static void fill_command(
	const struct start_variant *v, enum action action, struct command_line *ret)
{
	static const char *const names[] = { "create", "start", "delete" };
	size_t n = 0;

	(void)snprintf(ret->id, sizeof(ret->id), "nvbind-bench-%d-%u-%u", (int)getpid(), v->number,
		v->count);
	ret->words[n++] = v->program;
	ret->words[n++] = "--root";
	ret->words[n++] = v->state;
	if (v->setup->disable_cgroups)
		ret->words[n++] = "--cgroup-manager=disabled";
	ret->words[n++] = names[action];
	if (action == ACTION_CREATE) {
		ret->words[n++] = "--bundle";
		ret->words[n++] = v->directory;
	}
	if (action == ACTION_DELETE)
		ret->words[n++] = "--force";
	ret->words[n++] = ret->id;
	ret->words[n] = NULL;
}

static int act(
	const struct start_variant *v, enum action action, int64_t *ret_ns, struct nvb_error **err)
{
	struct command_line line;
	const struct process p = { .argv = line.words, .envp = v->envp, .output_fd = -1 };

	fill_command(v, action, &line);
	return process_run(&p, ret_ns, err);
}

int start_variant_run(void *target, int64_t *ret_ns, struct nvb_error **err)
{
	struct start_variant *v = target;
	int64_t create_ns = 0, start_ns = 0;
	int r;

	v->count++;
	r = write_config(v, err);
	if (r >= 0)
		r = act(v, ACTION_CREATE, &create_ns, err);
	if (r >= 0)
		r = act(v, ACTION_START, &start_ns, err);
	/* Also what a start that failed has left. */
	(void)act(v, ACTION_DELETE, NULL, NULL);
	if (r < 0)
		return r;
	*ret_ns = create_ns + start_ns;
	return 0;
}

int start_variant_new(struct start_setup *setup, const char *program, const char *request,
	struct start_variant **ret, struct nvb_error **err)
{
	return make_variant(setup, program, setup->low_level, request, ret, err);
}

/* nvbind-runtime alone, in front of a program that does nothing. */
static int make_alone(struct start_setup *setup, const char *request, struct start_variant **ret,
	struct nvb_error **err)
{
	int r = make_variant(setup, setup->runtime, setup->nothing, request, ret, err);

	if (r >= 0)
		r = write_config(*ret, err);
	return r < 0 ? r : act(*ret, ACTION_CREATE, NULL, err);
}

int start_variant_new_edited(struct start_setup *setup, const char *request,
	struct start_variant **ret, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	struct start_variant *editor;
	errint_t e;
	int r;

	r = make_alone(setup, request, &editor, err);
	if (r >= 0)
		r = make_variant(setup, setup->low_level, setup->low_level, request, ret, err);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/" CONFIG_NAME, editor->directory) < 0)
		return NVB_OOM(err);
	e = file_read_path(path, CONFIG_BYTES, &text, &(*ret)->config_length);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read '%s'", path);
	(*ret)->config = arena_memdup(setup->arena, text, (*ret)->config_length);
	return (*ret)->config ? 0 : NVB_OOM(err);
}

/* What is executable by its mode and no program: nvbind-runtime ends as itself there. */
static int make_dead_end(const struct start_setup *setup, const char **ret, struct nvb_error **err)
{
	static const char text[] = "not a program\n";
	const char *path = arena_printf(setup->arena, "%s/dead-end", setup->place->path);
	_cleanup_close_ int fd = -1;
	errint_t e;

	if (!path)
		return NVB_OOM(err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	e = fd < 0 ? -errno : file_write_fd(fd, text, strlen(text));
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "write '%s'", path);
	*ret = path;
	return 0;
}

int start_variant_peak(
	struct start_setup *setup, const char *request, int64_t *ret_bytes, struct nvb_error **err)
{
	struct command_line line;
	struct process p = { .argv = line.words, .output_fd = -1 };
	const char *dead_end = NULL;
	struct start_variant *v;
	/* That it can create at all, and from the kept inventory then, shows before. */
	int r = make_alone(setup, request, &v, err);

	if (r >= 0)
		r = make_dead_end(setup, &dead_end, err);
	if (r >= 0)
		r = make_variant(setup, setup->runtime, dead_end, request, &v, err);
	if (r >= 0)
		r = write_config(v, err);
	if (r < 0)
		return r;
	fill_command(v, ACTION_CREATE, &line);
	p.envp = v->envp;
	return process_peak(&p, ret_bytes, err);
}
