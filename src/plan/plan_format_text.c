/* SPDX-License-Identifier: Apache-2.0 */
/* The plan for people: what they asked for, what they get, and what they do not get. */
#include <string.h>

#include "plan/plan.h"

#define TEXT_LIMIT_BYTES  ((size_t)4 << 20)
#define MAX_SHOWN_BYTES   4096
#define LABEL_COLUMNS     12
#define MAX_VALUE_COLUMNS 24

/* A label in the first line of a section, as much space in the others. */
static void begin_line(struct strbuf *out, const char *label)
{
	strbuf_printf(out, "%-*s", LABEL_COLUMNS, label);
}

static void end_line(struct strbuf *out)
{
	while (out->length && strbuf_str(out)[out->length - 1] == ' ')
		strbuf_truncate(out, out->length - 1);
	strbuf_char_add(out, '\n');
}

static void add_text(struct strbuf *out, const char *text)
{
	strbuf_escaped_add(out, text, MAX_SHOWN_BYTES);
}

static void add_line(struct strbuf *out, const char *label, const char *text)
{
	begin_line(out, label);
	add_text(out, text);
	end_line(out);
}

static void add_command(struct strbuf *out, const char *label, const struct string_list *words)
{
	begin_line(out, label);
	if (!words->n)
		strbuf_str_add(out, "the image's own");
	vec_foreach (const char *, word, words) {
		bool quote = !**word || strpbrk(*word, " \t\n'\"\\$") != NULL;

		strbuf_str_add(out, quote ? "'" : "");
		add_text(out, *word);
		strbuf_str_add(out, quote ? "' " : " ");
	}
	end_line(out);
}

static void add_outcome(struct strbuf *out, const struct plan_knob *knob)
{
	strbuf_str_add(out, knob_status_name(knob->status));
	if (knob->mechanism) {
		strbuf_str_add(out, ": ");
		add_text(out, knob->mechanism);
	}
	if (knob->reason) {
		strbuf_str_add(out, knob->mechanism ? "; " : ": ");
		add_text(out, knob->reason);
	}
	end_line(out);
}

static void add_isolation(struct strbuf *out, const struct plan *plan)
{
	begin_line(out, "isolation");
	strbuf_printf(out, "%s, ", plan->isolation_outcome.value);
	add_outcome(out, &plan->isolation_outcome);
}

static void add_gpus(struct strbuf *out, const struct selection *gpus)
{
	if (!gpus->n)
		add_line(out, "gpus", "none");
	for (size_t i = 0; i < gpus->n; i++) {
		const struct selected_gpu *item = &gpus->items[i];
		const struct gpu *gpu = item->gpu;
		const char *uuid = item->partition ? item->partition->uuid : gpu->uuid;

		begin_line(out, i ? "" : "gpus");
		strbuf_printf(out, "%u", gpu->index);
		if (item->partition)
			strbuf_printf(out, ":%u", item->partition->index);
		if (gpu->pci_address)
			strbuf_printf(out, "  %s", gpu->pci_address);
		if (gpu->name) {
			strbuf_str_add(out, "  ");
			add_text(out, gpu->name);
		}
		if (uuid) {
			strbuf_str_add(out, "  ");
			add_text(out, uuid);
		}
		end_line(out);
	}
}

static void add_nodes(struct strbuf *out, const struct plan *plan)
{
	int width = 0;

	vec_foreach (struct plan_node, node, &plan->nodes) {
		int length = (int)strnlen(node->path, MAX_SHOWN_BYTES);

		width = length > width ? length : width;
	}
	vec_foreach (struct plan_node, node, &plan->nodes) {
		begin_line(out, node == plan->nodes.items ? "nodes" : "");
		strbuf_printf(out, "%-*s", width, node->path);
		if (node->type)
			strbuf_printf(out, "  %c %u:%u", node->type, node->major, node->minor);
		strbuf_printf(out, "  %s", node->permissions);
		if (!node->exists)
			strbuf_str_add(out, "  not on the host");
		end_line(out);
	}
	if (!plan->additional_gids.n)
		return;
	begin_line(out, "groups");
	vec_foreach (uint32_t, gid, &plan->additional_gids)
		strbuf_printf(out, "%u ", *gid);
	end_line(out);
}

