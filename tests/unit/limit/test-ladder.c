/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups and sysfs are files, the vendor's library is a fake; this program is its worker.
 */
#include "../host/scratch-tree.h"

#include "base/user_namespace.h"
#include "gpu/enrich.h"
#include "limit/ladder.h"

#define GIB		  (UINT64_C(1) << 30)
#define MAX_PROGRAM_BYTES ((size_t)64 << 20)
#define NVIDIA_GPU	  "0000:10:00.0"
#define AMD_GPU		  "0000:03:00.0"
#define XE_GPU		  "0000:04:00.0"
#define CGROUP		  "/nvbind/web"
#define TOP		  "/sys/fs/cgroup"
#define LEAF		  TOP CGROUP
#define LIMIT_FILE	  "/limit.00000000:10:00.0"
#define LINE0                                                                                      \
	"gpu\t00000000:10:00.0\tGPU-11111111-2222-3333-4444-555555555555\tA\t42949672960\t8.0\n"

/* A GPU of each kind, of which none is selected, and the container's control group. */
struct bench {
	struct scratch *s;
	struct inventory inv;
	struct selection gpus;
	struct selected_gpu selected[4];
	struct plan plan;
	struct ladder_applied *applied;
	struct nvb_error *err;
};

static void copy_library(const struct bench *b, const char *variant)
{
	const char *build = getenv("NVBIND_BUILD_ROOT");
	_cleanup_free_ char *data = NULL;
	char from[512];
	size_t length;

	assert_non_null(build);
	(void)snprintf(from, sizeof(from), "%s/tests/fake/%s.so.1", build, variant);
	assert_int_equal(file_read_path(from, MAX_PROGRAM_BYTES, &data, &length), 0);
	scratch_write_bytes(b->s, "/libnvidia-ml.so.1", data, length);
}

static void add_gpu(
	struct bench *b, enum gpu_vendor vendor, const char *driver, const char *address)
{
	struct gpu *gpu = vec_push(b->s->arena, &b->inv.gpus);

	assert_non_null(gpu);
	*gpu = (struct gpu){ .index = (unsigned)b->inv.gpus.n - 1,
		.vendor = vendor,
		.driver = driver,
		.pci_address = address };
}

static void add_driver(struct bench *b, const char *version)
{
	struct gpu_driver *driver = vec_push(b->s->arena, &b->inv.drivers);
	struct driver_file *file;

	assert_non_null(driver);
	*driver = (struct gpu_driver){ .vendor = GPU_VENDOR_NVIDIA,
		.name = "nvidia",
		.version = version,
		.brings_user_space = true };
	file = vec_push(b->s->arena, &driver->files);
	assert_non_null(file);
	*file = (struct driver_file){
		.kind = DRIVER_FILE_LIBRARY,
		.target = "libnvidia-ml.so.615.10",
		.soname = "libnvidia-ml.so.1",
		.elf_class = (int)sizeof(void *) * 8,
		.host_path = arena_printf(b->s->arena, "%s/libnvidia-ml.so.1", b->s->directory),
	};
}

static void write_groups(const struct bench *b)
{
	scratch_write(b->s, TOP "/cgroup.controllers", "cpu memory dmem\n");
	scratch_write(b->s, TOP "/cgroup.subtree_control", "cpu memory\n");
	scratch_write(b->s, TOP "/dmem.capacity",
		"drm/" AMD_GPU "/vram 17163091968\ndrm/" XE_GPU "/stolen 1048576\ndrm/" XE_GPU
		"/vram0 8589934592\n");
	scratch_write(b->s, TOP "/nvbind/cgroup.subtree_control", "cpu memory\n");
	scratch_write(b->s, LEAF "/cgroup.procs", "");
	scratch_write(b->s, LEAF "/dmem.max", "drm/" AMD_GPU "/vram max\n");
	scratch_write(b->s, LEAF "/dmem.low", "drm/" AMD_GPU "/vram 0\n");
}

