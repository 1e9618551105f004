/* SPDX-License-Identifier: Apache-2.0 */
/* The words that compose files ask for GPUs with: runtimes, drivers, capabilities, variables. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "migrate/compose_read.h"

enum compose_target {
	COMPOSE_TO_CDI,
	COMPOSE_TO_RUNTIME, /* the variables stay, nvbind-runtime reads them */
	COMPOSE_TO_BOLTFILE,
};

/* The name that nvbind-runtime has in the configuration of an engine. */
#define COMPOSE_RUNTIME_NAME "nvbind"

/* What a vendor's variable says where there is to be no GPU, and no driver either. */
#define COMPOSE_NO_GPU "void"

struct compose_vendor {
	const char *runtime;
	const char *driver; /* NULL: another runtime of a vendor that is named already */
	const char *variable, *kind;
};

/* A variable that stands for devices beside the GPUs. */
struct compose_companion {
	const char *variable, *kind;
	bool takes_ids;
};

/* GPUs by their nodes alone, in `devices`. */
struct compose_node {
	const char *path;
	bool is_prefix;	      /* of longer names too: "/dev/nvidia0" */
	const char *kinds[2]; /* of CDI devices that bring it; the second may be NULL */
	const char *advice;   /* instead of it */
};

/* `text` may be "PATH:PATH:PERMISSIONS". NULL: no node of GPUs. */
const struct compose_node *compose_node_of(const char *text);
/* From 0; NULL: there is none more. */
const struct compose_node *compose_node_at(size_t index);
/* True if one of the CDI devices brings it. */
bool compose_node_is_brought(const struct compose_node *node, const struct string_list *names);
/* True for "VENDOR/CLASS=NAME". */
bool compose_is_cdi_name(const char *device);

/* From 0, NVIDIA's first; NULL: there is none more. */
const struct compose_vendor *compose_vendor_at(size_t index);
const struct compose_companion *compose_companion_at(size_t index);

/* NULL: none that is known. */
const struct compose_vendor *compose_vendor_of_runtime(const char *runtime);
const struct compose_vendor *compose_vendor_of_request(const struct compose_reservation *request);

/* True for a capability that is a whole GPU, not a part of its driver. */
bool compose_is_gpu_word(const char *capability);
bool compose_is_cdi_request(const struct compose_reservation *request);

/* Why a request may be for GPUs and cannot be converted, and for which word; NULL: no reason. */
const char *compose_request_is_unclear(
	const struct compose_reservation *request, const char **ret_word);

bool compose_is_gpu_runtime(const char *runtime);
/* True for a device request that is converted, or would be if it were clear. */
bool compose_is_gpu_request(const struct compose_reservation *request, enum compose_target target);
/* True for a variable that chooses GPUs. */
bool compose_is_gpu_variable(const char *name);
/* True for that, and for one that chooses devices beside them. */
bool compose_is_device_variable(const char *name);
/* True for a variable that says: no GPU. Without it, an image's own counts. */
bool compose_is_denial(const struct compose_variable *v);
