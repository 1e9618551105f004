/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way the GPUs go into a container of another engine. Pure: the engine's facts in, one way
 * with its reason out.
 *
 * nvbind-runtime comes first where the engine can run it: it makes the plan when the container
 * starts, so profile and capabilities count and nothing can be stale. CDI comes second, with
 * what the machine's specifications hold.
 */
#pragma once

#include "engine/client/client.h"

enum client_method {
	CLIENT_METHOD_NOTHING, /* no GPU: what images ask for on their own is switched off */
	CLIENT_METHOD_RUNTIME, /* nvbind-runtime */
	CLIENT_METHOD_CDI,     /* CDI devices, by the engine itself */
};

struct method_question {
	bool wants_devices;
	bool cdi_forced;
	const char *runtime;	     /* path of nvbind-runtime; NULL: not installed */
	const char *runtime_problem; /* why it would give nothing; NULL: it would not refuse */
	const char *spec_problem;    /* why no CDI specification will do; NULL: they will */
};

struct method_choice {
	enum client_method method;
	const char *runtime; /* the word for --runtime */
	const char *mechanism, *reason;
	bool assumed; /* the engine was not there to be asked */
};

/* How much is to be known of an engine for the answer. */
enum client_depth method_depth(const struct method_question *question);

/* True if the answer depends on question->spec_problem, which costs reading all specifications. */
bool method_needs_specs(const struct client_ops *ops, const struct client_facts *facts,
	const struct method_question *question, struct arena *a);

/* Errors: NVB_ERR_ENGINE (no way is open), NVB_ERR_UNSUPPORTED (an engine elsewhere). */
int method_choose(const struct client_ops *ops, const struct client_facts *facts,
	const struct method_question *question, struct arena *a, struct method_choice *ret,
	struct nvb_error **err);

/* The likely answer where the engine cannot be asked, for a dry run; `why_not` becomes the reason.
 */
int method_assume(const struct client_ops *ops, const struct method_question *question,
	const char *why_not, struct arena *a, struct method_choice *ret, struct nvb_error **err);
