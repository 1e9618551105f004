/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a tree to a specification.
 *
 * Source: the reference implementation reads with sigs.k8s.io/yaml 1.4.0: where a text is wanted,
 * a number and a truth value are taken for their text; a number without a fraction is an integer;
 * null is the same as absent. Other than there, a field's name must be written as it is specified.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "cdi/document.h"
#include "cdi/document_check.h"
#include "cdi/document_fields.h"
#include "format/json_lines.h"
#include "format/yaml.h"

#define EXPECTED_BYTES 512
#define COST_LIMIT     ((size_t)1 << 20)

struct reader {
	struct cdi_check check;
	struct arena *arena;
	enum cdi_version version; /* that the document declares */
	struct nvb_error **err;
};

/* Complaints. */

static struct json_object *value_at(struct json_object *root, const struct json_at *at)
{
	struct json_object *parent, *value = NULL;

	if (!at->parent)
		return root;
	parent = value_at(root, at->parent);
	if (at->key && json_object_is_type(parent, json_type_object))
		(void)json_object_object_get_ex(parent, at->key, &value);
	else if (!at->key && json_object_is_type(parent, json_type_array))
		value = json_object_array_get_idx(parent, at->index);
	return value;
}

/* A value without a line of its own stands in the line of what holds it, or close to it. */
static unsigned line_at(struct json_object *root, const struct json_at *at)
{
	unsigned line = 0;

	for (; at && !line; at = at->parent)
		line = json_line_of(value_at(root, at));
	return line;
}

int cdi_refuse(struct cdi_check *check, const struct json_at *at, const char *key,
	struct nvb_error **err, const char *expected, ...)
{
	const struct json_at member = { .parent = at, .key = key };
	char text[EXPECTED_BYTES];
	va_list arguments;

	va_start(arguments, expected);
	(void)vsnprintf(text, sizeof(text), expected, arguments);
	va_end(arguments);
	if (check->root)
		check->line = line_at(check->root, key ? &member : at);
	return json_invalid(at, key, text, err);
}

static int refuse(struct reader *rd, const struct json_at *at, const char *expected)
{
	return cdi_refuse(&rd->check, at, NULL, rd->err, "%s", expected);
}

/* Leaves. */

/* Go's 'g' with the shortest precision: the fewest digits that read back as the same number. */
static void format_double(double value, char *text, size_t size)
{
	int digits = 0, exponent = 0;

	do {
		(void)snprintf(text, size, "%.*e", digits++, value);
	} while (digits < 17 && strtod(text, NULL) != value);
	(void)sscanf(strchr(text, 'e') + 1, "%d", &exponent);
	if (exponent >= -4 && exponent < 6)
		(void)snprintf(text, size, "%.*f",
			digits - 1 > exponent ? digits - 1 - exponent : 0, value);
}

static const char *text_of_double(struct arena *a, struct json_object *value)
{
	char text[64];
	locale_t c_locale, callers;

	/* Beyond what a number can be, as in 1e999, it stays the text that it was. */
	if (!__builtin_isfinite(json_object_get_double(value)))
		return arena_strdup(a, json_object_get_string(value));
	c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	if (!c_locale)
		return NULL;
	callers = uselocale(c_locale);
	format_double(json_object_get_double(value), text, sizeof(text));
	(void)uselocale(callers);
	freelocale(c_locale);
	return arena_strdup(a, text);
}

static int read_text(struct reader *rd, const struct json_at *at, const char **ret)
{
	const char *text;

	switch (json_object_get_type(at->value)) {
	case json_type_string:
		text = json_object_get_string(at->value);
		if (strlen(text) != (size_t)json_object_get_string_len(at->value))
			return refuse(rd, at, "a string without NUL bytes");
		text = arena_strdup(rd->arena, text);
		break;
	case json_type_boolean:
		text = json_object_get_boolean(at->value) ? "true" : "false";
		break;
	case json_type_int:
		text = json_object_get_int64(at->value) < 0
			       ? arena_printf(
					 rd->arena, "%" PRId64, json_object_get_int64(at->value))
			       : arena_printf(
					 rd->arena, "%" PRIu64, json_object_get_uint64(at->value));
		break;
	case json_type_double:
		text = text_of_double(rd->arena, at->value);
		break;
	case json_type_null:
	case json_type_object:
	case json_type_array:
	default:
		return refuse(rd, at, "a string");
	}
	if (!text)
		return NVB_OOM(rd->err);
	*ret = text;
	return 0;
}

