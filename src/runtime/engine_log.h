/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines where the engine looks for them, as runc writes them: the file of --log, in JSON or as
 * text. A file of our own may get them too. Without any file, warnings go to standard error.
 *
 * containerd takes the last line of level "error" for the cause of a failure, and Podman the file
 * if it holds one line, else what is on standard error. Source: containerd, getLastRuntimeError();
 * Podman, readConmonPipeData().
 */
#pragma once

#include "base/error.h"
#include "base/log.h"
#include "request/runtime_policy.h"
#include "runtime/arguments.h"

/* From now on the log's lines go there. Both are borrowed; NULL: not known yet. */
void engine_log_open(
	const struct runtime_arguments *arguments, const struct runtime_policy *policy);

/* One line everywhere, and on standard error: the message and its hint. */
void engine_log_error(const struct nvb_error *e);
