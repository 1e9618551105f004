/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of leases for one test, and children that hold some. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "lease/lease_slots.h"

static char case_path[] = "/tmp/nvbind-test-lease-XXXXXX";
static struct lease_dir dir = LEASE_DIR_INIT;

static inline int case_setup(void **state)
{
	char path[128];

	(void)state;
	memcpy(case_path + sizeof(case_path) - 7, "XXXXXX", 6);
	if (!mkdtemp(case_path))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/leases", case_path);
	return lease_dir_open_path(path, &dir, NULL);
}

static inline int case_teardown(void **state)
{
	(void)state;
	lease_dir_done(&dir);
	return path_remove_tree(AT_FDCWD, case_path) < 0 ? -1 : 0;
}

#define KEYS(...)                                                                                  \
	((struct lease_key_list){                                                                  \
		.items = (struct lease_key[]){ __VA_ARGS__ },                                      \
		.n = ELEMENTS(((struct lease_key[]){ __VA_ARGS__ })),                              \
	})

/* A holder whose only witness is the process that takes it. */
static inline int try_take(const char *gpu, const char *partition, enum lease_mode mode,
	const char *holder, struct lease **ret, struct nvb_error **err)
{
	struct lease_key key = { gpu, partition, NULL };
	const struct lease_request request = {
		.keys = { &key, 1, 1 },
		.mode = mode,
		.holder = holder,
		.engine = "oci",
	};

	return lease_take(&dir, &request, ret, err);
}

/* True if it could be taken; it is given back. */
static inline bool is_free(const char *gpu, const char *partition, enum lease_mode mode)
{
	struct nvb_error *err = NULL;
	struct lease *lease = NULL;
	int r = try_take(gpu, partition, mode, "taker", &lease, &err);

	if (r < 0)
		assert_int_equal(nvb_error_status(err), NVB_ERR_BUSY);
	nvb_error_free(err);
	lease_release(lease);
	return r >= 0;
}

static inline struct lease *must_take(
	const char *gpu, const char *partition, enum lease_mode mode, const char *holder)
{
	struct nvb_error *err = NULL;
	struct lease *lease = NULL;

	if (try_take(gpu, partition, mode, holder, &lease, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return lease;
}

/* A child that waits for its end. */
static inline pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* A test that fails does not come to end it. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	return pid;
}

static inline void end_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A child that takes a lease, and then waits: with its lock, or only as the creator. */
static inline pid_t start_holder(const struct lease_request *request)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct lease *lease;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (lease_take(&dir, request, &lease, NULL) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

/* The slots of a GPU as lease_list() shows them. */
static inline size_t count_entries(const char *gpu, enum lease_witness witness)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct lease_entry_list entries;
	struct string_list warnings = { 0 };
	size_t n = 0;

	assert_int_equal(lease_list(&dir, a, &entries, &warnings, NULL), 0);
	vec_foreach (struct lease_entry, entry, &entries)
		n += strcmp(entry->gpu, gpu) == 0 && entry->witness == witness;
	return n;
}

static inline size_t count_descriptors(void)
{
	_cleanup_closedir_ DIR *list = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(list))
		n++;
	return n;
}

/* Writes a slot as some process might have left it. */
static inline void write_slot(
	const char *gpu, unsigned slot, struct lease_head *head, const struct lease_request *texts)
{
	struct lease_file file = LEASE_FILE_INIT;
	struct lease_page page;
	struct lease_body body;

	assert_int_equal(lease_file_open(&dir, gpu, true, &file, NULL), 1);
	assert_int_equal(lease_file_read(&file, 0, &page, NULL), 1);
	assert_int_equal(lease_body_pack(texts, &body, NULL), 0);
	lease_head_seal(head, &body);
	assert_int_equal(lease_file_write_slot(&file, slot, head, &body, NULL), 0);
	(void)close(file.fd);
}

static inline void write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
}
