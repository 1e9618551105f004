/* SPDX-License-Identifier: Apache-2.0 */
/* config.json, read back: what a container may reach, and what it is kept from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json.h"
#include "oci/config.h"
#include "oci/defaults.h"

struct sample {
	struct arena *a;
	struct plan plan;
	struct oci_container container;
	struct string_list args, env;
	struct plan_mount_list files, mounts;
	struct json_object *config;
	struct nvb_error *err;
};

static int set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	s->a = arena_new();
	*state = s;
	s->container = (struct oci_container){
		.root_path = "/state/root",
		.hostname = "box",
		.cwd = "/",
		.args = &s->args,
		.env = &s->env,
		.extra_mounts = &s->files,
		.mounts = &s->mounts,
		.device_cgroup = true,
		.cgroup_path = "/nvbind-x",
	};
	(void)string_list_add(s->a, &s->args, "/bin/true");
	(void)string_list_add(s->a, &s->env, "A=1");
	return 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;

	json_putp(&s->config);
	nvb_error_free(s->err);
	arena_free(s->a);
	free(s);
	return 0;
}

static struct plan_node *add_node(struct sample *s, const char *path, uint32_t major, uint32_t minor)
{
	struct plan_node *node = vec_push(s->a, &s->plan.nodes);

	*node = (struct plan_node){
		.path = path,
		.host_path = arena_printf(s->a, "/host%s", path),
		.type = 'c',
		.major = major,
		.minor = minor,
		.mode = 0660,
		.gid = 44,
		.exists = true,
		.is_device = true,
		.permissions = "rw",
	};
	return node;
}

static void add_mount(struct sample *s, struct plan_mount_list *list, const char *destination)
{
	struct plan_mount *mount = vec_push(s->a, list);

	*mount = (struct plan_mount){ .source = "/source", .destination = destination };
	(void)string_list_add(s->a, &mount->options, "bind");
	(void)string_list_add(s->a, &mount->options, "ro");
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(object, key, &value));
	return value;
}

static bool has(struct json_object *object, const char *key)
{
	return json_object_object_get_ex(object, key, NULL);
}

static const char *text(struct json_object *object, const char *key)
{
	return json_object_get_string(get(object, key));
}

static uint64_t number(struct json_object *object, const char *key)
{
	struct json_object *value = get(object, key);

	assert_int_equal(json_object_get_type(value), json_type_int);
	return json_object_get_uint64(value);
}

/* The position of a string in an array, -1 if it is not there. */
static int find(struct json_object *array, const char *wanted)
{
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(array, i)), wanted) == 0)
			return (int)i;
	return -1;
}

/* The position of the object whose member `key` is `wanted`. */
static int find_by(struct json_object *array, const char *key, const char *wanted)
{
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (strcmp(text(json_object_array_get_idx(array, i), key), wanted) == 0)
			return (int)i;
	return -1;
}

static struct json_object *item(struct json_object *array, int i)
{
	assert_true(i >= 0 && (size_t)i < json_object_array_length(array));
	return json_object_array_get_idx(array, (size_t)i);
}

static struct json_object *format(struct sample *s)
{
	char *json = NULL;
	size_t length = 0;

	json_putp(&s->config);
	if (oci_config_format(&s->plan, &s->container, &json, &length, &s->err) < 0)
		fail_msg("%s", nvb_error_message(s->err));
	assert_int_equal(strlen(json), length);
	assert_int_equal(json_parse(json, length, &s->config, NULL), 0);
	free(json);
	return s->config;
}

static struct json_object *linux_of(struct sample *s)
{
	return get(format(s), "linux");
}

static void test_process(void **state)
{
	struct sample *s = *state;
	struct json_object *process, *user;

	s->container.uid = 1000;
	s->container.gid = 4294967294u;
	s->container.terminal = true;
	s->container.root_read_only = true;
	process = get(format(s), "process");
	user = get(process, "user");
	assert_int_equal(number(user, "uid"), 1000);
	assert_int_equal(number(user, "gid"), 4294967294u);
	assert_true(json_object_get_boolean(get(process, "terminal")));
	assert_int_equal(find(get(process, "args"), "/bin/true"), 0);
	assert_int_equal(find(get(process, "env"), "A=1"), 0);
	assert_string_equal(text(process, "cwd"), "/");
	assert_string_equal(text(s->config, "hostname"), "box");
	assert_string_equal(text(get(s->config, "root"), "path"), "/state/root");
	assert_true(json_object_get_boolean(get(get(s->config, "root"), "readonly")));
	assert_string_equal(text(get(s->config, "linux"), "cgroupsPath"), "/nvbind-x");
}

