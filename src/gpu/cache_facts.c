/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts are stored by directory: one that is opened once serves all questions about its names, and
 * one that is gone answers for all of them.
 */
#include "gpu/cache_facts.h"

#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"

#define MAX_PATH_BYTES 4096
#define MAX_LINKS      8 /* in a row, each to a neighbour; of more, nothing is known here */

/* A fact's path in two: of what is asked about the directory itself the name is empty. */
static size_t directory_length(const struct host_fact *fact)
{
	if (fact->question == HOST_MODULE)
		return 0;
	if (fact->question == HOST_DIRECTORY || fact->question == HOST_NAMES)
		return strlen(fact->path);
	return (size_t)(path_base_name(fact->path) - fact->path) - 1;
}

static const char *name_of(const struct host_fact *fact)
{
	size_t length = directory_length(fact);

	if (fact->question == HOST_MODULE)
		return fact->path;
	return fact->path[length] ? fact->path + length + 1 : "";
}

static bool same_directory(const struct host_fact *a, const struct host_fact *b)
{
	size_t length = directory_length(a);

	return length == directory_length(b) && memcmp(a->path, b->path, length) == 0;
}

static int compare_facts(const void *left, const void *right)
{
	const struct host_fact *a = left, *b = right;
	size_t a_length = directory_length(a), b_length = directory_length(b);
	int order;

	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	order = memcmp(a->path, b->path, a_length);
	if (order == 0)
		order = strcmp(name_of(a), name_of(b));
	return order ? order : (int)a->question - (int)b->question;
}

static const struct host_fact *find_fact(
	const struct host_fact_list *sorted, const struct host_fact *wanted)
{
	return sorted->n ? bsearch(wanted, sorted->items, sorted->n, sizeof(*wanted), compare_facts)
			 : NULL;
}

/* The text of a link to a neighbour; NULL: it is not that. */
static const char *read_neighbour(int fd, struct arena *a)
{
	char text[MAX_PATH_BYTES];
	ssize_t length = readlinkat(fd, "", text, sizeof(text));

	if (length <= 0 || text[0] == '.' || memchr(text, '/', (size_t)length))
		return NULL;
	return arena_strndup(a, text, (size_t)length);
}

/* One question less where the name was a regular file: both answers are the same then. */
static bool is_file_too(const struct host_fact_list *sorted, const struct host_fact *fact)
{
	const struct host_fact file = { .path = fact->path, .question = HOST_FILE };
	const struct host_fact *found = find_fact(sorted, &file);

	return fact->question == HOST_ENTRY && found && found->answer == fact->answer;
}

/*
 * What the times of its directory prove of a name: that it is not there, or what it says as a link.
 * Then a link to a neighbour needs no question, only the neighbour does: *fact becomes that one.
 * The link is read later than the rest. Had it been exchanged in between, the directory's times
 * would tell.
 */
