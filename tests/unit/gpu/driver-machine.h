/* SPDX-License-Identifier: Apache-2.0 */
/* A machine with driver files made by hand, and what discovery says of them. */
#pragma once

#include "../host/scratch-tree.h"

#include <elf.h>

#include "gpu/vendor.h"

struct machine {
	struct scratch *scratch;
	struct inventory inv;
	struct gpu_driver driver;
};

static inline struct machine machine_of(void **state)
{
	struct scratch *s = *state;

	return (struct machine){
		.scratch = s,
		.inv = { .arena = s->arena, .host_prefix = s->tree.prefix },
	};
}

static inline void machine_discover(struct machine *m, const char *version,
	int (*find)(struct gpu_discovery *d, struct gpu_driver *driver, struct nvb_error **err))
{
	struct gpu_discovery d = { .tree = &m->scratch->tree, .inv = &m->inv };
	_cleanup_error_ struct nvb_error *err = NULL;

	m->driver = (struct gpu_driver){ .vendor = GPU_VENDOR_NVIDIA, .version = version };
	m->inv.warnings = (struct string_list){ 0 };
	if (find(&d, &m->driver, &err) != 0)
		fail_msg("%s", nvb_error_message(err));
}

static inline const struct driver_file *machine_file(const struct machine *m, const char *target,
	int elf_class)
{
	vec_foreach (struct driver_file, f, &m->driver.files) {
		if (strcmp(f->target, target) == 0 && f->elf_class == elf_class)
			return f;
	}
	return NULL;
}

/* The file of that target, which must be there. */
__attribute__((returns_nonnull)) static inline const struct driver_file *
machine_get(const struct machine *m, const char *target, int elf_class)
{
	const struct driver_file *f = machine_file(m, target, elf_class);

	if (!f) {
		fail_msg("no '%s' of %d bit", target, elf_class);
		abort();
	}
	return f;
}

/* The same; it must come from `path`. */
__attribute__((returns_nonnull)) static inline const struct driver_file *
machine_expect(const struct machine *m, const char *target, int elf_class, const char *path)
{
	const struct driver_file *f = machine_get(m, target, elf_class);
	size_t prefix = strlen(m->inv.host_prefix);

	assert_int_equal(strncmp(f->host_path, m->inv.host_prefix, prefix), 0);
	assert_string_equal(f->host_path + prefix, path);
	return f;
}

static inline bool machine_warns(const struct machine *m, const char *part)
{
	for (size_t i = 0; i < m->inv.warnings.n; i++) {
		if (strstr(m->inv.warnings.items[i], part))
			return true;
	}
	return false;
}

static inline bool has_alias(const struct driver_file *f, const char *alias)
{
	for (size_t i = 0; i < f->aliases.n; i++) {
		if (strcmp(f->aliases.items[i], alias) == 0)
			return true;
	}
	return false;
}

/* A shared library that consists of headers and a SONAME. */
struct tiny_library {
	union {
		struct {
			Elf64_Ehdr header;
			Elf64_Phdr segments[2];
			Elf64_Dyn dynamic[4];
		} elf64;
		struct {
			Elf32_Ehdr header;
			Elf32_Phdr segments[2];
			Elf32_Dyn dynamic[4];
		} elf32;
	};
	char strings[256];
};

#define FILL_LIBRARY(l, bits, machine_, soname)                                                 \
	do {                                                                                    \
		(l)->elf##bits.header.e_type = ET_DYN;                                          \
		(l)->elf##bits.header.e_machine = (machine_);                                   \
		(l)->elf##bits.header.e_version = EV_CURRENT;                                   \
		(l)->elf##bits.header.e_ehsize = sizeof((l)->elf##bits.header);                 \
		(l)->elf##bits.header.e_phoff = offsetof(struct tiny_library, elf##bits.segments); \
		(l)->elf##bits.header.e_phentsize = sizeof((l)->elf##bits.segments[0]);         \
		(l)->elf##bits.header.e_phnum = 2;                                              \
		(l)->elf##bits.segments[0].p_type = PT_LOAD;                                    \
		(l)->elf##bits.segments[0].p_filesz = sizeof(*(l));                             \
		(l)->elf##bits.segments[0].p_memsz = sizeof(*(l));                              \
		(l)->elf##bits.segments[1].p_type = PT_DYNAMIC;                                 \
		(l)->elf##bits.segments[1].p_offset =                                           \
			offsetof(struct tiny_library, elf##bits.dynamic);                       \
		(l)->elf##bits.segments[1].p_filesz = sizeof((l)->elf##bits.dynamic);           \
		(l)->elf##bits.dynamic[0].d_tag = (soname) ? DT_SONAME : DT_DEBUG;              \
		(l)->elf##bits.dynamic[0].d_un.d_val = 1;                                       \
		(l)->elf##bits.dynamic[1].d_tag = DT_STRTAB;                                    \
		(l)->elf##bits.dynamic[1].d_un.d_val = offsetof(struct tiny_library, strings);  \
		(l)->elf##bits.dynamic[2].d_tag = DT_STRSZ;                                     \
		(l)->elf##bits.dynamic[2].d_un.d_val = sizeof((l)->strings);                    \
	} while (0)

static inline struct tiny_library library_make(int machine, const char *soname)
{
	struct tiny_library l;
	bool is64 = machine == EM_X86_64 || machine == EM_AARCH64;
	unsigned char ident[EI_NIDENT] = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
		is64 ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT };

	memset(&l, 0, sizeof(l));
	if (is64)
		FILL_LIBRARY(&l, 64, (Elf64_Half)machine, soname);
	else
		FILL_LIBRARY(&l, 32, (Elf32_Half)machine, soname);
	memcpy(&l, ident, sizeof(ident));
	(void)snprintf(l.strings + 1, sizeof(l.strings) - 1, "%s", soname ? soname : "");
	return l;
}

static inline void put_library(const struct machine *m, const char *path, int machine,
	const char *soname)
{
	struct tiny_library l = library_make(machine, soname);

	scratch_write_bytes(m->scratch, path, &l, sizeof(l));
}

static inline void put_file(const struct machine *m, const char *path)
{
	scratch_write(m->scratch, path, "x\n");
}

static inline void put_link(const struct machine *m, const char *path, const char *target)
{
	scratch_link(m->scratch, path, target);
}
