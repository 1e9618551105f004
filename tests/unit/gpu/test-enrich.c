/* SPDX-License-Identifier: Apache-2.0 */
/* This program is the worker too: see main(). */
#include "../host/scratch-tree.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/strbuf.h"
#include "gpu/enrich.h"
#include "gpu/nvidia/nvml_records.h"

#define TIMEOUT_MS 10000
#define HANG_TIMEOUT_MS 300
#define MAX_PROGRAM_BYTES ((size_t)64 << 20)
#define SELF "/proc/self/exe"

#define GPU0 "0000:10:00.0"
#define GPU1 "0000:20:00.0"
#define UUID0 "GPU-11111111-2222-3333-4444-555555555555"
#define UUID1 "GPU-66666666-2222-3333-4444-555555555555"
#define MIG_UUID "MIG-77777777-2222-3333-4444-555555555555"
#define A100 "NVIDIA A100-SXM4-40GB"
#define LINE0 "gpu\t00000000:10:00.0\t" UUID0 "\t" A100 "\t42949672960\t8.0\n"
#define LINE1 "gpu\t00000000:20:00.0\t" UUID1 "\t" A100 "\t42949672960\t8.0\n"
#define MIG_LINE "mig\t1\t0\t" MIG_UUID "\t" A100 " MIG 1g.5gb\t4864\n"

/* A machine with two GPUs, the second split, and a library that does as it is told. */
struct bench {
	struct scratch *scratch;
	struct inventory inv;
	char library[160];
	char worker[160];
};

static void copy_file(const char *from, const struct scratch *s, const char *to, mode_t mode)
{
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	size_t length;

	assert_true(fd >= 0);
	assert_int_equal(file_read_fd(fd, MAX_PROGRAM_BYTES, &data, &length), 0);
	scratch_write_bytes(s, to, data, length);
	assert_int_equal(fchmodat(s->tree.root_fd, to + 1, mode, 0), 0);
}

static void add_gpu(struct bench *b, const char *address, const char *uuid)
{
	struct gpu *gpu = vec_push(b->inv.arena, &b->inv.gpus);

	assert_non_null(gpu);
	gpu->vendor = GPU_VENDOR_NVIDIA;
	gpu->pci_address = address;
	gpu->uuid = uuid;
	gpu->name = A100;
}

/* The worker runs as nobody: all that it reads lies in a directory that everyone may enter. */
static struct bench bench_of(void **state, const char *variant, const char *configuration)
{
	struct scratch *s = *state;
	struct bench b = {
		.scratch = s,
		.inv = { .arena = s->arena, .host_prefix = s->tree.prefix },
	};
	const char *build = getenv("NVBIND_BUILD_ROOT");
	struct gpu_partition *p;
	struct gpu_driver *driver;
	struct driver_file *file;
	char from[512];

	assert_non_null(build);
	assert_int_equal(chmod(s->directory, 0755), 0);
	(void)snprintf(from, sizeof(from), "%s/tests/fake/%s.so.1", build, variant);
	copy_file(from, s, "/libnvidia-ml.so.1", 0755);
	copy_file(SELF, s, "/worker", 0755);
	scratch_write(s, "/nvml.conf", configuration);
	(void)snprintf(b.library, sizeof(b.library), "%s/libnvidia-ml.so.1", s->directory);
	(void)snprintf(b.worker, sizeof(b.worker), "%s/worker", s->directory);

	add_gpu(&b, GPU0, UUID0);
	add_gpu(&b, GPU1, NULL);
	p = vec_push(s->arena, &b.inv.gpus.items[1].partitions);
	assert_non_null(p);
	*p = (struct gpu_partition){ .gi = 1, .ci = 0 };
	driver = vec_push(s->arena, &b.inv.drivers);
	assert_non_null(driver);
	driver->vendor = GPU_VENDOR_NVIDIA;
	file = vec_push(s->arena, &driver->files);
	assert_non_null(file);
	*file = (struct driver_file){
		.kind = DRIVER_FILE_LIBRARY,
		.target = "libnvidia-ml.so.550.163.01",
		.soname = "libnvidia-ml.so.1",
		.elf_class = (int)sizeof(void *) * 8,
	};
	file->host_path = arena_strdup(s->arena, b.library);
	return b;
}

