/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/stdio.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

void stdio_save(struct stdio_state *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->is_terminal = tcgetattr(STDIN_FILENO, &ret->modes) == 0;
	for (size_t i = 0; i < ELEMENTS(ret->owners); i++) {
		struct stat st;

		if (fstat((int)i, &st) < 0)
			continue;
		ret->owners[i].known = true;
		ret->owners[i].uid = st.st_uid;
		ret->owners[i].gid = st.st_gid;
	}
}

static void restore_modes(const struct stdio_state *state)
{
	struct termios now;
	sigset_t set, old;

	if (tcgetattr(STDIN_FILENO, &now) < 0 || memcmp(&now, &state->modes, sizeof(now)) == 0)
		return;
	/* In the background, a change of modes would stop us. */
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &state->modes);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

void stdio_restore(const struct stdio_state *state)
{
	for (size_t i = 0; i < ELEMENTS(state->owners); i++) {
		struct stat st;

		if (!state->owners[i].known || fstat((int)i, &st) < 0)
			continue;
		if (st.st_uid == state->owners[i].uid && st.st_gid == state->owners[i].gid)
			continue;
		if (fchown((int)i, state->owners[i].uid, state->owners[i].gid) < 0)
			log_debug("engine", "descriptor %zu keeps the container's user", i);
	}
	if (state->is_terminal)
		restore_modes(state);
}
