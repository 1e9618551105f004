/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/nvml_enrich.h"

#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/spawn.h"
#include "gpu/nvidia/nvml_api.h"
#include "gpu/nvidia/nvml_records.h"
#include "gpu/trusted_file.h"

#define DEFAULT_TIMEOUT_MS 10000

/* Who asks, and of what. */
struct question {
	struct inventory *inv;
	enum gpu_vendor vendor;
};

static bool is_nvml(const struct driver_file *f)
{
	const int native_class = (int)sizeof(void *) * 8;

	if (f->kind == DRIVER_FILE_LIBRARY)
		return f->elf_class == native_class && f->soname &&
			strcmp(f->soname, NVML_SONAME) == 0;
	/* A Windows driver's store has SONAMEs for file names. */
	return f->kind == DRIVER_FILE_DATA && strcmp(path_base_name(f->target), NVML_SONAME) == 0;
}

/* The library that this machine's processes load: of our own class. */
static const struct driver_file *find_library(const struct inventory *inv, enum gpu_vendor vendor,
	const struct gpu_driver **ret_driver)
{
	vec_foreach (struct gpu_driver, driver, &inv->drivers) {
		if (driver->vendor != vendor)
			continue;
		vec_foreach (struct driver_file, f, &driver->files) {
			if (!is_nvml(f))
				continue;
			*ret_driver = driver;
			return f;
		}
	}
	return NULL;
}

static int warn(struct inventory *inv, const char *why, struct nvb_error **err)
{
	return string_list_printf(inv->arena, &inv->warnings,
		       "ask NVML for memory sizes and MIG names: %s", why) < 0
		? NVB_OOM(err)
		: 0;
}

/* Turns any failure but lack of memory into a warning. Returns 0 or NVB_ERR_NO_MEMORY. */
static int warn_of_failure(struct inventory *inv, int status, const struct nvb_error *problem,
	struct nvb_error **err)
{
	if (status == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	return warn(inv, nvb_error_message(problem), err);
}

static size_t count_served(const struct question *q)
{
	size_t n = 0;

	vec_foreach (struct gpu, gpu, &q->inv->gpus)
		n += gpu->vendor == q->vendor;
	return n;
}

/* Under WSL2 a GPU has no PCI address here: if there is one and NVML knows one, it is that. */
static struct gpu *find_gpu(const struct question *q, const struct nvml_report *report,
	const struct nvml_gpu *told)
{
	bool single = report->gpus.n == 1 && count_served(q) == 1;

	vec_foreach (struct gpu, gpu, &q->inv->gpus) {
		if (gpu->vendor != q->vendor)
			continue;
		if (gpu->pci_address ? strcmp(gpu->pci_address, told->pci_address) == 0 : single)
			return gpu;
	}
	return NULL;
}

/* Fills *slot if it is unknown. False: out of memory. */
static bool fill(struct arena *a, const char **slot, const char *value)
{
	if (*slot || !value)
		return true;
	*slot = arena_strdup(a, value);
	return *slot != NULL;
}

static bool fill_partitions(struct arena *a, struct gpu *gpu, const struct nvml_gpu *told)
{
	vec_foreach (struct gpu_partition, p, &gpu->partitions) {
		vec_foreach (struct nvml_mig, mig, &told->migs) {
			if (mig->gi != p->gi || mig->ci != p->ci)
				continue;
			if (!p->memory_bytes)
				p->memory_bytes = mig->memory_bytes;
			if (!fill(a, &p->uuid, mig->uuid) || !fill(a, &p->profile, mig->profile))
				return false;
		}
	}
	return true;
}

static int apply_gpu(struct inventory *inv, struct gpu *gpu, const struct nvml_gpu *told,
	struct nvb_error **err)
{
	struct arena *a = inv->arena;

