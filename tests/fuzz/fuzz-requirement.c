/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is the driver's version and the brand; every other line is a requirement. */
#include "fuzz.h"

#include "request/requirement.h"

static void check_needs(const struct string_list *list, int status)
{
	struct requirement_needs needs;
	int r = requirement_needs(list, &needs, NULL);

	/* Both read the same grammar, but a requirement that fails ends the check. */
	CHECK(status >= 0 ? r >= 0 : status == NVB_ERR_DRIVER || r == status);
}

/* Nobody is refused for what nobody knows. */
static void check_unknown(const struct string_list *list, struct arena *a)
{
	const struct requirement_facts nothing = { 0 };
	struct string_list warnings = { 0 };

	CHECK(requirement_check(list, &nothing, a, &warnings, NULL) != NVB_ERR_DRIVER);
	CHECK(warnings.n <= 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct string_list list = { 0 }, warnings = { 0 };
	struct requirement_facts facts = { .cuda_version = "12.4", .arch = "8.0" };
	char *rest = text;
	int r;

	CHECK(a);
	facts.driver_version = facts.brand = strsep(&rest, "\n");
	while (rest)
		CHECK(string_list_add(a, &list, strsep(&rest, "\n")) == 0);
	r = requirement_check(&list, &facts, a, &warnings, &err);
	CHECK((r < 0) == (err != NULL));
	CHECK(r >= 0 || r == NVB_ERR_DRIVER || r == NVB_ERR_USAGE || r == NVB_ERR_LIMIT);
	CHECK(!err || !strpbrk(nvb_error_message(err), "\n\x1b"));
	check_needs(&list, r);
	check_unknown(&list, a);
	return 0;
}