/* First everything is denied; only the plan's nodes can then be used. */
static void test_device_rules(void **state)
{
	struct sample *s = *state;
	struct json_object *rules;

	(void)add_node(s, "/dev/nvidia0", 195, 0);
	(void)add_node(s, "/dev/nvidia-uvm", 511, 1048575);
	rules = get(get(linux_of(s), "resources"), "devices");
	assert_int_equal(json_object_array_length(rules), 5);
	for (int i = 0; i < 5; i++) {
		struct json_object *rule = item(rules, i);

		assert_int_equal(json_object_get_boolean(get(rule, "allow")), i > 0);
		if (i == 0) {
			assert_string_equal(text(rule, "access"), "rwm");
			assert_false(has(rule, "type") || has(rule, "major") || has(rule, "minor"));
		} else if (i < 3) {
			assert_string_equal(text(rule, "access"), "m");
		} else {
			assert_string_equal(text(rule, "access"), "rw");
			assert_string_equal(text(rule, "type"), "c");
			assert_int_equal(number(rule, "major"), i == 3 ? 195 : 511);
			assert_int_equal(number(rule, "minor"), i == 3 ? 0 : 1048575);
		}
	}
}

static void test_device_nodes(void **state)
{
	struct sample *s = *state;
	struct json_object *devices, *missing;
	struct plan_node *node;

	(void)add_node(s, "/dev/nvidia0", 195, 0);
	node = add_node(s, "/dev/nvidia-uvm", 511, 0);
	node->exists = node->is_device = false;
	devices = get(linux_of(s), "devices");
	assert_int_equal(json_object_array_length(devices), 2);
	assert_int_equal(number(item(devices, 0), "fileMode"), 0660);
	assert_int_equal(number(item(devices, 0), "gid"), 44);
	assert_string_equal(text(item(devices, 0), "type"), "c");
	missing = item(devices, 1);
	assert_string_equal(text(missing, "path"), "/dev/nvidia-uvm");
	assert_int_equal(number(missing, "major"), 511);
	assert_int_equal(number(missing, "fileMode"), 0666);
	assert_int_equal(find_by(get(s->config, "mounts"), "source", "/host/dev/nvidia0"), -1);
}

/* A stand-in without numbers is bound, and opens no rule. */
static void test_stand_ins(void **state)
{
	struct sample *s = *state;
	struct json_object *config;

	add_node(s, "/dev/nvidia0", 195, 0)->type = 0;
	config = format(s);
	assert_int_equal(json_object_array_length(get(get(config, "linux"), "devices")), 0);
	assert_int_equal(json_object_array_length(get(get(get(config, "linux"), "resources"),
				 "devices")), 3);
	assert_true(find_by(get(config, "mounts"), "source", "/host/dev/nvidia0") >= 0);
}

static void test_rootless_nodes_are_bound(void **state)
{
	struct sample *s = *state;
	struct json_object *mounts, *options;
	int i;

	(void)add_node(s, "/dev/nvidia0", 195, 0);
	add_node(s, "/dev/gone", 195, 9)->exists = false;
	s->container.rootless = true;
	s->container.device_cgroup = false;
	s->container.cgroup_path = NULL;
	mounts = get(format(s), "mounts");
	i = find_by(mounts, "destination", "/dev/nvidia0");
	assert_true(i > find_by(mounts, "destination", "/dev"));
	assert_string_equal(text(item(mounts, i), "source"), "/host/dev/nvidia0");
	options = get(item(mounts, i), "options");
	assert_int_equal(find(options, "bind"), 0);
	assert_true(find(options, "nosuid") > 0);
	/* "nodev" would make it useless, "noexec" breaks ROCm. */
	assert_int_equal(find(options, "nodev"), -1);
	assert_int_equal(find(options, "noexec"), -1);
	assert_int_equal(find_by(mounts, "destination", "/dev/gone"), -1);
	assert_int_equal(json_object_array_length(get(get(s->config, "linux"), "devices")), 0);
	assert_false(has(get(s->config, "linux"), "resources"));
	assert_false(has(get(s->config, "linux"), "cgroupsPath"));
}

