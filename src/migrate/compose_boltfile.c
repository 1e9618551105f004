/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_boltfile.h"

#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "format/json.h"
#include "migrate/compose_boltfile_lost.h"
#include "migrate/compose_nested.h"
#include "migrate/compose_vendor.h"

#define TEXT_LIMIT_BYTES ((size_t)4 << 20)

enum field_form {
	FIELD_TEXT,
	FIELD_TRUTH,
	FIELD_TEXTS,	      /* a list of texts */
	FIELD_TEXTS_OR_NAMES, /* the same, or the names of a mapping */
	FIELD_WORDS,	      /* the same, or a text that blanks part */
	FIELD_PAIRS,	      /* a mapping, or a list of NAME=VALUE */
	FIELD_DONE,	      /* said otherwise, or of no meaning */
};

/* Tables of their own must come last. */
static const struct field {
	const char *name, *becomes;
	enum field_form form;
} fields[] = {
	{ "command", "command", FIELD_WORDS },
	{ "entrypoint", "entrypoint", FIELD_WORDS },
	{ "ports", "ports", FIELD_TEXTS },
	{ "volumes", "volumes", FIELD_TEXTS },
	{ "depends_on", "depends_on", FIELD_TEXTS_OR_NAMES },
	{ "networks", "networks", FIELD_TEXTS_OR_NAMES },
	{ "cap_add", "cap_add", FIELD_TEXTS },
	{ "cap_drop", "cap_drop", FIELD_TEXTS },
	{ "security_opt", "security_opt", FIELD_TEXTS },
	{ "tmpfs", "tmpfs", FIELD_WORDS },
	{ "dns", "dns", FIELD_WORDS },
	{ "dns_search", "dns_search", FIELD_WORDS },
	{ "extra_hosts", "extra_hosts", FIELD_TEXTS },
	{ "group_add", "group_add", FIELD_TEXTS },
	{ "restart", "restart", FIELD_TEXT },
	{ "working_dir", "working_dir", FIELD_TEXT },
	{ "user", "user", FIELD_TEXT },
	{ "hostname", "hostname", FIELD_TEXT },
	{ "container_name", "container_name", FIELD_TEXT },
	{ "network_mode", "network_mode", FIELD_TEXT },
	{ "pid", "pid", FIELD_TEXT },
	{ "ipc", "ipc", FIELD_TEXT },
	{ "platform", "platform", FIELD_TEXT },
	{ "mem_limit", "memory_limit", FIELD_TEXT },
	{ "cpus", "cpu_limit", FIELD_TEXT },
	{ "privileged", "privileged", FIELD_TRUTH },
	{ "read_only", "read_only", FIELD_TRUTH },
	{ "stdin_open", "stdin_open", FIELD_TRUTH },
	{ "tty", "tty", FIELD_TRUTH },
	{ "environment", "environment", FIELD_PAIRS },
	{ "labels", "labels", FIELD_PAIRS },
	{ "sysctls", "sysctls", FIELD_PAIRS },
	{ "image", "image", FIELD_DONE },
	{ "build", "build", FIELD_DONE },
	{ "deploy", "gpu", FIELD_DONE },
	{ "devices", "gpu", FIELD_DONE },
	{ "runtime", "gpu", FIELD_DONE },
	{ "gpus", "gpu", FIELD_DONE },
};

struct writer {
	const struct compose_service *service;
	const struct compose_selection *selection;
	struct migrate_entry *entry;
	struct arena *arena;
	struct strbuf out;
	struct nvb_error **err;
};

static void writer_done(struct writer *w)
{
	strbuf_done(&w->out);
}

/* TOML. */

static void add_text(struct strbuf *out, const char *text)
{
	strbuf_char_add(out, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			strbuf_printf(out, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			strbuf_printf(out, "\\u%04x", *c);
		else
			strbuf_char_add(out, (char)*c);
	}
	strbuf_char_add(out, '"');
}

static void add_key(struct strbuf *out, const char *key)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_-";

	if (*key && strspn(key, bare) == strlen(key))
		strbuf_str_add(out, key);
	else
		add_text(out, key);
}

