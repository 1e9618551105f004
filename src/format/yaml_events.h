/* SPDX-License-Identifier: Apache-2.0 */
/* libfyaml's events of a text. For the YAML files of this room alone. */
#pragma once

#include <libfyaml.h>
#include <stddef.h>

#include "base/path.h"

struct yaml_events {
	struct fy_parser *parser;
	struct fy_diag *diag; /* what libfyaml complains of is collected, not printed */
};

/* The text is borrowed. Returns 0 or -ENOMEM. */
errint_t yaml_events_open(struct yaml_events *e, const char *text, size_t length);
void yaml_events_done(struct yaml_events *e);
