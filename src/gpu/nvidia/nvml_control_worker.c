/* SPDX-License-Identifier: Apache-2.0 */
/* The worker of nvml_control.h. It answers once and ends without cleaning up. */
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "gpu/enrich.h"
#include "gpu/nvidia/nvml_control.h"
#include "gpu/nvidia/nvml_control_worker.h"
#include "gpu/nvidia/nvml_process.h"

#define MAX_ANSWER_BYTES 512

void control_answer(const struct control *c, const char *format, ...)
{
	char line[MAX_ANSWER_BYTES] = "";
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0)
		_exit(1);
	/* The library's text must not make lines of its own. */
	for (char *at = line; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	line[strlen(line)] = '\n';
	_exit(file_write_fd(c->fd, line, (size_t)(strchr(line, '\n') - line) + 1) < 0);
}

void control_find(const struct control *c, const char *name, void *slot)
{
	void *address = dlsym(c->library, name);

	if (!address)
		control_answer(c, "missing %s", name);
	memcpy(slot, &address, sizeof(address));
}

void control_check(const struct control *c, nvmlReturn_t code, const char *function)
{
	const char *(*describe)(nvmlReturn_t code) = NULL;
	void *address = dlsym(c->library, "nvmlErrorString");
	const char *text;

	if (code == NVML_SUCCESS)
		return;
	memcpy(&describe, &address, sizeof(address));
	text = describe ? describe(code) : NULL;
	control_answer(c, "failed %s %d %.200s", function, code, text ? text : "");
}

nvmlDevice_t control_open_gpu(const struct control *c, const char *address)
{
	nvmlDevice_t device = NULL;

	CONTROL_CALL(c, nvmlInit_v2);
	CONTROL_CALL(c, nvmlDeviceGetHandleByPciBusId_v2, address, &device);
	return device;
}

static void has_memory_limits(const struct control *c, char **words)
{
	void *slot;

	(void)words;
	control_find(c, "nvmlDeviceSetMemoryLimits_v1", &slot);
	control_find(c, "nvmlDeviceGetMemoryLimits_v1", &slot);
	control_answer(c, "ok");
}

static unsigned long long read_limit(
	const struct control *c, nvmlDevice_t device, const char *group)
{
	nvmlMemoryLimits_v1_t limits = { .nameSpace = group };

	CONTROL_CALL(c, nvmlDeviceGetMemoryLimits_v1, device, &limits);
	return limits.hardLimit;
}

/* No soft limit: groups above would keep its reservation after the end of this one. */
static void write_limit(
	const struct control *c, nvmlDevice_t device, const char *group, unsigned long long bytes)
{
	nvmlMemoryLimitsSet_v1_t limits = { .nameSpace = group, .hardLimit = bytes };

	CONTROL_CALL(c, nvmlDeviceSetMemoryLimits_v1, device, &limits);
}

static void set_memory_limit(const struct control *c, char **words)
{
	nvmlDevice_t device;
	uint64_t bytes;

	if (!number_parse(words[2], UINT64_MAX - 1, &bytes) || !bytes)
		_exit(2);
	device = control_open_gpu(c, words[0]);
	write_limit(c, device, words[1], bytes);
	control_answer(c, "ok %llu", read_limit(c, device, words[1]));
}

static void get_memory_limit(const struct control *c, char **words)
{
	control_answer(c, "ok %llu", read_limit(c, control_open_gpu(c, words[0]), words[1]));
}

static void clear_memory_limit(const struct control *c, char **words)
{
	write_limit(c, control_open_gpu(c, words[0]), words[1], UINT64_MAX);
	control_answer(c, "ok");
}

static unsigned read_power(const struct control *c, nvmlDevice_t device)
{
	unsigned limit = 0;

	CONTROL_CALL(c, nvmlDeviceGetPowerManagementLimit, device, &limit);
	return limit;
}

static void get_power_limit(const struct control *c, char **words)
{
	control_answer(c, "ok %u", read_power(c, control_open_gpu(c, words[0])));
}

/* What the word means on this board. */
static unsigned choose_power(const struct control *c, nvmlDevice_t device, const char *word)
{
	unsigned least = 0, most = 0, usual = 0;
	uint64_t number;

	if (number_parse(word, UINT32_MAX, &number))
		return (unsigned)number;
	if (strcmp(word, "default") == 0) {
		CONTROL_CALL(c, nvmlDeviceGetPowerManagementDefaultLimit, device, &usual);
		return usual;
	}
	CONTROL_CALL(c, nvmlDeviceGetPowerManagementLimitConstraints, device, &least, &most);
	if (strcmp(word, "max") == 0)
		return most;
	if (strcmp(word, "min") == 0)
		return least;
	_exit(2);
}

static void set_power_limit(const struct control *c, char **words)
{
	nvmlDevice_t device = control_open_gpu(c, words[0]);
	unsigned limit = choose_power(c, device, words[1]);

	CONTROL_CALL(c, nvmlDeviceSetPowerManagementLimit, device, limit);
	control_answer(c, "ok %u", read_power(c, device));
}

static const struct {
	const char *name;
	int n_words;
	void (*run)(const struct control *c, char **words);
} verbs[] = {
	{ NVML_HAS_MEMORY_LIMITS, 0, has_memory_limits },
	{ NVML_SET_MEMORY_LIMIT, 3, set_memory_limit },
	{ NVML_GET_MEMORY_LIMIT, 2, get_memory_limit },
	{ NVML_CLEAR_MEMORY_LIMIT, 2, clear_memory_limit },
	{ NVML_MIG_MODE, 1, control_mig_mode },
	{ NVML_MIG_ROOM, 2, control_mig_room },
	{ NVML_MIG_CREATE, 3, control_mig_create },
	{ NVML_MIG_DESTROY, 2, control_mig_destroy },
	{ NVML_GET_POWER_LIMIT, 1, get_power_limit },
	{ NVML_SET_POWER_LIMIT, 2, set_power_limit },
};

int control_worker_main(int argc, char **argv)
{
	struct control c = { .fd = -1 };

	if (argc < 3 || argv[1][0] != '/')
		return 2;
	c.fd = nvml_process_begin();
	if (c.fd < 0)
		return 1;
	for (size_t i = 0; i < ELEMENTS(verbs); i++) {
		if (strcmp(argv[2], verbs[i].name) != 0 || argc - 3 != verbs[i].n_words)
			continue;
		c.library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
		if (!c.library)
			control_answer(&c, "failed dlopen 0 %.300s", dlerror());
		verbs[i].run(&c, argv + 3);
	}
	return 2;
}
