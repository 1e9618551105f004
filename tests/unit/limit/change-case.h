/* SPDX-License-Identifier: Apache-2.0 */
/* A directory with a journal and files that stand for those of the kernel. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "limit/host_change.h"
#include "limit/journal.h"

struct change_case {
	char dir[64];
	char journal[128];
	struct arena *a;
	struct string_list warnings;
	struct plan_host_change_list wishes;
};

static inline int change_case_setup(void **state)
{
	struct change_case *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	(void)snprintf(c->dir, sizeof(c->dir), "/tmp/nvbind-change-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	(void)snprintf(c->journal, sizeof(c->journal), "%s/journal", c->dir);
	assert_int_equal(setenv("NVBIND_JOURNAL_DIR", c->journal, 1), 0);
	c->a = arena_new();
	*state = c;
	return 0;
}

static inline int change_case_teardown(void **state)
{
	struct change_case *c = *state;

	(void)path_remove_tree(AT_FDCWD, c->dir);
	arena_free(c->a);
	free(c);
	return 0;
}

static inline const char *file_of(struct change_case *c, const char *name)
{
	return arena_printf(c->a, "%s/%s", c->dir, name);
}

static inline void write_value(struct change_case *c, const char *name, const char *value)
{
	FILE *file = fopen(file_of(c, name), "w");

	assert_non_null(file);
	(void)fprintf(file, "%s\n", value);
	assert_int_equal(fclose(file), 0);
}

static inline void assert_value(struct change_case *c, const char *name, const char *value)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(file_read_path(file_of(c, name), 4096, &text, NULL), 0);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, value);
}

static inline void wish(struct change_case *c, const char *name, const char *value)
{
	struct plan_host_change *added = vec_push(c->a, &c->wishes);

	*added = (struct plan_host_change){
		.knob = "power_profile",
		.kind = HOST_CHANGE_FILE,
		.target = file_of(c, name),
		.value = value,
	};
}

static inline struct host_changes *make(struct change_case *c, const char *holder)
{
	struct host_changes *changes = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;

	if (host_changes_make(&c->wishes, holder, NULL, c->a, &changes, &c->warnings, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return changes;
}

static inline void undo(struct change_case *c, struct host_changes *changes)
{
	host_changes_undo(changes, c->a, &c->warnings);
}

static inline int recover(struct change_case *c)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	int n = host_changes_recover(NULL, true, c->a, &c->warnings, &err);

	if (n < 0)
		fail_msg("%s", nvb_error_message(err));
	return n;
}

static inline bool is_said(const struct change_case *c, const char *part)
{
	vec_foreach (const char *, warning, &c->warnings)
		if (strstr(*warning, part))
			return true;
	return false;
}

/* How many files are in the journal beside its lock; 0 if there is none. */
static inline unsigned count_files(struct change_case *c)
{
	DIR *dir = opendir(c->journal);
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	return n;
}
