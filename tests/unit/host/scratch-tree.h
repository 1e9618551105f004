/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small machine made by hand in a temporary directory, for tests. Paths are absolute as the
 * machine sees them; parents are made as needed. Any failure ends the test.
 */
#pragma once

#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "host/tree.h"

struct scratch {
	char directory[64];
	struct host_tree tree;
	struct arena *arena;
};

/* For mkdtemp(). Nothing of an overlay is ever kept (host/record.h): a container's /tmp. */
static inline const char *scratch_template(void)
{
	struct statfs fs;

	return statfs("/tmp", &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC
		       ? "/dev/shm/nvbind-test-XXXXXX"
		       : "/tmp/nvbind-test-XXXXXX";
}

static inline int scratch_setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->directory, sizeof(s->directory), "%s", scratch_template());
	assert_non_null(mkdtemp(s->directory));
	assert_int_equal(host_tree_open(s->directory, &s->tree, NULL), 0);
	s->arena = arena_new();
	assert_non_null(s->arena);
	*state = s;
	return 0;
}

static inline int scratch_teardown(void **state)
{
	struct scratch *s = *state;

	arena_free(s->arena);
	host_tree_done(&s->tree);
	assert_int_equal(path_remove_tree(AT_FDCWD, s->directory), 0);
	free(s);
	return 0;
}

/* A descriptor of the directory that holds `path`, whose last component is *ret_name. */
static inline int scratch_parent(const struct scratch *s, const char *path, const char **ret_name)
{
	_cleanup_free_ char *parent = strndup(path, (size_t)(path_base_name(path) - path));
	int fd;

	assert_non_null(parent);
	fd = path_mkdir_all_in(s->tree.root_fd, parent, 0755);
	assert_true(fd >= 0);
	*ret_name = path_base_name(path);
	return fd;
}

static inline void scratch_write_bytes(const struct scratch *s, const char *path, const void *data,
	size_t length)
{
	const char *name;
	_cleanup_close_ int parent = scratch_parent(s, path, &name);
	_cleanup_close_ int fd =
		openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, data, length), 0);
}

static inline void scratch_write(const struct scratch *s, const char *path, const char *text)
{
	scratch_write_bytes(s, path, text, strlen(text));
}

static inline void scratch_link(const struct scratch *s, const char *path, const char *target)
{
	const char *name;
	_cleanup_close_ int parent = scratch_parent(s, path, &name);

	assert_int_equal(symlinkat(target, parent, name), 0);
}

static inline void scratch_directory(const struct scratch *s, const char *path)
{
	_cleanup_close_ int fd = path_mkdir_all_in(s->tree.root_fd, path, 0755);

	assert_true(fd >= 0);
}

/* A function on the PCI bus. driver and drm ("card0 renderD128") may be NULL. */
static inline void scratch_pci(const struct scratch *s, const char *address, unsigned class_code,
	unsigned vendor, unsigned device, const char *driver, const char *drm)
{
	char path[256], text[256];
	const struct {
		const char *name;
		unsigned value;
	} values[] = { { "class", class_code }, { "vendor", vendor }, { "device", device } };

	for (size_t i = 0; i < ELEMENTS(values); i++) {
		(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address,
			values[i].name);
		(void)snprintf(text, sizeof(text), "0x%04x\n", values[i].value);
		scratch_write(s, path, text);
	}
	if (driver) {
		(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
		(void)snprintf(text, sizeof(text), "../../drivers/%s", driver);
		scratch_link(s, path, text);
	}
	for (const char *name = drm; name && *name;) {
		size_t length = strcspn(name, " ");

		(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/drm/%.*s", address,
			(int)length, name);
		scratch_directory(s, path);
		name += length + strspn(name + length, " ");
	}
}
