/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/driver_groups.h"

#include <stdint.h>
#include <string.h>

#define LIBRARY(stem_, version_, directory_, needed_for_, further_names_) \
	{                                                                 \
		.stem = (stem_),                                          \
		.version = (version_),                                    \
		.directory = (directory_),                                \
		.needed_for = (needed_for_),                              \
		.further_names = (further_names_),                        \
	},
const struct driver_library driver_libraries[] = {
#include "gpu/nvidia/driver_groups.def"
	{ 0 },
};

#define LIBRARY_DIR(path) path,
const char *const driver_library_dirs[] = {
#include "gpu/nvidia/driver_groups.def"
	NULL,
};

#define PROGRAM(name_, needed_for_) { .name = (name_), .needed_for = (needed_for_) },
const struct driver_program driver_programs[] = {
#include "gpu/nvidia/driver_groups.def"
	{ 0 },
};

#define PROGRAM_DIR(path) path,
const char *const driver_program_dirs[] = {
#include "gpu/nvidia/driver_groups.def"
	NULL,
};

#define CONFIG(bases_, directory_, pattern_, container_base_, needed_for_, requires_all_) \
	{                                                                                 \
		.bases = (bases_),                                                        \
		.directory = (directory_),                                                \
		.pattern = (pattern_),                                                    \
		.container_base = (container_base_),                                      \
		.needed_for = (needed_for_),                                              \
		.requires_all = (requires_all_),                                          \
	},
const struct driver_config driver_configs[] = {
#include "gpu/nvidia/driver_groups.def"
	{ 0 },
};

#define XORG_DIR(path) path,
const char *const driver_xorg_dirs[] = {
#include "gpu/nvidia/driver_groups.def"
	NULL,
};

#define XORG_MODULE(name) name,
const char *const driver_xorg_modules[] = {
#include "gpu/nvidia/driver_groups.def"
	NULL,
};

#define SOCKET(path_, needed_for_) { .path = (path_), .needed_for = (needed_for_) },
#define SOCKET_DIR(path_, needed_for_) \
	{ .path = (path_), .needed_for = (needed_for_), .is_directory = true },
const struct driver_socket driver_sockets[] = {
#include "gpu/nvidia/driver_groups.def"
	{ 0 },
};

const struct driver_library *driver_library_find(const char *stem, size_t length)
{
	/* Asked of every name in a library directory: most differ behind "lib". */
	for (const struct driver_library *l = driver_libraries; l->stem; l++) {
		if (l->stem[3] == stem[3] && strncmp(l->stem, stem, length) == 0 &&
			!l->stem[length])
			return l;
	}
	return NULL;
}

capability_set driver_any_capability(void)
{
	return ANY_CAPABILITY;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
		(c && strchr("+-._", c));
}

/* Digit groups joined by dots; returns how many, 0 if it is anything else. */
static unsigned count_groups(const char *version)
{
	unsigned groups = 0;

	for (;;) {
		size_t digits = strspn(version, "0123456789");

		if (!digits)
			return 0;
		groups++;
		version += digits;
		if (!*version)
			return groups;
		if (*version++ != '.')
			return 0;
	}
}

bool driver_version_is_valid(const char *version)
{
	unsigned groups = count_groups(version);

	return groups >= 2 && groups <= 4 && strspn(version, "0123456789") == 3;
}

bool library_name_parse(const char *name, struct library_name *ret)
{
	const char *so;

	if (strncmp(name, "lib", 3) != 0)
		return false;
	so = strstr(name, ".so");
	if (!so || so == name + 3)
		return false;
	for (const char *c = name; *c; c++) {
		if (!is_name_byte(*c))
			return false;
	}
	if (so[3] && (so[3] != '.' || !count_groups(so + 4)))
		return false;
	ret->stem_length = (size_t)(so - name);
	ret->version = so[3] ? so + 4 : so + 3;
	ret->is_driver_version = driver_version_is_valid(ret->version);
	return true;
}

/* Reads one group; a group that overflows counts as the largest number. */
static uint64_t next_group(const char **version)
{
	uint64_t value = 0;

	for (; is_digit(**version); (*version)++) {
		if (value > (UINT64_MAX - 9) / 10)
			value = UINT64_MAX / 10 - 1;
		value = value * 10 + (uint64_t)(**version - '0');
	}
	if (**version == '.')
		(*version)++;
	return value;
}

int driver_version_compare(const char *a, const char *b)
{
	while (*a || *b) {
		uint64_t left = next_group(&a);
		uint64_t right = next_group(&b);

		if (left != right)
			return left < right ? -1 : 1;
		if ((*a && !is_digit(*a)) || (*b && !is_digit(*b)))
			return strcmp(a, b);
	}
	return 0;
}