static int read_integer(struct reader *rd, const struct json_at *at, int64_t *ret)
{
	double number;

	if (json_object_is_type(at->value, json_type_int)) {
		/* json-c clamps what does not fit. */
		if (json_object_get_int64(at->value) >= 0 &&
			json_object_get_uint64(at->value) > INT64_MAX)
			return refuse(rd, at, "a signed 64-bit integer");
		*ret = json_object_get_int64(at->value);
		return 0;
	}
	if (!json_object_is_type(at->value, json_type_double))
		return refuse(rd, at, "an integer");
	number = json_object_get_double(at->value);
	if (!(number > -9e18 && number < 9e18) || number != (double)(int64_t)number)
		return refuse(rd, at, "an integer");
	*ret = (int64_t)number;
	return 0;
}

static int read_uint32(struct reader *rd, const struct json_at *at, uint32_t *ret)
{
	int64_t value;
	int r = read_integer(rd, at, &value);

	if (r < 0)
		return r;
	if (value < 0 || value > UINT32_MAX)
		return refuse(rd, at, "an integer from 0 to 4294967295");
	*ret = (uint32_t)value;
	return 0;
}

/* Lists. */

static int enter(struct reader *rd, const struct json_at *at, enum json_type type)
{
	if (json_object_is_type(at->value, type))
		return 0;
	return refuse(rd, at, type == json_type_array ? "an array" : "an object");
}

static int read_texts(struct reader *rd, const struct json_at *at, struct string_list *ret)
{
	int r = enter(rd, at, json_type_array);

	for (size_t i = 0; r >= 0 && i < json_object_array_length(at->value); i++) {
		const struct json_at item = {
			.parent = at, .index = i, .value = json_object_array_get_idx(at->value, i)
		};
		const char *text;

		r = read_text(rd, &item, &text);
		if (r >= 0 && string_list_add(rd->arena, ret, text) < 0)
			r = NVB_OOM(rd->err);
	}
	return r;
}

static int read_ids(struct reader *rd, const struct json_at *at, struct cdi_gid_list *ret)
{
	int r = enter(rd, at, json_type_array);

	for (size_t i = 0; r >= 0 && i < json_object_array_length(at->value); i++) {
		const struct json_at item = {
			.parent = at, .index = i, .value = json_object_array_get_idx(at->value, i)
		};
		uint32_t id = 0, *slot;

		r = read_uint32(rd, &item, &id);
		if (r < 0)
			break;
		slot = vec_push(rd->arena, ret);
		if (!slot)
			return NVB_OOM(rd->err);
		*slot = id;
	}
	return r;
}

static int read_annotations(
	struct reader *rd, const struct json_at *at, struct cdi_annotation_list *ret)
{
	int r = enter(rd, at, json_type_object);

	if (r < 0)
		return r;
	json_object_object_foreach(at->value, key, value)
	{
		const struct json_at item = { .parent = at, .key = key, .value = value };
		struct cdi_annotation annotation = { .value = "" }, *slot;

		r = value ? read_text(rd, &item, &annotation.value) : 0;
		if (r < 0)
			return r;
		annotation.key = arena_strdup(rd->arena, key);
		slot = annotation.key ? vec_push(rd->arena, ret) : NULL;
		if (!slot)
			return NVB_OOM(rd->err);
		*slot = annotation;
	}
	return 0;
}

/* Objects. */

static int read_object(
	struct reader *rd, const struct json_at *at, const struct cdi_object *type, void *ret);

static int read_objects(struct reader *rd, const struct json_at *at, const struct cdi_object *type,
	struct cdi_objects *ret)
{
	size_t n, size_bytes;
	int r = enter(rd, at, json_type_array);

	if (r < 0)
		return r;
	n = json_object_array_length(at->value);
	if (!n)
		return 0;
	if (__builtin_mul_overflow(n, type->size_bytes, &size_bytes))
		return NVB_OOM(rd->err);
	ret->items = arena_alloc(rd->arena, size_bytes);
	if (!ret->items)
		return NVB_OOM(rd->err);
	ret->capacity = n;
	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct json_at item = {
			.parent = at, .index = i, .value = json_object_array_get_idx(at->value, i)
		};

		r = read_object(rd, &item, type, ret->items + i * type->size_bytes);
		ret->n = i + 1;
	}
	return r;
}

static int read_field(
	struct reader *rd, const struct json_at *at, const struct cdi_field *f, void *object)
{
	void *to = (char *)object + f->offset, *made;
	int r;

