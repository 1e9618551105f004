/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cached inventory is the one that discovery would make now: on every simulated host, and after
 * every change that there can be.
 */
#include "cache-case.h"

#include <sched.h>
#include <sys/mount.h>

static const char *const hosts[] = { "a100-mig", "arc-xe", "arch-desktop", "broken",
	"fedora-desktop", "geforce-desktop", "h100x8", "laptop-hybrid", "mi300x-partitions",
	"no-gpu", "nouveau", "radeon-x2", "unloaded", "vfio", "wsl2" };

static void test_every_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(hosts); i++) {
		_cleanup_(case_freep) struct cache_case *c = case_new(hosts[i]);

		assert_false(case_open_checked(c));
		if (!case_open_checked(c))
			fail_msg("the inventory of '%s' was not kept", hosts[i]);
		assert_true(case_open_checked(c));
	}
}

/* Lists of a cached inventory grow as any other's. */
static void test_what_is_found_later(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = case_new("a100-mig");
	_cleanup_(inventory_freep) struct inventory *cached = NULL, *fresh = NULL;
	const struct discover_trees trees = { .machine = &c->s.tree };

	(void)state;
	assert_false(case_open_checked(c));
	assert_true(case_open(c, &cached));
	assert_int_equal(inventory_discover(&c->s.tree, &fresh, NULL), 0);
	assert_int_equal(inventory_find_mig_control(cached, &trees, NULL), 0);
	assert_int_equal(inventory_find_mig_control(fresh, &trees, NULL), 0);
	assert_true(fresh->gpus.items[0].mig_nodes.n > 0);
	same_inventory(cached, fresh);
	assert_int_equal(inventory_find_companions(cached, &trees, NULL), 0);
	assert_true(cached->companions.n > 0);
}

#define GPU0	"/sys/bus/pci/devices/0000:1b:00.0"
#define LIBRARY "/usr/lib/x86_64-linux-gnu/libcuda.so.550.163.01"
#define INFO0	"/proc/driver/nvidia/gpus/0000:1b:00.0/information"

static void host_path(const struct cache_case *c, const char *path, char ret[static 512])
{
	(void)snprintf(ret, 512, "%s%s", c->s.tree.prefix, path);
}

/* Same name, inode, size and mtime: only the ctime tells. */
static void rewrite(struct cache_case *c, const char *path)
{
	char whole[512];
	_cleanup_close_ int fd = -1;
	struct stat st;
	char byte;

	host_path(c, path, whole);
	fd = open(whole, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pread(fd, &byte, 1, st.st_size - 1), 1);
	assert_int_equal(pwrite(fd, &byte, 1, st.st_size - 1), 1);
	assert_int_equal(futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }), 0);
}

static void delete (struct cache_case *c, const char *path)
{
	char whole[512];

	host_path(c, path, whole);
	assert_int_equal(path_remove_tree(AT_FDCWD, whole), 0);
}

static void rename_to(struct cache_case *c, const char *from, const char *to)
{
	char old[512], new[512];

	host_path(c, from, old);
	host_path(c, to, new);
	assert_int_equal(rename(old, new), 0);
}

/* The text with the first `old` in it replaced by `new`; as a kernel file, in place. */
static void edit(struct cache_case *c, const char *path, const char *old, const char *new)
{
	_cleanup_free_ char *text = NULL, *edited = NULL;
	_cleanup_close_ int fd = -1;
	char whole[512], *at;

	host_path(c, path, whole);
	assert_int_equal(file_read_path(whole, 1 << 20, &text, NULL), 0);
	at = strstr(text, old);
	assert_non_null(at);
	*at = '\0';
	assert_true(asprintf(&edited, "%s%s%s", text, new, at + strlen(old)) > 0);
	(void)chmod(whole, 0644);
	fd = open(whole, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, edited, strlen(edited)), 0);
}

static void update_driver(struct cache_case *c)
{
	edit(c, "/proc/driver/nvidia/version", "550.163.01", "550.163.02");
}

