/* SPDX-License-Identifier: Apache-2.0 */
/* What `docker info` tells, for Docker 20.10 and later. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/path.h"
#include "base/strbuf.h"
#include "engine/client/client.h"
#include "format/json.h"

#define RUNTIME_NAME	"nvbind"
#define DEFAULT_SOCKET	"/var/run/docker.sock"
#define DEFAULT_CONTEXT "default"
#define UNIX_PREFIX	"unix://"
#define SHOWN_BYTES	256

/* The daemon injects CDI devices since 25.0 if told to, and since 28.2 by itself.
 * Source: Docker Engine release notes, 25.0.0 and 28.2.0. */
#define CDI_SINCE_MAJOR 25

static int raise_not_running(const char *detail, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(
			err, NVB_ERR_ENGINE, 0, "reach Docker's daemon: %.*s", SHOWN_BYTES, detail),
		"start it, for example with 'sudo systemctl start docker'; 'docker info' says "
		"more");
}

static int raise_forbidden(const char *detail, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "reach Docker's daemon: %.*s", SHOWN_BYTES,
			detail),
		"use sudo, join the group 'docker', or use '--runtime podman', which needs "
		"neither");
}

/* Older clients print JSON all the same, and exit with 0. */
static int check_server_errors(const struct json_at *root, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	struct json_at errors;
	const char *first;
	int r;

	r = json_member(root, "ServerErrors", json_type_array, &errors, err);
	if (r <= 0)
		return r;
	if (!json_length(&errors))
		return 0;
	r = json_item_string(&errors, 0, &first, err);
	if (r < 0)
		return r;
	strbuf_escaped_add(&text, first, SHOWN_BYTES);
	return strstr(first, "permission denied") ? raise_forbidden(strbuf_str(&text), err)
						  : raise_not_running(strbuf_str(&text), err);
}

/* nvbind-runtime by its usual name, or whatever it was registered as. */
static int find_runtime(const struct json_at *root, struct arena *a, struct client_facts *facts,
	struct nvb_error **err)
{
	struct json_at runtimes;
	const char *path;
	int r;

	r = json_member(root, "Runtimes", json_type_object, &runtimes, err);
	if (r <= 0)
		return r;
	json_object_object_foreach(runtimes.value, name, value)
	{
		struct json_at runtime = { .parent = &runtimes, .key = name, .value = value };

		if (!json_object_is_type(value, json_type_object))
			continue;
		r = json_get_string(&runtime, "path", &path, err);
		if (r < 0)
			return r;
		if (strcmp(name, RUNTIME_NAME) != 0 &&
			(r == 0 || strcmp(path_base_name(path), CLIENT_RUNTIME_PROGRAM) != 0))
			continue;
		facts->nvbind_name = arena_strdup(a, name);
		if (!facts->nvbind_name)
			return NVB_OOM(err);
		if (strcmp(name, RUNTIME_NAME) == 0)
			break;
	}
	return 0;
}

static int copy_strings(const struct json_at *root, const char *key, struct arena *a,
	struct string_list *ret, struct nvb_error **err)
{
	struct json_at array;
	int r = json_member(root, key, json_type_array, &array, err);

	for (size_t i = 0; r > 0 && i < json_length(&array); i++) {
		const char *item, *copy;

		r = json_item_string(&array, i, &item, err);
		if (r < 0)
			return r;
		copy = arena_strdup(a, item);
		if (!copy || string_list_add(a, ret, copy) < 0)
			return NVB_OOM(err);
		r = 1;
	}
	return r < 0 ? r : 0;
}

static int find_rootless(const struct json_at *root, struct arena *a, struct client_facts *facts,
	struct nvb_error **err)
{
	struct string_list options = { 0 };
	int r = copy_strings(root, "SecurityOptions", a, &options, err);

	vec_foreach (const char *, option, &options)
		if (strcmp(*option, "name=rootless") == 0)
			facts->rootless = true;
	return r;
}

/* podman-docker installs a program "docker" that is Podman. */
static int raise_no_version(const struct json_at *root, struct nvb_error **err)
{
	struct json_at host;

	if (json_member(root, "host", json_type_object, &host, NULL) > 0)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_ENGINE, 0,
				"use Docker: the program 'docker' is Podman"),
			"use '--runtime podman'");
	return json_missing(root, "ServerVersion", err);
}

static int find_version(const struct json_at *root, struct arena *a, struct client_facts *facts,
	struct nvb_error **err)
{
	const char *version;
	int r = json_get_string(root, "ServerVersion", &version, err);

	if (r < 0)
		return r;
	if (r == 0 || !version[0])
		return raise_no_version(root, err);
	facts->version = arena_strdup(a, version);
	return facts->version ? client_parse_version(version, facts, err) : NVB_OOM(err);
}

/*
 * A context that the user chose, with DOCKER_CONTEXT or in Docker's configuration, may be an engine
 * anywhere. DOCKER_HOST wins over both. Source: Docker documentation, "Docker contexts".
 */
