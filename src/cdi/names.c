/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of names.
 * Source: pkg/parser/parser.go of cncf-tags/container-device-interface; the lengths are those of
 * SPEC.md 1.1.0, "Kind".
 */
#include <string.h>

#include "cdi/document.h"

#define VENDOR_LIMIT 253
#define CLASS_LIMIT  63

/* isalnum() asks the locale. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alphanumeric(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* Letters, digits and `marks`, a letter or a digit at the end. */
static bool is_name(const char *text, size_t length, const char *marks)
{
	if (!length || !is_alphanumeric(text[0]) || !is_alphanumeric(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_alphanumeric(text[i]) && (!text[i] || !strchr(marks, text[i])))
			return false;
	return true;
}

bool cdi_is_vendor(const char *text, size_t length)
{
	return length <= VENDOR_LIMIT && is_name(text, length, "_-.") && is_letter(text[0]);
}

bool cdi_is_class(const char *text, size_t length)
{
	return length <= CLASS_LIMIT && is_name(text, length, "_-.") && is_letter(text[0]);
}

bool cdi_is_device_name(const char *text)
{
	return is_name(text, strlen(text), "_-.:");
}

bool cdi_split_qualified(const char *text, size_t *ret_vendor_length, const char **ret_class,
	size_t *ret_class_length, const char **ret_device)
{
	const char *equals = strchr(text, '=');
	const char *slash = equals ? memchr(text, '/', (size_t)(equals - text)) : NULL;

	if (!slash || !cdi_is_vendor(text, (size_t)(slash - text)) ||
		!cdi_is_class(slash + 1, (size_t)(equals - slash - 1)) ||
		!cdi_is_device_name(equals + 1))
		return false;
	*ret_vendor_length = (size_t)(slash - text);
	*ret_class = slash + 1;
	*ret_class_length = (size_t)(equals - slash - 1);
	*ret_device = equals + 1;
	return true;
}
