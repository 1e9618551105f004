/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/cache_ways.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "host/tree.h"

#define MAX_PATH_BYTES 4096
#define MAX_LINKS      40 /* as the kernel */

enum part {
	PART_MISSING,
	PART_LINK,
	PART_DIRECTORY,
	PART_OTHER,
	PART_UNKNOWN, /* it cannot be looked at */
};

/* What was found at a path, which many ways share. */
struct seen {
	const char *path;
	uint64_t digest;  /* of the path: most are told apart by it */
	const char *text; /* of a link */
	enum part part;
	bool is_noted; /* there is a fact of it as a part of a way */
};

struct ways {
	const struct host_tree *tree;
	struct arena *arena;
	struct host_fact_list facts;
	struct VEC(struct seen) seen;
};

/* One question's way. */
struct way {
	struct ways *all;
	const struct host_fact *fact;
	char path[MAX_PATH_BYTES]; /* so far, without links; "" is the root */
	char rest[MAX_PATH_BYTES];
	unsigned links;
};

static int add_fact(struct ways *all, const struct host_fact *fact)
{
	struct host_fact *slot = vec_push(all->arena, &all->facts);

	if (!slot)
		return -1;
	*slot = *fact;
	return 0;
}

static enum part look(
	const struct host_tree *tree, struct arena *a, const char *path, const char **ret_text)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH | O_NOFOLLOW, 0);
	char text[MAX_PATH_BYTES];
	struct stat st;
	ssize_t length;

	if (fd < 0)
		return fd == -ENOENT ? PART_MISSING : PART_UNKNOWN;
	if (fstat(fd, &st) < 0)
		return PART_UNKNOWN;
	if (!S_ISLNK(st.st_mode))
		return S_ISDIR(st.st_mode) ? PART_DIRECTORY : PART_OTHER;
	length = readlinkat(fd, "", text, sizeof(text));
	if (length <= 0 || length == sizeof(text))
		return PART_UNKNOWN;
	*ret_text = arena_strndup(a, text, (size_t)length);
	return *ret_text ? PART_LINK : PART_UNKNOWN;
}

/* NULL: out of memory. The facts come directory by directory: what is wanted was seen last. */
static struct seen *see(struct ways *all, const char *path)
{
	const uint64_t digest = digest_add(DIGEST_START, path, strlen(path));
	struct seen *slot;

	for (size_t i = all->seen.n; i > 0; i--) {
		slot = &all->seen.items[i - 1];
		if (slot->digest == digest && strcmp(slot->path, path) == 0)
			return slot;
	}
	slot = vec_push(all->arena, &all->seen);
	path = arena_strdup(all->arena, path);
	if (!slot || !path)
		return NULL;
	*slot = (struct seen){ .path = path, .digest = digest };
	slot->part = look(all->tree, all->arena, path, &slot->text);
	return slot;
}

/* Takes the first part of what is left of the way; NULL at its end. It lies in w->rest. */
static char *next_part(struct way *w, char **ret_after)
{
	char *part = w->rest + strspn(w->rest, "/");
	size_t length = strcspn(part, "/");

	*ret_after = part + length + (part[length] == '/');
	part[length] = '\0';
	return length ? part : NULL;
}

static bool append(struct way *w, const char *part)
{
	const size_t length = strlen(w->path), more = strlen(part);

	if (length + more + 2 > sizeof(w->path))
		return false;
	w->path[length] = '/';
	memcpy(w->path + length + 1, part, more + 1);
	return true;
}

static void go_up(struct way *w)
{
	char *slash = strrchr(w->path, '/');

	if (slash)
		*slash = '\0';
}

/* The way as its fact had it: asked as a whole. */
static int keep(const struct way *w)
{
	return add_fact(w->all, w->fact);
}

static int add_exact(const struct way *w, enum host_question question, uint64_t answer)
{
	const char *path = arena_strdup(w->all->arena, w->path);

	if (!path)
		return -1;
	return add_fact(
		w->all, &(struct host_fact){
				.path = path,
				.question = question,
				.is_exact = true,
				.is_link = question == HOST_ENTRY && w->fact->is_link,
				.answer = answer,
				.object = question == w->fact->question ? w->fact->object : 0,
			});
}

