/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/state_dir.h"
#include "format/json.h"

#define RECORD_VERSION	   1
#define RECORD_LIMIT_BYTES ((size_t)48 << 20)
#define NAME_BYTES	   64

static int io_error(const struct setup_records *records, const char *verb, const char *name,
	int errnum, struct nvb_error **err)
{
	return NVB_RAISE(err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum,
		"%s the record '%s/%s'", verb, records->path, name);
}

static int hint_damaged(int r, struct nvb_error **err)
{
	return NVB_HINT(
		err, r, "move it away: --undo then takes out exactly the lines of nvbind's own");
}

void setup_record_done(struct setup_record *record)
{
	document_edits_done(&record->edits);
}

int setup_records_open(bool create, struct setup_records *ret, struct nvb_error **err)
{
	_cleanup_(setup_records_close) struct setup_records records = SETUP_RECORDS_INIT;
	_cleanup_free_ char *state = NULL;
	int r = state_dir_path(&state, err);

	if (r < 0)
		return r;
	if (asprintf(&records.path, "%s/setup", state) < 0) {
		records.path = NULL;
		return NVB_OOM(err);
	}
	if (create) {
		r = state_dir_open("setup", &records.dir_fd, err);
		if (r < 0)
			return r;
		records.lock_fd = openat(
			records.dir_fd, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (records.lock_fd < 0 || flock(records.lock_fd, LOCK_EX) < 0)
			return io_error(&records, "lock", ".lock", errno, err);
	} else {
		records.dir_fd =
			open(records.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	*ret = records;
	records = (struct setup_records)SETUP_RECORDS_INIT;
	return 0;
}

void setup_records_close(struct setup_records *records)
{
	closep(&records->dir_fd);
	closep(&records->lock_fd);
	freep(&records->path);
}

/* FNV-1a: names a file, and protects nothing. The record says which path it is of. */
static void name_of(const char *engine, const char *path, char ret[static NAME_BYTES])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
	(void)snprintf(ret, NAME_BYTES, "%s-%016" PRIx64 ".json", engine, hash);
}

static int read_edit(const struct json_at *edits, size_t index, struct arena *a,
	struct document_edits *ret, struct nvb_error **err)
{
	struct json_at edit, keys;
	struct document_path path = { 0 };
	struct json_object *value = NULL;
	int r = json_item(edits, index, json_type_object, &edit, err);

	if (r >= 0)
		r = json_member(&edit, "path", json_type_array, &keys, err);
	if (r == 0)
		return json_missing(&edit, "path", err);
	for (size_t i = 0; r >= 0 && i < json_length(&keys) && i < DOCUMENT_PATH_LIMIT; i++) {
		const char *key = NULL;

		r = json_item_string(&keys, i, &key, err);
		path.keys[path.n++] = key;
	}
	if (r < 0)
		return r;
	if (path.n == 0 || !json_object_object_get_ex(edit.value, "value", &value))
		return json_missing(&edit, "value", err);
	return document_edits_add(ret, a, &path, json_object_get(value), err);
}

static int copy_string(const struct json_at *root, const char *key, struct arena *a,
	const char **ret, struct nvb_error **err)
{
	const char *text = NULL;
	int r = json_get_string(root, key, &text, err);

	if (r <= 0)
		return r;
	*ret = arena_strdup(a, text);
	return *ret ? 1 : NVB_OOM(err);
}

static int parse_record(const char *text, size_t length, struct arena *a, struct setup_record *ret,
	struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *tree = NULL;
	struct json_at root, edits;
	uint64_t version = 0;
	int r = json_parse(text, length, &tree, err);

	if (r >= 0)
		r = json_root(tree, json_type_object, &root, err);
	if (r >= 0)
		r = json_get_uint(&root, "version", UINT64_MAX, &version, err);
	if (r >= 0 && version != RECORD_VERSION)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "it is of version %" PRIu64, version);
	if (r >= 0)
		r = copy_string(&root, "engine", a, &ret->engine, err);
	if (r >= 0)
		r = copy_string(&root, "root", a, &ret->root, err);
	if (r >= 0)
		r = copy_string(&root, "path", a, &ret->path, err);
	if (r >= 0)
		r = copy_string(&root, "original", a, &ret->original, err);
	if (r >= 0)
		r = copy_string(&root, "written", a, &ret->written, err);
	if (r >= 0)
		r = copy_string(&root, "link", a, &ret->link, err);
	if (r >= 0)
		r = copy_string(&root, "directory", a, &ret->directory, err);
	if (r >= 0)
		r = json_member(&root, "edits", json_type_array, &edits, err);
	for (size_t i = 0, n = r > 0 ? json_length(&edits) : 0; i < n && r >= 0; i++)
		r = read_edit(&edits, i, a, &ret->edits, err);
	if (r >= 0 && (!ret->engine || !ret->root || !ret->path || (!ret->written && !ret->link)))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "it is not complete");
	return r;
}