static int setup(void **state)
{
	struct scratch *s;
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(scratch_setup((void **)&s), 0);
	b->s = s;
	b->inv.arena = s->arena;
	b->inv.host_prefix = s->tree.prefix;
	b->gpus.items = b->selected;
	b->plan.arena = s->arena;
	assert_int_equal(chmod(s->directory, 0755), 0);
	add_gpu(b, GPU_VENDOR_NVIDIA, "nvidia", NVIDIA_GPU);
	add_gpu(b, GPU_VENDOR_AMD, "amdgpu", AMD_GPU);
	add_gpu(b, GPU_VENDOR_INTEL, "xe", XE_GPU);
	add_driver(b, "615.71.09");
	copy_library(b, "libnvidia-ml");
	scratch_write(s, "/nvml.conf", LINE0);
	write_groups(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	void *s = b->s;

	ladder_undo(b->applied);
	nvb_error_free(b->err);
	free(b);
	return scratch_teardown(&s);
}

static void select_gpu(struct bench *b, size_t index)
{
	b->selected[b->gpus.n++] = (struct selected_gpu){ &b->inv.gpus.items[index], NULL };
}

static struct plan_limit *add_limit(
	struct bench *b, size_t gpu, enum limit_rung rung, uint64_t bytes)
{
	struct plan_limit *limit = vec_push(b->s->arena, &b->plan.limits);

	assert_non_null(limit);
	*limit = (struct plan_limit){
		.gpu = &b->inv.gpus.items[gpu], .rung = rung, .memory_bytes = bytes
	};
	return limit;
}

static int apply_in(struct bench *b, const char *cgroup)
{
	const struct ladder_applying applying = {
		.plan = &b->plan,
		.inv = &b->inv,
		.tree = &b->s->tree,
		.cgroup = cgroup,
	};

	ladder_undo(b->applied);
	b->applied = NULL;
	nvb_error_clear(&b->err);
	return ladder_apply(&applying, &b->applied, &b->err);
}

static void apply(struct bench *b)
{
	if (apply_in(b, CGROUP) < 0)
		fail_msg("%s", nvb_error_message(b->err));
	assert_non_null(b->applied);
}

static void undo(struct bench *b)
{
	ladder_undo(b->applied);
	b->applied = NULL;
}

static void assert_apply_fails(struct bench *b, int status, const char *part)
{
	if (apply_in(b, CGROUP) != status)
		fail_msg("%s", b->err ? nvb_error_message(b->err) : "applied");
	assert_null(b->applied);
	if (!strstr(nvb_error_message(b->err), part))
		fail_msg("'%s' does not say '%s'", nvb_error_message(b->err), part);
}

static void assert_holds(const struct bench *b, const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(file_read_in(b->s->tree.root_fd, path, 4096, &text, NULL), 0);
	assert_string_equal(text, expected);
}

static bool exists(const struct bench *b, const char *path)
{
	return host_tree_exists(&b->s->tree, path);
}

static void drop(const struct bench *b, const char *path)
{
	assert_int_equal(unlinkat(b->s->tree.root_fd, path + 1, 0), 0);
}

/* What was handed down was taken back, and what was there before is untouched. */
static void assert_taken_back(const struct bench *b)
{
	assert_holds(b, TOP "/cgroup.subtree_control", "-dmem");
	assert_holds(b, TOP "/nvbind/cgroup.subtree_control", "-dmem");
}

/* The driver's own memory limit. */

static void test_driver_memory(void **state)
{
	struct bench *b = *state;
	char expected[256];

	add_limit(b, 0, LIMIT_NVML_MEMORY, 8 * GIB);
	assert_true(ladder_needs_cgroup(&b->plan));
	apply(b);
	(void)snprintf(expected, sizeof(expected), "%s" LEAF " 8589934592 0\n", b->s->tree.prefix);
	assert_holds(b, LIMIT_FILE, expected);
	assert_int_equal(ladder_verify(b->applied, &b->err), 0);
	/* Somebody else changes it. */
	(void)snprintf(expected, sizeof(expected), "%s" LEAF " 9589934592 0\n", b->s->tree.prefix);
	scratch_write(b->s, LIMIT_FILE, expected);
	assert_int_equal(ladder_verify(b->applied, &b->err), NVB_ERR_UNSUPPORTED);
	undo(b);
	assert_false(exists(b, LIMIT_FILE));
	assert_holds(b, TOP "/cgroup.subtree_control", "cpu memory\n");
	assert_holds(b, LEAF "/dmem.max", "drm/" AMD_GPU "/vram max\n");
}

static void test_driver_memory_faults(void **state)
{
	static const struct {
		const char *behaviour;
		int status;
		const char *part;
	} cases[] = {
		{ "limits-error 3", NVB_ERR_UNSUPPORTED, "nvmlDeviceSetMemoryLimits_v1 3" },
		{ "limits-error 4", NVB_ERR_PERMISSION, "nvmlDeviceSetMemoryLimits_v1 4" },
		{ "limits-error 999", NVB_ERR_DRIVER, "999" },
		{ "limits-ignored", NVB_ERR_NOT_FOUND, "nvmlDeviceGetMemoryLimits_v1 6" },
		{ "limits-crash", NVB_ERR_DRIVER, "signal 11" },
		{ "init-error 9", NVB_ERR_DRIVER, "Driver Not Loaded" },
		{ "crash", NVB_ERR_DRIVER, "signal 11" },
	};
	struct bench *b = *state;

	add_limit(b, 0, LIMIT_NVML_MEMORY, 8 * GIB);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char text[512];

		(void)snprintf(text, sizeof(text), LINE0 "%s\n", cases[i].behaviour);
		scratch_write(b->s, "/nvml.conf", text);
		assert_apply_fails(b, cases[i].status, cases[i].part);
		if (exists(b, LIMIT_FILE))
			fail_msg("'%s' leaves a limit behind", cases[i].behaviour);
	}
	scratch_write(b->s, "/nvml.conf", "");
	assert_apply_fails(b, NVB_ERR_NOT_FOUND, "nvmlDeviceGetHandleByPciBusId_v2 6");
}

