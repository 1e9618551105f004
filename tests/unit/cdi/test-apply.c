/* SPDX-License-Identifier: Apache-2.0 */
/* Specifications of others, applied: what a plan then holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../host/scratch-tree.h"
#include "base/strbuf.h"
#include "cdi/apply.h"
#include "cdi/document.h"

struct applied {
	struct cdi_spec *spec;
	struct plan *plan;
	struct nvb_error *err;
	int r;
};

static void applied_done(struct applied *a)
{
	plan_free(a->plan);
	cdi_spec_free(a->spec);
	nvb_error_free(a->err);
}

static struct cdi_spec *parse(const struct scratch *s, const char *edits, const char *device_edits)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(8192);
	struct cdi_spec *spec = NULL;
	struct nvb_error *err = NULL;

	(void)s;
	strbuf_printf(&b,
		"{\"cdiVersion\": \"1.1.0\", \"kind\": \"a.com/x\", \"containerEdits\": {%s}, "
		"\"devices\": [{\"name\": \"0\", \"containerEdits\": {%s}},"
		"{\"name\": \"1\", \"containerEdits\": {\"env\": [\"ONE=1\"]}}]}",
		edits, device_edits);
	if (cdi_document_parse(strbuf_str(&b), strlen(strbuf_str(&b)), CDI_FORMAT_JSON,
		    "/spec.json", &spec, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return spec;
}

static void apply_devices(const struct scratch *s, struct applied *a, const struct string_list *env)
{
	struct cdi_found found[2] = { 0 };
	struct cdi_found_list list = { .items = found, .n = a->spec->devices.n };
	const struct cdi_apply_options options = {
		.devices = &list, .tree = &s->tree, .user_env = env
	};

	for (size_t i = 0; i < list.n; i++)
		found[i] =
			(struct cdi_found){ .spec = a->spec, .device = &a->spec->devices.items[i] };
	a->plan = plan_new();
	assert_non_null(a->plan);
	a->r = cdi_apply_to_plan(&options, a->plan, &a->err);
}

/* "@" in the edits stands for the scratch directory. */
static struct applied apply(const struct scratch *s, const char *edits)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(8192);
	struct applied a = { 0 };

	for (const char *p = edits; *p; p++) {
		if (*p == '@')
			strbuf_str_add(&b, s->directory);
		else
			strbuf_char_add(&b, *p);
	}
	a.spec = parse(s, "", strbuf_str(&b));
	apply_devices(s, &a, NULL);
	return a;
}

static struct applied apply_well(const struct scratch *s, const char *edits)
{
	struct applied a = apply(s, edits);

	if (a.r < 0)
		fail_msg("%s: %s", edits, nvb_error_message(a.err));
	return a;
}

static void expect_refusal(const struct scratch *s, const char *edits, const char *part)
{
	_cleanup_(applied_done) struct applied a = apply(s, edits);

	assert_int_equal(a.r, NVB_ERR_DRIVER);
	if (!strstr(nvb_error_message(a.err), part))
		fail_msg("'%s' is not in: %s", part, nvb_error_message(a.err));
	assert_non_null(strstr(nvb_error_message(a.err), "'/spec.json'"));
}

