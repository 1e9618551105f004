/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/cdi_make.h"

#include <fcntl.h>
#include <string.h>

#include "cdi/generate.h"
#include "gpu/enrich.h"

int cdi_maker_init(struct cdi_maker *maker, struct nvb_error **err)
{
	*maker = (struct cdi_maker){ .arena = arena_new() };
	return maker->arena ? 0 : NVB_OOM(err);
}

static void machine_done(struct cdi_machine *m)
{
	inventory_free(m->inv);
	host_tree_done(&m->tree);
	host_tree_done(&m->driver_tree);
	host_tree_done(&m->dev_tree);
}

void cdi_maker_done(struct cdi_maker *maker)
{
	vec_foreach (struct cdi_machine *, machine, &maker->machines)
		machine_done(*machine);
	arena_free(maker->arena);
}

static int warn(struct cdi_maker *maker, const struct string_list *texts, struct nvb_error **err)
{
	vec_foreach (const char *, text, texts) {
		const char *copy = arena_strdup(maker->arena, *text);
		bool said = false;

		vec_foreach (const char *, other, &maker->warnings)
			said = said || strcmp(*other, *text) == 0;
		if (!said && (!copy || string_list_add(maker->arena, &maker->warnings, copy) < 0))
			return NVB_OOM(err);
	}
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct cdi_machine *find_machine(const struct cdi_maker *maker, const char *host_root,
	const char *driver_root, const char *dev_root)
{
	vec_foreach (struct cdi_machine *, machine, &maker->machines) {
		const struct cdi_machine *m = *machine;

		if (same_text(m->host_root, host_root) && same_text(m->driver_root, driver_root) &&
			same_text(m->dev_root, dev_root))
			return *machine;
	}
	return NULL;
}

static struct cdi_machine *new_machine(struct cdi_maker *maker, const char *host_root,
	const char *driver_root, const char *dev_root)
{
	struct cdi_machine *m = arena_new_object(maker->arena, struct cdi_machine);
	struct cdi_machine **slot = m ? vec_push(maker->arena, &maker->machines) : NULL;

	if (!slot)
		return NULL;
	*m = (struct cdi_machine){
		.host_root = arena_strdup(maker->arena, host_root),
		.driver_root = driver_root ? arena_strdup(maker->arena, driver_root) : NULL,
		.dev_root = dev_root ? arena_strdup(maker->arena, dev_root) : NULL,
		.tree = HOST_TREE_INIT,
		.driver_tree = HOST_TREE_INIT,
		.dev_tree = HOST_TREE_INIT,
	};
	*slot = m;
	return m->host_root ? m : NULL;
}

static int discover(struct cdi_maker *maker, struct cdi_machine *m, struct nvb_error **err)
{
	struct discover_trees trees = { .machine = &m->tree };
	int r = host_tree_open(m->host_root, &m->tree, err);

	if (r >= 0 && m->driver_root) {
		r = host_tree_open(m->driver_root, &m->driver_tree, err);
		trees.driver = &m->driver_tree;
	}
	if (r >= 0 && m->dev_root) {
		r = host_tree_open(m->dev_root, &m->dev_tree, err);
		trees.dev = &m->dev_tree;
	}
	if (r >= 0)
		r = inventory_discover_in(&trees, &m->inv, err);
	if (r >= 0)
		r = inventory_find_companions(m->inv, &trees, err);
	return r < 0 ? r : warn(maker, &m->inv->warnings, err);
}

static void try_discover(struct cdi_maker *maker, struct cdi_machine *m)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	const char *hint;

	m->status = discover(maker, m, &problem);
	if (m->status >= 0)
		return;
	m->problem = arena_strdup(maker->arena, nvb_error_message(problem));
	hint = nvb_error_get_hint(problem);
	m->hint = hint ? arena_strdup(maker->arena, hint) : NULL;
}

static int raise_problem(const struct cdi_machine *m, struct nvb_error **err)
{
	int r;

	if (!m->problem)
		return NVB_OOM(err);
	r = NVB_RAISE(err, m->status, 0, "%s", m->problem);
	return m->hint ? NVB_HINT(err, r, "%s", m->hint) : r;
}

int cdi_maker_machine(struct cdi_maker *maker, const char *host_root, const char *driver_root,
	const char *dev_root, const struct cdi_machine **ret_machine, struct nvb_error **err)
{
	struct cdi_machine *m = find_machine(maker, host_root, driver_root, dev_root);

	if (!m) {
		m = new_machine(maker, host_root, driver_root, dev_root);
		if (!m)
			return NVB_OOM(err);
		try_discover(maker, m);
	}
	/* A machine that could not be looked at is not looked at again. */
	if (m->status < 0)
		return raise_problem(m, err);
	*ret_machine = m;
	return 0;
}

