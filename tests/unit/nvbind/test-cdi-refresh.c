/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind cdi generate, refresh and remove on simulated machines that change in between. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/spawn.h"
#include "base/strbuf.h"

struct fixture {
	char directory[64];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->directory, sizeof(f->directory), "/tmp/nvbind-refresh-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(path_remove_tree(AT_FDCWD, f->directory), 0);
	free(f);
	return 0;
}

/* Runs a line of shell in the test's directory, where `nvbind` is ours; *ret_output is malloc'd. */
static int run(const struct fixture *f, const char *line, char **ret_output)
{
	_cleanup_(strbuf_done) struct strbuf script = STRBUF_INIT(16384);
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct spawn_exit status;

	strbuf_printf(&script,
		"cd '%s' && export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=\"$PWD\" "
		"NVBIND_STATE_DIR=\"$PWD/state\" H=\"$PWD/host\"\n"
		"nvbind() { '%s/nvbind' \"$@\"; }\n"
		"host() { rm -rf host; '%s/tests/hosts/make-host' --nodes file \"$1\" host >/dev/null; }\n"
		"generate() { nvbind --host-root host cdi generate --no-nvml --output specs \"$@\"; }\n"
		"names() { sed 's/.*specs.//; s/: [a-z.]*[/].*//'; }\n"
		"%s",
		f->directory, getenv("NVBIND_BUILD_ROOT"), getenv("NVBIND_SOURCE_ROOT"), line);
	assert_false(strbuf_failed(&script));
	argv[2] = strbuf_str(&script);
	assert_int_equal(spawn_capture(
				 &(struct spawn_capture_options){
					 .argv = argv,
					 .timeout_ms = 60000,
					 .limit_bytes = 1 << 20,
					 .keep_stderr = true,
				 },
				 ret_output, &status, NULL),
		0);
	return spawn_exit_code(status);
}

static void expect(void **state, const char *line, int code, const char *expected)
{
	_cleanup_free_ char *output = NULL;
	int got = run(*state, line, &output);

	if (got != code || strcmp(output, expected) != 0)
		fail_msg("'%s' ends with %d and says:\n%s", line, got, output);
}

static void prepare(void **state, const char *line)
{
	_cleanup_free_ char *output = NULL;
	int got = run(*state, line, &output);

	if (got != 0)
		fail_msg("'%s' ends with %d and says:\n%s", line, got, output);
}

#define IDLE "nvbind cdi refresh 2>&1"
#define REFRESH "nvbind cdi refresh 2>/dev/null | names"

static void test_nothing_of_ours(void **state)
{
	expect(state, "nvbind cdi refresh 2>/dev/null", 0, "");
	expect(state, "nvbind cdi remove", 0, "");
	expect(state, "nvbind cdi remove nvidia.com/gpu 2>&1 | head -1", 0,
		"nvbind: remove 'nvidia.com/gpu': nvbind has not written it\n");
}

static void test_idempotent(void **state)
{
	prepare(state, "host h100x8");
	expect(state, "generate | names | sort", 0,
		"nvidia.com_gdrcopy.json: created\nnvidia.com_gds.json: created\n"
		"nvidia.com_gpu-bolt.json: created\nnvidia.com_gpu.json: created\n"
		"nvidia.com_imex-channel.json: created\nnvidia.com_mofed.json: created\n"
		"nvidia.com_nvswitch.json: created\n");
	prepare(state, "ls -li --time-style=full-iso specs state/cdi > before");
	expect(state, IDLE, 0, "");
	expect(state, "generate | grep -v ': unchanged: '", 1, "");
	expect(state, "ls -li --time-style=full-iso specs state/cdi | diff before -", 0, "");
	prepare(state, "nvbind cdi remove");
	expect(state, "ls specs state/cdi", 0, "specs:\n\nstate/cdi:\n");
	expect(state, IDLE, 0, "");
}

static void test_driver_update(void **state)
{
	prepare(state, "host h100x8; generate");
	prepare(state, "find host -depth -name '*550.163.01*' | while read -r f; do mv \"$f\" "
		       "\"$(dirname \"$f\")/$(basename \"$f\" | sed s/550.163.01/550.199.02/)\"; done\n"
		       "LC_ALL=C grep -rlF 550.163.01 host | LC_ALL=C xargs sed -i "
		       "s/550.163.01/550.199.02/g"); /* SONAMEs too */
	expect(state, REFRESH, 0,
		"nvidia.com_gpu-bolt.json: rewritten\nnvidia.com_gpu.json: rewritten\n");
	expect(state, "grep -c 550.163.01 specs/nvidia.com_gpu.json", 1, "0\n");
	prepare(state, "grep -q libcuda.so.550.199.02 specs/nvidia.com_gpu.json");
	expect(state, IDLE, 0, "");
}

