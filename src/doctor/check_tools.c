/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of other software that puts GPUs into containers. nvbind needs none of it. */
#include <string.h>

#include "doctor/check.h"
#include "format/json.h"

#define MAX_CONFIG_BYTES (1 << 20)
#define TOOLKIT_CONFIG	 "/etc/nvidia-container-runtime/config.toml"
#define DOCKER_CONFIG	 "/etc/docker/daemon.json"

static const char *const program_dirs[] = { "/usr/bin", "/usr/local/bin",
	"/usr/local/nvidia/toolkit", "/opt/rocm/bin" };

static const char *const tools[] = { "nvidia-ctk", "nvidia-container-runtime",
	"nvidia-container-runtime-hook", "nvidia-container-cli", "nvidia-cdi-hook", "nvidia-docker",
	"amd-container-runtime", "amd-ctk" };

static void note_tools(struct doctor *d)
{
	_cleanup_(strbuf_done) struct strbuf found = STRBUF_INIT(4096);

	for (size_t i = 0; i < ELEMENTS(tools); i++) {
		for (size_t k = 0; k < ELEMENTS(program_dirs); k++) {
			char path[128];

			(void)snprintf(path, sizeof(path), "%s/%s", program_dirs[k], tools[i]);
			if (!host_tree_exists(d->tree, path))
				continue;
			strbuf_printf(&found, "%s%s", found.length ? ", " : "", tools[i]);
			break;
		}
	}
	d->out_of_memory |= strbuf_failed(&found);
	if (found.length)
		check_note(d, DOCTOR_OK, "installed: %s; nvbind works beside them",
			strbuf_str(&found));
	else
		check_note(d, DOCTOR_OK, "no other GPU container tool is installed");
}

/*
 * Without a leading '@' the toolkit runs the container's own ldconfig with the host's rights.
 * Source: NVIDIA security bulletin 5599, CVE-2024-0136 and CVE-2024-0137.
 */
static void check_toolkit_config(struct doctor *d)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (host_tree_read(d->tree, TOOLKIT_CONFIG, MAX_CONFIG_BYTES, &text) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		if (strncmp(line, "ldconfig", 8) != 0)
			continue;
		line += 8;
		line += strspn(line, " \t");
		if (*line++ != '=')
			continue;
		line += strspn(line, " \t\"'");
		if (*line == '@')
			continue;
		check_note(d, DOCTOR_WARNING,
			"'" TOOLKIT_CONFIG "' lets containers bring their own ldconfig, which "
			"then runs with the rights of the host (CVE-2024-0137)");
		check_fix(d, "write ldconfig = \"@/sbin/ldconfig\" there");
	}
}

void check_gpu_tools(struct doctor *d)
{
	note_tools(d);
	check_toolkit_config(d);
}

/* One entry of "runtimes": does its program exist? */
static void check_docker_runtime(struct doctor *d, const char *name, struct json_object *runtime)
{
	struct json_object *path = NULL;
	const char *text;

	if (!json_object_is_type(runtime, json_type_object) ||
		!json_object_object_get_ex(runtime, "path", &path) ||
		!json_object_is_type(path, json_type_string))
		return;
	text = json_object_get_string(path);
	if (text[0] != '/' || host_tree_exists(d->tree, text))
		return;
	check_note(d, DOCTOR_WARNING, "Docker's runtime '%s' is '%s', which does not exist", name,
		text);
	check_fix(d, "install it, or remove the runtime from " DOCKER_CONFIG);
}

static void check_docker_config(struct doctor *d, struct json_object *config)
{
	struct json_object *runtimes = NULL, *name = NULL;
	const char *default_runtime = NULL;

	if (json_object_object_get_ex(config, "default-runtime", &name) &&
		json_object_is_type(name, json_type_string))
		default_runtime = json_object_get_string(name);
	if (json_object_object_get_ex(config, "runtimes", &runtimes) &&
		json_object_is_type(runtimes, json_type_object)) {
		json_object_object_foreach(runtimes, key, value)
			check_docker_runtime(d, key, value);
	} else {
		runtimes = NULL;
	}
	if (!default_runtime) {
		check_note(d, DOCTOR_OK, "'" DOCKER_CONFIG "' keeps Docker's default runtime");
		return;
	}
	if (strcmp(default_runtime, "runc") != 0 &&
		!(runtimes && json_object_object_get_ex(runtimes, default_runtime, NULL))) {
		check_note(d, DOCTOR_WARNING,
			"Docker's default runtime '%s' is not among the runtimes of '" DOCKER_CONFIG
			"'",
			default_runtime);
		check_fix(d, "add it to \"runtimes\" in " DOCKER_CONFIG);
		return;
	}
	check_note(d, DOCTOR_OK, "Docker's default runtime is '%s'", default_runtime);
}

void check_docker(struct doctor *d)
{
	_cleanup_error_ struct nvb_error *why = NULL;
	_cleanup_(json_putp) struct json_object *config = NULL;
	_cleanup_free_ char *text = NULL;
	errint_t r = host_tree_read(d->tree, DOCKER_CONFIG, MAX_CONFIG_BYTES, &text);

	if (r == -ENOENT || r == -ENOTDIR) {
		check_note(d, DOCTOR_OK, "Docker has no configuration file");
		return;
	}
	if (r < 0) {
		check_note(
			d, DOCTOR_SKIPPED, "'" DOCKER_CONFIG "' cannot be read: %s", strerror(-r));
		return;
	}
	if (json_parse(text, strlen(text), &config, &why) < 0) {
		check_note(d, DOCTOR_WARNING, "'" DOCKER_CONFIG "' is damaged: %s",
			nvb_error_message(why));
		check_fix(d, "correct the file: Docker does not start with it");
		return;
	}
	if (json_object_is_type(config, json_type_object))
		check_docker_config(d, config);
	else
		check_note(d, DOCTOR_WARNING, "'" DOCKER_CONFIG "' is not a JSON object");
}
