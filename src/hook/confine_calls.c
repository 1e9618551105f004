/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/confine_calls.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef NATIVE_ARCHITECTURE

#define LOAD(field)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define ALLOW(call)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), RETURN(SECCOMP_RET_ALLOW)

static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	/* In the order of their number in one start of a container. */
	ALLOW(SYS_statx),
	ALLOW(SYS_openat),
	ALLOW(SYS_openat2),
	ALLOW(SYS_close),
	ALLOW(SYS_fstat),
	ALLOW(SYS_pread64),
	ALLOW(SYS_read),
	ALLOW(SYS_newfstatat),
	ALLOW(SYS_readlinkat),
	ALLOW(SYS_fcntl),
	ALLOW(SYS_getdents64),
	ALLOW(SYS_mkdirat),
	ALLOW(SYS_symlinkat),
#ifdef SYS_renameat
	ALLOW(SYS_renameat),
#endif
	ALLOW(SYS_renameat2),
	ALLOW(SYS_unlinkat),
	ALLOW(SYS_fchmod),
	ALLOW(SYS_write),
	ALLOW(SYS_getpid),
	/* The C library: memory, its own locks, the end. */
	ALLOW(SYS_brk),
	ALLOW(SYS_mmap),
	ALLOW(SYS_mremap),
	ALLOW(SYS_munmap),
	ALLOW(SYS_mprotect),
	ALLOW(SYS_madvise),
	ALLOW(SYS_futex),
	ALLOW(SYS_getrandom),
	ALLOW(SYS_gettid),
	ALLOW(SYS_tgkill),
	ALLOW(SYS_rt_sigprocmask),
	ALLOW(SYS_rt_sigaction),
	ALLOW(SYS_rt_sigreturn),
	ALLOW(SYS_writev),
	ALLOW(SYS_exit),
	ALLOW(SYS_exit_group),
	RETURN(SECCOMP_RET_ERRNO | EPERM),
};

int confine_calls(struct nvb_error **err)
{
	struct sock_fprog program = { ELEMENTS(filter), (struct sock_filter *)(void *)&filter };

	/* EINVAL: the kernel has no seccomp filters. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 && errno != EINVAL)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "restrict the system calls");
	return 0;
}

#else

int confine_calls(struct nvb_error **err)
{
	(void)err;
	return 0;
}

#endif
