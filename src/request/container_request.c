/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the sources and who may use which; what each of them says is in files of its own. */
#include "request/container_request.h"

#include "request/container_request_build.h"
#include "request/selector.h"

static const char *default_prefixes[] = { "cdi.k8s.io/" };

const struct container_policy container_policy_default = {
	.accept_environment = POLICY_ALWAYS,
	.accept_volume_mounts = POLICY_NEVER,
	.accept_annotations = POLICY_ALWAYS,
	.accept_exclusive = POLICY_ALWAYS,
	.annotation_prefixes = { .items = default_prefixes, .n = ELEMENTS(default_prefixes) },
	.capabilities = CAPABILITY_ALL,
};

/* NVBIND_GPU: our own grammar, for all vendors. Returns 1 if it decides. */
int container_read_nvbind(struct container_build *b, struct nvb_error **err)
{
	const char *value = container_build_env(b, CONTAINER_VARIABLE_NVBIND);
	struct string_list items = { 0 };
	int r;

	if (!value)
		return 0;
	b->asker = CONTAINER_VARIABLE_NVBIND;
	r = container_build_split(b, b->asker, value, &items, err);
	if (r < 0)
		return r;
	/* The user's word against the image's: no GPU, and no driver either. */
	if (items.n == 1 && container_item_is(items.items[0], "none"))
		return 1;
	for (size_t i = 0; i < items.n && r >= 0; i++) {
		if (container_item_is(items.items[i], "none"))
			r = NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"select GPU 'none': 'none' cannot be joined with others");
		else
			r = container_build_select(b, NULL, items.items[i], err);
	}
	return r < 0 ? NVB_CONTEXT(err, r, "read '" CONTAINER_VARIABLE_NVBIND "'") : items.n > 0;
}

static bool asks(const struct container_build *b)
{
	return b->request.selectors.n || b->request.driver_only;
}

static int read_vendors(struct container_build *b, struct nvb_error **err)
{
	int r;

	r = container_read_nvidia(b, err);
	if (r >= 0)
		r = container_read_amd(b, err);
	if (r < 0)
		return r;
	return asks(b) ? 1 : container_read_filters(b, err);
}

struct source {
	enum container_source source;
	const char *what;
	enum policy_trust (*trust)(const struct container_policy *policy);
	int (*read)(struct container_build *b, struct nvb_error **err);
};

static enum policy_trust trust_annotations(const struct container_policy *policy)
{
	return policy->accept_annotations;
}

static enum policy_trust trust_mounts(const struct container_policy *policy)
{
	return policy->accept_volume_mounts;
}

static enum policy_trust trust_environment(const struct container_policy *policy)
{
	return policy->accept_environment;
}

static const struct source sources[] = {
	{ CONTAINER_SOURCE_ANNOTATIONS, "annotations", trust_annotations,
		container_read_annotations },
	{ CONTAINER_SOURCE_MOUNTS, "mounts", trust_mounts, container_read_mounts },
	{ CONTAINER_SOURCE_NVBIND, "the environment", trust_environment, container_read_nvbind },
	{ CONTAINER_SOURCE_VENDORS, "the environment", trust_environment, read_vendors },
};

/* A request that does not count is read all the same, for the warning; its mistakes are no errors.
 */
static int warn_of_forbidden(
	struct container_build *b, const struct source *source, struct nvb_error **err)
{
	struct container_build probe = *b;
	struct string_list *warnings = &b->request.warnings;
	int r;

	r = source->read(&probe, NULL);
	if (r == 0)
		return 0;
	if (string_list_printf(b->arena, warnings,
		    "the container's request by %s (%s) is ignored: the policy %s", source->what,
		    probe.asker ? probe.asker : "unreadable",
		    source->trust(b->policy) == POLICY_PRIVILEGED
			    ? "takes it from privileged containers alone"
			    : "does not take it") < 0)
		return NVB_OOM(err);
	if (r < 0 || asks(&probe))
		b->request.refused = warnings->items[warnings->n - 1];
	return 0;
}

static int find_source(struct container_build *b, struct nvb_error **err)
{
	for (size_t i = 0; i < ELEMENTS(sources); i++) {
		int r;

		if (!container_build_trusts(b, sources[i].trust(b->policy))) {
			r = warn_of_forbidden(b, &sources[i], err);
		} else {
			r = sources[i].read(b, err);
			if (r > 0)
				b->request.source = sources[i].source;
		}
		if (r != 0)
			return r;
	}
	return 0;
}

/* A GPU comes with its driver. */
static int settle_driver_only(struct container_build *b, struct nvb_error **err)
{
	if (!b->request.driver_only || !b->request.selectors.n)
		return 0;
	b->request.driver_only = false;
	return string_list_printf(b->arena, &b->request.warnings,
		       "'none' of NVIDIA's GPUs is ignored: '%s' is selected too",
		       container_build_shown(b, b->request.selectors.items[0])) < 0
		       ? NVB_OOM(err)
		       : 0;
}

int container_request_make(const struct container_facts *facts,
	const struct container_policy *policy, struct arena *a, struct container_request *ret,
	struct nvb_error **err)
{
	struct container_build b = { .facts = facts, .policy = policy, .arena = a };
	int r;

	r = find_source(&b, err);
	if (r < 0)
		return r;
	if (!asks(&b) && !b.request.optional_selectors.n) {
		*ret = (struct container_request){ .warnings = b.request.warnings,
			.refused = b.request.source == CONTAINER_SOURCE_NONE ? b.request.refused
									     : NULL };
		return 0;
	}
	b.request.asker = b.asker;
	b.request.refused = NULL;
	r = container_check_kinds(&b, err);
	if (r >= 0)
		r = container_add_bounds(&b, err);
	if (r >= 0)
		r = settle_driver_only(&b, err);
	if (r >= 0)
		r = container_add_capabilities(&b, err);
	if (r >= 0)
		r = container_add_nvidia_extras(&b, err);
	if (r < 0)
		return r;
	*ret = b.request;
	return 0;
}
