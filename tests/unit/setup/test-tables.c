/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files before and after. data/ENGINE/CASE.before is the engine's main file (absent:
 * none), CASE.d/ what it imports, and CASE[+default][+cdi][+names].after the file that the set-up
 * writes with these options. Whatever is set up is done again (nothing), undone (the same bytes),
 * and undone after somebody else changed the file (his change stays).
 */
#include <stdio.h>
#include <stdlib.h>
#include <dirent.h>

#include "../engine/root.h"

#include "base/strbuf.h"
#include "format/json.h"
#include "host/tree.h"
#include "format/document.h"
#include "setup/setup.h"

#define RUNTIME "/usr/bin/nvbind-runtime"
#define LINKS	3

static const struct engine {
	const char *name, *main_file, *imports;
	enum document_format format;
} engines[] = {
	{ "docker", "/etc/docker/daemon.json", NULL, DOCUMENT_JSON },
	{ "podman", "/etc/containers/containers.conf", NULL, DOCUMENT_TOML },
	{ "containerd", "/etc/containerd/config.toml", "/etc/containerd/conf.d", DOCUMENT_TOML },
	{ "crio", "/etc/crio/crio.conf", NULL, DOCUMENT_TOML },
};

struct run {
	struct root *root;
	const struct engine *engine;
	struct host_tree tree;
	struct setup_options options;
	char *label, *name; /* "CASE+default", "CASE" */
};

static const char *data_path(const struct run *run, const char *suffix)
{
	return arena_printf(run->root->a, "%s/tests/unit/setup/data/%s/%s%s",
		getenv("NVBIND_SOURCE_ROOT"), run->engine->name, run->name, suffix);
}

static char *read_path(const char *path)
{
	char *text = NULL;

	return file_read_path(path, 1 << 20, &text, NULL) < 0 ? NULL : text;
}

static char *read_file(const struct run *run, const char *path)
{
	char *text = NULL;

	return file_read_in(run->root->fd, path, 1 << 20, &text, NULL) < 0 ? NULL : text;
}

static void write_file(const struct run *run, const char *path, const char *text)
{
	const char *name = path_base_name(path);
	_cleanup_free_ char *directory = strndup(path, (size_t)(name - path));
	_cleanup_close_ int fd = path_mkdir_all_in(run->root->fd, directory, 0755);

	assert_true(fd >= 0);
	assert_int_equal(file_replace_at(fd, name, text, strlen(text), 0640), 0);
}

static void place_imports(const struct run *run)
{
	const char *from = data_path(run, ".d");
	_cleanup_closedir_ DIR *dir = opendir(from);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *text = NULL;

		if (entry->d_name[0] == '.')
			continue;
		text = read_path(arena_printf(run->root->a, "%s/%s", from, entry->d_name));
		assert_non_null(text);
		write_file(run,
			arena_printf(run->root->a, "%s/%s", run->engine->imports, entry->d_name),
			text);
	}
}

/* A machine with the files of the case alone. */
static void reset(const struct run *run)
{
	_cleanup_free_ char *before = read_path(data_path(run, ".before"));

	(void)path_remove_tree(run->root->fd, "etc");
	(void)path_remove_tree(run->root->fd, "state");
	(void)path_remove_tree(run->root->fd, "usr");
	write_file(run, RUNTIME, "");
	if (before)
		write_file(run, run->engine->main_file, before);
	place_imports(run);
}

static struct setup_plan *make(const struct run *run, bool undo)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct setup_plan *plan = NULL;
	const struct setup_engine *engine = setup_engine_find(run->engine->name);
	int r = undo ? setup_plan_undo(engine, &run->tree, &run->options, &plan, &err)
		     : setup_plan_make(engine, &run->tree, &run->options, &plan, &err);

	if (r < 0)
		fail_msg("%s/%s: %s", run->engine->name, run->label, nvb_error_message(err));
	return plan;
}

static void apply(const struct run *run, const struct setup_plan *plan)
{
	_cleanup_error_ struct nvb_error *err = NULL;

	if (setup_plan_apply(plan, &run->tree, &err) < 0)
		fail_msg("%s/%s: %s", run->engine->name, run->label, nvb_error_message(err));
}

static void assert_text(
	const struct run *run, const char *what, const char *got, const char *expected)
{
	if (!got != !expected || (got && strcmp(got, expected) != 0))
		fail_msg("%s/%s: %s:\n%s\ninstead of:\n%s", run->engine->name, run->label, what,
			got ? got : "(none)", expected ? expected : "(none)");
}

static struct json_object *tree_of(const struct run *run, const char *text)
{
	struct json_object *root = NULL;

	assert_int_equal(
		document_parse(run->engine->format, "text", text ? text : "", &root, NULL), 0);
	return root;
}

/* Something that others may add, and the tree that then is to be left. */
static char *add_foreign(const struct run *run, const char *text)
{
	_cleanup_(document_edits_done) struct document_edits edits = { 0 };
	char *result = NULL;

	assert_int_equal(
		document_edits_add(&edits, run->root->a, &DOCUMENT_PATH("somebody", "else"),
			json_object_new_string("was here"), NULL),
		0);
	assert_int_equal(document_apply(run->engine->format, "text", text ? text : "", &edits,
				 &result, NULL),
		0);
	return result;
}

