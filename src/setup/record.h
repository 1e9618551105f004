/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file was before we changed it.
 *
 *	<state>/setup/.lock
 *	<state>/setup/<engine>-<hash of the path>.json
 *
 * A record is written before the file is, and dropped after: whatever is interrupted, undoing
 * finds the text that was there.
 */
#pragma once

#include "format/document.h"

struct setup_record {
	const char *engine;
	const char *root;      /* of the machine that it belongs to; "" is the running one */
	const char *path;      /* of the running machine: below that root */
	const char *original;  /* NULL: there was no file */
	const char *written;   /* NULL: a symbolic link */
	const char *link;      /* its target */
	const char *directory; /* the first on the way that was made for the file; or NULL */
	struct document_edits edits;
};

void setup_record_done(struct setup_record *record);

/* -1: there are none yet. The lock is held until setup_records_close(). */
struct setup_records {
	int dir_fd, lock_fd;
	char *path;
};

#define SETUP_RECORDS_INIT                                                                         \
	{                                                                                          \
		.dir_fd = -1, .lock_fd = -1                                                        \
	}

/* `create`: for writing; else a directory that is missing or not ours to read has no records. */
int setup_records_open(bool create, struct setup_records *ret, struct nvb_error **err);
void setup_records_close(struct setup_records *records);

/* 1 and the record, or 0. Strings lie in `a`; the record is owned by the caller. */
int setup_record_read(const struct setup_records *records, struct arena *a, const char *engine,
	const char *path, struct setup_record *ret, struct nvb_error **err);
/*
 * The paths of all records of an engine, in order. One that is damaged is an error if it is that of
 * `own` (or NULL); else it is told in `ret_damaged`.
 */
int setup_record_list(const struct setup_records *records, struct arena *a, const char *engine,
	const char *own, struct string_list *ret_paths, struct string_list *ret_damaged,
	struct nvb_error **err);

int setup_record_write(const struct setup_records *records, const struct setup_record *record,
	struct nvb_error **err);
int setup_record_drop(const struct setup_records *records, const char *engine, const char *path,
	struct nvb_error **err);
