/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare_toolkit.h"

#include <string.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/strbuf.h"

#define VERSION_BYTES	   65536
#define VERSION_TIMEOUT_MS 10000
#define REQUEST_BYTES	   16384

static int find(struct arena *a, const char *host_root, const char *variable, const char *name,
	const char **ret, struct nvb_error **err)
{
	const char *named = secure_getenv(variable);
	_cleanup_free_ char *found = NULL;

	/* A simulated machine may be spread over this one by mounts: who says so by name knows. */
	if ((!named || !named[0]) && strcmp(host_root, "/") != 0)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"measure '%s': it looks at this machine, not at '%s'", name, host_root);
	found = spawn_find_program(named && named[0] ? named : name, SPAWN_SYSTEM_PATH);
	if (!found || found[0] != '/')
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "measure '%s': it is not installed",
				named && named[0] ? named : name),
			"%s names its path", variable);
	*ret = arena_strdup(a, found);
	return *ret ? 0 : NVB_OOM(err);
}

int toolkit_find_runtime(
	struct arena *a, const char *host_root, const char **ret, struct nvb_error **err)
{
	return find(
		a, host_root, "NVBIND_BENCH_NVIDIA_RUNTIME", "nvidia-container-runtime", ret, err);
}

int toolkit_find_ctk(
	struct arena *a, const char *host_root, const char **ret, struct nvb_error **err)
{
	return find(a, host_root, "NVBIND_BENCH_NVIDIA_CTK", "nvidia-ctk", ret, err);
}

int toolkit_check_low_level(const char *runtime, bool is_crun, struct nvb_error **err)
{
	/* It tells its own version, then lets the low-level runtime do so. Observed
	 * with 1.17, 1.20. */
	const char *const argv[] = { runtime, "--version", NULL };
	const struct spawn_capture_options options = {
		.argv = argv,
		.envp = (const char *const *)environ,
		.timeout_ms = VERSION_TIMEOUT_MS,
		.limit_bytes = VERSION_BYTES,
	};
	const char *wanted = is_crun ? "crun version" : "runc version";
	const char *other = is_crun ? "runc version" : "crun version";
	_cleanup_free_ char *text = NULL;
	struct spawn_exit ended;
	int r = spawn_capture(&options, &text, &ended, err);

	if (r < 0)
		return r;
	if (strstr(text, wanted))
		return 0;
	if (strstr(text, other))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"measure '%s': it starts %.4s, and here %.4s is measured", runtime,
				other, wanted),
			"set NVBIND_OCI_RUNTIME=%.4s", other);
	return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		"measure '%s': it does not tell which low-level runtime it starts", runtime);
}

static bool is_its(const struct gpu *gpu)
{
	return gpu->vendor == GPU_VENDOR_NVIDIA;
}

int toolkit_request(struct arena *a, const struct inventory *inv, const struct selection *gpus,
	const char **ret, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(REQUEST_BYTES);

	strbuf_str_add(&text, "NVIDIA_VISIBLE_DEVICES=");
	for (size_t i = 0; i < gpus->n; i++) {
		if (!is_its(gpus->items[i].gpu) || gpus->items[i].partition)
			return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"measure 'nvidia-container-runtime': it is asked for whole GPUs "
				"of its vendor alone, and others are chosen");
		strbuf_printf(&text, "%s%u", i ? "," : "",
			selector_index_in_kind(inv, gpus->items[i].gpu));
	}
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	*ret = arena_strdup(a, strbuf_str(&text));
	return *ret ? 0 : NVB_OOM(err);
}