/* At the end of the way, or where it ends too early. */
static int end(const struct way *w)
{
	if (w->fact->answer == host_answer_error(-ENOENT))
		return -1;
	return *w->path ? add_exact(w, w->fact->question, w->fact->answer) : keep(w);
}

static int end_missing(const struct way *w)
{
	if (w->fact->answer != host_answer_error(-ENOENT))
		return -1;
	return add_exact(w, HOST_ENTRY, w->fact->answer);
}

/* That the part at hand is what it was seen to be; for all ways over it. */
static int note_part(const struct way *w, struct seen *seen)
{
	const struct stat directory = { .st_mode = S_IFDIR };

	if (seen->is_noted)
		return 0;
	seen->is_noted = true;
	if (seen->part == PART_LINK)
		return add_exact(w, HOST_LINK, host_answer_bytes(seen->text, strlen(seen->text)));
	/* The machine's own links are followed by the kernel, wherever one appears. */
	if (host_tree_is_live(w->all->tree))
		return 0;
	return add_exact(w, HOST_KIND, host_answer_stat(HOST_KIND, &directory));
}

/* Returns 1 to go on, 0 where the way is to be asked as a whole, -1. */
static int follow(struct way *w, struct seen *seen, const char *after)
{
	const char *text = seen->text;
	char rest[MAX_PATH_BYTES];

	if (++w->links > MAX_LINKS ||
		snprintf(rest, sizeof(rest), "%s/%s", text, after) >= (int)sizeof(rest))
		return 0;
	if (note_part(w, seen) < 0)
		return -1;
	memcpy(w->rest, rest, strlen(rest) + 1);
	if (text[0] == '/')
		w->path[0] = '\0';
	else
		go_up(w);
	return 1;
}

/* Goes on to `part`. Returns 1 to go on, 0 or -1 at the end. */
static int step(struct way *w, const char *part, char *after)
{
	const bool is_last = !after[strspn(after, "/")];
	const bool follows =
		!is_last || (w->fact->question != HOST_ENTRY && w->fact->question != HOST_LINK);
	struct seen *seen;
	int r = 1;

	if (strcmp(part, "..") == 0)
		go_up(w);
	else if (strcmp(part, ".") != 0 && !append(w, part))
		return keep(w);
	seen = *w->path ? see(w->all, w->path) : NULL;
	if (!seen && *w->path)
		return -1;
	if (seen && seen->part == PART_MISSING)
		return end_missing(w);
	if (seen && seen->part == PART_LINK && follows) {
		r = follow(w, seen, after);
		return r == 0 ? keep(w) : r;
	}
	if (seen && (seen->part == PART_UNKNOWN || (seen->part == PART_OTHER && !is_last)))
		return keep(w);
	if (seen && !is_last && note_part(w, seen) < 0)
		return -1;
	memmove(w->rest, after, strlen(after) + 1);
	return 1;
}

static int add_way(struct ways *all, const struct host_fact *fact)
{
	struct way w;
	char *part, *after;
	int r = 1;

	/* Whose way the kernel itself has made: nothing is gained there. */
	if (fact->question == HOST_MODULE || strlen(fact->path) >= sizeof(w.rest) ||
		(host_tree_is_live(all->tree) && host_path_is_kernel(fact->path)))
		return add_fact(all, fact);
	w.all = all;
	w.fact = fact;
	w.links = 0;
	w.path[0] = '\0';
	memcpy(w.rest, fact->path, strlen(fact->path) + 1);
	while (r > 0) {
		part = next_part(&w, &after);
		if (!part)
			return end(&w);
		r = step(&w, part, after);
	}
	return r;
}

int cache_ways_add(const struct host_tree *tree, struct host_record *record)
{
	struct ways all = { .tree = tree, .arena = record->arena };

	vec_foreach (struct host_fact, fact, &record->facts) {
		if (add_way(&all, fact) < 0)
			return -1;
	}
	record->facts = all.facts;
	return 0;
}
