/* SPDX-License-Identifier: Apache-2.0 */
/* What could keep the container within its limits, for settings that ask for that. */
#include "gpu/enrich.h"
#include "limit/ladder.h"
#include "nvbind/run.h"

static bool is_wanted(const struct settings *settings)
{
	static const enum knob_id knobs[] = { KNOB_MEMORY_LIMIT, KNOB_COMPUTE_LIMIT,
		KNOB_MIG_ENABLED, KNOB_VRAM_PROTECT, KNOB_MEMORY_POOL_SIZE };

	for (size_t i = 0; i < ELEMENTS(knobs); i++)
		if (settings_get(settings, knobs[i]))
			return true;
	return false;
}

/* Who cannot have leases holds none. */
static int open_leases(struct lease_dir *ret, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r = lease_dir_open_existing(ret, &problem);

	if (r >= 0 || r == NVB_ERR_NOT_FOUND)
		return r > 0;
	if (err)
		*err = TAKE_PTR(problem);
	return r;
}

int run_read_abilities(struct run *run, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir leases = LEASE_DIR_INIT;
	struct ladder_probe probe = {
		.tree = &run->tree,
		.inv = run->inv,
		.gpus = &run->request.gpus,
		.ask_library = inventory_ask_library,
	};
	int r;

	if (!is_wanted(&run->options.settings))
		return 0;
	r = open_leases(&leases, err);
	if (r < 0)
		return r;
	probe.leases = r > 0 ? &leases : NULL;
	r = ladder_probe(&probe, &run->abilities, err);
	run->request.abilities = run->abilities;
	return r;
}
