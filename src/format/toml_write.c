/* SPDX-License-Identifier: Apache-2.0 */
#include "format/toml_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add_string(const char *s, size_t length, struct strbuf *out)
{
	strbuf_char_add(out, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			strbuf_printf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7F)
			strbuf_printf(out, "\\u%04X", c);
		else
			strbuf_char_add(out, s[i]);
	}
	strbuf_char_add(out, '"');
}

/* Written so that it is read as a floating-point number again, and as the same one. */
static void add_double(double d, struct strbuf *out)
{
	char text[40];

	if (isnan(d) || isinf(d)) {
		strbuf_str_add(out, isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.17g", d);
	strbuf_str_add(out, text);
	if (!strpbrk(text, ".e"))
		strbuf_str_add(out, ".0");
}

void toml_write_key(const char *key, struct strbuf *out)
{
	static const char bare[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (*key && key[strspn(key, bare)] == '\0')
		strbuf_str_add(out, key);
	else
		add_string(key, strlen(key), out);
}

void toml_write_value(struct json_object *value, struct strbuf *out)
{
	const char *separator = "";

	if (json_object_is_type(value, json_type_array)) {
		strbuf_char_add(out, '[');
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			strbuf_str_add(out, i ? ", " : "");
			toml_write_value(json_object_array_get_idx(value, i), out);
		}
		strbuf_char_add(out, ']');
	} else if (json_object_is_type(value, json_type_object)) {
		strbuf_str_add(out, "{");
		json_object_object_foreach(value, key, member)
		{
			strbuf_printf(out, "%s ", separator);
			toml_write_key(key, out);
			strbuf_str_add(out, " = ");
			toml_write_value(member, out);
			separator = ",";
		}
		strbuf_str_add(out, " }");
	} else if (json_object_is_type(value, json_type_string)) {
		add_string(json_object_get_string(value), (size_t)json_object_get_string_len(value),
			out);
	} else if (json_object_is_type(value, json_type_double)) {
		add_double(json_object_get_double(value), out);
	} else {
		/* Integers and booleans are written as JSON has them. */
		strbuf_str_add(out, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	}
}
