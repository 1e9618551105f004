/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered, and what is given back when something came in between. */
#include "machine.h"

#include <sys/wait.h>

#include "setup/status.h"

#define CONTAINERD_TOML "/etc/containerd/config.toml"
#define DROP_IN		"/etc/containers/containers.conf.d/50-nvbind.conf"

static void become_link(struct root *r, const char *path, const char *target)
{
	assert_int_equal(symlinkat(target, r->fd, path + 1), 0);
}

static bool is_link(struct root *r, const char *path)
{
	return S_ISLNK(root_mode(r, path + 1));
}

/* Two that plan at the same time: the second must not forget what the first has remembered. */
static void test_at_the_same_time(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *first = NULL, *second = NULL;
	struct root *r = *state;

	put(r, DAEMON_JSON, "{ \"debug\": true }\n");
	assert_int_equal(plan(r, "docker", false, &first), 0);
	assert_int_equal(plan(r, "docker", false, &second), 0);
	assert_int_equal(apply(r, first), 0);
	assert_int_equal(apply(r, second), NVB_ERR_FAILED);
	assert_int_equal(count_records(r), 1);
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "{ \"debug\": true }\n");
}

static void test_links_at_the_same_time(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *first = NULL, *second = NULL;
	struct root *r = *state;

	/* One of others, so that the file has nothing new. */
	put(r, DAEMON_JSON, "{\"runtimes\": {\"nvidia\": {\"path\": \"/opt/n\"}}}");
	set_up_engine(r, "docker");
	options.stand_in = true;
	assert_int_equal(plan(r, "docker", false, &first), 0);
	assert_int_equal(plan(r, "docker", false, &second), 0);
	assert_int_equal(apply(r, first), 0);
	assert_int_equal(apply(r, second), 0);
	assert_int_equal(count_records(r), 4);
	undo_engine(r, "docker");
	assert_int_equal(root_mode(r, "usr/bin/nvidia-container-cli"), 0);
}

/* Somebody made another thing of what we write into: it is his. */
static void test_type_changed(void **state)
{
	static const struct {
		const char *engine, *path, *text;
	} cases[] = {
		{ "docker", DAEMON_JSON, "{\"runtimes\":[]}" },
		{ "docker", DAEMON_JSON, "{\"runtimes\":{\"nvbind\":\"x\"}}" },
		{ "containerd", CONTAINERD_TOML, "version = 2\nplugins = \"x\"\n" },
	};
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		put(r, cases[i].path, cases[i].text);
		undo_engine(r, cases[i].engine);
		assert_file(r, cases[i].path, cases[i].text);
	}
}

static void test_type_changed_since(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	put(r, DAEMON_JSON, "{}");
	set_up_engine(r, "docker");
	put(r, DAEMON_JSON, "{\"runtimes\":{\"nvbind\":[\"mine\"]}}");
	p = do_it(r, "docker", true);
	assert_true(warns(p, "'runtimes.nvbind' has been changed since"));
	assert_file(r, DAEMON_JSON, "{\"runtimes\":{\"nvbind\":[\"mine\"]}}");
}

/* What is remembered of one file does not depend on another one. */
static void test_another_file_is_broken(void **state)
{
	struct root *r = *state;

	options.config = "/srv/mine.toml";
	put(r, options.config, "version = 2\n");
	set_up_engine(r, "containerd");
	options.config = NULL;
	put(r, CONTAINERD_TOML, "version = 2\n[plugins\n");
	undo_engine(r, "containerd");
	assert_file(r, "/srv/mine.toml", "version = 2\n");
	assert_file(r, CONTAINERD_TOML, "version = 2\n[plugins\n");
}

static void test_broken_and_unrecorded(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	put(r, CONTAINERD_TOML, "version = 2\n[plugins\n");
	assert_int_equal(plan(r, "containerd", true, &p), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(r->err), CONTAINERD_TOML ":2:"));
}

