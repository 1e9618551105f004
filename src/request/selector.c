/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every item marks what it names in the inventory; a selection is read off the marks at the end,
 * so the order and the repetition of items do not matter.
 */
#include "request/selector.h"

#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "request/selector_item.h"

#define SHOWN_BYTES   64
#define SHOWN_GPUS    16
#define MESSAGE_BYTES 8192

/* "none" stands alone; counted over all selectors. */
struct counts {
	size_t none, others;
};

static int count_item(void *user, const struct item *item, struct nvb_error **err)
{
	struct counts *counts = user;

	if (item->kind == ITEM_NONE)
		counts->none++;
	else
		counts->others++;
	if (counts->none && counts->others)
		return item_raise(NVB_ERR_USAGE, item->text, item->length,
			"'none' cannot be joined with others", err);
	return 0;
}

int selector_check(const char *text, struct nvb_error **err)
{
	struct counts counts = { 0 };

	return item_for_each(text, count_item, &counts, err);
}

static int note_mig_uuid(void *user, const struct item *item, struct nvb_error **err)
{
	bool *found = user;

	(void)err;
	if (item->kind == ITEM_MIG_UUID)
		*found = true;
	return 0;
}

bool selector_needs_enrichment(const struct string_list *selectors)
{
	bool found = false;

	vec_foreach (const char *, s, selectors)
		(void)item_for_each(*s, note_mig_uuid, &found, NULL);
	return found;
}

/* What the items named so far, per GPU. */
struct mark {
	bool whole;
	bool *partitions; /* one per partition */
};

struct resolver {
	const struct inventory *inv;
	struct mark *marks; /* one per GPU */
	bool all, none;
};

/* `amd.com/gpu=...` names AMD's GPUs only. */
static bool vendor_fits(const struct item *item, const struct gpu *gpu)
{
	if (!item->cdi || gpu->vendor == item->cdi->vendor)
		return true;
	return item->cdi->includes_wsl && gpu->vendor == GPU_VENDOR_WSL;
}

/* By the number that an item of its kind has: a kind counts its own GPUs. */
static void describe_gpu(const struct inventory *inv, const struct item *item,
	const struct gpu *gpu, struct strbuf *out)
{
	strbuf_printf(out, "%u (", item->cdi ? selector_index_in_kind(inv, gpu) : gpu->index);
	if (gpu->name)
		strbuf_escaped_add(out, gpu->name, SHOWN_BYTES);
	else
		strbuf_str_add(out, gpu_vendor_name(gpu->vendor));
	if (gpu->state != GPU_USABLE)
		strbuf_printf(out, ", %s", gpu_state_name(gpu->state));
	strbuf_char_add(out, ')');
}

/* "AMD GPU", as the GPUs of one kind are called. */
static const char *what_is_missing(const struct item *item)
{
	if (item->cdi && item->cdi->vendor == GPU_VENDOR_NVIDIA)
		return "NVIDIA GPU";
	if (item->cdi && item->cdi->vendor == GPU_VENDOR_AMD)
		return "AMD GPU";
	if (item->cdi && item->cdi->vendor == GPU_VENDOR_INTEL)
		return "Intel GPU";
	return "GPU";
}

/* Every failure to find a GPU ends here, so every one lists what there is of what was meant. */
static int raise_missing(const struct resolver *r, const struct item *item, const char *reason,
	struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(MESSAGE_BYTES);
	size_t shown = 0, more = 0;

	strbuf_printf(&text, "%s; ", reason);
	vec_foreach (const struct gpu, gpu, &r->inv->gpus) {
		if (!vendor_fits(item, gpu))
			continue;
		if (shown == SHOWN_GPUS) {
			more++;
			continue;
		}
		strbuf_str_add(&text, shown++ ? ", " : "this machine has ");
		describe_gpu(r->inv, item, gpu, &text);
	}
	if (more)
		strbuf_printf(&text, " and %zu more", more);
	if (!shown)
		strbuf_printf(&text, "this machine has no %s", what_is_missing(item));
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	return item_raise(NVB_ERR_NO_GPU, item->text, item->length, strbuf_str(&text), err);
}

static int raise_no_partition(
	const struct gpu *gpu, const struct item *item, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(MESSAGE_BYTES);
	size_t shown = 0;

	if (!gpu->partitions.n)
		strbuf_printf(&text, "GPU %u has no partitions", gpu->index);
	vec_foreach (const struct gpu_partition, p, &gpu->partitions) {
		if (shown++)
			strbuf_str_add(&text, ", ");
		else
			strbuf_printf(&text, "no such partition; GPU %u has ", gpu->index);
		strbuf_printf(&text, "%u:%u", gpu->index, p->index);
		if (p->profile) {
			strbuf_str_add(&text, " (");
			strbuf_escaped_add(&text, p->profile, SHOWN_BYTES);
			strbuf_char_add(&text, ')');
		}
	}
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	return item_raise(NVB_ERR_NO_GPU, item->text, item->length, strbuf_str(&text), err);
}