static void replace_library_in_place(struct cache_case *c)
{
	rewrite(c, LIBRARY);
}

/* As a package manager does it. */
static void replace_library(struct cache_case *c)
{
	scratch_write(&c->s, LIBRARY ".new", "");
	rename_to(c, LIBRARY ".new", LIBRARY);
}

static void add_library(struct cache_case *c)
{
	rename_to(c, LIBRARY, "/tmp/library");
	rename_to(c, "/tmp/library", "/usr/lib/x86_64-linux-gnu/libnvidia-new.so.550.163.01");
}

static void remove_library(struct cache_case *c)
{
	delete (c, "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.163.01");
}

/* A directory that was not there when it was asked for. */
static void add_library_directory(struct cache_case *c)
{
	scratch_write(&c->s, "/usr/local/nvidia/lib64/libcuda.so.550.163.01", "");
}

static void retarget_link(struct cache_case *c)
{
	delete (c, "/usr/lib/x86_64-linux-gnu/libcuda.so.1");
	scratch_link(&c->s, "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/nowhere");
}

/* Its own directory does not change. */
static void fill_dangling_link(struct cache_case *c)
{
	scratch_write(&c->s, "/nowhere", "");
}

static void change_loader_cache(struct cache_case *c)
{
	rewrite(c, "/etc/ld.so.cache");
}

static void add_program(struct cache_case *c)
{
	delete (c, "/usr/bin/nvidia-smi");
	scratch_write(&c->s, "/usr/local/bin/nvidia-smi", "");
}

static void add_config(struct cache_case *c)
{
	scratch_write(&c->s, "/usr/local/share/vulkan/icd.d/nvidia_icd.json", "{}");
}

static void remove_socket(struct cache_case *c)
{
	delete (c, "/run/nvidia-persistenced");
}

static void make_pipe_directory(struct cache_case *c)
{
	scratch_directory(&c->s, "/tmp/nvidia-mps");
}

static void make_mig_instance(struct cache_case *c)
{
	scratch_write(&c->s, "/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access", "");
}

static void add_gpu(struct cache_case *c)
{
	scratch_pci(&c->s, "0000:ff:00.0", 0x030200, 0x10de, 0x2330, NULL, NULL);
}

static void remove_gpu(struct cache_case *c)
{
	delete (c, "/sys/bus/pci/devices/0000:43:00.0");
}

static void lose_gpu(struct cache_case *c)
{
	edit(c, INFO0, "Model", "Mod");
}

/* Before a GPU was opened once, its driver has no UUID for it. */
static void learn_uuid(struct cache_case *c)
{
	edit(c, INFO0, "GPU UUID:", "GPU UUID: \t GPU-00000000-0000-0000-0000-000000000000\nX:");
}

static void renumber_node(struct cache_case *c)
{
	edit(c, "/dev/nvidia0", "195:0", "195:9");
}

static void remove_node(struct cache_case *c)
{
	delete (c, "/dev/nvidia-uvm");
}

static void add_node(struct cache_case *c)
{
	scratch_write(&c->s, "/dev/dxg", "c 10:125\n");
}

static void change_node_mode(struct cache_case *c)
{
	char whole[512];

	host_path(c, "/dev/nvidiactl", whole);
	assert_int_equal(chmod(whole, 0600), 0);
}

static void rebind_driver(struct cache_case *c)
{
	char whole[512];

	delete (c, GPU0 "/driver");
	host_path(c, GPU0 "/driver", whole);
	assert_int_equal(symlink("../../../../bus/pci/drivers/vfio-pci", whole), 0);
}

static void unbind_driver(struct cache_case *c)
{
	delete (c, GPU0 "/driver");
}

static void renumber_drm(struct cache_case *c)
{
	rename_to(c, GPU0 "/drm/renderD128", GPU0 "/drm/renderD199");
}

static void change_numa_node(struct cache_case *c)
{
	edit(c, GPU0 "/numa_node", "0", "7");
}

static void change_device(struct cache_case *c)
{
	edit(c, GPU0 "/device", "0x", "0x0");
}

