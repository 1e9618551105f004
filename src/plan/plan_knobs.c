/* SPDX-License-Identifier: Apache-2.0 */
/* What became of each thing asked for: one status each, with the mechanism or the reason. */
#include <string.h>

#include "plan/plan_build.h"

#define TEXT_LIMIT_BYTES ((size_t)64 << 10)

static const char *capabilities_text(struct plan_build *b, capability_set set)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEXT_LIMIT_BYTES);

	capability_format(set, &text);
	return strbuf_failed(&text) ? NULL : arena_strdup(b->plan->arena, strbuf_str(&text));
}

const char *plan_knobs_device_isolation(const struct plan_build *b)
{
	/* The engine knows. */
	return b->req->device_isolation ? b->req->device_isolation : "device nodes + device cgroup";
}

/*
 * The run command refuses what is not supported by this status; a dry run shows it.
 */
void plan_knobs_decide_isolation(struct plan_build *b)
{
	struct plan_knob *outcome = &b->plan->isolation_outcome;

	*outcome = (struct plan_knob){
		.name = "isolation",
		.value = vocabulary_name(&vocabulary_isolation, (int)b->req->isolation),
		.status = KNOB_UNSUPPORTED,
	};
	switch (b->req->isolation) {
	case ISOLATION_SHARED:
		outcome->status = KNOB_APPLIED;
		outcome->mechanism = plan_knobs_device_isolation(b);
		break;
	case ISOLATION_EXCLUSIVE:
		if (b->req->takes_leases) {
			outcome->status = KNOB_APPLIED;
			outcome->mechanism = "lease; refused while others use the GPU";
			outcome->reason = "a user of the machine who may open the GPU can do so "
					  "later";
			break;
		}
		outcome->reason = "nvbind takes no part in how this engine starts the container: "
				  "nothing would keep others off the GPU";
		break;
	case ISOLATION_VIRTUAL:
		plan_limits_isolation(b, outcome);
		break;
	}
	/* A limit that nothing enforces refuses the container, whatever the mode. */
	if (b->plan->refused) {
		outcome->status = KNOB_UNSUPPORTED;
		outcome->mechanism = NULL;
		outcome->reason = b->plan->refused;
	}
}

static const char *selection_text(struct plan_build *b)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEXT_LIMIT_BYTES);
	const struct selection *gpus = &b->req->gpus;

	if (!gpus->n)
		return "none";
	for (size_t i = 0; i < gpus->n; i++) {
		const struct selected_gpu *item = &gpus->items[i];

		if (i)
			strbuf_char_add(&text, ',');
		strbuf_uint_add(&text, item->gpu->index);
		if (item->partition) {
			strbuf_char_add(&text, ':');
			strbuf_uint_add(&text, item->partition->index);
		}
	}
	return strbuf_failed(&text) ? NULL : arena_strdup(b->plan->arena, strbuf_str(&text));
}

/* Tools that configure GPUs have the nodes of all, whichever are selected. */
static const char *managing_kind(const struct plan_build *b)
{
	vec_foreach (const struct plan_companion, item, &b->companions) {
		if (item->companion->use == COMPANION_MANAGES)
			return item->companion->kind;
	}
	return NULL;
}

/* WSL2 has one node for every adapter: which GPU a program takes is its own choice. */
static int report_selection(struct plan_build *b, struct nvb_error **err)
{
	const char *text = selection_text(b), *kind = managing_kind(b);

	if (!text)
		return NVB_OOM(err);
	if (kind)
		return plan_knob(b, err, "gpu", text, KNOB_ADVISORY, "environment",
			"'%s' brings the nodes of all GPUs", kind);
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		if (b->req->gpus.items[i].gpu->vendor == GPU_VENDOR_WSL)
			return plan_knob(b, err, "gpu", text, KNOB_ADVISORY, "device node /dev/dxg",
				"under WSL2 one node serves every GPU");
	}
	return plan_knob(b, err, "gpu", text, KNOB_ENFORCED, plan_knobs_device_isolation(b), "%s",
		b->req->driver_only && !b->req->gpus.n ? "the driver without a GPU was asked for"
						       : "");
}

static void add_driver(struct strbuf *text, const struct gpu_driver *driver)
{
	if (text->length)
		strbuf_str_add(text, ", ");
	strbuf_str_add(text, driver->name);
	if (driver->version) {
		strbuf_char_add(text, ' ');
		strbuf_str_add(text, driver->version);
	}
	if (driver->flavor) {
		strbuf_str_add(text, " (");
		strbuf_str_add(text, driver->flavor);
		strbuf_char_add(text, ')');
	}
}

/* plan_driver_check() let it pass. */
static bool has_other_modules(const struct plan_build *b)
{
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;

		if (!plan_driver_fits(b->req->driver, gpu, inventory_driver(b->inv, gpu)))
			return true;
	}
	return false;
}

