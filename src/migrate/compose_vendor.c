/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_vendor.h"

#include <string.h>
#include <strings.h>

#include "gpu/capability.h"

/* Source: NVIDIA Container Toolkit 1.20, runtime configure; AMD Container Toolkit 1.2. */
static const struct compose_vendor vendors[] = {
	{ "nvidia", "nvidia", "NVIDIA_VISIBLE_DEVICES", "nvidia.com/gpu" },
	{ "nvidia-cdi", NULL, "NVIDIA_VISIBLE_DEVICES", "nvidia.com/gpu" },
	{ "nvidia-legacy", NULL, "NVIDIA_VISIBLE_DEVICES", "nvidia.com/gpu" },
	{ "nvidia-container-runtime", NULL, "NVIDIA_VISIBLE_DEVICES", "nvidia.com/gpu" },
	{ COMPOSE_RUNTIME_NAME, NULL, "NVIDIA_VISIBLE_DEVICES", "nvidia.com/gpu" },
	{ "amd", "amd", "AMD_VISIBLE_DEVICES", "amd.com/gpu" },
};

/* Variables that stand for devices beside the GPUs. */
static const struct compose_companion companions[] = {
	{ "NVIDIA_IMEX_CHANNELS", "nvidia.com/imex-channel", true },
	{ "NVIDIA_GDS", "nvidia.com/gds", false },
	{ "NVIDIA_MOFED", "nvidia.com/mofed", false },
	{ "NVIDIA_GDRCOPY", "nvidia.com/gdrcopy", false },
	{ "NVIDIA_NVSWITCH", "nvidia.com/nvswitch", false },
};

static const struct compose_node nodes[] = {
	{ "/dev/nvidia", true, { "nvidia.com/gpu", NULL },
		"a node without a driver, and stays: 'nvidia.com/gpu=all' brings both" },
	{ "/dev/kfd", false, { "amd.com/gpu", NULL },
		"a node by its path, and stays: 'amd.com/gpu=all' brings it with those of AMD's "
		"GPUs" },
	{ "/dev/dri", false, { "amd.com/gpu", "intel.com/gpu" },
		"a node by its path, and stays: 'amd.com/gpu=all' or 'intel.com/gpu=all' brings "
		"those of one vendor's GPUs" },
};

const struct compose_node *compose_node_at(size_t index)
{
	return index < ELEMENTS(nodes) ? &nodes[index] : NULL;
}

const struct compose_node *compose_node_of(const char *text)
{
	for (size_t i = 0; i < ELEMENTS(nodes); i++) {
		const size_t n = strlen(nodes[i].path);

		if (strncmp(text, nodes[i].path, n) != 0)
			continue;
		if (nodes[i].is_prefix || !text[n] || text[n] == '/' || text[n] == ':')
			return &nodes[i];
	}
	return NULL;
}

static bool has_kind(const struct string_list *names, const char *kind)
{
	const size_t n = kind ? strlen(kind) : 0;

	vec_foreach (const char *, name, names)
		if (n && strncmp(*name, kind, n) == 0 && (*name)[n] == '=')
			return true;
	return false;
}

bool compose_node_is_brought(const struct compose_node *node, const struct string_list *names)
{
	return has_kind(names, node->kinds[0]) || has_kind(names, node->kinds[1]);
}

bool compose_is_cdi_name(const char *device)
{
	const char *slash = strchr(device, '/');

	return slash && slash != device && strchr(slash, '=');
}

const struct compose_vendor *compose_vendor_at(size_t index)
{
	return index < ELEMENTS(vendors) ? &vendors[index] : NULL;
}

const struct compose_companion *compose_companion_at(size_t index)
{
	return index < ELEMENTS(companions) ? &companions[index] : NULL;
}

/* Device requests. */

bool compose_is_gpu_word(const char *capability)
{
	return strcmp(capability, "gpu") == 0 || strcmp(capability, "nvidia") == 0 ||
	       strcmp(capability, "amd") == 0;
}

static bool has_word(const struct string_list *list, const char *word)
{
	vec_foreach (const char *, item, list)
		if (strcmp(*item, word) == 0)
			return true;
	return false;
}

