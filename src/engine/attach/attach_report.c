/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>

#include "base/number.h"
#include "base/strbuf.h"
#include "engine/attach/attach_steps.h"

#define REPORT_LIMIT_BYTES ((size_t)64 << 10)
#define STATUS_MAX	   9999

/* "STATUS\0MESSAGE\0HINT\0", or "0\0\0\0" for success. */
void attach_report_send(int fd, int status, const struct nvb_error *error)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(REPORT_LIMIT_BYTES);
	const char *hint = error ? nvb_error_get_hint(error) : NULL;

	strbuf_printf(&text, "%d", status < 0 ? -status : 0);
	strbuf_char_add(&text, '\0');
	strbuf_str_add(&text, error ? nvb_error_message(error) : "");
	strbuf_char_add(&text, '\0');
	strbuf_str_add(&text, hint ? hint : "");
	strbuf_char_add(&text, '\0');
	if (!strbuf_failed(&text))
		(void)send(fd, text.data, text.length, MSG_NOSIGNAL);
}

/* The next of the texts in [*at, end), or NULL. */
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at;
	size_t length = strnlen(text, (size_t)(end - text));

	if (text + length == end)
		return NULL;
	*at = text + length + 1;
	return text;
}

int attach_report_receive(int fd, struct nvb_error **err)
{
	_cleanup_free_ char *report = malloc(REPORT_LIMIT_BYTES);
	const char *at = report, *status_text, *message, *hint;
	uint64_t status = 0;
	ssize_t n;
	int r;

	if (!report)
		return NVB_OOM(err);
	n = recv(fd, report, REPORT_LIMIT_BYTES, 0);
	if (n <= 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, 0,
			"give the container its GPUs: the process that does it ended early");
	status_text = next_text(&at, report + n);
	message = status_text ? next_text(&at, report + n) : NULL;
	hint = message ? next_text(&at, report + n) : NULL;
	if (!hint || at != report + n || !number_parse(status_text, STATUS_MAX, &status))
		return NVB_RAISE(err, NVB_ERR_FAILED, 0,
			"give the container its GPUs: the process that does it reports nonsense");
	if (status == 0)
		return 0;
	r = NVB_RAISE(err, -(int)status, 0, "%s", message);
	return *hint ? NVB_HINT(err, r, "%s", hint) : r;
}