	switch (f->kind) {
	case CDI_FIELD_TEXT:
		return read_text(rd, at, to);
	case CDI_FIELD_INTEGER:
		return read_integer(rd, at, to);
	case CDI_FIELD_UINT32:
		return read_uint32(rd, at, to);
	case CDI_FIELD_TRUTH:
		if (!json_object_is_type(at->value, json_type_boolean))
			return refuse(rd, at, "true or false");
		*(bool *)to = json_object_get_boolean(at->value);
		return 0;
	case CDI_FIELD_TEXTS:
		return read_texts(rd, at, to);
	case CDI_FIELD_IDS:
		return read_ids(rd, at, to);
	case CDI_FIELD_ANNOTATIONS:
		return read_annotations(rd, at, to);
	case CDI_FIELD_EDITS:
		return read_object(rd, at, f->object, to);
	case CDI_FIELD_OBJECT:
		made = arena_alloc(rd->arena, f->object->size_bytes);
		if (!made)
			return NVB_OOM(rd->err);
		r = read_object(rd, at, f->object, made);
		*(void **)to = made;
		return r;
	case CDI_FIELD_OBJECTS:
	default:
		return read_objects(rd, at, f->object, to);
	}
}

static const struct cdi_field *find_field(const struct cdi_object *type, const char *name)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return &type->fields[i];
	return NULL;
}

static int refuse_unknown(
	struct reader *rd, const struct json_at *at, const struct cdi_object *type)
{
	_cleanup_(strbuf_done) struct strbuf known = STRBUF_INIT(EXPECTED_BYTES);
	const char *meant = NULL;
	int r;

	for (size_t i = 0; i < type->n_fields; i++) {
		const struct cdi_field *f = &type->fields[i];

		if (f->until && rd->version >= f->until)
			continue;
		strbuf_printf(&known, "%s%s", known.length ? ", " : "", f->name);
		if (strcasecmp(f->name, at->key) == 0)
			meant = f->name;
	}
	r = cdi_refuse(&rd->check, at, NULL, rd->err, "one of the fields %s", strbuf_str(&known));
	return meant ? NVB_HINT(rd->err, r, "write '%s'", meant) : r;
}

static int read_member(
	struct reader *rd, const struct json_at *at, const struct cdi_object *type, void *ret)
{
	const struct cdi_field *f = find_field(type, at->key);
	int r;

	if (!f || (f->until && rd->version >= f->until))
		return refuse_unknown(rd, at, type);
	if (!at->value)
		return 0;
	r = read_field(rd, at, f, ret);
	if (r >= 0 && f->has_offset)
		*((bool *)ret + f->has_offset) = true;
	return r;
}

static int read_object(
	struct reader *rd, const struct json_at *at, const struct cdi_object *type, void *ret)
{
	int r = enter(rd, at, json_type_object);

