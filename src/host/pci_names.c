/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of devices. libpci is loaded where the first one is asked for: a program that starts
 * containers asks for none, and would pay for libpci and what that needs with every start.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pci/pci.h>
#include <setjmp.h>

#include "base/log.h"
#include "host/pci.h"

#define MAX_NAME_BYTES 256

/*
 * libpci's own error handler calls exit(), and it does not expect one to return. So ours jumps
 * out. pci_init() is not called: names need no access to the bus.
 * Source: pciutils lib/init.c, lib/names.c, lib/names-parse.c (3.9, 3.14).
 */
static _Thread_local jmp_buf on_libpci_error;

#define LIBRARY "libpci.so.3" /* its one ABI since 2008 */

/* Declared by their own header: a call that does not fit is an error of the compiler. */
struct libpci {
	__typeof__(pci_alloc) *alloc;
	__typeof__(pci_cleanup) *cleanup;
	__typeof__(pci_lookup_name) *lookup_name;
	__typeof__(pci_set_name_list_path) *set_name_list_path;
};

static void *find(void *library, const char *name)
{
	void *symbol = library ? dlsym(library, name) : NULL;

	if (library && !symbol)
		log_debug("pci", "'%s' has no '%s'", LIBRARY, name);
	return symbol;
}

/* NULL: the machine has no libpci, or another one. Never unloaded: the next name is near. */
static const struct libpci *load(void)
{
	static struct libpci pci;
	static bool is_tried;
	void *library;

	if (!is_tried) {
		is_tried = true;
		library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
		if (!library)
			log_debug("pci", "devices have no names: %s", dlerror());
		pci.alloc = find(library, "pci_alloc");
		pci.cleanup = find(library, "pci_cleanup");
		pci.lookup_name = find(library, "pci_lookup_name");
		pci.set_name_list_path = find(library, "pci_set_name_list_path");
	}
	return pci.alloc && pci.cleanup && pci.lookup_name && pci.set_name_list_path ? &pci : NULL;
}

static __attribute__((noreturn)) void jump_out(char *message, ...)
{
	(void)message;
	longjmp(on_libpci_error, 1);
}

static void say_nothing(char *message, ...)
{
	(void)message;
}

/* A function of its own without locals that change, so that longjmp() clobbers nothing. */
static const char *look_up(const struct libpci *pci, struct pci_access *access, char *name,
	int size, int flags, uint32_t vendor, uint32_t device)
{
	/*
	 * A damaged line ends the reading of pci.ids, but keeps what was read. The second round
	 * answers from that. Running out of memory jumps again: then there is no answer.
	 */
	if (setjmp(on_libpci_error)) {
		if (setjmp(on_libpci_error))
			return NULL;
	}
	return pci->lookup_name(access, name, size, flags, vendor, device);
}

/* pci.ids of a machine that is not this one, or -1. */
static int open_name_list(const struct host_tree *tree)
{
	static const char *const paths[] = {
		"/usr/share/hwdata/pci.ids", /* Fedora, Arch */
		"/usr/share/misc/pci.ids",   /* Debian */
		"/usr/share/pci.ids",
	};

	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		int fd = path_open_in(tree->root_fd, paths[i], O_RDONLY | O_NONBLOCK, 0);

		if (fd >= 0)
			return fd;
	}
	return -1;
}

const char *pci_device_name(
	const struct host_tree *tree, struct arena *a, uint32_t vendor, uint32_t device)
{
	int flags = PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS;
	_cleanup_close_ int list = -1;
	char name[MAX_NAME_BYTES], list_path[32];
	const struct libpci *pci = load();
	const char *found, *copy;
	struct pci_access *access;

	if (!pci)
		return NULL;
	if (!host_tree_is_live(tree)) {
		list = open_name_list(tree);
		if (list < 0)
			return NULL;
	}
	access = pci->alloc();
	access->error = jump_out;
	access->warning = say_nothing;
	access->debug = say_nothing;
	/* Neither DNS nor a cache of its answers in some user's home. */
	access->id_lookup_mode = 0;
	if (list >= 0) {
		(void)snprintf(list_path, sizeof(list_path), "/proc/self/fd/%d", list);
		pci->set_name_list_path(access, list_path, 0);
		flags |= PCI_LOOKUP_NO_HWDB;
	}
	found = look_up(pci, access, name, sizeof(name), flags, vendor, device);
	/* Where a name does not fit, the answer is a text of libpci's own. */
	copy = found == name ? arena_strdup(a, found) : NULL;
	pci->cleanup(access);
	return copy;
}