static int report_driver(struct plan_build *b, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEXT_LIMIT_BYTES);
	const char *value = vocabulary_name(&vocabulary_driver, (int)b->req->driver);
	const char *mechanism;

	vec_foreach (struct gpu_driver, driver, &b->inv->drivers) {
		if (!plan_uses_driver(b->inv, b->req, driver))
			continue;
		add_driver(&text, driver);
	}
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	if (!text.length)
		return 0;
	mechanism = arena_strdup(b->plan->arena, strbuf_str(&text));
	if (!mechanism)
		return NVB_OOM(err);
	if (has_other_modules(b))
		return plan_knob(b, err, "driver", value, KNOB_UNSUPPORTED, NULL,
			"the machine runs %s: a container cannot change that, and its programs "
			"cannot tell",
			mechanism);
	return plan_knob(b, err, "driver", value, KNOB_APPLIED, mechanism, "%s", "");
}

static int report_profile(struct plan_build *b, struct nvb_error **err)
{
	const char *value = vocabulary_name(&vocabulary_profile, (int)b->req->profile);
	const char *text;

	if (b->req->profile == PROFILE_DEFAULT)
		return 0;
	text = capabilities_text(b, profile_capabilities(b->req->profile));
	if (!text)
		return NVB_OOM(err);
	if (b->req->capabilities_source > SOURCE_PROFILE)
		return plan_knob(b, err, "profile", value, KNOB_UNSUPPORTED, NULL,
			"it would choose driver capabilities (%s), but they were given otherwise; "
			"its settings count, each on a line of its own",
			text);
	return plan_knob(b, err, "profile", value, KNOB_APPLIED, "driver capabilities",
		"%s; each of its settings is on a line of its own", text);
}

static int report_capabilities(struct plan_build *b, struct nvb_error **err)
{
	const char *text = capabilities_text(b, b->req->capabilities);

	if (!text)
		return NVB_OOM(err);
	if (!b->req->gpus.n && !b->req->driver_only && !managing_kind(b))
		return 0;
	return plan_knob(b, err, "capabilities", text, KNOB_APPLIED,
		b->plan->mounts.n > b->req->volumes.n + b->knob_mounts.n ? "device nodes + driver files"
						      : "device nodes",
		"%s",
		b->req->capabilities_source == SOURCE_BOLTFILE ? "settings of games need them" : "");
}

/* True if a container gets libraries of that class from the driver. */
static bool has_libraries(const struct plan_build *b, const struct gpu_driver *driver,
	int elf_class)
{
	vec_foreach (struct driver_file, file, &driver->files) {
		if (plan_files_is_library(file) && file->elf_class == elf_class &&
			plan_files_wanted(file, b->req->capabilities))
			return true;
	}
	return false;
}

/* WSL2 has a fixed place of its own and nothing in the library directories. */
static const char *file_places(struct plan_build *b, const struct gpu_driver *driver)
{
	const struct container_root *root = b->root;
	const char *dir64 = has_libraries(b, driver, 64) ? root->lib64_dir : NULL;
	const char *dir32 = has_libraries(b, driver, 32) ? root->lib32_dir : NULL;
	struct arena *a = b->plan->arena;

	if (dir64 && dir32)
		return arena_printf(a, "bind mounts in '%s' and '%s'", dir64, dir32);
	if (dir64 || dir32)
		return arena_printf(a, "bind mounts in '%s'", dir64 ? dir64 : dir32);
	return "bind mounts";
}

static int report_files(struct plan_build *b, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	const char *problem = plan_files_problem(b, driver);
	const char *version = driver->files_version ? driver->files_version : driver->version;
	const char *mechanism;

	if (!version)
		version = "unknown";
	if (problem)
		return plan_knob(b, err, "driver_files", version, KNOB_UNSUPPORTED, NULL, "%s",
			problem);
	mechanism = file_places(b, driver);
	if (!mechanism)
		return NVB_OOM(err);
	return plan_knob(b, err, "driver_files", version, KNOB_APPLIED, mechanism, "%s", "");
}

static int report_32_bit(struct plan_build *b, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	const char *reason = plan_files_problem(b, driver);

	if (!(b->req->capabilities & CAPABILITY_COMPAT32))
		return 0;
	if (!reason && !has_libraries(b, driver, 32))
		reason = "the host has no 32-bit files of this driver";
	if (!reason && !b->root->lib32_dir)
		reason = "the container has no 32-bit glibc";
	if (reason)
		return plan_knob(b, err, "compat32", "32-bit libraries", KNOB_UNSUPPORTED, NULL,
			"%s", reason);
	return plan_knob(b, err, "compat32", "32-bit libraries", KNOB_APPLIED, "bind mounts", "%s",
		"");
}

int plan_knobs_add(struct plan_build *b, struct nvb_error **err)
{
	int r;

	plan_knobs_decide_isolation(b);
	r = report_selection(b, err);
	if (r >= 0)
		r = report_driver(b, err);
	if (r >= 0)
		r = report_profile(b, err);
	if (r >= 0)
		r = report_capabilities(b, err);
	if (r >= 0)
		r = plan_companions_report(b, err);
	if (r >= 0)
		r = plan_mig_report(b, err);
	vec_foreach (struct gpu_driver, driver, &b->inv->drivers) {
		if (!driver->brings_user_space || !plan_uses_driver(b->inv, b->req, driver))
			continue;
		if (r >= 0)
			r = report_files(b, driver, err);
		if (r >= 0)
			r = report_32_bit(b, driver, err);
	}
	return r < 0 ? r : plan_compat_report(b, err);
}
