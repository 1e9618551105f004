/* SPDX-License-Identifier: Apache-2.0 */
#include "format/elf_reader.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

static uint16_t get16(const unsigned char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

uint32_t elf_get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

uint64_t elf_get(const unsigned char *p, size_t size)
{
	return size == 8 ? get64(p) : size == 4 ? elf_get32(p) : get16(p);
}

int elf_reader_some(const struct elf_reader *f, uint64_t offset, void *buffer, size_t length,
	size_t *ret_length, struct nvb_error **err)
{
	size_t done = 0;

	if (offset > (uint64_t)INT64_MAX - length) {
		*ret_length = 0;
		return 0;
	}
	while (done < length) {
		ssize_t n =
			pread(f->fd, (char *)buffer + done, length - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NVB_RAISE(err, NVB_ERR_IO, errno, "read the ELF file");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*ret_length = done;
	return 0;
}

int elf_reader_bytes(const struct elf_reader *f, uint64_t offset, void *buffer, size_t length,
	const char *what, struct nvb_error **err)
{
	size_t got = 0;
	int r;

	if (offset <= f->head_length && length <= f->head_length - offset) {
		memcpy(buffer, f->head + offset, length);
		return 0;
	}
	r = elf_reader_some(f, offset, buffer, length, &got, err);
	if (r < 0)
		return r;
	if (got < length)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: %s lie outside it (offset %" PRIu64 ", %zu bytes)",
			what, offset, length);
	return 0;
}

int elf_reader_open(struct elf_reader *f, int fd, struct elf_header *h, struct nvb_error **err)
{
	const unsigned char *p = f->head;
	int r;

	f->fd = fd;
	r = elf_reader_some(f, 0, f->head, sizeof(f->head), &f->head_length, err);
	if (r < 0)
		return r;
	if (f->head_length < SELFMAG || memcmp(p, ELFMAG, SELFMAG) != 0)
		return 0;
	if (f->head_length < EI_NIDENT)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "read the ELF file: it ends in its header");
	if (p[EI_CLASS] != ELFCLASS32 && p[EI_CLASS] != ELFCLASS64)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: its class is %u, not 32 or 64 bit", p[EI_CLASS]);
	if (p[EI_DATA] == ELFDATA2MSB)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"read the ELF file: it is for a big-endian machine");
	if (p[EI_DATA] != ELFDATA2LSB)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: its byte order %u is unknown", p[EI_DATA]);
	f->is64 = p[EI_CLASS] == ELFCLASS64;
	if (f->head_length < ELF_SIZE(f, Ehdr))
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "read the ELF file: it ends in its header");
	*h = (struct elf_header){
		.segments_offset = ELF_FIELD(f, p, Ehdr, e_phoff),
		.sections_offset = ELF_FIELD(f, p, Ehdr, e_shoff),
		.type = (uint16_t)ELF_FIELD(f, p, Ehdr, e_type),
		.machine = (uint16_t)ELF_FIELD(f, p, Ehdr, e_machine),
		.segment_size = (uint16_t)ELF_FIELD(f, p, Ehdr, e_phentsize),
		.n_segments = (uint16_t)ELF_FIELD(f, p, Ehdr, e_phnum),
		.section_size = (uint16_t)ELF_FIELD(f, p, Ehdr, e_shentsize),
		.n_sections = (uint16_t)ELF_FIELD(f, p, Ehdr, e_shnum),
		.names_index = (uint16_t)ELF_FIELD(f, p, Ehdr, e_shstrndx),
	};
	return 1;
}

int elf_reader_segments(const struct elf_reader *f, const struct elf_header *h,
	struct elf_segments *t, struct nvb_error **err)
{
	unsigned char raw[ELF_MAX_SEGMENTS * sizeof(Elf64_Phdr)];
	int r;

	t->n = 0;
	if (!h->n_segments)
		return 0;
	if (h->segment_size != ELF_SIZE(f, Phdr))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: program headers of %u bytes", h->segment_size);
	if (h->n_segments > ELF_MAX_SEGMENTS)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"read the ELF file: %u program headers, more than %d", h->n_segments,
			ELF_MAX_SEGMENTS);
	r = elf_reader_bytes(f, h->segments_offset, raw, (size_t)h->n_segments * h->segment_size,
		"its program headers", err);
	if (r < 0)
		return r;
	for (; t->n < h->n_segments; t->n++) {
		const unsigned char *p = raw + t->n * h->segment_size;

		t->items[t->n] = (struct elf_segment){
			.type = (uint32_t)ELF_FIELD(f, p, Phdr, p_type),
			.offset = ELF_FIELD(f, p, Phdr, p_offset),
			.address = ELF_FIELD(f, p, Phdr, p_vaddr),
			.file_size = ELF_FIELD(f, p, Phdr, p_filesz),
			.align = ELF_FIELD(f, p, Phdr, p_align),
		};
	}
	return 0;
}
