/* SPDX-License-Identifier: Apache-2.0 */
/* What the low-level runtime wrote to its log: JSON lines with "level" and "msg". */
#pragma once

/* The last message of level error in <capsule>/log, malloc'd and escaped; NULL if there is none. */
char *runtime_log_error(int capsule_fd);

/*
 * What such a message means: NVB_ERR_NO_COMMAND or NOT_EXECUTABLE where the command is at fault,
 * else NVB_ERR_ENGINE. Neither runtime has a code for it, so the words count, as for Docker.
 */
int runtime_log_status(const char *message);
