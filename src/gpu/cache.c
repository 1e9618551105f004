/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/runtime_dir.h"
#include "base/state_dir.h"
#include "gpu/cache_code.h"
#include "gpu/cache_facts.h"
#include "gpu/discover.h"

#define FORMAT		 2
#define MAX_FILE_BYTES	 (4 << 20)
#define LIVE_NAME	 "inventory"
/* Files of other roots are kept for so long. One that is still in use is written again. */
#define OLD_SECONDS (7 * 24 * 60 * 60)

struct head {
	char magic[8];
	uint32_t format;
	uint32_t head_size;
	uint64_t size;	 /* of the whole file: it may be torn */
	uint64_t digest; /* of what is behind the head: it may be damaged */
};

static const char magic[8] = "nvbind\r\n";

/* Where the cache of a tree is. */
struct place {
	const struct host_tree *tree;
	int directory_fd;
	char name[64];
	struct stat root;
};

static const char *absolute(const char *path)
{
	return path && path[0] == '/' ? path : NULL;
}

char *inventory_cache_directory(void)
{
	const char *off = secure_getenv("NVBIND_NO_CACHE");
	const char *override = absolute(secure_getenv("NVBIND_STATE_DIR"));
	char *path = NULL;

	if (off && strcmp(off, "1") == 0)
		return NULL;
	if (override)
		return strdup(override);
	return runtime_dir_path(NULL, &path, NULL) < 0 ? NULL : path;
}

/* Each root has a file of its own, so machines and their simulations do not displace each other. */
static bool open_place(const struct host_tree *tree, const char *directory, struct place *ret)
{
	*ret = (struct place){ .tree = tree, .directory_fd = -1, .name = LIVE_NAME };
	if (!directory || fstat(tree->root_fd, &ret->root) < 0)
		return false;
	if (!host_tree_is_live(tree))
		(void)snprintf(ret->name, sizeof(ret->name), LIVE_NAME "-%jx-%jx",
			(uintmax_t)ret->root.st_dev, (uintmax_t)ret->root.st_ino);
	if (state_dir_open_path(directory, &ret->directory_fd, NULL) >= 0)
		return true;
	log_debug("inventory", "nothing is kept: '%s' is not ours alone", directory);
	return false;
}

static void place_done(struct place *place)
{
	closep(&place->directory_fd);
}

/* True if nobody but the caller can have written it. */
static bool is_own(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Returns NULL where there is no file, or none to be trusted. */
static const unsigned char *read_file(const struct place *place, struct arena *a, size_t *ret_size)
{
	_cleanup_close_ int fd = openat(place->directory_fd, place->name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	unsigned char *data;
	struct stat st;
	size_t size;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	/* A second name: someone else may have chosen which of our files this is. */
	if (!S_ISREG(st.st_mode) || !is_own(&st) || st.st_nlink != 1 ||
		st.st_size < (off_t)sizeof(struct head) || st.st_size > MAX_FILE_BYTES) {
		log_debug("inventory", "'%s' is not ours: it is ignored", place->name);
		return NULL;
	}
	size = (size_t)st.st_size;
	data = arena_alloc(a, size);
	if (!data || read(fd, data, size) != (ssize_t)size)
		return NULL;
	*ret_size = size;
	return data;
}

static bool check_head(const unsigned char *data, size_t size)
{
	struct head head;

	memcpy(&head, data, sizeof(head));
	return memcmp(head.magic, magic, sizeof(magic)) == 0 && head.format == FORMAT &&
	       head.head_size == sizeof(head) && head.size == size &&
	       head.digest == digest_add(DIGEST_START, data + sizeof(head), size - sizeof(head));
}

/* What no question to the machine tells: whose inventory it is, and which program's. */
static bool code_identity(const struct place *place, struct cache_code *c)
{
	const char *fingerprint = cache_fingerprint, *version = NVBIND_VERSION;
	const char *prefix = place->tree->prefix;
	uint64_t own[] = { geteuid(), place->root.st_dev, place->root.st_ino }, numbers[3];

	memcpy(numbers, own, sizeof(numbers));
	cache_code_string(c, &fingerprint);
	cache_code_string(c, &version);
	cache_code_string(c, &prefix);
	cache_code_bytes(c, numbers, sizeof(numbers));
	return !c->failed && fingerprint && version && prefix &&
	       strcmp(fingerprint, cache_fingerprint) == 0 &&
	       strcmp(version, NVBIND_VERSION) == 0 && strcmp(prefix, place->tree->prefix) == 0 &&
	       memcmp(numbers, own, sizeof(numbers)) == 0;
}

static struct inventory *read_cached(const struct place *place)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct inventory *inv = a ? arena_new_object(a, struct inventory) : NULL;
	struct cache_code c = { .arena = a };
	size_t size;

	if (!inv)
		return NULL;
	c.at = read_file(place, a, &size);
	if (!c.at)
		return NULL;
	if (!check_head(c.at, size)) {
		log_debug("inventory", "the cache is damaged or of another version");
		return NULL;
	}
	c.end = c.at + size;
	c.at += sizeof(struct head);
	if (!code_identity(place, &c) || !cache_facts_hold(place->tree, &c))
		return NULL;
	cache_code_inventory(&c, inv);
	if (c.failed || c.at != c.end)
		return NULL;
	inv->arena = TAKE_PTR(a);
	return inv;
}

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A file of another root, or what someone left who was killed while he wrote one. */
static bool is_other_name(const struct place *place, const char *name)
{
	const char *start = name + (name[0] == '.');

	return strcmp(name, place->name) != 0 &&
	       strncmp(start, LIVE_NAME "-", strlen(LIVE_NAME "-")) == 0;
}

/* Roots come and go; nobody else takes their files away. */
static void drop_old(const struct place *place)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(place->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const time_t oldest = (time_t)(now_ns() / 1000000000) - OLD_SECONDS;
	struct dirent *entry;
	struct stat st;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		closep(&fd);
	while (dir && (entry = readdir(dir))) {
		if (is_other_name(place, entry->d_name) &&
			fstatat(place->directory_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
				0 &&
			st.st_mtim.tv_sec < oldest)
			(void)unlinkat(place->directory_fd, entry->d_name, 0);
	}
}

/* What a file may not hold (ulimit -f) is not begun: without spawn_ignore_file_limit() it would be
 * the caller's end, by SIGXFSZ. */
static bool may_write(size_t length)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) < 0 || length <= limit.rlim_cur;
}

