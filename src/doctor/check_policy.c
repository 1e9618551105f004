/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask nvbind-runtime for GPUs: by default whoever wrote the image, as its users expect. */
#include "doctor/check.h"
#include "request/runtime_policy.h"

static const char *policy_path(void)
{
	const char *path = secure_getenv("NVBIND_RUNTIME_CONFIG");

	return path && path[0] ? path : RUNTIME_POLICY_PATH;
}

/* Where a cluster gives GPUs by annotations, the policy says so. */
static void check_annotations(struct doctor *d, const struct runtime_policy *policy)
{
	if (policy->container.accept_annotations != POLICY_ALWAYS) {
		check_note(
			d, DOCTOR_OK, "no image takes GPUs by its environment or its annotations");
		return;
	}
	check_note(d, DOCTOR_OK,
		"no image takes GPUs by its environment; annotations count from any container, and "
		"Podman before 4.6 takes them from images");
}

static void check_trust(struct doctor *d, const struct runtime_policy *policy)
{
	if (policy->container.accept_environment != POLICY_ALWAYS) {
		check_annotations(d, policy);
		return;
	}
	check_note(d, DOCTOR_WARNING,
		"under nvbind-runtime any image may take GPUs: a variable of its environment is "
		"enough, and with Podman before 4.6 an annotation");
	check_fix(d,
		"where images are not trusted, set \"accept_environment\" to \"privileged\" or "
		"\"never\" in '%s', and give GPUs by CDI names; annotations follow unless "
		"\"accept_annotations\" says otherwise",
		policy_path());
}

void check_policy(struct doctor *d)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct runtime_policy policy;
	int r = runtime_policy_read(d->arena, &policy, &problem);

	if (r == NVB_ERR_NO_MEMORY) {
		d->out_of_memory = true;
	} else if (r < 0) {
		check_note(d, DOCTOR_FAILED, "nvbind-runtime starts no container: %s",
			nvb_error_message(problem));
		check_fix(d, "correct '%s', or remove it: see nvbind-runtime(8)", policy_path());
	} else {
		check_trust(d, &policy);
	}
}
