/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi-document.h"

/* libfyaml 0.7.12 loses a buffer where a long quoted text ends in a syntax error. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return cdi_fuzz(CDI_FORMAT_YAML, data, size);
}
