/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a container start inside nvbind. */
#include <string.h>

#include "gpu/cache.h"
#include "gpu/discover.h"
#include "micro.h"
#include "oci/config.h"
#include "request/selector.h"

#define SETTLE_MS 20 /* the trees may be as young as this */

static const char *const command = "/probe";

static int discover(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	(void)variant;
	return inventory_discover(&m->tree, &ret->inv, err);
}

static int open_cache(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const struct inventory_cache_options options = {
		.directory = m->scratch,
		.settle_ms = SETTLE_MS,
	};
	int r = inventory_open(&m->tree, &options, &ret->inv, err);

	(void)variant;
	/* A discovery is not to be told as the cache's time. It happens where the driver's files
	 * are links to files that others link too: their times change with it. */
	return r == 0 ? MICRO_AGAIN : r < 0 ? r : 0;
}

static int inspect(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	(void)variant;
	return container_root_inspect(m->root_fd, &m->dirs, &m->names, &ret->facts, err);
}

static int resolve(const struct micro *m, const char *text, struct arena *a, struct selection *ret,
	struct nvb_error **err)
{
	const struct string_list selectors = { .items = &text, .n = 1 };

	return selector_resolve(&selectors, m->inv, a, ret, err);
}

static int check_selector(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	(void)m;
	(void)variant;
	(void)ret;
	return selector_check(
		"0,gpu1,GPU-8ac33420-ebd5-7fbd-a0ee-8ac33420ebd5,nvidia.com/gpu=3", err);
}

/* The last one: the farthest way. */
static int look_up(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const struct gpu *gpu = &m->inv->gpus.items[m->inv->gpus.n - 1];
	struct selection found;

	(void)variant;
	return resolve(m, gpu->uuid ? gpu->uuid : gpu->pci_address, ret->arena, &found, err);
}

/* Everything between a request and its plan but for the look at the container's root. */
static int request_to_plan(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	struct string_list dirs = { 0 }, names = { 0 };
	struct request request = m->request;
	int r = resolve(m, "all", ret->arena, &request.gpus, err);

	(void)variant;
	if (r >= 0)
		r = plan_questions(m->inv, &request, ret->arena, &dirs, &names, err);
	return r < 0 ? r : plan_make(m->inv, &request, m->facts, &ret->plan, err);
}

static int format_config(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const struct plan_mount_list none = { 0 };
	const struct oci_container container = {
		.root_path = "/run/bundle/root",
		.hostname = "bench",
		.cwd = "/",
		.args = &m->plan->command,
		.env = &m->plan->env,
		.device_cgroup = true,
		.extra_mounts = &none,
		.mounts = &m->plan->mounts,
	};

	(void)variant;
	return oci_config_format(m->plan, &container, &ret->text, &ret->length, err);
}

int micro_start_init(struct micro *m, struct nvb_error **err)
{
	int r = inventory_discover(&m->tree, &m->inv, err);

	if (r < 0)
		return r;
	m->request = (struct request){
		.engine = "bolt",
		.command = { .items = (const char **)(uintptr_t)&command, .n = 1 },
		.capabilities = CAPABILITY_DEFAULT,
	};
	r = resolve(m, "all", m->arena, &m->request.gpus, err);
	if (r >= 0)
		r = plan_questions(m->inv, &m->request, m->arena, &m->dirs, &m->names, err);
	if (r >= 0)
		r = container_root_inspect(m->root_fd, &m->dirs, &m->names, &m->facts, err);
	return r < 0 ? r : plan_make(m->inv, &m->request, m->facts, &m->plan, err);
}

size_t micro_start_steps(const struct micro *m, struct micro_step *steps)
{
	static const struct micro_step table[] = {
		{ "discover", "discover the machine's GPUs and driver files", .cold = true,
			.run = discover },
		{ "open", "open the inventory's cache and prove it true", .cold = true,
			.run = open_cache },
		{ "inspect", "inspect the container's root", .cold = true, .run = inspect },
		{ "selector", "check a selector of four items", .batch = 64,
			.run = check_selector },
		{ "lookup", "look a GPU up in the inventory by its UUID", .batch = 64,
			.run = look_up },
		{ "plan", "request to plan, all GPUs", .run = request_to_plan },
		{ "config", "plan to a new config.json", .run = format_config },
	};

	(void)m;
	memcpy(steps, table, sizeof(table));
	return ELEMENTS(table);
}
