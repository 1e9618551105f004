/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The changes of all services are made together, and the result is judged: for a service that is
 * not what was meant, or that was not to change and did, those are set aside that are to blame, and
 * all is made again. Each round sets somebody aside, and nobody more than twice, so it ends.
 */
#include "migrate/compose_edit.h"

#include <string.h>

#include "base/strbuf.h"
#include "format/json.h"
#include "format/yaml.h"
#include "format/yaml_copy.h"
#include "migrate/compose_meaning.h"
#include "migrate/compose_place.h"

#define ROUND_LIMIT 64

static const char taken_by_others[] = "what it would change is taken by other services too, which "
				      "must not change: change it by hand";
static const char not_as_meant[] =
	"its text would not mean what was meant after the change: change it by hand";
static const char at_odds[] = "another service takes the same lines and would change them in "
			      "another way: change them by hand";

static const char anchor_goes[] = "what would go has an anchor, and another place takes it by an "
				  "alias: change them by hand";

/* A service with its patches. */
struct job {
	struct compose_service_edits *edits;
	struct yaml_node *node;
	struct text_patch_list patches;
	bool applied; /* in this round, whatever its judgement says */
	bool own;     /* what comes, comes into the service itself: in the next round */
	bool was_own; /* and in this one */
};

struct editor {
	struct compose_text t;
	struct json_object *before;
	struct yaml_node *root, *services;
	struct arena *arena;
	struct VEC(struct job) jobs;
	bool again; /* somebody was set aside: one more round */
	struct nvb_error **err;
};

static void refuse(struct job *job, const char *reason, unsigned line)
{
	if (job->edits->refused)
		return;
	job->edits->refused = reason;
	job->edits->refused_line = line;
}

static unsigned line_at(const struct editor *e, size_t at)
{
	unsigned line = 1;

	for (size_t i = 0; i < at && i < e->t.length; i++)
		line += e->t.text[i] == '\n';
	return line;
}

/*
 * What others take as well cannot hold what is this service's alone. So what comes is first tried
 * in the service itself; if that does not help, it is refused.
 */
static void set_aside(struct editor *e, struct job *job, const char *reason, size_t at)
{
	e->again = true;
	if (job->was_own)
		refuse(job, reason, line_at(e, at));
	job->own = true;
}

/* Who takes what. */

/* False where this walk has been before: it went on then. */
static bool walk_reaches(struct yaml_node *node, size_t at, unsigned depth)
{
	struct yaml_node *target = yaml_node_resolve(node);

	if (depth > YAML_DEPTH_LIMIT)
		return true;
	if (target->visited)
		return false;
	target->visited = true;
	if (at >= target->properties && at <= target->end)
		return true;
	if (target->kind == YAML_NODE_SCALAR)
		return false;
	for (size_t i = 0; i < target->pairs.n; i++)
		if (walk_reaches(target->pairs.items[i].value, at, depth + 1))
			return true;
	for (size_t i = 0; i < target->items.n; i++)
		if (walk_reaches(target->items.items[i], at, depth + 1))
			return true;
	return false;
}

static bool reaches(struct yaml_node *node, size_t at)
{
	const bool found = walk_reaches(node, at, 0);

	yaml_node_forget(node);
	return found;
}

static struct yaml_node *service_node(struct editor *e, const char *name)
{
	struct yaml_member member;

	if (!yaml_node_member(e->services, name, &member))
		return NULL;
	return member.mapping->pairs.items[member.index].value;
}

/* One round. */

static int place_one(struct editor *e, struct job *job)
{
	const char *refused = NULL;
	unsigned line = 0;
	int r;

	job->patches = (struct text_patch_list){ 0 };
	job->applied = false;
	job->was_own = job->own;
	r = compose_place(&e->t, job->node, &job->edits->edits, job->own, e->arena, &job->patches,
		&refused, &line, e->err);
	if (r >= 0 && refused)
		refuse(job, refused, line);
	return r;
}

static void refuse_conflicts(struct editor *e, struct job *one, struct job *other)
{
	vec_foreach (const struct text_patch, a, &one->patches) {
		vec_foreach (const struct text_patch, b, &other->patches) {
			if (!text_patch_conflicts(a, b))
				continue;
			set_aside(e, one, at_odds, a->begin);
			set_aside(e, other, at_odds, b->begin);
			return;
		}
	}
}

