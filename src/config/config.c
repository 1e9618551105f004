/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <string.h>

#include "base/strbuf.h"

#define INHERITANCE_LIMIT 16
#define MESSAGE_BYTES	  4096

static int add_warning(
	struct config *c, const struct config_finding *finding, struct nvb_error **err)
{
	const char *hint = finding->hint;

	if (string_list_printf(c->arena, &c->warnings, "%s, ignored%s%s", finding->text,
		    hint ? ": " : "", hint ? hint : "") < 0)
		return NVB_OOM(err);
	return 0;
}

static int load_file(
	struct config *c, const struct config_candidate *candidate, struct nvb_error **err)
{
	struct config_file *file, **slot;
	int r;

	r = config_file_parse(
		c->arena, candidate->path, candidate->text, candidate->length, &file, err);
	if (r >= 0)
		r = config_file_check(file, false, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read the configuration");
	vec_foreach (struct config_finding, finding, &file->findings) {
		r = add_warning(c, finding, err);
		if (r < 0)
			return r;
	}
	slot = vec_push(c->arena, &c->files);
	if (!slot)
		return NVB_OOM(err);
	*slot = file;
	return 0;
}

static int pass_over(
	struct config *c, const struct config_candidate *candidate, struct nvb_error **err)
{
	if (string_list_printf(c->arena, &c->warnings, "the configuration '%s' is not read: %s",
		    candidate->path, candidate->why) < 0)
		return NVB_OOM(err);
	return 0;
}

int config_load(struct arena *a, const char *host_root, const struct string_list *given,
	struct config *ret, struct nvb_error **err)
{
	struct config c = { .arena = a };
	int r = config_search(a, host_root, given, &c.candidates, err);

