/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NVML worker: a process of its own, because the library may crash, hang, print, or change
 * anything. It loads the library, asks, writes records, and ends without cleaning up.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "gpu/enrich.h"
#include "gpu/nvidia/nvml_api.h"
#include "gpu/nvidia/nvml_process.h"
#include "gpu/nvidia/nvml_records.h"

/* A bound of its own: the parent may be gone, or see the pipe closed while we hang. */
#define LIFETIME_SECONDS 60
#define MAX_VALUE_BYTES 256
#define BYTES_PER_MIB 1048576ULL
/* For the library, beyond what our own program maps: a sanitizer's build maps terabytes. */
#define MEMORY_BYTES ((uint64_t)4 << 30)
/* The driver's nodes, some per GPU. */
#define MAX_FILES 1024

struct worker {
	struct nvml_api api;
	struct strbuf out;
};

static void __attribute__((format(printf, 3, 4)))
record(struct worker *w, const char *key, const char *format, ...)
{
	char value[MAX_VALUE_BYTES] = "";
	va_list args;

	va_start(args, format);
	(void)vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	/* The library's text must not make lines of its own. */
	for (char *c = value; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	strbuf_printf(&w->out, "%s%s%s\n", key, *value ? " " : "", value);
}

/* True if the call succeeded; else it is recorded. */
static bool check(struct worker *w, nvmlReturn_t code, const char *function)
{
	const char *text = NULL;

	if (code == NVML_SUCCESS)
		return true;
	if (w->api.nvmlErrorString)
		text = w->api.nvmlErrorString(code);
	record(w, NVML_KEY_FAILED, "%s %d %.80s", function, code, text ? text : "");
	return false;
}

/* Calls an optional function: false if it is missing (recorded at the start) or fails. */
#define TRY(w, function, ...) \
	((w)->api.function && check((w), (w)->api.function(__VA_ARGS__), #function))
/* The same where failure is the normal answer of a GPU without the feature. */
#define ASK(w, function, ...) \
	((w)->api.function && (w)->api.function(__VA_ARGS__) == NVML_SUCCESS)

static bool load_function(struct worker *w, void *library, const char *name, void *slot)
{
	void *address = dlsym(library, name);

	memcpy(slot, &address, sizeof(address));
	if (!address)
		record(w, NVML_KEY_MISSING, "%s", name);
	return address != NULL;
}

static bool load_library(struct worker *w, const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	bool complete = true;
	void *address;

	if (!library) {
		const char *text = dlerror();

		record(w, NVML_KEY_FAILED, "dlopen 0 %s", text ? text : "");
		return false;
	}
#define X(required, name, parameters) \
	complete = (load_function(w, library, #name, &w->api.name) || !(required)) && complete;
	NVML_FUNCTIONS(X)
#undef X
	address = dlsym(library, "nvmlErrorString");
	memcpy(&w->api.nvmlErrorString, &address, sizeof(address));
	return complete;
}

static void report_names(struct worker *w, nvmlDevice_t device)
{
	char text[MAX_VALUE_BYTES] = "";

	if (TRY(w, nvmlDeviceGetUUID, device, text, NVML_UUID_BYTES) && text[0])
		record(w, NVML_KEY_UUID, "%.*s", NVML_UUID_BYTES, text);
	memset(text, 0, sizeof(text));
	if (TRY(w, nvmlDeviceGetName, device, text, NVML_NAME_BYTES) && text[0])
		record(w, NVML_KEY_NAME, "%.*s", NVML_NAME_BYTES, text);
}

/* GPUs that share the machine's memory do not support the question. */
static void report_memory(struct worker *w, nvmlDevice_t device)
{
	nvmlMemory_t memory = { 0 };

	if (ASK(w, nvmlDeviceGetMemoryInfo, device, &memory) && memory.total)
		record(w, NVML_KEY_MEMORY, "%llu", memory.total);
}

static void report_mig_memory(struct worker *w, nvmlDevice_t mig)
{
	nvmlDeviceAttributes_t attributes = { 0 };

	if (ASK(w, nvmlDeviceGetAttributes_v2, mig, &attributes) && attributes.memorySizeMB &&
		attributes.memorySizeMB <= UINT64_MAX / BYTES_PER_MIB)
		record(w, NVML_KEY_MEMORY, "%llu", attributes.memorySizeMB * BYTES_PER_MIB);
	else
		report_memory(w, mig);
}

static void report_mig_device(struct worker *w, nvmlDevice_t gpu, unsigned index)
{
	unsigned gi = 0, ci = 0;
	nvmlDevice_t mig = NULL;
	nvmlReturn_t code = w->api.nvmlDeviceGetMigDeviceHandleByIndex(gpu, index, &mig);

	/* The slots of instances that were not created. */
	if (code == NVML_ERROR_NOT_FOUND)
		return;
	if (!check(w, code, "nvmlDeviceGetMigDeviceHandleByIndex") ||
		!TRY(w, nvmlDeviceGetGpuInstanceId, mig, &gi) ||
		!TRY(w, nvmlDeviceGetComputeInstanceId, mig, &ci))
		return;
	record(w, NVML_KEY_MIG, "%u %u", gi, ci);
	report_names(w, mig);
	report_mig_memory(w, mig);
}

static void report_migs(struct worker *w, nvmlDevice_t gpu)
{
	unsigned n = 0;

	if (!w->api.nvmlDeviceGetMigDeviceHandleByIndex ||
		!ASK(w, nvmlDeviceGetMaxMigDeviceCount, gpu, &n))
		return;
	for (unsigned i = 0; i < n && i < NVML_MAX_MIG_DEVICES; i++)
		report_mig_device(w, gpu, i);
}

static void report_gpu(struct worker *w, unsigned index)
{
	int major = 0, minor = 0;
	nvmlDevice_t gpu = NULL;
	nvmlPciInfo_t pci;

	memset(&pci, 0, sizeof(pci));
	if (!TRY(w, nvmlDeviceGetHandleByIndex_v2, index, &gpu) ||
		!TRY(w, nvmlDeviceGetPciInfo_v3, gpu, &pci))
		return;
	record(w, NVML_KEY_GPU, "%.*s", (int)sizeof(pci.busId), pci.busId);
	report_names(w, gpu);
	report_memory(w, gpu);
	if (TRY(w, nvmlDeviceGetCudaComputeCapability, gpu, &major, &minor))
		record(w, NVML_KEY_COMPUTE_CAPABILITY, "%d.%d", major, minor);
	report_migs(w, gpu);
}

static void report(struct worker *w, const char *path)
{
	unsigned n = 0;

	if (!load_library(w, path) || !TRY(w, nvmlInit_v2) || !TRY(w, nvmlDeviceGetCount_v2, &n))
		return;
	for (unsigned i = 0; i < n && i < NVML_MAX_GPUS; i++)
		report_gpu(w, i);
}

/* Records go to a descriptor of their own: what the library prints goes nowhere. */
static int take_stdout(void)
{
	_cleanup_close_ int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (fd < 0 || null_fd < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
		return -1;
	return fd;
}

/* The first number of statm: what this process has mapped. */
static uint64_t mapped_bytes(void)
{
	_cleanup_free_ char *text = NULL;
	uint64_t pages = 0;

	if (file_read_path("/proc/self/statm", MAX_VALUE_BYTES, &text, NULL) < 0 ||
		!number_parse_n(text, strcspn(text, " "), UINT64_MAX / BYTES_PER_MIB, &pages))
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool limit(__rlimit_resource_t resource, uint64_t most)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0)
		return false;
	if (now.rlim_max > most)
		now.rlim_max = most;
	now.rlim_cur = now.rlim_max;
	return setrlimit(resource, &now) == 0;
}

/* For ordinary users too, whose worker cannot be someone else. */
static bool confine(void)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0) &&
		limit(RLIMIT_CPU, LIFETIME_SECONDS) && limit(RLIMIT_NOFILE, MAX_FILES) &&
		limit(RLIMIT_AS, mapped_bytes() + MEMORY_BYTES);
}

int nvml_process_begin(void)
{
	if (!confine())
		return -1;
	(void)alarm(LIFETIME_SECONDS);
	return take_stdout();
}

int enrich_worker_main(int argc, char **argv)
{
	struct worker w = { .out = STRBUF_INIT(NVML_RECORDS_LIMIT_BYTES) };
	int fd;

	if (argc != 2 || argv[1][0] != '/')
		return 2;
	fd = nvml_process_begin();
	if (fd < 0)
		return 1;
	record(&w, NVML_KEY_HEADER, NVML_RECORDS_VERSION);
	report(&w, argv[1]);
	record(&w, NVML_KEY_END, "%s", "");
	if (strbuf_failed(&w.out) || file_write_fd(fd, w.out.data, w.out.length) < 0)
		_exit(1);
	/* No nvmlShutdown(), no destructors: they have hung, and the process ends anyway. */
	_exit(0);
}
