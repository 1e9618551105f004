/* SPDX-License-Identifier: Apache-2.0 */
/* What a desktop session offers: sockets, input devices, limits; and machines without one. */
#include "host/session.h"

#include "scratch-tree.h"

static const struct session_environment someone = { .uid = 1000, .gid = 1000 };

static struct session_facts *read_session(
	const struct scratch *s, const struct session_environment *environment)
{
	struct session_facts *facts = NULL;
	struct nvb_error *err = NULL;

	if (session_facts_read(&s->tree, environment, &facts, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return facts;
}

static void test_nothing(void **state)
{
	struct scratch *s = *state;
	_cleanup_(session_facts_freep) struct session_facts *f = read_session(s, &someone);

	assert_null(f->wayland_socket);
	assert_null(f->x11_socket);
	assert_null(f->pulse_socket);
	assert_null(f->pipewire_socket);
	assert_null(f->ntsync);
	assert_null(f->udev_data);
	assert_null(f->cache_dir);
	assert_null(f->online_cpus);
	assert_int_equal(f->input.n, 0);
	assert_int_equal(f->cpu_count, 0);
	assert_int_equal(f->kernel_major, 0);
	assert_int_equal(f->nofile_hard, 0);
	assert_false(f->can_raise_limits || f->cgroup_v2);
}

static void test_desktop(void **state)
{
	struct scratch *s = *state;
	struct session_environment e = someone;
	struct session_facts *f;

	scratch_write(s, "/run/user/1000/wayland-1", "");
	scratch_write(s, "/run/user/1000/pulse/native", "");
	scratch_write(s, "/run/user/1000/pipewire-0", "");
	scratch_write(s, "/tmp/.X11-unix/X1", "");
	scratch_write(s, "/home/me/.Xauthority", "x");
	scratch_write(s, "/home/me/.config/pulse/cookie", "x");
	e.runtime_dir = "/run/user/1000";
	e.wayland_display = "wayland-1";
	e.x11_display = ":1.0";
	e.home = "/home/me";
	f = read_session(s, &e);
	assert_string_equal(f->wayland_socket, "/run/user/1000/wayland-1");
	assert_string_equal(f->x11_socket, "/tmp/.X11-unix/X1");
	assert_string_equal(f->pulse_socket, "/run/user/1000/pulse/native");
	assert_string_equal(f->pulse_cookie, "/home/me/.config/pulse/cookie");
	assert_string_equal(f->pipewire_socket, "/run/user/1000/pipewire-0");
	assert_string_equal(f->environment.xauthority, "/home/me/.Xauthority");
	assert_string_equal(f->cache_dir, "/home/me/.cache/nvbind");
	session_facts_free(f);
}

static const char *x11_of(const struct scratch *s, const char *display)
{
	struct session_environment e = someone;
	_cleanup_(session_facts_freep) struct session_facts *f = NULL;

	e.x11_display = display;
	f = read_session(s, &e);
	return f->x11_socket ? "found" : NULL;
}

static void test_displays(void **state)
{
	static const char *const none[] = { "", ":", ":x", ":0x", "0", "host:0", "::0", ":-0",
		":0/../../../etc/passwd", ":../X0", ":000000", ":9" };
	struct scratch *s = *state;

	scratch_write(s, "/tmp/.X11-unix/X0", "");
	assert_non_null(x11_of(s, ":0"));
	assert_non_null(x11_of(s, ":0.1"));
	assert_non_null(x11_of(s, "unix:0"));
	for (size_t i = 0; i < ELEMENTS(none); i++)
		if (x11_of(s, none[i]))
			fail_msg("'%s' is a display", none[i]);
}

static const char *wayland_of(const struct scratch *s, const char *runtime_dir, const char *name)
{
	struct session_environment e = someone;
	_cleanup_(session_facts_freep) struct session_facts *f = NULL;

	e.runtime_dir = runtime_dir;
	e.wayland_display = name;
	f = read_session(s, &e);
	return f->wayland_socket ? "found" : NULL;
}

static void test_wayland_names(void **state)
{
	struct scratch *s = *state;

	scratch_write(s, "/run/user/1000/wayland-0", "");
	scratch_directory(s, "/run/user/1000/directory");
	assert_non_null(wayland_of(s, "/run/user/1000", "wayland-0"));
	assert_non_null(wayland_of(s, NULL, "/run/user/1000/wayland-0"));
	assert_null(wayland_of(s, NULL, "wayland-0"));
	assert_null(wayland_of(s, "run/user/1000", "wayland-0"));
	assert_null(wayland_of(s, "/run/user/1000", ".."));
	assert_null(wayland_of(s, "/run/user", "1000/wayland-0"));
	assert_null(wayland_of(s, "/run/user/1000", "directory"));
	assert_null(wayland_of(s, "/run/user/1000", "/run/user/1000/../1000/wayland-0"));
}

static void test_pulse_server(void **state)
{
	struct scratch *s = *state;
	struct session_environment e = someone;
	struct session_facts *f;

	scratch_write(s, "/mnt/wslg/PulseServer", "");
	e.pulse_server = "unix:/mnt/wslg/PulseServer";
	f = read_session(s, &e);
	assert_string_equal(f->pulse_socket, "/mnt/wslg/PulseServer");
	session_facts_free(f);
	e.pulse_server = "tcp:10.0.0.1";
	f = read_session(s, &e);
	assert_null(f->pulse_socket);
	session_facts_free(f);
}

static void test_devices(void **state)
{
	struct scratch *s = *state;
	struct session_facts *f;

	scratch_write(s, "/dev/input/event10", "c 13:74\n");
	scratch_write(s, "/dev/input/event2", "c 13:66\n");
	scratch_write(s, "/dev/input/js0", "c 13:0\n");
	scratch_write(s, "/dev/input/by-id", "c 13:1\n");
	scratch_write(s, "/dev/input/event3", "no numbers\n");
	scratch_write(s, "/dev/hidraw0", "c 240:0\n");
	scratch_write(s, "/dev/ntsync", "c 10:120\n");
	scratch_write(s, "/dev/uinput", "c 10:223\n");
	scratch_directory(s, "/run/udev");
	f = read_session(s, &someone);
	assert_int_equal(f->input.n, 3);
	assert_string_equal(f->input.items[0].path, "/dev/input/event2");
	assert_string_equal(f->input.items[1].path, "/dev/input/event10");
	assert_int_equal(f->input.items[1].minor, 74);
	assert_string_equal(f->input.items[2].path, "/dev/input/js0");
	assert_int_equal(f->hidraw.n, 1);
	assert_int_equal(f->ntsync->minor, 120);
	assert_non_null(f->uinput);
	assert_null(f->uhid);
	assert_string_equal(f->udev_data, "/run/udev");
	session_facts_free(f);
}

static void test_kernel(void **state)
{
	struct scratch *s = *state;
	struct session_facts *f;

	scratch_write(s, "/proc/sys/kernel/osrelease", "6.14.0-rc3-arch1\n");
	scratch_write(s, "/proc/sys/vm/max_map_count", "65530\n");
	scratch_write(s, "/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	scratch_write(s, "/sys/devices/system/cpu/online", "0-3,8,10-11\n");
	scratch_write(s, "/proc/self/limits",
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max processes             unlimited            unlimited            processes \n"
		"Max open files            1024                 524288               files     \n");
	scratch_write(s, "/proc/self/status", "Name:\tnvbind\nCapEff:\t0000000001000000\n");
	f = read_session(s, &someone);
	assert_int_equal(f->kernel_major, 6);
	assert_int_equal(f->kernel_minor, 14);
	assert_int_equal(f->max_map_count, 65530);
	assert_true(f->cgroup_v2 && f->can_raise_limits);
	assert_int_equal(f->nofile_hard, 524288);
	assert_int_equal(f->cpu_count, 7);
	assert_string_equal(f->online_cpus, "0-3,8,10-11");
	session_facts_free(f);
}

/* Damaged files leave values unknown. */
static void test_damage(void **state)
{
	static const char *const lists[] = { "3-1", "0-", "a", "0,,1", "0-99999999999", "1 2", "" };
	struct scratch *s = *state;
	struct session_facts *f;

	scratch_write(s, "/proc/sys/kernel/osrelease", "linux\n");
	scratch_write(s, "/proc/sys/vm/max_map_count", "many\n");
	scratch_write(s, "/proc/self/limits", "Max open files            1024");
	scratch_write(s, "/proc/self/status", "CapEff:\tzz\n");
	for (size_t i = 0; i < ELEMENTS(lists); i++) {
		scratch_write(s, "/sys/devices/system/cpu/online", lists[i]);
		f = read_session(s, &someone);
		assert_int_equal(f->cpu_count, 0);
		assert_null(f->online_cpus);
		assert_int_equal(f->kernel_major, 0);
		assert_int_equal(f->max_map_count, 0);
		assert_int_equal(f->nofile_hard, 0);
		assert_false(f->can_raise_limits);
		session_facts_free(f);
	}
}

static void test_limits_without_end(void **state)
{
	struct scratch *s = *state;
	struct session_facts *f;

	scratch_write(s, "/proc/self/limits",
		"Max open files            1048576              unlimited            files     \n");
	f = read_session(s, &someone);
	assert_true(f->nofile_hard == UINT64_MAX);
	session_facts_free(f);
}

/* sudo may keep HOME: what root mounts must not lie where others write. */
static void test_cache_of_root(void **state)
{
	struct scratch *s = *state;
	struct session_environment e = { .home = "/home/me" };
	struct session_facts *f = read_session(s, &e);

	assert_string_equal(f->cache_dir, "/var/cache/nvbind");
	session_facts_free(f);
	e.cache_dir = "/srv/cache";
	f = read_session(s, &e);
	assert_string_equal(f->cache_dir, "/srv/cache");
	session_facts_free(f);
	e.cache_dir = "cache/../..";
	f = read_session(s, &e);
	assert_string_equal(f->cache_dir, "/var/cache/nvbind");
	session_facts_free(f);
}

/* What is given must not be borrowed: the caller's strings go away. */
static void test_strings_are_copied(void **state)
{
	struct scratch *s = *state;
	char home[] = "/home/me", display[] = ":0";
	struct session_environment e = { .home = home, .x11_display = display, .uid = 1000 };
	struct session_facts *f = read_session(s, &e);

	memset(home, 'x', sizeof(home) - 1);
	memset(display, 'x', sizeof(display) - 1);
	assert_string_equal(f->environment.home, "/home/me");
	assert_string_equal(f->environment.x11_display, ":0");
	session_facts_free(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_desktop),
		TEST(test_displays),
		TEST(test_wayland_names),
		TEST(test_pulse_server),
		TEST(test_devices),
		TEST(test_kernel),
		TEST(test_damage),
		TEST(test_limits_without_end),
		TEST(test_cache_of_root),
		TEST(test_strings_are_copied),
	};

	return cmocka_run_group_tests_name("host/session", tests, NULL, NULL);
}