/* New files, and the old module still loaded: the specs stay until the machine is in order. */
static void test_half_an_update(void **state)
{
	prepare(state, "host geforce-desktop; generate; cp -r specs before");
	prepare(state, "find host -depth -name '*580.95.05*' | while read -r f; do mv \"$f\" "
		       "\"$(dirname \"$f\")/$(basename \"$f\" | sed s/580.95.05/580.99.01/)\"; done");
	expect(state, "nvbind cdi refresh 2>/dev/null", 3, "");
	expect(state, "diff -r before specs", 0, "");
}

static void test_mig_change(void **state)
{
	prepare(state, "host a100-mig; generate");
	prepare(state, "grep -q '\"0:2\"' specs/nvidia.com_gpu.json");
	prepare(state, "rm -r host/proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci1");
	expect(state, REFRESH, 0,
		"nvidia.com_gpu-bolt.json: rewritten\nnvidia.com_gpu.json: rewritten\n");
	expect(state, "grep -c '\"0:2\"' specs/nvidia.com_gpu.json", 1, "0\n");
	expect(state, IDLE, 0, "");
}

static void test_gpu_removed(void **state)
{
	prepare(state, "host laptop-hybrid; generate; cp specs/intel.com_gpu.json before");
	prepare(state, "A=$(basename host/proc/driver/nvidia/gpus/*)\n"
		       "mv host/proc/driver/nvidia/gpus/$A aside; mv host/sys/bus/pci/devices/$A link");
	expect(state, REFRESH, 0,
		"nvidia.com_gpu-bolt.json: removed\nnvidia.com_gpu.json: removed\n");
	expect(state, "ls specs; cmp before specs/intel.com_gpu.json", 0, "intel.com_gpu.json\n");
	expect(state, IDLE, 0, "");
	/* It comes back, and so do its specs. */
	prepare(state, "A=$(readlink link | sed 's/.*[/]//')\n"
		       "mv aside host/proc/driver/nvidia/gpus/$A; mv link host/sys/bus/pci/devices/$A");
	expect(state, REFRESH, 0,
		"nvidia.com_gpu-bolt.json: created\nnvidia.com_gpu.json: created\n");
	expect(state, IDLE, 0, "");
}

static void test_options_are_remembered(void **state)
{
	prepare(state, "host h100x8");
	prepare(state, "generate --profile ai-ml --format yaml --device-name-strategy uuid "
		       "--no-all-device --hook-path /opt/nvbind-hook --annotate");
	expect(state, "grep -c 'name: \"*[0-9a]' specs/nvidia.com_gpu.yaml", 1, "0\n");
	prepare(state, "grep -q '/opt/nvbind-hook' specs/nvidia.com_gpu.yaml\n"
		       "cp specs/nvidia.com_gpu.yaml before && rm specs/nvidia.com_gpu.yaml");
	expect(state, REFRESH, 0, "nvidia.com_gpu.yaml: created\n");
	expect(state, "cmp before specs/nvidia.com_gpu.yaml", 0, "");
	/* The other format takes the place of the first. */
	prepare(state, "generate");
	expect(state, "ls specs | grep -c yaml", 1, "0\n");
}

static void test_edited_file_stays(void **state)
{
	prepare(state, "host geforce-desktop; generate; echo >> specs/nvidia.com_gpu.json; "
		       "rm host/proc/driver/nvidia/version; cp specs/nvidia.com_gpu.json before\n"
		       "rm -r host/sys/bus/pci/devices/* host/proc/driver/nvidia/gpus/*");
	expect(state, REFRESH, 0, "nvidia.com_gpu-bolt.json: removed\n");
	expect(state, "cmp before specs/nvidia.com_gpu.json", 0, "");
	expect(state, "nvbind cdi remove 2>/dev/null", 1, "");
	prepare(state, "nvbind cdi remove --force && ! ls specs/*");
}