static struct json_object *capabilities_of(struct sample *s, const char *set)
{
	return get(get(get(format(s), "process"), "capabilities"), set);
}

/* A container that could make nodes, with nothing to forbid their use, would have every device. */
static void test_mknod_needs_a_device_cgroup(void **state)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(sets); i++) {
		s->container.device_cgroup = true;
		assert_true(find(capabilities_of(s, sets[i]), "CAP_MKNOD") >= 0);
		s->container.device_cgroup = false;
		assert_int_equal(find(capabilities_of(s, sets[i]), "CAP_MKNOD"), -1);
		assert_true(find(capabilities_of(s, sets[i]), "CAP_CHOWN") >= 0);
	}
}

static void test_capabilities(void **state)
{
	static const char *const never[] = { "CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
		"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN", "CAP_SYS_BOOT", "CAP_BPF" };
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(never); i++)
		assert_int_equal(find(capabilities_of(s, "bounding"), never[i]), -1);
	s->container.uid = 1000;
	assert_int_equal(json_object_array_length(capabilities_of(s, "effective")), 0);
	assert_int_equal(json_object_array_length(capabilities_of(s, "permitted")), 0);
	assert_true(find(capabilities_of(s, "bounding"), "CAP_SETUID") >= 0);
	assert_false(has(get(get(s->config, "process"), "capabilities"), "inheritable"));
	assert_false(has(get(get(s->config, "process"), "capabilities"), "ambient"));
}

static void add_gid(struct sample *s, struct gid_list *list, uint32_t gid)
{
	uint32_t *slot = vec_push(s->a, list);

	*slot = gid;
}

static void test_groups(void **state)
{
	struct sample *s = *state;
	struct json_object *gids;

	assert_false(has(get(get(format(s), "process"), "user"), "additionalGids"));
	add_gid(s, &s->container.gids, 10);
	add_gid(s, &s->plan.additional_gids, 44);
	add_gid(s, &s->plan.additional_gids, 4294967294u);
	gids = get(get(get(format(s), "process"), "user"), "additionalGids");
	assert_int_equal(json_object_array_length(gids), 3);
	assert_int_equal(json_object_get_uint64(item(gids, 2)), 4294967294u);
	/* setgroups() is denied in a user namespace: naming groups would end the start. */
	s->container.rootless = true;
	assert_false(has(get(get(format(s), "process"), "user"), "additionalGids"));
}

static void test_mount_order(void **state)
{
	static const char *const order[] = { "/proc", "/dev", "/dev/pts", "/dev/shm", "/sys",
		"/etc/hosts", "/usr/lib/libcuda.so.1", "/data" };
	struct sample *s = *state;
	struct json_object *mounts;
	int last = -1;

	add_mount(s, &s->files, "/etc/hosts");
	add_mount(s, &s->mounts, "/usr/lib/libcuda.so.1");
	add_mount(s, &s->mounts, "/data");
	mounts = get(format(s), "mounts");
	for (size_t i = 0; i < ELEMENTS(order); i++) {
		int at = find_by(mounts, "destination", order[i]);

		assert_true(at > last);
		last = at;
	}
	assert_int_equal(json_object_array_length(mounts), last + 1);
	assert_int_equal(find_by(mounts, "destination", "/run"), -1);
	s->container.root_is_host = true;
	mounts = get(format(s), "mounts");
	assert_true(find_by(mounts, "destination", "/run") < find_by(mounts, "destination", "/etc/hosts"));
	assert_true(find_by(mounts, "destination", "/tmp") >= 0);
}

