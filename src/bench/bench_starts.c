/* SPDX-License-Identifier: Apache-2.0 */
/* Starts of containers by OCI runtimes, and what nvbind-runtime needs for one. */
#include <unistd.h>

#include "base/spawn.h"
#include "bench/bench_build.h"
#include "bench/compare_toolkit.h"
#include "bench/facts.h"

static int find_nothing(struct arena *a, const char **ret, struct nvb_error **err)
{
	_cleanup_free_ char *found = spawn_find_program("true", SPAWN_SYSTEM_PATH);

	if (!found)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "find the program 'true'");
	*ret = arena_strdup(a, found);
	return *ret ? 0 : NVB_OOM(err);
}

static int make_setup(struct bench *b, struct nvb_error **err)
{
	struct bench_machine *machine = &b->report->machine;
	const char *nothing = NULL;
	int r = low_level_runtime_find(b->arena, false, &b->low_level, err);

	if (r >= 0)
		r = find_nothing(b->arena, &nothing, err);
	if (r < 0)
		return r;
	if (!b->options->runtime)
		return NVB_RAISE(
			err, NVB_ERR_NOT_FOUND, 0, "start 'nvbind-runtime': it is not installed");
	machine->low_level_runtime = b->low_level.path;
	machine->low_level_version = facts_version(b->arena, b->low_level.path);
	b->setup = (struct start_setup){
		.arena = b->arena,
		.place = &b->place,
		.runtime = b->options->runtime,
		.low_level = b->low_level.path,
		.nothing = nothing,
		.host_root = b->host_root,
		.device_cgroup = b->low_level.device_cgroup,
		.disable_cgroups = b->low_level.is_crun && !b->low_level.device_cgroup,
	};
	return 0;
}

static int make_request(struct bench *b, const char *gpus, const char **ret, struct nvb_error **err)
{
	*ret = arena_printf(b->arena, "NVBIND_GPU=%s", gpus);
	return *ret ? 0 : NVB_OOM(err);
}

static int make_toolkit_start(struct bench *b, struct start_variant **ret, struct nvb_error **err)
{
	const char *program = NULL, *request = NULL;
	int r = toolkit_find_runtime(b->arena, b->host_root, &program, err);

	if (r >= 0)
		r = toolkit_check_low_level(program, b->low_level.is_crun, err);
	if (r >= 0)
		r = toolkit_request(b->arena, b->inv, &b->gpus, &request, err);
	return r < 0 ? r : start_variant_new(&b->setup, program, request, ret, err);
}

static int make_start(struct bench *b, enum bench_line_id line, struct start_variant **ret,
	struct nvb_error **err)
{
	struct start_setup *setup = &b->setup;
	const char *request = NULL;
	int r;

	if (line == BENCH_START_ALONE)
		return start_variant_new(setup, setup->low_level, NULL, ret, err);
	if (line == BENCH_START_PASS)
		return start_variant_new(setup, setup->runtime, NULL, ret, err);
	if (line == BENCH_START_TOOLKIT)
		return make_toolkit_start(b, ret, err);
	r = make_request(b, line == BENCH_START_ONE ? b->one : b->all, &request, err);
	if (r < 0)
		return r;
	if (line == BENCH_START_ALONE_ALL)
		return start_variant_new_edited(setup, request, ret, err);
	return start_variant_new(setup, setup->runtime, request, ret, err);
}

static int add_start(struct bench *b, struct measure_variant_list *variants,
	enum bench_line_id line, struct nvb_error **err)
{
	struct start_variant *v = NULL;
	int r = make_start(b, line, &v, err);

	return r < 0 ? r : bench_add_variant(b, variants, line, start_variant_run, v, err);
}

static int measure_peak(
	struct bench *b, enum bench_line_id line, const char *request, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct bench_line *to = &b->report->lines[line];
	int64_t *bytes = arena_new_object(b->arena, int64_t);
	int r;

	if (!bytes)
		return NVB_OOM(err);
	r = start_variant_peak(&b->setup, request, bytes, &problem);
	if (r < 0)
		return bench_report_skip_error(b->report, line, &problem, err);
	to->samples = bytes;
	to->n = 1;
	return 0;
}

static int measure_memory(struct bench *b, struct nvb_error **err)
{
	const char *request = NULL;
	int r = measure_peak(b, BENCH_MEMORY_PASS, NULL, err);

	if (r < 0 || !bench_is_open(b, BENCH_MEMORY_ALL))
		return r;
	r = make_request(b, b->all, &request, err);
	return r < 0 ? r : measure_peak(b, BENCH_MEMORY_ALL, request, err);
}

int bench_measure_starts(struct bench *b, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r = make_setup(b, &problem);

	if (r < 0) {
		const char *reason = bench_report_reason(b->report, problem);

		if (!reason)
			return NVB_OOM(err);
		r = bench_report_skip_part(b->report, BENCH_PART_START, reason, err);
		return r < 0 ? r
			     : bench_report_skip_part(b->report, BENCH_PART_MEMORY, reason, err);
	}
	r = measure_memory(b, err);
	if (r < 0)
		return r;
	/* A user's namespace makes nodes in another way: that would be another start. */
	if (geteuid() != 0)
		return bench_report_skip_part(b->report, BENCH_PART_START,
			"only root starts containers with the low-level runtime alone", err);
	return bench_measure_lines(b, BENCH_START_ALONE, BENCH_START_TOOLKIT, add_start, err);
}
