/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs, run from an argument vector; never through a shell.
 *
 * A child starts with default signal handling, an empty signal mask, exactly the environment it
 * is given, and no descriptors but 0, 1 and 2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct spawn_exit {
	bool by_signal;
	int code; /* exit status, or the signal's number */
};

/* A shell's view: the exit status, or 128 + signal. */
int spawn_exit_code(struct spawn_exit e);

/* Waits for `pid`, restarting on EINTR. */
int spawn_wait(pid_t pid, struct spawn_exit *ret_exit, struct nvb_error **err);

struct spawn_capture_options {
	const char *const *argv; /* argv[0] is an absolute path */
	const char *const *envp; /* NULL: an empty environment */
	unsigned timeout_ms;     /* then SIGKILL; 0 is no timeout */
	size_t limit_bytes;      /* of output; more is an error */
	bool unprivileged;       /* root becomes nobody, or without such a user loses its
				  * capabilities; nobody gains any (no_new_privs) */
	bool keep_stderr;        /* else standard error goes to /dev/null */
};

/*
 * Runs a program to its end, or ours: it does not outlive us. Returns its standard output
 * (malloc'd, NUL-terminated).
 * Errors: NVB_ERR_FAILED (cannot start, killed by a signal, timeout), NVB_ERR_LIMIT.
 * A non-zero exit status is not an error here: see *ret_exit.
 */
int spawn_capture(const struct spawn_capture_options *options, char **ret_output,
	struct spawn_exit *ret_exit, struct nvb_error **err);

/* Finds an executable regular file named `name` in the directories of a colon list. An absolute
 * `name` is checked itself. Returns a malloc'd path, or NULL. */
char *spawn_find_program(const char *name, const char *search_path);

/* Where programs are looked for by root: never the caller's PATH. */
#define SPAWN_SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * A file limit (ulimit -f) ends a program that passes it by SIGXFSZ, without a word: with this it
 * gets EFBIG instead. For main(). Whoever becomes another program gives the signal back first.
 */
void spawn_ignore_file_limit(void);
/* What the caller of this program had for it. */
void spawn_restore_file_limit(void);

/* To be called in a child between fork and exec: default handlers, empty mask, all descriptors
 * above 2 closed on exec. Async-signal-safe. */
void spawn_reset_child(void);
