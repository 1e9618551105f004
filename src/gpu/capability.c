/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/capability.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"

#define MAX_SHOWN_BYTES 256

static const struct {
	const char *name, *meaning;
} capabilities[CAPABILITY_BIT_COUNT] = {
#define X(symbol, name, meaning) [CAPABILITY_BIT_##symbol] = { name, meaning },
	CAPABILITY_TABLE(X)
#undef X
};

const char *capability_name(enum capability_bit bit)
{
	return capabilities[bit].name;
}

const char *capability_meaning(enum capability_bit bit)
{
	return capabilities[bit].meaning;
}

static bool word_is(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(word, name, length) == 0;
}

static capability_set find(const char *word, size_t length)
{
	if (word_is(word, length, "all"))
		return CAPABILITY_ALL;
	for (unsigned bit = 0; bit < CAPABILITY_BIT_COUNT; bit++) {
		if (word_is(word, length, capabilities[bit].name))
			return 1u << bit;
	}
	return 0;
}

static int raise_unknown(const char *word, size_t length, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * MAX_SHOWN_BYTES + 16);
	_cleanup_(strbuf_done) struct strbuf known = STRBUF_INIT(4096);
	_cleanup_free_ char *copy = strndup(word, length);
	int r;

	if (!copy)
		return NVB_OOM(err);
	strbuf_escaped_add(&shown, copy, MAX_SHOWN_BYTES);
	for (unsigned bit = 0; bit < CAPABILITY_BIT_COUNT; bit++)
		strbuf_printf(&known, "%s, ", capabilities[bit].name);
	if (strbuf_failed(&shown) || strbuf_failed(&known))
		return NVB_OOM(err);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown driver capability '%s'", strbuf_str(&shown));
	return NVB_HINT(err, r, "use one or more of %sor all", strbuf_str(&known));
}

int capability_parse(const char *list, capability_set *ret_set, struct nvb_error **err)
{
	capability_set set = 0;

	for (const char *word = list; *word;) {
		size_t length = strcspn(word, ","), trimmed;
		const char *next = word + length + (word[length] == ',');
		capability_set found;

		for (; length && isspace((unsigned char)*word); length--)
			word++;
		for (trimmed = length; trimmed && isspace((unsigned char)word[trimmed - 1]);)
			trimmed--;
		if (trimmed) {
			found = find(word, trimmed);
			if (!found)
				return raise_unknown(word, trimmed, err);
			set |= found;
		}
		word = next;
	}
	if (!set) {
		int r = NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "the list of driver capabilities is empty");

		return NVB_HINT(err, r, "name one, for example 'compute,utility', or 'all'");
	}
	*ret_set = set;
	return 0;
}

void capability_format(capability_set set, struct strbuf *out)
{
	const char *separator = "";

	if ((set & CAPABILITY_ALL) == CAPABILITY_ALL) {
		strbuf_str_add(out, "all");
		return;
	}
	for (unsigned bit = 0; bit < CAPABILITY_BIT_COUNT; bit++) {
		if (!(set & (1u << bit)))
			continue;
		strbuf_str_add(out, separator);
		strbuf_str_add(out, capabilities[bit].name);
		separator = ",";
	}
}
