/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compose file: the first byte chooses what it becomes. What comes out can be read again, and
 * converting it a second time changes nothing.
 */
#include "fuzz.h"

#include <stdio.h>

#include "format/json.h"
#include "format/toml.h"
#include "format/yaml.h"
#include "migrate/compose.h"

/* libfyaml 0.7.12 loses a buffer where a long quoted text ends in a syntax error. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static void check_toml(const struct compose_result *result)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;

	CHECK(toml_parse("Boltfile.toml", result->text, result->length, &doc, NULL) == 0);
}

static void check_again(const struct compose_result *first, enum compose_target target)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct compose_result again = { 0 };

	CHECK(a);
	CHECK(compose_migrate("again", first->text, first->length, target, NULL, a, &again, NULL) == 0);
	CHECK(!again.changed && again.length == first->length);
	compose_result_done(&again);
}

static void check_report(const struct compose_result *result)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL, *json = NULL;

	CHECK(migrate_report_format(&result->report, &text, NULL) == 0);
	if (migrate_report_format_json(&result->report, &json, NULL) == 0)
		CHECK(json_parse(json, strlen(json), &root, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct compose_result result = { 0 };
	enum compose_target target;
	char *text;

	if (!a || !size)
		return 0;
	target = (enum compose_target)(data[0] % 3);
	text = fuzz_text(data + 1, size - 1);
	if (compose_migrate("compose.yml", text, size - 1, target, NULL, a, &result, NULL) == 0) {
		check_report(&result);
		if (target == COMPOSE_TO_BOLTFILE)
			check_toml(&result);
		else
			check_again(&result, target);
		compose_result_done(&result);
	}
	free(text);
	return 0;
}
