/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device programs of a cgroup of version 2. A program cannot be asked for its rules, but for its
 * instructions: ours go in front of them, and the whole replaces the old program. All programs of
 * a cgroup and of those above it must agree to an access: the container's own are extended, and the
 * others must agree already.
 *
 * The programs of container runtimes and of systemd are plain comparisons. One that calls functions
 * or uses maps cannot be copied by its instructions and is refused.
 *
 * Source: bpf(2); Linux, include/uapi/linux/bpf.h, struct bpf_cgroup_dev_ctx;
 * Documentation/bpf/standardization/instruction-set.rst.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "engine/attach/attach_steps.h"
#include "engine/attach/bpf_abi.h"

#define PROGRAMS_MAX	 64
#define INSTRUCTIONS_MAX 32768
#define TYPE_BITS	 0xffff
#define ACCESS_SHIFT	 16
#define EVERY_ACCESS	 (BPF_ABI_ACCESS_MKNOD | BPF_ABI_ACCESS_READ | BPF_ABI_ACCESS_WRITE)
#define PROLOGUE_LENGTH	 6
#define RULE_LENGTH	 8

/* Registers. The context is the old program's argument too, and must stay. */
enum {
	RESULT,
	CONTEXT,
	TYPE,
	ACCESS,
	MAJOR,
	MINOR,
};

struct program {
	int fd;
	struct bpf_abi_insn *instructions;
	size_t n;
};

#define PROGRAM_INIT                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

static void program_done(struct program *program)
{
	closep(&program->fd);
	free(program->instructions);
}

struct attached {
	uint32_t ids[PROGRAMS_MAX];
	uint32_t n;
	uint32_t flags;
};

static int bpf(enum bpf_abi_command command, const void *attr, size_t size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

static int raise_bpf(const char *what, struct nvb_error **err)
{
	return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
		"%s the device program of the container's cgroup", what);
}

static int query(int cgroup_fd, uint32_t flags, struct attached *ret, struct nvb_error **err)
{
	struct bpf_abi_prog_query attr = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_type = BPF_ABI_ATTACH_CGROUP_DEVICE,
		.query_flags = flags,
		.prog_ids = (uint64_t)(uintptr_t)ret->ids,
		.prog_cnt = PROGRAMS_MAX,
	};

	if (bpf(BPF_ABI_PROG_QUERY, &attr, sizeof(attr)) < 0)
		return raise_bpf("look for", err);
	ret->n = attr.prog_cnt;
	ret->flags = attr.attach_flags;
	return 0;
}

static int program_info(int fd, struct bpf_abi_prog_info *info, struct nvb_error **err)
{
	struct bpf_abi_obj_info attr = {
		.bpf_fd = (uint32_t)fd,
		.info_len = sizeof(*info),
		.info = (uint64_t)(uintptr_t)info,
	};

	return bpf(BPF_ABI_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 ? raise_bpf("read", err)
									: 0;
}

/* What stands for an address of the kernel cannot be loaded again. */
static bool can_be_copied(const struct program *program)
{
	for (size_t i = 0; i < program->n; i++) {
		const struct bpf_abi_insn *insn = &program->instructions[i];

		if (insn->code == (BPF_JMP | BPF_ABI_CALL))
			return false;
		if (insn->code == (BPF_LD | BPF_IMM | BPF_ABI_DW) && insn->src_reg)
			return false;
	}
	return true;
}

static int read_program(uint32_t id, struct program *ret, struct nvb_error **err)
{
	struct bpf_abi_prog_get_fd attr = { .id = id };
	struct bpf_abi_prog_info info = { 0 };
	uint32_t length;
	int r;

	ret->fd = bpf(BPF_ABI_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (ret->fd < 0)
		return raise_bpf("open", err);
	r = program_info(ret->fd, &info, err);
	if (r < 0)
		return r;
	length = info.xlated_prog_len;
	if (!length || length % sizeof(struct bpf_abi_insn) ||
		length / sizeof(struct bpf_abi_insn) > INSTRUCTIONS_MAX)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"understand a device program of the container's cgroup: it has %u bytes",
			length);
	ret->instructions = calloc(1, length);
	if (!ret->instructions)
		return NVB_OOM(err);
	info = (struct bpf_abi_prog_info){
		.xlated_prog_len = length,
		.xlated_prog_insns = (uint64_t)(uintptr_t)ret->instructions,
	};
	r = program_info(ret->fd, &info, err);
	if (r < 0)
		return r;
	ret->n = length / sizeof(struct bpf_abi_insn);
	/* The kernel hides the instructions from those who may not see its addresses. */
	if (!info.xlated_prog_insns || info.xlated_prog_len != length || info.nr_map_ids ||
		!can_be_copied(ret))
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"understand a device program of the container's cgroup: it is more than "
			"comparisons");
	return 0;
}