static void add_table(struct writer *w, const char *below)
{
	strbuf_str_add(&w->out, "\n[services.");
	add_key(&w->out, w->service->name);
	strbuf_printf(&w->out, "%s%s]\n", below ? "." : "", below ? below : "");
}

static void add_list(struct writer *w, const char *key, const struct string_list *list)
{
	bool first = true;

	strbuf_printf(&w->out, "%s = [", key);
	vec_foreach (const char *, item, list) {
		if (!first)
			strbuf_str_add(&w->out, ", ");
		first = false;
		add_text(&w->out, *item);
	}
	strbuf_str_add(&w->out, "]\n");
}

/* Fields. */

static bool is_scalar(struct json_object *value)
{
	return value && !json_object_is_type(value, json_type_object) &&
	       !json_object_is_type(value, json_type_array);
}

static const char no_place[] = "its form has no place in a Boltfile";

static int leave_out(struct writer *w, const char *name, const char *why)
{
	return migrate_remark(
		w->arena, w->entry, MIGRATE_LOST, 0, w->err, "'%.64s' is left out: %s", name, why);
}

static int add_word(struct writer *w, struct string_list *list, const char *word)
{
	return word && string_list_add(w->arena, list, word) == 0 ? 0 : NVB_OOM(w->err);
}

static int split_words(struct writer *w, const char *text, struct string_list *list)
{
	int r = 0;

	while (r >= 0 && *(text += strspn(text, " \t\n"))) {
		const size_t n = strcspn(text, " \t\n");

		r = add_word(w, list, arena_strndup(w->arena, text, n));
		text += n;
	}
	return r;
}

/* 1: `list` is all of it; 0: there are items of another form, which it has not. */
static int read_list(
	struct writer *w, struct json_object *value, enum field_form form, struct string_list *list)
{
	int r = 0, all = 1;

	if (json_object_is_type(value, json_type_object)) {
		if (form != FIELD_TEXTS_OR_NAMES)
			return 0;
		json_object_object_foreach(value, name, item)
		{
			(void)item;
			if (r >= 0)
				r = add_word(w, list, name);
		}
		return r < 0 ? r : 1;
	}
	if (is_scalar(value)) {
		const char *text = json_object_get_string(value);

		if (form != FIELD_WORDS || strpbrk(text, "'\"\\|&;<>()$`"))
			return 0;
		r = split_words(w, text, list);
		return r < 0 ? r : 1;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);

		if (!is_scalar(item)) {
			all = 0;
			continue;
		}
		r = add_word(w, list, json_object_get_string(item));
		if (r < 0)
			return r;
	}
	return all;
}

/* 1: the service is what its command would have started. */
static int add_nested_command(struct writer *w)
{
	const struct string_list *words = &w->service->command;
	struct string_list list = { 0 };
	struct compose_nested nested;

	if (!compose_nested_read(w->service, &nested) || !nested.image)
		return 0;
	for (size_t i = nested.command; i < words->n; i++)
		if (add_word(w, &list, words->items[i]) < 0)
			return NVB_OOM(w->err);
	if (list.n)
		add_list(w, "command", &list);
	return 1;
}

static int add_list_field(struct writer *w, const struct field *field, struct json_object *value)
{
	struct string_list list = { 0 };
	int r = strcmp(field->name, "command") == 0 ? add_nested_command(w) : 0;

	if (r != 0)
		return r;
	r = read_list(w, value, field->form, &list);
	if (r < 0)
		return r;
	/* Half of a command is another command. */
	if (r > 0 || (list.n && field->form == FIELD_TEXTS))
		add_list(w, field->becomes, &list);
	if (r == 0)
		return leave_out(w, field->name,
			list.n && field->form == FIELD_TEXTS
				? "items that are no texts have no place in a Boltfile"
				: no_place);
	return 0;
}

