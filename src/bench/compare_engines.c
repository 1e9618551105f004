/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare_engines.h"

#include <string.h>
#include <unistd.h>

#include "base/spawn.h"

/* In the user's own environment: engines find their sockets and settings in it. */
static int add_words(struct arena *a, const char *const *words, const struct string_list *more,
	struct process *ret, struct nvb_error **err)
{
	struct string_list list = { 0 };
	const char **end = NULL;
	int r = 0;

	for (; *words && r == 0; words++)
		r = string_list_add(a, &list, *words);
	for (size_t i = 0; more && i < more->n && r == 0; i++)
		r = string_list_add(a, &list, more->items[i]);
	if (r == 0)
		end = vec_push(a, &list);
	if (!end)
		return NVB_OOM(err);
	*end = NULL;
	*ret = (struct process){
		.argv = list.items, .envp = (const char *const *)environ, .output_fd = -1
	};
	return 0;
}

static int add_variant(struct engine_runs *runs, enum bench_line_id line, const char *const *words,
	const struct string_list *more, struct measure_variant_list *variants,
	struct nvb_error **err)
{
	struct process *p = arena_new_object(runs->arena, struct process);
	struct measure_variant *v = p ? vec_push(runs->arena, variants) : NULL;

	if (!v)
		return NVB_OOM(err);
	*v = (struct measure_variant){ .line = line, .run = process_measure, .target = p };
	return add_words(runs->arena, words, more, p, err);
}

int engine_runs_add_nvbind(struct engine_runs *runs, enum bench_line_id line, const char *gpus,
	struct measure_variant_list *variants, struct nvb_error **err)
{
	const char *words[] = { runs->nvbind, "--quiet", "--host-root", runs->host_root, "run",
		"--gpu", gpus, "--network", "none", "--rootfs", runs->place->root, "--", NULL };
	const char *const *environment;
	struct string_list own = { 0 };
	struct process *p;
	int r = add_variant(runs, line, words, &runs->place->command, variants, err);

	if (r >= 0)
		r = place_add_variables(runs->place, runs->arena, &own, err);
	if (r >= 0)
		r = place_environment(runs->arena, PLACE_WITH_OURS, &own, &environment, err);
	if (r < 0)
		return r;
	p = variants->items[variants->n - 1].target;
	p->envp = environment;
	return 0;
}

static int make_archive(struct engine_runs *runs, struct nvb_error **err)
{
	_cleanup_free_ char *tar = spawn_find_program("tar", SPAWN_SYSTEM_PATH);
	const char *path = arena_printf(runs->arena, "%s/root.tar", runs->place->path);
	const char *words[] = { tar, "-C", runs->place->root, "-cf", path, ".", NULL };
	struct process p;
	int r;

	if (runs->archive)
		return 0;
	if (!path)
		return NVB_OOM(err);
	if (!tar)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
			"make an image: the program 'tar' is not installed");
	r = add_words(runs->arena, words, NULL, &p, err);
	if (r >= 0)
		r = process_run(&p, NULL, err);
	if (r >= 0)
		runs->archive = path;
	return r;
}

/* The image of our root, in the engine's store. */
static int import(struct engine_runs *runs, const char *program, const char **ret_image,
	struct nvb_error **err)
{
	const char *image = arena_printf(runs->arena, "nvbind-bench:%d", (int)getpid());
	const char *words[] = { program, "import", NULL, image, NULL };
	const char *removal[] = { program, "image", "rm", "--force", image, NULL };
	struct process p, *last;
	int r = make_archive(runs, err);

	if (r < 0)
		return r;
	words[2] = runs->archive;
	last = image ? vec_push(runs->arena, &runs->removals) : NULL;
	if (!last)
		return NVB_OOM(err);
	/* Before it is there: an import that fails may have left something. */
	r = add_words(runs->arena, removal, NULL, last, err);
	if (r >= 0)
		r = add_words(runs->arena, words, NULL, &p, err);
	if (r >= 0)
		r = process_run(&p, NULL, err);
	if (r >= 0)
		*ret_image = image;
	return r;
}

int engine_runs_add_client(struct engine_runs *runs, enum bench_line_id line,
	const struct client_ops *ops, struct measure_variant_list *variants, struct nvb_error **err)
{
	static const char *harmless = "true";
	const struct string_list own = { .items = &harmless, .n = 1 };
	struct client_facts facts = { 0 };
	const char *image = runs->image;
	int r = client_probe(ops, CLIENT_BRIEF, CLIENT_PROBE_TIMEOUT_MS, runs->arena, &facts, err);

	if (r < 0)
		return r;
	if (facts.remote)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"measure %s: it runs on another machine", ops->title);
	if (!image)
		r = import(runs, facts.program, &image, err);
	if (r >= 0) {
		const char *words[] = { facts.program, "run", "--rm", "--network", "none", image,
			NULL };

		r = add_variant(runs, line, words, runs->image ? &own : &runs->place->command,
			variants, err);
	}
	return r;
}

void engine_runs_done(struct engine_runs *runs)
{
	vec_foreach (const struct process, removal, &runs->removals)
		(void)process_run(removal, NULL, NULL);
	runs->removals.n = 0;
}
