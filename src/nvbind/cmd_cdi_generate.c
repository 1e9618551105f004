/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvbind cdi generate: first all specs, then where they go, then the files. One vendor's broken
 * driver does not keep the specs of the others from being written; the exit status tells.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "nvbind/cdi_options.h"
#include "nvbind/cdi_state.h"
#include "nvbind/output.h"

/* A spec that this call may write. */
struct draft {
	struct cdi_recipe recipe;
	struct cdi_spec *spec;	      /* NULL: the machine has nothing of the kind */
	const struct cdi_recipe *old; /* of the file that it takes the place of; NULL: none */
	bool is_left_out; /* another file defines its devices, or it cannot be made now */
};

struct draft_list VEC(struct draft);

struct generation {
	struct arena *arena;
	struct cdi_options options;
	struct cdi_maker maker;
	const struct cdi_machine *machine;
	struct draft_list drafts;
	struct cdi_store store;
	struct cdi_recipe_list recipes;
	struct cdi_registry *registry;
	struct nvb_error *problem; /* why the first spec could not be made; NULL: all could */
};

static void generation_done(struct generation *g)
{
	vec_foreach (struct draft, draft, &g->drafts)
		cdi_spec_free(draft->spec);
	nvb_error_free(g->problem);
	cdi_registry_free(g->registry);
	cdi_store_done(&g->store);
	cdi_maker_done(&g->maker);
	arena_free(g->arena);
}

static int add_draft(struct generation *g, enum gpu_vendor vendor, const char *kind,
	const char *companion, struct nvb_error **err)
{
	struct draft *draft = vec_push(g->arena, &g->drafts);

	if (!draft || !kind)
		return NVB_OOM(err);
	*draft = (struct draft){ .recipe = g->options.base };
	draft->recipe.kind = kind;
	draft->recipe.vendor = gpu_vendor_name(vendor);
	draft->recipe.companion = companion;
	return 0;
}

static const char *class_of(const char *kind)
{
	return strchr(kind, '/') + 1;
}

static bool is_wanted_companion(const struct generation *g, const struct gpu_companion *companion)
{
	if (companion->use == COMPANION_MANAGES || g->options.management)
		return g->options.management && companion->use == COMPANION_MANAGES;
	if (g->options.class_name)
		return strcmp(class_of(companion->kind), g->options.class_name) == 0;
	/* A file of one's own choice holds GPUs, if nothing else is said. */
	return !g->options.bolt_only && !g->options.file && !g->options.to_stdout;
}

