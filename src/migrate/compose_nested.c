/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_nested.h"

#include <string.h>

/* Options without a meaning of their own in a service, which says the same otherwise. */
static bool is_understood(const char *option)
{
	static const char *const words[] = { "--gpu", "--runtime" };

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strncmp(option, words[i], strlen(words[i])) == 0 &&
			(!option[strlen(words[i])] || option[strlen(words[i])] == '='))
			return true;
	return false;
}

bool compose_nested_read(const struct compose_service *service, struct compose_nested *ret)
{
	const struct string_list *words = &service->command;
	struct compose_nested nested = { 0 };
	size_t at = 2;

	if (words->n < 2 || strcmp(words->items[0], "nvbind") != 0 ||
		strcmp(words->items[1], "run") != 0)
		return false;
	for (; at < words->n && words->items[at][0] == '-'; at++) {
		const char *option = words->items[at], *equals = strchr(option, '=');
		const char *value = equals		? equals + 1
				    : at + 1 < words->n ? words->items[at + 1]
							: NULL;

		if (!is_understood(option) || !value)
			break;
		if (strncmp(option, "--gpu", strlen("--gpu")) == 0)
			nested.gpu = value;
		at += !equals;
	}
	if (at < words->n && words->items[at][0] != '-') {
		nested.image = words->items[at];
		nested.command = at + 1;
		/* "--" directly behind the image is dropped. */
		if (nested.command < words->n && strcmp(words->items[nested.command], "--") == 0)
			nested.command++;
	}
	*ret = nested;
	return true;
}
