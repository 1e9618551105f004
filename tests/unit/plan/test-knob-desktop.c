/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of a desktop: display, input, sound, gamescope, MangoHud. */
#include "knob-case.h"

#define RUN "/run/user/1000"

static struct session_facts *desktop(struct sample *s)
{
	knob_gaming_machine(s);
	return session_desktop(s);
}

static void test_wayland(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	(void)desktop(s);
	knob_set(s, "display=wayland");
	plan = sample_plan(s);
	assert_outcome(plan, "display", KNOB_APPLIED, "Wayland socket");
	assert_mount(plan, RUN "/wayland-0", "/host" RUN "/wayland-1");
	assert_true(list_has(&get_mount(plan, RUN "/wayland-0")->options, "ro"));
	assert_false(get_mount(plan, RUN "/wayland-0")->make_source);
	assert_env(plan, "WAYLAND_DISPLAY", "wayland-0");
	assert_env(plan, "XDG_RUNTIME_DIR", RUN);
	assert_null(find_env(plan, "DISPLAY"));
	assert_null(plan->x11);
}

static void test_x11(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	(void)desktop(s);
	knob_set(s, "display=x11");
	plan = sample_plan(s);
	assert_outcome(plan, "display", KNOB_APPLIED, "read all keys");
	assert_mount(plan, "/tmp/.X11-unix/X0", "/host/tmp/.X11-unix/X0");
	assert_env(plan, "DISPLAY", ":0");
	assert_env(plan, "XAUTHORITY", RUN "/Xauthority");
	/* The file of all cookies is not what the container gets. */
	assert_non_null(plan->x11);
	assert_string_equal(plan->x11->authority, "/host/home/me/.Xauthority");
	assert_string_equal(plan->x11->destination, RUN "/Xauthority");
	assert_null(find_mount(plan, RUN "/Xauthority"));
	assert_null(find_env(plan, "WAYLAND_DISPLAY"));
}

static void test_x11_without_cookies(void **state)
{
	struct sample *s = *state;

	desktop(s)->environment.xauthority = NULL;
	knob_set(s, "display=x11");
	assert_outcome(sample_plan(s), "display", KNOB_APPLIED, "by your user");
	assert_null(s->plan->x11->authority);
	assert_null(find_env(s->plan, "XAUTHORITY"));
}

static void test_any_display(void **state)
{
	struct sample *s = *state;
	struct session_facts *f = desktop(s);

	knob_set(s, "display=auto");
	assert_outcome(sample_plan(s), "display", KNOB_APPLIED, "Wayland socket + X11 socket");
	f->wayland_socket = NULL;
	assert_outcome(sample_plan(s), "display", KNOB_APPLIED, "X11 socket");
	f->x11_socket = NULL;
	assert_outcome(sample_plan(s), "display", KNOB_UNSUPPORTED, "--preserve-env");
	assert_null(find_mount(s->plan, RUN));
	s->req.session = NULL;
	assert_outcome(sample_plan(s), "display", KNOB_UNSUPPORTED, "session");
}

static void test_display_that_is_not_there(void **state)
{
	struct sample *s = *state;
	struct session_facts *f = desktop(s);

	f->x11_socket = NULL;
	knob_set(s, "display=x11");
	assert_outcome(sample_plan(s), "display", KNOB_UNSUPPORTED, "DISPLAY");
	assert_null(find_env(s->plan, "WAYLAND_DISPLAY"));
	knob_set(s, "display=none");
	assert_outcome(sample_plan(s), "display", KNOB_APPLIED, "no socket");
}

static void test_input(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	(void)desktop(s);
	knob_set(s, "input=true");
	plan = sample_plan(s);
	assert_outcome(plan, "input", KNOB_APPLIED, "every key");
	assert_int_equal(get_node(plan, "/dev/input/event3")->minor, 67);
	assert_non_null(find_node(plan, "/dev/hidraw0"));
	assert_non_null(find_node(plan, "/dev/uinput"));
	assert_true(list_has(&get_mount(plan, "/run/udev")->options, "rro"));
	knob_set(s, "input=false");
	assert_null(find_node(sample_plan(s), "/dev/uinput"));
}

static void test_input_of_a_server(void **state)
{
	struct sample *s = *state;
	struct session_facts *f = desktop(s);

	f->input.n = f->hidraw.n = 0;
	f->uinput = NULL;
	knob_set(s, "input=true");
	assert_outcome(sample_plan(s), "input", KNOB_UNSUPPORTED, "/dev/input");
	assert_null(find_mount(s->plan, "/run/udev"));
}

