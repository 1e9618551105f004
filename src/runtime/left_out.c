/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/left_out.h"

#include <string.h>

#include "base/log.h"
#include "base/strbuf.h"

#define TEXT_LIMIT_BYTES ((size_t)8 << 10)

/* They are how a container asks, and nothing in it needs them. */
static bool is_request_variable(const char *assignment)
{
	static const char *const names[] = { "NVIDIA_VISIBLE_DEVICES=",
		"NVIDIA_DRIVER_CAPABILITIES=" };

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (strncmp(assignment, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool has_variable(const struct string_list *env, const char *assignment)
{
	if (!env)
		return false;
	vec_foreach (const char *, own, env)
		if (strcmp(*own, assignment) == 0)
			return true;
	return false;
}

static void add(struct strbuf *text, const char *kind, const char *name)
{
	strbuf_printf(text, "%s%s%s%s%s", text->length ? ", " : "", kind, name ? " '" : "",
		name ? name : "", name ? "'" : "");
}

void left_out_warn(const struct plan *plan, const struct string_list *env)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEXT_LIMIT_BYTES);

	vec_foreach (const char *, line, &plan->env)
		if (!is_request_variable(*line) && !has_variable(env, *line))
			add(&text, "the variable", *line);
	vec_foreach (struct plan_hook, hook, &plan->hooks)
		add(&text, "the hook", hook->path);
	vec_foreach (struct plan_net_device, device, &plan->net_devices)
		add(&text, "the network device", device->host_name);
	vec_foreach (uint32_t, gid, &plan->additional_gids)
		strbuf_printf(&text, "%sgroup %u", text.length ? ", " : "", (unsigned)*gid);
	vec_foreach (struct plan_rlimit, limit, &plan->rlimits)
		add(&text, "the limit", limit->type);
	if (plan->rdt)
		add(&text, "the class of service (RDT)", plan->rdt->clos_id);
	if (strbuf_failed(&text))
		log_warning("a container that is made already does not get all of its devices' "
			    "variables, hooks and groups");
	else if (text.length)
		log_warning("a container that is made already does not get: %s", strbuf_str(&text));
}
