/* SPDX-License-Identifier: Apache-2.0 */
/* Does the machine's driver fit what is asked for? */
#include <string.h>

#include "plan/plan_build.h"
#include "request/settings.h"

static const char *or_unknown(const char *text)
{
	return text ? text : "unknown";
}

bool plan_driver_fits(
	enum driver_choice choice, const struct gpu *gpu, const struct gpu_driver *driver)
{
	const char *name = gpu->driver ? gpu->driver : "";
	const char *flavor = driver && driver->flavor ? driver->flavor : "";

	switch (choice) {
	case DRIVER_AUTO:
		return true;
	case DRIVER_NVIDIA_OPEN:
		return strcmp(name, "nvidia") == 0 && strcmp(flavor, "open") == 0;
	case DRIVER_NVIDIA_PROPRIETARY:
		return strcmp(name, "nvidia") == 0 && strcmp(flavor, "proprietary") == 0;
	case DRIVER_NOUVEAU:
		return strcmp(name, "nouveau") == 0;
	case DRIVER_AMDGPU:
		return strcmp(name, "amdgpu") == 0;
	}
	return false;
}

bool plan_driver_is_near(
	enum driver_choice choice, const struct gpu *gpu, enum request_source source)
{
	return source < SOURCE_COMMAND_LINE && gpu->driver && strcmp(gpu->driver, "nvidia") == 0 &&
	       (choice == DRIVER_NVIDIA_OPEN || choice == DRIVER_NVIDIA_PROPRIETARY);
}

/* Whose wish it is: an option's, where no setting says. */
static enum request_source choice_source(const struct plan_build *b)
{
	const struct setting *setting =
		b->req->settings ? settings_get(b->req->settings, KNOB_DRIVER) : NULL;

	return setting ? setting->source : SOURCE_COMMAND_LINE;
}

static int check_choice(const struct plan_build *b, struct nvb_error **err)
{
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;
		const struct gpu_driver *driver = inventory_driver(b->inv, gpu);
		int r;

		if (plan_driver_fits(b->req->driver, gpu, driver) ||
			plan_driver_is_near(b->req->driver, gpu, choice_source(b)))
			continue;
		r = NVB_RAISE(err, NVB_ERR_DRIVER, 0, "use driver '%s': GPU %u runs on '%s' (%s)",
			vocabulary_name(&vocabulary_driver, (int)b->req->driver), gpu->index,
			or_unknown(gpu->driver), or_unknown(driver ? driver->flavor : NULL));
		return NVB_HINT(err, r,
			"leave --driver out, or choose other GPUs with --gpu: a container cannot "
			"change the host's kernel driver");
	}
	return 0;
}

/*
 * The kernel module and the user-space files of NVIDIA's driver must be of one version, to the
 * last digit: the module refuses every call of another one.
 * Source: NVIDIA driver README, "API mismatch"; nvidia-smi says "Driver/library version mismatch".
 */
static int check_versions(const struct gpu_driver *driver, struct nvb_error **err)
{
	int r;

	if (!driver->version || !driver->files_version ||
		strcmp(driver->version, driver->files_version) == 0)
		return 0;
	r = NVB_RAISE(err, NVB_ERR_DRIVER, 0,
		"match driver '%s': the kernel module is %s, the driver files are %s", driver->name,
		driver->version, driver->files_version);
	return NVB_HINT(err, r,
		"reboot, or stop all GPU programs and reload the modules: 'modprobe -r nvidia_uvm "
		"nvidia_drm nvidia_modeset nvidia && modprobe nvidia'");
}

/*
 * CUDA does not find a GPU on nouveau: the compute there is Mesa's, which is the image's own (NVK,
 * rusticl). Asked for by name it is an error; "all" means whatever there is, and a default is
 * nobody's wish: both only warn.
 */
static int check_compute(struct plan_build *b, struct nvb_error **err)
{
	bool by_name = b->req->capabilities_source == SOURCE_COMMAND_LINE &&
		       b->req->capabilities != CAPABILITY_ALL;

	if (!(b->req->capabilities & CAPABILITY_COMPUTE))
		return 0;
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;
		const struct gpu_driver *driver = inventory_driver(b->inv, gpu);
		int r;

		if (gpu->vendor != GPU_VENDOR_NVIDIA || (driver && driver->brings_user_space))
			continue;
		if (!by_name) {
			r = plan_warn(b, err,
				"GPU %u runs on '%s', where CUDA does not find it: compute there "
				"is Mesa's (NVK, rusticl)",
				gpu->index, or_unknown(gpu->driver));
			if (r < 0)
				return r;
			continue;
		}
		r = NVB_RAISE(err, NVB_ERR_DRIVER, 0,
			"use GPU %u for CUDA, which does not find GPUs on '%s'", gpu->index,
			or_unknown(gpu->driver));
		return NVB_HINT(err, r,
			"install NVIDIA's driver on the host, or ask for '--capabilities "
			"graphics': Mesa's compute (NVK, rusticl) needs no more");
	}
	return 0;
}

/* GPUs that "all" left out, so that a machine with a dead GPU does not look whole. */
static int warn_left_out(struct plan_build *b, struct nvb_error **err)
{
	if (!b->req->gpus.all)
		return 0;
	vec_foreach (struct gpu, gpu, &b->inv->gpus) {
		int r;

		if (gpu->state == GPU_USABLE)
			continue;
		r = plan_warn(b, err, "GPU %u (%s) is left out: %s", gpu->index,
			gpu->pci_address ? gpu->pci_address : gpu_vendor_name(gpu->vendor),
			gpu->state_reason ? gpu->state_reason : gpu_state_name(gpu->state));
		if (r < 0)
			return r;
	}
	return 0;
}

static int warn_mixed(struct plan_build *b, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf names = STRBUF_INIT(4096);
	size_t n = 0;

	vec_foreach (struct gpu_driver, driver, &b->inv->drivers) {
		if (!plan_serves_selected(b->inv, b->req, driver))
			continue;
		if (n++)
			strbuf_str_add(&names, ", ");
		strbuf_str_add(&names, driver->name);
	}
	if (n < 2)
		return 0;
	if (strbuf_failed(&names))
		return NVB_OOM(err);
	return plan_warn(b, err,
		"the selected GPUs run on several drivers (%s): most programs use one",
		strbuf_str(&names));
}

static int check_driver_only(const struct plan_build *b, struct nvb_error **err)
{
	int r;

	if (!b->req->driver_only)
		return 0;
	vec_foreach (const struct gpu_driver, driver, &b->inv->drivers) {
		if (driver->brings_user_space)
			return 0;
	}
	r = NVB_RAISE(err, NVB_ERR_DRIVER, 0,
		"give the container a driver without a GPU: no driver with files for containers is "
		"loaded");
	return NVB_HINT(err, r,
		"load NVIDIA's driver: 'modprobe nvidia'; the user space of others is the image's "
		"own");
}

int plan_driver_check(struct plan_build *b, struct nvb_error **err)
{
	int r = check_choice(b, err);

	if (r >= 0)
		r = check_driver_only(b, err);
	vec_foreach (struct gpu_driver, driver, &b->inv->drivers) {
		if (r >= 0 && plan_uses_driver(b->inv, b->req, driver))
			r = check_versions(driver, err);
	}
	if (r >= 0)
		r = check_compute(b, err);
	if (r >= 0)
		r = warn_left_out(b, err);
	if (r >= 0)
		r = warn_mixed(b, err);
	return r;
}