static void test_dev(void **state)
{
	struct sample *s = *state;
	struct json_object *mounts = get(format(s), "mounts");
	struct json_object *dev = item(mounts, find_by(mounts, "destination", "/dev"));
	struct json_object *pts = item(mounts, find_by(mounts, "destination", "/dev/pts"));

	assert_string_equal(text(dev, "type"), "tmpfs");
	assert_int_equal(find(get(dev, "options"), "noexec"), -1);
	assert_int_equal(find(get(dev, "options"), "nodev"), -1);
	assert_true(find(get(pts, "options"), "newinstance") >= 0);
	assert_true(find(get(pts, "options"), "gid=5") >= 0);
	s->container.rootless = true;
	mounts = get(format(s), "mounts");
	pts = item(mounts, find_by(mounts, "destination", "/dev/pts"));
	assert_int_equal(find(get(pts, "options"), "gid=5"), -1);
}

static struct json_object *sys_mount(struct sample *s)
{
	struct json_object *mounts = get(format(s), "mounts");

	return item(mounts, find_by(mounts, "destination", "/sys"));
}

/* sysfs shows a network namespace; without the right to mount it, the host's is bound. */
static void test_shm_size(void **state)
{
	struct sample *s = *state;
	struct json_object *mounts = get(format(s), "mounts"), *options;
	int at = find_by(mounts, "destination", "/dev/shm");

	assert_int_equal(find(get(item(mounts, at), "options"), "size=5368709120"), -1);
	s->plan.shm_size_bytes = UINT64_C(5) << 30;
	mounts = get(format(s), "mounts");
	options = get(item(mounts, find_by(mounts, "destination", "/dev/shm")), "options");
	assert_true(find(options, "size=5368709120") >= 0);
	assert_true(find(options, "mode=1777") >= 0);
}

static void test_sys_is_read_only(void **state)
{
	struct sample *s = *state;
	struct json_object *sys;

	for (int i = 0; i < 4; i++) {
		s->container.rootless = i & 1;
		s->container.host_network = i & 2;
		sys = sys_mount(s);
		assert_true(find(get(sys, "options"), "ro") >= 0);
		assert_int_equal(strcmp(text(sys, "type"), "sysfs") == 0, i != 3);
		assert_int_equal(find(get(sys, "options"), "rro") >= 0, i == 3);
	}
}

static void test_namespaces(void **state)
{
	static const char *const always[] = { "pid", "ipc", "uts", "mount" };
	struct sample *s = *state;
	struct json_object *namespaces;

	for (int host_network = 0; host_network < 2; host_network++) {
		s->container.host_network = host_network;
		namespaces = get(linux_of(s), "namespaces");
		for (size_t i = 0; i < ELEMENTS(always); i++)
			assert_true(find_by(namespaces, "type", always[i]) >= 0);
		assert_int_equal(find_by(namespaces, "type", "network") >= 0, !host_network);
		assert_int_equal(find_by(namespaces, "type", "user"), -1);
	}
}

static void test_seccomp(void **state)
{
	static const char *const denied[] = { "kexec_load", "init_module", "bpf", "keyctl",
		"open_by_handle_at", "perf_event_open", "userfaultfd", "reboot", "syslog" };
	struct sample *s = *state;
	struct json_object *seccomp = get(linux_of(s), "seccomp");
	struct json_object *rule = item(get(seccomp, "syscalls"), 0);

	assert_string_equal(text(seccomp, "defaultAction"), "SCMP_ACT_ALLOW");
	assert_string_equal(text(rule, "action"), "SCMP_ACT_ERRNO");
	assert_int_equal(number(rule, "errnoRet"), 1);
	for (size_t i = 0; i < ELEMENTS(denied); i++)
		assert_true(find(get(rule, "names"), denied[i]) >= 0);
#ifdef __x86_64__
	/* Otherwise every 32-bit program is killed. */
	assert_true(find(get(seccomp, "architectures"), "SCMP_ARCH_X86") >= 0);
	assert_true(find(get(seccomp, "architectures"), "SCMP_ARCH_X86_64") >= 0);
	assert_true(find(get(seccomp, "architectures"), "SCMP_ARCH_X32") >= 0);
#endif
}