/* Source: compose-go 2, interpolation of booleans. */
static const char *truth_of(const char *text)
{
	static const char *const words[][2] = {
		{ "true", "false" },
		{ "yes", "no" },
		{ "y", "n" },
		{ "on", "off" },
		{ "1", "0" },
	};

	for (size_t i = 0; i < ELEMENTS(words); i++) {
		if (strcasecmp(text, words[i][0]) == 0)
			return "true";
		if (strcasecmp(text, words[i][1]) == 0)
			return "false";
	}
	return NULL;
}

static int add_scalar_field(struct writer *w, const struct field *field, struct json_object *value)
{
	const char *text = is_scalar(value) ? json_object_get_string(value) : NULL;
	const bool is_truth = field->form == FIELD_TRUTH;

	if (!text || (is_truth && !truth_of(text)))
		return leave_out(w, field->name, no_place);
	strbuf_printf(&w->out, "%s = ", field->becomes);
	if (is_truth)
		strbuf_str_add(&w->out, truth_of(text));
	else
		add_text(&w->out, text);
	strbuf_char_add(&w->out, '\n');
	return 0;
}

static void add_pair(struct writer *w, const char *name, const char *value)
{
	add_key(&w->out, name);
	strbuf_str_add(&w->out, " = ");
	add_text(&w->out, value);
	strbuf_char_add(&w->out, '\n');
}

/* Without what [services.NAME.gpu] says. */
static int add_environment(struct writer *w)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < w->service->environment.n; i++) {
		const struct compose_variable *v = &w->service->environment.items[i];

		if (w->entry->outcome == MIGRATE_CONVERTED && compose_is_device_variable(v->name) &&
			!compose_is_denial(v))
			continue;
		if (compose_variable(w->service, v->name) != v)
			continue;
		if (!v->value) {
			r = leave_out(w, v->name, "a Boltfile has no variable without a value");
			continue;
		}
		if (first)
			add_table(w, "environment");
		first = false;
		add_pair(w, v->name, v->value);
	}
	return r;
}

/* A list of NAME=VALUE as a mapping: the last of a name counts. */
static int pairs_of_list(
	struct writer *w, struct json_object *list, struct json_object **ret_mapping)
{
	_cleanup_(json_putp) struct json_object *mapping = json_object_new_object();
	const size_t n = json_object_array_length(list);

	for (size_t i = 0; mapping && i < n; i++) {
		struct json_object *item = json_object_array_get_idx(list, i), *value;
		const char *text = is_scalar(item) ? json_object_get_string(item) : "";
		const char *equals = strchr(text, '=');
		const char *name =
			equals ? arena_strndup(w->arena, text, (size_t)(equals - text)) : text;

		value = json_object_new_string(equals ? equals + 1 : "");
		if (!name || !value || json_object_object_add(mapping, name, value) < 0) {
			json_object_put(value);
			return NVB_OOM(w->err);
		}
	}
	*ret_mapping = TAKE_PTR(mapping);
	return *ret_mapping ? 0 : NVB_OOM(w->err);
}

static int add_pairs(struct writer *w, const struct field *field, struct json_object *value)
{
	_cleanup_(json_putp) struct json_object *made = NULL;

	if (strcmp(field->name, "environment") == 0)
		return add_environment(w);
	if (is_scalar(value))
		return leave_out(w, field->name, no_place);
	if (json_object_is_type(value, json_type_array)) {
		int r = pairs_of_list(w, value, &made);

		if (r < 0)
			return r;
		value = made;
	}
	add_table(w, field->becomes);
	json_object_object_foreach(value, name, item)
		add_pair(w, name, is_scalar(item) ? json_object_get_string(item) : "");
	return 0;
}

