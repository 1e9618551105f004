/* SPDX-License-Identifier: Apache-2.0 */
/* NVIDIA_DRIVER_CAPABILITIES and NVBIND_PROFILE: which parts of a driver. */
#include <string.h>

#include "base/strbuf.h"
#include "request/container_request_build.h"

/* The profile's capabilities stand for a variable that is not given, before the guess does. */
static capability_set default_capabilities(const struct container_build *b, bool profile_given)
{
	if (profile_given)
		return profile_capabilities(b->request.profile);
	if (b->nvidia || b->request.driver_only) {
		if (container_legacy_version(b) &&
			!container_build_env(b, "NVIDIA_DRIVER_CAPABILITIES"))
			return CAPABILITY_ALL;
	}
	return CAPABILITY_DEFAULT;
}

static int check_allowed(struct container_build *b, capability_set asked, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf refused = STRBUF_INIT(1024);
	_cleanup_(strbuf_done) struct strbuf allowed = STRBUF_INIT(1024);
	int r;

	if (!(asked & ~b->policy->capabilities))
		return 0;
	capability_format(asked & ~b->policy->capabilities, &refused);
	capability_format(b->policy->capabilities, &allowed);
	if (strbuf_failed(&refused) || strbuf_failed(&allowed))
		return NVB_OOM(err);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0,
		"the policy of this machine does not allow the driver capability '%s'",
		strbuf_str(&refused));
	return NVB_HINT(err, r, "use %s%s", strbuf_str(&allowed),
		b->policy->capabilities ? ", or change the policy"
					: "nothing, or change the policy");
}

static bool names_something(const char *list)
{
	return list && list[strspn(list, ", \t\r\n\v\f")];
}

/* What is not named is what the policy leaves of the default; what is named must be allowed. */
static int read_capabilities(struct container_build *b, const char *list, struct nvb_error **err)
{
	capability_set set;
	int r;

	r = capability_parse(list, &set, err);
	/* All of them is what the word "all" says: as many as the policy allows. */
	if (r >= 0 && set != CAPABILITY_ALL)
		r = check_allowed(b, set, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read 'NVIDIA_DRIVER_CAPABILITIES'");
	b->request.capabilities = set & b->policy->capabilities;
	b->request.capabilities_given = true;
	return 0;
}

int container_add_capabilities(struct container_build *b, struct nvb_error **err)
{
	const char *list = container_build_env(b, "NVIDIA_DRIVER_CAPABILITIES");
	const char *word = container_build_env(b, "NVBIND_PROFILE");
	bool profile_given = word && *word;
	int profile = PROFILE_DEFAULT, r = 0;

	if (profile_given)
		r = vocabulary_parse(&vocabulary_profile, word, &profile, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read 'NVBIND_PROFILE'");
	b->request.profile = (enum workload_profile)profile;
	if (names_something(list))
		return read_capabilities(b, list, err);
	b->request.capabilities = default_capabilities(b, profile_given) & b->policy->capabilities;
	return 0;
}
