/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CDI specs that name what no longer exists, as they do after a driver update: every container
 * that an engine starts from such a spec fails.
 *
 * This is a scan of text, not a parser: JSON and the YAML that generators write have one
 * "hostPath" or "path" per item, and items begin with "-" or "{". An item's hostPath counts; its
 * path counts where there is no hostPath (device nodes and hooks).
 * Source: Container Device Interface specification 1.1.0, SPEC.md, "CDI JSON Specification".
 */
#include <string.h>

#include "doctor/check.h"

#define MAX_SPEC_BYTES	(4 << 20)
#define MAX_SPECS	64
#define MAX_PATH_LENGTH 4095

struct spec_scan {
	struct doctor *d;
	const char *file;
	char path[MAX_PATH_LENGTH + 1], host_path[MAX_PATH_LENGTH + 1]; /* of the item */
	size_t missing;
	char first_missing[MAX_PATH_LENGTH + 1];
};

static void end_item(struct spec_scan *scan)
{
	const char *path = scan->host_path[0] ? scan->host_path : scan->path;

	if (path[0] == '/' && !host_tree_exists(scan->d->tree, path) && !scan->missing++)
		(void)snprintf(scan->first_missing, sizeof(scan->first_missing), "%s", path);
	scan->path[0] = scan->host_path[0] = '\0';
}

/* If `key` stands at `p`, copies its value and returns the text behind it, else NULL. */
static const char *take_value(const char *p, const char *key, char *ret_value)
{
	size_t length = strlen(key);
	char quote = '\0';

	if (*p == '"' || *p == '\'')
		quote = *p++;
	if (strncmp(p, key, length) != 0)
		return NULL;
	p += length;
	if (quote && *p++ != quote)
		return NULL;
	p += strspn(p, " \t");
	if (*p++ != ':')
		return NULL;
	p += strspn(p, " \t\r\n");
	quote = *p == '"' || *p == '\'' ? *p++ : '\0';
	length = quote ? strcspn(p, quote == '"' ? "\"\n" : "'\n") : strcspn(p, ",}#\r\n");
	if (length > MAX_PATH_LENGTH)
		return p + length;
	while (!quote && length && p[length - 1] == ' ')
		length--;
	memcpy(ret_value, p, length);
	ret_value[length] = '\0';
	return p + length;
}

static void scan_text(struct spec_scan *scan, const char *text)
{
	bool at_word = true; /* a key or an item can begin here */

	for (const char *p = text; *p;) {
		const char *after = NULL;

		if (at_word) {
			after = take_value(p, "hostPath", scan->host_path);
			if (!after)
				after = take_value(p, "path", scan->path);
		}
		if (after) {
			p = after;
			at_word = false;
			continue;
		}
		if (*p == '{' || *p == '}' || (at_word && *p == '-' && p[1] == ' '))
			end_item(scan);
		at_word = strchr(" \t\r\n,{[-", *p) != NULL;
		p++;
	}
	end_item(scan);
}

static void check_spec(struct doctor *d, const char *path)
{
	_cleanup_free_ struct spec_scan *scan = calloc(1, sizeof(*scan));
	_cleanup_free_ char *text = NULL;
	errint_t r;

	if (!scan) {
		d->out_of_memory = true;
		return;
	}
	r = host_tree_read(d->tree, path, MAX_SPEC_BYTES, &text);
	if (r < 0) {
		check_note(d, DOCTOR_WARNING, "'%s' cannot be read: %s", path, strerror(-r));
		return;
	}
	scan->d = d;
	scan_text(scan, text);
	if (!scan->missing) {
		check_note(d, DOCTOR_OK, "'%s' names only what exists", path);
		return;
	}
	check_note(d, DOCTOR_WARNING, "'%s' names %zu paths that do not exist, such as '%s'", path,
		scan->missing, scan->first_missing);
	check_fix(d, "generate the spec again with the tool that wrote it, or remove it");
}

/* Source: CDI, SPEC.md: only these two suffixes are read. */
static bool is_spec_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0);
}

void check_cdi_specs(struct doctor *d)
{
	static const char *const dirs[] = { "/etc/cdi", "/var/run/cdi" };
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTS(dirs); i++) {
		struct string_list names = { 0 };

		if (host_tree_list(d->tree, d->arena, dirs[i], &names) < 0)
			continue;
		vec_foreach (const char *, name, &names) {
			const char *path;

			if (!is_spec_name(*name))
				continue;
			if (++n > MAX_SPECS)
				break;
			path = arena_printf(d->arena, "%s/%s", dirs[i], *name);
			d->out_of_memory |= !path;
			if (path)
				check_spec(d, path);
		}
	}
	if (!n)
		check_note(d, DOCTOR_OK, "there are none");
	if (n > MAX_SPECS)
		check_note(d, DOCTOR_WARNING, "there are more than %d; the rest was not read",
			MAX_SPECS);
}