static void replace_file(const struct place *place, const struct strbuf *data)
{
	errint_t r;

	if (!may_write(data->length)) {
		log_debug("inventory", "nothing is kept: files are limited to less (ulimit -f)");
		return;
	}
	file_sweep_at(place->directory_fd, place->name);
	drop_old(place);
	r = file_replace_at(place->directory_fd, place->name, data->data, data->length, 0600);
	log_debug("inventory", "%zu bytes: %s", data->length, r < 0 ? strerror(-r) : "kept");
}

static void write_cache(
	const struct place *place, struct host_record *record, const struct inventory *inv)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(MAX_FILE_BYTES);
	struct cache_code c = { .out = &out };
	/* Writing reads it alone; one function does both directions. */
	struct inventory copy = *inv;
	struct head head = { .format = FORMAT, .head_size = sizeof(head) };

	memcpy(head.magic, magic, sizeof(magic));
	strbuf_add(&out, &head, sizeof(head));
	(void)code_identity(place, &c);
	if (cache_facts_write(place->tree, record, &c) < 0) {
		log_debug("inventory", "nothing is kept: %s",
			record->unprovable ? record->unprovable : "the machine changed meanwhile");
		return;
	}
	cache_code_inventory(&c, &copy);
	if (strbuf_failed(&out))
		return;
	head.size = out.length;
	head.digest = digest_add(DIGEST_START, out.data + sizeof(head), out.length - sizeof(head));
	memcpy(out.data, &head, sizeof(head));
	replace_file(place, &out);
}

static int discover_and_keep(const struct place *place, unsigned settle_ms,
	struct inventory **ret_inv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct host_record record = { .arena = a };
	struct host_tree noting = *place->tree;
	const char *boot_id;
	int r;

	if (!a)
		return NVB_OOM(err);
	record.settled_ns = now_ns() - (int64_t)settle_ms * 1000000;
	noting.record = &record;
	(void)host_tree_read_line(&noting, a, BOOT_ID_PATH, &boot_id);
	r = inventory_discover(&noting, ret_inv, err);
	if (r < 0)
		return r;
	if (record.newest_ns >= record.settled_ns)
		host_record_give_up(&record, "a file has only just changed");
	write_cache(place, &record, *ret_inv);
	return 0;
}

int inventory_open(const struct host_tree *tree, const struct inventory_cache_options *options,
	struct inventory **ret_inv, struct nvb_error **err)
{
	static const struct inventory_cache_options defaults = { 0 };
	_cleanup_free_ char *directory = NULL;
	_cleanup_(place_done) struct place place;
	struct inventory *cached;

	options = options ? options : &defaults;
	if (!options->directory)
		directory = inventory_cache_directory();
	if (!open_place(tree, options->directory ? options->directory : directory, &place))
		return inventory_discover(tree, ret_inv, err);
	cached = read_cached(&place);
	if (cached) {
		*ret_inv = cached;
		return 1;
	}
	return discover_and_keep(&place,
		options->settle_ms ? options->settle_ms : INVENTORY_CACHE_SETTLE_MS, ret_inv, err);
}