static uint32_t access_of(const char *permissions)
{
	uint32_t access = 0;

	for (; *permissions; permissions++)
		access |= *permissions == 'r'	? BPF_ABI_ACCESS_READ
			  : *permissions == 'w' ? BPF_ABI_ACCESS_WRITE
			  : *permissions == 'm' ? BPF_ABI_ACCESS_MKNOD
						: 0;
	return access;
}

static struct bpf_abi_insn load_word(unsigned int to, size_t offset)
{
	return (struct bpf_abi_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
		.dst_reg = to & 0xf,
		.src_reg = CONTEXT,
		.off = (int16_t)offset };
}

static struct bpf_abi_insn operate(unsigned int operation, unsigned int on, uint32_t value)
{
	return (struct bpf_abi_insn){ .code = (uint8_t)(BPF_ALU | BPF_K | operation),
		.dst_reg = on & 0xf,
		.imm = (int32_t)value };
}

static struct bpf_abi_insn copy(unsigned int to, unsigned int from)
{
	return (struct bpf_abi_insn){
		.code = BPF_ALU | BPF_X | BPF_ABI_MOV, .dst_reg = to & 0xf, .src_reg = from & 0xf
	};
}

/* Jumps over the `left` instructions behind this one. */
static struct bpf_abi_insn leave_unless(unsigned int on, uint32_t value, int left)
{
	return (struct bpf_abi_insn){ .code = BPF_ABI_JMP32 | BPF_K | BPF_ABI_JNE,
		.dst_reg = on & 0xf,
		.off = (int16_t)left,
		.imm = (int32_t)value };
}

static void write_prologue(struct bpf_abi_insn *to)
{
	to[0] = load_word(TYPE, offsetof(struct bpf_abi_device, access_type));
	to[1] = copy(ACCESS, TYPE);
	to[2] = operate(BPF_AND, TYPE, TYPE_BITS);
	to[3] = operate(BPF_RSH, ACCESS, ACCESS_SHIFT);
	to[4] = load_word(MAJOR, offsetof(struct bpf_abi_device, major));
	to[5] = load_word(MINOR, offsetof(struct bpf_abi_device, minor));
}

static uint32_t type_of(const struct plan_node *node)
{
	return node->type == 'b' ? BPF_ABI_DEVICE_BLOCK : BPF_ABI_DEVICE_CHAR;
}

static void write_rule(struct bpf_abi_insn *to, const struct plan_node *node)
{
	to[0] = leave_unless(TYPE, type_of(node), 7);
	to[1] = leave_unless(MAJOR, node->major, 6);
	to[2] = leave_unless(MINOR, node->minor, 5);
	to[3] = copy(RESULT, ACCESS);
	to[4] = operate(BPF_AND, RESULT, EVERY_ACCESS & ~access_of(node->permissions));
	to[5] = leave_unless(RESULT, 0, 2);
	to[6] = operate(BPF_ABI_MOV, RESULT, 1);
	to[7] = (struct bpf_abi_insn){ .code = BPF_JMP | BPF_ABI_EXIT };
}

static int extend(const struct program *old, const struct plan *plan, struct program *ret,
	struct nvb_error **err)
{
	size_t rules = 0, at = PROLOGUE_LENGTH;

	vec_foreach (struct plan_node, node, &plan->nodes)
		rules += device_cgroup_wants(node);
	ret->n = PROLOGUE_LENGTH + rules * RULE_LENGTH + old->n;
	ret->instructions = calloc(ret->n, sizeof(ret->instructions[0]));
	if (!ret->instructions)
		return NVB_OOM(err);
	write_prologue(ret->instructions);
	vec_foreach (struct plan_node, node, &plan->nodes) {
		if (!device_cgroup_wants(node))
			continue;
		write_rule(ret->instructions + at, node);
		at += RULE_LENGTH;
	}
	memcpy(ret->instructions + at, old->instructions, old->n * sizeof(old->instructions[0]));
	return 0;
}

static int load(struct program *program, struct nvb_error **err)
{
	struct bpf_abi_prog_load attr = {
		.prog_type = BPF_ABI_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)program->n,
		.insns = (uint64_t)(uintptr_t)program->instructions,
		.license = (uint64_t)(uintptr_t) "Apache-2.0",
	};

	program->fd = bpf(BPF_ABI_PROG_LOAD, &attr, sizeof(attr));
	return program->fd < 0 ? raise_bpf("load", err) : 0;
}