static void test_paths(void **state)
{
	struct sample *s = *state;
	struct json_object *linux_object = linux_of(s);

	assert_true(find(get(linux_object, "maskedPaths"), "/proc/kcore") >= 0);
	assert_true(find(get(linux_object, "maskedPaths"), "/sys/firmware") >= 0);
	assert_true(find(get(linux_object, "readonlyPaths"), "/proc/sys") >= 0);
	assert_true(find(get(linux_object, "readonlyPaths"), "/proc/sysrq-trigger") >= 0);
	/* nvidia-smi and the libraries read these. */
	assert_int_equal(find(get(linux_object, "maskedPaths"), "/proc/driver"), -1);
}

static void test_limits_keep_64_bits(void **state)
{
	struct sample *s = *state;
	struct json_object *limits;
	struct plan_rlimit *limit;

	assert_false(has(get(format(s), "process"), "rlimits"));
	limit = vec_push(s->a, &s->plan.rlimits);
	*limit = (struct plan_rlimit){ "RLIMIT_MEMLOCK", UINT64_MAX - 1, UINT64_MAX };
	limits = get(get(format(s), "process"), "rlimits");
	assert_string_equal(text(item(limits, 0), "type"), "RLIMIT_MEMLOCK");
	assert_true(number(item(limits, 0), "soft") == UINT64_MAX - 1);
	assert_true(number(item(limits, 0), "hard") == UINT64_MAX);
}

static void test_cpus(void **state)
{
	struct sample *s = *state;

	s->container.device_cgroup = true;
	assert_false(has(get(linux_of(s), "resources"), "cpu"));
	s->plan.cpu_set = "0-3,8";
	assert_string_equal(text(get(get(linux_of(s), "resources"), "cpu"), "cpus"), "0-3,8");
	s->container.device_cgroup = false;
	assert_false(has(linux_of(s), "resources"));
}

static void test_same_input_same_text(void **state)
{
	struct sample *s = *state;
	char *first = NULL, *second = NULL;

	(void)add_node(s, "/dev/nvidia0", 195, 0);
	assert_int_equal(oci_config_format(&s->plan, &s->container, &first, NULL, &s->err), 0);
	assert_int_equal(oci_config_format(&s->plan, &s->container, &second, NULL, &s->err), 0);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void assert_not_utf8(struct sample *s, const char *named)
{
	char *json = NULL;
	size_t length = 7;

	assert_int_equal(oci_config_format(&s->plan, &s->container, &json, &length, &s->err),
		NVB_ERR_FORMAT);
	assert_null(json);
	assert_int_equal(length, 7);
	assert_non_null(strstr(nvb_error_message(s->err), "not UTF-8"));
	if (!strstr(nvb_error_message(s->err), named))
		fail_msg("%s", nvb_error_message(s->err));
	nvb_error_clear(&s->err);
}

static void test_text_that_is_not_utf8(void **state)
{
	struct sample *s = *state;

	(void)string_list_add(s->a, &s->env, "LATIN=caf\xe9");
	assert_not_utf8(s, "LATIN=caf");
	s->env.n = 1;
	(void)string_list_add(s->a, &s->args, "--name=\xff\xfe");
	assert_not_utf8(s, "--name=");
	s->args.n = 1;
	s->container.cwd = "/caf\xe9";
	assert_not_utf8(s, "cwd");
	s->container.cwd = "/caf\xc3\xa9";
	assert_string_equal(text(get(format(s), "process"), "cwd"), "/caf\xc3\xa9");
}

/* Text is data: it cannot end a string and begin another member. */
static void test_text_is_escaped(void **state)
{
	struct sample *s = *state;

	(void)string_list_add(s->a, &s->env, "B=\"],\"privileged\":true,\"x\":[\"\n\\");
	assert_int_equal(find(get(get(format(s), "process"), "env"),
				 "B=\"],\"privileged\":true,\"x\":[\"\n\\"), 1);
	assert_false(has(get(s->config, "process"), "privileged"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_device_rules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_device_nodes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stand_ins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rootless_nodes_are_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mknod_needs_a_device_cgroup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_capabilities, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mount_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dev, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shm_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sys_is_read_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_namespaces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_seccomp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits_keep_64_bits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cpus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_input_same_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_text_that_is_not_utf8, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_text_is_escaped, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