	vec_foreach (struct config_candidate, candidate, &c.candidates) {
		if (r < 0)
			break;
		if (candidate->state == CONFIG_COUNTS)
			r = load_file(&c, candidate, err);
		else if (candidate->state == CONFIG_REFUSED)
			r = pass_over(&c, candidate, err);
	}
	if (r < 0)
		return r;
	*ret = c;
	return 0;
}

int config_merge(const struct config *c, struct settings *into, struct nvb_error **err)
{
	vec_foreach (struct config_file *, file, &c->files) {
		int r = settings_merge(into, &(*file)->parts.items[0]->settings, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int raise_which_service(
	const struct config *c, const struct string_list *names, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(MESSAGE_BYTES);
	int r;

	vec_foreach (const char *, name, names) {
		strbuf_str_add(&shown, shown.length ? ", '" : "'");
		strbuf_escaped_add(&shown, *name, 64);
		strbuf_char_add(&shown, '\'');
	}
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "choose a service of '%s': it has %s",
		c->files.items[0]->name, strbuf_str(&shown));
	return NVB_HINT(err, r, "name the container as the service that is meant: --name NAME");
}

/* One service may have parts in several files. */
static int find_service_names(
	const struct config *c, struct string_list *names, struct nvb_error **err)
{
	vec_foreach (struct config_file *, file, &c->files) {
		vec_foreach (struct config_part *, part, &(*file)->parts) {
			bool known = (*part)->section != KNOB_SECTION_SERVICE;

			for (size_t i = 0; i < names->n && !known; i++)
				known = strcmp(names->items[i], (*part)->name) == 0;
			if (!known && string_list_add(c->arena, names, (*part)->name) < 0)
				return NVB_OOM(err);
		}
	}
	return 0;
}

/* A file that happens to lie there says nothing of a container that it does not name. */
static bool is_by_option(const struct config *c)
{
	vec_foreach (struct config_candidate, candidate, &c->candidates)
		if (candidate->state == CONFIG_COUNTS)
			return candidate->place == CONFIG_BY_OPTION;
	return false;
}

int config_merge_service(
	const struct config *c, const char *name, struct settings *into, struct nvb_error **err)
{
	struct string_list names = { 0 };
	const char *chosen = NULL;
	int r = find_service_names(c, &names, err);

	if (r < 0 || !names.n)
		return r;
	if (names.n == 1 && is_by_option(c))
		chosen = names.items[0];
	for (size_t i = 0; i < names.n; i++)
		if (name && strcmp(names.items[i], name) == 0)
			chosen = names.items[i];
	if (!chosen)
		return is_by_option(c) ? raise_which_service(c, &names, err) : 0;
	vec_foreach (struct config_file *, file, &c->files) {
		vec_foreach (struct config_part *, part, &(*file)->parts) {
			if ((*part)->section != KNOB_SECTION_SERVICE ||
				strcmp((*part)->name, chosen) != 0)
				continue;
			r = settings_merge(into, &(*part)->settings, err);
			if (r < 0)
				return r;
		}
	}
	return 1;
}

static bool is_profile(const struct config_part *part)
{
	return part->section != KNOB_SECTION_ALL && part->section != KNOB_SECTION_SERVICE;
}

const struct config_part *config_find_profile(const struct config *c, const char *name)
{
	vec_foreach (struct config_file *, file, &c->files)
		vec_foreach (struct config_part *, part, &(*file)->parts)
			if (is_profile(*part) && strcmp((*part)->name, name) == 0)
				return *part;
	return NULL;
}

/* What a profile that inherits from none stands on. */
static const struct profile *base_of(const struct config_part *part)
{
	if (part->section == KNOB_SECTION_GAMING_PROFILE)
		return profile_get(PROFILE_ID_GAMING);
	if (part->section == KNOB_SECTION_OLLAMA_PROFILE ||
		settings_get(&part->settings, KNOB_MODEL_SIZE))
		return profile_get(PROFILE_ID_AI_ML);
	return profile_get(PROFILE_ID_DEFAULT);
}

/* The profile that `part` inherits from, or the built-in one. A file's own name comes first. */
static int find_parent(const struct config *c, const struct config_part *part,
	struct string_list *warnings, const struct config_part **ret_part,
	const struct profile **ret_base, struct nvb_error **err)
{
	int r;

	*ret_part = NULL;
	if (!part->inherits) {
		*ret_base = base_of(part);
		return 0;
	}
	/* [profiles.gaming] that inherits "gaming" stands on the built-in one. */
	if (strcmp(part->inherits, part->name) != 0)
		*ret_part = config_find_profile(c, part->inherits);
	if (*ret_part)
		return 0;
	r = profile_parse(part->inherits, c->arena, warnings, ret_base, err);
	if (r < 0)
		return NVB_CONTEXT(
			err, NVB_ERR_FORMAT, "%s: profile '%s' inherits", part->origin, part->name);
	return 0;
}

/* Fills `chain` with `first` and all below it that the files define. */
static int fill_from_files(const struct config *c, const struct config_part *first,
	struct settings *chain, const struct profile **ret_base, struct nvb_error **err)
{
	const struct config_part *part = first;

	for (size_t i = 0; part; i++) {
		int r;

		if (i == INHERITANCE_LIMIT)
			return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
				"%s: profile '%s' inherits from itself, or over more than %d "
				"others",
				first->origin, first->name, INHERITANCE_LIMIT);
		r = settings_fill(chain, &part->settings, err);
		if (r >= 0)
			r = find_parent(c, part, &chain->warnings, &part, ret_base, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int config_merge_profile(const struct config *c, const char *name, struct settings *into,
	const struct profile **ret_base, struct nvb_error **err)
{
	const struct config_part *first = config_find_profile(c, name);
	struct settings chain = { .arena = c->arena };
	const struct profile *base = NULL;
	int r;

	if (first)
		r = fill_from_files(c, first, &chain, &base, err);
	else
		r = profile_parse(name, c->arena, &chain.warnings, &base, err);
	if (r >= 0)
		r = profile_fill(base, &chain, err);
	if (r >= 0)
		r = settings_merge(into, &chain, err);
	if (r >= 0)
		*ret_base = base;
	return r < 0 ? r : 0;
}

int config_check_profiles(const struct config *c, struct nvb_error **err)
{
	vec_foreach (struct config_file *, file, &c->files) {
		vec_foreach (struct config_part *, part, &(*file)->parts) {
			struct settings scratch = { .arena = c->arena };
			const struct profile *base;
			int r = 0;

			if (is_profile(*part))
				r = config_merge_profile(c, (*part)->name, &scratch, &base, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
