/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvbind cdi refresh: makes every spec of ours again and writes what changed. One that cannot be
 * made now (a driver in the middle of its update) stays as it is; the others are still written.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "nvbind/cdi_state.h"
#include "nvbind/command.h"

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
	rival = cdi_store_rival(registry, spec, recipe->path, &device);
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
	int r = cdi_maker_make(&f->maker, recipe, &spec, err);

	if (r >= 0 && spec)
		r = cdi_document_write(spec, recipe->format, &text, &length, err);
	if (r >= 0 && spec && !recipe->digest) {
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
		log_warning("%s", nvb_error_message(problem));
		if (nvb_error_get_hint(problem))
			log_warning("  hint: %s", nvb_error_get_hint(problem));
		exit_code = exit_code ? exit_code : nvb_status_exit_code(r);
	}
	return exit_code;
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
		r = cdi_state_open(f.arena, &f.store, err);
	if (r >= 0)
		r = cdi_store_recipes(&f.store, f.arena, &f.recipes, &f.problems, err);
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
