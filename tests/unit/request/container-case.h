/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row per container: its environment, mounts and annotations, and what comes out, as one line:
 *
 *	-						asks for nothing
 *	vendors: nvidia.com/gpu=0,nvidia.com/gpu=1	the source and the selectors
 *	nvbind: 0 caps=video require=[cuda>=9.0] mig-config with=nvidia.com/gds=all warned=1
 *	vendors: driver					NVIDIA's driver without a GPU
 *	vendors: ?amd.com/gpu=all			if there is any
 *	nvbind: all within NVIDIA_VISIBLE_DEVICES=[nvidia.com/gpu=1]
 *	nvbind: all within NVIDIA_VISIBLE_DEVICES=[]+driver
 *	- refused warned=1				the policy takes no such request
 *	!usage						an error
 *
 * What is at its default is left out: compute and utility, no requirements, no warnings.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "request/container_request.h"

#define CASE_STRINGS 16

struct container_case {
	const char *name;
	const char *env[CASE_STRINGS];
	const char *mounts[CASE_STRINGS];      /* "DESTINATION", or "DESTINATION<SOURCE" */
	const char *annotations[CASE_STRINGS]; /* "KEY: VALUE" */
	bool privileged, podman;
	enum policy_trust env_trust, mount_trust, annotation_trust; /* only where policy is set */
	bool policy;
	const char *swarm[4];
	capability_set capabilities; /* 0: all */
	bool disable_require, ignore_imex;
	const char *kinds[4];	 /* that an environment may name */
	const char *prefixes[4]; /* none: the default */
	const char *want;
};

static inline void case_pairs(struct arena *a, const char *const *texts, const char *separator,
	const char *otherwise, struct container_pair_list *list)
{
	for (size_t i = 0; i < CASE_STRINGS && texts[i]; i++) {
		const char *at = strstr(texts[i], separator);
		struct container_pair *pair = vec_push(a, list);

		assert_non_null(pair);
		pair->key = at ? arena_strndup(a, texts[i], (size_t)(at - texts[i])) : texts[i];
		pair->value = at ? at + strlen(separator) : otherwise;
	}
}

static inline void case_list(
	struct arena *a, const char *const *texts, size_t max, struct string_list *list)
{
	for (size_t i = 0; i < max && texts[i]; i++)
		assert_int_equal(string_list_add(a, list, texts[i]), 0);
}

/* The strings as they stand in a JSON text, roughly. */
static inline void case_check_scan(
	const struct container_facts *facts, const struct container_policy *policy)
{
	_cleanup_(strbuf_done) struct strbuf json = STRBUF_INIT(1 << 24);

	vec_foreach (const char *, s, facts->env)
		strbuf_printf(&json, "\"%s\",", *s);
	vec_foreach (const struct container_pair, pair, facts->annotations)
		strbuf_printf(&json, "\"%s\":\"%s\",", pair->key, pair->value);
	vec_foreach (const struct container_pair, pair, facts->mounts)
		strbuf_printf(&json, "\"%s\":\"%s\",", pair->key, pair->value);
	assert_false(strbuf_failed(&json));
	assert_true(container_request_is_possible(strbuf_str(&json), json.length, policy));
}

static inline int case_make(const struct container_case *c, struct arena *a,
	struct container_request *ret, struct nvb_error **err)
{
	struct container_policy policy = container_policy_default;
	struct container_pair_list annotations = { 0 }, mounts = { 0 };
	struct string_list env = { 0 };
	const struct container_facts facts = { .env = &env,
		.annotations = &annotations,
		.mounts = &mounts,
		.privileged = c->privileged,
		.podman = c->podman };
	int r;

	case_list(a, c->env, CASE_STRINGS, &env);
	case_pairs(a, c->mounts, "<", "/dev/null", &mounts);
	case_pairs(a, c->annotations, ": ", "", &annotations);
	if (c->policy) {
		policy.accept_environment = c->env_trust;
		policy.accept_volume_mounts = c->mount_trust;
		policy.accept_annotations = c->annotation_trust;
	}
	if (c->capabilities)
		policy.capabilities = c->capabilities;
	policy.disable_require = c->disable_require;
	policy.ignore_imex_channels = c->ignore_imex;
	case_list(a, c->swarm, ELEMENTS(c->swarm), &policy.swarm_resources);
	case_list(a, c->kinds, ELEMENTS(c->kinds), &policy.environment_kinds);
	if (c->prefixes[0]) {
		policy.annotation_prefixes = (struct string_list){ 0 };
		case_list(a, c->prefixes, ELEMENTS(c->prefixes), &policy.annotation_prefixes);
	}
	r = container_request_make(&facts, &policy, a, ret, err);
	/* Whatever has an effect, the scan must have let through. */
	if (r < 0 || ret->source != CONTAINER_SOURCE_NONE || ret->warnings.n)
		case_check_scan(&facts, &policy);
	return r;
}