static struct json_object *field_value(const struct writer *w, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(w->service->json, name, &value) ? value : NULL;
}

static int add_fields(struct writer *w, bool tables)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTS(fields); i++) {
		const struct field *field = &fields[i];
		struct json_object *value = field_value(w, field->name);

		if (!value || field->form == FIELD_DONE || tables != (field->form == FIELD_PAIRS))
			continue;
		if (field->form == FIELD_PAIRS)
			r = add_pairs(w, field, value);
		else if (field->form == FIELD_TEXT || field->form == FIELD_TRUTH)
			r = add_scalar_field(w, field, value);
		else
			r = add_list_field(w, field, value);
	}
	return r;
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(fields); i++)
		if (strcmp(fields[i].name, name) == 0)
			return true;
	return strncmp(name, "x-", 2) == 0;
}

/* CDI names are in [services.NAME.gpu], which also brings the nodes of their GPUs. */
static int report_device(struct writer *w, struct json_object *item)
{
	const bool is_mapping = json_object_is_type(item, json_type_object);
	const char *text =
		json_object_get_string(is_mapping ? json_object_object_get(item, "source") : item);
	const struct compose_node *node = text ? compose_node_of(text) : NULL;

	if (w->entry->outcome == MIGRATE_CONVERTED && text) {
		if (!is_mapping && compose_is_cdi_name(text))
			return 0;
		if (node && compose_node_is_brought(node, &w->selection->devices))
			return migrate_remark(w->arena, w->entry, MIGRATE_NOTE, 0, w->err,
				"'%.128s' in 'devices' goes: the GPU brings the nodes it needs",
				text);
	}
	return migrate_remark(w->arena, w->entry, MIGRATE_LOST, 0, w->err,
		"'%.128s' in 'devices' is left out: %s", text ? text : "null",
		compose_no_boltfile_key);
}

static int report_devices(struct writer *w)
{
	struct json_object *value = field_value(w, "devices");
	const size_t n = value ? json_object_array_length(value) : 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = report_device(w, json_object_array_get_idx(value, i));
	return r;
}

static int report_unknown(struct writer *w)
{
	int r = 0;

	json_object_object_foreach(w->service->json, name, value)
	{
		(void)value;
		if (r >= 0 && !is_known(name))
			r = leave_out(w, name, compose_no_boltfile_key);
	}
	return r < 0 ? r : report_devices(w);
}

/* The service itself. */

static int add_source(struct writer *w)
{
	struct json_object *image = field_value(w, "image"), *build = field_value(w, "build");
	struct json_object *context = NULL;

	struct compose_nested nested = { 0 };
	const char *name = image && is_scalar(image) ? json_object_get_string(image) : NULL;

	if (compose_nested_read(w->service, &nested) && nested.image)
		name = nested.image;
	if (name) {
		strbuf_str_add(&w->out, w->selection->asks ? "capsule = " : "image = ");
		add_text(&w->out, name);
		strbuf_char_add(&w->out, '\n');
		return 0;
	}
	if (build && json_object_is_type(build, json_type_object))
		(void)json_object_object_get_ex(build, "context", &context);
	if (context)
		build = context;
	if (!build || !is_scalar(build))
		return migrate_remark(w->arena, w->entry, MIGRATE_LOST, 0, w->err,
			"a service of a Boltfile needs an image");
	strbuf_str_add(&w->out, "build = ");
	add_text(&w->out, json_object_get_string(build));
	strbuf_char_add(&w->out, '\n');
	return 0;
}

/* "nvidia.com/gpu=0" is "gpu:0"; names of other kinds stay. */
static const char *boltfile_device(struct arena *a, const char *name)
{
	static const char prefix[] = "nvidia.com/gpu=";
	const char *device = name + sizeof(prefix) - 1;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return name;
	if (strncmp(device, "GPU-", 4) == 0 || strncmp(device, "MIG-", 4) == 0 ||
		strchr(device, ':'))
		return device;
	return arena_printf(a, "gpu:%s", device);
}

