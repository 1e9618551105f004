/* SPDX-License-Identifier: Apache-2.0 */
/* The device cgroup's rules: each node's once, where no rule of the document takes it back. */
#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "oci/edit_build.h"

#define RULE_LIMIT_BYTES 4096

struct rules {
	struct json_object *array;
	/* Those that nothing behind them takes back, as text. */
	struct json_object *in_force;
};

static void rules_done(struct rules *rules)
{
	json_putp(&rules->in_force);
}

bool edit_node_has_rule(const struct edit *e, const struct plan_node *node)
{
	return node->type && node->permissions[0] && !edit_node_is_left_out(e, node);
}

static bool is_denial(struct json_object *rule)
{
	struct json_object *allow = NULL;

	return json_object_object_get_ex(rule, "allow", &allow) && !json_object_get_boolean(allow);
}

static bool get_number(struct json_object *rule, const char *key, int64_t *ret)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(rule, key, &value) ||
		!json_object_is_type(value, json_type_int))
		return false;
	*ret = json_object_get_int64(value);
	return true;
}

/* "c 195:0 rw", malloc'd; NULL: not a rule such as ours, or out of memory. */
static char *format_rule(struct json_object *rule)
{
	const char *type = edit_text_member(rule, "type");
	const char *access = edit_text_member(rule, "access");
	int64_t major, minor;
	char *text;

	if (!type || !access || !get_number(rule, "major", &major) ||
		!get_number(rule, "minor", &minor) ||
		asprintf(&text, "%s %" PRId64 ":%" PRId64 " %s", type, major, minor, access) < 0)
		return NULL;
	return text;
}

/* Of the document. */
static void note_rule(struct edit *e, struct rules *rules, struct json_object *rule)
{
	_cleanup_free_ char *text = NULL;

	if (is_denial(rule)) {
		json_putp(&rules->in_force);
		rules->in_force = json_new_object(&e->b);
		return;
	}
	text = format_rule(rule);
	if (text)
		json_add_bool(&e->b, rules->in_force, text, true);
}

static struct json_object *describe_rule(struct edit *e, const struct plan_node *node)
{
	struct json_object *o = json_new_object(&e->b);
	const char type[] = { node->type, '\0' };

	json_add_bool(&e->b, o, "allow", true);
	json_add_string(&e->b, o, "type", type);
	json_add_uint(&e->b, o, "major", node->major);
	json_add_uint(&e->b, o, "minor", node->minor);
	json_add_string(&e->b, o, "access", node->permissions);
	return o;
}

/* What format_rule() would make of the node's rule. */
static void format_node(const struct plan_node *node, struct strbuf *out)
{
	strbuf_char_add(out, node->type);
	strbuf_char_add(out, ' ');
	strbuf_uint_add(out, node->major);
	strbuf_char_add(out, ':');
	strbuf_uint_add(out, node->minor);
	strbuf_char_add(out, ' ');
	strbuf_str_add(out, node->permissions);
}

static void add_rule(struct edit *e, struct rules *rules, const struct plan_node *node)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(RULE_LIMIT_BYTES);

	format_node(node, &text);
	if (strbuf_failed(&text)) {
		e->b.out_of_memory = true;
		return;
	}
	if (json_object_object_get_ex(rules->in_force, strbuf_str(&text), NULL))
		return;
	json_add_bool(&e->b, rules->in_force, strbuf_str(&text), true);
	json_append(&e->b, rules->array, describe_rule(e, node));
}

int edit_rules(struct edit *e, const struct json_at *linux_at, struct nvb_error **err)
{
	_cleanup_(rules_done) struct rules rules = { .in_force = json_new_object(&e->b) };
	struct json_at resources, array;
	int r;

	r = json_ensure(linux_at, "resources", json_type_object, &resources, err);
	if (r >= 0)
		r = json_ensure(&resources, "devices", json_type_array, &array, err);
	if (r < 0)
		return r;
	rules.array = array.value;
	for (size_t i = 0; i < json_length(&array); i++)
		note_rule(e, &rules, json_object_array_get_idx(array.value, i));
	vec_foreach (struct plan_node, node, &e->plan->nodes)
		if (edit_node_has_rule(e, node))
			add_rule(e, &rules, node);
	return 0;
}
