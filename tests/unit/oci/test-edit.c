/* SPDX-License-Identifier: Apache-2.0 */
/* A config.json of somebody else, edited: what is added, and that the rest stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json.h"
#include "oci/edit.h"

struct sample {
	struct plan *plan;
	struct json_object *config;
	struct nvb_error *err;
};

static int set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->plan = plan_new();
	assert_non_null(s->plan);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;

	json_putp(&s->config);
	nvb_error_free(s->err);
	plan_free(s->plan);
	free(s);
	return 0;
}

static int try_edit(struct sample *s, const char *text)
{
	json_putp(&s->config);
	assert_int_equal(json_parse(text, strlen(text), &s->config, NULL), 0);
	return oci_edit_plan(s->config, s->plan, &s->err);
}

/* The edited document on one line, without spaces. */
static void expect(struct sample *s, const char *before, const char *after)
{
	_cleanup_free_ char *text = NULL;

	if (try_edit(s, before) < 0)
		fail_msg("%s", nvb_error_message(s->err));
	assert_int_equal(json_format(s->config, JSON_PLAIN, &text, NULL, NULL), 0);
	assert_string_equal(text, after);
}

static struct plan_node *add_node(struct sample *s, const char *path, char type)
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

static struct plan_mount *add_mount(struct sample *s, const char *destination, const char *type)
{
	struct plan_mount *mount = vec_push(s->plan->arena, &s->plan->mounts);

	assert_non_null(mount);
	*mount = (struct plan_mount){ .source = "/s", .destination = destination, .type = type };
	return mount;
}

static void add_text(struct sample *s, struct string_list *list, const char *text)
{
	assert_int_equal(string_list_add(s->plan->arena, list, text), 0);
}

static void test_nothing(void **state)
{
	expect(*state, "{}", "{}");
	expect(*state,
		"{\"a\": 18446744073709551615, \"b\": -9223372036854775808, \"c\": 1.50, \"d\": "
		"null}",
		"{\"a\":18446744073709551615,\"b\":-9223372036854775808,\"c\":1.50,\"d\":null}");
}

static void test_process(void **state)
{
	struct sample *s = *state;
	uint32_t *gid = vec_push(s->plan->arena, &s->plan->additional_gids);

	*gid = 44;
	add_text(s, &s->plan->env, "A=new");
	add_text(s, &s->plan->env, "B=b");
	expect(s, "{\"process\": {\"env\": [\"AA=1\", \"A=old\"], \"x\": [1]}}",
		"{\"process\":{\"env\":[\"AA=1\",\"A=new\",\"B=b\"],\"x\":[1],"
		"\"user\":{\"additionalGids\":[44]}}}");
	expect(s, "{\"process\": {\"user\": {\"additionalGids\": [7, 44]}}}",
		"{\"process\":{\"user\":{\"additionalGids\":[7,44]},\"env\":[\"A=new\",\"B=b\"]}}");
	assert_int_equal(try_edit(s, "{\"process\": {\"env\": \"A=1\"}}"), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(s->err), "'process.env'"));
}

static void test_nodes(void **state)
{
	struct sample *s = *state;

	(void)add_node(s, "/dev/a", 'c');
	expect(s, "{\"linux\": {\"devices\": [{\"path\": \"/dev/a\"}, {\"path\": \"/dev/b\"}]}}",
		"{\"linux\":{\"devices\":[{\"path\":\"/dev/a\",\"type\":\"c\",\"major\":195,"
		"\"minor\":1,\"fileMode\":432,\"uid\":0,\"gid\":44},{\"path\":\"/dev/b\"}],"
		"\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":195,"
		"\"minor\":1,\"access\":\"rw\"}]}}}");
}

/* No rule without permissions, no numbers of a FIFO, and no list that nothing goes into. */
static void test_nodes_without_rules(void **state)
{
	struct sample *s = *state;
	struct plan_node *node = add_node(s, "/dev/a", 'p');

	node->permissions = "";
	node->exists = false;
	node->mode = node->gid = 0;
	expect(s, "{}", "{\"linux\":{\"devices\":[{\"path\":\"/dev/a\",\"type\":\"p\"}]}}");
	node->mode = 0640;
	node->type = 'c';
	expect(s, "{}",
		"{\"linux\":{\"devices\":[{\"path\":\"/dev/a\",\"type\":\"c\","
		"\"major\":195,\"minor\":1,\"fileMode\":416}]}}");
}