/* Sets *ret_mark to the mark of the GPU; unusable ones are refused. */
static int usable_mark(struct resolver *r, const struct item *item, const struct gpu *gpu,
	struct mark **ret_mark, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf reason = STRBUF_INIT(MESSAGE_BYTES);

	if (!vendor_fits(item, gpu))
		return raise_missing(r, item, "that GPU is of another vendor", err);
	if (gpu->state != GPU_USABLE) {
		strbuf_printf(&reason, "it cannot be used: ");
		strbuf_escaped_add(&reason,
			gpu->state_reason ? gpu->state_reason : gpu_state_name(gpu->state), 512);
		return raise_missing(r, item, strbuf_str(&reason), err);
	}
	*ret_mark = &r->marks[gpu - r->inv->gpus.items];
	return 0;
}

static int mark_whole(
	struct resolver *r, const struct item *item, const struct gpu *gpu, struct nvb_error **err)
{
	struct mark *mark;
	int ret = usable_mark(r, item, gpu, &mark, err);

	if (ret < 0)
		return ret;
	mark->whole = true;
	return 0;
}

static int mark_partition(struct resolver *r, const struct item *item, const struct gpu *gpu,
	const struct gpu_partition *partition, struct nvb_error **err)
{
	struct mark *mark;
	int ret = usable_mark(r, item, gpu, &mark, err);

	if (ret < 0)
		return ret;
	mark->partitions[partition - gpu->partitions.items] = true;
	return 0;
}

static int apply_all(struct resolver *r, const struct item *item, struct nvb_error **err)
{
	size_t found = 0;

	vec_foreach (const struct gpu, gpu, &r->inv->gpus) {
		if (gpu->state != GPU_USABLE || !vendor_fits(item, gpu))
			continue;
		r->marks[gpu - r->inv->gpus.items].whole = true;
		found++;
	}
	if (!found)
		return raise_missing(r, item, "no usable GPU", err);
	/* "amd.com/gpu=all" is not all of the machine. */
	if (!item->cdi)
		r->all = true;
	return 0;
}

static int apply_index(struct resolver *r, const struct item *item, struct nvb_error **err)
{
	const struct gpu *gpu = NULL;

	/* A CDI kind counts its own GPUs: "amd.com/gpu=0" is the first of them. */
	vec_foreach (const struct gpu, g, &r->inv->gpus)
		if (item->cdi ? g->vendor == item->cdi->vendor &&
					selector_index_in_kind(r->inv, g) == item->index
			      : g->index == item->index)
			gpu = g;
	if (!gpu)
		return raise_missing(r, item, "no such GPU", err);
	if (item->kind == ITEM_INDEX)
		return mark_whole(r, item, gpu, err);
	vec_foreach (const struct gpu_partition, p, &gpu->partitions)
		if (p->index == item->partition)
			return mark_partition(r, item, gpu, p, err);
	return raise_no_partition(gpu, item, err);
}

static bool uuid_matches(const char *uuid, const struct item *item)
{
	return uuid && strncasecmp(uuid, item->text, item->length) == 0;
}

static int apply_gpu_uuid(struct resolver *r, const struct item *item, struct nvb_error **err)
{
	const struct gpu *match = NULL;

	vec_foreach (const struct gpu, gpu, &r->inv->gpus) {
		if (!uuid_matches(gpu->uuid, item))
			continue;
		if (match)
			return raise_missing(r, item, "more than one UUID begins like this", err);
		match = gpu;
	}
	if (!match)
		return raise_missing(r, item, "no GPU has this UUID", err);
	return mark_whole(r, item, match, err);
}

static int apply_mig_uuid(struct resolver *r, const struct item *item, struct nvb_error **err)
{
	const struct gpu_partition *match = NULL;
	const struct gpu *parent = NULL;

	vec_foreach (const struct gpu, gpu, &r->inv->gpus) {
		vec_foreach (const struct gpu_partition, p, &gpu->partitions) {
			if (!uuid_matches(p->uuid, item))
				continue;
			if (match)
				return raise_missing(
					r, item, "more than one UUID begins like this", err);
			match = p;
			parent = gpu;
		}
	}
	if (!match) {
		int ret = raise_missing(r, item, "no partition has this UUID", err);

		return NVB_HINT(err, ret, "select it as GPU:PARTITION; 'nvbind info' shows both");
	}
	return mark_partition(r, item, parent, match, err);
}

