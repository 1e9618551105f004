/* SPDX-License-Identifier: Apache-2.0 */
#include "model/gguf_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "model/gguf.h"

uint64_t gguf_reader_left(const struct gguf_reader *r)
{
	return r->size - r->position;
}

static int check(
	const struct gguf_reader *r, uint64_t length, const char *what, struct nvb_error **err)
{
	if (length > gguf_reader_left(r))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"%s at byte %llu: it goes beyond the end of the file", what,
			(unsigned long long)r->position);
	if (r->position + length > GGUF_HEADER_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "%s at byte %llu: the header is too large",
			what, (unsigned long long)r->position);
	return 0;
}

static int fill(struct gguf_reader *r, const char *what, struct nvb_error **err)
{
	ssize_t n;

	do
		n = pread(r->fd, r->window, GGUF_WINDOW_BYTES, (off_t)r->position);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "read %s", what);
	if (n == 0)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "%s: the file has become shorter", what);
	r->window_start = r->position;
	r->window_length = (size_t)n;
	return 0;
}

int gguf_reader_bytes(struct gguf_reader *r, void *buffer, size_t length, const char *what,
	struct nvb_error **err)
{
	unsigned char *to = buffer;
	int status = check(r, length, what, err);

	while (status >= 0 && length) {
		uint64_t from = r->position - r->window_start;
		size_t n;

		if (r->position < r->window_start || from >= r->window_length) {
			status = fill(r, what, err);
			continue;
		}
		n = r->window_length - (size_t)from;
		if (n > length)
			n = length;
		memcpy(to, r->window + from, n);
		to += n;
		length -= n;
		r->position += n;
	}
	return status;
}

int gguf_reader_skip(
	struct gguf_reader *r, uint64_t length, const char *what, struct nvb_error **err)
{
	int status = check(r, length, what, err);

	if (status >= 0)
		r->position += length;
	return status;
}

static int read_number(
	struct gguf_reader *r, size_t size, uint64_t *ret, const char *what, struct nvb_error **err)
{
	unsigned char bytes[8];
	int status = gguf_reader_bytes(r, bytes, size, what, err);

	if (status < 0)
		return status;
	*ret = 0;
	for (size_t i = 0; i < size; i++)
		*ret |= (uint64_t)bytes[i] << (8 * i);
	return 0;
}

int gguf_reader_u32(struct gguf_reader *r, uint32_t *ret, const char *what, struct nvb_error **err)
{
	uint64_t value;
	int status = read_number(r, 4, &value, what, err);

	if (status >= 0)
		*ret = (uint32_t)value;
	return status;
}

int gguf_reader_u64(struct gguf_reader *r, uint64_t *ret, const char *what, struct nvb_error **err)
{
	return read_number(r, 8, ret, what, err);
}

int gguf_reader_count(struct gguf_reader *r, uint64_t least_bytes, uint64_t *ret, const char *what,
	struct nvb_error **err)
{
	uint64_t at = r->position;
	int status = gguf_reader_u64(r, ret, what, err);

	if (status < 0 || *ret <= gguf_reader_left(r) / least_bytes)
		return status;
	return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
		"%s at byte %llu: the file claims %llu, and has %llu bytes left", what,
		(unsigned long long)at, (unsigned long long)*ret,
		(unsigned long long)gguf_reader_left(r));
}
