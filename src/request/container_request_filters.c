/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of CONTAINER_REQUEST_FILTERS: whether one of them means to use a GPU at all. */
#include <ctype.h>
#include <string.h>

#include "request/container_request_build.h"
#include "request/selector.h"

enum filter_grammar {
	FILTER_LIST,   /* "0,1", "GPU-<id>", "0.1": a first item that is none of these ends it */
	FILTER_ONEAPI, /* "BACKEND[,BACKEND]:DEVICE[,DEVICE];...", "!" before what is left out */
};

struct filter {
	const char *variable;
	enum gpu_vendor vendor;
	enum filter_grammar grammar;
};

static const struct filter filters[] = {
#define X(variable, vendor, grammar) { variable, vendor, grammar },
	CONTAINER_REQUEST_FILTERS(X)
#undef X
};

/* The list of a vendor's devices that runtimes read; NULL: there is none. */
static const char *list_of(enum gpu_vendor vendor)
{
	return vendor == GPU_VENDOR_AMD ? CONTAINER_VARIABLE_AMD : NULL;
}

/* "-1", "NoDevFiles" and the empty list hide all of them. */
static bool list_uses_gpu(const char *value)
{
	value += strspn(value, " \t");
	return isdigit((unsigned char)*value) || strncmp(value, "GPU-", 4) == 0;
}

struct slice {
	const char *text;
	size_t length;
};

/* Cuts the next part off; false: there is no more. */
static bool next_part(struct slice *rest, char separator, struct slice *ret)
{
	const char *end;

	if (!rest->text)
		return false;
	end = memchr(rest->text, separator, rest->length);
	ret->text = rest->text;
	ret->length = end ? (size_t)(end - rest->text) : rest->length;
	rest->length -= end ? ret->length + 1 : rest->length;
	rest->text = end ? end + 1 : NULL;
	return true;
}

static bool starts_with(const struct slice *s, const char *word)
{
	return s->length >= strlen(word) && strncasecmp(s->text, word, strlen(word)) == 0;
}

/* Level Zero is Intel's alone; of the backends of all, only an explicit "gpu" is meant. */
static bool term_uses_gpu(struct slice term)
{
	struct slice backends, backend, device;
	bool level_zero = false, any = false;

	if (starts_with(&term, "!") || !next_part(&term, ':', &backends) || !term.text)
		return false;
	while (next_part(&backends, ',', &backend)) {
		level_zero |= starts_with(&backend, "level_zero");
		any |= starts_with(&backend, "opencl") || starts_with(&backend, "*");
	}
	while (next_part(&term, ',', &device)) {
		if ((level_zero || any) && starts_with(&device, "gpu"))
			return true;
		if (level_zero && device.length &&
			(device.text[0] == '*' || isdigit((unsigned char)device.text[0])))
			return true;
	}
	return false;
}

static bool oneapi_uses_gpu(const char *value)
{
	struct slice rest = { value, strlen(value) }, term;

	while (next_part(&rest, ';', &term))
		if (term_uses_gpu(term))
			return true;
	return false;
}

static bool uses_gpu(const struct filter *filter, const char *value)
{
	return filter->grammar == FILTER_ONEAPI ? oneapi_uses_gpu(value) : list_uses_gpu(value);
}

static bool is_added(const struct string_list *list, const char *name)
{
	vec_foreach (const char *, s, list)
		if (strcmp(*s, name) == 0)
			return true;
	return false;
}

int container_read_filters(struct container_build *b, struct nvb_error **err)
{
	struct string_list *list = &b->request.optional_selectors;

	for (size_t i = 0; i < ELEMENTS(filters); i++) {
		const char *value = container_build_env(b, filters[i].variable);
		const char *own = list_of(filters[i].vendor), *name;

		if (!value || (own && container_build_env(b, own)) || !uses_gpu(&filters[i], value))
			continue;
		name = arena_printf(b->arena, "%s=all", selector_kind_of(filters[i].vendor));
		if (!name || (!is_added(list, name) && string_list_add(b->arena, list, name) < 0))
			return NVB_OOM(err);
		b->asker = filters[i].variable;
	}
	return list->n > 0;
}
