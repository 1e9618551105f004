/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include "setup/status.h"

static void test_malformed(void **state)
{
	struct root *r = *state;

	put(r, DAEMON_JSON, "{\n  \"debug\": true,\n}\n");
	assert_refused(r, "docker", NVB_ERR_FORMAT, "line 3, column 1");
	put(r, DAEMON_JSON, "{\n  // a comment\n}\n");
	assert_refused(r, "docker", NVB_ERR_FORMAT, "line 2, column 3");
	put(r, DAEMON_JSON, "[]");
	assert_refused(r, "docker", NVB_ERR_FORMAT, "not an object");
	put(r, "/etc/containerd/config.toml", "version = 2\n[plugins\n");
	assert_refused(r, "containerd", NVB_ERR_FORMAT, "/etc/containerd/config.toml:2:");
	put(r, "/etc/crio/crio.conf.d/10.conf", "a = 1\na = 2\n");
	assert_refused(r, "crio", NVB_ERR_FORMAT, "/etc/crio/crio.conf.d/10.conf:2:");
	options.config = "/etc/containers/containers.conf";
	put(r, options.config, "[engine\n");
	assert_refused(r, "podman", NVB_ERR_FORMAT, "containers.conf:1:");
}

static void test_not_a_file(void **state)
{
	struct root *r = *state;
	_cleanup_close_ int fd = path_mkdir_all_in(r->fd, DAEMON_JSON, 0755);

	assert_true(fd >= 0);
	assert_refused(r, "docker", NVB_ERR_IO, "not a regular file");
	assert_int_equal(unlinkat(r->fd, &DAEMON_JSON[1], AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(r->fd, &DAEMON_JSON[1], 0644), 0);
	assert_refused(r, "docker", NVB_ERR_IO, "not a regular file");
}

/* The wrong type in a place of ours: somebody must look at it. */
static void test_cannot_be_edited(void **state)
{
	struct root *r = *state;

	put(r, DAEMON_JSON, "{ \"runtimes\": [] }");
	assert_refused(r, "docker", NVB_ERR_UNSUPPORTED, DAEMON_JSON);
	assert_non_null(strstr(nvb_error_get_hint(r->err), "\"path\": \"" RUNTIME "\""));
	put(r, "/etc/containerd/config.toml", "version = 2\nplugins = 1\n");
	assert_refused(r, "containerd", NVB_ERR_UNSUPPORTED, "config.toml");
	assert_non_null(strstr(nvb_error_get_hint(r->err), "BinaryName = \"" RUNTIME "\""));
}

static void test_link_is_followed(void **state)
{
	struct root *r = *state;
	struct stat st;

	put(r, "/srv/docker.json", "{}\n");
	put(r, "/etc/docker/x", "");
	assert_int_equal(symlinkat("/srv/docker.json", r->fd, &DAEMON_JSON[1]), 0);
	set_up_engine(r, "docker");
	assert_int_equal(fstatat(r->fd, &DAEMON_JSON[1], &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_file(r, "/srv/docker.json",
		"{\n    \"runtimes\": {\n        \"nvbind\": {\n            \"path\": \"" RUNTIME
		"\"\n        }\n    }\n}\n");
	undo_engine(r, "docker");
	assert_int_equal(fstatat(r->fd, &DAEMON_JSON[1], &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_file(r, "/srv/docker.json", "{}\n");
}

static void test_changed_meanwhile(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	put(r, DAEMON_JSON, "{}\n");
	assert_int_equal(plan(r, "docker", false, &p), 0);
	put(r, DAEMON_JSON, "{ }\n");
	assert_int_equal(apply(r, p), NVB_ERR_FAILED);
	assert_file(r, DAEMON_JSON, "{ }\n");
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "{ }\n");
}

/* A value of ours that somebody has replaced is his. */
static void test_replaced_since(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	options.set_default = true;
	put(r, DAEMON_JSON, "{\n  \"debug\": true\n}\n");
	set_up_engine(r, "docker");
	put(r, DAEMON_JSON,
		"{\n  \"runtimes\": { \"nvbind\": { \"path\": \"" RUNTIME "\" } },\n"
		"  \"default-runtime\": \"runc\"\n}\n");
	p = do_it(r, "docker", true);
	assert_int_equal(p->warnings.n, 1);
	assert_non_null(strstr(p->warnings.items[0], "'default-runtime'"));
	assert_file(r, DAEMON_JSON, "{\n  \"default-runtime\": \"runc\"\n}\n");
}

/* set up, changed by hand, set up with more, undone: the change by hand is left. */
static void test_set_up_twice(void **state)
{
	struct root *r = *state;

	put(r, DAEMON_JSON, "{\n  \"debug\": true\n}\n");
	set_up_engine(r, "docker");
	put(r, DAEMON_JSON,
		"{\n  \"debug\": false,\n  \"runtimes\": { \"nvbind\": { \"path\": \"" RUNTIME
		"\" } }\n}\n");
	options.set_default = true;
	set_up_engine(r, "docker");
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "{\n  \"debug\": false\n}\n");
}

static void test_removed_since(void **state)
{
	struct root *r = *state;

	set_up_engine(r, "podman");
	assert_int_equal(unlinkat(r->fd, "etc/containers/containers.conf.d/50-nvbind.conf", 0), 0);
	undo_engine(r, "podman");
	assert_file(r, "/etc/containers/containers.conf.d/50-nvbind.conf", NULL);
}

/* A drop-in of ours that somebody annotated, and one that he used. */
static void test_drop_in_changed(void **state)
{
	struct root *r = *state;
	const char *path = "/etc/containers/containers.conf.d/50-nvbind.conf";

	set_up_engine(r, "podman");
	put(r, path, "# mine too\n[engine.runtimes]\nnvbind = [\"" RUNTIME "\"]\n");
	undo_engine(r, "podman");
	assert_file(r, path, NULL);
	set_up_engine(r, "podman");
	put(r, path,
		"[engine]\ncgroup_manager = \"cgroupfs\"\n[engine.runtimes]\nnvbind = [\"" RUNTIME
		"\"]\n");
	undo_engine(r, "podman");
	assert_file(r, path, "[engine]\ncgroup_manager = \"cgroupfs\"\n");
}

static void test_record_is_lost(void **state)
{
	struct root *r = *state;

	options.set_default = true;
	put(r, DAEMON_JSON, "{\n  \"debug\": true\n}\n");
	set_up_engine(r, "docker");
	assert_int_equal(path_remove_tree(r->fd, "state"), 0);
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "{\n  \"debug\": true\n}\n");
	/* What names another program was not ours. */
	put(r, DAEMON_JSON, "{ \"runtimes\": { \"nvbind\": { \"path\": \"/opt/x\" } } }\n");
	undo_engine(r, "docker");
	assert_file(r, DAEMON_JSON, "{ \"runtimes\": { \"nvbind\": { \"path\": \"/opt/x\" } } }\n");
}

/* The running machine is another one than that below a directory of it. */
static void test_of_another_machine(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct root *r = *state;

	set_up_engine(r, "podman");
	options.config = "/nonexistent/of-this-test.conf";
	assert_int_equal(host_tree_open("/", &tree, NULL), 0);
	assert_int_equal(
		setup_plan_undo(setup_engine_find("podman"), &tree, &options, &p, &r->err), 0);
	assert_int_equal(p->changes.n, 0);
	setup_plan_free(p);
	options.config =
		arena_printf(r->a, "%s/etc/containers/containers.conf.d/50-nvbind.conf", r->path);
	assert_int_equal(
		setup_plan_undo(setup_engine_find("podman"), &tree, &options, &p, &r->err), 0);
	vec_foreach (const struct setup_change, change, &p->changes)
		assert_string_equal(change->record->root, "");
}

static const char *const links[] = { "/usr/bin/nvidia-container-runtime",
	"/usr/bin/nvidia-container-runtime-hook", "/usr/bin/nvidia-container-cli" };

static void test_stand_in(void **state)
{
	struct root *r = *state;
	char target[64] = { 0 };
	struct stat st;

	options.stand_in = true;
	set_up_engine(r, "docker");
	for (size_t i = 0; i < ELEMENTS(links); i++) {
		assert_true(readlinkat(r->fd, links[i] + 1, target, sizeof(target) - 1) > 0);
		assert_string_equal(target, "nvbind-runtime");
		memset(target, 0, sizeof(target));
	}
	/* One that became something else stays. */
	assert_int_equal(unlinkat(r->fd, links[0] + 1, 0), 0);
	put(r, links[0], "theirs");
	undo_engine(r, "docker");
	assert_file(r, links[0], "theirs");
	for (size_t i = 1; i < ELEMENTS(links); i++)
		assert_int_equal(fstatat(r->fd, links[i] + 1, &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_file(r, DAEMON_JSON, NULL);
}

static void test_stand_in_for_what_is_there(void **state)
{
	struct root *r = *state;

	options.stand_in = true;
	put(r, links[1], "theirs");
	assert_refused(r, "docker", NVB_ERR_FAILED, links[1]);
	assert_int_equal(unlinkat(r->fd, links[1] + 1, 0), 0);
	assert_int_equal(symlinkat("/opt/their/hook", r->fd, links[1] + 1), 0);
	assert_refused(r, "docker", NVB_ERR_FAILED, links[1]);
}

static void test_file_of_choice(void **state)
{
	struct root *r = *state;
	const char *text = "[engine]\nevents_logger = \"file\"\n";

	options.config = "/srv/containers.conf";
	options.set_default = true;
	put(r, options.config, text);
	set_up_engine(r, "podman");
	assert_file(r, options.config,
		"[engine]\nevents_logger = \"file\"\nruntime = \"nvbind\"\n[engine.runtimes]\n"
		"nvbind = [\"" RUNTIME "\"]\n");
	/* The one of another choice stays. */
	options.config = "/srv/other.conf";
	set_up_engine(r, "podman");
	undo_engine(r, "podman");
	assert_file(r, options.config, NULL);
	options.config = NULL;
	undo_engine(r, "podman");
	assert_file(r, "/srv/containers.conf", text);
}

static void test_user(void **state)
{
	struct root *r = *state;

	options.user_config = "/home/me/.config";
	set_up_engine(r, "podman");
	assert_file(r, "/home/me/.config/containers/containers.conf.d/50-nvbind.conf",
		"# Written by 'nvbind setup', which takes it away again with --undo.\n\n"
		"[engine.runtimes]\nnvbind = [\"" RUNTIME "\"]\n");
	undo_engine(r, "podman");
	assert_file(r, "/home/me/.config/containers/containers.conf.d/50-nvbind.conf", NULL);
	/* Docker is the machine's, unless he has a daemon of his own. */
	set_up_engine(r, "docker");
	assert_file(r, "/home/me/.config/docker/daemon.json", NULL);
	undo_engine(r, "docker");
	put(r, "/home/me/.config/systemd/user/docker.service", "");
	set_up_engine(r, "docker");
	assert_file(r, DAEMON_JSON, NULL);
}

static void test_no_permission(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	put(r, DAEMON_JSON, "{}\n");
	if (geteuid() != 0)
		assert_int_equal(fchmodat(r->fd, "etc/docker", 0555, 0), 0);
	root_become_ordinary(r);
	assert_int_equal(plan(r, "docker", false, &p), 0);
	assert_int_equal(apply(r, p), NVB_ERR_PERMISSION);
	assert_non_null(strstr(nvb_error_get_hint(r->err), "sudo nvbind setup docker"));
	assert_file(r, DAEMON_JSON, "{}\n");
	assert_int_equal(count_records(r), 0);
	root_become_self();
	assert_int_equal(fchmodat(r->fd, "etc/docker", 0755, 0), 0);
}

static void test_flags_of_dockerd(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL, *quiet = NULL;
	struct root *r = *state;

	put(r, "/etc/default/docker", "#DOCKER_OPTS=\"--default-runtime runc\"\n");
	put(r, "/etc/systemd/system/docker.service.d/x.conf",
		"[Service]\nExecStart=/usr/bin/dockerd --add-runtime a=/a \\\n"
		"  --default-runtime=runc\n");
	assert_int_equal(plan(r, "docker", false, &quiet), 0);
	assert_true(warns(quiet, "--add-runtime"));
	assert_false(warns(quiet, "--default-runtime"));
	options.set_default = true;
	assert_int_equal(plan(r, "docker", false, &p), 0);
	assert_true(warns(p, "docker.service.d/x.conf' gives dockerd --default-runtime"));
	assert_false(warns(p, "/etc/default/docker"));
}

static void test_later_drop_in_of_podman(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	options.set_default = true;
	put(r, "/etc/containers/containers.conf.d/10-a.conf", "[engine]\nruntime = \"crun\"\n");
	put(r, "/etc/containers/containers.conf.d/90-b.conf", "[engine]\nruntime = \"runc\"\n");
	assert_int_equal(plan(r, "podman", false, &p), 0);
	assert_true(warns(p, "90-b.conf"));
	assert_false(warns(p, "10-a.conf"));
}

static void test_later_drop_in_of_others(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *crio = NULL, *containerd = NULL;
	struct root *r = *state;

	options.set_default = true;
	put(r, "/etc/crio/crio.conf.d/10-a.conf", "[crio.runtime]\ndefault_runtime = \"crun\"\n");
	put(r, "/etc/crio/crio.conf.d/99-nvidia.conf",
		"[crio.runtime]\ndefault_runtime = \"nvidia\"\n");
	assert_int_equal(plan(r, "crio", false, &crio), 0);
	assert_int_equal(crio->warnings.n, 1);
	assert_true(warns(crio, "99-nvidia.conf' is read later and makes 'nvidia' the default"));
	put(r, "/etc/containerd/config.toml", "version = 3\nimports = [\"conf.d/*.toml\"]\n");
	put(r, "/etc/containerd/conf.d/99-nvidia.toml",
		"version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd]\n"
		"default_runtime_name = 'nvidia'\n");
	assert_int_equal(plan(r, "containerd", false, &containerd), 0);
	assert_string_equal(
		containerd->changes.items[0].path, "/etc/containerd/conf.d/99-nvbind.toml");
	assert_true(warns(containerd, "99-nvidia.toml"));
}

static void test_imports_in_a_circle(void **state)
{
	struct root *r = *state;

	put(r, "/etc/containerd/config.toml",
		"version = 2\nimports = [\"config.toml\", \"a.toml\"]\n");
	put(r, "/etc/containerd/a.toml",
		"version = 2\nimports = [\"/etc/containerd/config.toml\"]\n");
	set_up_engine(r, "containerd");
	undo_engine(r, "containerd");
	for (unsigned i = 0; i < 70; i++)
		put(r, arena_printf(r->a, "/etc/containerd/many/%u.toml", i), "");
	put(r, "/etc/containerd/a.toml", "imports = [\"many/*.toml\"]\n");
	assert_refused(r, "containerd", NVB_ERR_LIMIT, "imports more than");
}

static void test_runtime_is_missing(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	struct root *r = *state;

	assert_int_equal(unlinkat(r->fd, &RUNTIME[1], 0), 0);
	assert_int_equal(plan(r, "crio", false, &p), 0);
	assert_true(warns(p, "'" RUNTIME "' does not exist"));
}

static void test_difference(void **state)
{
	_cleanup_(setup_plan_freep) struct setup_plan *p = NULL;
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 20);
	struct root *r = *state;

	options.stand_in = true;
	put(r, DAEMON_JSON, "{\"debug\": true}");
	assert_int_equal(plan(r, "docker", false, &p), 0);
	assert_int_equal(setup_plan_format(p, &text, NULL), 0);
	assert_non_null(strstr(strbuf_str(&text), "--- " DAEMON_JSON "\n+++ " DAEMON_JSON "\n@@"));
	assert_non_null(strstr(strbuf_str(&text), "\n-{\"debug\": true}\n"));
	assert_non_null(strstr(strbuf_str(&text),
		"--- /dev/null\n+++ /usr/bin/nvidia-container-cli\n@@ -0,0 +1 @@\n"
		"+nvidia-container-cli -> nvbind-runtime\n"));
	assert_file(r, DAEMON_JSON, "{\"debug\": true}");
}

static struct setup_report *check(struct root *r)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct setup_report *report = NULL;

	assert_int_equal(host_tree_open(r->path, &tree, NULL), 0);
	assert_int_equal(setup_check(&tree, &options, NULL, &report, &r->err), 0);
	return report;
}

static void test_check(void **state)
{
	_cleanup_(setup_report_freep) struct setup_report *report = NULL;
	_cleanup_free_ char *json = NULL, *text = NULL;
	struct root *r = *state;

	put(r, "/usr/bin/dockerd", "");
	put(r, "/usr/bin/podman", "");
	put(r, DAEMON_JSON,
		"{\"runtimes\": {\"nvidia\": {\"path\": \"/n\"}}, \"features\": {\"cdi\": true}}");
	options.set_default = true;
	set_up_engine(r, "podman");
	put(r, "/etc/crio/crio.conf", "[");
	report = check(r);
	assert_int_equal(report->engines.n, 4);
	assert_null(report->engines.items[0].runtime_path);
	assert_string_equal(report->engines.items[0].nvidia_runtime, "/n");
	assert_int_equal(report->engines.items[0].cdi, SETUP_YES);
	assert_string_equal(report->engines.items[0].missing.items[0], "nvbind cdi generate");
	assert_string_equal(report->engines.items[1].runtime_path, RUNTIME);
	assert_true(report->engines.items[1].is_default);
	assert_int_equal(report->engines.items[1].cdi, SETUP_UNKNOWN);
	assert_int_equal(report->engines.items[1].missing.n, 0);
	assert_null(report->engines.items[2].program);
	assert_non_null(strstr(report->engines.items[3].problem, "/etc/crio/crio.conf:1:"));
	assert_int_equal(setup_report_format_json(report, &json, NULL), 0);
	assert_non_null(strstr(json, "\"cdi\": null"));
	assert_int_equal(setup_report_format_text(report, &text, NULL), 0);
	assert_non_null(strstr(text, "containerd: not installed\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_malformed),
		TEST(test_not_a_file),
		TEST(test_cannot_be_edited),
		TEST(test_link_is_followed),
		TEST(test_changed_meanwhile),
		TEST(test_replaced_since),
		TEST(test_set_up_twice),
		TEST(test_removed_since),
		TEST(test_drop_in_changed),
		TEST(test_record_is_lost),
		TEST(test_of_another_machine),
		TEST(test_stand_in),
		TEST(test_stand_in_for_what_is_there),
		TEST(test_file_of_choice),
		TEST(test_user),
		TEST(test_no_permission),
		TEST(test_flags_of_dockerd),
		TEST(test_later_drop_in_of_podman),
		TEST(test_later_drop_in_of_others),
		TEST(test_imports_in_a_circle),
		TEST(test_runtime_is_missing),
		TEST(test_difference),
		TEST(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
