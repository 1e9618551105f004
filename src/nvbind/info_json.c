/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "format/json.h"
#include "nvbind/info.h"

/* Memory is told in binary megabytes, as every GPU tool does. */
#define MEMORY_UNIT_BYTES ((uint64_t)1 << 20)

static void add_memory(struct json_builder *b, struct json_object *o, uint64_t bytes)
{
	if (bytes)
		json_add_uint(b, o, "memory_mb", bytes / MEMORY_UNIT_BYTES);
	else
		json_add_null(b, o, "memory_mb");
}

static void add_id(struct json_builder *b, struct json_object *o, const struct gpu *gpu)
{
	char id[32];

	/* A selector: it can be given to --gpu as it is. */
	(void)snprintf(id, sizeof(id), "gpu%u", gpu->index);
	json_add_string(b, o, "id", id);
}

static void add_driver(struct json_builder *b, struct json_object *o, const struct gpu_driver *d)
{
	json_add_string(b, o, "vendor", gpu_vendor_name(d->vendor));
	json_add_string(b, o, "name", d->name);
	json_add_string(b, o, "version", d->version);
	json_add_string(b, o, "flavor", d->flavor);
	json_add_string(b, o, "files_version", d->files_version);
	json_add_uint(b, o, "files", d->files.n);
}

static void add_nodes(struct json_builder *b, struct json_object *o, const char *key,
	const struct gpu_node_list *nodes)
{
	struct json_object *array = json_add_array(b, o, key);

	vec_foreach (const struct gpu_node, n, nodes)
		if (n->node.exists)
			json_append_string(b, array, n->node.path);
}

static void add_partition(struct json_builder *b, struct json_object *array, const struct gpu *gpu,
	const struct gpu_partition *p)
{
	struct json_object *o = json_append_object(b, array);
	char id[32];

	(void)snprintf(id, sizeof(id), "%u:%u", gpu->index, p->index);
	json_add_uint(b, o, "index", p->index);
	json_add_string(b, o, "id", id);
	json_add_string(b, o, "uuid", p->uuid);
	json_add_string(b, o, "profile", p->profile);
	if (p->gi >= 0)
		json_add_int(b, o, "gi", p->gi);
	else
		json_add_null(b, o, "gi");
	if (p->ci >= 0)
		json_add_int(b, o, "ci", p->ci);
	else
		json_add_null(b, o, "ci");
	add_memory(b, o, p->memory_bytes);
	json_add_string(b, o, "render_node", p->render_node);
	add_nodes(b, o, "nodes", &p->nodes);
}

static void add_gpu(struct json_builder *b, struct json_object *array, const struct gpu *gpu)
{
	struct json_object *o = json_append_object(b, array), *mig;

	json_add_uint(b, o, "index", gpu->index);
	add_id(b, o, gpu);
	json_add_string(b, o, "vendor", gpu_vendor_name(gpu->vendor));
	json_add_string(b, o, "name", gpu->name);
	json_add_string(b, o, "uuid", gpu->uuid);
	json_add_string(b, o, "pci_address", gpu->pci_address);
	add_memory(b, o, gpu->memory_bytes);
	json_add_string(b, o, "driver", gpu->driver);
	add_nodes(b, o, "nodes", &gpu->nodes);
	json_add_string(b, o, "render_node", gpu->render_node);
	mig = json_add_array(b, o, "mig");
	vec_foreach (const struct gpu_partition, p, &gpu->partitions)
		add_partition(b, mig, gpu, p);
	json_add_string(b, o, "state", gpu_state_name(gpu->state));
	json_add_string(b, o, "state_reason", gpu->state_reason);
	json_add_string(b, o, "compute_capability", gpu->compute_capability);
	if (gpu->numa_node >= 0)
		json_add_int(b, o, "numa_node", gpu->numa_node);
	else
		json_add_null(b, o, "numa_node");
}

/* The driver of the first GPU stands for the machine; all of them are in "drivers". */
static const struct gpu_driver *main_driver(const struct inventory *inv)
{
	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		const struct gpu_driver *d = inventory_driver(inv, gpu);

		if (d)
			return d;
	}
	return inv->drivers.n ? &inv->drivers.items[0] : NULL;
}

static int finish(
	struct json_builder *b, struct json_object *root, char **ret_text, struct nvb_error **err)
{
	int r = json_builder_check(b, err);

	return r < 0 ? r : json_format(root, JSON_PRETTY, ret_text, NULL, err);
}

int info_format_json(const struct inventory *inv, char **ret_text, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	const struct gpu_driver *driver = main_driver(inv);
	struct json_object *array;

	if (driver)
		add_driver(&b, json_add_object(&b, root, "driver"), driver);
	else
		json_add_null(&b, root, "driver");
	array = json_add_array(&b, root, "gpus");
	vec_foreach (const struct gpu, gpu, &inv->gpus)
		add_gpu(&b, array, gpu);
	array = json_add_array(&b, root, "drivers");
	vec_foreach (const struct gpu_driver, d, &inv->drivers) {
		struct json_object *o = json_append_object(&b, array);

		add_driver(&b, o, d);
		add_nodes(&b, o, "nodes", &d->common_nodes);
	}
	array = json_add_array(&b, root, "warnings");
	vec_foreach (const char *, warning, &inv->warnings)
		json_append_string(&b, array, *warning);
	return finish(&b, root, ret_text, err);
}

int info_format_gpus_json(const struct inventory *inv, char **ret_text, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_array(&b);

	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		const struct gpu_driver *driver = inventory_driver(inv, gpu);
		struct json_object *o = json_append_object(&b, root);

		add_id(&b, o, gpu);
		json_add_string(&b, o, "name", gpu->name);
		add_memory(&b, o, gpu->memory_bytes);
		json_add_string(&b, o, "compute_capability", gpu->compute_capability);
		json_add_string(&b, o, "driver_version", driver ? driver->version : NULL);
		json_add_string(&b, o, "uuid", gpu->uuid);
	}
	return finish(&b, root, ret_text, err);
}

int info_format_wsl_json(const struct inventory *inv, char **ret_text, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	const struct gpu_driver *driver = NULL;
	struct json_object *array;

	vec_foreach (const struct gpu_driver, d, &inv->drivers)
		if (d->vendor == GPU_VENDOR_WSL)
			driver = d;
	json_add_bool(&b, root, "wsl2", driver);
	if (driver) {
		struct json_object *o = json_add_object(&b, root, "driver");

		add_driver(&b, o, driver);
		add_nodes(&b, o, "nodes", &driver->common_nodes);
	} else {
		json_add_null(&b, root, "driver");
	}
	array = json_add_array(&b, root, "gpus");
	vec_foreach (const struct gpu, gpu, &inv->gpus)
		if (gpu->vendor == GPU_VENDOR_WSL)
			add_gpu(&b, array, gpu);
	return finish(&b, root, ret_text, err);
}
