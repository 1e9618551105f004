/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <sys/mman.h>

#include "base/file.h"
#include "format/elf.h"

static void check_info(const struct elf_info *info)
{
	CHECK(info->elf_class == 32 || info->elf_class == 64);
	CHECK(!info->soname || strlen(info->soname) < 256);
	CHECK(!info->interpreter || strlen(info->interpreter) < 4096);
	CHECK(info->needed.n <= ELF_MAX_NEEDED);
	for (size_t i = 0; i < info->needed.n; i++)
		CHECK(strlen(info->needed.items[i]) < 256);
}

static void read_note(int fd, const char *section, const char *owner)
{
	const struct elf_note wanted = { .section = section, .owner = owner, .any_type = true };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	const char *data = NULL;
	size_t size = 0;
	int r = elf_read_note(fd, &wanted, a, &data, &size, &err);

	CHECK((r < 0) == (err != NULL));
	CHECK((r == 1) == (data != NULL));
	CHECK(r <= 0 || data[size] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("elf", MFD_CLOEXEC);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct elf_info info;
	int r;

	CHECK(fd >= 0 && file_write_fd(fd, data, size) == 0);
	r = elf_read(fd, a, &info, &err);
	CHECK((r < 0) == (err != NULL));
	if (r > 0)
		check_info(&info);
	read_note(fd, NULL, "GNU");
	read_note(fd, ".note.made", "Made");
	return 0;
}
