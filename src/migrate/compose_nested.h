/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service whose command is `nvbind run [OPTION...] IMAGE [COMMAND...]`: a container that is to
 * start another one. What it means is a service of that image.
 */
#pragma once

#include "migrate/compose_read.h"

struct compose_nested {
	const char *gpu;   /* --gpu; NULL: not given */
	const char *image; /* NULL: there is no image, or an option that is not understood here */
	size_t command;	   /* index of the command's first word; may be the number of all */
};

/* False: the command is something else. */
bool compose_nested_read(const struct compose_service *service, struct compose_nested *ret);
