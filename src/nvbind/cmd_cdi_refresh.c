/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvbind cdi refresh: makes every spec of ours again and writes what changed. One that cannot be
 * made now (a driver in the middle of its update) stays as it is; the others are still written.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "nvbind/cdi_options.h"
#include "nvbind/cdi_state.h"
#include "nvbind/command.h"
#include "nvbind/output.h"

struct refresh {
	struct arena *arena;
	struct cdi_maker maker;
	struct cdi_store store;
	struct cdi_recipe_list recipes;
	struct string_list problems;
};

static void refresh_done(struct refresh *f)
{
	cdi_store_done(&f->store);
	cdi_maker_done(&f->maker);
	arena_free(f->arena);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

/* True if the engines look there: it may lie in /run, which begins empty at every boot. */
static bool is_engines_directory(
	struct refresh *f, const struct cdi_recipe *recipe, const char *directory)
{
	const struct cdi_machine *machine = NULL;

	return cdi_maker_machine(&f->maker, recipe->host_root, recipe->driver_root,
		       recipe->dev_root, &machine, NULL) >= 0 &&
	       cdi_state_is_engines(machine, directory) > 0;
}

/* 1 if the directory of the file was taken away: nobody wants the file any more. */
static int forget_gone(struct refresh *f, const struct cdi_recipe *recipe, struct nvb_error **err)
{
	const char *directory = cdi_state_directory(f->arena, recipe->path);
	enum cdi_change change = CDI_ABSENT;
	int r;

	if (!directory)
		return NVB_OOM(err);
	if (is_there(directory) || is_engines_directory(f, recipe, directory))
		return 0;
	r = cdi_store_drop(&f->store, recipe, false, &change, err);
	if (r < 0)
		return r;
	if (recipe->digest)
		log_warning(
			"'%s' is forgotten: its directory does not exist any more", recipe->path);
	return 1;
}

/* A file that is not there must not come where another one defines its devices by now. */
static int has_rival(struct refresh *f, const struct cdi_recipe *recipe,
	const struct cdi_spec *spec, struct nvb_error **err)
{
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	const char *directory = cdi_state_directory(f->arena, recipe->path), *device = NULL;
	const struct cdi_machine *machine = NULL;
	const struct cdi_spec *rival;
	int r;

	if (!directory)
		return NVB_OOM(err);
	r = cdi_maker_machine(
		&f->maker, recipe->host_root, recipe->driver_root, recipe->dev_root, &machine, err);
	if (r >= 0)
		r = cdi_state_registry(machine, directory, &registry, err);
	if (r < 0)
		return r;
	rival = cdi_store_rival(registry, spec, recipe->path, NULL, &device);
	if (!rival)
		return 0;
	log_warning("'%s' is left out: '%s' defines '%s=%s' already", recipe->path, rival->path,
		recipe->kind, device);
	return 1;
}

static int refresh_one(struct refresh *f, const struct cdi_recipe *recipe, struct nvb_error **err)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	_cleanup_free_ char *text = NULL;
	enum cdi_change change = CDI_ABSENT;
	size_t length = 0;
	int r = forget_gone(f, recipe, err);

	if (r > 0)
		return 0;
	if (r >= 0)
		r = cdi_maker_make(&f->maker, recipe, &spec, err);
	if (r >= 0 && spec)
		r = cdi_document_write(spec, recipe->format, &text, &length, err);
	if (r >= 0 && spec && !is_there(recipe->path)) {
		r = has_rival(f, recipe, spec, err);
		if (r > 0)
			return 0;
	}
	if (r >= 0)
		r = cdi_store_put(&f->store, recipe, text, length, false, &change, err);
	if (r >= 0 && change != CDI_ABSENT && change != CDI_UNCHANGED)
		cdi_state_report(recipe, change, spec);
	return r < 0 ? NVB_CONTEXT(err, r, "refresh '%s'", recipe->path) : 0;
}

/* Returns the exit code of the first failure, or 0. */
static int refresh_all(struct refresh *f)
{
	int exit_code = 0;

	vec_foreach (const char *, problem, &f->problems) {
		log_warning("%s", *problem);
		exit_code = nvb_status_exit_code(NVB_ERR_FORMAT);
	}
	vec_foreach (const struct cdi_recipe, recipe, &f->recipes) {
		_cleanup_error_ struct nvb_error *problem = NULL;
		int r = refresh_one(f, recipe, &problem);

		if (r >= 0)
			continue;
		output_problem(problem);
		exit_code = exit_code ? exit_code : nvb_status_exit_code(r);
	}
	return exit_code;
}

/* With a host root, its recipes alone. */
static int choose_recipes(struct refresh *f, const char *host_root, struct nvb_error **err)
{
	const char *root = cdi_absolute_path(f->arena, host_root);
	size_t n = 0;

	if (!root)
		return NVB_OOM(err);
	if (strcmp(root, "/") == 0)
		return 0;
	vec_foreach (const struct cdi_recipe, recipe, &f->recipes) {
		if (strcmp(recipe->host_root, root) == 0)
			f->recipes.items[n++] = *recipe;
	}
	f->recipes.n = n;
	return 0;
}

int cmd_cdi_refresh(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(refresh_done) struct refresh f = {
		.arena = arena_new(),
		.store = CDI_STORE_INIT,
	};
	struct command_context local = *context;
	int r = command_parse(COMMAND_CDI_REFRESH, &local, argc, argv, NULL, NULL, NULL, err);

	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_CDI_REFRESH, r, argc, argv, err);
	if (r >= 0 && !f.arena)
		r = NVB_OOM(err);
	if (r >= 0)
		r = cdi_maker_init(&f.maker, err);
	if (r >= 0)
		r = cdi_state_open(&f.store, err);
	if (r >= 0)
		r = cdi_store_recipes(&f.store, f.arena, &f.recipes, &f.problems, err);
	if (r >= 0)
		r = choose_recipes(&f, local.host_root, err);
	if (r < 0)
		return r;
	if (!f.recipes.n && !f.problems.n) {
		log_notice("no specification is ours: 'nvbind cdi generate' writes them");
		return 0;
	}
	r = refresh_all(&f);
	cdi_state_warn(&f.maker);
	return r;
}