static void reboot(struct cache_case *c)
{
	delete (c, "/proc/sys/kernel/random/boot_id");
	scratch_write(
		&c->s, "/proc/sys/kernel/random/boot_id", "00000000-1111-2222-3333-444444444444\n");
}

static void change_kernel(struct cache_case *c)
{
	edit(c, "/proc/sys/kernel/osrelease", "6.", "7.");
}

static void move_firmware(struct cache_case *c)
{
	delete (c, "/sys/module/firmware_class/parameters/path");
	scratch_write(&c->s, "/sys/module/firmware_class/parameters/path", "/opt/firmware\n");
}

static void change_devices(struct cache_case *c)
{
	edit(c, "/proc/devices", "nvidia-uvm", "nvidia-xyz");
}

static void change_minors(struct cache_case *c)
{
	edit(c, "/proc/driver/nvidia-caps/mig-minors", "gpu1/gi1/access ", "gpu1/gi1/access 9");
}

static void destroy_mig_instance(struct cache_case *c)
{
	delete (c, "/proc/driver/nvidia/capabilities/gpu1/mig/gi2/ci1");
}

static void unload_modeset(struct cache_case *c)
{
	delete (c, "/dev/nvidia-modeset");
	delete (c, "/sys/module/nvidia_modeset");
}

/* Its files are the same ones, for a path that is not resolved in the machine's own root. */
static void link_instead(struct cache_case *c, const char *directory)
{
	char old[512], target[512];

	scratch_directory(&c->s, "/tmp");
	delete (c, "/tmp");
	rename_to(c, directory, "/tmp");
	host_path(c, directory, old);
	host_path(c, "/tmp", target);
	assert_int_equal(symlink(target, old), 0);
}

static void link_instead_of_domain(struct cache_case *c)
{
	link_instead(c, "/sys/devices/pci0000:15");
}

static void link_instead_of_bridge(struct cache_case *c)
{
	link_instead(c, "/sys/devices/pci0000:3d/0000:3d:01.0");
}

static void retarget_top(struct cache_case *c)
{
	delete (c, "/lib64");
	scratch_link(&c->s, "/lib64", "/usr/lib");
}

static void add_top(struct cache_case *c)
{
	scratch_write(&c->s, "/vulkan/icd.d/nvidia_icd.json", "{}");
}

static void add_parent(struct cache_case *c)
{
	scratch_directory(&c->s, "/usr/lib32");
}

/* What a question led to stays; only the way to it is another. */
static void replace_way(struct cache_case *c)
{
	rename_to(c, "/etc/vulkan", "/etc/vulkan.old");
	scratch_directory(&c->s, "/etc/vulkan");
	rename_to(c, "/etc/vulkan.old/implicit_layer.d", "/etc/vulkan/implicit_layer.d");
}

static void repartition(struct cache_case *c)
{
	delete (c, "/sys/class/kfd/kfd/topology/nodes/3");
}

/* One after the other on the same host: each is of something else. */
struct change {
	const char *what;
	void (*make)(struct cache_case *c);
};

static const struct change server_changes[] = {
	{ "a driver update", update_driver },
	{ "a library replaced in place", replace_library_in_place },
	{ "a library replaced", replace_library },
	{ "a library added", add_library },
	{ "a library removed", remove_library },
	{ "a library directory added", add_library_directory },
	{ "a link that leads elsewhere", retarget_link },
	{ "something where a link led nowhere", fill_dangling_link },
	{ "another ld.so.cache", change_loader_cache },
	{ "a program elsewhere", add_program },
	{ "a configuration file added", add_config },
	{ "a socket removed", remove_socket },
	{ "a directory of pipes", make_pipe_directory },
	{ "a MIG instance made", make_mig_instance },
	{ "a GPU added", add_gpu },
	{ "a GPU removed", remove_gpu },
	{ "a UUID learnt", learn_uuid },
	{ "a GPU lost", lose_gpu },
	{ "a node renumbered", renumber_node },
	{ "a node removed", remove_node },
	{ "other major numbers, where no node tells them", change_devices },
	{ "a node added", add_node },
	{ "the mode of a node", change_node_mode },
	{ "a driver rebound", rebind_driver },
	{ "a driver unbound", unbind_driver },
	{ "a DRM node renumbered", renumber_drm },
	{ "another NUMA node", change_numa_node },
	{ "another device in the slot", change_device },
	{ "a reboot", reboot },
	{ "another kernel", change_kernel },
	{ "firmware elsewhere", move_firmware },
	{ "a node and its module removed", unload_modeset },
	{ "a directory at the top", add_top },
	{ "a directory of libraries", add_parent },
	{ "a link at the top that leads elsewhere", retarget_top },
	{ "other directories on the way", replace_way },
	{ "a link where a bridge was", link_instead_of_bridge },
	{ "a link where a domain was", link_instead_of_domain },
};

