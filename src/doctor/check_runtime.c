/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what starts a container and of what confines it. */
#include <string.h>

#include "base/spawn.h"
#include "doctor/check.h"
#include "engine/bolt/runtime.h"

#define VERSION_LIMIT_BYTES 65536
#define VERSION_TIMEOUT_MS  3000

const char *check_version_of(struct doctor *d, const char *program)
{
	const char *argv[] = { program, "--version", NULL };
	struct spawn_capture_options options = {
		.argv = argv,
		.timeout_ms = VERSION_TIMEOUT_MS,
		.limit_bytes = VERSION_LIMIT_BYTES,
	};
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e;

	if (spawn_capture(&options, &output, &e, NULL) < 0 || spawn_exit_code(e) != 0)
		return NULL;
	output[strcspn(output, "\n")] = '\0';
	return arena_strdup(d->arena, output);
}

void check_oci_runtime(struct doctor *d)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct low_level_runtime runtime = { 0 };
	const char *version;

	if (low_level_runtime_find(d->arena, d->user->uid != 0, &runtime, &err) < 0) {
		check_note(d, DOCTOR_FAILED, "%s", nvb_error_message(err));
		if (nvb_error_get_hint(err))
			check_fix(d, "%s", nvb_error_get_hint(err));
		return;
	}
	version = check_version_of(d, runtime.path);
	if (version) {
		check_note(d, DOCTOR_OK, "'%s' is %s", runtime.path, version);
		return;
	}
	check_note(d, DOCTOR_FAILED, "'%s' does not answer to --version", runtime.path);
	check_fix(d, "install the package of crun or runc again");
}

/* Without a device filter, root in a container that may make nodes reaches every device. */
void check_cgroups(struct doctor *d)
{
	enum cgroup_layout layout = cgroup_layout_read();
	struct low_level_runtime runtime = { 0 };
	bool is_root = d->user->uid == 0;

	if (layout == CGROUP_NONE) {
		check_note(d, DOCTOR_WARNING,
			"no control groups are mounted: root's containers have no device filter");
		check_fix(d, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	} else if (is_root && low_level_runtime_find(d->arena, false, &runtime, NULL) >= 0 &&
		   !runtime.device_cgroup) {
		check_note(d, DOCTOR_WARNING,
			"the control groups are %s, which '%s' may refuse: containers have no "
			"device filter",
			cgroup_layout_name(layout), runtime.path);
		check_fix(d, "install runc, or boot with systemd.unified_cgroup_hierarchy=1");
	} else {
		check_note(d, DOCTOR_OK, "%s%s", cgroup_layout_name(layout),
			is_root ? "" : "; the user namespace confines devices, not they");
	}
}

/* "1 1": the value now, and the one that is set next. False where there is no such switch. */
static bool is_boolean_on(struct doctor *d, const char *path)
{
	const char *line = NULL;

	return host_tree_read_line(d->tree, d->arena, path, &line) == 0 && line[0] == '1';
}

/*
 * Source: the policy of container-selinux: container_t opens device nodes of few labels, and of
 * all with the boolean container_use_devices.
 */
void check_selinux(struct doctor *d)
{
	uint64_t enforces;

	if (host_tree_read_u64(d->tree, "/sys/fs/selinux/enforce", &enforces) < 0) {
		check_note(d, DOCTOR_SKIPPED, "SELinux is not in use");
	} else if (!enforces) {
		check_note(d, DOCTOR_OK, "it does not enforce its rules");
	} else if (is_boolean_on(d, "/sys/fs/selinux/booleans/container_use_devices")) {
		check_note(d, DOCTOR_OK, "containers may use devices (container_use_devices)");
	} else {
		check_note(d, DOCTOR_OK,
			"it enforces its rules: Docker's and Podman's containers run as "
			"container_t, "
			"which may not open device nodes of every label; nvbind's own engine sets "
			"no label");
		check_fix(d, "for those engines: setsebool -P container_use_devices on, or "
			     "--security-opt label=disable");
	}
}
