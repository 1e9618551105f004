/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which `nvbind info` shows an inventory. */
#pragma once

#include <stdbool.h>

#include "base/strbuf.h"
#include "gpu/inventory.h"

#define INFO_TEXT_BYTES ((size_t)16 << 20)

/* The GPU's driver can be used from a container. *ret_reason (borrowed) says why not. */
bool info_driver_works(const struct inventory *inv, const struct gpu *gpu, const char **ret_reason);

/* The object of `info --json`: unknown values are null. malloc'd. */
int info_format_json(const struct inventory *inv, char **ret_text, struct nvb_error **err);
/* The array of `info --gpus --format=json`, as Bolt reads it. */
int info_format_gpus_json(const struct inventory *inv, char **ret_text, struct nvb_error **err);
/* The object of `info --wsl2 --json`. */
int info_format_wsl_json(const struct inventory *inv, char **ret_text, struct nvb_error **err);

/* Text for people. `drivers` adds a line per driver; `detailed` nodes, UUIDs and files. */
int info_format_text(const struct inventory *inv, bool drivers, bool detailed, struct strbuf *out,
	struct nvb_error **err);
void info_format_wsl_text(const struct inventory *inv, struct strbuf *out);