static void test_driver_without_limits(void **state)
{
	struct bench *b = *state;

	add_limit(b, 0, LIMIT_NVML_MEMORY, 8 * GIB);
	copy_library(b, "libnvidia-ml-without-mig");
	assert_apply_fails(b, NVB_ERR_UNSUPPORTED, "NVML has no 'nvml");
	drop(b, "/libnvidia-ml.so.1");
	assert_apply_fails(b, NVB_ERR_UNSUPPORTED, "load NVML");
	b->inv.drivers.n = 0;
	assert_apply_fails(b, NVB_ERR_UNSUPPORTED, "load NVML");
}

/* The dmem control group. */

static void test_dmem(void **state)
{
	struct bench *b = *state;

	add_limit(b, 1, LIMIT_DMEM, 8 * GIB)->protect_bytes = GIB;
	apply(b);
	assert_holds(b, TOP "/cgroup.subtree_control", "+dmem");
	assert_holds(b, TOP "/nvbind/cgroup.subtree_control", "+dmem");
	assert_holds(b, LEAF "/dmem.max", "drm/" AMD_GPU "/vram 8589934592");
	assert_holds(b, LEAF "/dmem.low", "drm/" AMD_GPU "/vram 1073741824");
	assert_int_equal(ladder_verify(b->applied, &b->err), 0);
	scratch_write(b->s, LEAF "/dmem.max", "drm/" AMD_GPU "/vram max\n");
	assert_int_equal(ladder_verify(b->applied, &b->err), NVB_ERR_UNSUPPORTED);
	undo(b);
	assert_holds(b, LEAF "/dmem.max", "drm/" AMD_GPU "/vram max");
	assert_holds(b, LEAF "/dmem.low", "drm/" AMD_GPU "/vram 0");
}

/* A controller that is handed down already stays so, also after a failure. */
static void test_dmem_is_handed_down(void **state)
{
	struct bench *b = *state;

	scratch_write(b->s, TOP "/cgroup.subtree_control", "cpu dmem memory\n");
	scratch_write(b->s, TOP "/nvbind/cgroup.subtree_control", "dmem\n");
	add_limit(b, 2, LIMIT_DMEM, GIB);
	apply(b);
	assert_holds(b, LEAF "/dmem.max", "drm/" XE_GPU "/vram0 1073741824");
	undo(b);
	drop(b, LEAF "/dmem.max");
	assert_apply_fails(b, NVB_ERR_IO, "dmem.max");
	assert_holds(b, TOP "/cgroup.subtree_control", "cpu dmem memory\n");
	assert_holds(b, TOP "/nvbind/cgroup.subtree_control", "dmem\n");
	/* No controller of ours, but one whose name ends like it. */
	scratch_write(b->s, TOP "/nvbind/cgroup.subtree_control", "xdmem\n");
	assert_apply_fails(b, NVB_ERR_IO, "dmem.max");
	assert_holds(b, TOP "/nvbind/cgroup.subtree_control", "-dmem");
}

