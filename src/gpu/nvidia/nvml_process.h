/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that loads the vendor's library is bound to. */
#pragma once

/* Bounds its life, its files and its memory, and dies with its parent. Returns the descriptor to
 * answer on, as what the library prints goes nowhere; -1: not possible. */
int nvml_process_begin(void);
