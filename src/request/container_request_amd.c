/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD_VISIBLE_DEVICES: "all", a list of N, N-M, the unique id of a GPU in hexadecimal, "none" or
 * "void". Numbers count AMD's GPUs alone. The id is written with 0x, or is longer than any number;
 * nvbind knows it as GPU-<16 digits>.
 *
 * Source: AMD Container Toolkit 1.3, documentation "Running Workloads", and its list parser.
 */
#include <string.h>

#include "base/number.h"
#include "request/container_request_build.h"
#include "request/selector.h"

#define VARIABLE      CONTAINER_VARIABLE_AMD
#define KIND	      "amd.com/gpu"
#define MAX_INDEX     65535
#define NUMBER_DIGITS 8

static const char *skip_zero_x(const char *item)
{
	return item[0] == '0' && (item[1] == 'x' || item[1] == 'X') ? item + 2 : item;
}

static bool is_unique_id(const char *item, uint64_t *ret)
{
	const char *digits = skip_zero_x(item);

	if (digits == item && strlen(item) <= NUMBER_DIGITS)
		return false;
	return number_parse_hex(digits, UINT64_MAX, ret) && skip_zero_x(digits) == digits;
}

static bool is_range(const char *item, uint64_t *ret_first, uint64_t *ret_last)
{
	const char *dash = strchr(item, '-');

	return dash && number_parse_n(item, (size_t)(dash - item), MAX_INDEX, ret_first) &&
	       number_parse(dash + 1, MAX_INDEX, ret_last);
}

static int select_range(struct container_build *b, uint64_t first, uint64_t last, const char *item,
	struct nvb_error **err)
{
	if (first > last)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "select GPU '%s': the range is empty",
			container_build_shown(b, item));
	for (uint64_t i = first; i <= last; i++) {
		const char *number = arena_printf(b->arena, "%u", (unsigned)i);
		int r;

		if (!number)
			return NVB_OOM(err);
		if (b->items++ >= CONTAINER_ITEMS)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"select GPU '%s': more than %d devices",
				container_build_shown(b, item), CONTAINER_ITEMS);
		r = container_build_select(b, KIND, number, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int select_item(struct container_build *b, const char *item, struct nvb_error **err)
{
	uint64_t id, first, last;
	const char *uuid;
	int r = 0;

	if (is_range(item, &first, &last))
		return select_range(b, first, last, item, err);
	if (is_unique_id(item, &id)) {
		uuid = arena_printf(b->arena, "GPU-%016llx", (unsigned long long)id);
		return uuid ? container_build_select(b, KIND, uuid, err) : NVB_OOM(err);
	}
	/* Behind the kind, any word could be a device of some specification. */
	if (!strchr(item, '='))
		r = selector_check(item, err);
	return r < 0 ? r : container_build_select(b, KIND, item, err);
}

/* Returns 1 if the list names anything, "void" included. */
static int read_list(struct container_build *b, struct nvb_error **err)
{
	const char *value = container_build_env(b, VARIABLE);
	struct string_list items = { 0 };
	int r = 0;

	if (!value)
		return 0;
	if (!b->request.selectors.n)
		b->asker = VARIABLE;
	r = container_build_split(b, VARIABLE, value, &items, err);
	if (r < 0 || container_has_word(&items, "void"))
		return r < 0 ? r : 1;
	for (size_t i = 0; i < items.n && r >= 0; i++) {
		/* There are no driver files to give without a GPU. */
		if (container_item_is(items.items[i], "none"))
			break;
		if (container_item_is(items.items[i], "all")) {
			r = container_build_select(b, KIND, "all", err);
			break;
		}
		r = select_item(b, items.items[i], err);
	}
	return r < 0 ? NVB_CONTEXT(err, r, "read '" VARIABLE "'") : items.n > 0;
}

int container_read_amd(struct container_build *b, struct nvb_error **err)
{
	const size_t before = b->request.selectors.n;
	int r = read_list(b, err);

	return r < 0 ? r : b->request.selectors.n > before;
}

int container_bound_amd(struct container_build *b, struct nvb_error **err)
{
	int r = read_list(b, err);

	return r < 0 ? r : container_build_env(b, VARIABLE) != NULL;
}
