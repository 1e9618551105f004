/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file of any content: what is taken from it is canonical, has an origin, and is
 * the same when it is shown and read again.
 */
#include "fuzz.h"

#include "config/config_output.h"

static void check_setting(struct arena *a, const struct knob *knob, const struct setting *value)
{
	struct settings again = { .arena = a };

	CHECK(value->origin && value->text);
	CHECK(strncmp(value->origin, "input:", 6) == 0);
	CHECK(settings_set(&again, knob, value->text, SOURCE_CONFIG, "again", NULL) == 0);
	CHECK(strcmp(again.of[knob->id].text, value->text) == 0);
	CHECK(again.of[knob->id].number == value->number);
	CHECK(again.of[knob->id].list.n == value->list.n);
}

static void check_part(struct arena *a, const struct config_part *part)
{
	CHECK((part->section == KNOB_SECTION_ALL) == !part->name);
	for (size_t i = 0; i < KNOB_COUNT; i++)
		if (part->settings.of[i].given)
			check_setting(a, &knob_table[i], &part->settings.of[i]);
}

static void check_shown(struct arena *a, const struct settings *s)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT((size_t)4 << 20);
	struct config_file *file = NULL;

	config_output_toml(s, true, &text);
	CHECK(!strbuf_failed(&text));
	if (text.length > CONFIG_TEXT_LIMIT_BYTES)
		return;
	CHECK(config_file_parse(a, "shown", strbuf_str(&text), text.length, &file, NULL) == 0);
	CHECK(file->findings.n == 0);
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct setting *now = &file->parts.items[0]->settings.of[i];

		CHECK(!now->given || strcmp(now->text, s->of[i].text) == 0);
		CHECK(now->given == s->of[i].given || i == KNOB_TITLE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct config_file *file = NULL;
	_cleanup_free_ char *text = malloc(size ? size : 1), *json = NULL;
	struct config config = { .arena = a };
	int r;

	CHECK(a && text);
	if (size)
		memcpy(text, data, size);
	r = config_file_parse(a, "input", text, size, &file, &err);
	CHECK((r < 0) == (err != NULL));
	if (r < 0)
		return 0;
	vec_foreach (struct config_part *, part, &file->parts)
		check_part(a, *part);
	vec_foreach (struct config_finding, finding, &file->findings)
		CHECK(strncmp(finding->text, "input:", 6) == 0);
	check_shown(a, &file->parts.items[0]->settings);
	*(struct config_file **)vec_push(a, &config.files) = file;
	/* A name that is no UTF-8 cannot come from TOML. */
	CHECK(config_output_json(&config, &file->parts.items[0]->settings, true, &json, NULL) == 0);
	return 0;
}
