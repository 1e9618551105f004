/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound ownership.
 *
 * Declare an owner with one of the attributes and initialise it in the same line. Hand the value
 * out with TAKE_PTR() or TAKE_FD(). Every cleanup function accepts the empty value (NULL, -1) and
 * keeps errno, so an error path may report errno after the scope has ended.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)

static inline void freep(void *p)
{
	void **owner = p;

	free(*owner);
	*owner = NULL;
}

/* close() is called once: on Linux the descriptor is gone even after EINTR. */
static inline void closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void fclosep(FILE **f)
{
	int saved = errno;

	if (*f)
		(void)fclose(*f);
	*f = NULL;
	errno = saved;
}

static inline void closedirp(DIR **d)
{
	int saved = errno;

	if (*d)
		(void)closedir(*d);
	*d = NULL;
	errno = saved;
}

#define TAKE_PTR(p)                    \
	({                             \
		__typeof__(p) _t = (p); \
		(p) = NULL;            \
		_t;                    \
	})

#define TAKE_FD(fd)               \
	({                        \
		int _taken = (fd); \
		(fd) = -1;        \
		_taken;           \
	})

/* Defines x_freep() for use with _cleanup_(). */
#define DEFINE_FREEP(type, free_fn)               \
	static inline void free_fn##p(type **p)   \
	{                                         \
		int saved_errno = errno;          \
                                                  \
		free_fn(*p);                      \
		*p = NULL;                        \
		errno = saved_errno;              \
	}

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
