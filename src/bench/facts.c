/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/facts.h"

#include <sched.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/spawn.h"

#define VERSION_BYTES	   65536
#define VERSION_TIMEOUT_MS 10000
#define CPUINFO_BYTES	   ((size_t)16 << 20)
#define PROCESSOR_KEY	   "model name"

/* Source: proc_cpuinfo(5); not all architectures name a model. */
static const char *read_processor(struct arena *a)
{
	_cleanup_free_ char *text = NULL;
	const char *line, *value;

	if (file_read_path("/proc/cpuinfo", CPUINFO_BYTES, &text, NULL) < 0)
		return NULL;
	line = strstr(text, PROCESSOR_KEY);
	value = line ? strchr(line, ':') : NULL;
	if (!value || (size_t)(value - line) > strcspn(line, "\n"))
		return NULL;
	value += strspn(value, ": \t");
	return arena_strndup(a, value, strcspn(value, "\n"));
}

void facts_read(struct arena *a, struct bench_machine *ret)
{
	struct utsname name;
	cpu_set_t set;

	if (uname(&name) == 0)
		ret->kernel = arena_printf(a, "%s %s %s", name.sysname, name.release, name.machine);
	/* Fails on machines with more than a thousand: then they are not counted. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		ret->cores = (unsigned)CPU_COUNT(&set);
	ret->processor = read_processor(a);
}

const char *facts_version(struct arena *a, const char *program)
{
	const char *const argv[] = { program, "--version", NULL };
	const struct spawn_capture_options options = {
		.argv = argv,
		.timeout_ms = VERSION_TIMEOUT_MS,
		.limit_bytes = VERSION_BYTES,
	};
	_cleanup_free_ char *text = NULL;
	struct spawn_exit ended;
	size_t length;

	if (spawn_capture(&options, &text, &ended, NULL) < 0 || ended.code)
		return NULL;
	length = strcspn(text, "\n");
	return length ? arena_strndup(a, text, length) : NULL;
}
