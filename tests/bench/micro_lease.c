/* SPDX-License-Identifier: Apache-2.0 */
/* The step of a container that takes a GPU. */
#include "lease/lease.h"
#include "micro.h"

/* Open for all rounds, as it is once for a container with several GPUs. */
static struct lease_dir directory = LEASE_DIR_INIT;

static int take_and_release(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	struct lease_key key = { .gpu = m->inv->gpus.items[0].pci_address, .label = "GPU 0" };
	const struct lease_request request = {
		.keys = { .items = &key, .n = 1 },
		.mode = LEASE_EXCLUSIVE,
		.holder = "bench",
		.engine = "bolt",
		.keep_lock = true,
	};
	struct lease *lease = NULL;
	int r = lease_take(&directory, &request, &lease, err);

	(void)variant;
	(void)ret;
	lease_release(lease);
	return r;
}

int micro_lease_init(struct micro *m, struct nvb_error **err)
{
	const char *path = arena_printf(m->arena, "%s/leases", m->scratch);

	return path ? lease_dir_open_path(path, &directory, err) : NVB_OOM(err);
}

size_t micro_lease_steps(const struct micro *m, struct micro_step *steps)
{
	(void)m;
	steps[0] = (struct micro_step){
		.key = "lease",
		.name = "lease of one GPU, taken and released",
		.run = take_and_release,
	};
	return 1;
}
