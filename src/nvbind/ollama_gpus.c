/* SPDX-License-Identifier: Apache-2.0 */
/* The GPUs of `nvbind ollama`: their memory, and which of them a model needs. */
#include <stdlib.h>
#include <string.h>

#include "format/size.h"
#include "nvbind/ollama.h"

#define IMAGE	     "docker.io/ollama/ollama"
#define IMAGE_ROCM   "docker.io/ollama/ollama:rocm"
#define MEMORY_LIMIT (UINT64_C(1) << 50)

/*
 * What is unused now, where the kernel's driver tells it.
 * Source: Linux kernel documentation, gpu/amdgpu/driver-misc, "mem_info_vram_used".
 */
static bool read_free(
	const struct host_tree *tree, struct arena *a, const struct gpu *gpu, uint64_t *ret)
{
	static const char *const names[] = { "total", "used" };
	uint64_t values[ELEMENTS(names)];

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		const char *path =
			gpu->pci_address
				? arena_printf(a, "/sys/bus/pci/devices/%s/mem_info_vram_%s",
					  gpu->pci_address, names[i])
				: NULL;

		if (!path || host_tree_read_u64(tree, path, &values[i]) < 0)
			return false;
	}
	if (values[0] > MEMORY_LIMIT || values[1] > values[0])
		return false;
	*ret = values[0] - values[1];
	return true;
}

static struct ollama_gpu look_at(
	const struct host_tree *tree, struct arena *a, const struct selected_gpu *item)
{
	struct ollama_gpu gpu = { .item = *item };

	if (item->partition)
		gpu.bytes = item->partition->memory_bytes;
	else if (read_free(tree, a, item->gpu, &gpu.bytes))
		gpu.is_free = true;
	else
		gpu.bytes = item->gpu->memory_bytes;
	return gpu;
}

static bool has_usable(const struct inventory *inv)
{
	vec_foreach (const struct gpu, gpu, &inv->gpus)
		if (gpu->state == GPU_USABLE)
			return true;
	return false;
}

int ollama_gpus_find(const struct host_tree *tree, const struct inventory *inv,
	const struct string_list *selectors, struct arena *a, struct ollama_gpu_list *ret,
	struct nvb_error **err)
{
	struct string_list all = { 0 };
	struct selection selection = { 0 };
	int r;

	if (!selectors->n && !has_usable(inv))
		return 0;
	if (!selectors->n && string_list_add(a, &all, "all") < 0)
		return NVB_OOM(err);
	r = selector_resolve(selectors->n ? selectors : &all, inv, a, &selection, err);
	for (size_t i = 0; r >= 0 && i < selection.n; i++) {
		struct ollama_gpu *gpu = vec_push(a, ret);

		if (!gpu)
			return NVB_OOM(err);
		*gpu = look_at(tree, a, &selection.items[i]);
	}
	return r < 0 ? r : 0;
}

int ollama_estimate(const struct ollama_inputs *in, const struct model_load *load,
	struct model_estimate *ret, struct nvb_error **err)
{
	const struct ollama_model *m = in->model;
	const struct model_facts facts = {
		.gguf = m->has_gguf ? &m->gguf : NULL,
		.weights_bytes = m->stored.weights_bytes,
		.guess = m->guess.parameters ? &m->guess : NULL,
	};

	return model_estimate(&facts, load, in->arena, ret, err);
}

static uint64_t sum_of(const struct ollama_gpu *gpus, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += gpus[i].bytes;
	return sum;
}

static bool all_known(const struct ollama_gpu_list *gpus)
{
	vec_foreach (const struct ollama_gpu, gpu, gpus)
		if (!gpu->bytes)
			return false;
	return gpus->n > 0;
}

static int by_memory(const void *x, const void *y)
{
	const struct ollama_gpu *a = x, *b = y;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return (a->item.gpu->index > b->item.gpu->index) -
	       (a->item.gpu->index < b->item.gpu->index);
}

static int by_index(const void *x, const void *y)
{
	const struct ollama_gpu *a = x, *b = y;

	return (a->item.gpu->index > b->item.gpu->index) -
	       (a->item.gpu->index < b->item.gpu->index);
}

/* An image is for the GPUs of one vendor: those that have the most memory together. */
static enum gpu_vendor best_vendor(const struct ollama_gpu_list *gpus)
{
	uint64_t sums[GPU_VENDOR_COUNT] = { 0 };
	enum gpu_vendor best = gpus->items[0].item.gpu->vendor;

	vec_foreach (const struct ollama_gpu, gpu, gpus)
		sums[gpu->item.gpu->vendor] += gpu->bytes;
	for (size_t i = 0; i < GPU_VENDOR_COUNT; i++)
		if (sums[i] > sums[best])
			best = (enum gpu_vendor)i;
	return best;
}