/* Returns how many, or < 0. */
static int add_companions(struct generation *g, enum gpu_vendor vendor, struct nvb_error **err)
{
	int n = 0;

	vec_foreach (const struct gpu_companion, companion, &g->machine->inv->companions) {
		int r;

		if (companion->vendor != vendor || !is_wanted_companion(g, companion))
			continue;
		r = add_draft(g, vendor, companion->kind, companion->kind, err);
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

/* The kinds are a vendor's: the usual one, then names that others ask for. */
static int add_kinds(struct generation *g, enum gpu_vendor vendor, struct nvb_error **err)
{
	const char *const *kinds = gpu_vendor_kinds(vendor);
	bool one_file = g->options.file || g->options.to_stdout;
	int r = 0;

	for (size_t i = 0; kinds[i] && r >= 0; i++) {
		if (g->options.bolt_only ? i == 0 : one_file && i > 0)
			continue;
		r = add_draft(g, vendor, kinds[i], NULL, err);
	}
	return r;
}

static int add_class(struct generation *g, enum gpu_vendor vendor, struct nvb_error **err)
{
	const char *kind = gpu_vendor_kinds(vendor)[0];

	return add_draft(g, vendor,
		arena_printf(g->arena, "%.*s/%s", (int)(class_of(kind) - 1 - kind), kind,
			g->options.class_name),
		NULL, err);
}

/* One vendor's class of other devices is not a name for another vendor's GPUs. */
static bool names_companion(const struct generation *g)
{
	vec_foreach (const struct gpu_companion, companion, &g->machine->inv->companions) {
		if (companion->use != COMPANION_MANAGES &&
			strcmp(class_of(companion->kind), g->options.class_name) == 0)
			return true;
	}
	return false;
}

static int add_vendor(struct generation *g, enum gpu_vendor vendor, struct nvb_error **err)
{
	int n = add_companions(g, vendor, err);

	if (n < 0 || g->options.management)
		return n;
	if (!g->options.class_name)
		return add_kinds(g, vendor, err);
	return names_companion(g) ? n : add_class(g, vendor, err);
}

static int choose_kinds(struct generation *g, struct nvb_error **err)
{
	const struct cdi_options *o = &g->options;
	int r = cdi_maker_machine(&g->maker, o->base.host_root, o->base.driver_root,
		o->base.dev_root, &g->machine, err);

	for (int v = 0; v < GPU_VENDOR_COUNT && r >= 0; v++) {
		enum gpu_vendor vendor = (enum gpu_vendor)v;
		bool shared = false;

		/* Those that share another's kinds are in its specs. */
		for (int other = 0; other < v; other++)
			shared = shared || gpu_vendor_kinds((enum gpu_vendor)other) ==
						   gpu_vendor_kinds(vendor);
		if (shared || (strcmp(o->vendor, "all") != 0 &&
				      strcmp(o->vendor, gpu_vendor_name(vendor)) != 0))
			continue;
		r = add_vendor(g, vendor, err);
	}
	return r;
}

static int raise_nothing(const struct generation *g, struct nvb_error **err)
{
	int r;

	if (g->options.management || g->options.class_name)
		r = NVB_RAISE(err, NVB_ERR_NO_GPU, 0,
			"write a specification: this machine has nothing of the kind '%s'",
			g->drafts.n ? g->drafts.items[0].recipe.kind : "management");
	else
		r = NVB_RAISE(err, NVB_ERR_NO_GPU, 0,
			"write a specification: this machine has no GPU that a driver serves");
	return NVB_HINT(err, r, "'nvbind doctor' says what is missing");
}

/* True if specs are wanted because they are usual, not because someone named them. */
static bool are_usual(const struct cdi_options *o)
{
	return !o->class_name && !o->management && !o->file && !o->to_stdout;
}

static int make_spec(struct generation *g, struct draft *draft, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r = cdi_maker_make(&g->maker, &draft->recipe, &draft->spec, &problem);

	if (r >= 0)
		return 0;
	if (are_usual(&g->options) && r == NVB_ERR_DRIVER) {
		draft->is_left_out = true;
		/* The kinds of one driver fail for one reason. */
		if (!g->problem)
			g->problem = TAKE_PTR(problem);
		return 0;
	}
	if (err)
		*err = TAKE_PTR(problem);
	return r;
}

static int make_specs(struct generation *g, struct nvb_error **err)
{
	bool some = false;

	vec_foreach (struct draft, draft, &g->drafts) {
		int r = make_spec(g, draft, err);

		if (r < 0)
			return r;
		some = some || draft->spec;
	}
	if (!g->problem)
		return some ? 0 : raise_nothing(g, err);
	if (!some) {
		int status = nvb_error_status(g->problem);

		if (err)
			*err = TAKE_PTR(g->problem);
		return status;
	}
	output_problem(g->problem);
	return 0;
}

/* Where one document goes, there must be one spec. */
static int only_spec(struct generation *g, struct draft **ret, struct nvb_error **err)
{
	struct draft *found = NULL;

	vec_foreach (struct draft, draft, &g->drafts) {
		if (!draft->spec)
			continue;
		if (found)
			return NVB_HINT(err,
				NVB_RAISE(err, NVB_ERR_USAGE, 0,
					"write both '%s' and '%s' into one document",
					found->recipe.kind, draft->recipe.kind),
				"choose with --vendor, or name a directory");
		found = draft;
	}
	if (!found)
		return NVB_RAISE(err, NVB_ERR_NO_GPU, 0,
			"write a specification: this machine has nothing to write about");
	*ret = found;
	return 0;
}

static int print_spec(struct generation *g, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	struct draft *draft = NULL;
	int r = only_spec(g, &draft, err);

	if (r >= 0)
		r = cdi_document_write(draft->spec, draft->recipe.format, &text, NULL, err);
	if (r < 0)
		return r;
	(void)fputs(text, stdout);
	return 0;
}

static int choose_directory(
	struct generation *g, const char **ret_directory, struct nvb_error **err)
{
	struct string_list directories = { 0 };
	const char *note = NULL;
	int r;

	if (g->options.directory) {
		*ret_directory = g->options.directory;
		return 0;
	}
	r = cdi_host_directories(&g->machine->tree, g->arena, &directories, err);
	if (r >= 0)
		r = cdi_store_default_directory(&directories, g->arena, ret_directory, &note, err);
	if (r >= 0 && note)
		log_notice("%s", note);
	return r;
}

/* Gives every draft its path. */
static int choose_paths(struct generation *g, struct nvb_error **err)
{
	const char *directory = NULL;
	struct draft *only = NULL;
	int r;

	if (g->options.file) {
		r = only_spec(g, &only, err);
		if (r < 0)
			return r;
		only->recipe.path = g->options.file;
		directory = cdi_state_directory(g->arena, g->options.file);
		if (!directory)
			return NVB_OOM(err);
		return cdi_state_registry(g->machine, directory, &g->registry, err);
	}
	r = choose_directory(g, &directory, err);
	if (r < 0)
		return r;
	vec_foreach (struct draft, draft, &g->drafts) {
		draft->recipe.path = cdi_store_path(
			g->arena, directory, draft->recipe.kind, draft->recipe.format);
		if (!draft->recipe.path)
			return NVB_OOM(err);
	}
	return cdi_state_registry(g->machine, directory, &g->registry, err);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 || errno != ENOENT;
}

/* Ours of the same name and kind in the other format makes way, once the new one is written. */
static int find_old(struct generation *g, struct draft *draft, struct nvb_error **err)
{
	const char *path = draft->recipe.path;
	bool json = draft->recipe.format == CDI_FORMAT_JSON;
	const char *other = arena_printf(g->arena, "%.*s%s", (int)(strrchr(path, '.') - path), path,
		json ? ".yaml" : ".json");

	if (!other)
		return NVB_OOM(err);
	vec_foreach (const struct cdi_recipe, recipe, &g->recipes) {
		int r;

		if (strcmp(recipe->path, other) != 0 ||
			strcmp(recipe->kind, draft->recipe.kind) != 0)
			continue;
		r = cdi_store_owns(&g->store, other, err);
		if (r < 0)
			return r;
		if (r > 0 || !exists(other))
			draft->old = recipe;
	}
	return 0;
}

static int find_olds(struct generation *g, struct nvb_error **err)
{
	struct string_list problems = { 0 }; /* `refresh` tells of them */
	int r = cdi_store_recipes(&g->store, g->arena, &g->recipes, &problems, err);

	vec_foreach (struct draft, draft, &g->drafts) {
		if (r >= 0 && draft->recipe.path)
			r = find_old(g, draft, err);
	}
	return r;
}

static int raise_rival(struct generation *g, const struct draft *draft,
	const struct cdi_spec *rival, const char *device, struct nvb_error **err)
{
	bool ours = cdi_store_owns(&g->store, rival->path, NULL) > 0;
	int r = NVB_RAISE(err, NVB_ERR_FAILED, 0, "define '%s=%s': '%s' defines it already",
		draft->recipe.kind, device, rival->path);

	if (ours)
		return NVB_HINT(err, r, "run 'nvbind cdi remove %s' first", rival->path);
	return NVB_HINT(err, r,
		"choose another name with --class, or remove that file if its author is not in "
		"use any more");
}

/* With the usual kinds, one that is taken does not keep the others from being written. */
static int check_rivals(struct generation *g, struct nvb_error **err)
{
	size_t left = 0;

	vec_foreach (struct draft, draft, &g->drafts) {
		_cleanup_error_ struct nvb_error *problem = NULL;
		const struct cdi_spec *rival;
		const char *device = NULL;

		if (!draft->spec || !draft->recipe.path || draft->is_left_out)
			continue;
		left++;
		rival = cdi_store_rival(g->registry, draft->spec, draft->recipe.path,
			draft->old ? draft->old->path : NULL, &device);
		if (!rival)
			continue;
		if (!are_usual(&g->options))
			return raise_rival(g, draft, rival, device, err);
		(void)raise_rival(g, draft, rival, device, &problem);
		log_warning("'%s' is left out: %s; %s", draft->recipe.kind,
			nvb_error_message(problem), nvb_error_get_hint(problem));
		draft->is_left_out = true;
		left--;
	}
	if (left)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_FAILED, 0,
			"write a specification: other files define all of these devices"),
		"the warnings name the files; 'nvbind cdi list' shows what engines see");
}

