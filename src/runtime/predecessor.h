/* SPDX-License-Identifier: Apache-2.0 */
/* NVIDIA's prestart hook, as engines add it for their --gpus option: what it would do is done. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* True if the configuration has such a hook. */
bool predecessor_is_present(struct json_object *config);

/* Returns how many hooks were taken out. Hooks of others stay. */
size_t predecessor_remove_hooks(struct json_object *config);
