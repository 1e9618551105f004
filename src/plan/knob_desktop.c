/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knobs: display, input, sound, gamescope, MangoHud.
 *
 * Sockets of the session go into a directory of the container's own in memory, which is its
 * XDG_RUNTIME_DIR: programs make sockets there too, and none of the session's others is in it.
 */
#include <inttypes.h>
#include <string.h>

#include "host/session.h"
#include "plan/knob_rule.h"

#define TEXT_BYTES	1024
#define DEFAULT_RATE	48000
#define X11_COOKIE_NAME "Xauthority"
#define WAYLAND_NAME	"wayland-0"

/* The container's; made once. NULL: out of memory. */
static const char *runtime_dir(struct plan_build *b, struct nvb_error **err)
{
	const char *path = arena_printf(
		b->plan->arena, "/run/user/%" PRIu32, b->req->session->environment.uid);

	if (!path) {
		(void)NVB_OOM(err);
		return NULL;
	}
	if (knob_mount_memory(b, err, path) < 0 ||
		knob_env_set(b, err, "XDG_RUNTIME_DIR", "%s", path) < 0)
		return NULL;
	return path;
}

/* Mounts a socket into the runtime directory; *ret_path is where it is. */
static int share_socket(struct plan_build *b, const char *socket, const char *name,
	const char **ret_path, struct nvb_error **err)
{
	const char *directory = runtime_dir(b, err);
	const char *path;

	if (!directory)
		return NVB_ERR_NO_MEMORY;
	path = arena_printf(b->plan->arena, "%s/%s", directory, name);
	if (!path)
		return NVB_OOM(err);
	*ret_path = path;
	return knob_mount(b, err, socket, path, false);
}

static int share_wayland(struct plan_build *b, struct nvb_error **err)
{
	const char *path;
	int r = share_socket(b, b->req->session->wayland_socket, WAYLAND_NAME, &path, err);

	return r < 0 ? r : knob_env_set(b, err, "WAYLAND_DISPLAY", WAYLAND_NAME);
}

/* Without a file of cookies the server knows its clients by their user. */
static int share_x11(struct plan_build *b, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;
	struct plan_x11 *x11 = arena_new_object(b->plan->arena, struct plan_x11);
	const char *directory = s->environment.xauthority ? runtime_dir(b, err) : NULL;
	int r;

	if (!x11)
		return NVB_OOM(err);
	x11->display = s->environment.x11_display;
	if (s->environment.xauthority) {
		if (!directory)
			return NVB_ERR_NO_MEMORY;
		x11->authority = arena_printf(
			b->plan->arena, "%s%s", b->inv->host_prefix, s->environment.xauthority);
		x11->destination = arena_printf(b->plan->arena, "%s/" X11_COOKIE_NAME, directory);
		if (!x11->authority || !x11->destination)
			return NVB_OOM(err);
		r = knob_env_set(b, err, "XAUTHORITY", "%s", x11->destination);
		if (r < 0)
			return r;
	}
	b->plan->x11 = x11;
	r = knob_mount(b, err, s->x11_socket, s->x11_socket, false);
	return r < 0 ? r : knob_env_set(b, err, "DISPLAY", "%s", x11->display);
}

static const char *display_obstacle(enum display_system wanted, const struct session_facts *s)
{
	if (!s)
		return "nothing is known of a session here";
	if (wanted == DISPLAY_WAYLAND && !s->wayland_socket)
		return "no Wayland socket: WAYLAND_DISPLAY and XDG_RUNTIME_DIR name none (sudo "
		       "removes them: --preserve-env keeps them)";
	if (wanted == DISPLAY_X11 && !s->x11_socket)
		return "no X11 socket: DISPLAY names none on this machine (sudo removes it: "
		       "--preserve-env keeps it)";
	if (wanted == DISPLAY_AUTO && !s->wayland_socket && !s->x11_socket)
		return "neither WAYLAND_DISPLAY nor DISPLAY names a display of this machine (sudo "
		       "removes them: --preserve-env keeps them)";
	return NULL;
}