static int write_draft(struct generation *g, const struct draft *draft, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	enum cdi_change change = CDI_ABSENT;
	size_t length = 0;
	int r = 0;

	if (draft->spec)
		r = cdi_document_write(draft->spec, draft->recipe.format, &text, &length, err);
	if (r >= 0)
		r = cdi_store_put(
			&g->store, &draft->recipe, text, length, g->options.force, &change, err);
	if (r >= 0 && change != CDI_ABSENT)
		cdi_state_report(&draft->recipe, change, draft->spec);
	if (r < 0 || !draft->old)
		return r;
	r = cdi_store_drop(&g->store, draft->old, false, &change, err);
	if (r >= 0 && change != CDI_ABSENT)
		cdi_state_report(draft->old, change, NULL);
	return r;
}

static int write_files(struct generation *g, struct nvb_error **err)
{
	int r = cdi_state_open(&g->store, err);

	if (r >= 0)
		r = choose_paths(g, err);
	if (r >= 0)
		r = find_olds(g, err);
	if (r >= 0)
		r = check_rivals(g, err);
	vec_foreach (const struct draft, draft, &g->drafts) {
		if (r >= 0 && draft->recipe.path && !draft->is_left_out)
			r = write_draft(g, draft, err);
	}
	return r;
}

int cmd_cdi_generate(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(generation_done) struct generation g = {
		.arena = arena_new(),
		.store = CDI_STORE_INIT,
	};
	int r;

	if (!g.arena)
		return NVB_OOM(err);
	r = cdi_options_parse(g.arena, context, argc, argv, &g.options, err);
	if (r <= 0)
		return r;
	r = cdi_maker_init(&g.maker, err);
	if (r >= 0)
		r = choose_kinds(&g, err);
	if (r >= 0)
		r = make_specs(&g, err);
	cdi_state_warn(&g.maker);
	if (r < 0)
		return r;
	r = g.options.to_stdout ? print_spec(&g, err) : write_files(&g, err);
	if (r < 0)
		return r;
	return g.problem ? nvb_status_exit_code(nvb_error_status(g.problem)) : 0;
}