static void test_dangling_link(void **state)
{
	struct root *r = *state;

	put(r, "/etc/docker/x", "");
	become_link(r, DAEMON_JSON, "/srv/config/daemon.json");
	assert_refused(r, "docker", NVB_ERR_FAILED, "'" DAEMON_JSON "' is a link to nothing");
	assert_non_null(nvb_error_get_hint(r->err));
	assert_true(is_link(r, DAEMON_JSON));
	assert_int_equal(root_mode(r, "srv"), 0);
	/* A directory of the way, too. */
	become_link(r, "/etc/containers", "/srv/nowhere");
	assert_refused(r, "podman", NVB_ERR_FAILED, "'/etc/containers' is a link to nothing");
	assert_int_equal(root_mode(r, "srv"), 0);
}

/* Our new file was moved away and a link put in its place: the link is not ours. */
static void test_moved_and_linked(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	set_up_engine(r, "docker");
	put(r, "/srv/x", "");
	assert_int_equal(renameat(r->fd, &DAEMON_JSON[1], r->fd, "srv/daemon.json"), 0);
	become_link(r, DAEMON_JSON, "/srv/daemon.json");
	p = do_it(r, "docker", true);
	assert_true(is_link(r, DAEMON_JSON));
	assert_file(r, "/srv/daemon.json", "{}\n");
	assert_true(warns(p, "'" DAEMON_JSON "' is a link now: it stays"));
}

static const char *record_name(struct root *r, const char *engine, size_t index)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct string_list names = { 0 };
	size_t n = 0;

	assert_int_equal(host_tree_open(r->path, &tree, NULL), 0);
	assert_int_equal(host_tree_list(&tree, r->a, "/state/setup", &names), 0);
	vec_foreach (const char *, name, &names)
		if (strncmp(*name, engine, strlen(engine)) == 0 && n++ == index)
			return arena_printf(r->a, "/state/setup/%s", *name);
	fail_msg("no record %zu of %s", index, engine);
	return NULL;
}

/* It says where the record is, and there is a way on. */
static void test_damaged_record(void **state)
{
	struct setup_plan *p = NULL;
	struct root *r = *state;
	const char *name, *text;

	set_up_engine(r, "podman");
	name = record_name(r, "podman", 0);
	put(r, name, "{ \"version\": 1 }");
	assert_int_equal(plan(r, "podman", true, &p), NVB_ERR_FORMAT);
	text = nvb_error_message(r->err);
	assert_non_null(strstr(text, arena_printf(r->a, "'%s%s'", r->path, name)));
	assert_non_null(strstr(nvb_error_get_hint(r->err), "move it away"));
	assert_int_equal(unlinkat(r->fd, name + 1, 0), 0);
	undo_engine(r, "podman");
	assert_file(r, DROP_IN,
		"# Written by 'nvbind setup', which takes it away again with --undo.\n");
}

static void test_damaged_record_of_another_file(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	options.config = "/srv/daemon.json";
	set_up_engine(r, "docker");
	put(r, record_name(r, "docker", 0), "[");
	options.config = NULL;
	set_up_engine(r, "docker");
	p = do_it(r, "docker", true);
	assert_file(r, DAEMON_JSON, NULL);
	assert_true(warns(p, "/state/setup/docker-"));
	setup_plan_free(p);
	/* Nor does it take the way out of who has no record. */
	put(r, DAEMON_JSON, "{\"runtimes\":{\"nvbind\":{\"path\":\"" RUNTIME "\"}}}");
	p = do_it(r, "docker", true);
	assert_file(r, DAEMON_JSON, "{}");
	assert_true(warns(p, "/state/setup/docker-"));
}

static void test_lost_record_is_told(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	options.set_default = true;
	put(r, DAEMON_JSON, "{ \"default-runtime\": \"nvidia\" }\n");
	set_up_engine(r, "docker");
	assert_int_equal(path_remove_tree(r->fd, "state"), 0);
	p = do_it(r, "docker", true);
	assert_true(warns(p, "not remembered"));
	setup_plan_free(p);
	/* Where there was nothing of ours, nothing is to be told. */
	p = do_it(r, "docker", true);
	assert_int_equal(p->warnings.n, 0);
}

