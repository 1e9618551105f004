/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of GPUs, drivers and driver files. */
#include <string.h>

#include "doctor/advice.h"
#include "doctor/check.h"

/* "GPU 3 (0000:41:00.0)" */
static const char *describe(struct doctor *d, const struct gpu *gpu)
{
	const char *text;

	if (gpu->pci_address)
		text = arena_printf(d->arena, "GPU %u (%s)", gpu->index, gpu->pci_address);
	else
		text = arena_printf(d->arena, "GPU %u", gpu->index);
	d->out_of_memory |= !text;
	return text ? text : "GPU";
}

void check_discovery(struct doctor *d)
{
	vec_foreach (const char *, warning, &d->inv->warnings)
		check_note(d, DOCTOR_WARNING, "%s", *warning);
	if (!d->inv->warnings.n)
		check_note(d, DOCTOR_OK, "everything could be read");
}

static size_t count_state(const struct inventory *inv, enum gpu_state state)
{
	size_t n = 0;

	vec_foreach (const struct gpu, gpu, &inv->gpus)
		n += gpu->state == state;
	return n;
}

static void note_unusable(struct doctor *d, const struct gpu *gpu, bool others_work)
{
	const struct advice *advice = advice_for(gpu->vendor, gpu->driver);
	const char *fix = gpu->state == GPU_LOST ? advice->lost : advice->no_driver;
	enum doctor_result result = DOCTOR_FAILED;

	/* A second GPU without a driver is often meant to be so. */
	if (gpu->state == GPU_NO_DRIVER && others_work)
		result = DOCTOR_WARNING;
	check_note(d, result, "%s cannot be used: %s", describe(d, gpu),
		gpu->state_reason ? gpu->state_reason : gpu_state_name(gpu->state));
	if (fix)
		check_fix(d, "%s", fix);
}

void check_gpus(struct doctor *d)
{
	size_t usable = count_state(d->inv, GPU_USABLE);

	if (!d->inv->gpus.n) {
		check_note(d, DOCTOR_WARNING, "no GPU was found");
		check_fix(d, "see if the machine has one: lspci -d ::0300; lspci -d ::0302");
		return;
	}
	check_note(d, DOCTOR_OK, "%zu of %zu GPUs can be used", usable, d->inv->gpus.n);
	vec_foreach (const struct gpu, gpu, &d->inv->gpus) {
		if (gpu->state == GPU_RESERVED)
			check_note(d, DOCTOR_OK, "%s is given away to '%s'", describe(d, gpu),
				gpu->driver ? gpu->driver : "another driver");
		else if (gpu->state != GPU_USABLE)
			note_unusable(d, gpu, usable > 0);
	}
}

static void check_files_of(struct doctor *d, const struct gpu_driver *driver)
{
	const struct advice *advice = advice_for(driver->vendor, driver->name);

	if (!driver->files.n) {
		check_note(
			d, DOCTOR_FAILED, "no library of the driver '%s' was found", driver->name);
		if (advice->no_files)
			check_fix(d, "%s", advice->no_files);
	} else if (driver->version && driver->files_version &&
		   strcmp(driver->version, driver->files_version) != 0) {
		check_note(d, DOCTOR_FAILED,
			"the kernel module of '%s' has version %s, its libraries have %s",
			driver->name, driver->version, driver->files_version);
		if (advice->mismatch)
			check_fix(d, "%s", advice->mismatch);
	} else {
		check_note(d, DOCTOR_OK, "%zu files of '%s' %s", driver->files.n, driver->name,
			driver->version ? driver->version : "(version unknown)");
	}
}

void check_driver_files(struct doctor *d)
{
	vec_foreach (const struct gpu_driver, driver, &d->inv->drivers) {
		if (driver->brings_user_space)
			check_files_of(d, driver);
	}
	if (!d->noted)
		check_note(d, DOCTOR_SKIPPED, "no driver here has files that a container needs");
}

static void check_modules_of(struct doctor *d, const struct gpu_driver *driver)
{
	const struct advice *advice = advice_for(driver->vendor, driver->name);

	for (size_t i = 0; i < advice->n_modules; i++) {
		const struct advice_module *module = &advice->modules[i];
		bool is_basic = module->needed_for & CAPABILITY_DEFAULT;

		if (host_tree_has_module(d->tree, module->name)) {
			check_note(d, DOCTOR_OK, "'%s' is loaded", module->name);
			continue;
		}
		check_note(d, is_basic ? DOCTOR_FAILED : DOCTOR_WARNING,
			"the kernel module '%s' is not loaded: %s", module->name, module->without);
		check_fix(d, "modprobe %s", module->name);
	}
}

void check_kernel_modules(struct doctor *d)
{
	if (!host_tree_exists(d->tree, "/proc/modules") &&
		!host_tree_exists(d->tree, "/sys/module")) {
		check_note(d, DOCTOR_SKIPPED, "the list of kernel modules cannot be read");
		return;
	}
	vec_foreach (const struct gpu_driver, driver, &d->inv->drivers)
		check_modules_of(d, driver);
	if (!d->noted)
		check_note(d, DOCTOR_SKIPPED, "no driver here needs further modules");
}
