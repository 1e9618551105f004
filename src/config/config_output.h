/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as people and programs read them. */
#pragma once

#include <json-c/json.h>

#include "config/config.h"

/*
 * TOML that says the same in nvbind's own file; `origins`: each with a comment where it is from.
 * What has no place there (a title) is left out.
 */
void config_output_toml(const struct settings *s, bool origins, struct strbuf *out);

/* Their profiles as TOML; and as comments, what services get beside that. */
void config_output_parts(const struct config *c, bool origins, struct strbuf *out);

/*
 * {"files": [], "settings": [SETTING], "services": {NAME: [SETTING]}, "profiles": {NAME:
 * {"inherits", "settings"}}, "warnings": []}. SETTING is {"name", "value", "scope", "source",
 * "origin"}; without `origins`, without the last two. `merged` are those for all containers.
 */
int config_output_json(const struct config *c, const struct settings *merged, bool origins,
	char **ret_text, struct nvb_error **err);

/* The file of `nvbind config init`: every knob with its meaning, each commented out. */
void config_output_template(struct strbuf *out);

/* Where a value may come from: "command line", "configuration". */
const char *config_source_name(enum request_source source);

/* A value in TOML: true, "text", 12, ["a", "b"]. NULL: out of memory. */
struct json_object *config_value(const struct knob *knob, const struct setting *value);