static void test_dmem_faults(void **state)
{
	struct bench *b = *state;

	add_limit(b, 1, LIMIT_DMEM, 8 * GIB)->protect_bytes = GIB;
	drop(b, LEAF "/dmem.low");
	assert_apply_fails(b, NVB_ERR_IO, "dmem.low");
	assert_taken_back(b);
	assert_holds(b, LEAF "/dmem.max", "drm/" AMD_GPU "/vram max");
	drop(b, LEAF "/dmem.max");
	assert_apply_fails(b, NVB_ERR_IO, "dmem.max");
	assert_taken_back(b);
	/* A group in the middle that hands nothing down. */
	write_groups(b);
	drop(b, TOP "/nvbind/cgroup.subtree_control");
	assert_apply_fails(b, NVB_ERR_IO, "hand the controller");
	assert_holds(b, TOP "/cgroup.subtree_control", "-dmem");
	assert_holds(b, LEAF "/dmem.max", "drm/" AMD_GPU "/vram max\n");
	write_groups(b);
	scratch_write(b->s, TOP "/dmem.capacity", "drm/other/vram 1\n");
	assert_apply_fails(b, NVB_ERR_UNSUPPORTED, "region is gone");
	assert_taken_back(b);
}

static void test_bad_groups(void **state)
{
	static const char *const groups[] = { NULL, "", "/", "relative", "/../up", "/nvbind/" };
	struct bench *b = *state;

	add_limit(b, 1, LIMIT_DMEM, GIB);
	for (size_t i = 0; i < ELEMENTS(groups); i++) {
		assert_int_equal(apply_in(b, groups[i]), NVB_ERR_UNSUPPORTED);
		assert_null(b->applied);
	}
	assert_int_equal(apply_in(b, "/nvbind/gone"), NVB_ERR_IO);
	assert_holds(b, TOP "/cgroup.subtree_control", "cpu memory\n");
}

/* All or none: what was applied to the first GPU is undone when the second fails. */
static void test_all_or_none(void **state)
{
	struct bench *b = *state;

	add_limit(b, 0, LIMIT_NVML_MEMORY, 8 * GIB);
	add_limit(b, 1, LIMIT_DMEM, 8 * GIB);
	apply(b);
	assert_true(exists(b, LIMIT_FILE));
	undo(b);
	assert_false(exists(b, LIMIT_FILE));
	drop(b, LEAF "/dmem.max");
	assert_apply_fails(b, NVB_ERR_IO, "dmem.max");
	assert_false(exists(b, LIMIT_FILE));
}

/* The group ended with the container: nothing is left to undo, and that is no problem. */
static void test_group_is_gone(void **state)
{
	struct bench *b = *state;

	add_limit(b, 0, LIMIT_NVML_MEMORY, 8 * GIB);
	add_limit(b, 1, LIMIT_DMEM, 8 * GIB);
	apply(b);
	assert_int_equal(path_remove_tree(b->s->tree.root_fd, "sys/fs/cgroup/nvbind/web"), 0);
	undo(b);
	assert_false(exists(b, LEAF));
}

/* An instance is there or is not: nothing is done to it. */
static void test_nothing_to_do(void **state)
{
	struct bench *b = *state;

	assert_int_equal(apply_in(b, NULL), 0);
	assert_null(b->applied);
	add_limit(b, 0, LIMIT_MIG, 8 * GIB);
	assert_false(ladder_needs_cgroup(&b->plan));
	assert_int_equal(apply_in(b, NULL), 0);
	assert_null(b->applied);
	assert_int_equal(ladder_verify(b->applied, &b->err), 0);
}

/* Probing. */

static struct machine_abilities *probe_with(struct bench *b, const struct lease_dir *leases)
{
	const struct ladder_probe probe = {
		.tree = &b->s->tree,
		.inv = &b->inv,
		.gpus = &b->gpus,
		.ask_library = inventory_ask_library,
		.leases = leases,
		.applies = true,
	};
	struct machine_abilities *machine = NULL;

	if (ladder_probe(&probe, &machine, &b->err) < 0)
		fail_msg("%s", nvb_error_message(b->err));
	return machine;
}

static bool may_apply(void)
{
	return geteuid() == 0 && user_namespace_is_initial();
}

