/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that invite a class of bug. Force-included by the build: using one fails to compile. */
#pragma once

#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* glibc makes macros of these for some compilers. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets tmpnam mktemp
#pragma GCC poison atoi atol atoll strtol strtoul strtoll strtoull
#pragma GCC poison system popen realpath localtime gmtime
#endif
