/* SPDX-License-Identifier: Apache-2.0 */
/* A file of Steam of any content: what is read is no deeper than it may be, and can be found. */
#include "fuzz.h"

#include "format/json.h"
#include "format/vdf.h"

static void check_table(struct json_object *table, int depth)
{
	CHECK(depth <= VDF_DEPTH_LIMIT);
	json_object_object_foreach(table, key, value)
	{
		CHECK(vdf_find(table, key) == value);
		if (json_object_is_type(value, json_type_object))
			check_table(value, depth + 1);
		else
			CHECK(vdf_find_string(table, key) == json_object_get_string(value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;
	int r = vdf_parse("input", (const char *)data, size, &root, &err);

	CHECK((r < 0) == !root);
	CHECK((r < 0) == (err != NULL));
	if (root)
		check_table(root, 1);
	return 0;
}
