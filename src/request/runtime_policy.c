/* SPDX-License-Identifier: Apache-2.0 */
/* One table of keys: the reader, the writer and the documentation walk it. */
#include "request/runtime_policy.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "format/json.h"
#include "gpu/trusted_file.h"
#include "request/nearest.h"

#define POLICY_BYTES ((size_t)256 << 10)
#define SHOWN_BYTES  64

static const struct vocabulary_word trust_words[] = {
#define WORD(word, value) { word, value, false },
	RUNTIME_POLICY_TRUST_WORDS(WORD)
};

static const struct vocabulary trust_vocabulary = { "trust", trust_words, ELEMENTS(trust_words) };

static const struct vocabulary_word level_words[] = {
	RUNTIME_POLICY_LEVEL_WORDS(WORD)
#undef WORD
};

static const struct vocabulary level_vocabulary = { "log level", level_words,
	ELEMENTS(level_words) };

enum key_type {
	KEY_TRUST,    /* enum policy_trust */
	KEY_SWITCH,   /* bool */
	KEY_SET,      /* capability_set */
	KEY_LEVEL,    /* const char *, a word */
	KEY_PATH,     /* const char *, absolute; NULL: none */
	KEY_TEXTS,    /* struct string_list */
	KEY_PROGRAMS, /* the same, names or absolute paths, at least one */
};

struct key {
	const char *name;
	enum key_type type;
	size_t offset; /* in struct runtime_policy */
	const char *meaning;
};

