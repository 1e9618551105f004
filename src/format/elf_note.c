/* SPDX-License-Identifier: Apache-2.0 */
/* The notes of format/elf.h. */
#include "format/elf.h"

#include <inttypes.h>
#include <string.h>

#include "format/elf_reader.h"

#define MAX_SECTIONS	       4096
#define MAX_SECTION_NAME_BYTES 256

static size_t align_up(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}

static bool note_matches(
	const struct elf_note *wanted, uint32_t type, const unsigned char *owner, size_t owner_size)
{
	size_t length = strlen(wanted->owner);

	/* The size counts the NUL; some writers pad with more of them. */
	if (owner_size <= length || memcmp(owner, wanted->owner, length) != 0 || owner[length])
		return false;
	return wanted->any_type || wanted->type == type;
}

/* Looks through one note section or segment. */
static int find_note(const unsigned char *data, size_t size, size_t align,
	const struct elf_note *wanted, struct arena *a, const char **ret_data, size_t *ret_size,
	struct nvb_error **err)
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		size_t owner_size = elf_get32(data + at), desc_size = elf_get32(data + at + 4);
		uint32_t type = elf_get32(data + at + 8);
		size_t owner = at + sizeof(Elf64_Nhdr), desc;

		if (owner_size > size - owner)
			return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
				"read the ELF file: the owner of a note lies outside its section");
		desc = align_up(owner + owner_size, align);
		if (desc > size || desc_size > size - desc)
			return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
				"read the ELF file: the text of a note lies outside its section");
		if (note_matches(wanted, type, data + owner, owner_size)) {
			char *copy = arena_alloc(a, desc_size + 1);

			if (!copy)
				return NVB_OOM(err);
			memcpy(copy, data + desc, desc_size);
			*ret_data = copy;
			*ret_size = desc_size;
			return 1;
		}
		at = align_up(desc + desc_size, align);
		if (at > size)
			break;
	}
	return 0;
}

static int read_note_range(const struct elf_reader *f, uint64_t offset, uint64_t size,
	uint64_t align, const struct elf_note *wanted, struct arena *a, const char **ret_data,
	size_t *ret_size, struct nvb_error **err)
{
	_cleanup_free_ unsigned char *data = NULL;
	int r;

	if (size > ELF_MAX_NOTE_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"read the ELF file: notes of %" PRIu64 " bytes, more than %zu", size,
			ELF_MAX_NOTE_BYTES);
	data = malloc(size ? (size_t)size : 1);
	if (!data)
		return NVB_OOM(err);
	r = elf_reader_bytes(f, offset, data, (size_t)size, "its notes", err);
	if (r < 0)
		return r;
	/* 8 is used by .note.gnu.property; every other value means 4. */
	return find_note(
		data, (size_t)size, align == 8 ? 8 : 4, wanted, a, ret_data, ret_size, err);
}

static int search_segments(const struct elf_reader *f, const struct elf_header *h,
	const struct elf_note *wanted, struct arena *a, const char **ret_data, size_t *ret_size,
	struct nvb_error **err)
{
	struct elf_segments t;
	int r;

	r = elf_reader_segments(f, h, &t, err);
	for (size_t i = 0; r == 0 && i < t.n; i++) {
		const struct elf_segment *s = &t.items[i];

		if (s->type == PT_NOTE)
			r = read_note_range(f, s->offset, s->file_size, s->align, wanted, a,
				ret_data, ret_size, err);
	}
	return r;
}

/* Is this the name at `index` of the section name table? A name that is cut off is another one. */
static int section_name_is(const struct elf_reader *f, uint64_t names_offset, uint64_t index,
	const char *name, struct nvb_error **err)
{
	char text[MAX_SECTION_NAME_BYTES];
	size_t length = strlen(name) + 1, got;
	uint64_t offset;
	int r;

	if (length > sizeof(text) || __builtin_add_overflow(names_offset, index, &offset))
		return 0;
	r = elf_reader_some(f, offset, text, length, &got, err);
	if (r < 0)
		return r;
	return got == length && memcmp(text, name, length) == 0;
}

static int search_sections(const struct elf_reader *f, const struct elf_header *h,
	const struct elf_note *wanted, struct arena *a, const char **ret_data, size_t *ret_size,
	struct nvb_error **err)
{
	_cleanup_free_ unsigned char *raw = NULL;
	uint64_t names;
	int r;

	if (!h->n_sections || h->names_index >= h->n_sections)
		return 0;
	if (h->section_size != ELF_SIZE(f, Shdr))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: section headers of %u bytes", h->section_size);
	if (h->n_sections > MAX_SECTIONS)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read the ELF file: more than %d sections",
			MAX_SECTIONS);
	raw = malloc((size_t)h->n_sections * h->section_size);
	if (!raw)
		return NVB_OOM(err);
	r = elf_reader_bytes(f, h->sections_offset, raw, (size_t)h->n_sections * h->section_size,
		"its section headers", err);
	if (r < 0)
		return r;
	names = ELF_FIELD(f, raw + (size_t)h->names_index * h->section_size, Shdr, sh_offset);
	for (size_t i = 0; r == 0 && i < h->n_sections; i++) {
		const unsigned char *p = raw + i * h->section_size;

		if (ELF_FIELD(f, p, Shdr, sh_type) != SHT_NOTE)
			continue;
		r = section_name_is(f, names, ELF_FIELD(f, p, Shdr, sh_name), wanted->section, err);
		if (r > 0)
			r = read_note_range(f, ELF_FIELD(f, p, Shdr, sh_offset),
				ELF_FIELD(f, p, Shdr, sh_size), ELF_FIELD(f, p, Shdr, sh_addralign),
				wanted, a, ret_data, ret_size, err);
	}
	return r;
}

int elf_read_note(int fd, const struct elf_note *wanted, struct arena *a, const char **ret_data,
	size_t *ret_size, struct nvb_error **err)
{
	struct elf_header h = { 0 };
	struct elf_reader f;
	int r;

	r = elf_reader_open(&f, fd, &h, err);
	if (r <= 0)
		return r;
	return wanted->section ? search_sections(&f, &h, wanted, a, ret_data, ret_size, err)
			       : search_segments(&f, &h, wanted, a, ret_data, ret_size, err);
}
