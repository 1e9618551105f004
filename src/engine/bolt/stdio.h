/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input, output and error as the caller gave them: files and terminals of the host that
 * outlive the container. crun gives them to the container's user, so that he can open them again,
 * and a runtime that is killed leaves a terminal raw.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct stdio_state {
	struct {
		bool known;
		uid_t uid;
		gid_t gid;
	} owners[3];
	bool is_terminal; /* standard input */
	struct termios modes;
};

void stdio_save(struct stdio_state *ret);
/* Undoes what was changed since. Signals of job control do not stop it. */
void stdio_restore(const struct stdio_state *state);
