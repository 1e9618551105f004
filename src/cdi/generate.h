/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Specifications of this machine's GPUs, from an inventory. Pure: the same inventory and options
 * give the same specs.
 *
 * A spec must fit containers that it has not seen, so driver files keep the path that they have
 * on the host, and one hook makes their other names and the loader's cache in the container. With
 * the facts of one root (hookless), files go where that root's loader looks, and there is no hook.
 *
 * A node that only a group may open is open to all in the container. A group of the host is only
 * a number there, and additionalGids would make the spec unreadable for engines older than 0.7.0
 * and unusable without root; who gets the device is decided by who is given the spec's device.
 */
#pragma once

#include "cdi/spec.h"
#include "gpu/inventory.h"
#include "host/container_root.h"

enum cdi_name_strategy {
	CDI_NAME_INDEX = 1 << 0,      /* "0", "0:1": counted within the kind */
	CDI_NAME_UUID = 1 << 1,	      /* "GPU-...", "MIG-..." */
	CDI_NAME_TYPE_INDEX = 1 << 2, /* "gpu0", "mig0:1" */
	CDI_NAME_ANY = CDI_NAME_INDEX | CDI_NAME_UUID | CDI_NAME_TYPE_INDEX,
};

struct cdi_generate_options {
	const char *kind;	/* "VENDOR/CLASS" */
	enum gpu_vendor vendor; /* and those that share its kinds */
	capability_set capabilities;
	unsigned names; /* enum cdi_name_strategy, or-ed */
	bool all_device;
	bool data_companions;  /* with the nodes of all COMPANION_DATA classes */
	const char *profile;   /* NULL: none */
	bool annotate;	       /* record the profile even if that asks for a newer version */
	const char *hook_path; /* absolute path of the hook; NULL: write none */
	const struct container_root *root; /* hookless: its facts; NULL: any root */
};

/*
 * One spec, or none if the machine has no such GPU (*ret_spec NULL, success). *ret_warnings live
 * in the spec. Errors: NVB_ERR_DRIVER (driver files do not match the kernel module), as
 * plan_make(), NO_MEMORY.
 */
int cdi_generate(const struct inventory *inv, const struct cdi_generate_options *options,
	struct cdi_spec **ret_spec, struct string_list *ret_warnings, struct nvb_error **err);

/* The same for one of inv->companions; names, data_companions and root are not used. */
int cdi_generate_companion(const struct inventory *inv, const struct gpu_companion *companion,
	const struct cdi_generate_options *options, struct cdi_spec **ret_spec,
	struct string_list *ret_warnings, struct nvb_error **err);

/* What options->root must have been asked for. */
int cdi_generate_questions(const struct inventory *inv, const struct cdi_generate_options *options,
	struct arena *a, struct string_list *ret_dirs, struct string_list *ret_names,
	struct nvb_error **err);