static void test_nodes(void **state)
{
	static const struct {
		const char *fields;
		char type;
		uint32_t major, minor;
		const char *permissions;
	} cases[] = {
		{ "\"path\": \"@/dev/a\"", 'c', 195, 7, "rw" },
		{ "\"path\": \"/dev/x\", \"hostPath\": \"@/dev/a\"", 'c', 195, 7, "rw" },
		{ "\"path\": \"@/dev/a\", \"hostPath\": \"\"", 'c', 195, 7, "rw" },
		{ "\"path\": \"@/dev/a\", \"type\": \"\", \"permissions\": \"\"", 'c', 195, 7,
			"rw" },
		{ "\"path\": \"@/dev/a\", \"permissions\": \"none\"", 'c', 195, 7, "" },
		{ "\"path\": \"@/dev/a\", \"permissions\": \"rwm\"", 'c', 195, 7, "rwm" },
		/* A minor of 0 is omitted where Go writes the document. */
		{ "\"path\": \"@/dev/none\", \"type\": \"c\", \"major\": 9", 'c', 9, 0, "rw" },
		{ "\"path\": \"@/dev/a\", \"type\": \"c\", \"major\": 9", 'c', 9, 0, "rw" },
		{ "\"path\": \"@/dev/none\", \"type\": \"u\", \"major\": 9, \"minor\": 3", 'c', 9,
			3, "rw" },
		{ "\"path\": \"@/dev/none\", \"type\": \"b\", \"major\": 9", 'b', 9, 0, "rw" },
		{ "\"path\": \"@/dev/a\", \"major\": 0, \"minor\": 0", 'c', 195, 7, "rw" },
		{ "\"path\": \"@/dev/none\", \"type\": \"p\"", 'p', 0, 0, "" },
		{ "\"path\": \"@/dev/stand-in\"", 0, 0, 0, "rw" },
	};
	const struct scratch *s = *state;

	scratch_write(s, "/dev/a", "c 195:7\n");
	scratch_write(s, "/dev/stand-in", "");
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *edits = NULL;
		_cleanup_(applied_done) struct applied a = { 0 };
		const struct plan_node *node;

		assert_true(asprintf(&edits, "\"deviceNodes\": [{%s}]", cases[i].fields) > 0);
		a = apply_well(s, edits);
		assert_int_equal(a.plan->nodes.n, 1);
		node = &a.plan->nodes.items[0];
		assert_int_equal(node->type, cases[i].type);
		assert_int_equal(node->major, cases[i].major);
		assert_int_equal(node->minor, cases[i].minor);
		assert_string_equal(node->permissions, cases[i].permissions);
	}
}

static void test_node_attributes(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(applied_done) struct applied a = apply_well(s,
		"\"deviceNodes\": [{\"path\": \"@/dev/none\", \"type\": \"c\", \"major\": 1, "
		"\"fileMode\": 416, \"uid\": 5, \"gid\": 6}]");

	assert_false(a.plan->nodes.items[0].exists);
	assert_int_equal(a.plan->nodes.items[0].mode, 0640);
	assert_int_equal(a.plan->nodes.items[0].uid, 5);
	assert_int_equal(a.plan->nodes.items[0].gid, 6);
}

static void test_stale(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(applied_done) struct applied a = { 0 };

	scratch_write(s, "/dev/a", "c 195:7\n");
	expect_refusal(s, "\"deviceNodes\": [{\"path\": \"@/dev/none\"}]", "the node '");
	expect_refusal(s, "\"deviceNodes\": [{\"path\": \"@/dev/none\", \"type\": \"c\"}]",
		"does not exist");
	expect_refusal(s, "\"deviceNodes\": [{\"path\": \"@/dev/a\", \"type\": \"b\"}]",
		"has the type 'c', not 'b'");
	expect_refusal(s, "\"mounts\": [{\"hostPath\": \"@/none\", \"containerPath\": \"/m\"}]",
		"the mount's source '");
	expect_refusal(s,
		"\"mounts\": [{\"hostPath\": \"@/dev/a/x\", \"containerPath\": \"/m\", "
		"\"type\": \"none\"}]",
		"/dev/a/x' does not exist");
	a = apply(s, "\"mounts\": [{\"hostPath\": \"@/none\", \"containerPath\": \"/m\"}]");
	assert_non_null(strstr(nvb_error_get_hint(a.err), "nvbind cdi refresh"));
}

static const struct plan_mount *mount_on(const struct applied *a, const char *destination)
{
	vec_foreach (struct plan_mount, m, &a->plan->mounts)
		if (strcmp(m->destination, destination) == 0)
			return m;
	fail_msg("nothing is mounted on '%s'", destination);
	return NULL;
}

