/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what an ordinary user's containers need: user namespaces, id ranges, overlayfs. */
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/number.h"
#include "base/spawn.h"
#include "doctor/check.h"

#define MAX_FILE_BYTES (1 << 20)
/* One user and the usual range behind it. */
#define SUBID_RANGE 65536

/* What hinders containers without root is a failure for those who have no root. */
static enum doctor_result severity(const struct doctor *d)
{
	return d->user->uid == 0 ? DOCTOR_WARNING : DOCTOR_FAILED;
}

/* Switches of the kernel that forbid user namespaces. */
static const struct userns_switch {
	const char *path;
	uint64_t forbidding;
	const char *meaning, *fix;
} userns_switches[] = {
	{ "/proc/sys/user/max_user_namespaces", 0, "no user namespace is allowed",
		"sysctl -w user.max_user_namespaces=15000" },
	/* Debian and Arch kernels. */
	{ "/proc/sys/kernel/unprivileged_userns_clone", 0, "only root may make user namespaces",
		"sysctl -w kernel.unprivileged_userns_clone=1" },
	/* Ubuntu 23.10 and later. */
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
		"AppArmor takes all privileges from an ordinary user's namespace",
		"give nvbind an AppArmor profile with 'userns,', or sysctl -w "
		"kernel.apparmor_restrict_unprivileged_userns=0" },
};

void check_user_namespaces(struct doctor *d)
{
	bool readable = false;

	for (size_t i = 0; i < ELEMENTS(userns_switches); i++) {
		const struct userns_switch *s = &userns_switches[i];
		uint64_t value;

		if (host_tree_read_u64(d->tree, s->path, &value) < 0)
			continue;
		readable = true;
		if (value != s->forbidding)
			continue;
		check_note(d, severity(d), "%s ('%s' is %llu)", s->meaning, s->path,
			(unsigned long long)value);
		check_fix(d, "%s", s->fix);
	}
	if (readable)
		check_note(d, DOCTOR_OK, "nothing forbids user namespaces");
	else
		check_note(d, DOCTOR_SKIPPED, "'%s' cannot be read", userns_switches[0].path);
}

/* True if a line "NAME:START:COUNT" of the file gives the user enough ids. */
static bool has_range(struct doctor *d, const char *path)
{
	_cleanup_free_ char *text = NULL;
	char uid[16], *save = NULL;

	(void)snprintf(uid, sizeof(uid), "%u", (unsigned)d->user->uid);
	if (host_tree_read(d->tree, path, MAX_FILE_BYTES, &text) < 0)
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *start = strchr(line, ':');
		char *count = start ? strchr(start + 1, ':') : NULL;
		uint64_t value;

		if (!count)
			continue;
		*start = '\0';
		if (strcmp(line, uid) != 0 && (!d->user->name || strcmp(line, d->user->name) != 0))
			continue;
		if (number_parse(count + 1, UINT32_MAX, &value) && value >= SUBID_RANGE)
			return true;
	}
	return false;
}

void check_subordinate_ids(struct doctor *d)
{
	static const char *const files[] = { "/etc/subuid", "/etc/subgid" };
	static const char *const programs[] = { "/usr/bin/newuidmap", "/usr/bin/newgidmap" };
	const char *user = d->user->name ? d->user->name : "USER";

	if (d->user->uid == 0) {
		check_note(d, DOCTOR_OK, "root needs none");
		return;
	}
	for (size_t i = 0; i < ELEMENTS(programs); i++) {
		if (host_tree_exists(d->tree, programs[i]))
			continue;
		check_note(d, DOCTOR_WARNING,
			"'%s' is missing: a container can run as one user only", programs[i]);
		check_fix(d, "install the package uidmap (Debian, Ubuntu), shadow (Arch) or "
			     "shadow-utils (Fedora)");
	}
	for (size_t i = 0; i < ELEMENTS(files); i++) {
		if (has_range(d, files[i]))
			continue;
		check_note(d, DOCTOR_WARNING,
			"'%s' has no %d ids for %s: a container can run as one user only", files[i],
			SUBID_RANGE, user);
		check_fix(d, "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s",
			user);
	}
	if (!d->noted)
		check_note(d, DOCTOR_OK, "%s has ranges of ids", user);
}

static bool is_listed(char *filesystems, const char *wanted)
{
	char *save = NULL;

	/* "nodev	overlay" */
	for (char *line = strtok_r(filesystems, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		const char *name = strrchr(line, '\t');

		if (name && strcmp(name + 1, wanted) == 0)
			return true;
	}
	return false;
}

/*
 * Asks the kernel for the file system as a mount does, in namespaces that end with the child; with
 * no options given, nothing can come of it. Returns 0 or -errno: -ENODEV where the kernel has no
 * such file system and found no module for it.
 */
static errint_t try_filesystem(const char *name, bool is_root)
{
	struct spawn_exit e = { 0 };
	pid_t pid = fork();

	if (pid == 0) {
		spawn_reset_child();
		if (unshare(is_root ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
			syscall(SYS_fsopen, name, 0) < 0)
			_exit(errno & 0xff);
		_exit(0);
	}
	if (pid < 0 || spawn_wait(pid, &e, NULL) < 0)
		return -EAGAIN;
	return e.by_signal ? -EINTR : -e.code;
}

void check_overlayfs(struct doctor *d)
{
	_cleanup_free_ char *text = NULL;
	errint_t r;

	if (host_tree_read(d->tree, "/proc/filesystems", MAX_FILE_BYTES, &text) < 0) {
		check_note(d, DOCTOR_SKIPPED, "'/proc/filesystems' cannot be read");
		return;
	}
	if (is_listed(text, "overlay")) {
		check_note(d, DOCTOR_OK, "the kernel has it");
		return;
	}
	r = host_tree_is_live(d->tree) ? try_filesystem("overlay", d->user->uid == 0) : -EAGAIN;
	if (r == 0) {
		check_note(d, DOCTOR_OK, "the kernel loads it when it is needed");
	} else if (r == -ENODEV) {
		check_note(d, severity(d),
			"the kernel has no overlayfs: containers get no writable layer");
		check_fix(d, "modprobe overlay, or install the modules of the running kernel");
	} else {
		check_note(d, DOCTOR_OK,
			"it is not loaded yet: the kernel does that on the first mount");
	}
}
