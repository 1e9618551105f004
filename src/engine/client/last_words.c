/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/last_words.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/strbuf.h"

#define CAUGHT_BYTES 65536
#define SHOWN_BYTES  256

/* A file and not a pipe: nobody reads while the program runs. What is over the limit, the kernel
 * refuses to write. */
static int open_bounded(void)
{
	_cleanup_close_ int fd = memfd_create("nvbind-last-words", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, CAUGHT_BYTES) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0)
		return -1;
	return TAKE_FD(fd);
}

void last_words_catch(struct last_words *w)
{
	w->caught_fd = open_bounded();
	if (w->caught_fd < 0)
		return;
	(void)fflush(stderr);
	w->saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (w->saved_fd < 0 || dup2(w->caught_fd, STDERR_FILENO) < 0)
		last_words_done(w);
}

void last_words_release(struct last_words *w)
{
	if (w->saved_fd < 0)
		return;
	(void)fflush(stderr);
	(void)dup2(w->saved_fd, STDERR_FILENO);
	closep(&w->saved_fd);
	w->saved_fd = -1;
}

void last_words_done(struct last_words *w)
{
	last_words_release(w);
	closep(&w->caught_fd);
	w->caught_fd = -1;
}

static bool is_blank(char c)
{
	return c == '\n' || c == '\r' || c == ' ' || c == '\t' || c == '\0';
}

const char *last_words_line(const struct last_words *w, struct arena *a)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	char *bytes, *start;
	off_t end;
	ssize_t n;

	/* The program's offset is this one's too: it says how much was written. */
	end = w->caught_fd < 0 ? 0 : lseek(w->caught_fd, 0, SEEK_CUR);
	if (end <= 0 || end > CAUGHT_BYTES)
		return NULL;
	bytes = arena_alloc(a, (size_t)end + 1);
	n = bytes ? pread(w->caught_fd, bytes, (size_t)end, 0) : -1;
	while (n > 0 && is_blank(bytes[n - 1]))
		n--;
	if (n <= 0)
		return NULL;
	bytes[n] = '\0';
	start = memrchr(bytes, '\n', (size_t)n);
	strbuf_escaped_add(&text, start ? start + 1 : bytes, SHOWN_BYTES);
	return strbuf_failed(&text) ? NULL : arena_strdup(a, strbuf_str(&text));
}
