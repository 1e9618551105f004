/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/method.h"

/* What either way is worth here. */
struct ways {
	const char *runtime;	    /* the word for --runtime; NULL: not open */
	const char *runtime_reason; /* why, or why not */
	const char *runtime_way;    /* what would open it; NULL: nothing */
	const char *cdi_problem;    /* NULL: open */
};

enum client_depth method_depth(const struct method_question *question)
{
	if (!question->wants_devices)
		return CLIENT_BRIEF;
	return question->runtime && !question->runtime_problem && !question->cdi_forced
		       ? CLIENT_BRIEF
		       : CLIENT_FULL;
}

static struct ways find_ways(const struct client_ops *ops, const struct client_facts *facts,
	const struct method_question *question, struct arena *a)
{
	struct ways ways = { 0 };

	ways.runtime = ops->runtime_word(facts, question->runtime, a, &ways.runtime_reason);
	ways.runtime_way = ops->runtime_way(facts, question->runtime);
	if (ways.runtime && question->runtime_problem) {
		ways.runtime = NULL;
		ways.runtime_reason = question->runtime_problem;
		ways.runtime_way = "let 'accept_environment' be \"always\" in its policy";
	}
	/* An engine that was asked briefly has not told. */
	if (ways.runtime && !question->cdi_forced)
		return ways;
	ways.cdi_problem = ops->cdi_problem(facts, a);
	if (!ways.cdi_problem)
		ways.cdi_problem = question->spec_problem;
	return ways;
}

bool method_needs_specs(const struct client_ops *ops, const struct client_facts *facts,
	const struct method_question *question, struct arena *a)
{
	struct ways ways;

	if (!question->wants_devices || facts->remote)
		return false;
	ways = find_ways(ops, facts, question, a);
	return (question->cdi_forced || !ways.runtime) && !ways.cdi_problem;
}

static struct method_choice nothing(void)
{
	return (struct method_choice){
		.method = CLIENT_METHOD_NOTHING,
		.mechanism = "variables that switch other ways off",
		.reason = "no GPU was asked for",
	};
}

static int choose_runtime(const char *word, const char *reason, struct arena *a,
	struct method_choice *ret, struct nvb_error **err)
{
	struct method_choice choice = {
		.method = CLIENT_METHOD_RUNTIME,
		.runtime = word,
		.mechanism = arena_printf(a, "runtime '%s'", word),
		.reason = reason,
	};

	if (!choice.mechanism || !reason)
		return NVB_OOM(err);
	*ret = choice;
	return 0;
}

static int choose_cdi(const struct client_ops *ops, const struct client_facts *facts, bool forced,
	const char *no_runtime, struct arena *a, struct method_choice *ret, struct nvb_error **err)
{
	struct method_choice choice = {
		.method = CLIENT_METHOD_CDI,
		.mechanism = "CDI devices",
		.reason = forced ? "'--cdi' was given"
				 : arena_printf(a, "%s, and %s %s reads CDI specifications",
					   no_runtime, ops->title, facts->version),
	};

	if (!choice.reason)
		return NVB_OOM(err);
	*ret = choice;
	return 0;
}

static int raise_closed(const struct client_ops *ops, const struct client_facts *facts,
	const struct method_question *question, const struct ways *ways, struct nvb_error **err)
{
	const char *runtime_way = question->cdi_forced ? NULL : ways->runtime_way;
	const char *cdi_way = ops->cdi_way(facts);
	int r;

	if (question->cdi_forced)
		r = NVB_RAISE(err, NVB_ERR_ENGINE, 0, "give a container of %s its GPUs by CDI: %s",
			ops->title, ways->cdi_problem);
	else
		r = NVB_RAISE(err, NVB_ERR_ENGINE, 0, "give a container of %s GPUs: %s; %s",
			ops->title, ways->runtime_reason, ways->cdi_problem);
	if (runtime_way && cdi_way)
		return NVB_HINT(err, r, "%s; or, to use CDI, %s", runtime_way, cdi_way);
	if (runtime_way || cdi_way)
		return NVB_HINT(err, r, "%s", runtime_way ? runtime_way : cdi_way);
	return NVB_HINT(err, r, "%suse a newer %s, which has CDI",
		question->cdi_forced ? "leave '--cdi' out, or " : "", ops->title);
}

static int raise_remote(
	const struct client_ops *ops, const struct client_facts *facts, struct nvb_error **err)
{
	int r;

	if (!facts->context)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"give a container of %s GPUs: the engine may run on another "
				"machine, and the GPUs are looked for on this one",
				ops->title),
			"unset %s and other settings of a remote engine, or run nvbind there",
			ops->endpoint_variable);
	r = NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		"give a container of %s GPUs: the engine of the context '%s' may run on another "
		"machine, and the GPUs are looked for on this one",
		ops->title, facts->context);
	return NVB_HINT(err, r, "set %s to 'default', or run nvbind there", ops->context_variable);
}

int method_choose(const struct client_ops *ops, const struct client_facts *facts,
	const struct method_question *question, struct arena *a, struct method_choice *ret,
	struct nvb_error **err)
{
	struct ways ways;

	if (!question->wants_devices) {
		*ret = nothing();
		return 0;
	}
	if (facts->remote)
		return raise_remote(ops, facts, err);
	ways = find_ways(ops, facts, question, a);
	if (!ways.runtime_reason)
		return NVB_OOM(err);
	if (ways.runtime && !question->cdi_forced)
		return choose_runtime(ways.runtime, ways.runtime_reason, a, ret, err);
	if (!ways.cdi_problem)
		return choose_cdi(
			ops, facts, question->cdi_forced, ways.runtime_reason, a, ret, err);
	return raise_closed(ops, facts, question, &ways, err);
}

int method_assume(const struct client_ops *ops, const struct method_question *question,
	const char *why_not, struct arena *a, struct method_choice *ret, struct nvb_error **err)
{
	const char *reason =
		arena_printf(a, "assumed, because %s could not be asked: %s", ops->title, why_not);
	int r = 0;

	if (!reason)
		return NVB_OOM(err);
	if (!question->wants_devices)
		*ret = nothing();
	else if (question->cdi_forced)
		*ret = (struct method_choice){ .method = CLIENT_METHOD_CDI,
			.mechanism = "CDI devices" };
	else
		r = choose_runtime(ops->assumed_runtime, reason, a, ret, err);
	if (r < 0)
		return r;
	ret->reason = question->wants_devices ? reason : ret->reason;
	ret->assumed = true;
	return 0;
}
