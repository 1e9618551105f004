/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of the hook's second phase. */
#pragma once

#include "base/error.h"

/*
 * From here on only calls on files and memory work; any other answers EPERM. Without seccomp in
 * the kernel this does nothing.
 */
int confine_calls(struct nvb_error **err);
