/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which C library a container root has, and in which directories its loader surely looks: those
 * that hold its own libc.so.6, since that is found without a cache on every distribution.
 *
 * Source: glibc, elf/dl-load.c (system directories); Debian multiarch; Fedora, Arch, Void and
 * Gentoo as they are installed; musl, ldso/dynlink.c.
 */
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/container_root_read.h"

struct libc {
	int elf_class;
	int machine;
};

/*
 * In this order: a multiarch directory is more specific than the directory it lies in, and its name
 * says what its libc is. The 32-bit ones of a 64-bit system differ: Debian has i386-linux-gnu, Arch
 * lib32, Fedora plain lib.
 */
static const struct {
	const char *path;
	struct libc libc; /* elf_class 0: only the file itself tells */
} library_dirs[] = {
	{ "/usr/lib/x86_64-linux-gnu", { 64, EM_X86_64 } },
	{ "/lib/x86_64-linux-gnu", { 64, EM_X86_64 } },
	{ "/usr/lib/aarch64-linux-gnu", { 64, EM_AARCH64 } },
	{ "/lib/aarch64-linux-gnu", { 64, EM_AARCH64 } },
	{ "/usr/lib/i386-linux-gnu", { 32, EM_386 } },
	{ "/lib/i386-linux-gnu", { 32, EM_386 } },
	{ "/usr/lib64", { 0 } },
	{ "/lib64", { 0 } },
	{ "/usr/lib32", { 0 } },
	{ "/lib32", { 0 } },
	{ "/usr/lib", { 0 } },
	{ "/lib", { 0 } },
};

static const char *const musl_loaders[] = {
	"/lib/ld-musl-x86_64.so.1",
	"/lib/ld-musl-aarch64.so.1",
	"/lib/ld-musl-i386.so.1",
	"/lib/ld-musl-armhf.so.1",
};

#if defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#define NATIVE_MACHINE EM_X86_64
#endif

/* From the part of an ELF file's head that both classes share. False: it is none that is sound. */
static bool read_head(const struct root_reader *r, const char *path, struct libc *ret)
{
	_cleanup_close_ int fd = path_open_regular_in(r->root_fd, path);
	Elf32_Ehdr head; /* the shorter one; equal up to e_version */

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
		head.e_ident[EI_DATA] != ELFDATA2LSB || le16toh(head.e_type) != ET_DYN)
		return false;
	if (head.e_ident[EI_CLASS] != ELFCLASS64 && head.e_ident[EI_CLASS] != ELFCLASS32)
		return false;
	ret->elf_class = head.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	ret->machine = le16toh(head.e_machine);
	return true;
}

/* `known`: what the directory's name says. False: the directory has no libc.so.6. */
static bool read_libc(struct root_reader *r, const struct path_resolved *dir,
	const struct libc *known, struct libc *ret)
{
	const char *path;
	struct stat st;

	if (fstatat(dir->fd, "libc.so.6", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	/* One that is damaged harms nobody but the image: none of its programs starts. */
	if (S_ISREG(st.st_mode) && known->elf_class) {
		*ret = *known;
		return true;
	}
	path = root_join(r->a, dir->path, "libc.so.6");
	return path && read_head(r, path, ret);
}

static int set_unsafe(struct root_reader *r, const char *path, const char *resolved)
{
	if (r->root->unsafe_path)
		return 0;
	r->root->unsafe_path = path;
	r->root->unsafe_reason = arena_printf(r->a, "'%s' leads to '%s'", path, resolved);
	return r->root->unsafe_reason ? 0 : -1;
}

/* A multiarch root may hold libraries of a foreign machine: those of this one come first. */
static int take_dir(struct root_reader *r, const char *resolved, const struct libc *libc)
{
	const char **place = libc->elf_class == 64 ? &r->root->lib64_dir : &r->root->lib32_dir;

	if (libc->elf_class == 64) {
		if (*place && (r->machine64 == NATIVE_MACHINE || libc->machine != NATIVE_MACHINE))
			return 0;
		r->machine64 = libc->machine;
	} else if (*place) {
		return 0;
	}
	*place = arena_strdup(r->a, resolved);
	return *place ? 0 : -1;
}

static int try_dir(struct root_reader *r, const char *dir, const struct libc *known)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	errint_t e = root_resolve(r, dir, &found);
	struct libc libc;
	struct stat st;

	if (e == -ENOMEM)
		return -1;
	/* Links in a circle, or a file in the way: the root's own loader does not get there either.
	 */
	if (e < 0 || !found.exists)
		return 0;
	if (!root_is_library_place(found.path))
		return fstat(found.fd, &st) == 0 && S_ISDIR(st.st_mode)
			       ? set_unsafe(r, dir, found.path)
			       : 0;
	return read_libc(r, &found, known, &libc) ? take_dir(r, found.path, &libc) : 0;
}

/* It is what another directory of the table is, which was tried before. -1: out of memory. */
static int is_tried(struct root_reader *r, size_t index)
{
	const char *path;

	if (root_rewrite(r, library_dirs[index].path, &path) < 0)
		return -1;
	for (size_t i = 0; i < index; i++) {
		if (strcmp(library_dirs[i].path, path) == 0)
			return 1;
	}
	return 0;
}

static bool has_musl(const struct root_reader *r)
{
	for (size_t i = 0; i < ELEMENTS(musl_loaders); i++) {
		struct stat st;

		if (path_stat_in(r->root_fd, musl_loaders[i], &st) == 0 && S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

/* glibc first: Debian's package of musl puts a musl loader beside it. */
int root_read_libc(struct root_reader *r, struct nvb_error **err)
{
	for (size_t i = 0; i < ELEMENTS(library_dirs); i++) {
		int tried = is_tried(r, i);

		if (tried < 0 ||
			(!tried && try_dir(r, library_dirs[i].path, &library_dirs[i].libc) < 0))
			return NVB_OOM(err);
	}
	if (r->root->lib64_dir || r->root->lib32_dir)
		r->root->libc = ROOT_LIBC_GLIBC;
	else if (has_musl(r))
		r->root->libc = ROOT_LIBC_MUSL;
	return 0;
}
