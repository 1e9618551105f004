/* SPDX-License-Identifier: Apache-2.0 */
/* A specification of anybody: what is read is valid, and reads the same when it is written. */
#pragma once

#include "fuzz.h"

#include "cdi/document.h"

static char *cdi_write(const struct cdi_spec *spec, enum cdi_format format, size_t *ret_length)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	char *text = NULL;

	CHECK(cdi_document_write(spec, format, &text, ret_length, &err) == 0);
	CHECK(strlen(text) == *ret_length);
	return text;
}

static void cdi_check_round_trip(const struct cdi_spec *spec, enum cdi_format format)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *again = NULL;
	_cleanup_free_ char *first = NULL, *second = NULL;
	size_t length, second_length;

	first = cdi_write(spec, format, &length);
	CHECK(cdi_document_parse(first, length, format, NULL, &again, NULL) == 0);
	CHECK(strcmp(cdi_spec_minimum_version(spec), cdi_spec_minimum_version(again)) == 0);
	second = cdi_write(again, format, &second_length);
	CHECK(length == second_length && memcmp(first, second, length) == 0);
}

static int cdi_fuzz(enum cdi_format format, const uint8_t *data, size_t size)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *text = malloc(size ? size : 1);
	int r;

	CHECK(text);
	/* Without a NUL behind it: the parser may not look there. */
	if (size)
		memcpy(text, data, size);
	r = cdi_document_parse(text, size, format, "fuzz", &spec, &err);
	CHECK((r < 0) == (err != NULL));
	CHECK((r < 0) == (spec == NULL));
	if (r < 0)
		return 0;
	CHECK(cdi_spec_validate(spec, NULL) == 0);
	cdi_check_round_trip(spec, CDI_FORMAT_JSON);
	cdi_check_round_trip(spec, CDI_FORMAT_YAML);
	return 0;
}
