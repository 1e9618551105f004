/* SPDX-License-Identifier: Apache-2.0 */
/* Files are made here, field by field, so that each can lie about one thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <endian.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.h"
#include "format/elf.h"

#define IMAGE_BYTES	 0x3000
#define BASE_ADDRESS	 0x10000
#define AT_INTERP	 0x400
#define AT_NOTE		 0x480
#define AT_DYNAMIC	 0x800
#define AT_STRINGS	 0x1000 /* behind the first page */
#define AT_SECTIONS	 0x2800
#define AT_SECTION_NAMES 0x2c00

static const char strings[] = "\0libc.so.6\0libmade.so.1\0libm.so.6\0";
#define STR_LIBC   1
#define STR_SONAME 11
#define STR_LIBM   24

static const char interpreter[] = "/lib64/ld-linux-x86-64.so.2";
static const char section_names[] = "\0.note.other\0.note.made\0.shstrtab\0";
#define NAME_NOTE 13

struct image {
	bool is64;
	unsigned char bytes[IMAGE_BYTES];
};

static void put(unsigned char *p, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

#define SIZE(m, type) ((m)->is64 ? sizeof(Elf64_##type) : sizeof(Elf32_##type))
#define SET(m, at, type, member, value)                                                            \
	((m)->is64 ? put((m)->bytes + (at) + offsetof(Elf64_##type, member),                       \
			     sizeof(((Elf64_##type *)0)->member), (value))                         \
		   : put((m)->bytes + (at) + offsetof(Elf32_##type, member),                       \
			     sizeof(((Elf32_##type *)0)->member), (value)))

enum { LOAD, DYNAMIC, INTERP, NOTE, N_SEGMENTS };

static size_t segment_at(const struct image *m, size_t i)
{
	return SIZE(m, Ehdr) + i * SIZE(m, Phdr);
}

static void set_segment(struct image *m, size_t i, uint32_t type, uint64_t offset, uint64_t size)
{
	size_t at = segment_at(m, i);

	SET(m, at, Phdr, p_type, type);
	SET(m, at, Phdr, p_offset, offset);
	SET(m, at, Phdr, p_vaddr, BASE_ADDRESS + offset);
	SET(m, at, Phdr, p_filesz, size);
	SET(m, at, Phdr, p_align, 4);
}

static void set_dynamic(struct image *m, size_t i, uint64_t tag, uint64_t value)
{
	size_t at = AT_DYNAMIC + i * SIZE(m, Dyn);

	SET(m, at, Dyn, d_tag, tag);
	SET(m, at, Dyn, d_un.d_val, value);
}

enum { DYN_NEEDED, DYN_SONAME, DYN_STRTAB, DYN_STRSZ, DYN_NEEDED2, DYN_NULL, N_DYNAMIC };

static void set_section(
	struct image *m, size_t i, uint32_t name, uint32_t type, uint64_t offset, uint64_t size)
{
	size_t at = AT_SECTIONS + i * SIZE(m, Shdr);

	SET(m, at, Shdr, sh_name, name);
	SET(m, at, Shdr, sh_type, type);
	SET(m, at, Shdr, sh_offset, offset);
	SET(m, at, Shdr, sh_size, size);
	SET(m, at, Shdr, sh_addralign, 4);
}

/* Two notes: owner "Other" type 1 "xy", owner "Made" type 7 "payload". */
static const unsigned char notes[] = {
	6,
	0,
	0,
	0,
	2,
	0,
	0,
	0,
	1,
	0,
	0,
	0,
	'O',
	't',
	'h',
	'e',
	'r',
	0,
	0,
	0,
	'x',
	'y',
	0,
	0,
	5,
	0,
	0,
	0,
	7,
	0,
	0,
	0,
	7,
	0,
	0,
	0,
	'M',
	'a',
	'd',
	'e',
	0,
	0,
	0,
	0,
	'p',
	'a',
	'y',
	'l',
	'o',
	'a',
	'd',
	0,
};

static void image_make(struct image *m, bool is64)
{
	memset(m, 0, sizeof(*m));
	m->is64 = is64;
	memcpy(m->bytes, ELFMAG, SELFMAG);
	m->bytes[EI_CLASS] = is64 ? ELFCLASS64 : ELFCLASS32;
	m->bytes[EI_DATA] = ELFDATA2LSB;
	m->bytes[EI_VERSION] = EV_CURRENT;
	SET(m, 0, Ehdr, e_type, ET_DYN);
	SET(m, 0, Ehdr, e_machine, is64 ? EM_X86_64 : EM_386);
	SET(m, 0, Ehdr, e_phoff, SIZE(m, Ehdr));
	SET(m, 0, Ehdr, e_phentsize, SIZE(m, Phdr));
	SET(m, 0, Ehdr, e_phnum, N_SEGMENTS);
	SET(m, 0, Ehdr, e_shoff, AT_SECTIONS);
	SET(m, 0, Ehdr, e_shentsize, SIZE(m, Shdr));
	SET(m, 0, Ehdr, e_shnum, 3);
	SET(m, 0, Ehdr, e_shstrndx, 2);
	set_segment(m, LOAD, PT_LOAD, 0, 0x2000);
	set_segment(m, DYNAMIC, PT_DYNAMIC, AT_DYNAMIC, N_DYNAMIC * SIZE(m, Dyn));
	set_segment(m, INTERP, PT_INTERP, AT_INTERP, sizeof(interpreter));
	set_segment(m, NOTE, PT_NOTE, AT_NOTE, sizeof(notes));
	set_dynamic(m, DYN_NEEDED, DT_NEEDED, STR_LIBC);
	set_dynamic(m, DYN_SONAME, DT_SONAME, STR_SONAME);
	set_dynamic(m, DYN_STRTAB, DT_STRTAB, BASE_ADDRESS + AT_STRINGS);
	set_dynamic(m, DYN_STRSZ, DT_STRSZ, sizeof(strings));
	set_dynamic(m, DYN_NEEDED2, DT_NEEDED, STR_LIBM);
	set_dynamic(m, DYN_NULL, DT_NULL, 0);
	memcpy(m->bytes + AT_INTERP, interpreter, sizeof(interpreter));
	memcpy(m->bytes + AT_NOTE, notes, sizeof(notes));
	memcpy(m->bytes + AT_STRINGS, strings, sizeof(strings));
	memcpy(m->bytes + AT_SECTION_NAMES, section_names, sizeof(section_names));
	set_section(m, 0, 0, SHT_NULL, 0, 0);
	set_section(m, 1, NAME_NOTE, SHT_NOTE, AT_NOTE, sizeof(notes));
	set_section(m, 2, 24, SHT_STRTAB, AT_SECTION_NAMES, sizeof(section_names));
}

static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, bytes, size), 0);
	return fd;
}

static int read_bytes(const void *bytes, size_t size, struct arena *a, struct elf_info *info,
	struct nvb_error **err)
{
	_cleanup_close_ int fd = file_with(bytes, size);

	return elf_read(fd, a, info, err);
}

static void test_reads_both_classes(void **state)
{
	(void)state;
	for (int is64 = 0; is64 < 2; is64++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_error_ struct nvb_error *err = NULL;
		struct elf_info info;
		struct image m;

		image_make(&m, is64);
		assert_int_equal(read_bytes(m.bytes, sizeof(m.bytes), a, &info, &err), 1);
		assert_int_equal(info.elf_class, is64 ? 64 : 32);
		assert_int_equal(info.machine, is64 ? EM_X86_64 : EM_386);
		assert_int_equal(info.type, ET_DYN);
		assert_string_equal(info.soname, "libmade.so.1");
		assert_string_equal(info.interpreter, interpreter);
		assert_int_equal(info.needed.n, 2);
		assert_string_equal(info.needed.items[0], "libc.so.6");
		assert_string_equal(info.needed.items[1], "libm.so.6");
	}
}

static void test_not_elf(void **state)
{
	static const char *const texts[] = { "", "\x7f", "\x7f\x45L", "#!/bin/sh\n",
		"INPUT ( /lib/libc.so.6 )", "MZ\x90" };
	struct elf_info info = { .elf_class = 42 };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		assert_int_equal(read_bytes(texts[i], strlen(texts[i]), NULL, &info, NULL), 0);
	assert_int_equal(info.elf_class, 42);
}

static void test_cannot_be_read(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct elf_info info;

	(void)state;
	assert_int_equal(elf_read(fd, NULL, &info, &err), NVB_ERR_IO);
	assert_int_equal(nvb_error_errno(err), EISDIR);
}

static void test_without_dynamic_section(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct elf_info info;
	struct image m;

	(void)state;
	image_make(&m, true);
	SET(&m, 0, Ehdr, e_phnum, 0);
	assert_int_equal(read_bytes(m.bytes, sizeof(m.bytes), a, &info, NULL), 1);
	assert_null(info.soname);
	assert_null(info.interpreter);
	assert_int_equal(info.needed.n, 0);
	/* Detached debug information: the header without the bytes. */
	image_make(&m, true);
	set_segment(&m, DYNAMIC, PT_DYNAMIC, AT_DYNAMIC, 0);
	assert_int_equal(read_bytes(m.bytes, sizeof(m.bytes), a, &info, NULL), 1);
	assert_null(info.soname);
	assert_non_null(info.interpreter);
}

/* A prefix of a good file is never read as a whole one, and never crashes. */
static void test_every_truncation(void **state)
{
	(void)state;
	for (int is64 = 0; is64 < 2; is64++) {
		struct image m;

		image_make(&m, is64);
		for (size_t size = 0; size < AT_STRINGS + sizeof(strings) - 2; size++) {
			_cleanup_(arena_freep) struct arena *a = arena_new();
			_cleanup_error_ struct nvb_error *err = NULL;
			struct elf_info info;
			int r = read_bytes(m.bytes, size, a, &info, &err);

			if (size < SELFMAG)
				assert_int_equal(r, 0);
			else
				assert_int_equal(r, NVB_ERR_FORMAT);
		}
	}
}

static void assert_lie(const struct image *m, int status, const char *part)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct elf_info info = { .elf_class = 42 };

	if (read_bytes(m->bytes, sizeof(m->bytes), a, &info, &err) != status)
		fail_msg("'%s' instead of: %s", nvb_error_message(err), part);
	if (!strstr(nvb_error_message(err), part))
		fail_msg("'%s' does not say: %s", nvb_error_message(err), part);
	assert_int_equal(info.elf_class, 42);
}

#define LIE(change, part)                                                                          \
	do {                                                                                       \
		image_make(&m, is64);                                                              \
		change;                                                                            \
		assert_lie(&m, NVB_ERR_FORMAT, (part));                                            \
	} while (0)

static void lies_of_class(bool is64)
{
	struct image m;

	LIE(m.bytes[EI_CLASS] = 3, "its class is 3");
	LIE(m.bytes[EI_DATA] = 0, "its byte order 0");
	LIE(SET(&m, 0, Ehdr, e_phoff, UINT64_MAX), "its program headers lie outside it");
	LIE(SET(&m, 0, Ehdr, e_phoff, IMAGE_BYTES - 8), "its program headers lie outside it");
	LIE(SET(&m, 0, Ehdr, e_phentsize, 1), "program headers of 1 bytes");
	LIE(set_segment(&m, INTERP, PT_INTERP, UINT64_MAX - 4, 16),
		"its interpreter path lie outside");
	LIE(set_segment(&m, INTERP, PT_INTERP, AT_INTERP, 0), "an interpreter path of 0 bytes");
	LIE(set_segment(&m, INTERP, PT_INTERP, AT_INTERP, 4097), "an interpreter path of 4097");
	LIE(set_segment(&m, INTERP, PT_INTERP, AT_INTERP, 5), "its interpreter path has no end");
	LIE(set_segment(&m, DYNAMIC, PT_DYNAMIC, IMAGE_BYTES - 4, 4096), "its dynamic section lie");
	LIE(set_segment(&m, DYNAMIC, PT_DYNAMIC, AT_DYNAMIC, 2 * SIZE(&m, Dyn)),
		"its dynamic section has no end in 2 entries");
	LIE(set_dynamic(&m, DYN_STRTAB, DT_STRTAB, BASE_ADDRESS - 1), "its string table lies");
	LIE(set_dynamic(&m, DYN_STRTAB, DT_STRTAB, BASE_ADDRESS + 0x2000), "its string table lies");
	LIE(set_dynamic(&m, DYN_STRTAB, DT_DEBUG, 0), "its string table lies");
	LIE(set_dynamic(&m, DYN_STRSZ, DT_STRSZ, 0x1001), "its string table lies");
	LIE(set_dynamic(&m, DYN_STRSZ, DT_STRSZ, UINT64_MAX), "its string table lies");
	LIE(set_dynamic(&m, DYN_SONAME, DT_SONAME, sizeof(strings)), "its SONAME lies outside");
	LIE(set_dynamic(&m, DYN_SONAME, DT_SONAME, UINT64_MAX), "its SONAME lies outside");
	LIE(set_dynamic(&m, DYN_STRSZ, DT_STRSZ, STR_SONAME + 3), "its SONAME has no end");
	LIE(set_dynamic(&m, DYN_NEEDED, DT_NEEDED, 5000), "a needed library lies outside");
	LIE(memset(m.bytes + AT_STRINGS + STR_SONAME, 'x', 300);
		set_dynamic(&m, DYN_STRSZ, DT_STRSZ, 1000), "its SONAME has no end");
	LIE(SET(&m, segment_at(&m, LOAD), Phdr, p_offset, UINT64_MAX), "its string table lies");
}

static void test_lies(void **state)
{
	(void)state;
	lies_of_class(true);
	lies_of_class(false);
}

static void test_limits(void **state)
{
	struct image m;

	(void)state;
	image_make(&m, true);
	m.bytes[EI_DATA] = ELFDATA2MSB;
	assert_lie(&m, NVB_ERR_UNSUPPORTED, "big-endian");
	image_make(&m, true);
	SET(&m, 0, Ehdr, e_phnum, 0xffff);
	assert_lie(&m, NVB_ERR_LIMIT, "65535 program headers");
	image_make(&m, true);
	set_segment(&m, DYNAMIC, PT_DYNAMIC, AT_STRINGS, 0x1800);
	for (size_t i = 0; i < 300; i++)
		put(m.bytes + AT_STRINGS + i * 16, 8, DT_NEEDED);
	assert_lie(&m, NVB_ERR_LIMIT, "it needs more than 256 libraries");
}

static int read_note(const struct image *m, const struct elf_note *wanted, struct arena *a,
	const char **data, size_t *size, struct nvb_error **err)
{
	_cleanup_close_ int fd = file_with(m->bytes, sizeof(m->bytes));

	return elf_read_note(fd, wanted, a, data, size, err);
}

static void test_notes(void **state)
{
	static const char *const places[] = { NULL, ".note.made" };

	(void)state;
	for (size_t i = 0; i < 2 * ELEMENTS(places); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct elf_note wanted = { .section = places[i / 2], .owner = "Made", .type = 7 };
		const char *data = NULL;
		size_t size = 0;
		struct image m;

		image_make(&m, i % 2);
		assert_int_equal(read_note(&m, &wanted, a, &data, &size, NULL), 1);
		assert_int_equal(size, 7);
		assert_string_equal(data, "payload");
		wanted.type = 8;
		assert_int_equal(read_note(&m, &wanted, a, &data, &size, NULL), 0);
		wanted.any_type = true;
		assert_int_equal(read_note(&m, &wanted, a, &data, &size, NULL), 1);
		wanted.owner = "Mad";
		assert_int_equal(read_note(&m, &wanted, a, &data, &size, NULL), 0);
		wanted.owner = "Other";
		assert_int_equal(read_note(&m, &wanted, a, &data, &size, NULL), 1);
		assert_string_equal(data, "xy");
		wanted.section = ".note";
		assert_int_equal(read_note(&m, &wanted, a, &data, &size, NULL), 0);
	}
}

static void assert_note_lie(
	const struct image *m, const char *section, int status, const char *part)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct elf_note wanted = { .section = section, .owner = "Made", .type = 7 };
	const char *data = NULL;
	size_t size;

	assert_int_equal(read_note(m, &wanted, a, &data, &size, &err), status);
	assert_non_null(strstr(nvb_error_message(err), part));
	assert_null(data);
}

static void test_note_lies(void **state)
{
	struct image m;

	(void)state;
	image_make(&m, true);
	put(m.bytes + AT_NOTE, 4, UINT32_MAX);
	assert_note_lie(&m, NULL, NVB_ERR_FORMAT, "the owner of a note");
	image_make(&m, true);
	put(m.bytes + AT_NOTE + 4, 4, UINT32_MAX);
	assert_note_lie(&m, ".note.made", NVB_ERR_FORMAT, "the text of a note");
	image_make(&m, true);
	put(m.bytes + AT_NOTE + 24 + 4, 4, 9);
	assert_note_lie(&m, NULL, NVB_ERR_FORMAT, "the text of a note");
	image_make(&m, true);
	set_segment(&m, NOTE, PT_NOTE, AT_NOTE, ELF_MAX_NOTE_BYTES + 1);
	assert_note_lie(&m, NULL, NVB_ERR_LIMIT, "notes of 65537 bytes");
	image_make(&m, true);
	set_segment(&m, NOTE, PT_NOTE, IMAGE_BYTES - 1, 64);
	assert_note_lie(&m, NULL, NVB_ERR_FORMAT, "its notes lie outside it");
	image_make(&m, true);
	SET(&m, 0, Ehdr, e_shoff, UINT64_MAX - 8);
	assert_note_lie(&m, ".note.made", NVB_ERR_FORMAT, "its section headers lie outside it");
	image_make(&m, true);
	SET(&m, 0, Ehdr, e_shnum, 5000);
	assert_note_lie(&m, ".note.made", NVB_ERR_LIMIT, "more than 4096 sections");
}

static void test_own_program(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_close_ int fd = -1;
	struct elf_info info;

	(void)state;
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(elf_read(fd, a, &info, NULL), 1);
	assert_int_equal(info.elf_class, sizeof(void *) * 8);
	assert_null(info.soname);
	assert_non_null(info.interpreter);
	assert_true(info.needed.n >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_both_classes),
		cmocka_unit_test(test_not_elf),
		cmocka_unit_test(test_cannot_be_read),
		cmocka_unit_test(test_without_dynamic_section),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_note_lies),
		cmocka_unit_test(test_own_program),
	};

	return cmocka_run_group_tests_name("format/elf", tests, NULL, NULL);
}
