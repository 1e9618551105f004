/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller's session offers, for settings that share a part of it. */
#include <stdlib.h>
#include <unistd.h>

#include "nvbind/run.h"

int run_read_session(struct run *run, struct nvb_error **err)
{
	const struct session_environment environment = {
		.runtime_dir = secure_getenv("XDG_RUNTIME_DIR"),
		.wayland_display = secure_getenv("WAYLAND_DISPLAY"),
		.x11_display = secure_getenv("DISPLAY"),
		.xauthority = secure_getenv("XAUTHORITY"),
		.pulse_server = secure_getenv("PULSE_SERVER"),
		.home = secure_getenv("HOME"),
		.cache_dir = secure_getenv("NVBIND_CACHE_DIR"),
		.uid = (uint32_t)getuid(),
		.gid = (uint32_t)getgid(),
	};

	if (!plan_needs_session(&run->options.settings))
		return 0;
	return session_facts_read(&run->tree, &environment, &run->session, err);
}