static const struct key keys[] = {
#define KEY(name, type, member, meaning)                                                           \
	{ name, KEY_##type, offsetof(struct runtime_policy, member), meaning },
#include "request/runtime_policy_keys.def"
#undef KEY
};

static const char *default_runtimes[] = { RUNTIME_POLICY_DEFAULT_RUNTIMES };

struct runtime_policy runtime_policy_default(void)
{
	return (struct runtime_policy){
		.container = container_policy_default,
		.low_level_runtimes = { .items = default_runtimes,
			.n = ELEMENTS(default_runtimes) },
		.host_root = "/",
		.log_level = "warning",
	};
}

static bool is_text(const struct key *key, const char *text)
{
	if (!*text || strchr(text, '='))
		return false;
	if (key->type != KEY_PROGRAMS || !strchr(text, '/'))
		return true;
	return path_is_normal(text);
}

static int read_list(const struct json_at *at, const struct key *key, struct arena *a,
	struct string_list *ret, struct nvb_error **err)
{
	const bool programs = key->type == KEY_PROGRAMS;
	struct string_list list = { 0 };
	const size_t n = json_length(at);

	if (n > RUNTIME_POLICY_LIST_ITEMS || (!n && programs))
		return json_invalid(at, NULL, n ? "a shorter list" : "a list with an item", err);
	for (size_t i = 0; i < n; i++) {
		const char *text, *copy;
		int r = json_item_string(at, i, &text, err);

		if (r < 0)
			return r;
		if (!is_text(key, text))
			return json_invalid(at, NULL,
				programs ? "a list of names and absolute paths" : "a list of names",
				err);
		copy = arena_strdup(a, text);
		if (!copy || string_list_add(a, &list, copy) < 0)
			return NVB_OOM(err);
	}
	*ret = list;
	return 0;
}

static int read_path(const struct json_at *root, const struct key *key, const char *text,
	struct arena *a, const char **ret, struct nvb_error **err)
{
	if (!path_is_normal(text))
		return json_invalid(root, key->name, "an absolute path", err);
	*ret = arena_strdup(a, text);
	return *ret ? 0 : NVB_OOM(err);
}

static int read_word(const struct key *key, const char *text, void *ret, struct nvb_error **err)
{
	const struct vocabulary *words =
		key->type == KEY_TRUST ? &trust_vocabulary : &level_vocabulary;
	int value, r;

	r = vocabulary_parse(words, text, &value, err);
	if (r < 0)
		return r;
	if (key->type == KEY_TRUST)
		*(enum policy_trust *)ret = (enum policy_trust)value;
	else
		*(const char **)ret = vocabulary_name(words, value);
	return 0;
}

static int read_string(const struct json_at *root, const struct key *key, struct arena *a,
	void *ret, struct nvb_error **err)
{
	const char *text;
	int r = json_get_string(root, key->name, &text, err);

	if (r <= 0)
		return r;
	if (key->type == KEY_PATH)
		return read_path(root, key, text, a, ret, err);
	r = key->type == KEY_SET ? capability_parse(text, ret, err)
				 : read_word(key, text, ret, err);
	return r < 0 ? NVB_CONTEXT(err, NVB_ERR_FORMAT, "key '%s'", key->name) : 0;
}

/* A key that is null is as good as absent. */
static int read_key(const struct json_at *root, const struct key *key, struct arena *a,
	struct runtime_policy *policy, struct nvb_error **err)
{
	void *value = (char *)policy + key->offset;
	struct json_at at;
	int r;

	switch (key->type) {
	case KEY_SWITCH:
		return json_get_bool(root, key->name, value, err);
	case KEY_TEXTS:
	case KEY_PROGRAMS:
		r = json_member(root, key->name, json_type_array, &at, err);
		return r <= 0 ? r : read_list(&at, key, a, value, err);
	case KEY_TRUST:
	case KEY_SET:
	case KEY_LEVEL:
	case KEY_PATH:
		break;
	}
	return read_string(root, key, a, value, err);
}

static int raise_unknown_key(const char *name, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	struct nearest nearest = NEAREST_INIT(name);
	int r;

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		nearest_consider(&nearest, keys[i].name);
	strbuf_escaped_add(&shown, name, SHOWN_BYTES);
	r = NVB_RAISE(err, NVB_ERR_FORMAT, 0, "unknown key '%s'", strbuf_str(&shown));
	if (!nearest_word(&nearest))
		return r;
	return NVB_HINT(err, r, "did you mean '%s'?", nearest_word(&nearest));
}

static int check_names(struct json_object *object, struct nvb_error **err)
{
	json_object_object_foreach(object, name, value)
	{
		bool known = false;

		(void)value;
		for (size_t i = 0; i < ELEMENTS(keys) && !known; i++)
			known = strcmp(keys[i].name, name) == 0;
		if (!known)
			return raise_unknown_key(name, err);
	}
	return 0;
}

/* A key that is null is as good as absent. */
static bool is_given(struct json_object *object, const char *name)
{
	return json_object_object_get(object, name) != NULL;
}

static int parse_policy(const char *text, size_t length, struct arena *a,
	struct runtime_policy *ret, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct runtime_policy policy = runtime_policy_default();
	struct json_at root;
	int r;

	r = json_parse(text, length, &object, err);
	if (r >= 0)
		r = json_root(object, json_type_object, &root, err);
	if (r >= 0)
		r = check_names(object, err);
	for (size_t i = 0; i < ELEMENTS(keys) && r >= 0; i++)
		r = read_key(&root, &keys[i], a, &policy, err);
	if (r < 0)
		return r;
	if (!is_given(object, "accept_annotations"))
		policy.container.accept_annotations = policy.container.accept_environment;
	if (!is_given(object, "accept_exclusive"))
		policy.container.accept_exclusive = policy.container.accept_environment;
	*ret = policy;
	return 0;
}

/*
 * In a user namespace without the machine's root, all of its files seem to be nobody's. Who runs us
 * there makes that namespace and all in it himself: no policy binds him, and none is in danger.
 */
static bool root_is_absent(void)
{
	struct stat st;

	return stat("/", &st) == 0 && st.st_uid != 0;
}

static int find_file(const char *path, char **ret_path, struct nvb_error **err)
{
	_cleanup_free_ char *why = NULL;
	int r;

	if (root_is_absent()) {
		*ret_path = strdup(path);
		return *ret_path ? 0 : NVB_OOM(err);
	}
	r = trusted_file_find(path, ret_path, &why, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "trust the runtime's policy: %s", why);
	return NVB_HINT(err, r, "only root may be able to change it: chown root, chmod go-w");
}

/* A rootless engine runs as its user, who has to be able to read root's policy. */
static int raise_unread(const char *path, int error, struct nvb_error **err)
{
	int r = NVB_RAISE(err, nvb_status_from_errno(error, NVB_ERR_IO), error, "read '%s'", path);

	if (error != EACCES)
		return r;
	return NVB_HINT(
		err, r, "whoever starts containers must be able to read it: chmod 0644 '%s'", path);
}

static int read_file(
	const char *path, struct arena *a, struct runtime_policy *ret, struct nvb_error **err)
{
	_cleanup_free_ char *found = NULL, *text = NULL;
	size_t length;
	errint_t e;
	int r;

	r = find_file(path, &found, err);
	if (r < 0)
		return r;
	e = file_read_path(found, POLICY_BYTES, &text, &length);
	if (e < 0)
		return raise_unread(path, -e, err);
	r = parse_policy(text, length, a, ret, err);
	return r < 0 ? NVB_CONTEXT(err, r, "read '%s'", path) : 0;
}

const char *runtime_policy_level_name(enum log_level level)
{
	return vocabulary_name(&level_vocabulary, (int)level);
}

enum log_level runtime_policy_level(const struct runtime_policy *policy)
{
	int level = LOG_LEVEL_WARNING;

	/* The reader lets no other word in. */
	(void)vocabulary_parse(&level_vocabulary, policy->log_level, &level, NULL);
	return (enum log_level)level;
}

static int read_policy(struct arena *a, struct runtime_policy *ret, struct nvb_error **err)
{
	const char *path = secure_getenv(RUNTIME_POLICY_VARIABLE);
	struct stat st;

	if (path && *path && !path_is_normal(path))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"read the runtime's policy '%s' (NVBIND_RUNTIME_CONFIG): not an absolute "
			"path",
			path);
	if (path && *path && stat(path, &st) == 0)
		return read_file(path, a, ret, err);
	if (path && *path)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"read the runtime's policy '%s' (NVBIND_RUNTIME_CONFIG)", path);
	if (stat(RUNTIME_POLICY_PATH, &st) < 0 && errno == ENOENT) {
		*ret = runtime_policy_default();
		return 0;
	}
	return read_file(RUNTIME_POLICY_PATH, a, ret, err);
}

