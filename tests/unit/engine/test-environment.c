/* SPDX-License-Identifier: Apache-2.0 */
/* The environment: defaults below the image's below the plan's, each name once. */
#include "root.h"

#include "engine/bolt/environment.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct image image;
static struct plan plan;
static struct container_user user;

static int set_up(void **state)
{
	image = (struct image)IMAGE_INIT;
	plan = (struct plan){ 0 };
	user = (struct container_user){ 0 };
	return root_set_up(state);
}

static struct string_list merge(struct root *r, bool terminal)
{
	struct string_list env = { 0 };

	assert_success(r, environment_merge(&image, &plan, &user, terminal, "box", r->a, &env, &r->err));
	return env;
}

static void test_defaults(void **state)
{
	struct string_list env = merge(*state, false);

	ASSERT_LIST(&env, DEFAULT_PATH, "HOSTNAME=box", "HOME=/root");
	user.uid = 1000;
	env = merge(*state, true);
	ASSERT_LIST(&env, DEFAULT_PATH, "HOSTNAME=box", "HOME=/", "TERM=xterm");
	user.home = "/home/me";
	env = merge(*state, false);
	ASSERT_LIST(&env, DEFAULT_PATH, "HOSTNAME=box", "HOME=/home/me");
}

static void add(struct root *r, struct string_list *list, const char *assignment)
{
	assert_int_equal(string_list_add(r->a, list, assignment), 0);
}

static void test_precedence(void **state)
{
	struct root *r = *state;
	struct string_list env;

	add(r, &image.env, "PATH=/image");
	add(r, &image.env, "A=image");
	add(r, &image.env, "B=image");
	add(r, &image.env, "B=again");
	add(r, &plan.env, "A=plan");
	add(r, &plan.env, "HOME=");
	add(r, &plan.env, "TERM=dumb");
	env = merge(r, true);
	ASSERT_LIST(&env, "PATH=/image", "HOSTNAME=box", "HOME=", "TERM=dumb", "A=plan", "B=again");
}

/* Names that start alike, and what is no assignment at all. */
static void test_odd_entries(void **state)
{
	struct root *r = *state;
	struct string_list env;

	add(r, &image.env, "PATH");
	add(r, &image.env, "");
	add(r, &image.env, "=value");
	add(r, &image.env, "=other");
	add(r, &image.env, "PAT=1");
	add(r, &image.env, "PATHS=2=3");
	env = merge(r, false);
	ASSERT_LIST(&env, DEFAULT_PATH, "HOSTNAME=box", "HOME=/root", "PAT=1", "PATHS=2=3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_precedence, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_odd_entries, set_up, root_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