#define THEIRS                                                                                 \
	"mkdir -p specs; echo '{\"cdiVersion\": \"0.5.0\", \"kind\": \"nvidia.com/gpu\", "     \
	"\"devices\": [{\"name\": \"all\", \"containerEdits\": {\"env\": [\"A=B\"]}}]}' > "    \
	"specs/nvidia.yaml"

static void test_conflict(void **state)
{
	prepare(state, "host geforce-desktop; " THEIRS "; cp specs/nvidia.yaml before");
	/* The usual kinds: what is taken is left out, and said. */
	expect(state, "generate 2>/dev/null | names", 0, "nvidia.com_gpu-bolt.json: created\n");
	prepare(state, "generate 2>&1 >/dev/null | grep -q \"'nvidia.com/gpu' is left out: .*/specs/"
		       "nvidia.yaml' defines it already; .*--class\"");
	/* One that was asked for: an error. */
	expect(state, "generate --class gpu 2>&1 | sed 's/ .[/].*specs/ specs/'", 0,
		"nvbind: define 'nvidia.com/gpu=all': specs/nvidia.yaml' defines it already\n"
		"  hint: choose another name with --class, or remove that file if its author is "
		"not in use any more\n");
	expect(state, "generate --class gpu 2>/dev/null", 1, "");
	expect(state, "generate --class gpu-nvbind | names", 0,
		"nvidia.com_gpu-nvbind.json: created\n");
	expect(state, IDLE, 0, "");
	expect(state, "cmp before specs/nvidia.yaml", 0, "");
	/* Nothing at all can be written. */
	prepare(state, "sed -i 's,/gpu,/gpu-bolt,' specs/nvidia.yaml; cp specs/nvidia.yaml "
		       "specs/other.yaml; sed -i 's,/gpu-bolt,/gpu,' specs/other.yaml");
	expect(state, "generate 2>/dev/null", 1, "");
	/* A file of our name that is not ours. */
	prepare(state, "nvbind cdi remove; rm specs/*; echo mine > specs/nvidia.com_gpu.json");
	expect(state, "generate 2>/dev/null", 1, "");
	expect(state, "cat specs/nvidia.com_gpu.json", 0, "mine\n");
	expect(state, "generate --force | names", 0,
		"nvidia.com_gpu.json: rewritten\nnvidia.com_gpu-bolt.json: created\n");
}

/* By the time the GPU is back, someone else speaks for it. */
static void test_conflict_at_refresh(void **state)
{
	prepare(state, "host geforce-desktop; generate; mkdir aside\n"
		       "mv host/sys/bus/pci/devices/* host/proc/driver/nvidia/gpus aside\n"
		       "nvbind cdi refresh; " THEIRS "\n"
		       "mv aside/gpus host/proc/driver/nvidia; mv aside/* host/sys/bus/pci/devices");
	expect(state, REFRESH, 0, "nvidia.com_gpu-bolt.json: created\n");
	expect(state, "nvbind cdi refresh 2>&1 | grep -c 'is left out'", 0, "1\n");
}

/* Our file deleted, and another tool's in its place. */
static void test_conflict_with_successor(void **state)
{
	prepare(state, "host geforce-desktop; generate; rm specs/*; " THEIRS);
	expect(state, REFRESH, 0, "nvidia.com_gpu-bolt.json: created\n");
	expect(state, "ls specs; nvbind cdi refresh 2>&1 | grep -c 'is left out'", 0,
		"nvidia.com_gpu-bolt.json\nnvidia.yaml\n1\n");
}

/* Files of kinds that this machine lacks are none of our business. */
static void test_force_removes_nothing(void **state)
{
	prepare(state, "host arc-xe; mkdir specs; echo mine > specs/nvidia.com_gpu.json\n"
		       "echo mine > specs/amd.com_gpu.json; echo mine > specs/intel.com_gpu.json");
	expect(state, "generate --force | names", 0, "intel.com_gpu.json: rewritten\n");
	expect(state, "cat specs/nvidia.com_gpu.json specs/amd.com_gpu.json", 0, "mine\nmine\n");
}