static bool lacks_uuid(const struct inventory *inv)
{
	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		vec_foreach (const struct gpu_partition, part, &gpu->partitions) {
			if (part->gi >= 0 && !part->uuid)
				return true;
		}
	}
	return false;
}

/* Only the vendor's library knows the UUIDs of MIG instances. */
static int complete(struct cdi_maker *maker, struct cdi_machine *m, const struct cdi_recipe *recipe,
	struct nvb_error **err)
{
	int r;

	if (m->asked_library || recipe->no_library || !(recipe->names & CDI_NAME_UUID) ||
		!lacks_uuid(m->inv))
		return 0;
	m->asked_library = true;
	r = inventory_ask_library(m->inv, err);
	return r < 0 ? r : warn(maker, &m->inv->warnings, err);
}

static int vendor_of(const struct cdi_recipe *recipe, enum gpu_vendor *ret, struct nvb_error **err)
{
	for (int v = 0; v < GPU_VENDOR_COUNT; v++) {
		if (strcmp(gpu_vendor_name((enum gpu_vendor)v), recipe->vendor) == 0) {
			*ret = (enum gpu_vendor)v;
			return 0;
		}
	}
	return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "unknown vendor '%.64s'", recipe->vendor);
}

static const struct gpu_companion *find_companion(const struct inventory *inv, const char *kind)
{
	vec_foreach (const struct gpu_companion, companion, &inv->companions) {
		if (strcmp(companion->kind, kind) == 0)
			return companion;
	}
	return NULL;
}

/* The facts of the root that a spec without a hook is made for. */
static int read_root(const struct cdi_machine *m, const struct cdi_generate_options *options,
	const char *place, struct arena *a, struct container_root **ret_root,
	struct nvb_error **err)
{
	struct string_list dirs = { 0 }, names = { 0 };
	_cleanup_close_ int fd = -1;
	int r = cdi_generate_questions(m->inv, options, a, &dirs, &names, err);

	if (r < 0)
		return r;
	if (!strchr(place, '/'))
		return container_root_assume_layout(place, &dirs, ret_root, err);
	fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_NOT_FOUND), errno,
			"open the container root '%s'", place);
	return container_root_inspect(fd, &dirs, &names, ret_root, err);
}

static int make(struct cdi_maker *maker, const struct cdi_machine *m,
	const struct cdi_recipe *recipe, struct cdi_generate_options *options,
	struct cdi_spec **ret_spec, struct nvb_error **err)
{
	_cleanup_(container_root_freep) struct container_root *root = NULL;
	const struct gpu_companion *companion = NULL;
	struct string_list warnings = { 0 };
	int r = 0;

	if (recipe->companion) {
		companion = find_companion(m->inv, recipe->companion);
		*ret_spec = NULL;
		if (!companion)
			return 0;
		r = cdi_generate_companion(m->inv, companion, options, ret_spec, &warnings, err);
		return r < 0 ? r : warn(maker, &warnings, err);
	}
	if (recipe->hookless) {
		r = read_root(m, options, recipe->hookless, maker->arena, &root, err);
		options->root = root;
	}
	if (r >= 0)
		r = cdi_generate(m->inv, options, ret_spec, &warnings, err);
	return r < 0 ? r : warn(maker, &warnings, err);
}

int cdi_maker_make(struct cdi_maker *maker, const struct cdi_recipe *recipe,
	struct cdi_spec **ret_spec, struct nvb_error **err)
{
	const struct cdi_machine *found = NULL;
	struct cdi_generate_options options = {
		.kind = recipe->kind,
		.capabilities = recipe->capabilities,
		.names = recipe->names,
		.all_device = recipe->all_device,
		.data_companions = recipe->data_companions,
		.annotate = recipe->annotate,
		.profile = recipe->profile,
		.hook_path = recipe->hookless ? NULL : recipe->hook,
	};
	int r = vendor_of(recipe, &options.vendor, err);

	if (r >= 0)
		r = cdi_maker_machine(maker, recipe->host_root, recipe->driver_root,
			recipe->dev_root, &found, err);
	if (r >= 0)
		r = complete(maker,
			find_machine(maker, found->host_root, found->driver_root, found->dev_root),
			recipe, err);
	return r < 0 ? r : make(maker, found, recipe, &options, ret_spec, err);
}
