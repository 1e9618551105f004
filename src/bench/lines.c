/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/lines.h"

#define FROM(a, b) .more = BENCH_##a, .less = BENCH_##b

const struct bench_line_row bench_line_rows[BENCH_LINES] = {
#define PART(id, title_, unit_)
#define LINE(id, key_, title_, note_)                                                              \
	[BENCH_##id] = { BENCH_KIND_MEASURED, .key = key_, .title = title_, .note = note_ },
#define DIFFERENCE(id, key_, more_, less_, title_, note_)                                          \
	[BENCH_##id] = { BENCH_KIND_DIFFERENCE, .key = key_, .title = title_, .note = note_,       \
		FROM(more_, less_) },
#define RATIO(id, key_, more_, less_, title_, note_)                                               \
	[BENCH_##id] = { BENCH_KIND_RATIO, .key = key_, .title = title_, .note = note_,            \
		FROM(more_, less_) },
#include "bench/lines.def"
#undef PART
#undef LINE
#undef DIFFERENCE
#undef RATIO
};

/* Where each part begins among the lines: parts count as nothing, lines as one. */
enum place {
#define PART(id, title, unit)			     PLACE_##id, PLACE_BACK_##id = PLACE_##id - 1,
#define LINE(id, key, title, note)		     PLACE_LINE_##id,
#define DIFFERENCE(id, key, more, less, title, note) PLACE_LINE_##id,
#define RATIO(id, key, more, less, title, note)	     PLACE_LINE_##id,
#include "bench/lines.def"
#undef PART
#undef LINE
#undef DIFFERENCE
#undef RATIO
};

const struct bench_part_row bench_part_rows[BENCH_PARTS] = {
#define PART(id, title_, unit_)                                                                    \
	[BENCH_PART_##id] = { title_, BENCH_##unit_, (enum bench_line_id)PLACE_##id },
#define LINE(id, key, title, note)
#define DIFFERENCE(id, key, more, less, title, note)
#define RATIO(id, key, more, less, title, note)
#include "bench/lines.def"
#undef PART
#undef LINE
#undef DIFFERENCE
#undef RATIO
};

const char *bench_part_title(enum bench_part_id part)
{
	return bench_part_rows[part].title;
}

const char *bench_line_title(enum bench_line_id line)
{
	return bench_line_rows[line].title;
}

const char *bench_line_key(enum bench_line_id line)
{
	return bench_line_rows[line].key;
}

enum bench_part_id bench_line_part(enum bench_line_id line)
{
	size_t part = BENCH_PARTS - 1;

	while (part && bench_part_rows[part].first > line)
		part--;
	return (enum bench_part_id)part;
}

const char *bench_line_unit(enum bench_line_id line)
{
	if (bench_line_rows[line].kind == BENCH_KIND_RATIO)
		return "permille";
	return bench_part_rows[bench_line_part(line)].unit == BENCH_MEBIBYTES ? "bytes" : "ns";
}
