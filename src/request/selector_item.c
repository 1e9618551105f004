/* SPDX-License-Identifier: Apache-2.0 */
#include "request/selector.h"
#include "request/selector_item.h"

#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/strbuf.h"

#define SELECTOR_BYTES 4096
#define SHOWN_BYTES 64
#define MAX_INDEX 65535
#define UUID_LENGTH 36 /* 8-4-4-4-12 */
#define UUID_MIN_DIGITS 4

static const struct cdi_kind cdi_kinds[] = {
	{ "nvidia.com/gpu", GPU_VENDOR_NVIDIA, true },
	{ "nvidia.com/gpu-bolt", GPU_VENDOR_NVIDIA, true },
	{ "amd.com/gpu", GPU_VENDOR_AMD, false },
	{ "intel.com/gpu", GPU_VENDOR_INTEL, false },
};

const char *selector_kind_of(enum gpu_vendor vendor)
{
	for (size_t i = 0; i < ELEMENTS(cdi_kinds); i++)
		if (cdi_kinds[i].vendor == vendor ||
			(vendor == GPU_VENDOR_WSL && cdi_kinds[i].includes_wsl))
			return cdi_kinds[i].name;
	return NULL;
}

static bool text_is(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static bool text_starts(const char *text, size_t length, const char *prefix)
{
	size_t n = strlen(prefix);

	return length >= n && strncasecmp(text, prefix, n) == 0;
}

const struct cdi_kind *item_find_kind(const char *text, size_t length)
{
	for (size_t i = 0; i < ELEMENTS(cdi_kinds); i++)
		if (text_is(text, length, cdi_kinds[i].name))
			return &cdi_kinds[i];
	return NULL;
}

/* A UUID or the beginning of one. */
static bool is_uuid_prefix(const char *text, size_t length)
{
	unsigned digits = 0;

	if (length > UUID_LENGTH)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool dash_place = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash_place && text[i] == '-')
			continue;
		/* AMD's ids are 16 digits without a dash, so a dash is optional throughout. */
		if (!strchr("0123456789abcdefABCDEF", text[i]) || !text[i])
			return false;
		digits++;
	}
	return digits >= UUID_MIN_DIGITS;
}

static bool parse_hex_n(const char *text, size_t length, uint64_t max, uint64_t *ret)
{
	char digits[9];

	/* number_parse_hex() takes "0x", an address does not. */
	if (!length || length >= sizeof(digits) || memchr(text, 'x', length) ||
		memchr(text, 'X', length))
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	return number_parse_hex(digits, max, ret);
}

bool item_parse_pci(const char *text, size_t length, struct pci_location *ret)
{
	const char *end = text + length, *dot = memrchr(text, '.', length);
	const char *device, *bus;

	if (!dot || end - dot != 2)
		return false;
	device = memrchr(text, ':', (size_t)(dot - text));
	if (!device)
		return false;
	bus = memrchr(text, ':', (size_t)(device - text));
	ret->domain = 0;
	if (bus && !parse_hex_n(text, (size_t)(bus - text), 0xffffffff, &ret->domain))
		return false;
	bus = bus ? bus + 1 : text;
	return device - bus == 2 && dot - device == 3 && parse_hex_n(bus, 2, 0xff, &ret->bus) &&
	       parse_hex_n(device + 1, 2, 0x1f, &ret->device) &&
	       parse_hex_n(dot + 1, 1, 7, &ret->function);
}

/* "N" or "N:M", after an optional "gpu" or "gpu:". */
static bool parse_index(const char *text, size_t length, struct item *item)
{
	const char *colon;

	if (text_starts(text, length, "gpu")) {
		size_t skip = length > 3 && text[3] == ':' ? 4 : 3;

		text += skip;
		length -= skip;
	}
	colon = memchr(text, ':', length);
	if (!colon) {
		item->kind = ITEM_INDEX;
		return number_parse_n(text, length, MAX_INDEX, &item->index);
	}
	item->kind = ITEM_PARTITION;
	return number_parse_n(text, (size_t)(colon - text), MAX_INDEX, &item->index) &&
	       number_parse_n(
		       colon + 1, length - (size_t)(colon + 1 - text), MAX_INDEX, &item->partition);
}