static int enrich(struct bench *b, unsigned timeout_ms)
{
	const struct enrich_options options = {
		.worker_program = b->worker,
		.timeout_ms = timeout_ms,
	};
	_cleanup_error_ struct nvb_error *err = NULL;
	int r = inventory_enrich(&b->inv, &options, &err);

	if (r < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_null(err);
	return r;
}

static void assert_unchanged(const struct bench *b)
{
	for (size_t i = 0; i < b->inv.gpus.n; i++) {
		const struct gpu *gpu = &b->inv.gpus.items[i];

		assert_int_equal(gpu->memory_bytes, 0);
		assert_null(gpu->compute_capability);
		assert_string_equal(gpu->name, A100);
	}
	assert_null(b->inv.gpus.items[1].uuid);
	assert_null(b->inv.gpus.items[1].partitions.items[0].uuid);
}

static void assert_refused(struct bench *b, unsigned timeout_ms, const char *warning)
{
	assert_int_equal(enrich(b, timeout_ms), 0);
	assert_unchanged(b);
	assert_int_equal(b->inv.warnings.n, 1);
	if (!strstr(b->inv.warnings.items[0], warning))
		fail_msg("'%s' does not say '%s'", b->inv.warnings.items[0], warning);
}

static void test_good_library(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0 LINE1 MIG_LINE);
	const struct gpu *gpu = b.inv.gpus.items;
	const struct gpu_partition *p = gpu[1].partitions.items;

	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_int_equal(b.inv.warnings.n, 0);
	assert_int_equal(gpu[0].memory_bytes, 42949672960);
	assert_string_equal(gpu[0].compute_capability, "8.0");
	assert_string_equal(gpu[0].uuid, UUID0);
	assert_string_equal(gpu[1].uuid, UUID1);
	assert_string_equal(p->uuid, MIG_UUID);
	assert_string_equal(p->profile, "1g.5gb");
	assert_int_equal(p->memory_bytes, (uint64_t)4864 << 20);
}

static void test_known_values_stay(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0 LINE1);
	struct gpu *gpu = b.inv.gpus.items;

	gpu[0].memory_bytes = 1;
	gpu[0].compute_capability = "7.0";
	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_int_equal(gpu[0].memory_bytes, 1);
	assert_string_equal(gpu[0].compute_capability, "7.0");
}

static void test_what_the_library_prints_is_no_record(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", "noise\n" LINE0);

	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_int_equal(b.inv.warnings.n, 0);
	assert_int_equal(b.inv.gpus.items[0].memory_bytes, 42949672960);
}

static void test_text_makes_no_records(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", "wild-text\n" LINE0);

	b.inv.gpus.items[0].name = NULL;
	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_string_equal(b.inv.gpus.items[0].name, "wild?text?end??[31m");
}

static void test_unknown_and_foreign_gpus(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml",
		"gpu\t00000000:99:00.0\t" UUID1 "\tOther\t1024\t9.0\n" LINE0);

	b.inv.gpus.items[1].vendor = GPU_VENDOR_AMD;
	b.inv.gpus.items[1].pci_address = "0000:99:00.0";
	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_int_equal(b.inv.gpus.items[1].memory_bytes, 0);
	assert_null(b.inv.gpus.items[1].uuid);
}

static void test_contradiction(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml",
		"gpu\t00000000:10:00.0\t" UUID1 "\tLiar\t1024\t9.0\n");

	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_unchanged(&b);
	assert_int_equal(b.inv.warnings.n, 1);
	assert_non_null(strstr(b.inv.warnings.items[0], "not believed"));
}

static void test_lies(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml",
		LINE1 "gpu\t00000000:10:00.0\t" UUID0 "\tLiar\t18446744073709551615\t8.0\n");

	/* One value that cannot be, and nothing of the report is taken. */
	assert_refused(&b, TIMEOUT_MS, "memory");
}

static void test_lying_address(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml",
		"gpu\t../../etc/passwd\t" UUID0 "\tLiar\t1024\t8.0\n");

	assert_refused(&b, TIMEOUT_MS, "PCI address");
}