static void check_undo_of_changed(const struct run *run)
{
	_cleanup_(setup_plan_freep) struct setup_plan *plan = NULL, *back = NULL;
	_cleanup_(json_putp) struct json_object *got = NULL, *expected = NULL;
	_cleanup_free_ char *before = NULL, *now = NULL, *changed = NULL, *wanted = NULL,
			    *left = NULL;
	const char *path;

	reset(run);
	plan = make(run, false);
	path = plan->changes.items[0].path;
	before = read_file(run, path);
	apply(run, plan);
	now = read_file(run, path);
	changed = add_foreign(run, now);
	write_file(run, path, changed);
	back = make(run, true);
	assert_int_equal(back->warnings.n, 0);
	apply(run, back);
	left = read_file(run, path);
	wanted = add_foreign(run, before);
	expected = tree_of(run, wanted);
	got = tree_of(run, left);
	/* A new file of containerd has its version from us; whoever added to it needs it. */
	if (!before)
		json_object_object_del(got, "version");
	if (!json_object_equal(got, expected))
		assert_text(run, "undone after a change", left, wanted);
}

static size_t count_below(int dir_fd)
{
	_cleanup_closedir_ DIR *dir = fdopendir(dir_fd);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		n++;
		if (entry->d_type == DT_DIR)
			n += count_below(openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC));
	}
	return n;
}

/* How many names the machine has: nothing is left behind. */
static size_t list_names(const struct run *run)
{
	int fd = openat(run->root->fd, "etc", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? 0 : count_below(fd);
}

static void check_case(const struct run *run, const char *after)
{
	_cleanup_(setup_plan_freep) struct setup_plan *plan = NULL, *again = NULL, *back = NULL,
						      *nothing = NULL;
	_cleanup_free_ char *before = NULL, *written = NULL, *restored = NULL;
	const struct setup_change *change;
	struct stat st;
	size_t names;

	reset(run);
	names = list_names(run);
	plan = make(run, false);
	if (plan->changes.n != (run->options.stand_in ? 1 + LINKS : 1))
		fail_msg("%s/%s: %zu changes", run->engine->name, run->label, plan->changes.n);
	change = &plan->changes.items[0];
	before = read_file(run, change->path);
	assert_text(run, "before", change->before, before);
	assert_text(run, "after", change->after, after);
	apply(run, plan);
	written = read_file(run, change->path);
	assert_text(run, "written", written, after);
	assert_int_equal(fstatat(run->root->fd, change->path + 1, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, before ? 0640 : 0644);
	again = make(run, false);
	assert_int_equal(again->changes.n, 0);
	back = make(run, true);
	apply(run, back);
	restored = read_file(run, change->path);
	assert_text(run, "undone", restored, before);
	assert_int_equal(list_names(run), names);
	nothing = make(run, true);
	if (nothing->changes.n)
		assert_text(run, "undone again", nothing->changes.items[0].after,
			nothing->changes.items[0].before);
	check_undo_of_changed(run);
}

static void set_label(struct run *run, const char *file)
{
	run->label = strndup(file, strlen(file) - strlen(".after"));
	run->name = strndup(file, strcspn(file, "+."));
	assert_true(run->label && run->name);
	run->options = (struct setup_options){
		.runtime_path = RUNTIME,
		.set_default = strstr(file, "+default"),
		.cdi = strstr(file, "+cdi"),
		.stand_in = strstr(file, "+names"),
	};
}

static void check_file(struct root *root, const struct engine *engine, const char *file)
{
	struct run run = { .root = root, .engine = engine, .tree = HOST_TREE_INIT };
	_cleanup_free_ char *after = NULL;

	set_label(&run, file);
	assert_int_equal(host_tree_open(root->path, &run.tree, NULL), 0);
	after = read_path(arena_printf(root->a, "%s/tests/unit/setup/data/%s/%s",
		getenv("NVBIND_SOURCE_ROOT"), engine->name, file));
	assert_non_null(after);
	check_case(&run, after);
	host_tree_done(&run.tree);
	free(run.label);
	free(run.name);
}

static void check_engine(void **state, const struct engine *engine, size_t at_least)
{
	struct root *root = *state;
	const char *path = arena_printf(
		root->a, "%s/tests/unit/setup/data/%s", getenv("NVBIND_SOURCE_ROOT"), engine->name);
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	assert_int_equal(
		setenv("NVBIND_STATE_DIR", arena_printf(root->a, "%s/state", root->path), 1), 0);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".after") != 0)
			continue;
		check_file(root, engine, entry->d_name);
		n++;
	}
	assert_true(n >= at_least);
}

static void test_docker(void **state)
{
	check_engine(state, &engines[0], 27);
}

static void test_podman(void **state)
{
	check_engine(state, &engines[1], 5);
}

static void test_containerd(void **state)
{
	check_engine(state, &engines[2], 43);
}

static void test_crio(void **state)
{
	check_engine(state, &engines[3], 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_docker, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_podman, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_containerd, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_crio, root_set_up, root_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