static void test_stand_in_is_bound(void **state)
{
	struct sample *s = *state;

	(void)add_node(s, "/dev/a", 0);
	expect(s, "{}",
		"{\"mounts\":[{\"destination\":\"/dev/a\",\"type\":\"bind\",\"source\":"
		"\"/host/node\",\"options\":[\"bind\",\"nosuid\",\"noexec\"]}]}");
}

static void expect_order(struct sample *s, const char *before, const char *const *order, size_t n)
{
	struct json_object *mounts = NULL, *destination = NULL;

	assert_int_equal(try_edit(s, before), 0);
	assert_true(json_object_object_get_ex(s->config, "mounts", &mounts));
	assert_int_equal(json_object_array_length(mounts), n);
	for (size_t i = 0; i < n; i++) {
		assert_true(json_object_object_get_ex(
			json_object_array_get_idx(mounts, i), "destination", &destination));
		assert_string_equal(json_object_get_string(destination), order[i]);
	}
}

/* The document's own mounts too: one on /usr/lib would cover that on /usr/lib/x. */
static void test_mount_order(void **state)
{
	static const char *const order[] = { "/proc", "/z", "/dev/b//", "/dev/a", "/usr/lib",
		"/usr/lib/x" };
	struct sample *s = *state;
	struct json_object *first = NULL;

	(void)add_mount(s, "/usr/lib", NULL);
	(void)add_mount(s, "/proc", "tmpfs");
	add_text(s, &add_mount(s, "/z", NULL)->options, "ro");
	expect_order(s,
		"{\"mounts\": [{\"destination\": \"/usr/lib/x\", \"x\": 1}, {\"destination\": "
		"\"/dev/b//\"},"
		"{\"destination\": \"/dev/a\"}, {\"destination\": \"/proc\", \"type\": \"proc\"}],"
		"\"last\": 1}",
		order, ELEMENTS(order));
	assert_true(json_object_object_get_ex(s->config, "mounts", &first));
	assert_string_equal(json_object_to_json_string_ext(json_object_array_get_idx(first, 0),
				    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		"{\"destination\":\"/proc\",\"type\":\"tmpfs\",\"source\":\"/s\",\"options\":[]}");
}

static void test_hooks(void **state)
{
	struct sample *s = *state;
	struct plan_hook *hook = vec_push(s->plan->arena, &s->plan->hooks);

	*hook = (struct plan_hook){ .name = "createContainer", .path = "/h" };
	expect(s, "{\"hooks\": {\"createContainer\": [{\"path\": \"/old\"}], \"poststop\": []}}",
		"{\"hooks\":{\"createContainer\":[{\"path\":\"/old\"},{\"path\":\"/h\",\"args\":[],"
		"\"env\":[]}],\"poststop\":[]}}");
}

static void test_machine_parts(void **state)
{
	struct sample *s = *state;
	struct plan_net_device *device = vec_push(s->plan->arena, &s->plan->net_devices);
	struct plan_rdt rdt = { .clos_id = "gold", .enable_monitoring = true };

	*device = (struct plan_net_device){ .host_name = "eth7", .name = "net0" };
	s->plan->rdt = &rdt;
	add_text(s, &rdt.schemata, "L3:0=f");
	expect(s,
		"{\"linux\": {\"netDevices\": {\"eth1\": {}}, \"intelRdt\": {\"closID\": "
		"\"old\"}}}",
		"{\"linux\":{\"netDevices\":{\"eth1\":{},\"eth7\":{\"name\":\"net0\"}},"
		"\"intelRdt\":{\"closID\":\"gold\",\"schemata\":[\"L3:0=f\"],"
		"\"enableMonitoring\":true}}}");
	assert_int_equal(try_edit(s, "{\"linux\": []}"), NVB_ERR_FORMAT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_process),
		TEST(test_nodes),
		TEST(test_nodes_without_rules),
		TEST(test_stand_in_is_bound),
		TEST(test_mount_order),
		TEST(test_hooks),
		TEST(test_machine_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