static int take_vendor(const struct ollama_inputs *in, enum gpu_vendor vendor,
	struct ollama_gpu_list *ret, struct nvb_error **err)
{
	vec_foreach (const struct ollama_gpu, gpu, in->gpus) {
		struct ollama_gpu *slot;

		if (!in->options->gpus.n && gpu->item.gpu->vendor != vendor)
			continue;
		slot = vec_push(in->arena, ret);
		if (!slot)
			return NVB_OOM(err);
		*slot = *gpu;
	}
	return 0;
}

/* The estimate for the first n. 1: they hold it. 0: they do not. */
static int try_first(const struct ollama_inputs *in, struct ollama_choice *choice, size_t n,
	struct nvb_error **err)
{
	struct model_load load = choice->load;
	int r;

	load.n_gpus = (unsigned)n;
	r = ollama_estimate(in, &load, &choice->estimate, err);
	if (r < 0)
		return r;
	choice->has_estimate = r > 0;
	choice->load = load;
	return r > 0 && all_known(&choice->gpus) &&
	       choice->estimate.total_bytes <= sum_of(choice->gpus.items, n);
}

/* The fewest, those with the most memory first: what is unknown of their use weighs least there. */
static int take_fewest(
	const struct ollama_inputs *in, struct ollama_choice *choice, struct nvb_error **err)
{
	for (size_t n = 1; n <= choice->gpus.n; n++) {
		int r = try_first(in, choice, n, err);

		if (r < 0)
			return r;
		choice->spread = n > 1;
		if (!r)
			continue;
		choice->gpus.n = n;
		choice->fit = OLLAMA_FITS;
		choice->why_gpus = n == 1 ? "one GPU holds all of it, which is faster than several"
					  : "the fewest that hold it together";
		return 0;
	}
	choice->fit = OLLAMA_FITS_NOT;
	choice->why_gpus =
		"all there are, and they do not hold it: Ollama computes the rest on the "
		"CPU, much slower";
	return 0;
}

/* Those of --gpu are all taken, but a model that one of them holds need not go over all. */
static int take_given(
	const struct ollama_inputs *in, struct ollama_choice *choice, struct nvb_error **err)
{
	int r = try_first(in, choice, 1, err);

	choice->why_gpus = "as --gpu says";
	if (r < 0 || !choice->has_estimate || !all_known(&choice->gpus))
		return r < 0 ? r : 0;
	choice->fit = OLLAMA_FITS;
	if (r > 0)
		return 0;
	choice->spread = choice->gpus.n > 1;
	r = try_first(in, choice, choice->gpus.n, err);
	if (r == 0)
		choice->fit = OLLAMA_FITS_NOT;
	return r < 0 ? r : 0;
}

/* Ollama, which knows their memory, takes as many of them as it needs. */
static int take_all(
	const struct ollama_inputs *in, struct ollama_choice *choice, struct nvb_error **err)
{
	int r = try_first(in, choice, 1, err);

	choice->why_gpus = choice->has_estimate ? "all of them, for Ollama to choose: how much "
						  "memory they have is not known"
						: "all of them, for Ollama to choose: how much "
						  "memory the model needs is not "
						  "known";
	return r < 0 ? r : 0;
}

int ollama_gpus_choose(
	const struct ollama_inputs *in, struct ollama_choice *choice, struct nvb_error **err)
{
	enum gpu_vendor vendor;
	struct model_estimate alone;
	int r, known;

	choice->image = IMAGE;
	if (!in->gpus->n) {
		choice->why_gpus = "none: Ollama computes on the CPU";
		choice->fit = OLLAMA_FIT_UNKNOWN;
		r = ollama_estimate(in, &choice->load, &choice->estimate, err);
		choice->has_estimate = r > 0;
		return r < 0 ? r : 0;
	}
	vendor = best_vendor(in->gpus);
	if (vendor == GPU_VENDOR_AMD)
		choice->image = IMAGE_ROCM;
	r = take_vendor(in, vendor, &choice->gpus, err);
	known = r < 0 ? r : ollama_estimate(in, &choice->load, &alone, err);
	if (known < 0)
		return known;
	qsort(choice->gpus.items, choice->gpus.n, sizeof(*choice->gpus.items), by_memory);
	if (in->options->gpus.n)
		r = take_given(in, choice, err);
	else if (known && all_known(&choice->gpus))
		r = take_fewest(in, choice, err);
	else
		r = take_all(in, choice, err);
	qsort(choice->gpus.items, choice->gpus.n, sizeof(*choice->gpus.items), by_index);
	return r;
}
