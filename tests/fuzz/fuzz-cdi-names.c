/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a qualified name are good names, and together they are the name. */
#include "fuzz.h"

#include "base/strbuf.h"
#include "cdi/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	_cleanup_(strbuf_done) struct strbuf whole = STRBUF_INIT(size + 64);
	const char *class_name, *device;
	size_t vendor_length, class_length;

	(void)cdi_is_vendor(text, size);
	(void)cdi_is_class(text, size);
	if (!cdi_split_qualified(text, &vendor_length, &class_name, &class_length, &device))
		return 0;
	CHECK(cdi_is_vendor(text, vendor_length));
	CHECK(cdi_is_class(class_name, class_length));
	CHECK(cdi_is_device_name(device));
	CHECK(!cdi_is_vendor(text, vendor_length + 1));
	strbuf_printf(&whole, "%.*s/%.*s=%s", (int)vendor_length, text, (int)class_length,
		class_name, device);
	CHECK(strcmp(strbuf_str(&whole), text) == 0);
	return 0;
}
