/* SPDX-License-Identifier: Apache-2.0 */
/* What `podman info` tells, for Podman 3 and later. */
#include <string.h>

#include "base/path.h"
#include "engine/client/client.h"
#include "format/json.h"

#define RUNTIME_PROGRAM "nvbind-runtime"

/* Source: Podman release notes, 4.1.0: CDI specifications of version 0.3.0 and later. */
#define CDI_SINCE_MAJOR 4
#define CDI_SINCE_MINOR 1

/* Newer specifications than this are dropped without a word. Source: observed with Podman 4.3.1. */
#define CDI_STRICT_MINOR 3
#define CDI_STRICT	 "0.5.0"

/* The low-level runtimes that nvbind-runtime runs itself. To leave out any other, a sandbox for
 * example, would take away what was chosen it for. */
static const char *const replaceable[] = { "crun", "runc", RUNTIME_PROGRAM };

static int find_version(const struct json_at *root, struct arena *a, struct client_facts *facts,
	struct nvb_error **err)
{
	struct json_at version;
	const char *text;
	int r;

	r = json_member(root, "version", json_type_object, &version, err);
	if (r == 0)
		return json_missing(root, "version", err);
	if (r > 0)
		r = json_get_string(&version, "Version", &text, err);
	if (r == 0)
		return json_missing(&version, "Version", err);
	if (r < 0)
		return r;
	facts->version = arena_strdup(a, text);
	if (!facts->version)
		return NVB_OOM(err);
	r = client_parse_version(text, facts, err);
	if (r >= 0 && facts->major == CDI_SINCE_MAJOR && facts->minor <= CDI_STRICT_MINOR)
		facts->cdi_newest = CDI_STRICT;
	return r;
}

static int find_oci_runtime(const struct json_at *host, struct arena *a, struct client_facts *facts,
	struct nvb_error **err)
{
	struct json_at runtime;
	const char *path = NULL;
	int r;

	r = json_member(host, "ociRuntime", json_type_object, &runtime, err);
	if (r > 0)
		r = json_get_string(&runtime, "path", &path, err);
	if (r <= 0)
		return r;
	facts->oci_runtime = arena_strdup(a, path);
	return facts->oci_runtime ? 0 : NVB_OOM(err);
}

static int read_host(const struct json_at *root, struct arena *a, struct client_facts *facts,
	struct nvb_error **err)
{
	struct json_at host, security;
	int r;

	r = json_member(root, "host", json_type_object, &host, err);
	if (r <= 0)
		return r < 0 ? r : json_missing(root, "host", err);
	r = json_get_bool(&host, "serviceIsRemote", &facts->service, err);
	/* Whose socket it is then, the user's configuration alone knows. */
	if (facts->service && !facts->local_endpoint)
		facts->remote = true;
	if (r >= 0)
		r = json_member(&host, "security", json_type_object, &security, err);
	if (r > 0)
		r = json_get_bool(&security, "rootless", &facts->rootless, err);
	return r < 0 ? r : find_oci_runtime(&host, a, facts, err);
}

static int podman_parse(const char *text, size_t length, struct arena *a,
	struct client_facts *facts, struct nvb_error **err)
{
	/* Podman does not tell them. Newer ones can be configured to read others too. */
	static const char *const dirs[] = { "/etc/cdi", "/var/run/cdi" };
	_cleanup_(json_putp) struct json_object *info = NULL;
	struct json_at root;
	int r;

	r = json_parse(text, length, &info, err);
	if (r >= 0)
		r = json_root(info, json_type_object, &root, err);
	if (r >= 0)
		r = find_version(&root, a, facts, err);
	if (r >= 0)
		r = read_host(&root, a, facts, err);
	for (size_t i = 0; r >= 0 && i < ELEMENTS(dirs); i++)
		r = string_list_add(a, &facts->cdi_dirs, dirs[i]) < 0 ? NVB_OOM(err) : 0;
	return r;
}

static int podman_raise_silent(const char *program, int exit_code, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_ENGINE, 0,
			"ask Podman what it can do: '%s' ended with exit status %d", program,
			exit_code),
		"see what 'podman info' says");
}

static bool is_replaceable(const char *oci_runtime)
{
	const char *name = path_base_name(oci_runtime);

	for (size_t i = 0; i < ELEMENTS(replaceable); i++)
		if (strcmp(name, replaceable[i]) == 0)
			return true;
	return false;
}

static const char *podman_runtime_word(const struct client_facts *facts, const char *runtime,
	struct arena *a, const char **ret_reason)
{
	if (!runtime) {
		*ret_reason = RUNTIME_PROGRAM " is not installed";
		return NULL;
	}
	if (facts->service) {
		*ret_reason = "Podman's service chooses the runtime itself";
		return NULL;
	}
	if (facts->oci_runtime && !is_replaceable(facts->oci_runtime)) {
		*ret_reason =
			arena_printf(a, RUNTIME_PROGRAM " cannot stand for Podman's runtime '%s'",
				facts->oci_runtime);
		return NULL;
	}
	*ret_reason = arena_printf(a, "Podman %s takes any runtime by its path", facts->version);
	return runtime;
}

static const char *podman_cdi_problem(const struct client_facts *facts, struct arena *a)
{
	if (facts->major < CDI_SINCE_MAJOR ||
		(facts->major == CDI_SINCE_MAJOR && facts->minor < CDI_SINCE_MINOR))
		return arena_printf(a, "Podman %s has no CDI, which came with 4.1", facts->version);
	return NULL;
}

static const char *const info_words[] = { "info", "--format", "json", NULL };

const struct client_ops podman_client = {
	.name = "podman",
	.title = "Podman",
	.program_variable = "NVBIND_PODMAN",
	.endpoint_variable = "CONTAINER_HOST",
	.info_words = info_words,
	.assumed_runtime = RUNTIME_PROGRAM,
	.runtime_is_global = true,
	.parse = podman_parse,
	.raise_silent = podman_raise_silent,
	.runtime_word = podman_runtime_word,
	.cdi_problem = podman_cdi_problem,
	.way_out = "install nvbind-runtime beside nvbind; or use CDI: 'sudo nvbind cdi generate'",
};