static int find_context(const struct json_at *root, struct arena *a, struct client_facts *facts,
	struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	struct json_at client;
	const char *context;
	int r;

	r = json_member(root, "ClientInfo", json_type_object, &client, err);
	if (r > 0)
		r = json_get_string(&client, "Context", &context, err);
	if (r <= 0 || !context[0] || strcmp(context, DEFAULT_CONTEXT) == 0)
		return r;
	strbuf_escaped_add(&text, context, SHOWN_BYTES);
	facts->context = strbuf_failed(&text) ? NULL : arena_strdup(a, strbuf_str(&text));
	return facts->context ? 0 : NVB_OOM(err);
}

static int docker_parse(const char *text, size_t length, struct arena *a,
	struct client_facts *facts, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *info = NULL;
	struct json_at root;
	int r;

	r = json_parse(text, length, &info, err);
	if (r >= 0)
		r = json_root(info, json_type_object, &root, err);
	if (r >= 0)
		r = check_server_errors(&root, err);
	if (r >= 0)
		r = find_version(&root, a, facts, err);
	if (r >= 0)
		r = find_runtime(&root, a, facts, err);
	if (r >= 0)
		r = find_context(&root, a, facts, err);
	if (r >= 0)
		r = copy_strings(&root, "CDISpecDirs", a, &facts->cdi_dirs, err);
	return r < 0 ? r : find_rootless(&root, a, facts, err);
}

/* 0, or -errno of a connection to the daemon's socket. */
static errint_t try_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
		return 0;
	return -errno;
}

/*
 * Newer clients say why on standard error only, in words that change. A context in Docker's
 * configuration may name another socket: so what is found here is told with its path.
 */
static int docker_raise_silent(struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096 + SHOWN_BYTES);
	const char *endpoint = secure_getenv("DOCKER_HOST");
	const char *context = secure_getenv("DOCKER_CONTEXT");
	const char *path = DEFAULT_SOCKET;
	errint_t e;

	if (endpoint && strncmp(endpoint, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		path = endpoint + strlen(UNIX_PREFIX);
	else if ((endpoint && endpoint[0]) ||
		 (context && context[0] && strcmp(context, DEFAULT_CONTEXT) != 0))
		path = NULL;
	e = path ? try_socket(path) : 0;
	if (e >= 0)
		return 0;
	strbuf_printf(&text, "'%.*s': %s", SHOWN_BYTES, path, strerror(-e));
	return e == -EACCES || e == -EPERM ? raise_forbidden(strbuf_str(&text), err)
					   : raise_not_running(strbuf_str(&text), err);
}

static const char *docker_runtime_word(const struct client_facts *facts, const char *runtime,
	struct arena *a, const char **ret_reason)
{
	/* The daemon knows its runtimes; where ours lies for this process does not matter. */
	(void)runtime;
	if (facts->nvbind_name)
		*ret_reason = arena_printf(
			a, "Docker %s has the runtime '%s'", facts->version, facts->nvbind_name);
	else
		*ret_reason = arena_printf(
			a, "Docker %s has no runtime '" RUNTIME_NAME "'", facts->version);
	return facts->nvbind_name;
}

static const char *docker_cdi_problem(const struct client_facts *facts, struct arena *a)
{
	if (facts->major < CDI_SINCE_MAJOR)
		return arena_printf(
			a, "Docker %s has no CDI, which came with 25.0", facts->version);
	if (!facts->cdi_dirs.n)
		return arena_printf(a, "CDI is off in Docker %s", facts->version);
	return NULL;
}

/* An ordinary user's own daemon is set up by the user. */
#define SETUP_HINT(sudo, option)                                                                   \
	"run '" sudo "nvbind setup docker" option "' once, and the command that it prints"
#define GENERATE_HINT "run 'sudo nvbind cdi generate'"

static const char *docker_runtime_way(const struct client_facts *facts, const char *runtime)
{
	(void)runtime;
	if (facts->nvbind_name)
		return NULL;
	return facts->rootless ? SETUP_HINT("", "") : SETUP_HINT("sudo ", "");
}

static const char *docker_cdi_way(const struct client_facts *facts)
{
	if (facts->major < CDI_SINCE_MAJOR)
		return NULL;
	if (facts->cdi_dirs.n)
		return GENERATE_HINT;
	return facts->rootless ? SETUP_HINT("", " --cdi") "; then " GENERATE_HINT
			       : SETUP_HINT("sudo ", " --cdi") "; then " GENERATE_HINT;
}

static const char *const info_words[] = { "info", "--format", "{{json .}}", NULL };
/* Without a name: of the context that all other commands use. */
static const char *const endpoint_words[] = { "context", "inspect", "--format",
	"{{.Endpoints.docker.Host}}", NULL };

const struct client_ops docker_client = {
	.name = "docker",
	.title = "Docker",
	.program_variable = "NVBIND_DOCKER",
	.endpoint_variable = "DOCKER_HOST",
	.context_variable = "DOCKER_CONTEXT",
	.info_words = info_words,
	.endpoint_words = endpoint_words,
	.assumed_runtime = RUNTIME_NAME,
	.parse = docker_parse,
	.raise_silent = docker_raise_silent,
	.runtime_word = docker_runtime_word,
	.cdi_problem = docker_cdi_problem,
	.runtime_way = docker_runtime_way,
	.cdi_way = docker_cdi_way,
};
