/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines. The library rooms log at debug only and never print: whoever handles an error logs
 * it once. A program chooses the sink; without one, lines go nowhere.
 *
 * Debug lines belong to a component ("inventory", "plan", "engine", ...), chosen with
 * NVBIND_DEBUG=plan,engine or NVBIND_DEBUG=all.
 */
#pragma once

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_DEBUG,
};

typedef void (*log_sink)(enum log_level level, const char *component, const char *text);

void log_set_sink(log_sink sink);
/* A comma list of components, or "all"; NULL is none. The text is borrowed for good. */
void log_set_debug(const char *components);
bool log_debug_enabled(const char *component);

void log_write(enum log_level level, const char *component, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_warning(...) log_write(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, NULL, __VA_ARGS__)
#define log_debug(component, ...)                                      \
	do {                                                           \
		if (log_debug_enabled(component))                      \
			log_write(LOG_LEVEL_DEBUG, (component), __VA_ARGS__); \
	} while (0)
