/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What limits a request: the variables that it does not follow bound it, and an environment, which
 * an image can write, names no device of just any kind.
 *
 * Bounds count whether or not the policy takes requests by the environment: they only take away.
 */
#include <string.h>

#include "base/strbuf.h"
#include "request/container_request_build.h"
#include "request/selector.h"

struct bound {
	enum gpu_vendor vendor;
	bool all_vendors;
	/* 1 if the variable says anything: its selectors are then the request's. */
	int (*read)(struct container_build *b, struct nvb_error **err);
};

static const struct bound vendor_bounds[] = {
	{ .vendor = GPU_VENDOR_NVIDIA, .read = container_bound_nvidia },
	{ .vendor = GPU_VENDOR_AMD, .read = container_bound_amd },
};

static const struct bound nvbind_bound = { .all_vendors = true, .read = container_read_nvbind };

static int add_bound(struct container_build *b, const struct bound *bound, struct nvb_error **err)
{
	struct container_build probe = {
		.facts = b->facts, .policy = b->policy, .arena = b->arena
	};
	struct container_bound *slot;
	int r = bound->read(&probe, err);

	if (r <= 0)
		return r;
	slot = vec_push(b->arena, &b->request.bounds);
	if (!slot)
		return NVB_OOM(err);
	*slot = (struct container_bound){ .variable = probe.asker,
		.vendor = bound->vendor,
		.all_vendors = bound->all_vendors,
		.selectors = probe.request.selectors,
		.driver_only = probe.request.driver_only };
	return 0;
}

static bool is_bound_by_nvbind(const struct container_build *b)
{
	return b->request.source == CONTAINER_SOURCE_ANNOTATIONS ||
	       b->request.source == CONTAINER_SOURCE_MOUNTS;
}

static bool is_bound_by_vendors(const struct container_build *b)
{
	return b->request.source == CONTAINER_SOURCE_NVBIND ||
	       (b->request.source == CONTAINER_SOURCE_ANNOTATIONS && b->facts->podman);
}

int container_add_bounds(struct container_build *b, struct nvb_error **err)
{
	int r = 0;

	if (is_bound_by_nvbind(b))
		r = add_bound(b, &nvbind_bound, err);
	for (size_t i = 0; i < ELEMENTS(vendor_bounds) && is_bound_by_vendors(b) && r >= 0; i++)
		r = add_bound(b, &vendor_bounds[i], err);
	return r;
}

static bool is_vendor(const char *name, size_t length)
{
	static const char *const vendors[] = { "nvidia.com", "amd.com", "intel.com" };

	for (size_t i = 0; i < ELEMENTS(vendors); i++)
		if (strlen(vendors[i]) == length && memcmp(vendors[i], name, length) == 0)
			return true;
	return false;
}

/* True for what is no CDI name. */
static bool may_name(const struct container_policy *policy, const char *selector)
{
	const size_t kind = strcspn(selector, "=");

	if (!selector[kind] || is_vendor(selector, strcspn(selector, "/")))
		return true;
	vec_foreach (const char *, allowed, &policy->environment_kinds)
		if (strlen(*allowed) == kind && memcmp(*allowed, selector, kind) == 0)
			return true;
	return false;
}

/* Annotations and mounts have a trust of their own. */
static bool is_environment(enum container_source source)
{
	return source == CONTAINER_SOURCE_NVBIND || source == CONTAINER_SOURCE_VENDORS;
}

int container_check_kinds(struct container_build *b, struct nvb_error **err)
{
	if (!is_environment(b->request.source) || b->facts->privileged)
		return 0;
	vec_foreach (const char *, selector, &b->request.selectors) {
		const char *kind;
		int r;

		if (may_name(b->policy, *selector))
			continue;
		kind = arena_strndup(b->arena, *selector, strcspn(*selector, "="));
		if (!kind)
			return NVB_OOM(err);
		kind = container_build_shown(b, kind);
		r = NVB_RAISE(err, NVB_ERR_PERMISSION, 0,
			"select '%s': a container without privileges may not take devices of the "
			"kind '%s' by its environment",
			container_build_shown(b, *selector), kind);
		r = NVB_HINT(
			err, r, "add \"%s\" to environment_kinds of the runtime's policy", kind);
		return NVB_CONTEXT(err, r, "read '%s'", b->asker);
	}
	return 0;
}
