/* SPDX-License-Identifier: Apache-2.0 */
/* What can be measured beside us, by the words that users have for it. */
#pragma once

#include "bench/bench.h"

/* A comma list, added to the options. Errors: NVB_ERR_USAGE. */
int compare_list_parse(const char *text, struct bench_options *options, struct nvb_error **err);