static bool is_proven_by_directory(struct arena *a, const struct host_tree *tree,
	const char *directory, struct host_fact *fact)
{
	for (unsigned links = 0; links < MAX_LINKS; links++) {
		_cleanup_close_ int fd =
			path_open_in(tree->root_fd, fact->path, O_PATH | O_NOFOLLOW, 0);
		const char *neighbour, *path;
		struct stat st;

		if (fd < 0)
			return fd == -ENOENT && fact->answer == host_answer_error(-ENOENT);
		if (fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
			return false;
		if (fact->question == HOST_ENTRY)
			return true;
		neighbour = read_neighbour(fd, a);
		path = neighbour ? arena_printf(a, "%s/%s", directory, neighbour) : NULL;
		if (!path)
			return false;
		fact->path = path;
	}
	return false;
}

static bool is_implied(const struct host_tree *tree, struct arena *a,
	const struct host_fact_list *sorted, struct host_fact *fact)
{
	struct host_fact directory = { .question = HOST_DIRECTORY };

	if (fact->question != HOST_ENTRY && fact->question != HOST_FILE)
		return false;
	if (is_file_too(sorted, fact))
		return true;
	directory.path = arena_strndup(a, fact->path, directory_length(fact));
	return directory.path && find_fact(sorted, &directory) &&
	       is_proven_by_directory(a, tree, directory.path, fact);
}

/* Sorts, and leaves each question once. -1: two answers to one. */
static int arrange(struct host_fact_list *facts)
{
	size_t n = 0;

	if (facts->n)
		qsort(facts->items, facts->n, sizeof(*facts->items), compare_facts);
	for (size_t i = 0; i < facts->n; i++) {
		const struct host_fact *fact = &facts->items[i];

		if (n && compare_facts(&facts->items[n - 1], fact) == 0) {
			if (facts->items[n - 1].answer != fact->answer)
				return -1;
			continue;
		}
		facts->items[n++] = *fact;
	}
	facts->n = n;
	return 0;
}

/*
 * What is missing because a directory above it is: then that is all to ask. This may be asked
 * later than the rest: where the directory is missing, so is everything below it.
 */
static void raise_missing(
	const struct host_tree *tree, struct host_record *record, struct host_fact *fact)
{
	if (fact->question == HOST_MODULE || fact->answer != host_answer_error(-ENOENT))
		return;
	for (;;) {
		size_t length = (size_t)(path_base_name(fact->path) - fact->path) - 1;
		const char *parent = arena_strndup(record->arena, fact->path, length);
		_cleanup_close_ int fd = -1;

		if (!parent || !length)
			return;
		fd = path_open_in(tree->root_fd, parent, O_PATH, 0);
		if (fd != -ENOENT)
			return;
		fact->path = parent;
		fact->question = HOST_FILE;
	}
}

static void drop_implied(const struct host_tree *tree, struct host_record *record)
{
	struct host_fact_list sorted = { 0 };
	size_t n = 0;

	/* Looked up in as it was: an entry that is replaced is out of order. */
	sorted.items = arena_memdup(
		record->arena, record->facts.items, record->facts.n * sizeof(*sorted.items));
	if (!sorted.items)
		return;
	sorted.n = record->facts.n;
	for (size_t i = 0; i < record->facts.n; i++) {
		struct host_fact fact = record->facts.items[i];

		raise_missing(tree, record, &fact);
		if (!is_implied(tree, record->arena, &sorted, &fact))
			record->facts.items[n++] = fact;
	}
	record->facts.n = n;
}

static void write_fact(struct cache_code *out, const struct host_fact *fact)
{
	unsigned char question = (unsigned char)fact->question;
	uint64_t answer = fact->answer;
	const char *name = name_of(fact);

	cache_code_bytes(out, &question, 1);
	cache_code_bytes(out, &answer, sizeof(answer));
	cache_code_string(out, &name);
}

int cache_facts_write(
	const struct host_tree *tree, struct host_record *record, struct cache_code *out)
{
	struct host_fact_list *facts = &record->facts;

	if (record->unprovable || arrange(facts) < 0)
		return -1;
	drop_implied(tree, record);
	if (arrange(facts) < 0)
		return -1;
	for (size_t i = 0, n; i < facts->n; i += n) {
		const char *directory = arena_strndup(
			record->arena, facts->items[i].path, directory_length(&facts->items[i]));

		if (!directory)
			return -1;
		for (n = 1;
			i + n < facts->n && same_directory(&facts->items[i], &facts->items[i + n]);)
			n++;
		cache_code_count(out, &n);
		cache_code_string(out, &directory);
		for (size_t j = i; j < i + n; j++)
			write_fact(out, &facts->items[j]);
	}
	cache_code_count(out, &(size_t){ 0 });
	return 0;
}

static bool holds(const struct host_place *place, struct cache_code *in)
{
	unsigned char question;
	const char *name;
	uint64_t answer;

	cache_code_bytes(in, &question, 1);
	cache_code_bytes(in, &answer, sizeof(answer));
	cache_code_string(in, &name);
	in->failed |= question >= HOST_QUESTION_COUNT || !name || strchr(name, '/');
	if (in->failed)
		return false;
	if (host_place_ask(place, question, name) == answer)
		return true;
	log_debug("inventory", "'%s/%s' is not as it was", place->path, name);
	return false;
}

static bool all_hold(const struct host_tree *tree, struct cache_code *in, size_t n)
{
	_cleanup_(host_place_done) struct host_place place = HOST_PLACE_INIT(tree);

	cache_code_string(in, &place.path);
	in->failed |= !place.path;
	if (in->failed)
		return false;
	if (n > 1)
		host_place_open(&place);
	for (size_t i = 0; i < n; i++) {
		if (!holds(&place, in))
			return false;
	}
	return true;
}

bool cache_facts_hold(const struct host_tree *tree, struct cache_code *in)
{
	for (;;) {
		size_t n = 0;

		cache_code_count(in, &n);
		if (in->failed || !n)
			return !in->failed;
		if (!all_hold(tree, in, n))
			return false;
	}
}