/* Without --default, a default of an earlier set-up stays: that must not go unsaid. */
static void test_default_stays(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	options.set_default = true;
	set_up_engine(r, "docker");
	options.set_default = false;
	p = do_it(r, "docker", false);
	assert_int_equal(p->changes.n, 0);
	assert_int_equal(p->notes.n, 1);
	assert_non_null(strstr(p->notes.items[0], "stays the default"));
}

/* A reload of Docker unsets nothing, and reads no more than the runtimes. */
static void test_what_makes_it_count(void **state)
{
	static const struct {
		struct setup_options options;
		const char *before, *command;
		bool undo;
	} cases[] = {
		{ { 0 }, "{}", "systemctl reload docker", false },
		{ { .set_default = true }, "{}", "systemctl reload docker", false },
		{ { .set_default = true }, "{}", "systemctl restart docker", true },
		{ { .cdi = true }, "{}", "systemctl restart docker", false },
		{ { .cdi = true }, "{\"features\": {\"cdi\": false}}", "systemctl restart docker",
			false },
		{ { .cdi = true }, "{\"features\": {\"cdi\": true}}", "systemctl reload docker",
			false },
		{ { .stand_in = true }, "{}", "systemctl restart docker", false },
	};
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;

		options = cases[i].options;
		options.runtime_path = RUNTIME;
		put(r, DAEMON_JSON, cases[i].before);
		p = do_it(r, "docker", false);
		if (cases[i].undo) {
			setup_plan_free(p);
			p = do_it(r, "docker", true);
		} else {
			undo_engine(r, "docker");
		}
		assert_string_equal(p->activation, cases[i].command);
		assert_file(r, DAEMON_JSON, cases[i].before);
	}
}

/* A runtime 'nvidia' of others is theirs, whatever it is. */
static void test_stand_in_of_others(void **state)
{
	static const struct {
		const char *engine, *path, *text, *note;
	} cases[] = {
		{ "docker", DAEMON_JSON, "{\"runtimes\": {\"nvidia\": {\"path\": \"/opt/n\"}}}",
			"'/opt/n'" },
		{ "docker", DAEMON_JSON,
			"{\"runtimes\": {\"nvidia\": {\"runtimeType\": \"io.x\"}}}", "io.x" },
		{ "podman", "/etc/containers/containers.conf",
			"[engine.runtimes]\nnvidia = [\"/opt/n\"]\n", "'/opt/n'" },
		{ "containerd", CONTAINERD_TOML,
			"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes."
			"nvidia]\nruntime_type = \"x\"\n",
			"'nvidia'" },
		{ "crio", "/etc/crio/crio.conf",
			"[crio.runtime.runtimes.nvidia]\nruntime_path = \"/opt/n\"\n", "'/opt/n'" },
	};
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;

		options.stand_in = true;
		put(r, cases[i].path, cases[i].text);
		p = do_it(r, cases[i].engine, false);
		assert_int_equal(p->notes.n, 1);
		assert_non_null(strstr(p->notes.items[0], cases[i].note));
		assert_null(strstr(p->changes.items[0].after, "nvidia-container-runtime"));
		options.stand_in = false;
		undo_engine(r, cases[i].engine);
		assert_file(r, cases[i].path, cases[i].text);
	}
}

/* Without a record, the path says whose it is only as long as it leads to us. */
static void test_stand_in_is_not_remembered(void **state)
{
	const char *text = "{\"runtimes\": {\"nvidia\": {\"path\": "
			   "\"/usr/bin/nvidia-container-runtime\"}}}";
	struct root *r = *state;

	put(r, DAEMON_JSON, text);
	put(r, "/usr/bin/nvidia-container-runtime", "theirs");
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, text);
	assert_int_equal(unlinkat(r->fd, "usr/bin/nvidia-container-runtime", 0), 0);
	become_link(r, "/usr/bin/nvidia-container-runtime", "nvbind-runtime");
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "{}");
}

