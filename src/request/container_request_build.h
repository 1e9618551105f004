/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of container_request_make() share. One part reads one kind of source and adds to
 * the request under construction; each is bounded, because its input is hostile.
 */
#pragma once

#include "request/container_request.h"

/* The variables that ask, beside those of CONTAINER_REQUEST_FILTERS. */
#define CONTAINER_VARIABLE_NVBIND "NVBIND_GPU"
#define CONTAINER_VARIABLE_NVIDIA "NVIDIA_VISIBLE_DEVICES"
#define CONTAINER_VARIABLE_AMD	  "AMD_VISIBLE_DEVICES"
#define CONTAINER_VARIABLE_LEGACY "CUDA_VERSION"

/* The kernel refuses longer strings in an environment. Source: execve(2), MAX_ARG_STRLEN. */
#define CONTAINER_VALUE_BYTES 131072
#define CONTAINER_MOUNT_NAME  "nvidia-container-devices"
#define CONTAINER_MOUNT_ROOT  "/var/run/" CONTAINER_MOUNT_NAME
/* Far above any machine: what a container names, repeated names included. */
#define CONTAINER_ITEMS 4096

struct container_build {
	const struct container_facts *facts;
	const struct container_policy *policy;
	struct arena *arena;
	struct container_request request;
	size_t items;	   /* read so far, up to CONTAINER_ITEMS */
	bool nvidia;	   /* a selector names or may name NVIDIA's devices */
	bool partition;	   /* a selector names a part of a GPU */
	const char *asker; /* the variable or annotation that asked, for warnings */
};

/* The value of the last entry of that name; NULL: there is none. */
const char *container_build_env(const struct container_build *b, const char *name);
bool container_build_trusts(const struct container_build *b, enum policy_trust trust);
/* Untrusted text for a message: escaped and cut. Never NULL. */
const char *container_build_shown(struct container_build *b, const char *text);

/*
 * Adds the items of a comma list, trimmed, without empty ones. `what` is the list's name for
 * errors. Errors: NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int container_build_split(struct container_build *b, const char *what, const char *list,
	struct string_list *items, struct nvb_error **err);

/*
 * Adds one item as a selector of `kind`, or of all vendors where that is NULL. An item that is a
 * CDI name already keeps its kind. A name twice is added once.
 * Errors: NVB_ERR_USAGE, NVB_ERR_NO_MEMORY.
 */
int container_build_select(
	struct container_build *b, const char *kind, const char *item, struct nvb_error **err);

/* "all", "none" or "void", the words of the vendors' variables; in any case. */
bool container_item_is(const char *item, const char *word);
bool container_has_word(const struct string_list *items, const char *word);

/*
 * An image from before NVIDIA_REQUIRE_CUDA asks by its CUDA_VERSION alone: for all GPUs and all
 * capabilities, and it needs that version. NULL: the image is none of these.
 */
const char *container_legacy_version(const struct container_build *b);

/*
 * The sources. Each returns 1 if it asks or decides, that nothing is asked for included; 0 if
 * another source may.
 */
int container_read_annotations(struct container_build *b, struct nvb_error **err);
int container_read_mounts(struct container_build *b, struct nvb_error **err);
int container_read_nvbind(struct container_build *b, struct nvb_error **err);
int container_read_nvidia(struct container_build *b, struct nvb_error **err);
int container_read_amd(struct container_build *b, struct nvb_error **err);
int container_read_filters(struct container_build *b, struct nvb_error **err);
/*
 * The vendors' lists as bounds: 1 if the variable is set. The empty list is "void": a shell that
 * found no GPU writes it. What a legacy image implies is no word of anybody's.
 */
int container_bound_nvidia(struct container_build *b, struct nvb_error **err);
int container_bound_amd(struct container_build *b, struct nvb_error **err);

/* The bounds of the source that counts. */
int container_add_bounds(struct container_build *b, struct nvb_error **err);
/* What an environment may ask for. Errors: NVB_ERR_PERMISSION. */
int container_check_kinds(struct container_build *b, struct nvb_error **err);

/* Takes a list as NVIDIA_VISIBLE_DEVICES means it. */
int container_nvidia_items(
	struct container_build *b, const struct string_list *items, struct nvb_error **err);

/* IMEX channels that mounts ask for, as text. */
int container_mounts_imex(
	struct container_build *b, struct string_list *channels, struct nvb_error **err);

/* What comes with a request for NVIDIA's GPUs: requirements, MIG rights, companions. */
int container_add_nvidia_extras(struct container_build *b, struct nvb_error **err);
/* Capabilities and profile. */
int container_add_capabilities(struct container_build *b, struct nvb_error **err);