/* `part` NULL: it can be used, where we are root. */
static void assert_rung(const struct machine_abilities *machine, const struct gpu *gpu,
	enum limit_rung rung, const char *part)
{
	const struct gpu_abilities *able = machine_abilities_of(machine, gpu);
	const char *why;

	assert_non_null(able);
	why = able->unusable[rung];
	if (!part && !may_apply())
		part = "only root";
	if (!part && why)
		fail_msg("'%s' cannot be used: %s", limit_rung_name(rung), why);
	if (part && (!why || !strstr(why, part)))
		fail_msg("'%s': '%s' does not say '%s'", limit_rung_name(rung),
			why ? why : "usable", part);
}

static void test_probe_driver_memory(void **state)
{
	static const struct {
		const char *version;
		const char *part;
	} cases[] = {
		{ "615.71.09", NULL },
		{ "616.1", NULL },
		{ "614.99", "needs NVIDIA's driver 615, this is 614.99" },
		{ "550.163.01", "this is 550.163.01" },
		{ "6150", NULL },
		{ "x615", "needs NVIDIA's driver 615" },
		{ NULL, "this is unknown" },
	};
	struct bench *b = *state;
	const struct gpu *gpu = &b->inv.gpus.items[0];

	select_gpu(b, 0);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(machine_abilities_freep) struct machine_abilities *machine = NULL;

		b->inv.drivers.items[0].version = cases[i].version;
		machine = probe_with(b, NULL);
		assert_rung(machine, gpu, LIMIT_NVML_MEMORY, cases[i].part);
		assert_rung(machine, gpu, LIMIT_MIG, "no instance");
		assert_rung(machine, gpu, LIMIT_DMEM, "not for");
		/* The library was asked for what nothing else knows. */
		assert_true(machine->gpus.items[0].total_memory_bytes == 40 * GIB);
	}
}

static void test_probe_needs(void **state)
{
	struct bench *b = *state;
	const struct gpu *gpu = &b->inv.gpus.items[0];
	struct machine_abilities *machine;

	select_gpu(b, 0);
	copy_library(b, "libnvidia-ml-without-mig");
	machine = probe_with(b, NULL);
	assert_rung(machine, gpu, LIMIT_NVML_MEMORY,
		may_apply() ? "NVML has no 'nvmlDeviceSetMemoryLimits_v1'" : NULL);
	machine_abilities_free(machine);
	drop(b, TOP "/cgroup.controllers");
	machine = probe_with(b, NULL);
	assert_rung(machine, gpu, LIMIT_NVML_MEMORY, "version 2");
	assert_false(machine->cgroup_v2);
	machine_abilities_free(machine);
	b->inv.gpus.items[0].mig_enabled = true;
	machine = probe_with(b, NULL);
	assert_rung(machine, gpu, LIMIT_NVML_MEMORY, "MIG mode");
	machine_abilities_free(machine);
}

static void test_probe_dmem(void **state)
{
	struct bench *b = *state;
	const struct gpu *gpus = b->inv.gpus.items;
	struct machine_abilities *machine;

	select_gpu(b, 1);
	select_gpu(b, 2);
	machine = probe_with(b, NULL);
	assert_rung(machine, &gpus[1], LIMIT_DMEM, NULL);
	assert_rung(machine, &gpus[2], LIMIT_DMEM, NULL);
	assert_string_equal(machine->gpus.items[0].dmem_region, "drm/" AMD_GPU "/vram");
	assert_string_equal(machine->gpus.items[1].dmem_region, "drm/" XE_GPU "/vram0");
	assert_true(machine->gpus.items[0].total_memory_bytes == UINT64_C(17163091968));
	assert_rung(machine, &gpus[1], LIMIT_PARTITION, "in one piece");
	assert_rung(machine, &gpus[2], LIMIT_VF, "no virtual function");
	machine_abilities_free(machine);
	scratch_write(
		b->s, TOP "/dmem.capacity", "drm/" AMD_GPU "/vramx 1\ndrm/" AMD_GPU "/vram \n");
	machine = probe_with(b, NULL);
	assert_rung(machine, &gpus[1], LIMIT_DMEM, "no dmem region");
	machine_abilities_free(machine);
	drop(b, TOP "/dmem.capacity");
	scratch_link(b->s, "/sys/bus/pci/devices/" XE_GPU "/physfn", "../0000:00:00.0");
	scratch_directory(b->s, "/sys/bus/pci/devices/0000:00:00.0");
	machine = probe_with(b, NULL);
	assert_rung(machine, &gpus[1], LIMIT_DMEM, "Linux 6.14");
	assert_null(machine->gpus.items[1].unusable[LIMIT_VF]);
	machine_abilities_free(machine);
}