static bool parse_plain_item(const char *text, size_t length, struct item *item)
{
	if (text_is(text, length, "none")) {
		item->kind = ITEM_NONE;
		return true;
	}
	if (text_is(text, length, "all") || text_is(text, length, "gpu:all")) {
		item->kind = ITEM_ALL;
		return true;
	}
	if (text_starts(text, length, "GPU-")) {
		item->kind = ITEM_GPU_UUID;
		return is_uuid_prefix(text + 4, length - 4);
	}
	if (text_starts(text, length, "MIG-")) {
		item->kind = ITEM_MIG_UUID;
		return is_uuid_prefix(text + 4, length - 4);
	}
	if (item_parse_pci(text, length, &item->pci)) {
		item->kind = ITEM_PCI;
		return true;
	}
	return parse_index(text, length, item);
}

static bool is_cdi_word(const char *text, size_t length, const char *also)
{
	/* At both ends a letter or a digit. */
	if (!length || strchr(also, text[0]) || strchr(also, text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !(c >= '0' && c <= '9') && (!c || !strchr(also, c)))
			return false;
	}
	return true;
}

/*
 * vendor/class=name. Source: CDI specification 1.0.0, "CDI JSON Specification", kind and device
 * name.
 */
static bool parse_cdi_item(const char *text, size_t length, const char *equals, struct item *item)
{
	size_t kind_length = (size_t)(equals - text);
	const char *slash = memchr(text, '/', kind_length);
	const char *name = equals + 1;
	size_t name_length = length - kind_length - 1;
	struct item own = { 0 };

	if (!slash || !is_cdi_word(text, (size_t)(slash - text), ".-_") ||
		!is_cdi_word(slash + 1, (size_t)(equals - slash - 1), "-_") ||
		!is_cdi_word(name, name_length, "-_.:"))
		return false;
	own.cdi = item_find_kind(text, kind_length);
	own.text = name;
	own.length = name_length;
	if (own.cdi && parse_plain_item(name, name_length, &own))
		*item = own;
	else
		/* Also a device of our kinds under a name that only a specification gives it. */
		item->kind = ITEM_FOREIGN;
	return true;
}

int item_raise(
	int status, const char *text, size_t length, const char *reason, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	char copy[SHOWN_BYTES + 2];
	size_t n = length < sizeof(copy) ? length : sizeof(copy) - 1;

	memcpy(copy, text, n);
	copy[n] = '\0';
	strbuf_escaped_add(&shown, copy, SHOWN_BYTES);
	return NVB_RAISE(err, status, 0, "select GPU '%s': %s", strbuf_str(&shown), reason);
}

static int parse_item(const char *text, size_t length, struct item *ret, struct nvb_error **err)
{
	const char *equals = memchr(text, '=', length);
	struct item item = { .text = text, .length = length };
	bool ok = equals ? parse_cdi_item(text, length, equals, &item)
			 : parse_plain_item(text, length, &item);

	if (!ok) {
		int r = item_raise(
			NVB_ERR_USAGE, text, length, length ? "not a GPU selector" : "empty", err);

		return NVB_HINT(err, r,
			"use all, none, N, gpuN, N:M, GPU-UUID, MIG-UUID, a PCI address or a comma "
			"list of these; 'nvbind info' shows what exists");
	}
	*ret = item;
	return 0;
}

int item_for_each(const char *text, item_function each, void *user, struct nvb_error **err)
{
	if (strnlen(text, SELECTOR_BYTES + 1) > SELECTOR_BYTES)
		return item_raise(
			NVB_ERR_USAGE, text, SELECTOR_BYTES, "longer than 4096 bytes", err);
	for (;;) {
		size_t length = strcspn(text, ",");
		struct item item;
		int r;

		r = parse_item(text, length, &item, err);
		if (r >= 0)
			r = each(user, &item, err);
		if (r < 0)
			return r;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}
