/* SPDX-License-Identifier: Apache-2.0 */
#include "request/container_request_build.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "request/selector.h"
#include "request/selector_item.h"

#define SHOWN_BYTES 64

const char *container_build_env(const struct container_build *b, const char *name)
{
	const size_t length = strlen(name);

	for (size_t i = b->facts->env->n; i > 0; i--) {
		const char *entry = b->facts->env->items[i - 1];

		if (strncmp(entry, name, length) == 0 && entry[length] == '=')
			return entry + length + 1;
	}
	return NULL;
}

bool container_build_trusts(const struct container_build *b, enum policy_trust trust)
{
	return trust == POLICY_ALWAYS || (trust == POLICY_PRIVILEGED && b->facts->privileged);
}

const char *container_build_shown(struct container_build *b, const char *text)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	const char *copy;

	strbuf_escaped_add(&shown, text, SHOWN_BYTES);
	copy = arena_strdup(b->arena, strbuf_str(&shown));
	return copy ? copy : "?";
}

bool container_item_is(const char *item, const char *word)
{
	return strcasecmp(item, word) == 0;
}

static int add_item(struct container_build *b, const char *what, const char *text, size_t length,
	struct string_list *items, struct nvb_error **err)
{
	const char *copy;

	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (!length)
		return 0;
	if (b->items++ >= CONTAINER_ITEMS)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': more than %d devices", what,
			CONTAINER_ITEMS);
	copy = arena_strndup(b->arena, text, length);
	return !copy || string_list_add(b->arena, items, copy) < 0 ? NVB_OOM(err) : 0;
}

int container_build_split(struct container_build *b, const char *what, const char *list,
	struct string_list *items, struct nvb_error **err)
{
	if (strnlen(list, CONTAINER_VALUE_BYTES) == CONTAINER_VALUE_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': longer than %d bytes", what,
			CONTAINER_VALUE_BYTES - 1);
	for (;;) {
		size_t length = strcspn(list, ",");
		int r = add_item(b, what, list, length, items, err);

		if (r < 0 || !list[length])
			return r;
		list += length + 1;
	}
}

/* The kind that NVIDIA's runtime makes up for itself at each start; our own kind serves it. */
static const char *bind_to_kind(struct arena *a, const char *kind, const char *item)
{
	static const char runtime_kind[] = "runtime.nvidia.com/gpu=";
	const size_t length = strlen(runtime_kind);

	if (strncmp(item, runtime_kind, length) == 0)
		return arena_printf(a, "nvidia.com/gpu=%s", item + length);
	if (!kind || strchr(item, '='))
		return item;
	return arena_printf(a, "%s=%s", kind, item);
}

static bool may_be_nvidia(const struct item *item)
{
	if (item->cdi)
		return item->cdi->vendor == GPU_VENDOR_NVIDIA;
	return item->kind != ITEM_FOREIGN ||
	       memmem(item->text, item->length, "nvidia.com/", strlen("nvidia.com/"));
}

struct note {
	struct container_build *build;
	bool none;
};

static int note_item(void *user, const struct item *item, struct nvb_error **err)
{
	struct note *note = user;
	struct container_build *b = note->build;

	(void)err;
	if (item->kind == ITEM_NONE) {
		note->none = true;
		/* Other vendors have no driver files to give. */
		b->request.driver_only |= may_be_nvidia(item);
		return 0;
	}
	if (may_be_nvidia(item)) {
		b->nvidia = true;
		b->partition |= item->kind == ITEM_PARTITION || item->kind == ITEM_MIG_UUID;
	}
	return 0;
}

static bool has_string(const struct string_list *list, const char *text)
{
	vec_foreach (const char *, s, list)
		if (strcmp(*s, text) == 0)
			return true;
	return false;
}

int container_build_select(
	struct container_build *b, const char *kind, const char *item, struct nvb_error **err)
{
	const char *bound = bind_to_kind(b->arena, kind, item);
	struct note note = { .build = b };
	int r;

	if (!bound)
		return NVB_OOM(err);
	/* A mount's name may hold one; behind it, the kind would be lost. */
	if (strchr(item, ','))
		return item_raise(NVB_ERR_USAGE, item, strlen(item), "not one device", err);
	/* The error shows what the user wrote, where that is at fault alone too. */
	if (selector_check(bound, NULL) < 0) {
		r = selector_check(item, err);
		return r < 0 ? r : selector_check(bound, err);
	}
	r = item_for_each(bound, note_item, &note, err);
	if (r < 0 || note.none || has_string(&b->request.selectors, bound))
		return r;
	return string_list_add(b->arena, &b->request.selectors, bound) < 0 ? NVB_OOM(err) : 0;
}
