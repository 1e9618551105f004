/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/nvml_records.h"

#include <string.h>

#include "base/number.h"
#include "host/pci.h"

#define MAX_LINE_BYTES 512
#define MAX_NOTES 256
#define MAX_NAME_BYTES 95
#define MAX_INSTANCE_ID 4095
#define MAX_CAPABILITY 99
/* No GPU has a pebibyte: such a number is an error code or uninitialised memory. */
#define MAX_MEMORY_BYTES ((uint64_t)1 << 50)

struct parser {
	struct arena *arena;
	struct nvml_report report;
	struct nvml_gpu *gpu; /* the one that is open */
	struct nvml_mig *mig;
	unsigned line;
	bool started, ended;
};

static int refuse(const struct parser *p, const char *what, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "line %u of the report: %s", p->line, what);
}

static int keep(struct parser *p, const char **slot, const char *value, struct nvb_error **err)
{
	*slot = arena_strdup(p->arena, value);
	return *slot ? 0 : NVB_OOM(err);
}

static bool is_printable(const char *s)
{
	for (; *s; s++) {
		if (*s < ' ' || *s > '~')
			return false;
	}
	return true;
}

static int take_gpu(struct parser *p, const char *value, struct nvb_error **err)
{
	char address[13];

	if (!pci_address_normalize(value, address))
		return refuse(p, "it is no PCI address", err);
	if (p->report.gpus.n >= NVML_MAX_GPUS)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "more than %d GPUs", NVML_MAX_GPUS);
	vec_foreach (struct nvml_gpu, gpu, &p->report.gpus) {
		if (strcmp(gpu->pci_address, address) == 0)
			return refuse(p, "the GPU was there before", err);
	}
	p->gpu = vec_push(p->arena, &p->report.gpus);
	p->mig = NULL;
	return p->gpu ? keep(p, &p->gpu->pci_address, address, err) : NVB_OOM(err);
}

static int take_mig(struct parser *p, const char *value, struct nvb_error **err)
{
	size_t split = strcspn(value, " ");
	uint64_t gi, ci;

	if (!p->gpu)
		return refuse(p, "a MIG device without a GPU", err);
	if (!value[split] || !number_parse_n(value, split, MAX_INSTANCE_ID, &gi) ||
		!number_parse(value + split + 1, MAX_INSTANCE_ID, &ci))
		return refuse(p, "these are no instance ids", err);
	if (p->gpu->migs.n >= NVML_MAX_MIG_DEVICES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "more than %d MIG devices",
			NVML_MAX_MIG_DEVICES);
	p->mig = vec_push(p->arena, &p->gpu->migs);
	if (!p->mig)
		return NVB_OOM(err);
	*p->mig = (struct nvml_mig){ .gi = (int)gi, .ci = (int)ci };
	return 0;
}

/* "GPU-8f..", "MIG-8f..", and "MIG-GPU-8f../1/0" of drivers before 470. */
static int take_uuid(struct parser *p, const char *value, struct nvb_error **err)
{
	const char *prefix = p->mig ? "MIG-" : "GPU-";
	const char *rest = value + strlen(prefix);

	if (!p->gpu)
		return refuse(p, "a UUID without a GPU", err);
	if (strncmp(value, prefix, strlen(prefix)) != 0)
		return refuse(p, "it is no UUID", err);
	if (p->mig && strncmp(rest, "GPU-", 4) == 0)
		rest += 4;
	if (!*rest || strlen(value) > MAX_NAME_BYTES || rest[strspn(rest, "0123456789abcdef-/")])
		return refuse(p, "it is no UUID", err);
	return keep(p, p->mig ? &p->mig->uuid : &p->gpu->uuid, value, err);
}

/* A MIG device is called "NVIDIA A100-SXM4-40GB MIG 1g.5gb". */
static int take_name(struct parser *p, const char *value, struct nvb_error **err)
{
	const char *profile;

	if (!p->gpu)
		return refuse(p, "a name without a GPU", err);
	if (strlen(value) > MAX_NAME_BYTES)
		return refuse(p, "the name is too long", err);
	if (!p->mig)
		return keep(p, &p->gpu->name, value, err);
	profile = strstr(value, " MIG ");
	if (!profile || !profile[5] || strchr(profile + 5, ' '))
		return 0;
	return keep(p, &p->mig->profile, profile + 5, err);
}

