/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes with a request for NVIDIA's GPUs: requirements, rights over MIG, devices beside the
 * GPUs.
 *
 * Source: NVIDIA Container Toolkit documentation, "Specialized Configurations with Docker";
 * the behaviour of its version 1.20.
 */
#include <string.h>

#include "base/number.h"
#include "request/container_request_build.h"

#define REQUIRE_PREFIX	  "NVIDIA_REQUIRE_"
#define REQUIRE_VARIABLES 64
#define MAX_IMEX_CHANNEL  ((1 << 20) - 1) /* the driver's ImexChannelCount ends at 2^20 */

/* Go's boolean words, because that is what the variable has always been read with. */
static bool is_true(const char *value)
{
	static const char *const words[] = { "1", "t", "T", "true", "True", "TRUE" };

	for (size_t i = 0; value && i < ELEMENTS(words); i++)
		if (strcmp(value, words[i]) == 0)
			return true;
	return false;
}

struct require_variable {
	const char *name, *value;
	size_t name_length;
};

struct require_variable_list VEC(struct require_variable);

static struct require_variable *find_variable(
	struct require_variable_list *list, const char *name, size_t length)
{
	vec_foreach (struct require_variable, v, list)
		if (v->name_length == length && memcmp(v->name, name, length) == 0)
			return v;
	return NULL;
}

static int collect_requirements(
	struct container_build *b, struct require_variable_list *list, struct nvb_error **err)
{
	vec_foreach (const char *, entry, b->facts->env) {
		const char *equals = strchr(*entry, '=');
		struct require_variable *v;

		/* Jetson's images put other things into variables of this name. */
		if (!equals || strncmp(*entry, REQUIRE_PREFIX, strlen(REQUIRE_PREFIX)) != 0 ||
			strncmp(*entry, REQUIRE_PREFIX "JETPACK",
				strlen(REQUIRE_PREFIX "JETPACK")) == 0)
			continue;
		v = find_variable(list, *entry, (size_t)(equals - *entry));
		if (!v && list->n == REQUIRE_VARIABLES)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"read the environment: more than %d variables '" REQUIRE_PREFIX
				"*'",
				REQUIRE_VARIABLES);
		v = v ? v : vec_push(b->arena, list);
		if (!v)
			return NVB_OOM(err);
		*v = (struct require_variable){ *entry, equals + 1, (size_t)(equals - *entry) };
	}
	return 0;
}

/* "MAJOR.MINOR" of a version of up to three numbers; NULL: it is none, or no memory. */
static const char *major_minor(struct arena *a, const char *version)
{
	uint64_t numbers[3] = { 0 };
	size_t n = 0;

	if (*version == 'v')
		version++;
	for (;;) {
		size_t length = strcspn(version, ".");

		if (n == ELEMENTS(numbers) ||
			!number_parse_n(version, length, UINT32_MAX, &numbers[n++]))
			return NULL;
		if (!version[length])
			break;
		version += length + 1;
	}
	return arena_printf(a, "%u.%u", (unsigned)numbers[0], (unsigned)numbers[1]);
}

static int add_legacy_requirement(struct container_build *b, struct nvb_error **err)
{
	const char *version = container_legacy_version(b), *known;
	int r;

	if (!version)
		return 0;
	known = major_minor(b->arena, version);
	if (known)
		r = string_list_printf(b->arena, &b->request.requirements, "cuda>=%s", known);
	else
		r = string_list_printf(b->arena, &b->request.warnings,
			"the image's CUDA_VERSION '%s' is not a version; what it needs is not "
			"checked",
			container_build_shown(b, version));
	return r < 0 ? NVB_OOM(err) : 0;
}

static int add_requirements(struct container_build *b, struct nvb_error **err)
{
	struct require_variable_list list = { 0 };
	int r;

	if (b->policy->disable_require || is_true(container_build_env(b, "NVIDIA_DISABLE_REQUIRE")))
		return 0;
	r = collect_requirements(b, &list, err);
	if (r < 0)
		return r;
	vec_foreach (struct require_variable, v, &list) {
		if (!v->value[strspn(v->value, " \t\r\n")])
			continue;
		if (string_list_add(b->arena, &b->request.requirements, v->value) < 0)
			return NVB_OOM(err);
	}
	return add_legacy_requirement(b, err);
}

/* The right over MIG of the whole machine: for privileged containers, and for all of it or none. */
static int read_mig(
	struct container_build *b, const char *name, bool *ret_set, struct nvb_error **err)
{
	const char *value = container_build_env(b, name);
	int r;

