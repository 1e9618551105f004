/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/steps.h"

#include <fcntl.h>

#include "bench/process.h"
#include "gpu/cache.h"
#include "gpu/discover.h"
#include "plan/plan.h"

struct steps {
	struct steps_machine machine;
	const char *cache;
	int root_fd;
	/* What the container's root is asked for, and its answer: for the plan. */
	struct string_list dirs, names;
	struct container_root *root;
};

/* What a step frees is not counted. */

static int discover(void *target, int64_t *ret_ns, struct nvb_error **err)
{
	const struct steps *steps = target;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	int64_t start_ns = process_clock_ns();
	int r = inventory_discover(steps->machine.tree, &inv, err);

	*ret_ns = process_clock_ns() - start_ns;
	return r;
}

static int open_cache(void *target, int64_t *ret_ns, struct nvb_error **err)
{
	const struct steps *steps = target;
	const struct inventory_cache_options options = { .directory = steps->cache };
	int r = 0;

	/* The first one of all writes it. */
	for (int i = 0; i < 2; i++) {
		_cleanup_(inventory_freep) struct inventory *inv = NULL;
		int64_t start_ns = process_clock_ns();

		r = inventory_open(steps->machine.tree, &options, &inv, err);
		*ret_ns = process_clock_ns() - start_ns;
		if (r)
			return r;
	}
	return NVB_RAISE(err, NVB_ERR_FAILED, 0,
		"nothing is kept here: files of the driver are younger than %d s, or their times "
		"prove nothing",
		INVENTORY_CACHE_SETTLE_MS / 1000);
}

static int make_request(
	const struct steps *steps, struct arena *a, struct request *ret, struct nvb_error **err)
{
	*ret = (struct request){
		.engine = "bolt",
		.command = steps->machine.place->command,
		.capabilities = CAPABILITY_COMPUTE | CAPABILITY_UTILITY,
	};
	return selector_resolve(steps->machine.selectors, steps->machine.inv, a, &ret->gpus, err);
}

static int look_at_root(void *target, int64_t *ret_ns, struct nvb_error **err)
{
	const struct steps *steps = target;
	_cleanup_(container_root_freep) struct container_root *root = NULL;
	int64_t start_ns = process_clock_ns();
	int r = container_root_inspect(steps->root_fd, &steps->dirs, &steps->names, &root, err);

	*ret_ns = process_clock_ns() - start_ns;
	return r;
}

static int plan(void *target, int64_t *ret_ns, struct nvb_error **err)
{
	const struct steps *steps = target;
	_cleanup_(arena_freep) struct arena *a = NULL;
	_cleanup_(plan_freep) struct plan *made = NULL;
	struct string_list dirs = { 0 }, names = { 0 };
	int64_t start_ns = process_clock_ns();
	struct request request;
	int r;

	a = arena_new();
	if (!a)
		return NVB_OOM(err);
	r = make_request(steps, a, &request, err);
	if (r >= 0)
		r = plan_questions(steps->machine.inv, &request, a, &dirs, &names, err);
	if (r >= 0)
		r = plan_make(steps->machine.inv, &request, steps->root, &made, err);
	*ret_ns = process_clock_ns() - start_ns;
	return r;
}

static int prepare_root(struct steps *steps, struct nvb_error **err)
{
	struct request request;
	int r = make_request(steps, steps->machine.arena, &request, err);

	if (r >= 0)
		r = plan_questions(steps->machine.inv, &request, steps->machine.arena, &steps->dirs,
			&steps->names, err);
	if (r < 0)
		return r;
	steps->root_fd = open(steps->machine.place->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (steps->root_fd < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "open '%s'", steps->machine.place->root);
	return container_root_inspect(
		steps->root_fd, &steps->dirs, &steps->names, &steps->root, err);
}

static int add(struct steps *steps, enum bench_line_id line, measure_fn run,
	struct measure_variant_list *variants, struct nvb_error **err)
{
	struct measure_variant *v = vec_push(steps->machine.arena, variants);

	if (!v)
		return NVB_OOM(err);
	*v = (struct measure_variant){ .line = line, .run = run, .target = steps };
	return 0;
}

int steps_new(const struct steps_machine *machine, struct bench_report *report,
	struct measure_variant_list *variants, struct steps **ret, struct nvb_error **err)
{
	_cleanup_(steps_freep) struct steps *steps = calloc(1, sizeof(*steps));
	int r;

	if (!steps)
		return NVB_OOM(err);
	*steps = (struct steps){ .machine = *machine, .root_fd = -1 };
	steps->cache = arena_printf(machine->arena, "%s/inventory", machine->place->path);
	if (!steps->cache)
		return NVB_OOM(err);
	r = add(steps, BENCH_STEP_DISCOVER, discover, variants, err);
	if (r >= 0)
		r = add(steps, BENCH_STEP_CACHE, open_cache, variants, err);
	if (r >= 0 && machine->selectors->n) {
		_cleanup_error_ struct nvb_error *problem = NULL;

		if (prepare_root(steps, &problem) < 0) {
			r = bench_report_skip(
				report, BENCH_STEP_ROOT, nvb_error_message(problem), err);
			if (r >= 0)
				r = bench_report_skip_error(report, BENCH_STEP_PLAN, &problem, err);
		} else {
			r = add(steps, BENCH_STEP_ROOT, look_at_root, variants, err);
			if (r >= 0)
				r = add(steps, BENCH_STEP_PLAN, plan, variants, err);
		}
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(steps);
	return 0;
}

void steps_free(struct steps *steps)
{
	if (!steps)
		return;
	container_root_free(steps->root);
	closep(&steps->root_fd);
	free(steps);
}