/* Links that two engines asked for go with the second. */
static void test_links_of_two(void **state)
{
	struct root *r = *state;

	options.stand_in = true;
	set_up_engine(r, "docker");
	set_up_engine(r, "podman");
	options.stand_in = false;
	undo_engine(r, "docker");
	assert_true(is_link(r, "/usr/bin/nvidia-container-cli"));
	undo_engine(r, "podman");
	assert_int_equal(root_mode(r, "usr/bin/nvidia-container-cli"), 0);
	assert_int_equal(count_records(r), 0);
}

/* What cannot be done is found before anything is done. */
static void test_no_directory_for_links(void **state)
{
	struct root *r = *state;

	options.stand_in = true;
	options.runtime_path = "/opt/none/nvbind-runtime";
	put(r, DAEMON_JSON, "{}");
	assert_refused(r, "docker", NVB_ERR_FAILED, "beside '/opt/none/nvbind-runtime'");
	assert_file(r, DAEMON_JSON, "{}");
}

/* A step that fails behind another one says what has been done. */
static void test_second_step_fails(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	options.stand_in = true;
	put(r, DAEMON_JSON, "{}");
	assert_int_equal(plan(r, "docker", false, &p), 0);
	put(r, "/usr/bin/nvidia-container-cli", "theirs");
	assert_int_equal(apply(r, p), NVB_ERR_FAILED);
	assert_non_null(strstr(nvb_error_message(r->err), "'" DAEMON_JSON "' is changed already"));
	assert_non_null(strstr(nvb_error_message(r->err), "nvbind setup docker --undo"));
	assert_file(r, "/usr/bin/nvidia-container-cli", "theirs");
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "{}");
	assert_file(r, "/usr/bin/nvidia-container-cli", "theirs");
	assert_int_equal(count_records(r), 0);
}

/* A second set-up that fails leaves what the first one remembered, to the byte. */
static void test_second_set_up_fails(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	root_become_ordinary(r);
	put(r, DAEMON_JSON, "");
	set_up_engine(r, "docker");
	options.set_default = true;
	assert_int_equal(plan(r, "docker", false, &p), 0);
	root_dir(r, "etc/docker", 0555);
	assert_int_equal(apply(r, p), NVB_ERR_PERMISSION);
	root_dir(r, "etc/docker", 0755);
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "");
	root_become_self();
}

/* "Run it as root" is no advice for who is, nor where the cause is another. */
static void test_hint_of_permission(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	put(r, DAEMON_JSON, "{}\n");
	root_become_ordinary(r);
	root_dir(r, "state/setup", 0777);
	assert_int_equal(plan(r, "docker", false, &p), 0);
	assert_int_equal(apply(r, p), NVB_ERR_PERMISSION);
	assert_non_null(strstr(nvb_error_get_hint(r->err), "see its owner and mode"));
	root_become_self();
}

static void test_state_of_others(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	root_dir(r, "state", 0777);
	put(r, DAEMON_JSON, "{}\n");
	assert_int_equal(plan(r, "docker", false, &p), 0);
	assert_int_equal(apply(r, p), NVB_ERR_PERMISSION);
	assert_file(r, DAEMON_JSON, "{}\n");
	root_dir(r, "state", 0755);
	assert_int_equal(apply(r, p), 0);
}

static void test_byte_order_mark(void **state)
{
	struct root *r = *state;

	put(r, DAEMON_JSON, "\xEF\xBB\xBF{\"debug\": true}\r\n");
	set_up_engine(r, "docker");
	assert_file(r, DAEMON_JSON,
		"\xEF\xBB\xBF{\"debug\": true, \"runtimes\": {\"nvbind\": {\"path\": \"" RUNTIME
		"\"}}}\r\n");
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "\xEF\xBB\xBF{\"debug\": true}\r\n");
}

