/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/facts_request.h"

static int copy_pairs(struct arena *a, const struct oci_pair_list *from,
	struct container_pair_list *to, struct nvb_error **err)
{
	vec_foreach (struct oci_pair, pair, from) {
		struct container_pair *slot = vec_push(a, to);

		if (!slot)
			return NVB_OOM(err);
		*slot = (struct container_pair){ .key = pair->key, .value = pair->value };
	}
	return 0;
}

int facts_request_make(const struct oci_facts *from, const struct container_policy *policy,
	struct arena *a, struct container_request *ret, struct nvb_error **err)
{
	struct container_pair_list annotations = { 0 }, mounts = { 0 };
	const struct container_facts facts = {
		.env = &from->env,
		.annotations = &annotations,
		.mounts = &mounts,
		.privileged = from->privileged,
		.podman = from->podman,
	};
	int r = copy_pairs(a, &from->annotations, &annotations, err);

	if (r >= 0)
		r = copy_pairs(a, &from->mounts, &mounts, err);
	return r < 0 ? r : container_request_make(&facts, policy, a, ret, err);
}

int facts_request_raise_refused(const struct container_request *request, struct nvb_error **err)
{
	if (!request->refused)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "start a container with GPUs: %s",
			request->refused),
		"name the GPUs as CDI devices, or change the policy: see nvbind-runtime(8)");
}
