/* SPDX-License-Identifier: Apache-2.0 */
/* Each check on a machine made for it: a directory with the few files that it reads. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "doctor/check.h"

struct machine {
	char dir[64];
	struct host_tree tree;
	struct inventory inv;
	struct doctor_user user;
	struct doctor_report *report;
};

static int machine_setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	strncpy(m->dir, "/tmp/nvbind-doctor.XXXXXX", sizeof(m->dir) - 1);
	assert_non_null(mkdtemp(m->dir));
	assert_int_equal(host_tree_open(m->dir, &m->tree, NULL), 0);
	m->inv.arena = arena_new();
	assert_non_null(m->inv.arena);
	m->inv.host_prefix = m->dir;
	m->user = (struct doctor_user){ .uid = 1000, .gid = 1000, .name = "alice" };
	*state = m;
	return 0;
}

static int machine_teardown(void **state)
{
	struct machine *m = *state;

	assert_int_equal(path_remove_tree(AT_FDCWD, m->dir), 0);
	doctor_report_free(m->report);
	arena_free(m->inv.arena);
	host_tree_done(&m->tree);
	free(m);
	return 0;
}

static void put_bytes(struct machine *m, const char *path, const void *data, size_t length)
{
	char dir[128];
	_cleanup_close_ int dir_fd = -1;

	assert_true((size_t)snprintf(dir, sizeof(dir), "%s", path) < sizeof(dir));
	*strrchr(dir, '/') = '\0';
	dir_fd = path_mkdir_all_in(m->tree.root_fd, dir, 0755);
	assert_true(dir_fd >= 0);
	assert_int_equal(file_replace_at(dir_fd, path_base_name(path), data, length, 0644), 0);
}

static void put(struct machine *m, const char *path, const char *text)
{
	put_bytes(m, path, text, strlen(text));
}

static const struct doctor_finding *examine(struct machine *m, const char *name)
{
	size_t i = 0;

	doctor_report_free(m->report);
	m->report = NULL;
	assert_int_equal(doctor_run(&m->tree, &m->inv, &m->user, &m->report, NULL), 0);
	while (i < m->report->findings.n && strcmp(m->report->findings.items[i].name, name) != 0)
		i++;
	if (i == m->report->findings.n)
		fail_msg("no check is called '%s'", name);
	return &m->report->findings.items[i];
}

/* `reason` is a part of the reason, `fix` of the fix; NULL: there must be no fix. */
static void expect(struct machine *m, const char *name, enum doctor_result result,
	const char *reason, const char *fix)
{
	const struct doctor_finding *f = examine(m, name);

	if (f->result != result || !strstr(f->reason, reason))
		fail_msg("%s: %s: %s", name, doctor_result_name(f->result), f->reason);
	if (!fix)
		assert_null(f->fix);
	else if (!f->fix || !strstr(f->fix, fix))
		fail_msg("%s: fix: %s", name, f->fix ? f->fix : "(none)");
}

/* The same for a check that is only made of the running machine. */
static void expect_of(struct machine *m, void (*check)(struct doctor *d), enum doctor_result result,
	const char *reason, const char *fix)
{
	struct doctor d = {
		.tree = &m->tree,
		.inv = &m->inv,
		.user = &m->user,
		.arena = m->inv.arena,
		.reason = STRBUF_INIT(8192),
	};

	check(&d);
	assert_false(d.out_of_memory);
	if (d.result != result || !strstr(strbuf_str(&d.reason), reason))
		fail_msg("%s: %s", doctor_result_name(d.result), strbuf_str(&d.reason));
	if (!fix)
		assert_null(d.fix);
	else if (!d.fix || !strstr(d.fix, fix))
		fail_msg("fix: %s", d.fix ? d.fix : "(none)");
	strbuf_done(&d.reason);
}

static struct gpu_driver *add_driver(
	struct machine *m, const char *version, const char *files_version)
{
	struct gpu_driver *driver = vec_push(m->inv.arena, &m->inv.drivers);