static void test_large_file(void **state)
{
	struct root *r = *state;

	put(r, DAEMON_JSON, "{}");
	assert_int_equal(truncate(arena_printf(r->a, "%s" DAEMON_JSON, r->path), 5 << 20), 0);
	assert_refused(r, "docker", NVB_ERR_LIMIT, "larger than 4 MiB");
}

/* A set-up that was killed has left a file beside its own; the other writes at this moment. */
static void test_left_by_a_killed_one(void **state)
{
	struct root *r = *state;
	const char *dead, *alive;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	dead = arena_printf(r->a, "/etc/crio/crio.conf.d/.99-nvbind.conf.%d.new", (int)pid);
	alive = arena_printf(r->a, "/etc/crio/crio.conf.d/.99-nvbind.conf.%d.new", (int)getppid());
	set_up_engine(r, "crio");
	put(r, dead, "[crio");
	put(r, alive, "[crio");
	assert_int_equal(unlinkat(r->fd, "etc/crio/crio.conf.d/99-nvbind.conf", 0), 0);
	undo_engine(r, "crio");
	assert_file(r, dead, NULL);
	assert_file(r, alive, "[crio");
}

static struct setup_report *check_engine(struct root *r, const char *engine)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct setup_report *report = NULL;

	assert_int_equal(host_tree_open(r->path, &tree, NULL), 0);
	assert_int_equal(
		setup_check(&tree, &options, setup_engine_find(engine), &report, &r->err), 0);
	return report;
}

static void test_check_of_containerd(void **state)
{
	_cleanup_(setup_report_freep) struct setup_report *report = NULL, *loop = NULL;
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	_cleanup_free_ char *text = NULL;
	struct root *r = *state;

	/* Only containerd 2 reads this version, and that knows CDI. */
	put(r, CONTAINERD_TOML,
		"version = 3\ndisabled_plugins = [\"io.containerd.cri.v1.runtime\"]\n");
	report = check_engine(r, "containerd");
	assert_int_equal(report->engines.items[0].cdi, SETUP_YES);
	assert_int_equal(plan(r, "containerd", false, &p), 0);
	assert_true(warns(p, "disables the plugin 'io.containerd.cri.v1.runtime'"));
	setup_plan_free(p);
	options.set_default = true;
	put(r, CONTAINERD_TOML,
		"[plugins.cri.containerd.default_runtime]\n"
		"runtime_type = \"io.containerd.runc.v2\"\n");
	assert_int_equal(plan(r, "containerd", false, &p), 0);
	assert_true(warns(p, "a table 'default_runtime'"));
	assert_int_equal(unlinkat(r->fd, &CONTAINERD_TOML[1], 0), 0);
	become_link(r, CONTAINERD_TOML, "config.toml");
	loop = check_engine(r, "containerd");
	assert_int_equal(setup_report_format_text(loop, &text, NULL), 0);
	assert_null(strstr(text, "not installed"));
	assert_non_null(strstr(text, "Too many levels"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_at_the_same_time),
		TEST(test_links_at_the_same_time),
		TEST(test_type_changed),
		TEST(test_type_changed_since),
		TEST(test_another_file_is_broken),
		TEST(test_broken_and_unrecorded),
		TEST(test_dangling_link),
		TEST(test_moved_and_linked),
		TEST(test_damaged_record),
		TEST(test_damaged_record_of_another_file),
		TEST(test_lost_record_is_told),
		TEST(test_default_stays),
		TEST(test_what_makes_it_count),
		TEST(test_stand_in_of_others),
		TEST(test_stand_in_is_not_remembered),
		TEST(test_links_of_two),
		TEST(test_no_directory_for_links),
		TEST(test_second_step_fails),
		TEST(test_second_set_up_fails),
		TEST(test_hint_of_permission),
		TEST(test_state_of_others),
		TEST(test_byte_order_mark),
		TEST(test_large_file),
		TEST(test_left_by_a_killed_one),
		TEST(test_check_of_containerd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