	/* Two witnesses that disagree on who this is: the kernel module's word stands. */
	if (gpu->uuid && told->uuid && strcmp(gpu->uuid, told->uuid) != 0)
		return string_list_printf(a, &inv->warnings,
			       "NVML calls the GPU at '%s' '%s', the driver '%s': NVML is not believed",
			       told->pci_address, told->uuid, gpu->uuid) < 0
			? NVB_OOM(err)
			: 0;
	if (!gpu->memory_bytes)
		gpu->memory_bytes = told->memory_bytes;
	if (!fill(a, &gpu->uuid, told->uuid) || !fill(a, &gpu->name, told->name) ||
		!fill(a, &gpu->compute_capability, told->compute_capability) ||
		!fill_partitions(a, gpu, told))
		return NVB_OOM(err);
	return 0;
}

static int apply_report(const struct question *q, const struct nvml_report *report,
	struct nvb_error **err)
{
	for (size_t i = 0; i < report->missing.n; i++)
		log_debug("inventory", "NVML lacks '%s'", report->missing.items[i]);
	for (size_t i = 0; i < report->failures.n; i++) {
		int r = warn(q->inv, report->failures.items[i], err);

		if (r < 0)
			return r;
	}
	vec_foreach (struct nvml_gpu, told, &report->gpus) {
		struct gpu *gpu = find_gpu(q, report, told);
		int r = gpu ? apply_gpu(q->inv, gpu, told, err) : 0;

		if (r < 0)
			return r;
		if (!gpu)
			log_debug("inventory", "NVML knows a GPU at '%s', the machine does not",
				told->pci_address);
	}
	return report->gpus.n > 0;
}

/* A required function that is missing leaves a report with nothing else in it. */
static int warn_if_empty(struct inventory *inv, const struct nvml_report *report,
	struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;

	if (report->gpus.n || report->failures.n || !report->missing.n)
		return 0;
	if (asprintf(&text, "the library lacks '%s'", report->missing.items[0]) < 0)
		return NVB_OOM(err);
	return warn(inv, text, err);
}

static int read_report(const struct question *q, const char *text, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *scratch = arena_new();
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct nvml_report report = { 0 };
	int r;

	if (!scratch)
		return NVB_OOM(err);
	r = nvml_records_parse(text, scratch, &report, &problem);
	if (r < 0)
		return warn_of_failure(q->inv, r, problem, err);
	r = warn_if_empty(q->inv, &report, err);
	if (r < 0)
		return r;
	return apply_report(q, &report, err);
}

static int ask(const struct question *q, const char *library, const struct enrich_options *options,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	_cleanup_free_ char *text = NULL, *why = NULL;
	const char *const argv[] = {
		options->worker_program, ENRICH_WORKER_ARGUMENT, library, NULL,
	};
	struct spawn_exit status = { 0 };
	int r;

	r = spawn_capture(&(struct spawn_capture_options){
		.argv = argv,
		.timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS,
		.limit_bytes = NVML_RECORDS_LIMIT_BYTES,
		.unprivileged = true,
	}, &text, &status, &problem);
	if (r < 0)
		return warn_of_failure(q->inv, r, problem, err);
	if (spawn_exit_code(status) == 0)
		return read_report(q, text, err);
	if (asprintf(&why, "'%s' ended with status %d", options->worker_program,
		    spawn_exit_code(status)) < 0) {
		why = NULL;
		return NVB_OOM(err);
	}
	return warn(q->inv, why, err);
}

int nvml_library_find(const struct inventory *inv, enum gpu_vendor vendor, char **ret_path,
	char **ret_why, struct nvb_error **err)
{
	const struct gpu_driver *driver = NULL;
	const struct driver_file *file = find_library(inv, vendor, &driver);
	const char *prefix;

	if (!file)
		return 0;
	prefix = driver->files_prefix ? driver->files_prefix : inv->host_prefix;
	if (*prefix)
		return trusted_file_find(file->host_path, ret_path, ret_why, err);
	/* The running machine's own libraries are those that all of its programs load. */
	*ret_path = strdup(file->host_path);
	return *ret_path ? 1 : NVB_OOM(err);
}

int nvml_enrich(struct inventory *inv, enum gpu_vendor vendor, const struct enrich_options *options,
	struct nvb_error **err)
{
	const struct question q = { .inv = inv, .vendor = vendor };
	_cleanup_free_ char *library = NULL, *why = NULL;
	int r = count_served(&q) ? nvml_library_find(inv, vendor, &library, &why, err) : 0;

	if (r < 0)
		return r;
	if (r > 0)
		return ask(&q, library, options, err);
	return why ? warn(inv, why, err) : 0;
}
