/* SPDX-License-Identifier: Apache-2.0 */
#include "format/elf.h"

#include <inttypes.h>
#include <string.h>

#include "format/elf_reader.h"

#define MAX_DYNAMIC 1024
/* A name is a file name (255 bytes), an interpreter a path. */
#define MAX_NAME_BYTES	      256
#define MAX_INTERPRETER_BYTES 4096
#define WINDOW_BYTES	      8192

static const struct elf_segment *find_segment(const struct elf_segments *t, uint32_t type)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].type == type)
			return &t->items[i];
	return NULL;
}

/* Where the byte that is loaded at `address` lies in the file, and how many follow it there. */
static bool offset_of_address(const struct elf_segments *t, uint64_t address, uint64_t *ret_offset,
	uint64_t *ret_available)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct elf_segment *s = &t->items[i];
		uint64_t within = address - s->address;

		if (s->type != PT_LOAD || address < s->address || within >= s->file_size)
			continue;
		*ret_available = s->file_size - within;
		return !__builtin_add_overflow(s->offset, within, ret_offset);
	}
	return false;
}

static int read_interpreter(const struct elf_reader *f, const struct elf_segments *t,
	struct arena *a, const char **ret, struct nvb_error **err)
{
	const struct elf_segment *s = find_segment(t, PT_INTERP);
	char path[MAX_INTERPRETER_BYTES];
	char *copy;
	int r;

	if (!s)
		return 0;
	if (!s->file_size || s->file_size > sizeof(path))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: an interpreter path of %" PRIu64 " bytes",
			s->file_size);
	r = elf_reader_bytes(
		f, s->offset, path, (size_t)s->file_size, "the bytes of its interpreter path", err);
	if (r < 0)
		return r;
	if (path[s->file_size - 1])
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: its interpreter path has no end");
	copy = arena_strdup(a, path);
	if (!copy)
		return NVB_OOM(err);
	*ret = copy;
	return 0;
}

/* What the dynamic section says, before the string table is read. */
struct dynamic {
	bool has_soname, has_strings;
	uint64_t soname;
	uint64_t strings_address, strings_size;
	uint64_t needed[ELF_MAX_NEEDED];
	size_t n_needed;
};

static int take_dynamic(struct dynamic *d, uint64_t tag, uint64_t value, struct nvb_error **err)
{
	switch (tag) {
	case DT_SONAME:
		d->has_soname = true;
		d->soname = value;
		break;
	case DT_STRTAB:
		d->has_strings = true;
		d->strings_address = value;
		break;
	case DT_STRSZ:
		d->strings_size = value;
		break;
	case DT_NEEDED:
		if (d->n_needed == ELF_MAX_NEEDED)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"read the ELF file: it needs more than %d libraries",
				ELF_MAX_NEEDED);
		d->needed[d->n_needed++] = value;
		break;
	default:
		break;
	}
	return 0;
}

static int read_dynamic(const struct elf_reader *f, const struct elf_segment *s, struct dynamic *d,
	struct nvb_error **err)
{
	unsigned char raw[MAX_DYNAMIC * sizeof(Elf64_Dyn)];
	size_t entry_size = ELF_SIZE(f, Dyn);
	size_t n = s->file_size / entry_size > MAX_DYNAMIC ? MAX_DYNAMIC
							   : (size_t)s->file_size / entry_size;
	int r;

	r = elf_reader_bytes(
		f, s->offset, raw, n * entry_size, "the entries of its dynamic section", err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		const unsigned char *p = raw + i * entry_size;
		uint64_t tag = ELF_FIELD(f, p, Dyn, d_tag);

		if (tag == DT_NULL)
			return 0;
		r = take_dynamic(d, tag, ELF_FIELD(f, p, Dyn, d_un.d_val), err);
		if (r < 0)
			return r;
	}
	return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
		"read the ELF file: its dynamic section has no end in %zu entries", n);
}

/* The string table of the file, seen through a window that moves only when it must: the names
 * that are asked for usually lie side by side. */
struct strings {
	const struct elf_reader *f;
	uint64_t offset, size;
	uint64_t first; /* the lowest index that will be asked for */
	uint64_t window_start;
	size_t window_length;
	char window[WINDOW_BYTES];
};

