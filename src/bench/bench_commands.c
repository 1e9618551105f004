/* SPDX-License-Identifier: Apache-2.0 */
/* Whole programs, as a shell runs them. */
#include <unistd.h>

#include "bench/bench_build.h"
#include "bench/compare_toolkit.h"

static int add_run(struct bench *b, struct measure_variant_list *variants, enum bench_line_id line,
	struct nvb_error **err)
{
	if (line == BENCH_RUN_DOCKER)
		return engine_runs_add_client(&b->runs, line, client_find("docker"), variants, err);
	if (line == BENCH_RUN_PODMAN)
		return engine_runs_add_client(&b->runs, line, client_find("podman"), variants, err);
	return engine_runs_add_nvbind(
		&b->runs, line, line == BENCH_RUN_ALL ? b->all : "none", variants, err);
}

int bench_measure_runs(struct bench *b, struct nvb_error **err)
{
	b->runs = (struct engine_runs){
		.arena = b->arena,
		.place = &b->place,
		.nvbind = b->options->nvbind,
		.host_root = b->host_root,
		.image = b->options->image,
	};
	return bench_measure_lines(b, BENCH_RUN_NONE, BENCH_RUN_PODMAN, add_run, err);
}

static int make_spec_argv(
	struct bench *b, enum bench_line_id line, const char *const **ret, struct nvb_error **err)
{
	const char *ours[] = { b->options->nvbind, "--quiet", "--host-root", b->host_root, "cdi",
		"generate", "--output=-", "--vendor", gpu_vendor_name(b->gpus.items[0].gpu->vendor),
		NULL };
	const char *theirs[] = { NULL, "cdi", "generate", NULL };
	int r = 0;

	if (line == BENCH_SPEC_TOOLKIT)
		r = toolkit_find_ctk(b->arena, b->host_root, &theirs[0], err);
	if (r < 0)
		return r;
	*ret = line == BENCH_SPEC_TOOLKIT ? arena_memdup(b->arena, theirs, sizeof(theirs))
					  : arena_memdup(b->arena, ours, sizeof(ours));
	return *ret ? 0 : NVB_OOM(err);
}

static int add_spec(struct bench *b, struct measure_variant_list *variants, enum bench_line_id line,
	struct nvb_error **err)
{
	struct process *p = arena_new_object(b->arena, struct process);
	int r;

	if (!p)
		return NVB_OOM(err);
	*p = (struct process){ .envp = (const char *const *)environ, .output_fd = -1 };
	r = make_spec_argv(b, line, &p->argv, err);
	return r < 0 ? r : bench_add_variant(b, variants, line, process_measure, p, err);
}

int bench_measure_specs(struct bench *b, struct nvb_error **err)
{
	return bench_measure_lines(b, BENCH_SPEC_NVBIND, BENCH_SPEC_TOOLKIT, add_spec, err);
}
