/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most containers ask for nothing, and to parse their configuration takes longer than all else that
 * is done for them. So its bytes are searched for the words without which there is no request.
 *
 * Why that is enough: every source of a request is a string of the document that holds one of the
 * words below. All of a word's characters are "plain": in the text of JSON, a plain character is
 * itself, or it is written as \uXXXX; the escapes of two characters are for others. So where no
 * escape stands for a plain character, the string's text holds the word as it is. Whatever is in
 * doubt is possible.
 */
#include <string.h>

#include "request/container_request_build.h"

/* In a word of the policy, what stands before its first other character is searched for. Less than
 * this finds too much. */
#define SHORTEST_WORD 4

static const char *const words[] = {
	CONTAINER_VARIABLE_NVBIND "=",
	CONTAINER_VARIABLE_NVIDIA "=",
	CONTAINER_VARIABLE_AMD "=",
	CONTAINER_VARIABLE_LEGACY "=",
#define X(variable, vendor, grammar) variable "=",
	CONTAINER_REQUEST_FILTERS(X)
#undef X
		CONTAINER_MOUNT_NAME,
};

static bool is_plain(unsigned c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && c < 0x80 && strchr("_-.=", (int)c));
}

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - 'A') + 10;
}

/* `at` is behind "\u". What are no four digits is no JSON, whatever number comes out. */
static bool escapes_plain(const char *at, const char *end)
{
	unsigned c = 0;

	if (end - at < 4)
		return true;
	for (int i = 0; i < 4; i++)
		c = c * 16 + hex_digit(at[i]);
	return is_plain(c);
}

/* An escaped backslash in front of a "u" looks the same: that is doubt enough. */
static bool has_plain_escape(const char *json, const char *end)
{
	while ((json = memchr(json, '\\', (size_t)(end - json)))) {
		json++;
		if (json < end && *json == 'u' && escapes_plain(json + 1, end))
			return true;
	}
	return false;
}

static bool holds(const char *json, size_t length, const char *word, size_t word_length)
{
	return memmem(json, length, word, word_length) != NULL;
}

static bool holds_any(const char *json, size_t length, const struct string_list *list)
{
	vec_foreach (const char *, word, list) {
		size_t plain = 0;

		while (is_plain((unsigned char)(*word)[plain]))
			plain++;
		if (plain < SHORTEST_WORD || holds(json, length, *word, plain))
			return true;
	}
	return false;
}

bool container_request_is_possible(
	const char *json, size_t length, const struct container_policy *policy)
{
	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (holds(json, length, words[i], strlen(words[i])))
			return true;
	return holds_any(json, length, &policy->annotation_prefixes) ||
	       holds_any(json, length, &policy->swarm_resources) ||
	       has_plain_escape(json, json + length);
}
