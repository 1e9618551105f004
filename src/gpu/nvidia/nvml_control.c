/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/nvml_control.h"

#include <string.h>

#include "base/number.h"
#include "base/spawn.h"
#include "gpu/nvidia/nvml_api.h"
#include "gpu/nvidia/nvml_enrich.h"

#define OWN_PROGRAM	 "/proc/self/exe"
#define TIMEOUT_MS	 20000
#define MAX_ANSWER_BYTES 4096
#define MAX_CODE	 10000

/* "failed FUNCTION CODE TEXT" */
static int raise_failed(const char *text, struct nvb_error **err)
{
	static const struct {
		unsigned code;
		int status;
	} meanings[] = {
		{ NVML_ERROR_NOT_SUPPORTED, NVB_ERR_UNSUPPORTED },
		{ NVML_ERROR_NO_PERMISSION, NVB_ERR_PERMISSION },
		{ NVML_ERROR_NOT_FOUND, NVB_ERR_NOT_FOUND },
		{ NVML_ERROR_IN_USE, NVB_ERR_BUSY },
	};
	const char *code = strchr(text, ' ');
	uint64_t number = 0;
	int status = NVB_ERR_DRIVER;

	if (code && number_parse_n(code + 1, strcspn(code + 1, " "), MAX_CODE, &number))
		for (size_t i = 0; i < ELEMENTS(meanings); i++)
			if (number == meanings[i].code)
				status = meanings[i].status;
	return NVB_RAISE(err, status, 0, "NVML: %s", text);
}

static bool take_prefix(const char **text, const char *prefix)
{
	if (strncmp(*text, prefix, strlen(prefix)) != 0)
		return false;
	*text += strlen(prefix);
	return true;
}

static int read_answer(char *text, uint64_t *ret_number, struct nvb_error **err)
{
	const char *at = text;
	uint64_t number = 0;
	size_t length = strcspn(text, "\n");

	if (strcmp(text + length, "\n") != 0)
		return NVB_RAISE(err, NVB_ERR_DRIVER, 0, "NVML's worker ended without an answer");
	text[length] = '\0';
	if (take_prefix(&at, "failed "))
		return raise_failed(at, err);
	if (take_prefix(&at, "missing "))
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "NVML has no '%s'", at);
	if (!take_prefix(&at, "ok") ||
		(*at && (*at != ' ' || !number_parse(at + 1, UINT64_MAX, &number))))
		return NVB_RAISE(err, NVB_ERR_DRIVER, 0, "NVML's worker answered with nonsense");
	if (ret_number)
		*ret_number = number;
	return 0;
}

static int ask(
	const char *library, const char *const *words, uint64_t *ret_number, struct nvb_error **err)
{
	const char *argv[NVML_CONTROL_MAX_WORDS + 4] = { OWN_PROGRAM, CONTROL_WORKER_ARGUMENT,
		library };
	_cleanup_free_ char *text = NULL;
	struct spawn_exit status = { 0 };
	int r;

	for (size_t i = 0; words[i]; i++) {
		if (i == NVML_CONTROL_MAX_WORDS)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "too many words for NVML's worker");
		argv[i + 3] = words[i];
	}
	r = spawn_capture(
		&(struct spawn_capture_options){
			.argv = argv,
			.timeout_ms = TIMEOUT_MS,
			.limit_bytes = MAX_ANSWER_BYTES,
		},
		&text, &status, err);
	if (r < 0)
		return NVB_CONTEXT(err, r == NVB_ERR_NO_MEMORY ? r : NVB_ERR_DRIVER,
			"ask NVML to '%s'", words[0]);
	if (spawn_exit_code(status) != 0)
		return NVB_RAISE(err, NVB_ERR_DRIVER, 0, "NVML's worker ended with status %d",
			spawn_exit_code(status));
	r = read_answer(text, ret_number, err);
	return r < 0 ? NVB_CONTEXT(err, r, "%s", words[0]) : 0;
}

int nvml_control(const struct inventory *inv, const char *const *words, uint64_t *ret_number,
	struct nvb_error **err)
{
	_cleanup_free_ char *library = NULL, *why = NULL;
	int r = nvml_library_find(inv, GPU_VENDOR_NVIDIA, &library, &why, err);

	if (r < 0)
		return r;
	if (r == 0)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "load NVML: %s",
			why ? why : "the driver has no such library");
	return ask(library, words, ret_number, err);
}
