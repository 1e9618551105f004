/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/environment.h"

#include <string.h>

static int set(
	struct arena *a, struct string_list *env, const char *assignment, struct nvb_error **err)
{
	const char *equals = strchr(assignment, '=');
	size_t length = equals ? (size_t)(equals - assignment) + 1 : 0;

	/* An image may carry a name without a value, or a value without a name: neither is one. */
	if (!equals || equals == assignment)
		return 0;
	vec_foreach (const char *, s, env) {
		if (strncmp(*s, assignment, length) != 0)
			continue;
		*s = assignment;
		return 0;
	}
	return string_list_add(a, env, assignment) < 0 ? NVB_OOM(err) : 0;
}

static int set_all(struct arena *a, struct string_list *env, const struct string_list *more,
	struct nvb_error **err)
{
	vec_foreach (const char *, s, more) {
		int r = set(a, env, *s, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int set_defaults(struct arena *a, struct string_list *env, const struct container_user *user,
	bool terminal, const char *hostname, struct nvb_error **err)
{
	const char *home = user->home ? user->home : user->uid == 0 ? "/root" : "/";

	if (string_list_add(a, env, "PATH=" CONTAINER_PATH) < 0 ||
		string_list_printf(a, env, "HOSTNAME=%s", hostname) < 0 ||
		string_list_printf(a, env, "HOME=%s", home) < 0)
		return NVB_OOM(err);
	if (terminal && string_list_add(a, env, "TERM=xterm") < 0)
		return NVB_OOM(err);
	return 0;
}

int environment_merge(const struct image *image, const struct plan *plan,
	const struct container_user *user, bool terminal, const char *hostname, struct arena *a,
	struct string_list *ret, struct nvb_error **err)
{
	struct string_list env = { 0 };
	int r;

	r = set_defaults(a, &env, user, terminal, hostname, err);
	if (r >= 0)
		r = set_all(a, &env, &image->env, err);
	if (r >= 0)
		r = set_all(a, &env, &plan->env, err);
	if (r < 0)
		return r;
	*ret = env;
	return 0;
}
