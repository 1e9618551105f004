/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare_list.h"

#include <string.h>

int compare_list_parse(const char *text, struct bench_options *options, struct nvb_error **err)
{
	const struct {
		const char *word;
		bool *target;
	} rivals[] = {
		{ "docker", &options->compare_docker },
		{ "podman", &options->compare_podman },
		{ "nvidia", &options->compare_toolkit },
	};

	for (const char *word = text;; word++) {
		size_t length = strcspn(word, ","), i = 0;

		while (i < ELEMENTS(rivals) && (strlen(rivals[i].word) != length ||
						       memcmp(rivals[i].word, word, length) != 0))
			i++;
		if (i == ELEMENTS(rivals))
			return NVB_HINT(err,
				NVB_RAISE(err, NVB_ERR_USAGE, 0, "compare with '%.*s'", (int)length,
					word),
				"give a comma list of docker, podman and nvidia");
		*rivals[i].target = true;
		word += length;
		if (!*word)
			return 0;
	}
}
