/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/wine_files.h"

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/path.h"

#define WINE_DIR "nvidia/wine"

/* Source: Microsoft, "PE Format", MS-DOS stub, signature, COFF file header. */
#define PE_OFFSET_AT 0x3c
#define PE_MACHINE_I386 0x014c

/* NVIDIA's are 64-bit; only a header that says otherwise makes one 32-bit. */
static int dll_class(int fd)
{
	unsigned char header[6];
	uint32_t offset;

	if (pread(fd, &offset, sizeof(offset), PE_OFFSET_AT) != sizeof(offset) ||
		pread(fd, header, sizeof(header), (off_t)le32toh(offset)) != sizeof(header) ||
		memcmp(header, "PE\0\0", 4) != 0)
		return 64;
	return (header[4] | header[5] << 8) == PE_MACHINE_I386 ? 32 : 64;
}

static bool is_dll_name(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".dll") == 0;
}

static bool has_target(const struct gpu_driver *driver, const char *target, int elf_class)
{
	vec_foreach (struct driver_file, f, &driver->files) {
		if (f->elf_class == elf_class && strcmp(f->target, target) == 0)
			return true;
	}
	return false;
}

static int add_dll(struct gpu_discovery *d, struct gpu_driver *driver, const char *path,
	struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved real = PATH_RESOLVED_INIT;
	_cleanup_close_ int fd =
		host_tree_open_file(d->tree, path, 0);
	struct arena *a = d->inv->arena;
	struct driver_file *file;
	const char *target;
	struct stat st;
	int class;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		host_tree_resolve(d->tree, path, &real) < 0 || !real.exists)
		return 0;
	class = dll_class(fd);
	target = arena_printf(a, WINE_DIR "/%s", path_base_name(path));
	if (!target)
		return NVB_OOM(err);
	if (has_target(driver, target, class))
		return 0;
	file = vec_push(a, &driver->files);
	if (!file)
		return NVB_OOM(err);
	*file = (struct driver_file){
		.kind = DRIVER_FILE_LIBRARY,
		.needed_for = CAPABILITY_NGX,
		.requires_all = class == 32 ? CAPABILITY_COMPAT32 : 0,
		.host_path = host_tree_path(d->tree, a, real.path),
		.target = target,
		.elf_class = class,
	};
	return file->host_path ? 0 : NVB_OOM(err);
}

int wine_files_find(struct gpu_discovery *d, struct gpu_driver *driver,
	const struct string_list *library_dirs, struct nvb_error **err)
{
	for (size_t i = 0; i < library_dirs->n; i++) {
		struct string_list names = { 0 };
		_cleanup_free_ char *dir = NULL;
		int r = 0;

		if (asprintf(&dir, "%s/" WINE_DIR, library_dirs->items[i]) < 0)
			return NVB_OOM(err);
		if (host_tree_list(d->tree, d->inv->arena, dir, &names) == -ENOMEM)
			return NVB_OOM(err);
		for (size_t j = 0; j < names.n && r >= 0; j++) {
			_cleanup_free_ char *path = NULL;

			if (!is_dll_name(names.items[j]))
				continue;
			if (asprintf(&path, "%s/%s", dir, names.items[j]) < 0)
				return NVB_OOM(err);
			r = add_dll(d, driver, path, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}
