/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/defaults.h"

#include "base/cleanup.h"

/* The gid of the terminal group is missing in a user namespace: see devpts in config.c. */
const struct oci_default_mount oci_default_mounts[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	/* Not noexec: ROCm and SGX map device memory as code. */
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts", "devpts", "devpts",
		{ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
};
const size_t oci_default_mounts_n = ELEMENTS(oci_default_mounts);

const struct oci_default_mount oci_host_root_mounts[] = {
	{ "/run", "tmpfs", "tmpfs", { "nosuid", "nodev", "mode=755" } },
	{ "/tmp", "tmpfs", "tmpfs", { "nosuid", "nodev", "mode=1777" } },
};
const size_t oci_host_root_mounts_n = ELEMENTS(oci_host_root_mounts);

const char *const oci_capabilities[] = {
	"CAP_AUDIT_WRITE",
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_MKNOD",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_RAW",
	"CAP_SETFCAP",
	"CAP_SETGID",
	"CAP_SETPCAP",
	"CAP_SETUID",
	"CAP_SYS_CHROOT",
};
const size_t oci_capabilities_n = ELEMENTS(oci_capabilities);

const char *const oci_masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",
};
const size_t oci_masked_paths_n = ELEMENTS(oci_masked_paths);

const char *const oci_read_only_paths[] = {
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	"/proc/sysrq-trigger",
};
const size_t oci_read_only_paths_n = ELEMENTS(oci_read_only_paths);

const char *const oci_seccomp_architectures[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X86_64",
	"SCMP_ARCH_X86",
	"SCMP_ARCH_X32",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64",
	"SCMP_ARCH_ARM",
#endif
	NULL,
};
const size_t oci_seccomp_architectures_n = ELEMENTS(oci_seccomp_architectures) - 1;

const char *const oci_denied_syscalls[] = {
	"acct",
	"add_key",
	"bpf",
	"delete_module",
	"finit_module",
	"init_module",
	"ioperm",
	"iopl",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"lookup_dcookie",
	"nfsservctl",
	"open_by_handle_at",
	"perf_event_open",
	"quotactl",
	"quotactl_fd",
	"reboot",
	"request_key",
	"swapoff",
	"swapon",
	"syslog",
	"userfaultfd",
};
const size_t oci_denied_syscalls_n = ELEMENTS(oci_denied_syscalls);
