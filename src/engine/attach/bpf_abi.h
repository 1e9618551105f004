/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the kernel's BPF interface that device programs need. <linux/bpf.h> itself names
 * functions that this build forbids. The kernel takes structures that are shorter than its own, but
 * writes answers to where its own has them: what has answers must be as long as today's.
 * Source: Linux, include/uapi/linux/bpf.h.
 */
#pragma once

#include <linux/bpf_common.h>
#include <stdint.h>

enum bpf_abi_command {
	BPF_ABI_PROG_LOAD = 5,
	BPF_ABI_PROG_ATTACH = 8,
	BPF_ABI_PROG_GET_FD_BY_ID = 13,
	BPF_ABI_OBJ_GET_INFO_BY_FD = 15,
	BPF_ABI_PROG_QUERY = 16,
};

enum {
	BPF_ABI_TYPE_CGROUP_DEVICE = 15,
	BPF_ABI_ATTACH_CGROUP_DEVICE = 6,
};

#define BPF_ABI_ALLOW_MULTI (1U << 1)
#define BPF_ABI_REPLACE	    (1U << 2)
/* Of a query: the programs of the cgroups above count too. */
#define BPF_ABI_EFFECTIVE (1U << 0)

/* Operation codes that <linux/bpf_common.h>, older than them, does not have. */
#define BPF_ABI_DW    0x18
#define BPF_ABI_MOV   0xb0
#define BPF_ABI_JMP32 0x06
#define BPF_ABI_ALU64 0x07
#define BPF_ABI_JNE   0x50
#define BPF_ABI_JLT   0xa0
#define BPF_ABI_JLE   0xb0
#define BPF_ABI_CALL  0x80
#define BPF_ABI_EXIT  0x90

struct bpf_abi_insn {
	uint8_t code;
	uint8_t dst_reg : 4;
	uint8_t src_reg : 4;
	int16_t off;
	int32_t imm;
};

struct bpf_abi_prog_load {
	uint32_t prog_type, insn_cnt;
	uint64_t insns, license;
};

struct bpf_abi_prog_attach {
	uint32_t target_fd, attach_bpf_fd, attach_type, attach_flags, replace_bpf_fd;
};

struct bpf_abi_prog_get_fd {
	uint32_t id, next_id, open_flags;
};

struct bpf_abi_obj_info {
	uint32_t bpf_fd, info_len;
	uint64_t info;
};

struct bpf_abi_prog_query {
	uint32_t target_fd, attach_type, query_flags, attach_flags;
	uint64_t prog_ids;
	uint32_t prog_cnt, unused;
	uint64_t prog_attach_flags, link_ids, link_attach_flags;
	uint64_t revision; /* newer kernels write it, whatever the size that was given */
};

_Static_assert(sizeof(struct bpf_abi_prog_query) == 64, "the kernel writes up to byte 64");

struct bpf_abi_prog_info {
	uint32_t type, id;
	uint8_t tag[8];
	uint32_t jited_prog_len, xlated_prog_len;
	uint64_t jited_prog_insns, xlated_prog_insns;
	uint64_t load_time;
	uint32_t created_by_uid, nr_map_ids;
};

/* What a device program is asked: bpf_cgroup_dev_ctx. */
struct bpf_abi_device {
	uint32_t access_type; /* access << 16 | type */
	uint32_t major, minor;
};

enum {
	BPF_ABI_ACCESS_MKNOD = 1 << 0,
	BPF_ABI_ACCESS_READ = 1 << 1,
	BPF_ABI_ACCESS_WRITE = 1 << 2,
	BPF_ABI_DEVICE_BLOCK = 1 << 0,
	BPF_ABI_DEVICE_CHAR = 1 << 1,
};
