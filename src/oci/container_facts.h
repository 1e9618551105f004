/* SPDX-License-Identifier: Apache-2.0 */
/* What a config.json says about the container that it describes, for container_request_make(). */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct oci_pair {
	const char *key, *value;
};

struct oci_pair_list VEC(struct oci_pair);

/* Ids from `inside` on, `count` of them, are those from `outside` on. */
struct oci_id_map {
	uint32_t inside, outside, count;
};

struct oci_id_map_list VEC(struct oci_id_map);

struct oci_facts {
	struct string_list env;		  /* process.env */
	struct oci_pair_list annotations; /* key, value */
	struct oci_pair_list mounts;	  /* destination, source; "" where there is no source */
	bool administers;		  /* CAP_SYS_ADMIN in process.capabilities.bounding */
	/* The same outside of a user namespace: inside, it is a right over the namespace alone, and
	 * clusters give it there to whoever asks. */
	bool privileged;
	/* Podman's annotation, which an image can replace before Podman 4.6, or the name of its
	 * cgroup, which none can. */
	bool podman;
	const char *root_path; /* root.path; NULL: none */
	bool root_read_only;
	bool user_namespace; /* the container is in a user namespace of its own, or of another one
			      */
	struct oci_id_map_list gid_maps; /* linux.gidMappings */
};

/*
 * Strings are borrowed from the document. An entry of another type than the specification's is an
 * error with its path. Errors: NVB_ERR_FORMAT, NVB_ERR_NO_MEMORY.
 */
int oci_facts_read(
	struct json_object *config, struct arena *a, struct oci_facts *ret, struct nvb_error **err);