	assert_non_null(driver);
	*driver = (struct gpu_driver){
		.vendor = GPU_VENDOR_NVIDIA,
		.name = "nvidia",
		.version = version,
		.files_version = files_version,
		.brings_user_space = true,
	};
	if (files_version)
		assert_non_null(vec_push(m->inv.arena, &driver->files));
	return driver;
}

static struct gpu *add_gpu(struct machine *m, enum gpu_state state, const char *reason)
{
	struct gpu *gpu = vec_push(m->inv.arena, &m->inv.gpus);

	assert_non_null(gpu);
	*gpu = (struct gpu){
		.index = (unsigned)m->inv.gpus.n - 1,
		.vendor = GPU_VENDOR_NVIDIA,
		.driver = state == GPU_USABLE ? "nvidia" : NULL,
		.state = state,
		.state_reason = reason,
		.pci_address = "0000:41:00.0",
	};
	return gpu;
}

static struct host_node *add_node(struct machine *m, struct gpu *gpu, const char *path)
{
	struct gpu_node *node = vec_push(m->inv.arena, &gpu->nodes);

	assert_non_null(node);
	node->node = (struct host_node){
		.path = path,
		.host_path = path,
		.exists = true,
		.is_device = true,
		.type = 'c',
		.mode = 0660,
		.gid = 44,
	};
	return &node->node;
}

static void test_no_gpu(void **state)
{
	expect(*state, "gpus", DOCTOR_WARNING, "no GPU was found", "lspci");
	expect(*state, "driver-files", DOCTOR_SKIPPED, "no driver", NULL);
	expect(*state, "device-nodes", DOCTOR_SKIPPED, "nothing to check", NULL);
	expect(*state, "node-access", DOCTOR_SKIPPED, "no device node", NULL);
}

static void test_lost_gpu(void **state)
{
	struct machine *m = *state;

	add_gpu(m, GPU_USABLE, NULL);
	expect(m, "gpus", DOCTOR_OK, "1 of 1", NULL);
	add_gpu(m, GPU_LOST, "the driver has no information on it");
	expect(m, "gpus", DOCTOR_FAILED,
		"GPU 1 (0000:41:00.0) cannot be used: the driver has no information on it",
		"restart the machine");
}

static void test_gpu_without_driver(void **state)
{
	struct machine *m = *state;

	add_gpu(m, GPU_NO_DRIVER, NULL);
	expect(m, "gpus", DOCTOR_FAILED, "no-driver", "modprobe nvidia");
	add_gpu(m, GPU_USABLE, NULL);
	expect(m, "gpus", DOCTOR_WARNING, "no-driver", "modprobe nvidia");
	add_gpu(m, GPU_RESERVED, NULL)->driver = "vfio-pci";
	expect(m, "gpus", DOCTOR_WARNING, "GPU 0", "modprobe nvidia");
}

static void test_driver_files(void **state)
{
	struct machine *m = *state;
	struct gpu_driver *driver = add_driver(m, "550.163.01", "550.163.01");

	expect(m, "driver-files", DOCTOR_OK, "550.163.01", NULL);
	driver->files_version = "535.216.03";
	expect(m, "driver-files", DOCTOR_FAILED, "550.163.01, its libraries have 535.216.03",
		"restart the machine");
	driver->files.n = 0;
	expect(m, "driver-files", DOCTOR_FAILED, "no library", "install");
	driver->brings_user_space = false;
	expect(m, "driver-files", DOCTOR_SKIPPED, "no driver", NULL);
}

static void test_kernel_modules(void **state)
{
	struct machine *m = *state;

	add_driver(m, "550.163.01", NULL);
	expect(m, "kernel-modules", DOCTOR_SKIPPED, "cannot be read", NULL);
	put(m, "/proc/modules", "nvidia 77824 4 - Live 0x0\nnvidia_uvm 1 0 - Live 0x0\n");
	expect(m, "kernel-modules", DOCTOR_WARNING, "'nvidia_modeset' is not loaded",
		"modprobe nvidia_modeset");
	put(m, "/proc/modules", "nvidia 77824 4 - Live 0x0\n");
	expect(m, "kernel-modules", DOCTOR_FAILED, "'nvidia_uvm' is not loaded",
		"modprobe nvidia_uvm");
	put(m, "/proc/modules",
		"nvidia_uvm 1 0 - Live 0x0\nnvidia_modeset 1 0 - Live 0x0\n"
		"nvidia_drm 1 0 - Live 0x0\n");
	expect(m, "kernel-modules", DOCTOR_OK, "'nvidia_drm' is loaded", NULL);
}

