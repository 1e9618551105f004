/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery on the simulated hosts of tests/hosts: what must be right on each. Nodes are regular
 * files, so this needs no privilege.
 */
#include "../host/scratch-tree.h"

#include "base/spawn.h"
#include "base/strbuf.h"
#include "gpu/discover.h"

/*
 * One line per driver: "vendor/name version flavor: nodes with numbers"; one per GPU: "index
 * vendor state address driver: nodes with numbers"; one per partition, indented.
 */
#define NVIDIA(version, uvm_major, missing)                                                     \
	"nvidia/nvidia " version ": nvidiactl=195:255 nvidia-uvm=" uvm_major ":0" missing       \
	" nvidia-uvm-tools=" uvm_major ":1 nvidia-modeset=195:254\n"
#define GPU(index, address, minor, card, render)                                                \
	index " nvidia usable " address " nvidia: nvidia" minor "=195:" minor " card" card      \
	"=226:" card " renderD" render "=226:" render "\n"

static const struct {
	const char *host, *expected;
} hosts[] = {
	{ "a100-mig",
		NVIDIA("535.183.01 proprietary", "235", "")
		"0 nvidia usable 0000:3b:00.0 nvidia: nvidia1=195:1\n"
		"  0 gi1 ci0: nvidia-cap147=238:147 nvidia-cap148=238:148\n"
		"  1 gi2 ci0: nvidia-cap156=238:156 nvidia-cap157=238:157\n"
		"  2 gi2 ci1: nvidia-cap156=238:156 nvidia-cap158=238:158\n"
		"1 nvidia usable 0000:d8:00.0 nvidia: nvidia0=195:0\n" },
	{ "arc-xe",
		"intel/xe - in-tree:\n"
		"0 intel usable 0000:03:00.0 xe: card0=226:0 renderD128=226:128\n" },
	{ "arch-desktop",
		NVIDIA("580.95.05 open", "234", "")
		GPU("0", "0000:06:00.0", "0", "1", "128") },
	{ "broken",
		NVIDIA("550.163.01 proprietary", "510", "(missing)")
		GPU("0", "0000:17:00.0", "0", "1", "128")
		"1 nvidia lost 0000:65:00.0 nvidia:\n" },
	{ "fedora-desktop",
		NVIDIA("590.48.01 open", "504", "")
		GPU("0", "0000:0b:00.0", "0", "1", "128") },
	{ "geforce-desktop",
		NVIDIA("580.95.05 proprietary", "509", "")
		GPU("0", "0000:01:00.0", "0", "0", "128") },
	{ "h100x8",
		NVIDIA("550.163.01 open", "511", "")
		GPU("0", "0000:1b:00.0", "0", "1", "128")
		GPU("1", "0000:43:00.0", "1", "2", "129")
		GPU("2", "0000:52:00.0", "2", "3", "130")
		GPU("3", "0000:61:00.0", "3", "4", "131")
		GPU("4", "0000:9d:00.0", "6", "7", "134")
		GPU("5", "0000:c3:00.0", "7", "8", "135")
		GPU("6", "0000:d1:00.0", "4", "5", "132")
		GPU("7", "0000:df:00.0", "5", "6", "133") },
	{ "laptop-hybrid",
		NVIDIA("550.163.01 proprietary", "506", "")
		"intel/i915 - in-tree:\n"
		GPU("0", "0000:01:00.0", "0", "0", "129")
		"1 intel usable 0000:00:02.0 i915: card1=226:1 renderD128=226:128\n" },
	{ "mi300x-partitions",
		"amd/amdgpu - in-tree: kfd=234:0\n"
		"0 amd usable 0000:05:00.0 amdgpu: card1=226:1 renderD128=226:128 "
		"renderD129=226:129 renderD130=226:130 renderD131=226:131 renderD132=226:132 "
		"renderD133=226:133 renderD134=226:134 renderD135=226:135\n"
		"  0: renderD128=226:128\n"
		"  1: renderD129=226:129\n"
		"  2: renderD130=226:130\n"
		"  3: renderD131=226:131\n"
		"  4: renderD132=226:132\n"
		"  5: renderD133=226:133\n"
		"  6: renderD134=226:134\n"
		"  7: renderD135=226:135\n"
		"1 amd usable 0000:27:00.0 amdgpu: card9=226:9 renderD136=226:136 "
		"renderD137=226:137\n"
		"  0: renderD136=226:136\n"
		"  1: renderD137=226:137\n"
		"2 amd usable 0000:47:00.0 amdgpu: card17=226:17 renderD144=226:144\n"
		"3 amd usable 0000:65:00.0 amdgpu: card25=226:25 renderD152=226:152\n"
		"4 amd usable 0000:85:00.0 amdgpu: card33=226:33 renderD160=226:160\n"
		"5 amd usable 0000:a7:00.0 amdgpu: card41=226:41 renderD168=226:168\n"
		"6 amd usable 0000:c7:00.0 amdgpu: card49=226:49 renderD176=226:176\n"
		"7 amd usable 0000:e5:00.0 amdgpu: card57=226:57 renderD184=226:184\n" },
	{ "no-gpu", "" },
	{ "nouveau",
		"nvidia/nouveau - in-tree:\n"
		"0 nvidia usable 0000:01:00.0 nouveau: card1=226:1 renderD128=226:128\n" },
	{ "radeon-x2",
		"amd/amdgpu - in-tree: kfd=235:0\n"
		"0 amd usable 0000:03:00.0 amdgpu: card1=226:1 renderD128=226:128\n"
		"1 amd usable 0000:0a:00.0 amdgpu: card2=226:2 renderD129=226:129\n" },
	{ "unloaded",
		"0 nvidia no-driver 0000:31:00.0 -:\n" },
	{ "vfio",
		NVIDIA("550.163.01 proprietary", "508", "")
		GPU("0", "0000:4b:00.0", "0", "1", "128")
		"1 nvidia reserved 0000:21:00.0 vfio-pci:\n" },
	{ "wsl2",
		"wsl/dxg - wsl:\n"
		"0 wsl usable - dxg: dxg=10:125\n" },
};