static void test_audio(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	(void)desktop(s);
	knob_set(s, "audio_system=auto");
	plan = sample_plan(s);
	assert_outcome(plan, "audio_system", KNOB_APPLIED, "PipeWire socket + PulseAudio socket");
	assert_mount(plan, RUN "/pulse/native", "/host" RUN "/pulse/native");
	assert_mount(plan, RUN "/pulse/cookie", "/host/home/me/.config/pulse/cookie");
	assert_mount(plan, RUN "/pipewire-0", "/host" RUN "/pipewire-0");
	assert_env(plan, "PULSE_SERVER", "unix:" RUN "/pulse/native");
	knob_set(s, "audio_system=pulseaudio");
	plan = sample_plan(s);
	assert_null(find_mount(plan, RUN "/pipewire-0"));
	assert_non_null(find_mount(plan, RUN "/pulse/native"));
}

static void test_audio_that_is_not_there(void **state)
{
	struct sample *s = *state;
	struct session_facts *f = desktop(s);

	f->pulse_socket = NULL;
	knob_set(s, "audio_system=pulseaudio");
	knob_set(s, "audio_latency=low");
	assert_outcome(sample_plan(s), "audio_system", KNOB_UNSUPPORTED, "PulseAudio");
	assert_outcome(s->plan, "audio_latency", KNOB_UNSUPPORTED, "audio_system");
	assert_null(find_env(s->plan, "PULSE_LATENCY_MSEC"));
	knob_set(s, "audio_system=pipewire");
	assert_outcome(sample_plan(s), "audio_system", KNOB_APPLIED, "stay silent");
}

static void test_latency_of_sound(void **state)
{
	struct sample *s = *state;

	(void)desktop(s);
	knob_set(s, "audio_latency=low");
	assert_outcome(sample_plan(s), "audio_latency", KNOB_UNSUPPORTED, "audio_system");
	knob_set(s, "audio_system=auto");
	assert_outcome(sample_plan(s), "audio_latency", KNOB_ADVISORY, "PULSE_LATENCY_MSEC");
	assert_env(s->plan, "PULSE_LATENCY_MSEC", "30");
	assert_env(s->plan, "PIPEWIRE_LATENCY", "256/48000");
	knob_set(s, "audio_buffer_size=64");
	knob_set(s, "audio_sample_rate=96000");
	assert_outcome(sample_plan(s), "audio_buffer_size", KNOB_ADVISORY, "0.7 ms");
	assert_env(s->plan, "PIPEWIRE_LATENCY", "64/96000");
}

static void test_gamescope(void **state)
{
	static const char *const expected[] = { "gamescope", "-r", "60", "--", "vkcube", "--wsi" };
	struct sample *s = *state;

	(void)desktop(s);
	(void)string_list_add(s->a, &s->req.command, "vkcube");
	(void)string_list_add(s->a, &s->req.command, "--wsi");
	knob_set(s, "gamescope=true");
	knob_set(s, "frame_rate_target=60");
	assert_outcome(sample_plan(s), "gamescope", KNOB_UNSUPPORTED, "display");
	assert_int_equal(s->plan->command.n, 2);
	knob_set(s, "display=auto");
	assert_outcome(sample_plan(s), "gamescope", KNOB_APPLIED, "the image must have it");
	assert_int_equal(s->plan->command.n, ELEMENTS(expected));
	for (size_t i = 0; i < ELEMENTS(expected); i++)
		assert_string_equal(s->plan->command.items[i], expected[i]);
	s->req.command.n = 0;
	assert_outcome(sample_plan(s), "gamescope", KNOB_UNSUPPORTED, "name the command");
}

static void test_mangohud(void **state)
{
	struct sample *s = *state;

	(void)desktop(s);
	knob_set(s, "mangohud=true");
	assert_outcome(sample_plan(s), "mangohud", KNOB_ADVISORY, "if the image has");
	assert_env(s->plan, "MANGOHUD", "1");
	assert_null(find_env(s->plan, "MANGOHUD_CONFIG"));
	knob_set(s, "frame_rate_target=60");
	(void)string_list_add(s->a, &s->req.env, "MANGOHUD_CONFIG=no_display");
	assert_env(sample_plan(s), "MANGOHUD_CONFIG", "fps_limit=60,no_display");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wayland),
		TEST(test_x11),
		TEST(test_x11_without_cookies),
		TEST(test_any_display),
		TEST(test_display_that_is_not_there),
		TEST(test_input),
		TEST(test_input_of_a_server),
		TEST(test_audio),
		TEST(test_audio_that_is_not_there),
		TEST(test_latency_of_sound),
		TEST(test_gamescope),
		TEST(test_mangohud),
	};

	return cmocka_run_group_tests_name("plan/knob-desktop", tests, NULL, NULL);
}
