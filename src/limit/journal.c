/* SPDX-License-Identifier: Apache-2.0 */
/* The changes: one file each, lines of text with a digest at the end. */
#include "limit/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/strbuf.h"

#define HEADING	      "nvbind-change 1\n"
#define CHANGE_PREFIX "change-"
#define LIMIT_BYTES   ((size_t)64 << 10)
#define MAX_CHANGES   4096
#define CHECK_FORMAT  "check %016" PRIx64 "\n"
#define CHECK_LENGTH  (strlen("check ") + 16 + 1)

static const struct {
	enum host_change_kind kind;
	const char *name;
} kinds[] = {
	{ HOST_CHANGE_FILE, "file" },
	{ HOST_CHANGE_GPU_POWER, "gpu-power" },
};

static const char *kind_name(enum host_change_kind kind)
{
	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

static bool read_kind(const char *name, enum host_change_kind *ret)
{
	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0) {
			*ret = kinds[i].kind;
			return true;
		}
	return false;
}

static bool is_target(enum host_change_kind kind, const char *target)
{
	if (kind == HOST_CHANGE_FILE)
		return path_is_normal(target);
	return *target && !target[strspn(target, "0123456789abcdef:.")];
}

struct change_name {
	char text[sizeof(CHANGE_PREFIX) + 16];
};

static struct change_name name_of(const char *target)
{
	struct change_name name;

	(void)snprintf(name.text, sizeof(name.text), CHANGE_PREFIX "%016" PRIx64,
		digest_add(DIGEST_START, target, strlen(target)));
	return name;
}

static int io_error(
	struct journal *j, const char *verb, const char *name, int errnum, struct nvb_error **err)
{
	return NVB_RAISE(err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum, "%s '%s/%s'", verb,
		j->path, name);
}

static bool add_line(struct strbuf *text, const char *key, const char *value)
{
	if (value)
		strbuf_printf(text, "%s %s\n", key, value);
	return !value || !strchr(value, '\n');
}

int journal_write(struct journal *j, const struct journal_change *change, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(LIMIT_BYTES);
	const struct change_name name = name_of(change->target);
	bool is_fit;
	errint_t e;

	strbuf_str_add(&text, HEADING);
	is_fit = add_line(&text, "boot", j->boot_id) && add_line(&text, "knob", change->knob) &&
		 add_line(&text, "kind", kind_name(change->kind)) &&
		 add_line(&text, "root", change->root ? change->root : "") &&
		 add_line(&text, "target", change->target) &&
		 add_line(&text, "before", change->before) &&
		 add_line(&text, "wanted", change->wanted) &&
		 add_line(&text, "after", change->after);
	vec_foreach (const char *, owner, &change->owners)
		(void)add_line(&text, "owner", *owner);
	strbuf_printf(
		&text, CHECK_FORMAT, digest_add(DIGEST_START, strbuf_str(&text), text.length));
	if (!is_fit || (strbuf_failed(&text) && text.length > LIMIT_BYTES / 2))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"note the change of '%s': it is more than a line, or too long",
			change->target);
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	e = file_replace_at(j->fd, name.text, text.data, text.length, 0600);
	return e < 0 ? io_error(j, "write", name.text, -e, err) : 0;
}

/* The rest of a line that begins with `key`; the text goes on behind it. NULL: another line. */
static char *take_line(char **text, const char *key)
{
	const size_t length = strlen(key);
	char *value = *text + length + 1, *end;

	if (strncmp(*text, key, length) != 0 || (*text)[length] != ' ')
		return NULL;
	end = strchr(value, '\n');
	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return value;
}

/* True if the digest at the end is that of the rest, which ends there then. */
static bool check_digest(char *text, size_t length)
{
	char check[sizeof("check ") + 16 + 1];
	char *end;

	if (length < CHECK_LENGTH || strlen(text) != length)
		return false;
	end = text + length - CHECK_LENGTH;
	(void)snprintf(check, sizeof(check), CHECK_FORMAT,
		digest_add(DIGEST_START, text, (size_t)(end - text)));
	if (strcmp(end, check) != 0)
		return false;
	*end = '\0';
	return true;
}

