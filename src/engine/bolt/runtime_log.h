/* SPDX-License-Identifier: Apache-2.0 */
/* What the low-level runtime wrote to its log: JSON lines with "level" and "msg". */
#pragma once

/* The last message of level error in <capsule>/log, malloc'd and escaped; NULL if there is none. */
char *runtime_log_error(int capsule_fd);
