/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs for sample.h: settings as a person would write them, and a desktop session. */
#pragma once

#include "sample.h"

#include "host/session.h"
#include "request/settings.h"

static inline void knob_set_from(
	struct sample *s, const char *assignment, enum request_source source, const char *origin)
{
	struct settings *settings = (struct settings *)(uintptr_t)s->req.settings;

	if (!settings) {
		settings = arena_new_object(s->a, struct settings);
		settings->arena = s->a;
		s->req.settings = settings;
	}
	if (settings_set_assignment(settings, assignment, source, origin, &s->err) < 0)
		fail_msg("%s", nvb_error_message(s->err));
}

static inline void knob_set(struct sample *s, const char *assignment)
{
	knob_set_from(s, assignment, SOURCE_COMMAND_LINE, "--config");
}

static inline void knob_clear(struct sample *s)
{
	s->req.settings = NULL;
}

static inline struct host_node *session_node(
	struct sample *s, const char *path, uint32_t major, uint32_t minor)
{
	struct host_node *node = arena_new_object(s->a, struct host_node);

	*node = sample_node(s, path, major, minor);
	return node;
}

/* A desktop with everything, for user 1000. */
static inline struct session_facts *session_desktop(struct sample *s)
{
	struct session_facts *f = arena_new_object(s->a, struct session_facts);

	f->environment = (struct session_environment){
		.runtime_dir = "/run/user/1000",
		.wayland_display = "wayland-1",
		.x11_display = ":0",
		.xauthority = "/home/me/.Xauthority",
		.home = "/home/me",
		.uid = 1000,
		.gid = 1000,
	};
	f->wayland_socket = "/run/user/1000/wayland-1";
	f->x11_socket = "/tmp/.X11-unix/X0";
	f->pulse_socket = "/run/user/1000/pulse/native";
	f->pulse_cookie = "/home/me/.config/pulse/cookie";
	f->pipewire_socket = "/run/user/1000/pipewire-0";
	*vec_push(s->a, &f->input) = sample_node(s, "/dev/input/event3", 13, 67);
	f->input.items[0].mode = 0660;
	f->input.items[0].gid = 104;
	*vec_push(s->a, &f->hidraw) = sample_node(s, "/dev/hidraw0", 240, 0);
	f->ntsync = session_node(s, "/dev/ntsync", 10, 120);
	f->uinput = session_node(s, "/dev/uinput", 10, 223);
	f->udev_data = "/run/udev";
	f->kernel_major = 6;
	f->kernel_minor = 18;
	f->max_map_count = 1048576;
	f->nofile_hard = 1048576;
	f->cache_dir = "/home/me/.cache/nvbind";
	s->req.session = f;
	return f;
}

static inline const char *find_env(const struct plan *plan, const char *name)
{
	size_t length = strlen(name);

	vec_foreach (const char *, line, &plan->env)
		if (strncmp(*line, name, length) == 0 && (*line)[length] == '=')
			return *line + length + 1;
	return NULL;
}

static inline void assert_env(const struct plan *plan, const char *name, const char *value)
{
	const char *have = find_env(plan, name);

	if (!have)
		fail_now("'%s' is not set", name);
	assert_string_equal(have, value);
}

/* The knob ends in this status, and says this. */
static inline void assert_outcome(
	const struct plan *plan, const char *name, enum knob_status status, const char *part)
{
	const struct plan_knob *knob = get_knob(plan, name);
	const char *text = knob->reason ? knob->reason : "";

	assert_string_equal(knob_status_name(knob->status), knob_status_name(status));
	if (!strstr(text, part) && !(knob->mechanism && strstr(knob->mechanism, part)))
		fail_msg("%s: neither '%s' nor '%s' says '%s'", name, text,
			knob->mechanism ? knob->mechanism : "", part);
}

/* Every capability, and NVIDIA's driver with all of its files. */
static inline struct gpu *knob_gaming_machine(struct sample *s)
{
	struct gpu_driver *driver = sample_add_nvidia(s);
	struct gpu *gpu = sample_add_nvidia_gpu(s);

	sample_add_file(s, driver, DRIVER_FILE_LIBRARY, "libnvidia-ngx.so." DRIVER_VERSION,
		"libnvidia-ngx.so.1", 64, CAPABILITY_NGX);
	sample_add_file(s, driver, DRIVER_FILE_LIBRARY, "libnvidia-rtcore.so." DRIVER_VERSION, NULL,
		64, CAPABILITY_GRAPHICS);
	gpu->compute_capability = "8.9";
	gpu->name = "NVIDIA GeForce RTX 4090";
	s->req.capabilities = CAPABILITY_ALL;
	s->req.image = "steam:latest";
	sample_select_all(s);
	return gpu;
}

static inline struct gpu *knob_amd_machine(struct sample *s)
{
	struct gpu *gpu;

	sample_add_driver(s, GPU_VENDOR_AMD, "amdgpu", "in-tree");
	gpu = sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu");
	gpu->card_node = "/dev/dri/card0";
	gpu->render_node = "/dev/dri/renderD128";
	sample_add_node(s, &gpu->nodes, "/dev/dri/renderD128", 226, 128, CAPABILITY_ALL);
	s->req.capabilities = CAPABILITY_ALL;
	sample_select_all(s);
	return gpu;
}
