/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver and GPUs, as text or as two tables of comma-separated values. What is not known is
 * "unknown" for people, and an empty field for programs.
 * Source: libnvidia-container 1.17, src/cli/info.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "gpu/requirement_facts.h"
#include "request/selector.h"
#include "runtime/cli.h"

#define NUMBER_BYTES	  16
#define FIELD_LIMIT_BYTES ((size_t)4096)

/* One GPU in the words of the output. */
struct row {
	char index[NUMBER_BYTES], minor[NUMBER_BYTES];
	const char *model, *brand, *uuid, *bus, *architecture;
};

static const struct column {
	const char *text_name, *csv_name;
	size_t offset;
	bool inside; /* the text is in the row; else the row points to it */
} columns[] = {
	{ "Device Index:", "Device Index", offsetof(struct row, index), true },
	{ "Device Minor:", "Device Minor", offsetof(struct row, minor), true },
	{ "Model:", "Model", offsetof(struct row, model), false },
	{ "Brand:", "Brand", offsetof(struct row, brand), false },
	{ "GPU UUID:", "GPU UUID", offsetof(struct row, uuid), false },
	{ "Bus Location:", "Bus Location", offsetof(struct row, bus), false },
	{ "Architecture:", "Architecture", offsetof(struct row, architecture), false },
};

/* As the original spells what images require in lower case. */
static const char *const brands[][2] = {
	{ "geforce", "GeForce" },
	{ "geforcertx", "GeForceRTX" },
	{ "nvidia", "Nvidia" },
	{ "nvidiartx", "NvidiaRTX" },
	{ "quadro", "Quadro" },
	{ "quadrortx", "QuadroRTX" },
	{ "tesla", "Tesla" },
	{ "titan", "Titan" },
	{ "titanrtx", "TitanRTX" },
};

static const char *spell_brand(const char *brand)
{
	for (size_t i = 0; brand && i < ELEMENTS(brands); i++)
		if (strcmp(brands[i][0], brand) == 0)
			return brands[i][1];
	return brand;
}

static int fill_row(const struct inventory *inv, const struct gpu *gpu, struct arena *a,
	struct row *row, struct nvb_error **err)
{
	struct gpu_requirement_facts facts = { 0 };

	(void)gpu_requirement_facts(inv, &gpu, 1, &facts);
	*row = (struct row){ .model = gpu->name,
		.uuid = gpu->uuid,
		.bus = gpu->pci_address,
		.brand = spell_brand(facts.brand),
		.architecture = gpu->compute_capability ? gpu->compute_capability
							: facts.compute_capability };
	(void)snprintf(row->index, sizeof(row->index), "%u", selector_index_in_kind(inv, gpu));
	if (gpu->minor >= 0)
		(void)snprintf(row->minor, sizeof(row->minor), "%d", gpu->minor);
	/* NVML's domains have eight digits. */
	if (row->bus && strcspn(row->bus, ":") == 4) {
		row->bus = arena_printf(a, "0000%s", row->bus);
		if (!row->bus)
			return NVB_OOM(err);
	}
	return 0;
}

static const char *field(const struct row *row, const struct column *column)
{
	const char *at = (const char *)row + column->offset;

	return column->inside ? at : *(const char *const *)(const void *)at;
}

/* Texts of the driver: no control byte gets through, and no comma may end a field. */
static void print_field(const char *text, const char *unknown, bool csv)
{
	_cleanup_(strbuf_done) struct strbuf clean = STRBUF_INIT(FIELD_LIMIT_BYTES * 4);

	strbuf_escaped_add(&clean, text && *text ? text : unknown, FIELD_LIMIT_BYTES);
	for (char *c = clean.data; csv && c && *c; c++)
		if (*c == ',')
			*c = ' ';
	fputs(strbuf_str(&clean), stdout);
}

static void print_csv(const struct row *row)
{
	for (size_t i = 0; i < ELEMENTS(columns); i++) {
		print_field(field(row, &columns[i]), "", true);
		(void)putchar(i + 1 < ELEMENTS(columns) ? ',' : '\n');
	}
}

static void print_text(const struct row *row)
{
	(void)putchar('\n');
	for (size_t i = 0; i < ELEMENTS(columns); i++) {
		printf("%-15s ", columns[i].text_name);
		print_field(field(row, &columns[i]), "unknown", false);
		(void)putchar('\n');
	}
}

static void print_driver(const struct cli_machine *machine, bool csv)
{
	const char *const unknown = csv ? "" : "unknown";
	struct gpu_requirement_facts facts = { 0 };

	(void)gpu_requirement_facts(machine->inv, NULL, 0, &facts);
	fputs(csv ? "NVRM version,CUDA version\n" : "NVRM version:   ", stdout);
	print_field(machine->driver->version, unknown, csv);
	fputs(csv ? "," : "\nCUDA version:   ", stdout);
	print_field(facts.cuda_version, unknown, csv);
	(void)putchar('\n');
	if (!csv)
		return;
	(void)putchar('\n');
	for (size_t i = 0; i < ELEMENTS(columns); i++)
		printf("%s%s", columns[i].csv_name, i + 1 < ELEMENTS(columns) ? "," : "\n");
}

int cli_info(const struct cli_options *options, struct arena *a, struct nvb_error **err)
{
	_cleanup_(cli_machine_done) struct cli_machine machine = CLI_MACHINE_INIT;
	int r = cli_machine_read(options, a, true, &machine, err);

	if (r < 0)
		return r;
	print_driver(&machine, options->csv);
	vec_foreach (struct gpu, gpu, &machine.inv->gpus) {
		struct row row;

		if (gpu->vendor != GPU_VENDOR_NVIDIA || gpu->state != GPU_USABLE)
			continue;
		r = fill_row(machine.inv, gpu, a, &row, err);
		if (r < 0)
			return r;
		(options->csv ? print_csv : print_text)(&row);
	}
	return 0;
}
