/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source: internal/validation/k8s of cncf-tags/container-device-interface: the rules of
 * Kubernetes. A key is [PREFIX/]NAME, the prefix a DNS subdomain; upper and lower case are one.
 */
#include <string.h>

#include "cdi/document_check.h"

#define TOTAL_LIMIT_BYTES ((size_t)256 << 10)
#define PREFIX_LIMIT	  253
#define NAME_LIMIT	  63

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_word(const char *text, size_t length, const char *marks)
{
	if (!length || !is_alphanumeric(text[0]) || !is_alphanumeric(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_alphanumeric(text[i]) && !strchr(marks, text[i]))
			return false;
	return true;
}

/* Labels between dots. */
static bool is_subdomain(const char *text, size_t length)
{
	if (length > PREFIX_LIMIT)
		return false;
	for (size_t start = 0;;) {
		const char *dot = memchr(text + start, '.', length - start);
		const size_t end = dot ? (size_t)(dot - text) : length;

		if (!is_word(text + start, end - start, "-"))
			return false;
		if (!dot)
			return true;
		start = end + 1;
	}
}

static bool is_key(const char *key)
{
	const char *slash = strchr(key, '/');
	const char *name = slash ? slash + 1 : key;

	if (slash && !is_subdomain(key, (size_t)(slash - key)))
		return false;
	return strlen(name) <= NAME_LIMIT && is_word(name, strlen(name), "-_.");
}

int cdi_check_annotations(struct cdi_check *check, const struct json_at *at,
	const struct cdi_annotation_list *annotations, struct nvb_error **err)
{
	const struct json_at here = { .parent = at, .key = "annotations" };
	size_t total = 0;

	vec_foreach (struct cdi_annotation, a, annotations) {
		total += strlen(a->key) + strlen(a->value);
		if (!is_key(a->key))
			return cdi_refuse(check, &here, a->key, err,
				"named [PREFIX/]NAME, of letters, digits and '-_.'");
	}
	if (total > TOTAL_LIMIT_BYTES)
		return cdi_refuse(check, at, "annotations", err,
			"at most %zu bytes, keys and values together", TOTAL_LIMIT_BYTES);
	return 0;
}
