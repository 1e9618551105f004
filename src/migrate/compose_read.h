/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services of a compose file, and how each asks for GPUs. Read from what the document means:
 * anchors and merge keys are resolved before.
 *
 * Source: Compose Specification, "services" and "deploy", 2026-08: runtime, gpus,
 * deploy.resources.reservations.devices, environment, env_file, extends, devices.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/* An item of `gpus` or of deploy.resources.reservations.devices. */
struct compose_reservation {
	unsigned line;
	size_t index;	    /* in its list */
	const char *driver; /* NULL: none is named */
	const char *count;  /* as written; NULL: not given */
	struct string_list ids, capabilities;
	bool has_options;
	bool is_gpu; /* an item of `gpus`: Compose adds the capability itself */
};

struct compose_reservation_list VEC(struct compose_reservation);

struct compose_variable {
	const char *name;
	const char *value; /* NULL: taken from the environment of the caller */
	unsigned line;
	const char *step; /* where in `environment`: its name, or the index of the item */
};

struct compose_variable_list VEC(struct compose_variable);

struct compose_service {
	const char *name;
	unsigned line;
	struct json_object *json; /* all of it; borrowed */
	const char *runtime;
	unsigned runtime_line;
	bool gpus_all;		 /* gpus: all */
	const char *gpus_unread; /* gpus: ${NAME} */
	unsigned gpus_line;
	struct compose_reservation_list gpus, reserved;
	struct compose_variable_list environment;
	bool environment_is_list;
	struct string_list devices; /* items of `devices` that are texts */
	struct string_list nodes;   /* those of them that are paths, and the sources of mappings */
	struct string_list command; /* its words, as far as blanks part them */
	unsigned command_line;
	bool has_env_file;
	struct string_list env_files; /* their paths; none where they are not said as texts */
	const char *extends_service, *extends_file;
	bool swarm_resources; /* deploy.resources.reservations.generic_resources */
};

struct compose_file {
	struct json_object *root; /* borrowed */
	struct VEC(struct compose_service) services;
	bool includes; /* other files */
};

/*
 * Strings are borrowed from `root` or live in `a`. Errors: NVB_ERR_FORMAT (not a compose file, a
 * field of another type), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int compose_read(struct json_object *root, struct arena *a, struct compose_file *ret,
	struct nvb_error **err);

/* The variable that counts: of a list, the last of that name. NULL: there is none. */
const struct compose_variable *compose_variable(
	const struct compose_service *service, const char *name);

/* True for a value that Compose would only know at its start: ${NAME}. */
bool compose_is_interpolated(const char *value);