static const char *text_or_dash(const char *text)
{
	return text ? text : "-";
}

static void add_nodes(struct strbuf *b, const struct gpu_node_list *nodes)
{
	vec_foreach (struct gpu_node, n, nodes) {
		strbuf_printf(b, " %s=", path_base_name(n->node.path));
		if (n->node.type)
			strbuf_printf(b, "%u:%u", n->node.major, n->node.minor);
		if (!n->node.exists)
			strbuf_str_add(b, "(missing)");
	}
	strbuf_char_add(b, '\n');
}

static void summarize(const struct inventory *inv, struct strbuf *b)
{
	vec_foreach (struct gpu_driver, d, &inv->drivers) {
		strbuf_printf(b, "%s/%s %s %s:", gpu_vendor_name(d->vendor), d->name,
			text_or_dash(d->version), text_or_dash(d->flavor));
		add_nodes(b, &d->common_nodes);
	}
	vec_foreach (struct gpu, g, &inv->gpus) {
		strbuf_printf(b, "%u %s %s %s %s:", g->index, gpu_vendor_name(g->vendor),
			gpu_state_name(g->state), text_or_dash(g->pci_address),
			text_or_dash(g->driver));
		add_nodes(b, &g->nodes);
		vec_foreach (struct gpu_partition, p, &g->partitions) {
			strbuf_printf(b, "  %u", p->index);
			if (p->gi >= 0)
				strbuf_printf(b, " gi%d ci%d", p->gi, p->ci);
			strbuf_char_add(b, ':');
			add_nodes(b, &p->nodes);
		}
	}
	assert_false(strbuf_failed(b));
}

static char *source_path(const char *below)
{
	const char *root = getenv("NVBIND_SOURCE_ROOT");
	char *path = NULL;

	assert_non_null(root);
	assert_true(asprintf(&path, "%s/%s", root, below) > 0);
	return path;
}

static void make_host(const char *name, const char *directory)
{
	static const char *const environment[] = { "PATH=/usr/bin:/bin", NULL };
	_cleanup_free_ char *program = source_path("tests/hosts/make-host");
	const char *argv[] = { program, "--nodes", "file", name, directory, NULL };
	_cleanup_free_ char *output = NULL;
	struct spawn_exit end;

	assert_int_equal(spawn_capture(&(struct spawn_capture_options){ .argv = argv,
					       .envp = environment,
					       .timeout_ms = 60000,
					       .limit_bytes = 1 << 16,
					       .keep_stderr = true },
				 &output, &end, NULL),
		0);
	assert_int_equal(spawn_exit_code(end), 0);
}

