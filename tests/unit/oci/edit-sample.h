/* SPDX-License-Identifier: Apache-2.0 */
/* A plan, and a document that it is added to. */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/path.h"
#include "format/json.h"
#include "oci/edit.h"

struct sample {
	struct plan *plan;
	struct json_object *config;
	struct nvb_error *err;
};

static inline int set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->plan = plan_new();
	assert_non_null(s->plan);
	*state = s;
	return 0;
}

static inline int tear_down(void **state)
{
	struct sample *s = *state;

	json_putp(&s->config);
	nvb_error_free(s->err);
	plan_free(s->plan);
	free(s);
	return 0;
}

static inline int try_edit(struct sample *s, const char *text)
{
	json_putp(&s->config);
	assert_int_equal(json_parse(text, strlen(text), &s->config, NULL), 0);
	return oci_edit_plan(s->config, s->plan, &s->err);
}

/* The edited document on one line, without spaces. */
static inline void expect(struct sample *s, const char *before, const char *after)
{
	_cleanup_free_ char *text = NULL;

	if (try_edit(s, before) < 0)
		fail_msg("%s", nvb_error_message(s->err));
	assert_int_equal(json_format(s->config, JSON_PLAIN, &text, NULL, NULL), 0);
	assert_string_equal(text, after);
}

static inline struct json_object *devices_of(struct sample *s)
{
	struct json_object *linux_part, *devices;

	assert_true(json_object_object_get_ex(s->config, "linux", &linux_part));
	assert_true(json_object_object_get_ex(linux_part, "devices", &devices));
	return devices;
}

static inline struct plan_node *add_node(struct sample *s, const char *path, char type)
{
	struct plan_node *node = vec_push(s->plan->arena, &s->plan->nodes);

	assert_non_null(node);
	*node = (struct plan_node){ .path = path,
		.host_path = "/host/node",
		.type = type,
		.major = 195,
		.minor = 1,
		.mode = 0660,
		.gid = 44,
		.exists = true,
		.permissions = "rw" };
	return node;
}

static inline struct plan_mount *add_mount(
	struct sample *s, const char *destination, const char *type)
{
	struct plan_mount *mount = vec_push(s->plan->arena, &s->plan->mounts);

	assert_non_null(mount);
	*mount = (struct plan_mount){ .source = "/s", .destination = destination, .type = type };
	return mount;
}

static inline void add_text(struct sample *s, struct string_list *list, const char *text)
{
	assert_int_equal(string_list_add(s->plan->arena, list, text), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