int runtime_policy_read(struct arena *a, struct runtime_policy *ret, struct nvb_error **err)
{
	const char *host_root = secure_getenv("NVBIND_HOST_ROOT");
	struct runtime_policy policy;
	int r = read_policy(a, &policy, err);

	if (r < 0)
		return r;
	if (host_root && *host_root)
		policy.host_root = host_root;
	*ret = policy;
	return 0;
}

static struct json_object *list_value(struct json_builder *b, const struct string_list *list)
{
	struct json_object *array = json_new_array(b);

	vec_foreach (const char *, item, list)
		json_append_string(b, array, *item);
	return array;
}

static struct json_object *set_value(struct json_builder *b, capability_set set)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1024);

	capability_format(set, &text);
	b->out_of_memory |= strbuf_failed(&text);
	return json_new_string(b, strbuf_str(&text));
}

static void add_key(struct json_builder *b, struct json_object *object, const struct key *key,
	const struct runtime_policy *policy)
{
	const void *value = (const char *)policy + key->offset;

	switch (key->type) {
	case KEY_TRUST:
		json_add_string(b, object, key->name,
			vocabulary_name(&trust_vocabulary, (int)*(const enum policy_trust *)value));
		break;
	case KEY_SWITCH:
		json_add_bool(b, object, key->name, *(const bool *)value);
		break;
	case KEY_SET:
		json_add(b, object, key->name, set_value(b, *(const capability_set *)value));
		break;
	case KEY_LEVEL:
	case KEY_PATH:
		json_add_string(b, object, key->name, *(const char *const *)value);
		break;
	case KEY_TEXTS:
	case KEY_PROGRAMS:
		json_add(b, object, key->name, list_value(b, value));
		break;
	}
}

static struct json_object *policy_object(
	struct json_builder *b, const struct runtime_policy *policy)
{
	struct json_object *object = json_new_object(b);

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		add_key(b, object, &keys[i], policy);
	return object;
}

int runtime_policy_format(
	const struct runtime_policy *policy, char **ret_text, struct nvb_error **err)
{
	struct runtime_policy plain = runtime_policy_default();
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *object = NULL, *defaults = NULL;
	int r;

	plain.container.accept_annotations = policy->container.accept_environment;
	plain.container.accept_exclusive = policy->container.accept_environment;
	object = policy_object(&b, policy);
	defaults = policy_object(&b, &plain);
	r = json_builder_check(&b, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		const char *name = keys[i].name;

		if (json_object_equal(json_object_object_get(object, name),
			    json_object_object_get(defaults, name)))
			json_object_object_del(object, name);
	}
	return json_format(object, JSON_PRETTY, ret_text, NULL, err);
}

/* What may stand there, in the words of a manual. */
static const char *values_of(enum key_type type)
{
	switch (type) {
	case KEY_TRUST:
		return "\"never\", \"privileged\", \"always\"";
	case KEY_SWITCH:
		return "true, false";
	case KEY_SET:
		return "\"all\", or a comma list of driver capabilities";
	case KEY_LEVEL:
		return "\"error\", \"warning\", \"info\", \"debug\"";
	case KEY_PATH:
		return "an absolute path";
	case KEY_TEXTS:
		return "a list of names";
	case KEY_PROGRAMS:
		return "a list of names and absolute paths";
	}
	return "";
}

void runtime_policy_for_each_key(runtime_policy_key_function each, void *user)
{
	const struct runtime_policy plain = runtime_policy_default();
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *defaults = policy_object(&b, &plain);

	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		_cleanup_free_ char *text = NULL;
		struct json_object *value = json_object_object_get(defaults, keys[i].name);

		if (value)
			(void)json_format(value, JSON_PLAIN, &text, NULL, NULL);
		each(user, keys[i].name, values_of(keys[i].type), text ? text : "null",
			keys[i].meaning);
	}
}