static void test_library_before_mig(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml-without-mig", LINE0 LINE1 MIG_LINE);

	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_int_equal(b.inv.warnings.n, 0);
	assert_int_equal(b.inv.gpus.items[1].memory_bytes, 42949672960);
	assert_null(b.inv.gpus.items[1].partitions.items[0].uuid);
}

static void test_incomplete_library(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml-incomplete", LINE0);

	assert_refused(&b, TIMEOUT_MS, "nvmlDeviceGetCount_v2");
}

static void test_refusal(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", "init-error 9\n" LINE0);

	assert_refused(&b, TIMEOUT_MS, "nvmlInit_v2 9 Driver Not Loaded");
}

static void test_crash(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0 "crash\n");

	assert_refused(&b, TIMEOUT_MS, "signal");
}

static void test_hang(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0 "hang\n");

	assert_refused(&b, HANG_TIMEOUT_MS, "did not answer");
}

static void test_library_is_garbage(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	scratch_write(b.scratch, "/libnvidia-ml.so.1", "this is not a library\n");
	assert_refused(&b, TIMEOUT_MS, "dlopen");
}

static void test_library_of_another_user(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(b.library, 1234, 0), 0);
	assert_refused(&b, TIMEOUT_MS, "libnvidia-ml.so.1': it belongs to another user");
}

static void test_directory_of_another_user(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(b.scratch->directory, 1234, 0), 0);
	assert_refused(&b, TIMEOUT_MS, "it belongs to another user");
}

static void test_library_that_others_write(void **state)
{
	static const struct {
		mode_t file, directory;
	} modes[] = { { 0775, 0755 }, { 0757, 0755 }, { 0755, 0775 }, { 0755, 0757 } };

	for (size_t i = 0; i < ELEMENTS(modes); i++) {
		struct bench b = bench_of(state, "libnvidia-ml", LINE0);

		assert_int_equal(chmod(b.library, modes[i].file), 0);
		assert_int_equal(chmod(b.scratch->directory, modes[i].directory), 0);
		assert_refused(&b, TIMEOUT_MS, "other users may write to it");
		if (!strstr(b.inv.warnings.items[0], b.library))
			fail_msg("'%s' does not name the library", b.inv.warnings.items[0]);
	}
}

/* As /tmp is: nobody can exchange what is another's there. */
static void test_sticky_directory(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	assert_int_equal(chmod(b.scratch->directory, 01777), 0);
	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
}

/* What counts is the file that a link leads to, and where it is. */
static void test_link_to_a_library_that_others_write(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	scratch_link(b.scratch, "/link.so", "open/libnvidia-ml.so.1");
	scratch_directory(b.scratch, "/open");
	assert_int_equal(renameat(b.scratch->tree.root_fd, "libnvidia-ml.so.1",
				 b.scratch->tree.root_fd, "open/libnvidia-ml.so.1"), 0);
	assert_int_equal(fchmodat(b.scratch->tree.root_fd, "open", 0777, 0), 0);
	(void)snprintf(b.library, sizeof(b.library), "%s/link.so", b.scratch->directory);
	b.inv.drivers.items[0].files.items[0].host_path = b.library;
	assert_refused(&b, TIMEOUT_MS, "/open': other users may write to it");
}

/* The running machine's libraries are its own affair. */
static void test_running_machine(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	b.inv.drivers.items[0].files_prefix = "";
	assert_int_equal(chmod(b.scratch->directory, 0777), 0);
	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
}

/* A line of a file in /proc/PID holds both texts. */
static bool shows(pid_t pid, const char *file, const char *name, const char *value)
{
	_cleanup_free_ char *text = NULL;
	char path[64], *save = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	assert_int_equal(file_read_path(path, 1 << 20, &text, NULL), 0);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strstr(line, name) && strstr(line, value))
			return true;
	}
	return false;
}

/* Waits until the worker has loaded the library, which then hangs. */
static void await_library(const struct bench *b, pid_t pid)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < 1000; i++) {
		if (shows(pid, "maps", b->library, ""))
			return;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("the worker does not load '%s'", b->library);
}