static void test_missing_node(void **state)
{
	struct machine *m = *state;
	struct gpu *gpu = add_gpu(m, GPU_USABLE, NULL);
	struct host_node *node = add_node(m, gpu, "/dev/nvidia0");

	expect(m, "device-nodes", DOCTOR_OK, "is there (1)", NULL);
	node->exists = false;
	expect(m, "device-nodes", DOCTOR_FAILED, "'/dev/nvidia0' is missing", "nvidia-modprobe");
	gpu->nodes.items[0].optional = true;
	expect(m, "device-nodes", DOCTOR_SKIPPED, "nothing", NULL);
}

static void test_node_of_an_old_module(void **state)
{
	struct machine *m = *state;
	struct host_node *node = add_node(m, add_gpu(m, GPU_USABLE, NULL), "/dev/nvidia-uvm");

	node->major = 235;
	expect(m, "node-numbers", DOCTOR_SKIPPED, "no node", NULL);
	put(m, "/proc/devices", "Character devices:\n195 nvidia\n511 nvidia-uvm\n");
	expect(m, "node-numbers", DOCTOR_FAILED,
		"has major number 235, its driver 'nvidia-uvm' "
		"has 511",
		"remove the node");
	node->major = 511;
	expect(m, "node-numbers", DOCTOR_OK, "(1 nodes)", NULL);
}

static void test_node_access(void **state)
{
	struct machine *m = *state;
	struct host_node *node = add_node(m, add_gpu(m, GPU_USABLE, NULL), "/dev/dri/renderD128");
	static const gid_t groups[] = { 20, 44 };

	put(m, "/etc/group", "root:x:0:\nvideo:x:44:\n");
	expect(m, "node-access", DOCTOR_FAILED, "alice may not open '/dev/dri/renderD128'",
		"usermod -aG video alice");
	node->gid = 0;
	expect(m, "node-access", DOCTOR_FAILED, "group root", "udev");
	node->gid = 77;
	expect(m, "node-access", DOCTOR_FAILED, "group without a name", "udev");
	node->gid = 44;
	m->user.groups = groups;
	m->user.n_groups = 2;
	expect(m, "node-access", DOCTOR_OK, "alice may open every node", NULL);
	node->mode = 0640;
	expect(m, "node-access", DOCTOR_FAILED, "mode 0640", "udev");
	m->user.uid = 0;
	expect(m, "node-access", DOCTOR_OK, "every node", NULL);
	node->is_device = false;
	expect(m, "node-access", DOCTOR_SKIPPED, "no device node", NULL);
}

static void test_node_links(void **state)
{
	struct machine *m = *state;
	struct gpu *gpu = add_gpu(m, GPU_USABLE, NULL);
	struct host_node *node = add_node(m, gpu, "/dev/nvidia0");

	node->major = 195;
	expect(m, "node-links", DOCTOR_SKIPPED, "systemd does not run", NULL);
	put(m, "/run/systemd/system/x", "");
	expect(m, "node-links", DOCTOR_OK, "nothing here needs those that are missing (1)", NULL);
	put(m, "/usr/lib/systemd/libsystemd-shared-239.so", "");
	expect(m, "node-links", DOCTOR_WARNING,
		"'/dev/char/195:0' for '/dev/nvidia0' is missing (1 nodes): with systemd before",
		"ln -sf ../nvidia0 /dev/char/195:0");
	/* What is there must be the very device. */
	put(m, "/dev/char/195:0", "c 195:1\n");
	expect(m, "node-links", DOCTOR_WARNING, "is missing", "ln -sf");
	put(m, "/dev/char/195:0", "c 195:0\n");
	expect(m, "node-links", DOCTOR_OK, "every node has a link in '/dev/char' (1)", NULL);
	add_node(m, gpu, "/dev/nvidia-caps/nvidia-cap1")->major = 235;
	expect(m, "node-links", DOCTOR_WARNING, "'/dev/char/235:0'",
		"ln -sf ../nvidia-caps/nvidia-cap1 /dev/char/235:0");
	assert_int_equal(
		unlinkat(m->tree.root_fd, "usr/lib/systemd/libsystemd-shared-239.so", 0), 0);
	put(m, "/usr/lib/systemd/libsystemd-shared-240.so", "");
	expect(m, "node-links", DOCTOR_OK, "nothing here needs", NULL);
}