/* -1: out of memory; 0: not the form. */
static int parse(struct arena *a, char *text, const char **ret_boot, struct journal_change *ret)
{
	struct journal_change change = { 0 };
	const char *owner, *kind;

	if (strncmp(text, HEADING, strlen(HEADING)) != 0)
		return 0;
	text += strlen(HEADING);
	*ret_boot = take_line(&text, "boot");
	change.knob = *ret_boot ? take_line(&text, "knob") : NULL;
	kind = change.knob ? take_line(&text, "kind") : NULL;
	change.root = kind ? take_line(&text, "root") : NULL;
	change.target = change.root ? take_line(&text, "target") : NULL;
	change.before = change.target ? take_line(&text, "before") : NULL;
	change.wanted = change.before ? take_line(&text, "wanted") : NULL;
	if (!change.wanted || !read_kind(kind, &change.kind) ||
		!is_target(change.kind, change.target))
		return 0;
	change.after = take_line(&text, "after");
	while ((owner = take_line(&text, "owner"))) {
		if (strspn(owner, "0123456789abcdef") != JOURNAL_ID_LENGTH ||
			owner[JOURNAL_ID_LENGTH])
			return 0;
		if (string_list_add(a, &change.owners, owner) < 0)
			return -1;
	}
	if (*text)
		return 0;
	*ret = change;
	return 1;
}

int journal_read(struct journal *j, struct arena *a, const char *name, struct journal_change *ret,
	struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	struct journal_change change;
	const char *boot = "";
	size_t length = 0;
	int parsed;
	char *kept;
	errint_t e;

	e = file_read_regular_in(j->fd, name, LIMIT_BYTES, &text, &length);
	if (e == -ENOENT)
		return 0;
	if (e < 0 && e != -EFBIG && e != -ELOOP && e != -EISDIR && e != -ENODEV)
		return io_error(j, "read", name, -e, err);
	kept = e < 0 ? NULL : arena_strndup(a, text, length);
	if (e >= 0 && !kept)
		return NVB_OOM(err);
	parsed = kept && check_digest(kept, length) ? parse(a, kept, &boot, &change) : 0;
	if (parsed < 0)
		return NVB_OOM(err);
	if (!parsed || strcmp(name_of(change.target).text, name) != 0)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "read '%s/%s': it is damaged", j->path, name);
	if (strcmp(boot, j->boot_id) != 0)
		return 0;
	*ret = change;
	return 1;
}

int journal_find(struct journal *j, struct arena *a, const char *target, struct journal_change *ret,
	struct nvb_error **err)
{
	return journal_read(j, a, name_of(target).text, ret, err);
}

int journal_forget_name(struct journal *j, const char *name, struct nvb_error **err)
{
	if (unlinkat(j->fd, name, 0) < 0 && errno != ENOENT)
		return io_error(j, "remove", name, errno, err);
	return 0;
}

int journal_forget(struct journal *j, const char *target, struct nvb_error **err)
{
	return journal_forget_name(j, name_of(target).text, err);
}

static int compare_names(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

int journal_list(
	struct journal *j, struct arena *a, struct string_list *ret, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(j->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		int errnum = errno;

		closep(&fd);
		return io_error(j, "list", ".", errnum, err);
	}
	while ((entry = readdir(dir)) && ret->n < MAX_CHANGES) {
		if (strncmp(entry->d_name, CHANGE_PREFIX, strlen(CHANGE_PREFIX)) != 0 ||
			strlen(entry->d_name) != sizeof(CHANGE_PREFIX) - 1 + 16)
			continue;
		if (string_list_printf(a, ret, "%s", entry->d_name) < 0)
			return NVB_OOM(err);
	}
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(ret->items[0]), compare_names);
	return 0;
}
