/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/version.h"

#include <string.h>

#define LINE_START "NVRM version:"

static bool contains(const char *text, size_t length, const char *word)
{
	return memmem(text, length, word, strlen(word)) != NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits with dots between them, at least one dot: "550.163.01", "390.157", "570.86.10". */
static bool is_version(const char *word, size_t length)
{
	size_t dots = 0;

	for (size_t i = 0; i < length; i++) {
		if (is_digit(word[i]))
			continue;
		if (word[i] != '.' || i == 0 || i + 1 == length || word[i - 1] == '.')
			return false;
		dots++;
	}
	return dots > 0 && length < NVIDIA_VERSION_BYTES;
}

/* The first word that looks like a version. The architecture ("x86_64") does not. */
static bool find_version(const char *line, size_t length, char ret[static NVIDIA_VERSION_BYTES])
{
	for (size_t at = 0; at < length;) {
		size_t word = at;

		while (at < length && line[at] != ' ' && line[at] != '\t')
			at++;
		if (is_version(line + word, at - word)) {
			memcpy(ret, line + word, at - word);
			ret[at - word] = '\0';
			return true;
		}
		at++;
	}
	return false;
}

bool version_parse(const char *text, size_t length, struct nvidia_version *ret)
{
	struct nvidia_version version = { 0 };
	const char *end, *line = memmem(text, length, LINE_START, strlen(LINE_START));

	if (!line)
		return false;
	line += strlen(LINE_START);
	length -= (size_t)(line - text);
	end = memchr(line, '\n', length);
	/* Without its end the line may stop inside the version. */
	if (!end)
		return false;
	length = (size_t)(end - line);
	if (!find_version(line, length, version.text))
		return false;
	if (contains(line, length, "Open Kernel Module"))
		version.flavor = "open";
	else if (contains(line, length, "Kernel Module"))
		version.flavor = "proprietary";
	*ret = version;
	return true;
}