static void check_conflicts(struct editor *e)
{
	for (size_t i = 0; i < e->jobs.n; i++)
		for (size_t j = 0; j < i; j++)
			if (!e->jobs.items[i].edits->refused || !e->jobs.items[j].edits->refused)
				refuse_conflicts(e, &e->jobs.items[i], &e->jobs.items[j]);
}

static int apply(struct editor *e, struct strbuf *out)
{
	struct text_patch_list all = { 0 };
	const bool ended = e->t.length && e->t.text[e->t.length - 1] == '\n';

	for (size_t i = 0; i < e->jobs.n; i++) {
		struct job *job = &e->jobs.items[i];

		job->applied = !job->edits->refused;
		if (!job->applied)
			continue;
		vec_foreach (const struct text_patch, patch, &job->patches)
			if (text_patch_add(e->arena, &all, *patch) < 0)
				return NVB_OOM(e->err);
	}
	text_patch_apply(e->t.text, e->t.length, e->t.eol, &all, out);
	if (!all.n || ended || strbuf_failed(out))
		return 0;
	if (out->length && out->data[out->length - 1] == '\n')
		strbuf_truncate(out, out->length - 1);
	if (out->length && out->data[out->length - 1] == '\r')
		strbuf_truncate(out, out->length - 1);
	return 0;
}

/* The judgement. */

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *found = NULL;

	return json_object_object_get_ex(object, key, &found) ? found : NULL;
}

static struct job *job_of(struct editor *e, const char *service)
{
	vec_foreach (struct job, job, &e->jobs)
		if (job->applied && strcmp(job->edits->service, service) == 0)
			return job;
	return NULL;
}

static int copy(struct json_object *value, struct json_object **ret, struct nvb_error **err)
{
	struct yaml_budget budget = { 0 };

	return yaml_copy(&budget, value, 0, 0, ret, err);
}

/* 1: the service is what was meant. */
static int judge_service(
	struct editor *e, const struct job *job, const char *name, struct json_object *after)
{
	_cleanup_(json_putp) struct json_object *expected = NULL, *found = NULL;
	int r;

	if (!after)
		return 0;
	r = copy(member(member(e->before, "services"), name), &expected, e->err);
	if (r >= 0)
		r = copy(member(after, name), &found, e->err);
	if (r >= 0 && job)
		r = compose_meaning_change(expected, &job->edits->edits, e->err);
	return r < 0 ? r : compose_meaning_same(expected, found);
}

/* A service that was not to change did: those that changed what it takes are to blame. */
static bool blame(struct editor *e, const char *name)
{
	struct yaml_node *node = service_node(e, name);
	bool found = false;

	for (size_t i = 0; node && i < e->jobs.n; i++) {
		struct job *job = &e->jobs.items[i];

		if (!job->applied)
			continue;
		vec_foreach (const struct text_patch, patch, &job->patches) {
			if (!reaches(node, patch->begin))
				continue;
			set_aside(e, job, taken_by_others, patch->begin);
			found = true;
			break;
		}
	}
	return found;
}

static int raise_unclear(struct editor *e)
{
	return NVB_HINT(e->err,
		NVB_RAISE(e->err, NVB_ERR_FAILED, 0,
			"change the file: the result would not mean what it should"),
		"nothing was changed; change the file by hand");
}

/* 1: all are what was meant; 0: somebody was taken out. */
static int judge_services(struct editor *e, struct json_object *after)
{
	struct json_object *services = member(after, "services");
	bool good = true;

	if (!json_object_is_type(services, json_type_object) ||
		json_object_object_length(services) !=
			json_object_object_length(member(e->before, "services")))
		return raise_unclear(e);
	json_object_object_foreach(services, name, value)
	{
		struct job *job = job_of(e, name);
		int r = judge_service(e, job, name, services);

		(void)value;
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (job)
			set_aside(e, job, not_as_meant, job->node->begin);
		else if (!blame(e, name))
			return raise_unclear(e);
		good = false;
	}
	return good;
}

