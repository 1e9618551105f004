/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/word.h"

#include <string.h>

/* Short options that stand before another one in the same word: "-ite". Source: docker-run(1),
 * podman-run(1). */
#define SHORT_FLAGS    "ditPq"
#define SHORT_VARIABLE 'e'

static const struct {
	const char *name;
	enum client_word_kind kind;
} options[] = {
	{ "--runtime", CLIENT_WORD_RUNTIME },
	{ "--gpus", CLIENT_WORD_GPUS },
	{ "--device", CLIENT_WORD_DEVICE },
	{ "--env", CLIENT_WORD_VARIABLE },
	/* Podman's own. */
	{ "--env-merge", CLIENT_WORD_VARIABLE },
	{ "--unsetenv", CLIENT_WORD_VARIABLE },
};

static const char *next_word(const struct string_list *words, size_t i)
{
	return i + 1 < words->n ? words->items[i + 1] : "";
}

/* "-e", "-eNAME", "-e=NAME", "-iteNAME". */
static struct client_word read_short(const struct string_list *words, size_t i)
{
	const char *letter = words->items[i] + 1;

	letter += strspn(letter, SHORT_FLAGS);
	if (*letter != SHORT_VARIABLE)
		return (struct client_word){ .value = "" };
	letter += letter[1] == '=' ? 2 : 1;
	return (struct client_word){ .kind = CLIENT_WORD_VARIABLE,
		.value = *letter ? letter : next_word(words, i) };
}

struct client_word client_word_read(const struct string_list *words, size_t i)
{
	const char *word = words->items[i];
	const size_t length = strcspn(word, "=");

	if (word[0] == '-' && word[1] != '-')
		return read_short(words, i);
	for (size_t j = 0; j < ELEMENTS(options); j++)
		if (strlen(options[j].name) == length && memcmp(options[j].name, word, length) == 0)
			return (struct client_word){ .kind = options[j].kind,
				.value = word[length] ? word + length + 1 : next_word(words, i) };
	return (struct client_word){ .value = "" };
}
