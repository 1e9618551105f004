/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of one GPU.
 *
 *	page 0: header, 63 heads | 63 bodies | page 1: header, 63 heads | 63 bodies | ...
 *
 * A head is all that most takers need, and one read brings a page of them. A body holds the texts.
 * A body is written before its head, and a head's state last becomes HELD with the head itself; to
 * free a slot is one write of four bytes. A head or a body whose checksum is wrong is torn: it
 * counts as the whole GPU, held alone.
 *
 * The file is sparse: a tmpfs keeps what was written. Freeing writes where there are bytes already,
 * so it needs no room.
 */
#pragma once

#include "base/path.h"
#include "lease/lease.h"

#define LEASE_PAGE_SLOTS 63
#define LEASE_PAGES	 16
#define LEASE_BODY_BYTES 2048
#define LEASE_NAME_BYTES 64 /* of a file, with its NUL */

enum lease_slot_state {
	LEASE_SLOT_FREE = 0,
	LEASE_SLOT_HELD = 0x444c4548,
	LEASE_SLOT_REVOKED =
		0x4b564552, /* by force: holds nothing, but its holder may still free it */
};

struct lease_head {
	uint32_t state;
	/* The checksum is over what follows, so that the state can change alone. */
	uint8_t mode, locked;
	uint16_t body_length;
	uint64_t check;
	char partition[LEASE_PARTITION_BYTES];
	uint64_t taken_ns; /* CLOCK_BOOTTIME */
	uint64_t process_start_ticks;
	int32_t creator, process; /* 0: none */
	uint32_t namespaces;	  /* of struct lease_dir: where these numbers mean something */
	uint32_t body_check;
};

struct lease_header {
	char magic[8];
	uint32_t version, page;
	uint32_t pages, unused; /* of the first page: how many there are */
	uint64_t check;
	uint64_t reserved[4];
};

struct lease_page {
	struct lease_header header;
	struct lease_head heads[LEASE_PAGE_SLOTS];
};

_Static_assert(sizeof(struct lease_head) == 64, "heads are not padded");
_Static_assert(sizeof(struct lease_page) == 4096, "a page is one of the machine's");

struct lease_body {
	char text[LEASE_BODY_BYTES];
	const char *holder, *engine, *pid_file, *cgroup; /* in `text`; "": none */
};

struct lease_file {
	int fd;
	const char *name; /* borrowed */
	unsigned pages;	  /* of lease_file_read() of page 0 */
};

#define LEASE_FILE_INIT                                                                            \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* True if it can be the name of a GPU's file. */
bool lease_file_is_name(const char *name);

/* Made if missing, with `create`. Returns 1, or 0 if it does not exist. */
int lease_file_open(const struct lease_dir *dir, const char *name, bool create,
	struct lease_file *ret, struct nvb_error **err);

/* Takes the guard lock; waits for it, but not for ever. Errors: NVB_ERR_BUSY, NVB_ERR_IO. */
int lease_file_lock(struct lease_file *file, struct nvb_error **err);
void lease_file_unlock(struct lease_file *file);

/*
 * Page `n`, under the guard lock. Returns 1, or 0 if there is none; page 0 first, which a
 * new file gets.
 * Errors: NVB_ERR_FORMAT, NVB_ERR_IO.
 */
int lease_file_read(
	struct lease_file *file, unsigned n, struct lease_page *ret, struct nvb_error **err);
/* Makes the page behind the last one. Errors: NVB_ERR_LIMIT, NVB_ERR_IO. */
int lease_file_grow(struct lease_file *file, struct nvb_error **err);

/* Packs the four texts. Errors: NVB_ERR_LIMIT. */
int lease_body_pack(
	const struct lease_request *request, struct lease_body *ret, struct nvb_error **err);

bool lease_head_is_whole(const struct lease_head *head);
/* Fills in the lengths and the checksums. */
void lease_head_seal(struct lease_head *head, const struct lease_body *body);

/* A slot is counted through all pages. */
int lease_file_write_slot(const struct lease_file *file, unsigned slot,
	const struct lease_head *head, const struct lease_body *body, struct nvb_error **err);
/* The head again without its state, which others may have changed. */
int lease_file_write_head(const struct lease_file *file, unsigned slot,
	const struct lease_head *head, struct nvb_error **err);
int lease_file_write_state(const struct lease_file *file, unsigned slot,
	enum lease_slot_state state, struct nvb_error **err);
/* False: it is torn; then all texts are empty. */
bool lease_file_read_body(const struct lease_file *file, unsigned slot,
	const struct lease_head *head, struct lease_body *ret);

/* The lock on one slot. */
int lease_file_lock_slot(const struct lease_file *file, unsigned slot, struct nvb_error **err);
void lease_file_unlock_slot(const struct lease_file *file, unsigned slot);
/* 1 if another one has it, 0 if not, -errno. */
errint_t lease_file_slot_is_locked(const struct lease_file *file, unsigned slot);