/* The other format, and no room for it: the first one stays. */
static void test_format_without_room(void **state)
{
	prepare(state, "host arc-xe; generate; mkdir specs/intel.com_gpu.yaml");
	expect(state, "generate --format yaml --force 2>/dev/null", 1, "");
	expect(state, "ls -F specs; grep -ho '/specs/intel[a-z._]*' state/cdi/*", 0,
		"intel.com_gpu.json\nintel.com_gpu.yaml/\n/specs/intel.com_gpu.json\n");
	prepare(state, "rmdir specs/*.yaml");
	expect(state, "generate --format yaml | names", 0,
		"intel.com_gpu.yaml: created\nintel.com_gpu.json: removed\n");
	expect(state, IDLE, 0, "");
	/* A wish makes way too. */
	prepare(state, "rm specs/*; generate");
	expect(state, "nvbind cdi refresh 2>&1; ls specs; grep -l yaml state/cdi/*", 1,
		"intel.com_gpu.json\n");
}

/* The other format, and a third file: what was there is all still there. */
static void test_format_and_rival(void **state)
{
	prepare(state, "host geforce-desktop; generate; " THEIRS "; cp -r specs before");
	expect(state, "generate --class gpu --format yaml 2>/dev/null", 1, "");
	expect(state, "diff -r before specs", 0, "");
	/* One that someone edited is a rival as any other. */
	prepare(state, "rm specs/nvidia.yaml; echo >> specs/nvidia.com_gpu.json");
	expect(state, "generate --format yaml 2>/dev/null | names", 0,
		"nvidia.com_gpu-bolt.yaml: created\nnvidia.com_gpu-bolt.json: removed\n");
	prepare(state, "test -s specs/nvidia.com_gpu.json");
}

static void test_damaged_recipe(void **state)
{
	prepare(state, "host arc-xe; generate; for r in state/cdi/*.json; do echo '{' > $r; done");
	expect(state, "generate 2>/dev/null", 1, "");
	expect(state, "generate --force 2>/dev/null | names", 0, "intel.com_gpu.json: unchanged\n");
	expect(state, IDLE, 0, "");
	prepare(state, "for r in state/cdi/*.json; do echo '{' > $r; done");
	prepare(state, "nvbind cdi remove specs/intel.com_gpu.json 2>log && grep -q 'is forgotten' log");
	prepare(state, "test -s specs/intel.com_gpu.json; nvbind cdi remove; generate");
	prepare(state, "for r in state/cdi/*.json; do echo '{' > $r; done");
	expect(state, "nvbind cdi remove --force specs/intel.com_gpu.json 2>/dev/null | names", 0,
		"intel.com_gpu.json: removed\n");
	prepare(state, "nvbind cdi remove; generate; for r in state/cdi/*.json; do echo '{' > $r; done");
	prepare(state, "nvbind cdi remove 2>log && grep -q 'is forgotten' log");
	expect(state, "ls specs state/cdi", 0, "specs:\nintel.com_gpu.json\n\nstate/cdi:\n");
}

/* A directory that was taken away does not come back; one of the engines' own does. */
static void test_directory_gone(void **state)
{
	prepare(state, "host arc-xe; generate; rm -r specs");
	expect(state, "nvbind cdi refresh 2>&1 | grep -c 'is forgotten'", 0, "1\n");
	expect(state, "ls specs 2>/dev/null", 2, "");
	expect(state, "ls state/cdi", 0, "");
	prepare(state, "nvbind --host-root host cdi generate && rm -r host/etc/cdi");
	prepare(state, "nvbind cdi refresh && test -s host/etc/cdi/intel.com_gpu.json");
}

static void test_host_roots(void **state)
{
	prepare(state, "host arc-xe; generate; cp -r host second\n"
		       "nvbind --host-root second cdi generate --no-nvml --output others; "
		       "rm specs/* others/*");
	expect(state, "nvbind --host-root ./second/ cdi refresh | sed 's,.*/others/,,;s/: [a-z.]*[/].*//'",
		0, "intel.com_gpu.json: created\n");
	expect(state, "ls specs", 0, "");
	/* Each recipe of a host that is gone says why it cannot be made. */
	prepare(state, "rm -r host; nvbind --host-root second cdi refresh");
	expect(state, "nvbind cdi refresh 2>&1 | grep -v 'No such file'", 1, "");
	/* An edited file: the hint names a command that knows --force. */
	prepare(state, "echo '{}' > others/intel.com_gpu.json");
	prepare(state, "nvbind --host-root second cdi refresh 2>&1 | "
		       "grep -q \"'nvbind cdi generate --force' replaces it\"");
}

