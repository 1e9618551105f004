/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of an ld.so.cache. Private to ldcache*.c.
 *
 * The new format: a header of 48 bytes, then entries of 24 bytes, then NUL-terminated strings, then
 * extensions. Offsets of strings count from the header. The old part, if there is one, stands
 * before it: a header of 16 bytes, entries of 12 bytes, strings; its offsets count from behind
 * its entries. All numbers have the machine's byte order; ours is little endian.
 */
#pragma once

#include <endian.h>
#include <string.h>

#include "format/ldcache.h"

#define OLD_MAGIC	 "ld.so-1.7.0"
#define OLD_HEADER_BYTES 16
#define OLD_ENTRY_BYTES	 12
#define NEW_MAGIC	 "glibc-ld.so.cache1.1"
#define NEW_MAGIC_BYTES	 20
#define NEW_HEADER_BYTES 48
#define NEW_ENTRY_BYTES	 24
#define NEW_ALIGN	 8

/* Offsets in the new header. */
#define AT_COUNT	20
#define AT_STRINGS_SIZE 24
#define AT_ENDIAN	28
#define AT_EXTENSIONS	32
#define ENDIAN_MASK	3
#define ENDIAN_UNSET	0
#define ENDIAN_LITTLE	2
#define ENDIAN_BIG	3

/* Offsets in an entry; the first three are those of the old format too. */
#define AT_FLAGS 0
#define AT_KEY	 4
#define AT_VALUE 8
#define AT_HWCAP 16

/* The extensions: magic and count, then sections of four numbers: tag, flags, offset, size. */
#define EXTENSION_MAGIC		0xeaa42174
#define EXTENSION_HEADER_BYTES	8
#define EXTENSION_SECTION_BYTES 16
/* Offsets of the names of glibc-hwcaps directories; an entry has an index into it. */
#define EXTENSION_TAG_HWCAPS 1
/* The upper half of an entry's hwcap then; its lower half is the index. Else: bits of old. */
#define HWCAP_IS_INDEX ((uint32_t)1 << 30)

#define MAX_SONAME_BYTES 256
#define MAX_PATH_BYTES	 4096

/* The entry's flags of an ABI; false for LDCACHE_OTHER. */
bool ldcache_flags_of_abi(enum ldcache_abi abi, uint32_t *ret_flags);

static inline uint32_t get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline void put32(unsigned char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}