static void test_mounts(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(applied_done) struct applied a = { 0 };
	const struct plan_mount *m;

	scratch_directory(s, "/src");
	a = apply_well(s,
		"\"mounts\": [{\"hostPath\": \"@/src\", \"containerPath\": \"/a/b/c\", "
		"\"options\": [\"ro\", \"rbind\"]},"
		"{\"hostPath\": \"tmpfs\", \"containerPath\": \"/t\", \"type\": \"tmpfs\", "
		"\"options\": [\"size=1m\"]},"
		"{\"hostPath\": \"@/src\", \"containerPath\": \"/a/b\", \"type\": \"bind\"},"
		"{\"hostPath\": \"@/src\", \"containerPath\": \"/a\", \"options\": [\"ro\"]},"
		"{\"hostPath\": \"@/src\", \"containerPath\": \"/a\", \"options\": [\"rw\"]}]");
	assert_int_equal(a.plan->mounts.n, 4);
	/* Parents first, else as given. */
	assert_string_equal(a.plan->mounts.items[0].destination, "/t");
	assert_string_equal(a.plan->mounts.items[1].destination, "/a");
	assert_string_equal(a.plan->mounts.items[2].destination, "/a/b");
	m = mount_on(&a, "/t");
	assert_string_equal(m->type, "tmpfs");
	assert_string_equal(m->source, "tmpfs");
	assert_int_equal(m->options.n, 1);
	m = mount_on(&a, "/a");
	assert_null(m->type);
	assert_int_equal(m->options.n, 2);
	assert_string_equal(m->options.items[0], "rw");
	assert_string_equal(m->options.items[1], "bind");
	m = mount_on(&a, "/a/b/c");
	assert_int_equal(m->options.n, 2);
	assert_null(mount_on(&a, "/a/b")->type);
}

/* The spec's own edits once, before the devices'; the user's variables stay. */
static void test_order(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(applied_done) struct applied a = { 0 };
	struct string_list user = { 0 };

	assert_int_equal(string_list_add(s->arena, &user, "MINE=u"), 0);
	a.spec = parse(s,
		"\"env\": [\"A=spec\", \"MINE=spec\"], \"additionalGids\": [0, 7, 7], \"hooks\": "
		"[{\"hookName\": \"createContainer\", \"path\": \"/h\", \"timeout\": 3}]",
		"\"env\": [\"A=device\", \"AB=x\"], \"additionalGids\": [7, 8]");
	apply_devices(s, &a, &user);
	assert_int_equal(a.r, 0);
	assert_int_equal(a.plan->env.n, 3);
	assert_string_equal(a.plan->env.items[0], "A=device");
	assert_string_equal(a.plan->env.items[1], "AB=x");
	assert_string_equal(a.plan->env.items[2], "ONE=1");
	assert_int_equal(a.plan->hooks.n, 1);
	assert_int_equal(a.plan->hooks.items[0].timeout_s, 3);
	assert_int_equal(a.plan->additional_gids.n, 2);
	assert_int_equal(a.plan->additional_gids.items[1], 8);
}

static void test_machine_parts(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(applied_done) struct applied a = apply_well(s,
		"\"netDevices\": [{\"hostInterfaceName\": \"eth7\", \"name\": \"net0\"}],"
		"\"intelRdt\": {\"closID\": \"gold\", \"schemata\": [\"L3:0=f\"], "
		"\"enableMonitoring\": true}");

	assert_int_equal(a.plan->net_devices.n, 1);
	assert_string_equal(a.plan->net_devices.items[0].host_name, "eth7");
	assert_string_equal(a.plan->net_devices.items[0].name, "net0");
	assert_string_equal(a.plan->rdt->clos_id, "gold");
	assert_int_equal(a.plan->rdt->schemata.n, 1);
	assert_true(a.plan->rdt->enable_monitoring);
	assert_null(a.plan->rdt->l3_cache_schema);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nodes),
		TEST(test_node_attributes),
		TEST(test_stale),
		TEST(test_mounts),
		TEST(test_order),
		TEST(test_machine_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