/* All else is as it was, but for blocks of extension that hold what services take. */
static bool rest_is_same(struct editor *e, struct json_object *after)
{
	if (json_object_object_length(after) != json_object_object_length(e->before))
		return false;
	json_object_object_foreach(e->before, name, value)
	{
		if (strcmp(name, "services") == 0 || strncmp(name, "x-", 2) == 0)
			continue;
		if (!json_object_object_get_ex(after, name, NULL) ||
			!json_object_equal(value, member(after, name)))
			return false;
	}
	return true;
}

/* True if an anchor stands in the text that goes. */
static bool takes_anchor(const struct yaml_node *node, const struct text_patch *patch)
{
	if (node->anchor_end && node->properties >= patch->begin && node->properties < patch->end)
		return true;
	for (size_t i = 0; i < node->pairs.n; i++)
		if (takes_anchor(node->pairs.items[i].key, patch) ||
			takes_anchor(node->pairs.items[i].value, patch))
			return true;
	for (size_t i = 0; i < node->items.n; i++)
		if (takes_anchor(node->items.items[i], patch))
			return true;
	return false;
}

/* The result is no document: an anchor went, and an alias of it did not. */
static bool blame_anchors(struct editor *e)
{
	bool found = false;

	vec_foreach (struct job, job, &e->jobs) {
		for (size_t i = 0; job->applied && i < job->patches.n; i++) {
			if (!takes_anchor(e->root, &job->patches.items[i]))
				continue;
			set_aside(e, job, anchor_goes, job->patches.items[i].begin);
			found = true;
			break;
		}
	}
	return found;
}

static int judge(struct editor *e, const char *text, size_t length)
{
	_cleanup_(json_putp) struct json_object *after = NULL;
	int r = yaml_parse_as_written(text, length, &after, NULL);

	if (r < 0 && blame_anchors(e))
		return 0;
	if (r < 0 || !json_object_is_type(after, json_type_object))
		return raise_unclear(e);
	r = judge_services(e, after);
	if (r > 0 && !rest_is_same(e, after))
		return raise_unclear(e);
	return r;
}

static int run_round(struct editor *e, char **ret_text, size_t *ret_length)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(2 * YAML_TEXT_LIMIT_BYTES);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < e->jobs.n; i++)
		if (!e->jobs.items[i].edits->refused)
			r = place_one(e, &e->jobs.items[i]);
	if (r < 0)
		return r;
	e->again = false;
	check_conflicts(e);
	if (e->again)
		return 0;
	r = apply(e, &out);
	if (r < 0 || strbuf_failed(&out))
		return r < 0 ? r : NVB_OOM(e->err);
	r = judge(e, strbuf_str(&out), out.length);
	if (r <= 0)
		return r;
	*ret_length = out.length;
	*ret_text = strbuf_take(&out);
	return *ret_text ? 1 : NVB_OOM(e->err);
}

static int add_jobs(struct editor *e, struct compose_edits *edits)
{
	vec_foreach (struct compose_service_edits, item, edits) {
		struct job *job;

		item->refused = NULL;
		if (!item->edits.n)
			continue;
		job = vec_push(e->arena, &e->jobs);
		if (!job)
			return NVB_OOM(e->err);
		*job = (struct job){ .edits = item, .node = service_node(e, item->service) };
		if (!job->node)
			return raise_unclear(e);
	}
	return 0;
}

int compose_edit_text(const char *text, size_t length, struct json_object *before,
	struct yaml_node *root, struct arena *a, struct compose_edits *edits, char **ret_text,
	size_t *ret_length, struct nvb_error **err)
{
	struct editor e = { .before = before, .root = root, .arena = a, .err = err };
	struct yaml_member services;
	int r;

	compose_lines_read(&e.t, text, length, root);
	if (!yaml_node_member(root, "services", &services))
		return raise_unclear(&e);
	e.services = services.mapping->pairs.items[services.index].value;
	r = add_jobs(&e, edits);
	for (unsigned i = 0; r >= 0 && i < ROUND_LIMIT; i++) {
		r = run_round(&e, ret_text, ret_length);
		if (r > 0)
			return 0;
	}
	return r < 0 ? r : raise_unclear(&e);
}