static void test_worker_is_confined(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0 "hang\n");
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl(b.worker, b.worker, ENRICH_WORKER_ARGUMENT, b.library, NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	await_library(&b, pid);
	assert_true(shows(pid, "status", "NoNewPrivs:", "1"));
	assert_false(shows(pid, "limits", "Max address space", "unlimited"));
	assert_true(shows(pid, "limits", "Max core file size        0", "bytes"));
	assert_true(shows(pid, "limits", "Max cpu time              60", "seconds"));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* This program, wherever it lies and whatever became of its file. */
static void test_own_program(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	assert_int_equal(inventory_ask_library(&b.inv, NULL), 1);
	assert_int_equal(b.inv.warnings.n, 0);
	assert_non_null(b.inv.gpus.items[0].compute_capability);
}

static void test_no_worker(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	(void)snprintf(b.worker, sizeof(b.worker), "/nonexistent/worker");
	assert_refused(&b, TIMEOUT_MS, "/nonexistent/worker");
}

static void test_no_library(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	b.inv.drivers.items[0].files.items[0].elf_class = 32;
	assert_int_equal(enrich(&b, TIMEOUT_MS), 0);
	assert_unchanged(&b);
	assert_int_equal(b.inv.warnings.n, 0);
}

static void test_no_gpu_that_it_serves(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);

	b.inv.gpus.items[0].vendor = GPU_VENDOR_AMD;
	b.inv.gpus.items[1].vendor = GPU_VENDOR_INTEL;
	assert_int_equal(enrich(&b, TIMEOUT_MS), 0);
	assert_int_equal(b.inv.warnings.n, 0);
}

static void test_no_gpus_in_the_report(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", "");

	assert_int_equal(enrich(&b, TIMEOUT_MS), 0);
	assert_unchanged(&b);
}

static void test_wsl_gpu_has_no_address(void **state)
{
	struct bench b = bench_of(state, "libnvidia-ml", LINE0);
	struct gpu *gpu = b.inv.gpus.items;
	struct driver_file *file = b.inv.drivers.items[0].files.items;

	b.inv.gpus.n = 1;
	gpu->vendor = b.inv.drivers.items[0].vendor = GPU_VENDOR_WSL;
	gpu->pci_address = gpu->uuid = NULL;
	file->kind = DRIVER_FILE_DATA;
	file->target = "/usr/lib/wsl/lib/libnvidia-ml.so.1";
	file->soname = NULL;
	assert_int_equal(enrich(&b, TIMEOUT_MS), 1);
	assert_string_equal(gpu->uuid, UUID0);
}

#define HEAD "nvml-report 1\n"

static void test_good_records(void **state)
{
	struct scratch *s = *state;
	struct nvml_report report;

	assert_int_equal(nvml_records_parse(HEAD "missing nvmlX\nfailed nvmlY 3 Not Supported\n"
						 "gpu 01:00.0\nmig 5 1\nuuid MIG-GPU-1a/5/1\n"
						 "name " A100 " MIG 1c.2g.10gb\nmemory 1\nend\n",
				 s->arena, &report, NULL), 0);
	assert_string_equal(report.missing.items[0], "nvmlX");
	assert_string_equal(report.failures.items[0], "nvmlY 3 Not Supported");
	assert_string_equal(report.gpus.items[0].pci_address, "0000:01:00.0");
	assert_int_equal(report.gpus.items[0].memory_bytes, 0);
	assert_int_equal(report.gpus.items[0].migs.items[0].gi, 5);
	assert_int_equal(report.gpus.items[0].migs.items[0].ci, 1);
	assert_int_equal(report.gpus.items[0].migs.items[0].memory_bytes, 1);
	assert_string_equal(report.gpus.items[0].migs.items[0].profile, "1c.2g.10gb");
	assert_string_equal(report.gpus.items[0].migs.items[0].uuid, "MIG-GPU-1a/5/1");
}