static void test_runc_that_needs_links(void **state)
{
	static const struct {
		const char *version;
		bool needs;
	} cases[] = {
		{ "runc version 1.1.2", false },
		{ "runc version 1.1.3", true },
		{ "runc version 1.1.5+ds1", true },
		{ "runc version 1.1.6-0ubuntu1", true },
		{ "runc version 1.1.7", false },
		{ "runc version 1.1.30", false },
		{ "runc version 1.2.0", false },
		{ "runc version ", false },
		{ "crun version 1.1.5", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		if (check_runc_needs_links(cases[i].version) != cases[i].needs)
			fail_msg("'%s'", cases[i].version);
}

static void test_user_namespaces(void **state)
{
	struct machine *m = *state;

	expect_of(m, check_user_namespaces, DOCTOR_SKIPPED, "cannot be read", NULL);
	put(m, "/proc/sys/user/max_user_namespaces", "31000\n");
	expect_of(m, check_user_namespaces, DOCTOR_OK, "nothing forbids", NULL);
	put(m, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
	expect_of(m, check_user_namespaces, DOCTOR_FAILED, "AppArmor", "profile");
	put(m, "/proc/sys/user/max_user_namespaces", "0\n");
	expect_of(m, check_user_namespaces, DOCTOR_FAILED, "no user namespace is allowed",
		"user.max_user_namespaces");
	m->user.uid = 0;
	expect_of(m, check_user_namespaces, DOCTOR_WARNING, "no user namespace", "sysctl");
}

static void test_subordinate_ids(void **state)
{
	struct machine *m = *state;

	expect_of(m, check_subordinate_ids, DOCTOR_WARNING, "newuidmap", "uidmap");
	put(m, "/usr/bin/newuidmap", "");
	put(m, "/usr/bin/newgidmap", "");
	put(m, "/etc/subuid", "bob:100000:65536\n");
	put(m, "/etc/subgid", "1000:100000:65536\n");
	expect_of(m, check_subordinate_ids, DOCTOR_WARNING,
		"'/etc/subuid' has no 65536 ids for alice", "usermod");
	put(m, "/etc/subuid", "alice:100000:65536x\nalice\nalice:1\nalice:100000:65536\n");
	expect_of(m, check_subordinate_ids, DOCTOR_OK, "alice has ranges", NULL);
	m->user.uid = 0;
	expect_of(m, check_subordinate_ids, DOCTOR_OK, "root", NULL);
}

static void test_overlayfs(void **state)
{
	struct machine *m = *state;

	expect_of(m, check_overlayfs, DOCTOR_SKIPPED, "cannot be read", NULL);
	put(m, "/proc/filesystems", "nodev\tsysfs\nnodev\toverlayish\n\text4\n");
	expect_of(m, check_overlayfs, DOCTOR_OK, "on the first mount", NULL);
	put(m, "/proc/filesystems", "nodev\tsysfs\nnodev\toverlay\n");
	expect_of(m, check_overlayfs, DOCTOR_OK, "has it", NULL);
}

/* Where the list does not have it, the kernel itself is asked. */
static void test_overlayfs_that_is_not_listed(void **state)
{
	struct machine *m = *state;
	char *prefix = m->tree.prefix, live[] = "";
	_cleanup_free_ char *listed = NULL;

	assert_int_equal(file_read_path("/proc/filesystems", 1 << 20, &listed, NULL), 0);
	if (!strstr(listed, "\toverlay\n"))
		skip();
	put(m, "/proc/filesystems", "nodev\tsysfs\n");
	m->user.uid = geteuid();
	m->tree.prefix = live;
	expect_of(m, check_overlayfs, DOCTOR_OK, "the kernel", NULL);
	m->tree.prefix = prefix;
}

static void test_daemons(void **state)
{
	struct machine *m = *state;

	expect(m, "daemons", DOCTOR_SKIPPED, "no GPU here", NULL);
	add_driver(m, "550.163.01", "550.163.01");
	put(m, "/dev/nvidia-nvswitchctl", "");
	expect(m, "daemons", DOCTOR_SKIPPED, "no GPU here", NULL);
	put(m, "/dev/nvidia-nvswitch0", "");
	put(m, "/proc/17/comm", "nv-hostengine\n");
	put(m, "/proc/self", "");
	expect(m, "daemons", DOCTOR_WARNING, "error 802", "systemctl enable --now");
	put(m, "/proc/18/comm", "nv-fabricmanage\n");
	expect(m, "daemons", DOCTOR_OK, "'nvidia-fabricmanager' runs", NULL);
	put(m, "/proc/18/comm", "bash\n");
	put(m, "/run/nvidia-fabricmanager/socket", "");
	expect(m, "daemons", DOCTOR_OK, "'nvidia-fabricmanager' runs", NULL);
}

static void test_selinux(void **state)
{
	struct machine *m = *state;

	expect(m, "selinux", DOCTOR_SKIPPED, "not in use", NULL);
	put(m, "/sys/fs/selinux/enforce", "0");
	expect(m, "selinux", DOCTOR_OK, "does not enforce", NULL);
	put(m, "/sys/fs/selinux/enforce", "1");
	expect(m, "selinux", DOCTOR_OK, "container_t", "setsebool");
	put(m, "/sys/fs/selinux/booleans/container_use_devices", "0 1");
	expect(m, "selinux", DOCTOR_OK, "container_t", "setsebool");
	put(m, "/sys/fs/selinux/booleans/container_use_devices", "1 1");
	expect(m, "selinux", DOCTOR_OK, "may use devices", NULL);
}

#define SPEC(edits)                                                                                \
	"{\"cdiVersion\":\"0.5.0\",\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"0\","      \
	"\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/other\","                           \
	"\"hostPath\":\"/dev/nvidia0\"}]}}],\"containerEdits\":{\"mounts\":[" edits "]}}"
#define MOUNT(path) "{\"hostPath\":\"" path "\",\"containerPath\":\"/nowhere\"}"

static void test_cdi_json(void **state)
{
	struct machine *m = *state;

	expect(m, "cdi-specs", DOCTOR_OK, "none", NULL);
	put(m, "/usr/lib/libcuda.so.550.163.01", "");
	put(m, "/dev/nvidia0", "c 195:0\n");
	put(m, "/etc/cdi/nvidia.json", SPEC(MOUNT("/usr/lib/libcuda.so.550.163.01")));
	expect(m, "cdi-specs", DOCTOR_OK, "names only what exists", NULL);
	put(m, "/etc/cdi/nvidia.json",
		SPEC(MOUNT("/usr/lib/gone.so") "," MOUNT("/usr/lib/libcuda.so.550.163.01")));
	expect(m, "cdi-specs", DOCTOR_WARNING, "(1 findings): '/usr/lib/gone.so' does not exist",
		"generate");
	/* What is there, but is of another driver than the one that runs. */
	put(m, "/etc/cdi/nvidia.json", SPEC(MOUNT("/usr/lib/libcuda.so.550.163.01")));
	add_driver(m, "580.95.05", "580.95.05");
	expect(m, "cdi-specs", DOCTOR_WARNING, "is of the driver 550.163.01, but 580.95.05 runs",
		"generate");
}

static void test_cdi_conflict(void **state)
{
	struct machine *m = *state;

	put(m, "/dev/nvidia0", "c 195:0\n");
	put(m, "/etc/cdi/a.json", SPEC(""));
	put(m, "/etc/cdi/b.json", SPEC(""));
	expect(m, "cdi-specs", DOCTOR_WARNING, "'nvidia.com/gpu=0' is defined twice", "remove one");
}

static void test_cdi_yaml(void **state)
{
	struct machine *m = *state;

	put(m, "/dev/nvidiactl", "");
	put(m, "/usr/bin/nvidia-cdi-hook", "");
	put(m, "/etc/cdi/nvidia.yaml",
		"cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: all\n"
		"  containerEdits:\n    deviceNodes:\n    - path: /dev/nvidiactl\n"
		"containerEdits:\n"
		"  hooks:\n  - args:\n    - nvidia-cdi-hook\n    hookName: createContainer\n"
		"    path: /usr/bin/nvidia-cdi-hook\n  mounts:\n"
		"  - containerPath: /usr/bin/nvidia-smi\n    hostPath: /usr/bin/nvidia-smi # gone\n"
		"    options:\n    - ro\n  - hostPath: '/usr/bin/also gone'\n"
		"    containerPath: /usr/bin/also\n");
	expect(m, "cdi-specs", DOCTOR_WARNING, "(2 findings): '/usr/bin/nvidia-smi' does not exist",
		"generate");
	put(m, "/usr/bin/nvidia-smi", "");
	expect(m, "cdi-specs", DOCTOR_WARNING, "(1 findings)", "generate");
	put(m, "/usr/bin/also gone", "");
	expect(m, "cdi-specs", DOCTOR_OK, "exists", NULL);
}

static void test_cdi_that_is_hostile(void **state)
{
	struct machine *m = *state;
	static const char *const bad[] = { "", "hostPath: /gone", "{\"hostPath", "[]",
		"{\"kind\": \"\xff\x1b[31m\"}" };

	put(m, "/etc/cdi/notes.txt", "hostPath: /gone");
	put(m, "/etc/cdi/readme.yml", "hostPath: /gone");
	expect(m, "cdi-specs", DOCTOR_OK, "none", NULL);
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		put(m, "/etc/cdi/a.json", bad[i]);
		expect(m, "cdi-specs", DOCTOR_WARNING, "/etc/cdi/a.json' cannot be used",
			"correct the file");
	}
}

static void test_gpu_tools(void **state)
{
	struct machine *m = *state;

	expect(m, "gpu-tools", DOCTOR_OK, "no other", NULL);
	put(m, "/usr/bin/nvidia-ctk", "");
	expect(m, "gpu-tools", DOCTOR_OK, "installed: nvidia-ctk;", NULL);
	put(m, "/etc/nvidia-container-runtime/config.toml",
		"[nvidia-container-cli]\n#ldconfig = \"/sbin/ldconfig\"\n"
		"ldconfig = \"@/sbin/ldconfig\"\n");
	expect(m, "gpu-tools", DOCTOR_OK, "nvidia-ctk", NULL);
	put(m, "/etc/nvidia-container-runtime/config.toml", "  ldconfig=\"/sbin/ldconfig\"\n");
	expect(m, "gpu-tools", DOCTOR_WARNING, "CVE-2024-0137", "@/sbin/ldconfig");
}

static void test_docker(void **state)
{
	struct machine *m = *state;
	static const char path[] = "/etc/docker/daemon.json";

	expect(m, "docker", DOCTOR_OK, "no configuration", NULL);
	put(m, path, "{\"default-runtime\": \"nvidia\"}");
	expect(m, "docker", DOCTOR_WARNING, "'nvidia' is not among", "runtimes");
	put(m, path,
		"{\"default-runtime\": \"nvidia\", \"runtimes\": {\"nvidia\": {\"path\": "
		"\"/usr/bin/nvidia-container-runtime\"}}}");
	expect(m, "docker", DOCTOR_WARNING, "which does not exist", "install it");
	put(m, "/usr/bin/nvidia-container-runtime", "");
	expect(m, "docker", DOCTOR_OK, "default runtime is 'nvidia'", NULL);
	put(m, path, "{\"runtimes\": [1, null], \"default-runtime\": 7}");
	expect(m, "docker", DOCTOR_OK, "keeps", NULL);
	put(m, path, "{\"default-runtime\":");
	expect(m, "docker", DOCTOR_WARNING, "is damaged", "correct the file");
	put(m, path, "[]");
	expect(m, "docker", DOCTOR_WARNING, "not a JSON object", NULL);
}

static void test_checks_of_the_running_machine(void **state)
{
	struct machine *m = *state;
	struct host_tree live = HOST_TREE_INIT;
	size_t n = 0;

	expect(m, "oci-runtime", DOCTOR_SKIPPED, "host root", NULL);
	expect(m, "cgroups", DOCTOR_SKIPPED, "host root", NULL);
	expect(m, "overlayfs", DOCTOR_SKIPPED, "host root", NULL);
	doctor_report_free(m->report);
	m->report = NULL;
	assert_int_equal(host_tree_open("/", &live, NULL), 0);
	assert_int_equal(doctor_run(&live, &m->inv, &m->user, &m->report, NULL), 0);
	host_tree_done(&live);
	vec_foreach (const struct doctor_finding, finding, &m->report->findings) {
		assert_true(finding->reason[0]);
		n += strcmp(finding->name, "cgroups") == 0 && finding->result != DOCTOR_SKIPPED;
		n += strcmp(finding->name, "oci-runtime") == 0 && finding->result != DOCTOR_SKIPPED;
	}
	assert_int_equal(n, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, machine_setup, machine_teardown)

/* The policy is the running machine's, so it is named by the environment. */
static void test_runtime_policy(void **state)
{
	struct machine *m = *state;
	char path[128];

	assert_true((size_t)snprintf(path, sizeof(path), "%s/runtime.json", m->dir) < sizeof(path));
	assert_int_equal(setenv("NVBIND_RUNTIME_CONFIG", path, 1), 0);
	put(m, "/runtime.json", "{}");
	expect_of(m, check_policy, DOCTOR_WARNING, "any image may take GPUs", path);
	put(m, "/runtime.json", "{\"accept_environment\": \"privileged\"}");
	expect_of(m, check_policy, DOCTOR_OK,
		"no image takes GPUs by its environment or its annotations", NULL);
	put(m, "/runtime.json",
		"{\"accept_environment\": \"privileged\", \"accept_annotations\": \"always\"}");
	expect_of(m, check_policy, DOCTOR_OK, "annotations count from any container", NULL);
	put(m, "/runtime.json", "{\"accept_environment\": \"never\"}");
	expect_of(m, check_policy, DOCTOR_OK, "no image", NULL);
	put(m, "/runtime.json", "{\"accept_enviroment\": \"never\"}");
	expect_of(m, check_policy, DOCTOR_FAILED, "starts no container: ", path);
	put(m, "/runtime.json", "{}");
	assert_int_equal(chmod(path, 0666), 0);
	expect_of(m, check_policy, DOCTOR_FAILED, "starts no container: ", "remove it");
	assert_int_equal(unsetenv("NVBIND_RUNTIME_CONFIG"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_gpu),
		TEST(test_lost_gpu),
		TEST(test_gpu_without_driver),
		TEST(test_driver_files),
		TEST(test_kernel_modules),
		TEST(test_missing_node),
		TEST(test_node_of_an_old_module),
		TEST(test_node_access),
		TEST(test_node_links),
		TEST(test_runc_that_needs_links),
		TEST(test_user_namespaces),
		TEST(test_subordinate_ids),
		TEST(test_overlayfs),
		TEST(test_overlayfs_that_is_not_listed),
		TEST(test_daemons),
		TEST(test_selinux),
		TEST(test_cdi_json),
		TEST(test_cdi_conflict),
		TEST(test_cdi_yaml),
		TEST(test_cdi_that_is_hostile),
		TEST(test_gpu_tools),
		TEST(test_docker),
		TEST(test_runtime_policy),
		TEST(test_checks_of_the_running_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
