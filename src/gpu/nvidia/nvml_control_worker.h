/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the worker of nvml_control.h: what its verbs are made from. */
#pragma once

#include "gpu/nvidia/nvml_api.h"

struct control {
	int fd; /* to answer on */
	void *library;
};

/* One line, and the end of the process. */
void control_answer(const struct control *c, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* The address of the function, or the answer that it is missing. */
void control_find(const struct control *c, const char *name, void *slot);
/* Answers why not where it is no success. */
void control_check(const struct control *c, nvmlReturn_t code, const char *function);
/* Starts the library. */
nvmlDevice_t control_open_gpu(const struct control *c, const char *address);

/* The code that the function of that name returns; without it, the answer that it is missing. */
#define CONTROL_TRY(c, name, ...)                                                                  \
	({                                                                                         \
		nvml_##name##_function *function_##name = NULL;                                    \
		control_find((c), #name, &function_##name);                                        \
		function_##name(__VA_ARGS__);                                                      \
	})
/* The same where only success goes on. */
#define CONTROL_CALL(c, name, ...) control_check((c), CONTROL_TRY((c), name, __VA_ARGS__), #name)

/* nvml_control_mig.c */
void control_mig_mode(const struct control *c, char **words);
void control_mig_room(const struct control *c, char **words);
void control_mig_create(const struct control *c, char **words);
void control_mig_destroy(const struct control *c, char **words);
