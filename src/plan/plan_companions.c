/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices beside the GPUs (channels, fabric, paths for data), by their CDI names. What was asked
 * for and is not there is an error: a program that silently lacks its fast path is hard to find.
 */
#include <string.h>

#include "plan/plan_build.h"

#define TEXT_LIMIT_BYTES ((size_t)64 << 10)
/* A machine may have thousands of channels. */
#define MAX_SHOWN 16

static bool is_of_kind(const struct gpu_companion *companion, const char *name)
{
	size_t length = strlen(companion->kind);

	return strncmp(name, companion->kind, length) == 0 && name[length] == '=';
}

static int raise_unknown_kind(const struct inventory *inv, const char *name, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf kinds = STRBUF_INIT(TEXT_LIMIT_BYTES);
	int r = NVB_RAISE(
		err, NVB_ERR_USAGE, 0, "find '%s': no such kind of devices is known", name);

	vec_foreach (const struct gpu_companion, companion, &inv->companions)
		strbuf_printf(&kinds, "%s%s", kinds.length ? ", " : "", companion->kind);
	if (!kinds.length || strbuf_failed(&kinds))
		return r;
	return NVB_HINT(err, r, "KIND=DEVICE; known kinds: %s", strbuf_str(&kinds));
}

static int raise_unknown_device(
	const struct gpu_companion *companion, const char *name, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf names = STRBUF_INIT(TEXT_LIMIT_BYTES);
	size_t n = companion->devices.n;
	int r;

	for (size_t i = 0; i < n && i < MAX_SHOWN; i++)
		strbuf_printf(&names, "%s%s", i ? ", " : "", companion->devices.items[i].name);
	if (n > MAX_SHOWN)
		strbuf_printf(&names, " and %zu more", n - MAX_SHOWN);
	if (!n)
		r = NVB_RAISE(err, NVB_ERR_DRIVER, 0,
			"find '%s': this machine has no devices of that kind", name);
	else if (strbuf_failed(&names))
		return NVB_OOM(err);
	else
		r = NVB_RAISE(err, NVB_ERR_NO_GPU, 0, "find '%s': the machine has %s", name,
			strbuf_str(&names));
	return companion->remedy ? NVB_HINT(err, r, "%s", companion->remedy) : r;
}

static int check_name(const struct inventory *inv, const char *name, struct nvb_error **err)
{
	vec_foreach (const struct gpu_companion, companion, &inv->companions) {
		const char *device = name + strlen(companion->kind) + 1;

		if (!is_of_kind(companion, name))
			continue;
		vec_foreach (const struct companion_device, known, &companion->devices) {
			if (strcmp(known->name, device) == 0)
				return 0;
		}
		return raise_unknown_device(companion, name, err);
	}
	return raise_unknown_kind(inv, name, err);
}

static bool is_asked_for(const struct request *req, const struct gpu_companion *companion,
	const struct companion_device *device)
{
	vec_foreach (const char *, name, &req->companions) {
		if (is_of_kind(companion, *name) &&
			strcmp(*name + strlen(companion->kind) + 1, device->name) == 0)
			return true;
	}
	return false;
}

int plan_companions_find(const struct inventory *inv, const struct request *req, struct arena *a,
	struct plan_companion_list *ret, struct nvb_error **err)
{
	struct plan_companion_list list = { 0 };

	vec_foreach (const char *, name, &req->companions) {
		int r = check_name(inv, *name, err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; req->companions.n && i < inv->companions.n; i++) {
		const struct gpu_companion *companion = &inv->companions.items[i];

		vec_foreach (const struct companion_device, device, &companion->devices) {
			struct plan_companion *item;

			if (!is_asked_for(req, companion, device))
				continue;
			item = vec_push(a, &list);
			if (!item)
				return NVB_OOM(err);
			*item = (struct plan_companion){ companion, device };
		}
	}
	*ret = list;
	return 0;
}

bool plan_companions_manage(
	const struct inventory *inv, const struct request *req, enum gpu_vendor vendor)
{
	vec_foreach (const char *, name, &req->companions) {
		vec_foreach (const struct gpu_companion, companion, &inv->companions) {
			if (companion->vendor == vendor && companion->use == COMPANION_MANAGES &&
				is_of_kind(companion, *name))
				return true;
		}
	}
	return false;
}

int plan_companions_add_nodes(struct plan_build *b, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const struct plan_companion, item, &b->companions) {
		vec_foreach (const struct gpu_node, node, &item->device->nodes) {
			if (r >= 0)
				r = plan_nodes_add_one(b, node, err);
		}
	}
	return r;
}

/* The devices of one kind are one knob. "all" leaves nothing to be kept out. */
static int report_kind(
	struct plan_build *b, const struct gpu_companion *companion, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf names = STRBUF_INIT(TEXT_LIMIT_BYTES);
	bool all = false;
	const char *value;

	vec_foreach (const struct plan_companion, item, &b->companions) {
		if (item->companion != companion)
			continue;
		strbuf_printf(&names, "%s%s", names.length ? "," : "", item->device->name);
		all |= strcmp(item->device->name, "all") == 0;
	}
	value = strbuf_failed(&names) ? NULL : arena_strdup(b->plan->arena, strbuf_str(&names));
	if (!value)
		return NVB_OOM(err);
	if (!all)
		return plan_knob(b, err, companion->kind, value, KNOB_ENFORCED,
			plan_knobs_device_isolation(b), "%s", "");
	return plan_knob(b, err, companion->kind, value, KNOB_APPLIED,
		companion->files.n ? "device nodes + bind mounts" : "device nodes", "%s", "");
}

int plan_companions_report(struct plan_build *b, struct nvb_error **err)
{
	const struct gpu_companion *last = NULL;
	int r = 0;

	vec_foreach (const struct plan_companion, item, &b->companions) {
		if (r < 0 || item->companion == last)
			continue;
		last = item->companion;
		r = report_kind(b, last, err);
	}
	return r;
}