static int report_display(struct plan_build *b, bool wayland, bool x11, struct nvb_error **err)
{
	const char *mechanism = wayland && x11 ? "Wayland socket + X11 socket"
				: wayland      ? "Wayland socket"
					       : "X11 socket";

	if (!x11)
		return knob_report(b, err, KNOB_DISPLAY_SYSTEM, KNOB_APPLIED, mechanism,
			"the container cannot see other windows, and not read their keys");
	return knob_report(b, err, KNOB_DISPLAY_SYSTEM, KNOB_APPLIED, mechanism,
		"%s; any client of X11 can read all keys and all windows of that display: "
		"'display = \"wayland\"' does not share it. MIT-SHM does not reach out of a "
		"container",
		b->plan->x11->authority ? "the container's file of cookies has this display's alone"
					: "no file of cookies: the server knows you by your user");
}

static int resolve_display(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;
	const enum display_system wanted = (enum display_system)value->number;
	const char *obstacle;
	bool wayland, x11;
	int r = 0;

	if (wanted == DISPLAY_NONE)
		return knob_report(b, err, KNOB_DISPLAY_SYSTEM, KNOB_APPLIED,
			"no socket of a display is shared", "%s", "");
	obstacle = display_obstacle(wanted, s);
	if (obstacle)
		return knob_report(
			b, err, KNOB_DISPLAY_SYSTEM, KNOB_UNSUPPORTED, NULL, "%s", obstacle);
	wayland = wanted != DISPLAY_X11 && s->wayland_socket;
	x11 = wanted != DISPLAY_WAYLAND && s->x11_socket;
	if (wayland)
		r = share_wayland(b, err);
	if (r >= 0 && x11)
		r = share_x11(b, err);
	return r < 0 ? r : report_display(b, wayland, x11, err);
}

static int add_input_nodes(struct plan_build *b, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;
	int r = 0;

	vec_foreach (const struct host_node, node, &s->input)
		if (r >= 0)
			r = knob_node(b, node, err);
	vec_foreach (const struct host_node, node, &s->hidraw)
		if (r >= 0)
			r = knob_node(b, node, err);
	if (r >= 0 && s->uinput)
		r = knob_node(b, s->uinput, err);
	if (r >= 0 && s->udev_data)
		r = knob_mount(b, err, s->udev_data, "/run/udev", false);
	return r;
}

static int resolve_input(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;
	int r;

	if (!value->number)
		return knob_report(
			b, err, KNOB_INPUT_DEVICES, KNOB_APPLIED, "no node is added", "%s", "");
	if (!s || (!s->input.n && !s->hidraw.n && !s->uinput))
		return knob_report(b, err, KNOB_INPUT_DEVICES, KNOB_UNSUPPORTED, NULL,
			"the machine has no /dev/input, hidraw or uinput");
	r = add_input_nodes(b, err);
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_INPUT_DEVICES, KNOB_APPLIED, "device nodes + /run/udev",
		"%zu of /dev/input, %zu hidraw%s; what is plugged in later is not there. The "
		"container reads every key that is typed%s",
		s->input.n, s->hidraw.n, s->uinput ? ", uinput" : "",
		s->uinput ? ", and may type itself" : "");
}

static bool wants_pulse(enum audio_system wanted)
{
	/* Programs that know no PipeWire speak to its server for PulseAudio. */
	return wanted != AUDIO_NONE;
}

static bool wants_pipewire(enum audio_system wanted)
{
	return wanted == AUDIO_AUTO || wanted == AUDIO_PIPEWIRE;
}

/* What the container gets of the session's sound. */
static bool has_pulse(const struct plan_build *b)
{
	const struct setting *setting = knob_setting(b, KNOB_AUDIO_SYSTEM);

	return setting && b->req->session && b->req->session->pulse_socket &&
	       wants_pulse((enum audio_system)setting->number);
}

static bool has_pipewire(const struct plan_build *b)
{
	const struct setting *setting = knob_setting(b, KNOB_AUDIO_SYSTEM);

	return setting && b->req->session && b->req->session->pipewire_socket &&
	       wants_pipewire((enum audio_system)setting->number);
}

static int share_pulse(struct plan_build *b, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;
	const char *path;
	int r = share_socket(b, s->pulse_socket, "pulse/native", &path, err);

	if (r >= 0)
		r = knob_env_set(b, err, "PULSE_SERVER", "unix:%s", path);
	if (r < 0 || !s->pulse_cookie)
		return r;
	r = share_socket(b, s->pulse_cookie, "pulse/cookie", &path, err);
	return r < 0 ? r : knob_env_set(b, err, "PULSE_COOKIE", "%s", path);
}

