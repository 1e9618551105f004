/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts are stored by directory: one of many names is opened for them. Before, all are left out
 * that others prove.
 */
#include "gpu/cache_facts.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "gpu/cache_ways.h"

/* From so many names on, opening and closing their directory is less than their ways. */
#define OPEN_FROM 8

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

static int compare_directories(const struct host_fact *a, const struct host_fact *b)
{
	size_t a_length = directory_length(a), b_length = directory_length(b);

	if (a->is_exact != b->is_exact)
		return a->is_exact ? -1 : 1;
	/* What is above comes first: the way to a file is proven before it is opened. */
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return memcmp(a->path, b->path, a_length);
}

static int compare_facts(const void *left, const void *right)
{
	const struct host_fact *a = left, *b = right;
	int order = compare_directories(a, b);

	if (order == 0)
		order = strcmp(name_of(a), name_of(b));
	return order ? order : (int)a->question - (int)b->question;
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

/* What is asked of the same thing or, exactly, of another; NULL: nothing, or it was not there. */
static const struct host_fact *find_same(const struct host_fact_list *sorted,
	const struct host_fact *fact, const char *path, enum host_question question)
{
	const struct host_fact wanted = {
		.path = path,
		.question = question,
		.is_exact = fact->is_exact,
	};
	const struct host_fact *found = sorted->n ? bsearch(&wanted, sorted->items, sorted->n,
							    sizeof(wanted), compare_facts)
						  : NULL;

	return found && (found->object || question == HOST_KIND) ? found : NULL;
}

static bool is_asked_more(const struct host_fact_list *sorted, const struct host_fact *fact)
{
	return find_same(sorted, fact, fact->path, HOST_FILE) ||
	       find_same(sorted, fact, fact->path, HOST_DIRECTORY) ||
	       find_same(sorted, fact, fact->path, HOST_ENTRY);
}

/* One question less where another one about the same thing has this answer in its own. */
static bool is_said_by_another(const struct host_fact_list *sorted, const struct host_fact *fact)
{
	const struct host_fact *other;

	if (!fact->is_exact)
		return false;
	switch ((int)fact->question) {
	case HOST_KIND:
		return is_asked_more(sorted, fact);
	case HOST_EXISTS:
		return fact->answer == HOST_ANSWER_EXISTS && is_asked_more(sorted, fact);
	case HOST_FILE:
		other = find_same(sorted, fact, fact->path, HOST_DIRECTORY);
		return other && other->object == fact->answer;
	case HOST_ENTRY:
		other = find_same(sorted, fact, fact->path, HOST_FILE);
		return other && other->answer == fact->answer;
	default:
		return false;
	}
}

/* To look up in, while the list itself becomes shorter. No items: out of memory. */
static struct host_fact_list copy_list(const struct host_record *record)
{
	const struct host_fact_list *facts = &record->facts;

	return (struct host_fact_list){
		.items =
			arena_memdup(record->arena, facts->items, facts->n * sizeof(*facts->items)),
		.n = facts->n,
	};
}

static int drop_said(struct host_record *record)
{
	const struct host_fact_list sorted = copy_list(record);
	size_t n = 0;

	if (!sorted.items)
		return -1;
	for (size_t i = 0; i < sorted.n; i++) {
		if (!is_said_by_another(&sorted, &sorted.items[i]))
			record->facts.items[n++] = sorted.items[i];
	}
	record->facts.n = n;
	return 0;
}

/*
 * What the times of a directory prove of a name in it: that it is not there, what it says as a
 * link, that it is a directory. Nothing else: over a file another one may be mounted, and its
 * content may change.
 */
static bool is_for_times(const struct host_fact *fact)
{
	if (!fact->is_exact || !*name_of(fact))
		return false;
	if (fact->question == HOST_ENTRY)
		return fact->is_link || fact->answer == host_answer_error(-ENOENT);
	return fact->question == HOST_LINK || fact->question == HOST_KIND;
}

/*
 * Directories that change when software is installed. In others (/etc, /run, /tmp, /dev) names come
 * and go that have nothing to do with GPUs: there each is asked for.
 */
static bool is_quiet(const char *directory)
{
	static const char *const quiet[] = { "/usr", "/lib", "/lib32", "/lib64", "/opt", "/proc",
		"/sys" };

	for (size_t i = 0; i < ELEMENTS(quiet); i++) {
		if (path_is_below(directory, quiet[i]))
			return true;
	}
	return !*directory;
}

/* Asks for a directory's times in the place of more than one of its names. -1: out of memory. */
static int ask_for_times(
	const struct host_tree *tree, struct host_record *record, const char *directory)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, directory, O_PATH | O_DIRECTORY, 0);
	struct host_fact *slot;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !host_record_keeps_times(record, fd, &st) ||
		host_newest_ns(&st) >= record->settled_ns)
		return 0;
	slot = vec_push(record->arena, &record->facts);
	if (!slot)
		return -1;
	*slot = (struct host_fact){
		.path = directory,
		.question = HOST_DIRECTORY,
		.is_exact = true,
		.answer = host_answer_stat(HOST_DIRECTORY, &st),
		.object = host_answer_object(&st),
	};
	return 0;
}