static int take_memory(struct parser *p, const char *value, struct nvb_error **err)
{
	uint64_t bytes;

	if (!p->gpu)
		return refuse(p, "memory without a GPU", err);
	if (!number_parse(value, MAX_MEMORY_BYTES, &bytes) || !bytes)
		return refuse(p, "no GPU has this much memory", err);
	if (p->mig)
		p->mig->memory_bytes = bytes;
	else
		p->gpu->memory_bytes = bytes;
	return 0;
}

static int take_compute_capability(struct parser *p, const char *value, struct nvb_error **err)
{
	size_t dot = strcspn(value, ".");
	uint64_t major, minor;

	if (!p->gpu || p->mig)
		return refuse(p, "a compute capability without a GPU", err);
	if (!value[dot] || !number_parse_n(value, dot, MAX_CAPABILITY, &major) || !major ||
		!number_parse(value + dot + 1, MAX_CAPABILITY, &minor))
		return refuse(p, "it is no compute capability", err);
	return keep(p, &p->gpu->compute_capability, value, err);
}

static int take_note(struct parser *p, struct string_list *list, const char *value,
	struct nvb_error **err)
{
	const char *copy;

	if (list->n >= MAX_NOTES)
		return 0;
	copy = arena_strdup(p->arena, value);
	return copy && string_list_add(p->arena, list, copy) == 0 ? 0 : NVB_OOM(err);
}

static int take_missing(struct parser *p, const char *value, struct nvb_error **err)
{
	return take_note(p, &p->report.missing, value, err);
}

static int take_failed(struct parser *p, const char *value, struct nvb_error **err)
{
	return take_note(p, &p->report.failures, value, err);
}

static int take_header(struct parser *p, const char *value, struct nvb_error **err)
{
	if (p->started || strcmp(value, NVML_RECORDS_VERSION) != 0)
		return refuse(p, "its version is not known", err);
	p->started = true;
	return 0;
}

static int take_end(struct parser *p, const char *value, struct nvb_error **err)
{
	if (*value)
		return refuse(p, "text behind the end", err);
	p->ended = true;
	return 0;
}

static int take_line(struct parser *p, char *line, struct nvb_error **err)
{
	static const struct {
		const char *key;
		int (*take)(struct parser *p, const char *value, struct nvb_error **err);
	} records[] = {
		{ NVML_KEY_HEADER, take_header },
		{ NVML_KEY_MISSING, take_missing },
		{ NVML_KEY_FAILED, take_failed },
		{ NVML_KEY_GPU, take_gpu },
		{ NVML_KEY_MIG, take_mig },
		{ NVML_KEY_UUID, take_uuid },
		{ NVML_KEY_NAME, take_name },
		{ NVML_KEY_MEMORY, take_memory },
		{ NVML_KEY_COMPUTE_CAPABILITY, take_compute_capability },
		{ NVML_KEY_END, take_end },
	};
	char *value = line + strcspn(line, " ");

	if (*value)
		*value++ = '\0';
	if (!is_printable(line) || !is_printable(value))
		return refuse(p, "it is not plain text", err);
	if (p->ended)
		return refuse(p, "a line behind the end", err);
	if (p->started == (strcmp(line, NVML_KEY_HEADER) == 0))
		return refuse(p, "the report does not start with its version", err);
	for (size_t i = 0; i < ELEMENTS(records); i++) {
		if (strcmp(line, records[i].key) == 0)
			return records[i].take(p, value, err);
	}
	return refuse(p, "the key is not known", err);
}

int nvml_records_parse(const char *text, struct arena *a, struct nvml_report *ret,
	struct nvb_error **err)
{
	struct parser p = { .arena = a };

	while (*text) {
		size_t length = strcspn(text, "\n");
		char line[MAX_LINE_BYTES];
		int r;

		p.line++;
		if (!text[length])
			return refuse(&p, "it is cut off", err);
		if (length >= sizeof(line))
			return refuse(&p, "it is too long", err);
		memcpy(line, text, length);
		line[length] = '\0';
		r = take_line(&p, line, err);
		if (r < 0)
			return r;
		text += length + 1;
	}
	if (!p.ended)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "the report ends after %u lines", p.line);
	*ret = p.report;
	return 0;
}
