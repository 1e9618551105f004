/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time tool: what is installed beside the program and comes from its tables.
 *
 *	generate man PROSE OUTPUT
 *	generate completion SHELL OUTPUT
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "nvbind/help.h"

static int write_output(const char *path, const struct strbuf *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (strbuf_failed(text) || fd < 0)
		return -1;
	return file_write_fd(fd, strbuf_str(text), text->length);
}

int main(int argc, char **argv)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);
	_cleanup_free_ char *prose = NULL;
	_cleanup_close_ int fd = -1;

	if (argc != 4)
		return 2;
	if (strcmp(argv[1], "man") == 0) {
		fd = open(argv[2], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || file_read_fd(fd, HELP_TEXT_BYTES, &prose, NULL) < 0)
			return 1;
		man_format(prose, &text);
	} else if (!completion_format(argv[2], &text)) {
		return 2;
	}
	return write_output(argv[3], &text) < 0;
}
