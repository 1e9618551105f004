/* SPDX-License-Identifier: Apache-2.0 */
/* A machine to set up engines on, below a directory of its own. */
#pragma once

#include <stdlib.h>

#include "../engine/root.h"

#include "base/strbuf.h"
#include "host/tree.h"
#include "setup/record.h"
#include "setup/setup.h"

#define RUNTIME	    "/usr/bin/nvbind-runtime"
#define DAEMON_JSON "/etc/docker/daemon.json"

/* What the tests of this file share: one machine, one set of options. */
static struct setup_options options;

static inline void put(struct root *r, const char *path, const char *text)
{
	const char *name = path_base_name(path);
	_cleanup_free_ char *directory = strndup(path, (size_t)(name - path));
	_cleanup_close_ int fd = path_mkdir_all_in(r->fd, directory, 0755);

	assert_true(fd >= 0);
	assert_int_equal(file_replace_at(fd, name, text, strlen(text), 0644), 0);
}

static inline void assert_file(struct root *r, const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	errint_t e = file_read_in(r->fd, path, 1 << 20, &text, NULL);

	if (!expected) {
		assert_int_equal(e, -ENOENT);
		return;
	}
	assert_int_equal(e, 0);
	assert_string_equal(text, expected);
}

static inline int plan(struct root *r, const char *engine, bool undo, struct setup_plan **ret)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;

	nvb_error_clear(&r->err);
	assert_int_equal(host_tree_open(r->path, &tree, NULL), 0);
	return undo ? setup_plan_undo(setup_engine_find(engine), &tree, &options, ret, &r->err)
		    : setup_plan_make(setup_engine_find(engine), &tree, &options, ret, &r->err);
}

static inline int apply(struct root *r, const struct setup_plan *p)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;

	nvb_error_clear(&r->err);
	assert_int_equal(host_tree_open(r->path, &tree, NULL), 0);
	return setup_plan_apply(p, &tree, &r->err);
}

/* Plans and does it; returns the plan for a look at its warnings. */
static inline struct setup_plan *do_it(struct root *r, const char *engine, bool undo)
{
	struct setup_plan *p = NULL;

	if (plan(r, engine, undo, &p) < 0 || apply(r, p) < 0)
		fail_msg("%s", nvb_error_message(r->err));
	return p;
}

static inline void set_up_engine(struct root *r, const char *engine)
{
	setup_plan_free(do_it(r, engine, false));
}

static inline void undo_engine(struct root *r, const char *engine)
{
	setup_plan_free(do_it(r, engine, true));
}

static inline void assert_refused(
	struct root *r, const char *engine, int status, const char *message)
{
	struct setup_plan *p = NULL;

	assert_int_equal(plan(r, engine, false, &p), status);
	assert_null(p);
	if (!strstr(nvb_error_message(r->err), message))
		fail_msg("'%s' is not in '%s'", message, nvb_error_message(r->err));
}

static inline int set_up(void **state)
{
	struct root *r;

	if (root_set_up(state) < 0)
		return -1;
	r = *state;
	options = (struct setup_options){ .runtime_path = RUNTIME };
	put(r, RUNTIME, "");
	return setenv("NVBIND_STATE_DIR", arena_printf(r->a, "%s/state", r->path), 1);
}

static inline size_t count_records(struct root *r)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct string_list names = { 0 };
	size_t n = 0;

	assert_int_equal(host_tree_open(r->path, &tree, NULL), 0);
	assert_int_equal(host_tree_list(&tree, r->a, "/state/setup", &names), 0);
	vec_foreach (const char *, name, &names)
		n += (*name)[0] != '.';
	return n;
}

static inline bool warns(const struct setup_plan *p, const char *text)
{
	vec_foreach (const char *, warning, &p->warnings)
		if (strstr(*warning, text))
			return true;
	return false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, root_tear_down)
