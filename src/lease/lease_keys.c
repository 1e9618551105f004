/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/lease_keys.h"

/* Without an address there is one GPU of its kind per machine, as under WSL2. */
const char *lease_key_of_gpu(const struct gpu *gpu, struct arena *a)
{
	return gpu->pci_address
		       ? arena_strdup(a, gpu->pci_address)
		       : arena_printf(a, "%s-%u", gpu_vendor_name(gpu->vendor), gpu->index);
}

/* By the numbers of the instance, which do not change while it is used: the index may. */
const char *lease_key_of_partition(const struct gpu_partition *partition, struct arena *a)
{
	if (partition->gi < 0)
		return arena_printf(a, "p%u", partition->index);
	return arena_printf(a, "gi%dci%d", partition->gi, partition->ci);
}

static int add_key(const struct selected_gpu *selected, struct arena *a,
	struct lease_key_list *list, struct nvb_error **err)
{
	struct lease_key *key = vec_push(a, list);

	if (!key)
		return NVB_OOM(err);
	key->gpu = lease_key_of_gpu(selected->gpu, a);
	key->label = selected->partition ? arena_printf(a, "GPU %u:%u", selected->gpu->index,
						   selected->partition->index)
					 : arena_printf(a, "GPU %u", selected->gpu->index);
	if (selected->partition) {
		key->partition = lease_key_of_partition(selected->partition, a);
		if (!key->partition)
			return NVB_OOM(err);
	}
	return key->gpu && key->label ? 0 : NVB_OOM(err);
}

int lease_keys_of(const struct selection *gpus, struct arena *a, struct lease_key_list *ret,
	struct nvb_error **err)
{
	struct lease_key_list list = { 0 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < gpus->n; i++)
		r = add_key(&gpus->items[i], a, &list, err);
	if (r < 0)
		return r;
	*ret = list;
	return 0;
}
