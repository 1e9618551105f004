/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <sys/mman.h>

#include "base/file.h"
#include "model/estimate.h"

static void check_info(const struct gguf_info *info, size_t size)
{
	CHECK(info->version == 2 || info->version == 3);
	CHECK(info->n_tensors <= size && info->tensor_bytes <= size && info->vocabulary <= size);
	CHECK(!info->architecture || *info->architecture);
}

/* Whatever a file claims, there is a sum whose terms make it up, or an error. */
static void check_estimate(const struct gguf_info *info, struct arena *a, uint64_t size)
{
	const struct model_facts facts = { .gguf = info, .weights_bytes = size };
	const struct model_load load = { .context = 1 << 24, .parallel = 4096, .n_gpus = 8 };
	_cleanup_error_ struct nvb_error *err = NULL;
	struct model_estimate estimate = { 0 };
	int r = model_estimate(&facts, &load, a, &estimate, &err);
	uint64_t sum = 0;

	CHECK((r < 0) == (err != NULL));
	CHECK(r != 0);
	for (size_t i = 0; r > 0 && i < estimate.terms.n; i++)
		sum += estimate.terms.items[i].bytes;
	CHECK(r < 0 || (sum == estimate.total_bytes && sum >= size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("gguf", MFD_CLOEXEC);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct gguf_info info;
	int r;

	CHECK(fd >= 0 && a && file_write_fd(fd, data, size) == 0);
	r = gguf_read(fd, a, &info, &err);
	CHECK((r < 0) == (err != NULL));
	if (r < 0)
		return 0;
	check_info(&info, size);
	check_estimate(&info, a, size);
	return 0;
}