	if (r < 0)
		return r;
	json_object_object_foreach(at->value, key, value)
	{
		const struct json_at member = { .parent = at, .key = key, .value = value };

		r = read_member(rd, &member, type, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Documents. */

/* What the version decides must be known before the fields are read. */
static int read_version(struct reader *rd, const struct json_at *root)
{
	struct json_at at = { .parent = root, .key = "cdiVersion" };
	const char *text;
	int r;

	if (!json_object_object_get_ex(root->value, at.key, &at.value) || !at.value) {
		rd->check.line = line_at(rd->check.root, root);
		return json_missing(root, at.key, rd->err);
	}
	r = read_text(rd, &at, &text);
	if (r < 0)
		return r;
	if (!cdi_version_parse(text, &rd->version))
		return refuse(rd, &at, "a known version of the format, 0.1.0 to 1.1.0");
	return 0;
}

static int split_kind(struct cdi_spec *spec)
{
	const char *slash = spec->kind ? strchr(spec->kind, '/') : NULL;

	spec->vendor = "";
	spec->class_name = "";
	if (!slash)
		return 0;
	spec->vendor = arena_strndup(spec->arena, spec->kind, (size_t)(slash - spec->kind));
	spec->class_name = slash + 1;
	return spec->vendor ? 0 : -1;
}

static int read_spec(struct reader *rd, struct cdi_spec *spec)
{
	struct json_at root;
	int r = json_root(rd->check.root, json_type_object, &root, rd->err);

	if (r >= 0)
		r = read_version(rd, &root);
	if (r >= 0)
		r = read_object(rd, &root, &cdi_spec_object, spec);
	if (r < 0)
		return r;
	if (split_kind(spec) < 0)
		return NVB_OOM(rd->err);
	return cdi_check_spec(&rd->check, spec, rd->err);
}

/*
 * An empty object is two bytes of text and a kilobyte of memory; a list may hold a number in two
 * bytes, and takes fifty for it. Brackets and commas inside of texts count too: a specification
 * has a few thousand of all.
 */
static int check_cost(const char *text, size_t length, struct nvb_error **err)
{
	size_t cost = 0;

	for (size_t i = 0; i < length; i++)
		cost += text[i] == ',' ? 1 : text[i] == '{' || text[i] == '[' ? 8 : 0;
	if (cost <= COST_LIMIT)
		return 0;
	return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "parse JSON: more values than a file may hold");
}

static int parse_tree(const char *text, size_t length, enum cdi_format format,
	struct json_object **ret_root, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	int r;

	if (format == CDI_FORMAT_YAML)
		return yaml_parse(text, length, ret_root, err);
	r = check_cost(text, length, err);
	if (r >= 0)
		r = json_parse(text, length, &root, err);
	if (r >= 0)
		r = json_mark_lines(text, length, root, err);
	if (r < 0)
		return r;
	*ret_root = TAKE_PTR(root);
	return 0;
}

static int parse(const char *text, size_t length, enum cdi_format format, struct cdi_spec *spec,
	unsigned *ret_line, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct reader rd = { .arena = spec->arena, .err = err };
	int r = parse_tree(text, length, format, &root, err);

	if (r < 0)
		return r;
	rd.check.root = root;
	r = read_spec(&rd, spec);
	*ret_line = rd.check.line;
	return r;
}

int cdi_document_parse(const char *text, size_t length, enum cdi_format format, const char *path,
	struct cdi_spec **ret_spec, struct nvb_error **err)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = cdi_spec_new();
	const char *shown = path ? path : format == CDI_FORMAT_YAML ? "YAML" : "JSON";
	unsigned line = 0;
	int r;

	if (!spec)
		return NVB_OOM(err);
	spec->path = path ? arena_strdup(spec->arena, path) : NULL;
	if (path && !spec->path)
		return NVB_OOM(err);
	if (length > CDI_DOCUMENT_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "%s: more than %zu bytes", shown,
			CDI_DOCUMENT_LIMIT_BYTES);
	r = parse(text, length, format, spec, &line, err);
	if (r < 0)
		return line ? NVB_CONTEXT(err, r, "%s:%u", shown, line)
			    : NVB_CONTEXT(err, r, "%s", shown);
	*ret_spec = TAKE_PTR(spec);
	return 0;
}

/* Files. */

bool cdi_format_of_path(const char *path, enum cdi_format *ret_format)
{
	const char *dot = strrchr(path_base_name(path), '.');

	if (dot && strcmp(dot, ".json") == 0)
		*ret_format = CDI_FORMAT_JSON;
	else if (dot && strcmp(dot, ".yaml") == 0)
		*ret_format = CDI_FORMAT_YAML;
	else
		return false;
	return true;
}

static int open_file(int dir_fd, const char *name, const char *path, struct nvb_error **err)
{
	/* O_NONBLOCK: a FIFO must not hold us before we see what it is. */
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno == ELOOP) {
		r = NVB_RAISE(err, NVB_ERR_FORMAT, 0, "%s: a symbolic link", path);
		return NVB_HINT(err, r, "put the file itself there");
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return NVB_RAISE(err,
			errno == ENOENT ? NVB_ERR_NOT_FOUND
					: nvb_status_from_errno(errno, NVB_ERR_IO),
			errno, "%s: open it", path);
	if (!S_ISREG(st.st_mode))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "%s: not a regular file", path);
	return TAKE_FD(fd);
}

int cdi_document_read(int dir_fd, const char *name, const char *path, struct cdi_spec **ret_spec,
	struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	enum cdi_format format;
	size_t length;
	int r;

	if (!cdi_format_of_path(name, &format))
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "%s: a CDI file is named .json or .yaml", path);
	fd = open_file(dir_fd, name, path, err);
	if (fd < 0)
		return fd;
	r = file_read_fd(fd, CDI_DOCUMENT_LIMIT_BYTES, &text, &length);
	if (r == -EFBIG)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "%s: more than %zu bytes", path,
			CDI_DOCUMENT_LIMIT_BYTES);
	if (r < 0)
		return NVB_RAISE(
			err, nvb_status_from_errno(-r, NVB_ERR_IO), -r, "%s: read it", path);
	return cdi_document_parse(text, length, format, path, ret_spec, err);
}