static int apply_pci(struct resolver *r, const struct item *item, struct nvb_error **err)
{
	vec_foreach (const struct gpu, gpu, &r->inv->gpus) {
		struct pci_location at;

		if (!gpu->pci_address ||
			!item_parse_pci(gpu->pci_address, strlen(gpu->pci_address), &at))
			continue;
		if (at.domain == item->pci.domain && at.bus == item->pci.bus &&
			at.device == item->pci.device && at.function == item->pci.function)
			return mark_whole(r, item, gpu, err);
	}
	return raise_missing(r, item, "no GPU at this PCI address", err);
}

static int apply_item(void *user, const struct item *item, struct nvb_error **err)
{
	struct resolver *r = user;

	switch (item->kind) {
	case ITEM_NONE:
		r->none = true;
		return 0;
	case ITEM_ALL:
		return apply_all(r, item, err);
	case ITEM_INDEX:
	case ITEM_PARTITION:
		return apply_index(r, item, err);
	case ITEM_GPU_UUID:
		return apply_gpu_uuid(r, item, err);
	case ITEM_MIG_UUID:
		return apply_mig_uuid(r, item, err);
	case ITEM_PCI:
		return apply_pci(r, item, err);
	case ITEM_FOREIGN:
		break;
	}
	return raise_missing(r, item, "nvbind defines no CDI devices of this kind", err);
}

static int resolver_init(
	struct resolver *r, const struct inventory *inv, struct arena *a, struct nvb_error **err)
{
	size_t n = inv->gpus.n;

	*r = (struct resolver){ .inv = inv };
	r->marks = arena_alloc(a, (n ? n : 1) * sizeof(*r->marks));
	if (!r->marks)
		return NVB_OOM(err);
	for (size_t i = 0; i < n; i++) {
		size_t partitions = inv->gpus.items[i].partitions.n;

		r->marks[i].partitions =
			arena_alloc(a, (partitions ? partitions : 1) * sizeof(bool));
		if (!r->marks[i].partitions)
			return NVB_OOM(err);
	}
	return 0;
}

static size_t collect_gpu(const struct gpu *gpu, const struct mark *mark, struct selected_gpu *out)
{
	size_t n = 0;

	/* The whole GPU includes its partitions. */
	if (mark->whole) {
		out[n++] = (struct selected_gpu){ .gpu = gpu };
		return n;
	}
	for (size_t i = 0; i < gpu->partitions.n; i++)
		if (mark->partitions[i])
			out[n++] = (struct selected_gpu){ gpu, &gpu->partitions.items[i] };
	return n;
}

static int collect(
	const struct resolver *r, struct arena *a, struct selection *ret, struct nvb_error **err)
{
	struct selection s = { .none = r->none, .all = r->all };
	size_t room = 1;

	vec_foreach (const struct gpu, gpu, &r->inv->gpus)
		room += 1 + gpu->partitions.n;
	s.items = arena_alloc(a, room * sizeof(*s.items));
	if (!s.items)
		return NVB_OOM(err);
	for (size_t i = 0; i < r->inv->gpus.n; i++)
		s.n += collect_gpu(&r->inv->gpus.items[i], &r->marks[i], &s.items[s.n]);
	*ret = s;
	return 0;
}

int selector_check_undefined(const char *name, const struct inventory *inv, struct nvb_error **err)
{
	const size_t kind = strcspn(name, "=");
	const struct resolver resolver = { .inv = inv };
	struct item item = { .kind = ITEM_FOREIGN };

	if (!name[kind] || !item_find_kind(name, kind))
		return 0;
	item.cdi = item_find_kind(name, kind);
	item.text = name + kind + 1;
	item.length = strlen(item.text);
	return raise_missing(
		&resolver, &item, "no such GPU, and no CDI specification defines it", err);
}

int selector_resolve(const struct string_list *selectors, const struct inventory *inv,
	struct arena *a, struct selection *ret, struct nvb_error **err)
{
	struct counts counts = { 0 };
	struct resolver resolver;
	int r;

	/* The grammar of all of them first: a typing error is reported on any machine. */
	vec_foreach (const char *, s, selectors) {
		r = item_for_each(*s, count_item, &counts, err);
		if (r < 0)
			return r;
	}
	r = resolver_init(&resolver, inv, a, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, s, selectors) {
		r = item_for_each(*s, apply_item, &resolver, err);
		if (r < 0)
			return r;
	}
	return collect(&resolver, a, ret, err);
}
