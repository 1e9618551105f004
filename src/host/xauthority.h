/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of X11 cookies: the one of a user has those of all displays that he may use, on other
 * machines too. A container gets a file with one, which is good for any host name.
 *
 * Source: libXau, Xau(3); Xsecurity(7). An entry is a family and four counted strings (address,
 * number, name, data), all numbers of 16 bits, most significant byte first.
 */
#pragma once

#include <stddef.h>

/* The longest file that is looked at. */
#define XAUTHORITY_LIMIT_BYTES ((size_t)1 << 20)

/*
 * Finds the cookie for `display` (":0", ":1.0") of this machine and makes a file of it. The entry
 * of `hostname` goes before those of former host names. Returns 1; 0 if there is none; -ENOMEM.
 * *ret is malloc'd.
 */
int xauthority_make(const void *data, size_t length, const char *display, const char *hostname,
	char **ret, size_t *ret_length);
