/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 2048

static log_sink current_sink;
static const char *debug_components;

void log_set_sink(log_sink sink)
{
	current_sink = sink;
}

void log_set_debug(const char *components)
{
	debug_components = components;
}

bool log_debug_enabled(const char *component)
{
	size_t length = strlen(component);

	for (const char *p = debug_components; p && *p;) {
		size_t n = strcspn(p, ",");

		if ((n == length && strncmp(p, component, n) == 0) || (n == 3 && strncmp(p, "all", 3) == 0))
			return true;
		p += n;
		if (*p == ',')
			p++;
	}
	return false;
}

void log_write(enum log_level level, const char *component, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list ap;

	if (!current_sink)
		return;
	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	current_sink(level, component, line);
}
