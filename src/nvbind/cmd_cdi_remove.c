/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind cdi remove: the files that `generate` wrote, and how they were made. */
#include <string.h>

#include "base/log.h"
#include "nvbind/cdi_options.h"
#include "nvbind/cdi_state.h"
#include "nvbind/output.h"

struct removal {
	struct arena *arena;
	struct cdi_store store;
	struct cdi_recipe_list recipes;
	struct string_list problems;
	bool force;
};

static void removal_done(struct removal *m)
{
	cdi_store_done(&m->store);
	arena_free(m->arena);
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct removal *m = target;

	(void)value;
	(void)err;
	if (id == OPTION_CDI_REMOVE_FORCE)
		m->force = true;
	return 0;
}

static bool names(const char *operand, const char *absolute, const struct cdi_recipe *recipe)
{
	return strcmp(recipe->kind, operand) == 0 || strcmp(recipe->path, absolute) == 0;
}

static int remove_one(struct removal *m, const struct cdi_recipe *recipe, struct nvb_error **err)
{
	enum cdi_change change = CDI_ABSENT;
	int r = cdi_store_drop(&m->store, recipe, m->force, &change, err);

	if (r >= 0 && change != CDI_ABSENT)
		cdi_state_report(recipe, change, NULL);
	return r;
}

/* The file of a recipe that means nothing may be anyone's by now: it stays, but for force. */
static int remove_damaged(
	struct removal *m, const char *path, size_t *ret_n, struct nvb_error **err)
{
	const struct cdi_recipe recipe = { .path = path };
	int r = cdi_store_forget_damaged(&m->store, path, ret_n, err);

	return r >= 0 && *ret_n && m->force ? remove_one(m, &recipe, err) : r;
}

static int raise_unknown(const struct removal *m, const char *operand, struct nvb_error **err)
{
	vec_foreach (const char *, problem, &m->problems)
		log_warning("%s", *problem);
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "remove '%.256s': nvbind has not written it",
			operand),
		"'nvbind cdi list' shows all specifications and their files");
}

static int remove_named(struct removal *m, const char *operand, struct nvb_error **err)
{
	const char *absolute = cdi_absolute_path(m->arena, operand);
	size_t n = 0;
	int r;

	if (!absolute)
		return NVB_OOM(err);
	r = remove_damaged(m, absolute, &n, err);
	if (r < 0)
		return r;
	vec_foreach (const struct cdi_recipe, recipe, &m->recipes) {
		if (!names(operand, absolute, recipe))
			continue;
		r = remove_one(m, recipe, err);
		if (r < 0)
			return r;
		n++;
	}
	return n ? 0 : raise_unknown(m, operand, err);
}

/* One that cannot be removed does not keep the others. */
static int remove_all(struct removal *m)
{
	int exit_code = 0;

	vec_foreach (const char *, problem, &m->problems) {
		log_warning("%s", *problem);
		exit_code = nvb_status_exit_code(NVB_ERR_IO);
	}
	vec_foreach (const struct cdi_recipe, recipe, &m->recipes) {
		_cleanup_error_ struct nvb_error *problem = NULL;
		int r = remove_one(m, recipe, &problem);

		if (r >= 0)
			continue;
		output_problem(problem);
		exit_code = nvb_status_exit_code(r);
	}
	return exit_code;
}

int cmd_cdi_remove(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(removal_done) struct removal m = {
		.arena = arena_new(),
		.store = CDI_STORE_INIT,
	};
	struct command_context local = *context;
	size_t forgotten = 0;
	int first, r;

	if (!m.arena)
		return NVB_OOM(err);
	first = command_parse(COMMAND_CDI_REMOVE, &local, argc, argv, set_option, &m, NULL, err);
	if (first <= 0)
		return first;
	r = cdi_state_open(&m.store, err);
	if (r >= 0 && first == argc)
		r = cdi_store_forget_damaged(&m.store, NULL, &forgotten, err);
	if (r >= 0)
		r = cdi_store_recipes(&m.store, m.arena, &m.recipes, &m.problems, err);
	if (r < 0)
		return r;
	if (first == argc)
		return remove_all(&m);
	for (int i = first; i < argc && r >= 0; i++)
		r = remove_named(&m, argv[i], err);
	return r < 0 ? r : 0;
}