/* Facts from `first` on that have its directory. */
static size_t count_group(const struct host_fact_list *facts, size_t first)
{
	size_t n = 1;

	while (first + n < facts->n &&
		compare_directories(&facts->items[first], &facts->items[first + n]) == 0)
		n++;
	return n;
}

/* A directory that has to be asked whether it is one: its times would say that, too. */
static bool is_asked_for_kind(const struct host_record *record, const struct host_fact_list *sorted,
	const char *directory)
{
	const struct host_fact exact = { .is_exact = true };
	const size_t parent = (size_t)(path_base_name(directory) - directory);

	if (!*directory || !find_same(sorted, &exact, directory, HOST_KIND))
		return false;
	/* The times of the directory above answer it. They were added before: what is above is. */
	for (size_t i = 0; i < record->facts.n; i++) {
		const struct host_fact *fact = &record->facts.items[i];

		if (fact->is_exact && fact->question == HOST_DIRECTORY &&
			strlen(fact->path) + 1 == parent &&
			memcmp(fact->path, directory, parent - 1) == 0)
			return false;
	}
	return true;
}

static int add_times(const struct host_tree *tree, struct host_record *record)
{
	const size_t all = record->facts.n;
	struct host_fact_list sorted = record->facts;

	for (size_t i = 0, n; i < all; i += n) {
		const struct host_fact *first = &sorted.items[i];
		const char *directory;
		size_t proven = 0;

		n = count_group(&sorted, i);
		for (size_t j = 0; j < n; j++)
			proven += is_for_times(&first[j]);
		directory = arena_strndup(record->arena, first->path, directory_length(first));
		if (!directory)
			return -1;
		if (!proven || first->question == HOST_DIRECTORY || !is_quiet(directory))
			continue;
		proven += is_asked_for_kind(record, &sorted, directory);
		if (proven > 1 && ask_for_times(tree, record, directory) < 0)
			return -1;
	}
	return 0;
}

/*
 * Each is asked again: only what is still so after the directory's times were looked at is what
 * they stand for.
 */
static bool is_proven_by_times(const struct host_tree *tree, struct arena *a,
	const struct host_fact_list *sorted, const struct host_fact *fact)
{
	struct host_place place = HOST_PLACE_INIT(tree);

	if (!is_for_times(fact))
		return false;
	place.path = arena_strndup(a, fact->path, directory_length(fact));
	place.is_exact = true;
	return place.path && find_same(sorted, fact, place.path, HOST_DIRECTORY) &&
	       host_place_ask(&place, fact->question, name_of(fact)) == fact->answer;
}

static int drop_proven(const struct host_tree *tree, struct host_record *record)
{
	const struct host_fact_list sorted = copy_list(record);
	size_t n = 0;

	if (!sorted.items)
		return -1;
	for (size_t i = 0; i < sorted.n; i++) {
		const struct host_fact *fact = &sorted.items[i];

		if (!is_proven_by_times(tree, record->arena, &sorted, fact))
			record->facts.items[n++] = *fact;
	}
	record->facts.n = n;
	return 0;
}

static int reduce(const struct host_tree *tree, struct host_record *record)
{
	if (cache_ways_add(tree, record) < 0 || arrange(&record->facts) < 0 ||
		drop_said(record) < 0)
		return -1;
	if (add_times(tree, record) < 0 || arrange(&record->facts) < 0 || drop_said(record) < 0)
		return -1;
	return drop_proven(tree, record);
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
	const struct host_fact_list *facts = &record->facts;

	if (record->unprovable || reduce(tree, record) < 0)
		return -1;
	for (size_t i = 0, n; i < facts->n; i += n) {
		const char *directory = arena_strndup(
			record->arena, facts->items[i].path, directory_length(&facts->items[i]));
		unsigned char is_exact = facts->items[i].is_exact;

		if (!directory)
			return -1;
		n = count_group(facts, i);
		cache_code_count(out, &n);
		cache_code_bytes(out, &is_exact, 1);
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
	unsigned char is_exact;

	cache_code_bytes(in, &is_exact, 1);
	cache_code_string(in, &place.path);
	in->failed |= is_exact > 1 || !place.path || (*place.path && !path_is_normal(place.path));
	if (in->failed)
		return false;
	place.is_exact = is_exact;
	if (n >= OPEN_FROM)
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