static size_t dir_length(const char *path)
{
	return (size_t)(path_base_name(path) - path);
}

/* A driver is a hundred files in a few directories: the directories, with their numbers. */
static void add_mounts(struct strbuf *out, const struct plan_mount_list *mounts)
{
	const char *label = "mounts";

	for (size_t i = 0, end; i < mounts->n; i = end) {
		const char *path = mounts->items[i].destination;
		size_t length = dir_length(path);

		for (end = i + 1; end < mounts->n; end++) {
			const char *next = mounts->items[end].destination;

			if (dir_length(next) != length || strncmp(next, path, length) != 0)
				break;
		}
		begin_line(out, label);
		label = "";
		if (end - i == 1) {
			add_text(out, path);
			strbuf_str_add(out, " from ");
			add_text(out, mounts->items[i].source);
		} else {
			_cleanup_free_ char *dir = strndup(path, length > 1 ? length - 1 : length);

			strbuf_printf(out, "%zu files in ", end - i);
			add_text(out, dir ? dir : path);
		}
		end_line(out);
	}
}

/* Further names of the files above. */
static void add_links(struct strbuf *out, const struct plan_link_list *links)
{
	const char *label = "links";

	for (size_t i = 0, end; i < links->n; i = end) {
		const struct plan_link *link = &links->items[i];
		size_t length = dir_length(link->path);

		for (end = i + 1; end < links->n; end++) {
			const char *next = links->items[end].path;

			if (dir_length(next) != length || strncmp(next, link->path, length) != 0)
				break;
		}
		begin_line(out, label);
		label = "";
		if (end - i == 1) {
			add_text(out, link->path);
			strbuf_str_add(out, " to ");
			add_text(out, link->text);
		} else {
			_cleanup_free_ char *dir =
				strndup(link->path, length > 1 ? length - 1 : length);

			strbuf_printf(out, "%zu names in ", end - i);
			add_text(out, dir ? dir : link->path);
		}
		end_line(out);
	}
}

static void add_strings(struct strbuf *out, const char *label, const struct string_list *list)
{
	vec_foreach (const char *, item, list)
		add_line(out, item == list->items ? label : "", *item);
}

static void add_knobs(struct strbuf *out, const struct plan_knob_list *knobs)
{
	int name_width = 0, value_width = 0;

	vec_foreach (struct plan_knob, knob, knobs) {
		int name = (int)strlen(knob->name);
		int value = (int)strnlen(knob->value, MAX_VALUE_COLUMNS);

		name_width = name > name_width ? name : name_width;
		value_width = value > value_width ? value : value_width;
	}
	vec_foreach (struct plan_knob, knob, knobs) {
		begin_line(out, knob == knobs->items ? "knobs" : "");
		strbuf_printf(out, "%-*s  %-*s  ", name_width, knob->name, value_width,
			knob->value);
		add_outcome(out, knob);
	}
}

int plan_format_text(const struct plan *plan, char **ret_text, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(TEXT_LIMIT_BYTES);

	add_line(&out, "engine", plan->engine);
	if (plan->image)
		add_line(&out, "image", plan->image);
	add_command(&out, "command", &plan->command);
	add_isolation(&out, plan);
	add_gpus(&out, &plan->gpus);
	add_nodes(&out, plan);
	add_mounts(&out, &plan->mounts);
	add_links(&out, &plan->links);
	add_strings(&out, "env", &plan->env);
	add_knobs(&out, &plan->knobs);
	add_strings(&out, "warnings", &plan->warnings);
	if (plan->engine_argv.n)
		add_command(&out, "runs", &plan->engine_argv);
	if (strbuf_failed(&out))
		return NVB_OOM(err);
	*ret_text = strbuf_take(&out);
	return *ret_text ? 0 : NVB_OOM(err);
}