static void test_bad_records(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"end\n",
		"nvml-report 2\nend\n",
		HEAD,
		HEAD "end",
		HEAD HEAD "end\n",
		HEAD "end\nend\n",
		HEAD "end \n\n",
		HEAD "\nend\n",
		HEAD "unknown 1\nend\n",
		HEAD "uuid " UUID0 "\nend\n",
		HEAD "memory 1\nend\n",
		HEAD "mig 1 0\nend\n",
		HEAD "name x\nend\n",
		HEAD "gpu\nend\n",
		HEAD "gpu 1\nend\n",
		HEAD "gpu " GPU0 "\ngpu 00000000:10:00.0\nend\n",
		HEAD "gpu " GPU0 "\nmemory 0\nend\n",
		HEAD "gpu " GPU0 "\nmemory -1\nend\n",
		HEAD "gpu " GPU0 "\nmemory 1125899906842625\nend\n",
		HEAD "gpu " GPU0 "\nmemory 1 2\nend\n",
		HEAD "gpu " GPU0 "\ncompute-capability 9\nend\n",
		HEAD "gpu " GPU0 "\ncompute-capability 0.0\nend\n",
		HEAD "gpu " GPU0 "\ncompute-capability 9.0.1\nend\n",
		HEAD "gpu " GPU0 "\nuuid MIG-11\nend\n",
		HEAD "gpu " GPU0 "\nuuid GPU-\nend\n",
		HEAD "gpu " GPU0 "\nuuid GPU-11 22\nend\n",
		HEAD "gpu " GPU0 "\nname caf\xc3\xa9\nend\n",
		HEAD "gpu " GPU0 "\nname a\tb\nend\n",
		HEAD "gpu " GPU0 "\nmig 1\nend\n",
		HEAD "gpu " GPU0 "\nmig a b\nend\n",
		HEAD "gpu " GPU0 "\nmig 4096 0\nend\n",
		HEAD "gpu " GPU0 "\nmig 1 0\ncompute-capability 9.0\nend\n",
	};
	struct scratch *s = *state;

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct nvml_report report;

		if (nvml_records_parse(bad[i], s->arena, &report, &err) != NVB_ERR_FORMAT)
			fail_msg("'%s' is taken for a report", bad[i]);
		assert_non_null(err);
	}
}

static void test_records_are_bounded(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 20);
	struct scratch *s = *state;
	struct nvml_report report;

	strbuf_str_add(&text, HEAD);
	for (unsigned i = 0; i <= NVML_MAX_GPUS; i++)
		strbuf_printf(&text, "gpu %04x:00:00.0\n", i);
	strbuf_str_add(&text, "end\n");
	assert_int_equal(nvml_records_parse(strbuf_str(&text), s->arena, &report, NULL),
		NVB_ERR_LIMIT);
	strbuf_truncate(&text, 0);
	strbuf_str_add(&text, HEAD "missing ");
	for (unsigned i = 0; i < 600; i++)
		strbuf_char_add(&text, 'x');
	strbuf_str_add(&text, "\nend\n");
	assert_int_equal(nvml_records_parse(strbuf_str(&text), s->arena, &report, NULL),
		NVB_ERR_FORMAT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_library),
		TEST(test_known_values_stay),
		TEST(test_what_the_library_prints_is_no_record),
		TEST(test_text_makes_no_records),
		TEST(test_unknown_and_foreign_gpus),
		TEST(test_contradiction),
		TEST(test_lies),
		TEST(test_lying_address),
		TEST(test_library_before_mig),
		TEST(test_incomplete_library),
		TEST(test_refusal),
		TEST(test_crash),
		TEST(test_hang),
		TEST(test_library_is_garbage),
		TEST(test_library_of_another_user),
		TEST(test_directory_of_another_user),
		TEST(test_library_that_others_write),
		TEST(test_sticky_directory),
		TEST(test_link_to_a_library_that_others_write),
		TEST(test_running_machine),
		TEST(test_worker_is_confined),
		TEST(test_own_program),
		TEST(test_no_worker),
		TEST(test_no_library),
		TEST(test_no_gpu_that_it_serves),
		TEST(test_no_gpus_in_the_report),
		TEST(test_wsl_gpu_has_no_address),
		TEST(test_good_records),
		TEST(test_bad_records),
		TEST(test_records_are_bounded),
	};

	if (argc > 1 && strcmp(argv[1], ENRICH_WORKER_ARGUMENT) == 0)
		return enrich_worker_main(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
