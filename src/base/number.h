/* SPDX-License-Identifier: Apache-2.0 */
/* Whole-string number parsing: no locale, no sign, no trailing text, no silent overflow. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only. Returns true and sets *ret_value when all of `s` is a number <= max. */
bool number_parse(const char *s, uint64_t max, uint64_t *ret_value);
/* The same for the first `length` bytes. */
bool number_parse_n(const char *s, size_t length, uint64_t max, uint64_t *ret_value);
/* Hexadecimal, with or without 0x. */
bool number_parse_hex(const char *s, uint64_t max, uint64_t *ret_value);