static int resolve_audio(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const bool pulse = has_pulse(b), pipewire = has_pipewire(b);
	const char *path;
	int r = 0;

	if (value->number == AUDIO_NONE)
		return knob_report(b, err, KNOB_AUDIO_SYSTEM, KNOB_APPLIED,
			"no socket of a sound server is shared", "%s", "");
	if (!pulse && !pipewire)
		return knob_report(b, err, KNOB_AUDIO_SYSTEM, KNOB_UNSUPPORTED, NULL,
			"no socket of %s: PULSE_SERVER and XDG_RUNTIME_DIR lead to none (sudo "
			"removes them: --preserve-env keeps them)",
			wants_pipewire((enum audio_system)value->number) ? "PipeWire or PulseAudio"
									 : "PulseAudio");
	if (pulse)
		r = share_pulse(b, err);
	if (r >= 0 && pipewire)
		r = share_socket(b, b->req->session->pipewire_socket, "pipewire-0", &path, err);
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_AUDIO_SYSTEM, KNOB_APPLIED,
		pulse && pipewire ? "PipeWire socket + PulseAudio socket"
		: pulse		  ? "PulseAudio socket"
				  : "PipeWire socket",
		"%s", pulse ? "" : "programs that speak PulseAudio or ALSA alone stay silent");
}

struct latency {
	const char *pulse_ms;
	unsigned samples;
};

/* PulseAudio's own is 200 ms, which is heard in a game; below 30 ms Wine crackles. */
static const struct latency latencies[] = {
	[LATENCY_LOW] = { "30", 256 },
	[LATENCY_NORMAL] = { "60", 1024 },
	[LATENCY_HIGH] = { "150", 2048 },
};

static unsigned buffer_samples(const struct plan_build *b)
{
	const struct setting *size = knob_setting(b, KNOB_AUDIO_BUFFER_SIZE);
	const struct setting *latency = knob_setting(b, KNOB_AUDIO_LATENCY);

	return size ? (unsigned)size->number
		    : latencies[latency ? latency->number : LATENCY_NORMAL].samples;
}

static unsigned samples_per_second(const struct plan_build *b)
{
	const struct setting *rate = knob_setting(b, KNOB_AUDIO_SAMPLE_RATE);

	return rate ? (unsigned)rate->number : DEFAULT_RATE;
}

/* Latency, rate and size are one variable of PipeWire's. Source: pipewire-props(7), node.latency.
 */
static int set_pipewire_latency(struct plan_build *b, struct nvb_error **err)
{
	return knob_env_set(
		b, err, "PIPEWIRE_LATENCY", "%u/%u", buffer_samples(b), samples_per_second(b));
}

static int report_no_sound(struct plan_build *b, enum knob_id id, struct nvb_error **err)
{
	const struct setting *setting = knob_setting(b, KNOB_AUDIO_SYSTEM);

	return knob_report(b, err, id, KNOB_UNSUPPORTED, NULL, "%s",
		setting ? "the container has no server that reads it: see 'audio_system'"
			: "the container has no sound: set 'audio_system = \"auto\"'");
}

static int resolve_latency(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const bool pulse = has_pulse(b), pipewire = has_pipewire(b);
	int r = 0;

	if (!pulse && !pipewire)
		return report_no_sound(b, KNOB_AUDIO_LATENCY, err);
	if (pulse)
		r = knob_env_set(
			b, err, "PULSE_LATENCY_MSEC", "%s", latencies[value->number].pulse_ms);
	if (r >= 0 && pipewire)
		r = set_pipewire_latency(b, err);
	return r < 0 ? r
		     : knob_report(b, err, KNOB_AUDIO_LATENCY, KNOB_ADVISORY,
			       pulse && pipewire ? "PULSE_LATENCY_MSEC + PIPEWIRE_LATENCY"
			       : pulse		 ? "PULSE_LATENCY_MSEC"
						 : "PIPEWIRE_LATENCY",
			       "programs ask their server for it; the server's own minimum counts");
}