/* 1, or 0 if there is none. */
static int read_named(const struct setup_records *records, const char *name, struct arena *a,
	struct setup_record *ret, struct nvb_error **err)
{
	_cleanup_(setup_record_done) struct setup_record record = { 0 };
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	errint_t e;
	int r;

	if (records->dir_fd < 0)
		return 0;
	fd = openat(records->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	e = fd < 0 ? -errno : file_read_fd(fd, RECORD_LIMIT_BYTES, &text, &length);
	if (e < 0)
		return io_error(records, "read", name, -e, err);
	r = parse_record(text, length, a, &record, err);
	if (r < 0)
		return hint_damaged(
			NVB_CONTEXT(err, r, "read the record '%s/%s'", records->path, name), err);
	*ret = record;
	record = (struct setup_record){ 0 };
	return 1;
}

int setup_record_read(const struct setup_records *records, struct arena *a, const char *engine,
	const char *path, struct setup_record *ret, struct nvb_error **err)
{
	_cleanup_(setup_record_done) struct setup_record record = { 0 };
	char name[NAME_BYTES];
	int r;

	name_of(engine, path, name);
	r = read_named(records, name, a, &record, err);
	if (r <= 0)
		return r;
	if (strcmp(record.engine, engine) != 0 || strcmp(record.path, path) != 0)
		return hint_damaged(
			NVB_RAISE(err, NVB_ERR_FORMAT, 0, "the record '%s/%s' is that of '%s'",
				records->path, name, record.path),
			err);
	*ret = record;
	record = (struct setup_record){ 0 };
	return 1;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One record of the directory: its path, or what is wrong with it. */
static int list_one(const struct setup_records *records, struct arena *a, const char *name,
	bool is_own, struct string_list *ret_paths, struct string_list *ret_damaged,
	struct nvb_error **err)
{
	_cleanup_(setup_record_done) struct setup_record record = { 0 };
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r = read_named(records, name, a, &record, is_own ? err : &problem);

	if (r > 0)
		r = string_list_add(a, ret_paths, record.path);
	else if (r < 0 && !is_own)
		r = string_list_printf(
			a, ret_damaged, "%s: move it away", nvb_error_message(problem));
	else
		return r;
	return r < 0 ? NVB_OOM(err) : 0;
}

int setup_record_list(const struct setup_records *records, struct arena *a, const char *engine,
	const char *own, struct string_list *ret_paths, struct string_list *ret_damaged,
	struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	size_t length = strlen(engine);
	char own_name[NAME_BYTES] = "";
	struct dirent *entry;
	int fd, r = 0;

	if (records->dir_fd < 0)
		return 0;
	if (own)
		name_of(engine, own, own_name);
	fd = openat(records->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return io_error(records, "list", engine, errno, err);
	while (r >= 0 && (entry = readdir(dir)))
		if (strncmp(entry->d_name, engine, length) == 0 && entry->d_name[length] == '-')
			r = list_one(records, a, entry->d_name,
				strcmp(entry->d_name, own_name) == 0, ret_paths, ret_damaged, err);
	if (ret_paths->n)
		qsort(ret_paths->items, ret_paths->n, sizeof(*ret_paths->items), compare_paths);
	return r < 0 ? r : 0;
}

static void add_edits(
	struct json_builder *b, struct json_object *root, const struct document_edits *edits)
{
	struct json_object *list = json_add_array(b, root, "edits");

	for (size_t i = 0; i < edits->n; i++) {
		const struct document_edit *edit = &edits->items[i];
		struct json_object *item = json_append_object(b, list);
		struct json_object *path = json_add_array(b, item, "path");

		for (size_t k = 0; k < edit->path.n; k++)
			json_append_string(b, path, edit->path.keys[k]);
		json_add(b, item, "value", json_object_get(edit->value));
	}
}

int setup_record_write(const struct setup_records *records, const struct setup_record *record,
	struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	_cleanup_free_ char *text = NULL;
	char name[NAME_BYTES];
	size_t length = 0;
	errint_t e;
	int r;

	json_add_uint(&b, root, "version", RECORD_VERSION);
	json_add_string(&b, root, "engine", record->engine);
	json_add_string(&b, root, "root", record->root);
	json_add_string(&b, root, "path", record->path);
	json_add_string(&b, root, "original", record->original);
	json_add_string(&b, root, "written", record->written);
	json_add_string(&b, root, "link", record->link);
	json_add_string(&b, root, "directory", record->directory);
	add_edits(&b, root, &record->edits);
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &text, &length, err);
	if (r < 0)
		return r;
	name_of(record->engine, record->path, name);
	file_sweep_at(records->dir_fd, name);
	e = file_replace_synced_at(records->dir_fd, name, text, length, 0600, NULL);
	return e < 0 ? io_error(records, "write", name, -e, err) : 0;
}

int setup_record_drop(const struct setup_records *records, const char *engine, const char *path,
	struct nvb_error **err)
{
	char name[NAME_BYTES];

	name_of(engine, path, name);
	if (unlinkat(records->dir_fd, name, 0) < 0 && errno != ENOENT)
		return io_error(records, "remove", name, errno, err);
	return 0;
}