static void test_places(void **state)
{
	prepare(state, "host arc-xe; generate --output a/b/one.yaml");
	expect(state, "head -3 a/b/one.yaml | tail -2 | tr -d '\"'", 0,
		"cdiVersion: 0.5.0\nkind: intel.com/gpu\n");
	prepare(state, "rm a/b/one.yaml && nvbind cdi refresh && test -s a/b/one.yaml");
	prepare(state, "nvbind cdi remove a/b/one.yaml && test ! -e a/b/one.yaml");
	expect(state, "generate --output - | head -3 | tail -1; ls state/cdi", 0,
		"  \"kind\": \"intel.com/gpu\",\n");
	/* Below a host root, its own directories; links stay inside of it. */
	prepare(state, "nvbind --host-root host cdi generate && test -s host/etc/cdi/intel.com_gpu.json");
	prepare(state, "nvbind cdi remove intel.com/gpu && test ! -e host/etc/cdi/intel.com_gpu.json");
}

static void test_usage(void **state)
{
	prepare(state, "host laptop-hybrid");
	expect(state, "generate --output - 2>/dev/null", 2, "");
	expect(state, "generate --output '' 2>/dev/null", 2, "");
	expect(state, "generate --output new/gpu.yml 2>/dev/null", 2, "");
	expect(state, "generate --output x.txt 2>&1 | head -1; ls", 0,
		"nvbind: '--output x.txt': the name of a CDI file ends in .json or .yaml\nhost\n");
	prepare(state, "generate --output new.d/ && mkdir cdi.d && generate --output cdi.d && "
		       "ls new.d/* cdi.d/*");
	prepare(state, "generate --profile nope 2>&1 | grep -q \"hint: 'bolt-gaming' and\"");
	prepare(state, "nvbind cdi remove");
	expect(state, "generate --class 9x 2>/dev/null", 2, "");
	expect(state, "generate --mode management --class x 2>/dev/null", 2, "");
	expect(state, "generate --hookless plan9 2>/dev/null", 2, "");
	expect(state, "generate --hookless ./nowhere 2>/dev/null", 1, "");
	expect(state, "generate --profile nope 2>/dev/null", 2, "");
	expect(state, "generate --capabilities nope 2>/dev/null", 2, "");
	expect(state, "generate --output x.json --format yaml 2>/dev/null", 2, "");
	expect(state, "generate --vendor amd 2>/dev/null", 3, "");
	expect(state, "generate --class nvswitch 2>/dev/null", 3, "");
	expect(state, "generate extra 2>/dev/null", 2, "");
	expect(state, "ls specs 2>/dev/null", 2, "");
	prepare(state, "host no-gpu");
	expect(state, "generate 2>/dev/null", 3, "");
}

/* A driver that a container has installed: files from its root, nodes and procfs from ours. */
static void test_driver_root(void **state)
{
	prepare(state, "host h100x8; mkdir driver; mv host/usr driver/usr; mkdir host/usr");
	prepare(state, "generate --driver-root driver");
	prepare(state, "grep -q \"\\\"hostPath\\\": \\\"$PWD/driver/usr/lib/x86_64-linux-gnu/"
		       "libcuda.so.550.163.01\" specs/nvidia.com_gpu.json");
	prepare(state, "grep -q '\"containerPath\": \"/usr/lib/x86_64-linux-gnu/"
		       "libcuda.so.550.163.01\"' specs/nvidia.com_gpu.json");
	prepare(state, "grep -q \"\\\"hostPath\\\": \\\"$PWD/host/dev/nvidia3\" "
		       "specs/nvidia.com_gpu.json");
	prepare(state, "mkdir -p other; cp -r host/dev other/dev; generate --driver-root driver "
		       "--dev-root other --class dev");
	prepare(state, "grep -q \"\\\"hostPath\\\": \\\"$PWD/other/dev/nvidia3\" "
		       "specs/nvidia.com_dev.json");
	expect(state, IDLE, 0, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_of_ours),
		TEST(test_idempotent),
		TEST(test_driver_update),
		TEST(test_half_an_update),
		TEST(test_mig_change),
		TEST(test_gpu_removed),
		TEST(test_options_are_remembered),
		TEST(test_edited_file_stays),
		TEST(test_conflict),
		TEST(test_conflict_at_refresh),
		TEST(test_conflict_with_successor),
		TEST(test_force_removes_nothing),
		TEST(test_format_without_room),
		TEST(test_format_and_rival),
		TEST(test_damaged_recipe),
		TEST(test_directory_gone),
		TEST(test_host_roots),
		TEST(test_places),
		TEST(test_usage),
		TEST(test_driver_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