	if (!value || !*value)
		return 0;
	if (!b->facts->privileged) {
		r = NVB_RAISE(err, NVB_ERR_PERMISSION, 0,
			"grant '%s': the container is not privileged", name);
		return NVB_HINT(err, r,
			"give it CAP_SYS_ADMIN (--privileged) and no user namespace, or unset %s",
			name);
	}
	if (strcmp(value, "all") != 0) {
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "grant '%s=%s': the only value is 'all'", name,
			container_build_shown(b, value));
		return NVB_HINT(err, r, "set %s=all or unset it", name);
	}
	if (b->partition)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"grant '%s': it cannot be joined with a selected MIG instance", name);
	*ret_set = true;
	return 0;
}

static int warn_ignored(
	struct container_build *b, const char *name, const char *reason, struct nvb_error **err)
{
	return string_list_printf(
		       b->arena, &b->request.warnings, "%s is ignored: %s", name, reason) < 0
		       ? NVB_OOM(err)
		       : 0;
}

static int add_companion(struct container_build *b, const char *name, struct nvb_error **err)
{
	vec_foreach (const char *, other, &b->request.companions)
		if (strcmp(*other, name) == 0)
			return 0;
	return string_list_add(b->arena, &b->request.companions, name) < 0 ? NVB_OOM(err) : 0;
}

/* The CDI kinds are those of src/gpu/nvidia/companions.c. */
static int add_features(struct container_build *b, struct nvb_error **err)
{
	static const struct {
		const char *variable, *name;
	} features[] = {
		{ "NVIDIA_GDS", "nvidia.com/gds=all" },
		{ "NVIDIA_MOFED", "nvidia.com/mofed=all" },
		{ "NVIDIA_GDRCOPY", "nvidia.com/gdrcopy=all" },
		{ "NVIDIA_NVSWITCH", "nvidia.com/nvswitch=all" },
	};
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(features) && r >= 0; i++) {
		const char *value = container_build_env(b, features[i].variable);

		if (!value || !*value || strcmp(value, "disabled") == 0)
			continue;
		if (strcmp(value, "enabled") != 0)
			r = warn_ignored(
				b, features[i].variable, "its only value is 'enabled'", err);
		else if (!container_build_trusts(b, b->policy->accept_environment))
			r = warn_ignored(b, features[i].variable,
				"the policy does not let this container ask by its environment",
				err);
		else
			r = add_companion(b, features[i].name, err);
	}
	return r;
}

static int add_imex_channels(
	struct container_build *b, const struct string_list *channels, struct nvb_error **err)
{
	if (container_has_word(channels, "void") || container_has_word(channels, "none"))
		return 0;
	/* There is no such thing as all channels: each is the key to a domain of its own. */
	if (container_has_word(channels, "all"))
		return warn_ignored(b, "NVIDIA_IMEX_CHANNELS=all", "channels have numbers", err);
	vec_foreach (const char *, channel, channels) {
		const char *name;
		uint64_t number;
		int r;

		if (!number_parse(*channel, MAX_IMEX_CHANNEL, &number))
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"select IMEX channel '%s': not a number up to %d",
				container_build_shown(b, *channel), MAX_IMEX_CHANNEL);
		name = arena_printf(b->arena, "nvidia.com/imex-channel=%u", (unsigned)number);
		r = name ? add_companion(b, name, err) : NVB_OOM(err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Mounts that ask for channels go before the variable. */
static int read_imex(struct container_build *b, struct nvb_error **err)
{
	static const char name[] = "NVIDIA_IMEX_CHANNELS";
	const char *value = container_build_env(b, name);
	struct string_list channels = { 0 };
	int r = 0;

	if (container_build_trusts(b, b->policy->accept_volume_mounts))
		r = container_mounts_imex(b, &channels, err);
	if (r >= 0 && !channels.n && value)
		r = container_build_split(b, name, value, &channels, err);
	else
		value = NULL;
	if (r < 0 || !channels.n)
		return r;
	if (b->policy->ignore_imex_channels)
		return warn_ignored(b, "the request for IMEX channels", "the policy says so", err);
	if (value && !container_build_trusts(b, b->policy->accept_environment))
		return warn_ignored(b, name,
			"the policy does not let this container ask by its environment", err);
	return add_imex_channels(b, &channels, err);
}

int container_add_nvidia_extras(struct container_build *b, struct nvb_error **err)
{
	int r;

	if (!b->nvidia && !b->request.driver_only)
		return 0;
	r = add_requirements(b, err);
	if (r >= 0)
		r = read_mig(b, "NVIDIA_MIG_CONFIG_DEVICES", &b->request.mig_config, err);
	if (r >= 0)
		r = read_mig(b, "NVIDIA_MIG_MONITOR_DEVICES", &b->request.mig_monitor, err);
	if (r >= 0)
		r = add_features(b, err);
	return r < 0 ? r : read_imex(b, err);
}