/* The inventory of a simulated host, which is made in the test's own directory. */
static struct inventory *discover_host(const struct scratch *s, const char *name)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct inventory *inv = NULL;
	char directory[128];

	(void)snprintf(directory, sizeof(directory), "%s/%s", s->directory, name);
	make_host(name, directory);
	assert_int_equal(host_tree_open(directory, &tree, NULL), 0);
	assert_int_equal(inventory_discover(&tree, &inv, NULL), 0);
	return inv;
}

static void test_every_host(void **state)
{
	for (size_t i = 0; i < ELEMENTS(hosts); i++) {
		_cleanup_(inventory_freep) struct inventory *inv =
			discover_host(*state, hosts[i].host);
		_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 20);

		summarize(inv, &text);
		if (strcmp(strbuf_str(&text), hosts[i].expected) != 0)
			fail_msg("host '%s' is\n%s", hosts[i].host, strbuf_str(&text));
	}
}

/* A description without an expectation above would be a test that was forgotten. */
static void test_no_host_is_forgotten(void **state)
{
	struct scratch *s = *state;
	_cleanup_free_ char *path = source_path("tests/hosts/descriptions");
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct string_list names = { 0 };

	assert_int_equal(host_tree_open(path, &tree, NULL), 0);
	assert_int_equal(host_tree_list(&tree, s->arena, "/", &names), 0);
	vec_foreach (const char *, name, &names) {
		bool is_known = false;

		for (size_t i = 0; i < ELEMENTS(hosts); i++) {
			size_t length = strlen(hosts[i].host);

			is_known |= strncmp(*name, hosts[i].host, length) == 0 &&
				strcmp(*name + length, ".toml") == 0;
		}
		if (!is_known)
			fail_msg("no expectation for '%s'", *name);
	}
}

static void test_facts_of_nvidia(void **state)
{
	_cleanup_(inventory_freep) struct inventory *server = discover_host(*state, "h100x8");
	_cleanup_(inventory_freep) struct inventory *vfio = discover_host(*state, "vfio");
	_cleanup_(inventory_freep) struct inventory *broken = discover_host(*state, "broken");
	const struct gpu *g = &server->gpus.items[4];

	assert_string_equal(g->name, "NVIDIA H100 80GB HBM3");
	assert_memory_equal(g->uuid, "GPU-", 4);
	/* The index is not the minor number. */
	assert_int_equal(g->minor, 6);
	assert_int_equal(g->numa_node, 1);
	assert_int_equal(server->gpus.items[0].numa_node, 0);
	assert_int_equal(g->memory_bytes, 0);
	assert_false(g->mig_enabled);
	assert_int_equal(g->nodes.items[1].node.mode, 0660);
	assert_true(server->drivers.items[0].brings_user_space);
	assert_string_equal(server->drivers.items[0].files_version, "550.163.01");
	assert_int_equal(server->warnings.n, 0);
	/* Not opened since boot: the driver does not know the UUID yet. */
	assert_null(vfio->gpus.items[0].uuid);
	assert_string_equal(broken->drivers.items[0].version, "550.163.01");
	assert_string_equal(broken->drivers.items[0].files_version, "535.183.01");
	assert_non_null(strstr(broken->gpus.items[1].state_reason, "0000:65:00.0/information"));
	assert_null(broken->gpus.items[1].uuid);
}

static void test_facts_of_amd(void **state)
{
	_cleanup_(inventory_freep) struct inventory *inv =
		discover_host(*state, "mi300x-partitions");
	const struct gpu *g = &inv->gpus.items[0];

	assert_string_equal(g->compute_capability, "gfx942");
	assert_int_equal(strlen(g->uuid), strlen("GPU-0123456789abcdef"));
	assert_int_equal(g->memory_bytes / g->partitions.items[0].memory_bytes, 8);
	assert_string_equal(g->partitions.items[7].profile, "cpx_nps1");
	assert_true(g->partitions.items[7].standalone);
	assert_null(g->partitions.items[7].uuid);
	assert_int_equal(g->nodes.items[1].needed_for & CAPABILITY_COMPUTE, CAPABILITY_COMPUTE);
	assert_false(inv->drivers.items[0].brings_user_space);
	assert_int_equal(inv->drivers.items[0].files.n, 0);
	assert_int_equal(inv->warnings.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_host),
		TEST(test_no_host_is_forgotten),
		TEST(test_facts_of_nvidia),
		TEST(test_facts_of_amd),
	};

	return cmocka_run_group_tests_name("gpu hosts", tests, NULL, NULL);
}