static int add_gpu(struct writer *w)
{
	struct string_list devices = { 0 };

	vec_foreach (const char *, name, &w->selection->devices)
		if (add_word(w, &devices, boltfile_device(w->arena, *name)) < 0)
			return NVB_OOM(w->err);
	if (!devices.n)
		return 0;
	add_table(w, "gpu");
	strbuf_str_add(&w->out, "runtime = \"nvbind\"\ndriver = \"auto\"\n");
	add_list(w, "devices", &devices);
	strbuf_str_add(&w->out, "isolation = \"shared\"\n");
	return migrate_remark(w->arena, w->entry, MIGRATE_BECOMES, 0, w->err,
		"[services.%.128s.gpu], shared with others as Docker shares GPUs",
		w->service->name);
}

static int add_service(struct writer *w)
{
	int r;

	add_table(w, NULL);
	r = add_source(w);
	if (r >= 0)
		r = add_fields(w, false);
	if (r >= 0)
		r = add_fields(w, true);
	if (r >= 0 && w->entry->outcome == MIGRATE_CONVERTED)
		r = add_gpu(w);
	if (r >= 0)
		r = report_unknown(w);
	if (r >= 0)
		r = compose_lost_of_service(w->service, w->entry, w->arena, w->err);
	if (r < 0)
		return r;
	/* Every service is in the new file: there is none that needs nothing. */
	if (w->entry->outcome == MIGRATE_NOTHING_TO_DO)
		w->entry->outcome = MIGRATE_CONVERTED;
	return 0;
}

static void add_top(struct strbuf *out, struct json_object *root)
{
	static const char *const tables[] = { "networks", "volumes" };
	struct json_object *value = NULL;

	if (json_object_object_get_ex(root, "name", &value) && is_scalar(value)) {
		strbuf_str_add(out, "project = ");
		add_text(out, json_object_get_string(value));
		strbuf_char_add(out, '\n');
	}
	for (size_t i = 0; i < ELEMENTS(tables); i++) {
		if (!json_object_object_get_ex(root, tables[i], &value) ||
			!json_object_is_type(value, json_type_object))
			continue;
		json_object_object_foreach(value, name, settings)
		{
			struct json_object *driver = NULL;

			strbuf_printf(out, "\n[%s.", tables[i]);
			add_key(out, name);
			strbuf_str_add(out, "]\n");
			if (json_object_is_type(settings, json_type_object) &&
				json_object_object_get_ex(settings, "driver", &driver) &&
				is_scalar(driver)) {
				strbuf_str_add(out, "driver = ");
				add_text(out, json_object_get_string(driver));
				strbuf_char_add(out, '\n');
			}
		}
	}
}

int compose_format_boltfile(const struct compose_file *file,
	const struct compose_selection *selections, struct migrate_entry *entries, struct arena *a,
	struct migrate_report *report, char **ret_text, struct nvb_error **err)
{
	_cleanup_(writer_done) struct writer w = {
		.arena = a,
		.out = STRBUF_INIT(TEXT_LIMIT_BYTES),
		.err = err,
	};
	int r = compose_lost_of_file(file->root, report, a, err);

	add_top(&w.out, file->root);
	for (size_t i = 0; r >= 0 && i < file->services.n; i++) {
		w.service = &file->services.items[i];
		w.selection = &selections[i];
		w.entry = &entries[i];
		r = add_service(&w);
	}
	if (r < 0)
		return r;
	if (strbuf_failed(&w.out))
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "write a Boltfile: more than %zu bytes",
			TEXT_LIMIT_BYTES);
	/* The first table begins with an empty line. */
	*ret_text = strdup(strbuf_str(&w.out) + (w.out.length && w.out.data[0] == '\n'));
	return *ret_text ? 0 : NVB_OOM(err);
}
