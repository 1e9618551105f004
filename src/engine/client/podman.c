/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `podman info` tells, for Podman 3 and later. It takes a multiple of the time of any other
 * command, because it looks up in the system's package manager which packages programs are of.
 */
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/path.h"
#include "base/user_namespace.h"
#include "engine/client/client.h"
#include "format/json.h"

#define RUNTIME_NAME	"nvbind"
/* Source: Podman release notes, 4.1.0: CDI specifications of version 0.3.0 and later. */
#define CDI_SINCE_MAJOR 4
#define CDI_SINCE_MINOR 1

/* Newer specifications than this are dropped without a word. Source: observed with Podman 4.3.1. */
#define CDI_STRICT_MINOR 3
#define CDI_STRICT	 "0.5.0"

/* The low-level runtimes that nvbind-runtime runs itself, and what it is called. To leave out any
 * other, a sandbox for example, would take away what was chosen it for. */
static const char *const replaceable[] = { "crun", "runc", RUNTIME_NAME, CLIENT_RUNTIME_PROGRAM };

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

static bool is_replaceable(const char *oci_runtime)
{
	const char *name = path_base_name(oci_runtime);

	for (size_t i = 0; i < ELEMENTS(replaceable); i++)
		if (strcmp(name, replaceable[i]) == 0)
			return true;
	return false;
}

/* Whether Podman takes root for root. Its rule: CAP_SYS_ADMIN, outside of user namespaces. */
static bool find_rootless(bool *ret)
{
	*ret = geteuid() != 0;
	return *ret ||
	       (user_namespace_is_initial() && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1);
}

/*
 * The help names the low-level runtime that Podman has by its own reading of its configuration:
 *
 *	      --runtime string       Path to the OCI-compatible binary [...] (default "crun")
 *
 * Where Podman talks to a service, it has no such option. Source: observed with Podman 4.3.1
 *and 5.4.2.
 */
static bool podman_parse_brief(const char *text, struct arena *a, struct client_facts *facts)
{
	static const char option[] = "--runtime ", mark[] = "(default \"", end[] = "\")";

	for (const char *line = text, *next; *line; line = next) {
		size_t length = strcspn(line, "\n"), blanks = strspn(line, " ");
		const char *value, *tail;

		next = line + length + (line[length] != '\0');
		if (strncmp(line + blanks, option, strlen(option)) != 0)
			continue;
		value = memmem(line, length, mark, strlen(mark));
		if (!value || length < strlen(end))
			return false;
		value += strlen(mark);
		tail = line + length - strlen(end);
		if (tail < value || strncmp(tail, end, strlen(end)) != 0)
			return false;
		facts->oci_runtime = arena_strndup(a, value, (size_t)(tail - value));
		return facts->oci_runtime && is_replaceable(facts->oci_runtime) &&
		       find_rootless(&facts->rootless);
	}
	return false;
}

static const char *podman_runtime_word(const struct client_facts *facts, const char *runtime,
	struct arena *a, const char **ret_reason)
{
	if (!runtime) {
		*ret_reason = CLIENT_RUNTIME_PROGRAM " is not installed";
		return NULL;
	}
	if (facts->service) {
		*ret_reason = "Podman's service chooses the runtime itself";
		return NULL;
	}
	if (facts->oci_runtime && !is_replaceable(facts->oci_runtime)) {
		*ret_reason =
			arena_printf(a, CLIENT_RUNTIME_PROGRAM " cannot stand for Podman's runtime '%s'",
				facts->oci_runtime);
		return NULL;
	}
	*ret_reason = arena_printf(a, "Podman%s%s takes any runtime by its path",
		facts->version ? " " : "", facts->version ? facts->version : "");
	return runtime;
}

static bool has_cdi(const struct client_facts *facts)
{
	return facts->major > CDI_SINCE_MAJOR ||
	       (facts->major == CDI_SINCE_MAJOR && facts->minor >= CDI_SINCE_MINOR);
}

static const char *podman_cdi_problem(const struct client_facts *facts, struct arena *a)
{
	return has_cdi(facts) ? NULL
			      : arena_printf(a, "Podman %s has no CDI, which came with 4.1",
					facts->version);
}

static const char *podman_runtime_way(const struct client_facts *facts, const char *runtime)
{
	(void)facts;
	return runtime ? NULL : "install " CLIENT_RUNTIME_PROGRAM " beside nvbind";
}

static const char *podman_cdi_way(const struct client_facts *facts)
{
	return has_cdi(facts) ? "run 'sudo nvbind cdi generate'" : NULL;
}

static const char *const info_words[] = { "info", "--format", "json", NULL };
static const char *const brief_words[] = { "--help", NULL };

const struct client_ops podman_client = {
	.name = "podman",
	.title = "Podman",
	.program_variable = "NVBIND_PODMAN",
	.endpoint_variable = "CONTAINER_HOST",
	.info_words = info_words,
	.brief_words = brief_words,
	.assumed_runtime = CLIENT_RUNTIME_PROGRAM,
	.runtime_is_global = true,
	.parse = podman_parse,
	.parse_brief = podman_parse_brief,
	.runtime_word = podman_runtime_word,
	.cdi_problem = podman_cdi_problem,
	.runtime_way = podman_runtime_way,
	.cdi_way = podman_cdi_way,
};