/* A cgroup that takes one program alone replaces it by itself; else the old one is named. */
static int replace(int cgroup_fd, uint32_t flags, const struct program *old,
	const struct program *new, struct nvb_error **err)
{
	struct bpf_abi_prog_attach attr = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t) new->fd,
		.attach_type = BPF_ABI_ATTACH_CGROUP_DEVICE,
		.attach_flags = flags,
	};

	if (flags & BPF_ABI_ALLOW_MULTI) {
		attr.attach_flags |= BPF_ABI_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old->fd;
	}
	return bpf(BPF_ABI_PROG_ATTACH, &attr, sizeof(attr)) < 0 ? raise_bpf("replace", err) : 0;
}

static int verify(int cgroup_fd, const struct program *program, struct nvb_error **err)
{
	struct bpf_abi_prog_info info = { 0 };
	struct attached now = { 0 };
	int r = program_info(program->fd, &info, err);

	if (r >= 0)
		r = query(cgroup_fd, 0, &now, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < now.n; i++)
		if (now.ids[i] == info.id)
			return 0;
	return NVB_RAISE(err, NVB_ERR_FAILED, 0,
		"replace the device program of the container's cgroup: the new one is not in "
		"force");
}

static int extend_attached(
	int cgroup_fd, uint32_t id, uint32_t flags, const struct plan *plan, struct nvb_error **err)
{
	_cleanup_(program_done) struct program old = PROGRAM_INIT, new = PROGRAM_INIT;
	int r = read_program(id, &old, err);

	if (r >= 0)
		r = extend(&old, plan, &new, err);
	if (r >= 0)
		r = load(&new, err);
	if (r >= 0)
		r = replace(cgroup_fd, flags, &old, &new, err);
	if (r >= 0)
		r = verify(cgroup_fd, &new, err);
	if (r >= 0)
		log_debug(
			"attach", "device program %u: %zu instructions, now %zu", id, old.n, new.n);
	return r;
}

static int extend_all(int cgroup_fd, const struct plan *plan, struct nvb_error **err)
{
	struct attached attached = { 0 };
	int r = query(cgroup_fd, 0, &attached, err);

	for (uint32_t i = 0; r >= 0 && i < attached.n; i++)
		r = extend_attached(cgroup_fd, attached.ids[i], attached.flags, plan, err);
	return r;
}

static int check_node(const struct program *program, uint32_t id, const struct plan_node *node,
	struct nvb_error **err)
{
	uint32_t access =
		access_of(node->permissions) & (BPF_ABI_ACCESS_READ | BPF_ABI_ACCESS_WRITE);
	const struct bpf_abi_device asked = {
		.access_type = access << ACCESS_SHIFT | type_of(node),
		.major = node->major,
		.minor = node->minor,
	};
	enum device_verdict verdict = device_verdict(program->instructions, program->n, &asked);
	int r;

	if (!access || verdict == DEVICE_ALLOWED)
		return 0;
	r = NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		verdict == DEVICE_REFUSED
			? "let the container open '%s': device program %u of a cgroup above the "
			  "container's refuses it"
			: "let the container open '%s': what device program %u of a cgroup above "
			  "the container's answers is not known",
		node->path, id);
	return NVB_HINT(
		err, r, "give the GPUs before the container is made: by nvbind-runtime, or CDI");
}

/* An access must pass all programs up to the top, and those of others are not ours to change. */
static int check_effective(int cgroup_fd, const struct plan *plan, struct nvb_error **err)
{
	struct attached attached = { 0 };
	int r = query(cgroup_fd, BPF_ABI_EFFECTIVE, &attached, err);

	for (uint32_t i = 0; r >= 0 && i < attached.n; i++) {
		_cleanup_(program_done) struct program program = PROGRAM_INIT;

		r = read_program(attached.ids[i], &program, err);
		vec_foreach (struct plan_node, node, &plan->nodes) {
			if (r >= 0 && device_cgroup_wants(node))
				r = check_node(&program, attached.ids[i], node, err);
		}
	}
	return r;
}

int device_program_allow(
	int cgroup_fd, int scope_fd, const struct plan *plan, struct nvb_error **err)
{
	bool wanted = false;
	int r = 0;

	vec_foreach (struct plan_node, node, &plan->nodes)
		wanted |= device_cgroup_wants(node);
	if (!wanted)
		return 0;
	if (scope_fd >= 0)
		r = extend_all(scope_fd, plan, err);
	if (r >= 0)
		r = extend_all(cgroup_fd, plan, err);
	return r < 0 ? r : check_effective(cgroup_fd, plan, err);
}