static bool says_gpu(const struct compose_reservation *request)
{
	vec_foreach (const char *, word, &request->capabilities)
		if (compose_is_gpu_word(*word))
			return true;
	return request->is_gpu;
}

/* Parts of the driver stand for it, where none is named. */
static bool says_driver_part(const struct compose_reservation *request)
{
	capability_set set;

	vec_foreach (const char *, word, &request->capabilities)
		if (strcmp(*word, "all") != 0 && capability_parse(*word, &set, NULL) >= 0)
			return true;
	return false;
}

/*
 * "nvidia" is "nvidia.cdi" where that works; "nvidia.runtime-hook" never is.
 * Source: Moby 29, daemon/devices_nvidia_linux.go.
 */
static const struct compose_vendor *vendor_of_driver(const char *driver)
{
	if (strcmp(driver, "nvidia.cdi") == 0)
		return &vendors[0];
	for (size_t i = 0; i < ELEMENTS(vendors); i++)
		if (vendors[i].driver && strcmp(vendors[i].driver, driver) == 0)
			return &vendors[i];
	return NULL;
}

bool compose_is_cdi_request(const struct compose_reservation *request)
{
	return request->driver && strcmp(request->driver, "cdi") == 0;
}

/* Without a driver's name, Docker asks the drivers in turn: NVIDIA's is the first. */
const struct compose_vendor *compose_vendor_of_request(const struct compose_reservation *request)
{
	if (request->driver && *request->driver)
		return vendor_of_driver(request->driver);
	if (has_word(&request->capabilities, "amd"))
		return vendor_of_driver("amd");
	return says_gpu(request) || says_driver_part(request) ? &vendors[0] : NULL;
}

/* Docker's drivers have their names in small letters alone. */
static bool is_almost_driver(const char *driver)
{
	for (size_t i = 0; i < ELEMENTS(vendors); i++)
		if (vendors[i].driver && strcasecmp(vendors[i].driver, driver) == 0)
			return true;
	return false;
}

const char *compose_request_is_unclear(
	const struct compose_reservation *request, const char **ret_word)
{
	static const char later[] = "is only known when Compose runs";
	const char *driver = request->driver ? request->driver : "";

	if (compose_is_cdi_request(request))
		return NULL;
	*ret_word = driver;
	if (compose_is_interpolated(driver))
		return later;
	vec_foreach (const char *, word, &request->capabilities) {
		if (!compose_is_interpolated(*word))
			continue;
		*ret_word = *word;
		return later;
	}
	if (!*driver || vendor_of_driver(driver))
		return NULL;
	return says_gpu(request) || is_almost_driver(driver)
		       ? "is no driver of GPUs that is known here"
		       : NULL;
}

/* Those of the driver "cdi" are what we would write. */
bool compose_is_gpu_request(const struct compose_reservation *request, enum compose_target target)
{
	const char *word;

	if (compose_is_cdi_request(request))
		return target != COMPOSE_TO_CDI;
	return compose_vendor_of_request(request) || compose_request_is_unclear(request, &word);
}

/* Runtimes and variables. */

const struct compose_vendor *compose_vendor_of_runtime(const char *runtime)
{
	for (size_t i = 0; runtime && i < ELEMENTS(vendors); i++)
		if (strcmp(vendors[i].runtime, runtime) == 0)
			return &vendors[i];
	return NULL;
}

bool compose_is_denial(const struct compose_variable *v)
{
	return compose_is_gpu_variable(v->name) && v->value &&
	       (strcmp(v->value, COMPOSE_NO_GPU) == 0 ||
		       strspn(v->value, ", \t") == strlen(v->value));
}

bool compose_is_gpu_runtime(const char *runtime)
{
	return compose_vendor_of_runtime(runtime) != NULL;
}

bool compose_is_gpu_variable(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(vendors); i++)
		if (strcmp(vendors[i].variable, name) == 0)
			return true;
	return false;
}

bool compose_is_device_variable(const char *name)
{
	if (compose_is_gpu_variable(name))
		return true;
	for (size_t i = 0; i < ELEMENTS(companions); i++)
		if (strcmp(companions[i].variable, name) == 0)
			return true;
	return false;
}