static const struct change mig_changes[] = {
	{ "other numbers of MIG", change_minors },
	{ "a MIG instance destroyed", destroy_mig_instance },
};

static const struct change partition_changes[] = {
	{ "other partitions", repartition },
};

/* Both directories stay what they are. */
static void retarget_way(struct cache_case *c)
{
	delete (c, "/etc/OpenCL");
	scratch_link(&c->s, "/etc/OpenCL", "/srv/b");
}

static void make_ways(struct cache_case *c)
{
	scratch_directory(&c->s, "/srv/b/vendors");
	rename_to(c, "/etc/OpenCL", "/srv/a");
	scratch_link(&c->s, "/etc/OpenCL", "/srv/a");
	settle();
}

static void check_changes(const char *host, const struct change *changes, size_t n)
{
	_cleanup_(case_freep) struct cache_case *c = case_new(host);

	assert_false(case_open_checked(c));
	for (size_t i = 0; i < n; i++) {
		if (!case_open_checked(c))
			fail_msg("not kept before: %s", changes[i].what);
		changes[i].make(c);
		if (case_open_checked(c))
			fail_msg("not noticed: %s", changes[i].what);
		/* The file of before the change is replaced as soon as that is safe. */
		settle();
		(void)case_open_checked(c);
	}
	assert_true(case_open_checked(c));
}

static void test_every_change(void **state)
{
	(void)state;
	check_changes("h100x8", server_changes, ELEMENTS(server_changes));
	check_changes("a100-mig", mig_changes, ELEMENTS(mig_changes));
	check_changes("mi300x-partitions", partition_changes, ELEMENTS(partition_changes));
}

/* A question goes over a link, and the link alone changes. */
static void test_link_on_the_way(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = case_new("h100x8");

	(void)state;
	make_ways(c);
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
	retarget_way(c);
	assert_false(case_open_checked(c));
}

/* What has nothing to do with GPUs changes all the time. */
static void test_unrelated_changes(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = case_new("h100x8");

	(void)state;
	assert_false(case_open_checked(c));
	scratch_write(&c->s, "/dev/ttyS9", "c 4:73\n");
	scratch_write(&c->s, "/etc/passwd", "root:x:0:0::/:/bin/sh\n");
	scratch_write(&c->s, "/usr/bin/other", "");
	scratch_write(&c->s, "/run/other/socket", "");
	scratch_write(&c->s, "/tmp/other", "");
	assert_true(case_open_checked(c));
}

/* A change within the same tick of the clock would not show in the times. */
static void test_young_files_are_not_kept(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = case_new("h100x8");
	/* An hour: the host is younger. */
	const struct inventory_cache_options options = { .directory = c->cache,
		.settle_ms = 3600000 };

	(void)state;
	find_file(c);
	for (int i = 0; i < 2; i++) {
		_cleanup_(inventory_freep) struct inventory *inv = NULL;

		assert_int_equal(inventory_open(&c->s.tree, &options, &inv, NULL), 0);
		assert_int_equal(access(c->file, F_OK), -1);
	}
	assert_false(case_open_checked(c));
	assert_true(case_open_checked(c));
}