static inline void case_add_list(struct strbuf *out, const char *before, const char *between,
	const char *behind, const struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		strbuf_str_add(out, i ? between : before);
		strbuf_str_add(out, list->items[i]);
	}
	if (list->n)
		strbuf_str_add(out, behind);
}

static inline void case_format(const struct container_request *r, struct strbuf *out)
{
	static const char *const sources[] = {
		[CONTAINER_SOURCE_NONE] = "-",
		[CONTAINER_SOURCE_ANNOTATIONS] = "annotations:",
		[CONTAINER_SOURCE_MOUNTS] = "mounts:",
		[CONTAINER_SOURCE_NVBIND] = "nvbind:",
		[CONTAINER_SOURCE_VENDORS] = "vendors:",
	};

	strbuf_str_add(out, sources[r->source]);
	case_add_list(out, " ", ",", "", &r->selectors);
	case_add_list(out, " ?", ",?", "", &r->optional_selectors);
	if (r->driver_only)
		strbuf_str_add(out, " driver");
	vec_foreach (const struct container_bound, bound, &r->bounds) {
		strbuf_printf(out, " within %s=[", bound->variable);
		case_add_list(out, "", ",", "", &bound->selectors);
		strbuf_str_add(out, bound->driver_only ? "]+driver" : "]");
	}
	strbuf_str_add(out, r->refused ? " refused" : "");
	if (r->source != CONTAINER_SOURCE_NONE && r->capabilities != CAPABILITY_DEFAULT) {
		strbuf_str_add(out, " caps=");
		capability_format(r->capabilities, out);
	}
	if (r->profile != PROFILE_DEFAULT)
		strbuf_printf(out, " profile=%s", vocabulary_name(&vocabulary_profile, r->profile));
	case_add_list(out, " require=[", "] [", "]", &r->requirements);
	strbuf_str_add(out, r->mig_config ? " mig-config" : "");
	strbuf_str_add(out, r->mig_monitor ? " mig-monitor" : "");
	case_add_list(out, " with=", ",", "", &r->companions);
	if (r->warnings.n)
		strbuf_printf(out, " warned=%zu", r->warnings.n);
}

static inline const char *case_error(int status)
{
	switch (status) {
	case NVB_ERR_USAGE:
		return "!usage";
	case NVB_ERR_PERMISSION:
		return "!permission";
	case NVB_ERR_LIMIT:
		return "!limit";
	default:
		return "!other";
	}
}

/* Runs one row; the name of a row that fails is printed. */
static inline void case_check(const struct container_case *c)
{
	_cleanup_(strbuf_done) struct strbuf got = STRBUF_INIT(1 << 20);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct container_request request;
	int r;

	assert_non_null(a);
	memset(&request, 0xa5, sizeof(request));
	r = case_make(c, a, &request, &err);
	assert_int_equal(r < 0, err != NULL);
	if (r < 0)
		strbuf_str_add(&got, case_error(r));
	else
		case_format(&request, &got);
	if (strcmp(strbuf_str(&got), c->want) != 0)
		fail_msg("%s: got '%s' (%s), want '%s'", c->name, strbuf_str(&got),
			err ? nvb_error_message(err) : "no error", c->want);
}

#define CASES_CHECK(cases)                                                                         \
	for (size_t i = 0; i < ELEMENTS(cases); i++)                                               \
	case_check(&(cases)[i])

/* The error's message and hint; a warning. */
static inline void case_check_error(
	const struct container_case *c, const char *message, const char *hint)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct container_request request;

	assert_true(case_make(c, a, &request, &err) < 0);
	assert_string_equal(nvb_error_message(err), message);
	if (hint)
		assert_string_equal(nvb_error_get_hint(err), hint);
}

static inline void case_check_warning(const struct container_case *c, const char *warning)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct container_request request = { 0 };

	assert_int_equal(case_make(c, a, &request, NULL), 0);
	assert_int_equal(request.warnings.n, 1);
	assert_string_equal(request.warnings.items[0], warning);
}