static void test_probe_without_engine(void **state)
{
	struct bench *b = *state;
	const struct ladder_probe probe = { .tree = &b->s->tree, .inv = &b->inv, .gpus = &b->gpus };
	_cleanup_(machine_abilities_freep) struct machine_abilities *machine = NULL;

	select_gpu(b, 0);
	select_gpu(b, 1);
	assert_int_equal(ladder_probe(&probe, &machine, &b->err), 0);
	for (size_t i = 0; i < 2; i++)
		assert_rung(machine, &b->inv.gpus.items[i], i ? LIMIT_DMEM : LIMIT_NVML_MEMORY,
			may_apply() ? "this engine" : NULL);
	assert_true(machine->gpus.items[0].total_memory_bytes == 0);
}

static void take_lease(const struct lease_dir *leases, const char *partition, const char *holder,
	struct lease **ret)
{
	struct lease_key key = { NVIDIA_GPU, partition, NULL };
	const struct lease_request request = {
		.keys = { &key, 1, 1 },
		.mode = LEASE_VIRTUAL,
		.holder = holder,
		.engine = "bolt",
		.keep_lock = true,
	};

	assert_int_equal(lease_take(leases, &request, ret, NULL), 0);
}

static void test_probe_leases(void **state)
{
	struct bench *b = *state;
	_cleanup_(lease_dir_done) struct lease_dir leases = LEASE_DIR_INIT;
	struct gpu *gpu = &b->inv.gpus.items[0];
	struct lease *one = NULL, *whole = NULL;
	struct machine_abilities *machine;
	char path[128];

	for (int i = 0; i < 2; i++)
		*(struct gpu_partition *)vec_push(b->s->arena, &gpu->partitions) =
			(struct gpu_partition){ .index = (unsigned)i, .gi = i + 1 };
	gpu->name = "NVIDIA A30";
	select_gpu(b, 0);
	(void)snprintf(path, sizeof(path), "%s/leases", b->s->directory);
	assert_int_equal(lease_dir_open_path(path, &leases, NULL), 0);
	machine = probe_with(b, &leases);
	assert_rung(machine, gpu, LIMIT_NVML_MEMORY, "MIG mode");
	assert_null(machine->gpus.items[0].unusable[LIMIT_MIG]);
	assert_int_equal(machine->gpus.items[0].mig_slices, 4);
	assert_int_equal(machine->gpus.items[0].held.n, 0);
	machine_abilities_free(machine);
	take_lease(&leases, "gi2ci0", "web", &one);
	machine = probe_with(b, &leases);
	assert_int_equal(machine->gpus.items[0].held.n, 1);
	assert_ptr_equal(machine->gpus.items[0].held.items[0].partition, &gpu->partitions.items[1]);
	assert_string_equal(machine->gpus.items[0].held.items[0].holder, "web");
	machine_abilities_free(machine);
	take_lease(&leases, NULL, "all", &whole);
	machine = probe_with(b, &leases);
	assert_int_equal(machine->gpus.items[0].held.n, 3);
	machine_abilities_free(machine);
	lease_release(whole);
	lease_release(one);
	machine = probe_with(b, &leases);
	assert_int_equal(machine->gpus.items[0].held.n, 0);
	machine_abilities_free(machine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_driver_memory),
		TEST(test_driver_memory_faults),
		TEST(test_driver_without_limits),
		TEST(test_dmem),
		TEST(test_dmem_is_handed_down),
		TEST(test_dmem_faults),
		TEST(test_bad_groups),
		TEST(test_all_or_none),
		TEST(test_group_is_gone),
		TEST(test_nothing_to_do),
		TEST(test_probe_driver_memory),
		TEST(test_probe_needs),
		TEST(test_probe_dmem),
		TEST(test_probe_without_engine),
		TEST(test_probe_leases),
	};

	if (argc > 1 && strcmp(argv[1], ENRICH_WORKER_ARGUMENT) == 0)
		return enrich_worker_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], CONTROL_WORKER_ARGUMENT) == 0)
		return control_worker_main(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
