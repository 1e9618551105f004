/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi-document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return cdi_fuzz(CDI_FORMAT_JSON, data, size);
}