static bool window_has(const struct strings *s, uint64_t index)
{
	return index >= s->window_start && index - s->window_start < s->window_length &&
	       memchr(s->window + (index - s->window_start), '\0',
		       s->window_length - (size_t)(index - s->window_start));
}

static int window_load(struct strings *s, uint64_t index, struct nvb_error **err)
{
	uint64_t start = index - s->first < WINDOW_BYTES - MAX_NAME_BYTES ? s->first : index;
	size_t length = s->size - start < WINDOW_BYTES ? (size_t)(s->size - start) : WINDOW_BYTES;

	int r;

	s->window_start = start;
	s->window_length = 0;
	r = elf_reader_some(s->f, s->offset + start, s->window, length, &s->window_length, err);
	if (r < 0)
		return r;
	if (s->window_length < length)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: its string table lies outside it");
	return 0;
}

static int strings_add(struct strings *s, uint64_t index, const char *what, struct arena *a,
	const char **ret, struct nvb_error **err)
{
	const char *text;
	char *copy;
	int r;

	if (index >= s->size)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: %s lies outside the string table", what);
	if (!window_has(s, index)) {
		r = window_load(s, index, err);
		if (r < 0)
			return r;
	}
	text = s->window + (index - s->window_start);
	if (!window_has(s, index) || strlen(text) >= MAX_NAME_BYTES)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read the ELF file: %s has no end", what);
	copy = arena_strdup(a, text);
	if (!copy)
		return NVB_OOM(err);
	*ret = copy;
	return 0;
}

static int strings_open(struct strings *s, const struct elf_reader *f, const struct elf_segments *t,
	const struct dynamic *d, struct nvb_error **err)
{
	uint64_t available;

	s->f = f;
	s->window_start = s->window_length = 0;
	s->size = d->strings_size;
	if (!d->has_strings || !offset_of_address(t, d->strings_address, &s->offset, &available) ||
		s->size > available || s->offset > UINT64_MAX - s->size)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read the ELF file: its string table lies outside the loaded segments");
	s->first = d->has_soname ? d->soname : UINT64_MAX;
	for (size_t i = 0; i < d->n_needed; i++)
		if (d->needed[i] < s->first)
			s->first = d->needed[i];
	return 0;
}

static int read_names(const struct elf_reader *f, const struct elf_segments *t,
	const struct dynamic *d, struct arena *a, struct elf_info *info, struct nvb_error **err)
{
	struct strings s;
	int r;

	if (!d->has_soname && !d->n_needed)
		return 0;
	r = strings_open(&s, f, t, d, err);
	if (r >= 0 && d->has_soname)
		r = strings_add(&s, d->soname, "its SONAME", a, &info->soname, err);
	for (size_t i = 0; r >= 0 && i < d->n_needed; i++) {
		const char **slot = vec_push(a, &info->needed);

		if (!slot)
			return NVB_OOM(err);
		r = strings_add(&s, d->needed[i], "the name of a needed library", a, slot, err);
	}
	return r;
}

int elf_read(int fd, struct arena *a, struct elf_info *ret, struct nvb_error **err)
{
	struct elf_info info = { 0 };
	struct dynamic dynamic = { 0 };
	const struct elf_segment *s;
	struct elf_segments t;
	struct elf_header h = { 0 };
	struct elf_reader f;
	int r;

	r = elf_reader_open(&f, fd, &h, err);
	if (r <= 0)
		return r;
	info.elf_class = f.is64 ? 64 : 32;
	info.type = h.type;
	info.machine = h.machine;
	r = elf_reader_segments(&f, &h, &t, err);
	if (r >= 0)
		r = read_interpreter(&f, &t, a, &info.interpreter, err);
	if (r < 0)
		return r;
	s = find_segment(&t, PT_DYNAMIC);
	/* A file with detached debug information keeps the header and drops the bytes. */
	if (s && s->file_size) {
		r = read_dynamic(&f, s, &dynamic, err);
		if (r >= 0)
			r = read_names(&f, &t, &dynamic, a, &info, err);
		if (r < 0)
			return r;
	}
	*ret = info;
	return 1;
}
