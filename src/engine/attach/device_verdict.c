/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device program would answer, found by carrying out its instructions here: the kernel runs
 * one only for a process that opens a device, and to open a GPU already does something to it.
 *
 * Only what comparisons are made of is known. Nothing is read but the question.
 * Source: Linux, Documentation/bpf/standardization/instruction-set.rst.
 */
#include <stddef.h>
#include <string.h>

#include "engine/attach/attach_steps.h"

#define REGISTERS	11
#define CONTEXT		1
#define CONTEXT_ADDRESS ((uint64_t)1 << 40)
/* The kernel's own limit is lower for programs of those who may not do everything. */
#define STEPS_MAX 1000000

struct run {
	uint64_t registers[REGISTERS];
	const struct bpf_abi_device *asked;
};

static bool load(struct run *run, const struct bpf_abi_insn *insn)
{
	uint64_t at = run->registers[insn->src_reg] + (uint64_t)insn->off - CONTEXT_ADDRESS;
	const char *from = (const char *)run->asked;
	uint32_t word = 0;
	size_t size = BPF_SIZE(insn->code) == BPF_W   ? 4
		      : BPF_SIZE(insn->code) == BPF_H ? 2
		      : BPF_SIZE(insn->code) == BPF_B ? 1
						      : 0;

	if (BPF_MODE(insn->code) != BPF_MEM || !size || at > sizeof(*run->asked) - size)
		return false;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	memcpy((char *)&word + sizeof(word) - size, from + at, size);
#else
	memcpy(&word, from + at, size);
#endif
	run->registers[insn->dst_reg] = word;
	return true;
}

static bool calculate(struct run *run, const struct bpf_abi_insn *insn, bool wide)
{
	uint64_t *to = &run->registers[insn->dst_reg], x = *to;
	uint64_t y =
		insn->code & BPF_X ? run->registers[insn->src_reg] : (uint64_t)(int64_t)insn->imm;
	const unsigned int bits = wide ? 63 : 31;

	if (insn->off)
		return false;
	if (!wide) {
		x = (uint32_t)x;
		y = (uint32_t)y;
	}
	switch (BPF_OP(insn->code)) {
	case BPF_ADD:
		x += y;
		break;
	case BPF_SUB:
		x -= y;
		break;
	case BPF_OR:
		x |= y;
		break;
	case BPF_AND:
		x &= y;
		break;
	case BPF_LSH:
		x <<= y & bits;
		break;
	case BPF_RSH:
		x >>= y & bits;
		break;
	case BPF_XOR:
		x ^= y;
		break;
	case BPF_ABI_MOV:
		x = y;
		break;
	default:
		return false;
	}
	*to = wide ? x : (uint32_t)x;
	return true;
}

/* Returns 1 to jump, 0 not to, and -1 for what is not known. */
static int compare(const struct run *run, const struct bpf_abi_insn *insn, bool wide)
{
	uint64_t x = run->registers[insn->dst_reg];
	uint64_t y =
		insn->code & BPF_X ? run->registers[insn->src_reg] : (uint64_t)(int64_t)insn->imm;

	if (!wide) {
		x = (uint32_t)x;
		y = (uint32_t)y;
	}
	switch (BPF_OP(insn->code)) {
	case BPF_JA:
		return wide ? 1 : -1;
	case BPF_JEQ:
		return x == y;
	case BPF_ABI_JNE:
		return x != y;
	case BPF_JGT:
		return x > y;
	case BPF_JGE:
		return x >= y;
	case BPF_ABI_JLT:
		return x < y;
	case BPF_ABI_JLE:
		return x <= y;
	case BPF_JSET:
		return (x & y) != 0;
	default:
		return -1;
	}
}

/* A constant of 64 bits, in two instructions. Others of its kind are the kernel's addresses. */
static bool load_constant(struct run *run, const struct bpf_abi_insn *code, size_t n, size_t *at)
{
	const struct bpf_abi_insn *insn = &code[*at];

	if (insn->code != (BPF_LD | BPF_IMM | BPF_ABI_DW) || insn->src_reg || *at + 1 >= n)
		return false;
	run->registers[insn->dst_reg] =
		(uint64_t)(uint32_t)code[*at + 1].imm << 32 | (uint32_t)insn->imm;
	(*at)++;
	return true;
}

/* One instruction. False: it is not known. */
static bool step(struct run *run, const struct bpf_abi_insn *code, size_t n, size_t *at)
{
	const struct bpf_abi_insn *insn = &code[*at];
	int jumps;

	if (insn->dst_reg >= REGISTERS || insn->src_reg >= REGISTERS)
		return false;
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		return load_constant(run, code, n, at);
	case BPF_LDX:
		return load(run, insn);
	case BPF_ALU:
	case BPF_ABI_ALU64:
		return calculate(run, insn, BPF_CLASS(insn->code) == BPF_ABI_ALU64);
	case BPF_JMP:
	case BPF_ABI_JMP32:
		jumps = compare(run, insn, BPF_CLASS(insn->code) == BPF_JMP);
		if (jumps > 0)
			*at += (size_t)(ptrdiff_t)insn->off;
		return jumps >= 0;
	default:
		return false;
	}
}

enum device_verdict device_verdict(
	const struct bpf_abi_insn *code, size_t n, const struct bpf_abi_device *asked)
{
	struct run run = { .asked = asked, .registers[CONTEXT] = CONTEXT_ADDRESS };
	size_t at = 0;

	for (size_t steps = 0; at < n && steps < STEPS_MAX; steps++) {
		if (code[at].code == (BPF_JMP | BPF_ABI_EXIT))
			return run.registers[0] ? DEVICE_ALLOWED : DEVICE_REFUSED;
		if (!step(&run, code, n, &at))
			return DEVICE_UNKNOWN;
		at++;
	}
	return DEVICE_UNKNOWN;
}
