/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which C library a container root has, and in which directories its loader surely looks: those
 * that hold its own libc.so.6, since that is found without a cache on every distribution.
 *
 * Source: glibc, elf/dl-load.c (system directories); Debian multiarch; Fedora, Arch, Void and
 * Gentoo as they are installed; musl, ldso/dynlink.c.
 */
#include <elf.h>
#include <string.h>

#include "format/elf.h"
#include "host/container_root_read.h"

/*
 * In this order: a multiarch directory is more specific than the directory it lies in. The
 * 32-bit ones of a 64-bit system differ: Debian has i386-linux-gnu, Arch lib32, Fedora plain lib.
 */
static const char *const library_dirs[] = {
	"/usr/lib/x86_64-linux-gnu",
	"/lib/x86_64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
	"/lib/aarch64-linux-gnu",
	"/usr/lib/i386-linux-gnu",
	"/lib/i386-linux-gnu",
	"/usr/lib64",
	"/lib64",
	"/usr/lib32",
	"/lib32",
	"/usr/lib",
	"/lib",
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

/* The e_machine and class of the directory's libc.so.6; false: it has none that is sound. */
static bool read_libc(struct root_reader *r, const char *dir, struct elf_info *ret)
{
	_cleanup_(arena_freep) struct arena *scratch = arena_new();
	_cleanup_error_ struct nvb_error *ignored = NULL;
	_cleanup_close_ int fd = -1;
	const char *path;

	path = scratch ? root_join(scratch, dir, "libc.so.6") : NULL;
	if (!path)
		return false;
	fd = path_open_regular_in(r->root_fd, path);
	if (fd < 0 || elf_read(fd, scratch, ret, &ignored) <= 0)
		return false;
	/* The strings go with the scratch arena. */
	ret->soname = ret->interpreter = NULL;
	ret->needed = (struct string_list){ 0 };
	return ret->type == ET_DYN;
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
static int take_dir(struct root_reader *r, const char *resolved, const struct elf_info *libc)
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

static int try_dir(struct root_reader *r, const char *dir)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	errint_t e = path_resolve_in(r->root_fd, dir, &found);
	struct elf_info libc = { 0 };
	struct stat st;

	if (e == -ENOMEM)
		return -1;
	/* Links in a circle, or a file in the way: the root's own loader does not get there either. */
	if (e < 0 || !found.exists || fstat(found.fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (!root_is_library_place(found.path))
		return set_unsafe(r, dir, found.path);
	return read_libc(r, found.path, &libc) ? take_dir(r, found.path, &libc) : 0;
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
		if (try_dir(r, library_dirs[i]) < 0)
			return NVB_OOM(err);
	}
	if (r->root->lib64_dir || r->root->lib32_dir)
		r->root->libc = ROOT_LIBC_GLIBC;
	else if (has_musl(r))
		r->root->libc = ROOT_LIBC_MUSL;
	return 0;
}