/* The rate or the size of a buffer. */
static int resolve_samples(struct plan_build *b, enum knob_id id, struct nvb_error **err)
{
	int r;

	if (!has_pipewire(b))
		return report_no_sound(b, id, err);
	r = set_pipewire_latency(b, err);
	return r < 0 ? r
		     : knob_report(b, err, id, KNOB_ADVISORY, "PIPEWIRE_LATENCY",
			       "%u samples at %u Hz are %.1f ms; native clients of PipeWire alone",
			       buffer_samples(b), samples_per_second(b),
			       1000.0 * buffer_samples(b) / samples_per_second(b));
}

static int resolve_rate(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return resolve_samples(b, KNOB_AUDIO_SAMPLE_RATE, err);
}

static int resolve_buffer(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return resolve_samples(b, KNOB_AUDIO_BUFFER_SIZE, err);
}

/* gamescope [-r RATE] -- COMMAND. Source: gamescope, README, "Options". */
static int wrap_command(struct plan_build *b, struct nvb_error **err)
{
	const struct setting *rate = knob_setting(b, KNOB_FRAME_RATE_TARGET);
	struct string_list command = { 0 };
	struct arena *a = b->plan->arena;
	int r = string_list_add(a, &command, "gamescope");

	if (r >= 0 && rate)
		r = string_list_add(a, &command, "-r");
	if (r >= 0 && rate)
		r = string_list_add(a, &command, rate->text);
	if (r >= 0)
		r = string_list_add(a, &command, "--");
	vec_foreach (const char *, word, &b->plan->command)
		if (r >= 0)
			r = string_list_add(a, &command, *word);
	if (r < 0)
		return NVB_OOM(err);
	b->plan->command = command;
	return 0;
}

static int resolve_gamescope(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct setting *display = knob_setting(b, KNOB_DISPLAY_SYSTEM);
	int r;

	if (!value->number)
		return knob_report(b, err, KNOB_GAMESCOPE, KNOB_APPLIED,
			"the command runs as it is", "%s", "");
	if (!b->plan->command.n)
		return knob_report(b, err, KNOB_GAMESCOPE, KNOB_UNSUPPORTED, NULL,
			"the image's own command is not known here: name the command");
	if (!display || display_obstacle((enum display_system)display->number, b->req->session) ||
		display->number == DISPLAY_NONE)
		return knob_report(b, err, KNOB_GAMESCOPE, KNOB_UNSUPPORTED, NULL,
			"the container has no display: set 'display = \"auto\"'");
	r = wrap_command(b, err);
	return r < 0 ? r
		     : knob_report(b, err, KNOB_GAMESCOPE, KNOB_APPLIED,
			       "the command runs in gamescope",
			       "the image must have it: without, the start says so and fails");
}

static int resolve_mangohud(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct setting *rate = knob_setting(b, KNOB_FRAME_RATE_TARGET);
	int r;

	if (!value->number)
		return knob_report(b, err, KNOB_MANGOHUD, KNOB_APPLIED, "nothing is set", "%s", "");
	r = knob_env_set(b, err, "MANGOHUD", "1");
	if (r >= 0 && rate)
		r = knob_env_option(b, err, "MANGOHUD_CONFIG", ',', "fps_limit=%s", rate->text);
	return r < 0 ? r
		     : knob_report(b, err, KNOB_MANGOHUD, KNOB_ADVISORY,
			       rate ? "MANGOHUD + MANGOHUD_CONFIG" : "MANGOHUD",
			       "Vulkan games, if the image has MangoHud's layer; OpenGL games "
			       "start "
			       "by 'mangohud COMMAND'");
}

static const struct knob_rule rules[] = {
	{ KNOB_DISPLAY_SYSTEM, resolve_display },
	{ KNOB_INPUT_DEVICES, resolve_input },
	{ KNOB_AUDIO_SYSTEM, resolve_audio },
	{ KNOB_AUDIO_LATENCY, resolve_latency },
	{ KNOB_AUDIO_SAMPLE_RATE, resolve_rate },
	{ KNOB_AUDIO_BUFFER_SIZE, resolve_buffer },
	{ KNOB_GAMESCOPE, resolve_gamescope },
	{ KNOB_MANGOHUD, resolve_mangohud },
};

const struct knob_rule_table knob_rules_desktop = { rules, ELEMENTS(rules) };
