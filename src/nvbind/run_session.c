/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller's session offers, for settings that share a part of it. */
#include <stdlib.h>
#include <unistd.h>

#include "nvbind/run.h"

static bool is_wanted(const struct settings *settings)
{
	static const enum knob_id knobs[] = { KNOB_WINE_OPTIMIZATIONS, KNOB_SHADER_CACHE,
		KNOB_GAMESCOPE, KNOB_DISPLAY_SYSTEM, KNOB_INPUT_DEVICES, KNOB_AUDIO_SYSTEM,
		KNOB_AUDIO_LATENCY, KNOB_AUDIO_SAMPLE_RATE, KNOB_AUDIO_BUFFER_SIZE,
		KNOB_CUDA_CACHE_SIZE, KNOB_REALTIME };

	for (size_t i = 0; i < ELEMENTS(knobs); i++)
		if (settings_get(settings, knobs[i]))
			return true;
	return false;
}

int run_read_session(struct run *run, struct nvb_error **err)
{
	const struct session_environment environment = {
		.runtime_dir = secure_getenv("XDG_RUNTIME_DIR"),
		.wayland_display = secure_getenv("WAYLAND_DISPLAY"),
		.x11_display = secure_getenv("DISPLAY"),
		.xauthority = secure_getenv("XAUTHORITY"),
		.pulse_server = secure_getenv("PULSE_SERVER"),
		.home = secure_getenv("HOME"),
		.uid = (uint32_t)getuid(),
		.gid = (uint32_t)getgid(),
	};

	if (!is_wanted(&run->options.settings))
		return 0;
	return session_facts_read(&run->tree, &environment, &run->session, err);
}
