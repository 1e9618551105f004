/* SPDX-License-Identifier: Apache-2.0 */
/* A config.json of somebody else, edited: what is added, and that the rest stays. */
#include "edit-sample.h"

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

/* As it stands in a bundle that is seen again, and as engines write it. */
static void test_hook_is_there(void **state)
{
	static const char *const same[] = {
		"{\"path\":\"/h\",\"args\":[\"h\",\"x\"],\"env\":[],\"timeout\":7}",
		"{\"timeout\":7,\"args\":[\"h\",\"x\"],\"path\":\"/h\"}",
	};
	static const char *const others[] = {
		"{\"path\":\"/i\",\"args\":[\"h\",\"x\"],\"env\":[],\"timeout\":7}",
		"{\"path\":\"/h\",\"args\":[\"h\"],\"env\":[],\"timeout\":7}",
		"{\"path\":\"/h\",\"args\":[\"h\",\"x\"],\"env\":[\"A=1\"],\"timeout\":7}",
		"{\"path\":\"/h\",\"args\":[\"h\",\"x\"],\"env\":[]}",
		"{}",
		"7",
	};
	struct sample *s = *state;
	struct plan_hook *hook = vec_push(s->plan->arena, &s->plan->hooks);
	char before[256], after[512];

	*hook = (struct plan_hook){ .name = "createContainer", .path = "/h", .timeout_s = 7 };
	add_text(s, &hook->args, "h");
	add_text(s, &hook->args, "x");
	for (size_t i = 0; i < ELEMENTS(same); i++) {
		(void)snprintf(before, sizeof(before),
			"{\"hooks\":{\"createContainer\":[{\"path\":\"/old\"},%s]}}", same[i]);
		expect(s, before, before);
	}
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		(void)snprintf(before, sizeof(before), "{\"hooks\":{\"createContainer\":[%s]}}",
			others[i]);
		(void)snprintf(after, sizeof(after), "{\"hooks\":{\"createContainer\":[%s,%s]}}",
			others[i], same[0]);
		expect(s, before, after);
	}
	/* At another time it is another one. */
	(void)snprintf(before, sizeof(before), "{\"hooks\":{\"poststop\":[%s]}}", same[0]);
	(void)snprintf(after, sizeof(after),
		"{\"hooks\":{\"poststop\":[%s],\"createContainer\":[%s]}}", same[0], same[0]);
	expect(s, before, after);
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

/* A rule counts until a later one takes it back. */
static void test_rule_order(void **state)
{
	static const char rule[] =
		"{\"allow\":true,\"type\":\"c\",\"major\":195,\"minor\":1,\"access\":\"rw\"}";
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct sample *s = *state;

	(void)add_node(s, "/dev/a", 'c');
	assert_true(asprintf(&before,
			    "{\"linux\":{\"resources\":{\"devices\":[%s,{\"allow\":false}]}}}",
			    rule) > 0);
	assert_true(asprintf(&after,
			    "{\"linux\":{\"resources\":{\"devices\":[%s,{\"allow\":false},%s]},"
			    "\"devices\":[{\"path\":\"/dev/a\",\"type\":\"c\",\"major\":195,"
			    "\"minor\":1,\"fileMode\":432,\"uid\":0,\"gid\":44}]}}",
			    rule, rule) > 0);
	expect(s, before, after);
	expect(s, after, after);
}

#define MANY_NODES 5000

/* A driver's whole table, onto a document that has half of it, with each path and rule once. */
static void test_many_nodes(void **state)
{
	struct sample *s = *state;
	_cleanup_free_ char *once = NULL;
	const char *twice;

	for (unsigned i = 0; i < MANY_NODES / 2; i++) {
		struct plan_node *node = add_node(s, "", 'c');

		node->path = arena_printf(s->plan->arena, "/dev/cap%u", i);
		assert_non_null(node->path);
		node->minor = i;
	}
	assert_int_equal(try_edit(s, "{}"), 0);
	assert_int_equal(json_format(s->config, JSON_PLAIN, &once, NULL, NULL), 0);
	for (unsigned i = MANY_NODES / 2; i < MANY_NODES; i++) {
		struct plan_node *node = add_node(s, "", 'c');

		node->path = arena_printf(s->plan->arena, "/dev/cap%u", i);
		assert_non_null(node->path);
		node->minor = i;
	}
	assert_int_equal(try_edit(s, once), 0);
	assert_int_equal(json_object_array_length(devices_of(s)), MANY_NODES);
	for (unsigned i = 0; i < MANY_NODES; i++) {
		struct json_object *item = json_object_array_get_idx(devices_of(s), i), *path;

		assert_true(json_object_object_get_ex(item, "path", &path));
		assert_string_equal(json_object_get_string(path), s->plan->nodes.items[i].path);
	}
	twice = json_object_to_json_string(s->config);
	for (unsigned n = 0; n < 2; n++, twice++) {
		twice = strstr(twice, "\"minor\": 77,");
		assert_non_null(twice); /* the node and its rule */
	}
	assert_null(strstr(twice, "\"minor\": 77,"));
}

static void test_variable_twice(void **state)
{
	struct sample *s = *state;

	add_text(s, &s->plan->env, "A=new");
	expect(s, "{\"process\": {\"env\": [\"A=1\", \"B=\", \"A=2\"]}}",
		"{\"process\":{\"env\":[\"A=new\",\"B=\",\"A=new\"]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_process),
		TEST(test_nodes),
		TEST(test_nodes_without_rules),
		TEST(test_stand_in_is_bound),
		TEST(test_mount_order),
		TEST(test_hooks),
		TEST(test_hook_is_there),
		TEST(test_machine_parts),
		TEST(test_rule_order),
		TEST(test_many_nodes),
		TEST(test_variable_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
