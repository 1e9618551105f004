/* SPDX-License-Identifier: Apache-2.0 */
#include "format/yaml_events.h"

#include <errno.h>

static struct fy_diag *new_diag(void)
{
	struct fy_diag_cfg config;
	struct fy_diag *diag;

	fy_diag_cfg_default(&config);
	config.fp = NULL;
	config.colorize = false;
	diag = fy_diag_create(&config);
	if (diag)
		fy_diag_set_collect_errors(diag, true);
	return diag;
}

errint_t yaml_events_open(struct yaml_events *e, const char *text, size_t length)
{
	/* Go's reader does not mind where a bracket of several lines closes. */
	struct fy_parse_cfg config = {
		.flags = FYPCF_QUIET | FYPCF_JSON_NONE | FYPCF_SLOPPY_FLOW_INDENTATION,
	};

	e->diag = config.diag = new_diag();
	e->parser = e->diag ? fy_parser_create(&config) : NULL;
	if (!e->parser || fy_parser_set_string(e->parser, text, length) != 0)
		return -ENOMEM;
	return 0;
}

void yaml_events_done(struct yaml_events *e)
{
	if (e->parser)
		fy_parser_destroy(e->parser);
	if (e->diag)
		fy_diag_destroy(e->diag);
	*e = (struct yaml_events){ 0 };
}