/* Two machines in one directory; and one that took the other's place. */
static void test_machines_are_kept_apart(void **state)
{
	_cleanup_(case_freep) struct cache_case *a = case_new("h100x8"), *b = case_new("arc-xe");

	(void)state;
	memcpy(b->cache, a->cache, sizeof(b->cache));
	assert_false(case_open_checked(a));
	assert_false(case_open_checked(b));
	assert_true(case_open_checked(a));
	assert_true(case_open_checked(b));
	find_file(a);
	find_file(b);
	assert_string_not_equal(a->file, b->file);
	assert_int_equal(rename(a->file, b->file), 0);
	assert_false(case_open_checked(b));
}

/* T: directories alone. A: the host without a library. B: the same files, with it. */
static void make_layers(const struct cache_case *c)
{
	static const char script[] = "cd \"$0\" && mkdir T m && cp -al host A && cp -al host B && "
				     "rm A/usr/lib/x86_64-linux-gnu/libcuda* "
				     "A/usr/lib/x86_64-linux-gnu/libnvidia-ml* && "
				     "cd host && find . -type d | (cd ../T && xargs mkdir -p)";
	const char *argv[] = { "/bin/sh", "-c", script, c->directory, NULL };
	_cleanup_free_ char *output = NULL;
	struct spawn_exit end;

	assert_int_equal(spawn_capture(&(struct spawn_capture_options){ .argv = argv,
					       .timeout_ms = 60000,
					       .limit_bytes = 1 << 16,
					       .keep_stderr = true },
				 &output, &end, NULL),
		0);
	assert_int_equal(spawn_exit_code(end), 0);
}

/* The machine with the layer below T. */
static void mount_layer(struct cache_case *c, const char *layer, const char *m)
{
	static const char *const bound[] = { "proc", "sys", "dev" };
	char options[256], from[160], to[160];

	(void)snprintf(
		options, sizeof(options), "lowerdir=%s/T:%s/%s", c->directory, c->directory, layer);
	assert_int_equal(mount("overlay", m, "overlay", 0, options), 0);
	for (size_t i = 0; i < ELEMENTS(bound); i++) {
		(void)snprintf(from, sizeof(from), "%s/host/%s", c->directory, bound[i]);
		(void)snprintf(to, sizeof(to), "%s/%s", m, bound[i]);
		assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
	}
	host_tree_done(&c->s.tree);
	assert_int_equal(host_tree_open(m, &c->s.tree, NULL), 0);
}

static void unmount_layer(struct cache_case *c, const char *m)
{
	char host[80];

	(void)snprintf(host, sizeof(host), "%s/host", c->directory);
	host_tree_done(&c->s.tree);
	assert_int_equal(host_tree_open(host, &c->s.tree, NULL), 0);
	assert_int_equal(umount2(m, MNT_DETACH), 0);
}

/*
 * As systemd-sysext does it: times and inodes of merged directories are those of the topmost layer,
 * and the device's number is given again.
 */
static void test_layers_exchanged(void **state)
{
	_cleanup_(case_freep) struct cache_case *c = NULL;
	char m[80];

	(void)state;
	/* The last test: its mounts are this process's own. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("only root of the machine mounts overlays\n");
		skip();
	}
	c = case_new("h100x8");
	(void)snprintf(m, sizeof(m), "%s/m", c->directory);
	make_layers(c);
	settle();
	mount_layer(c, "A", m);
	(void)case_open_checked(c);
	assert_false(case_open_checked(c));
	unmount_layer(c, m);
	mount_layer(c, "B", m);
	(void)case_open_checked(c);
	unmount_layer(c, m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_host),
		cmocka_unit_test(test_what_is_found_later),
		cmocka_unit_test(test_every_change),
		cmocka_unit_test(test_link_on_the_way),
		cmocka_unit_test(test_unrelated_changes),
		cmocka_unit_test(test_young_files_are_not_kept),
		cmocka_unit_test(test_machines_are_kept_apart),
		cmocka_unit_test(test_layers_exchanged),
	};

	return cmocka_run_group_tests_name("gpu cache", tests, NULL, NULL);
}
