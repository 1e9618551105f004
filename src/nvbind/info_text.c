/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "nvbind/info.h"

#define CELL_BYTES 256
#define MEMORY_UNIT_BYTES ((uint64_t)1 << 20)

enum column {
	COLUMN_INDEX,
	COLUMN_NAME,
	COLUMN_PCI,
	COLUMN_MEMORY,
	COLUMN_DRIVER,
	COLUMN_STATE,
	COLUMN_NODES,
	COLUMN_COUNT,
};

/*
 * Bolt runs `nvbind info` and takes the number of times that "GPU" occurs in its output for the
 * number of GPUs. So in the plain form our own words hold those letters once in every GPU's row,
 * in the first column, and nowhere else. A name that holds them ("Laptop GPU") is shown as it is.
 */
static const char *const headings[COLUMN_COUNT] = {
	"INDEX",
	"NAME",
	"PCI ADDRESS",
	"MEMORY",
	"DRIVER",
	"STATE",
	"NODES",
};

struct row {
	char *cells[COLUMN_COUNT];
};

struct table {
	struct arena *arena;
	struct row_list VEC(struct row) rows;
	bool failed;
};

static struct row *add_row(struct table *t)
{
	struct row *row = vec_push(t->arena, &t->rows);

	if (!row)
		t->failed = true;
	return row;
}

/* A cell of untrusted text; NULL is a dash. */
static void set_cell(struct table *t, struct row *row, enum column column, const char *text)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(5 * CELL_BYTES);

	if (!row)
		return;
	strbuf_escaped_add(&b, text && text[0] ? text : "-", CELL_BYTES);
	row->cells[column] = arena_strdup(t->arena, strbuf_str(&b));
	if (!row->cells[column] || strbuf_failed(&b))
		t->failed = true;
}

static void set_memory(struct table *t, struct row *row, uint64_t bytes)
{
	char text[32];

	(void)snprintf(
		text, sizeof(text), "%llu MiB", (unsigned long long)(bytes / MEMORY_UNIT_BYTES));
	set_cell(t, row, COLUMN_MEMORY, bytes ? text : NULL);
}

static void set_nodes(struct table *t, struct row *row, const struct gpu_node_list *nodes)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(CELL_BYTES);

	vec_foreach (const struct gpu_node, n, nodes)
		if (n->node.exists)
			strbuf_printf(&b, "%s%s", b.length ? " " : "", n->node.path);
	set_cell(t, row, COLUMN_NODES, strbuf_failed(&b) ? "many" : strbuf_str(&b));
}

static void add_partition(struct table *t, const struct gpu *gpu, const struct gpu_partition *p)
{
	struct row *row = add_row(t);
	char index[32];

	(void)snprintf(index, sizeof(index), "  %u:%u", gpu->index, p->index);
	set_cell(t, row, COLUMN_INDEX, index);
	set_cell(t, row, COLUMN_NAME, p->profile);
	set_cell(t, row, COLUMN_PCI, "");
	set_memory(t, row, p->memory_bytes);
	set_cell(t, row, COLUMN_DRIVER, gpu->driver);
	set_cell(t, row, COLUMN_STATE, gpu_state_name(gpu->state));
	set_nodes(t, row, &p->nodes);
}

static void add_gpu(struct table *t, const struct gpu *gpu)
{
	struct row *row = add_row(t);
	char index[32];

	(void)snprintf(index, sizeof(index), "GPU %u", gpu->index);
	set_cell(t, row, COLUMN_INDEX, index);
	set_cell(t, row, COLUMN_NAME, gpu->name);
	set_cell(t, row, COLUMN_PCI, gpu->pci_address);
	set_memory(t, row, gpu->memory_bytes);
	set_cell(t, row, COLUMN_DRIVER, gpu->driver);
	set_cell(t, row, COLUMN_STATE, gpu_state_name(gpu->state));
	set_nodes(t, row, &gpu->nodes);
	vec_foreach (const struct gpu_partition, p, &gpu->partitions)
		add_partition(t, gpu, p);
}

static void print_row(const char *const cells[COLUMN_COUNT], const size_t widths[COLUMN_COUNT],
	struct strbuf *out)
{
	for (int c = 0; c < COLUMN_COUNT; c++) {
		if (c + 1 < COLUMN_COUNT)
			strbuf_printf(out, "%-*s  ", (int)widths[c], cells[c]);
		else
			strbuf_printf(out, "%s\n", cells[c]);
	}
}

static void print_table(const struct table *t, struct strbuf *out)
{
	size_t widths[COLUMN_COUNT];

	for (int c = 0; c < COLUMN_COUNT; c++) {
		widths[c] = strlen(headings[c]);
		vec_foreach (const struct row, row, &t->rows)
			if (strlen(row->cells[c]) > widths[c])
				widths[c] = strlen(row->cells[c]);
	}
	print_row(headings, widths, out);
	vec_foreach (const struct row, row, &t->rows)
		print_row((const char *const *)row->cells, widths, out);
}

static void print_driver(const struct gpu_driver *d, struct strbuf *out)
{
	strbuf_str_add(out, "Driver: ");
	strbuf_escaped_add(out, d->name, CELL_BYTES);
	strbuf_char_add(out, ' ');
	strbuf_escaped_add(out, d->version ? d->version : "-", CELL_BYTES);
	if (d->flavor)
		strbuf_printf(out, " (%s)", d->flavor);
	if (d->brings_user_space && !d->files.n)
		strbuf_str_add(out, ", its files are not installed");
	else if (d->files_version && d->version && strcmp(d->files_version, d->version) != 0) {
		strbuf_str_add(out, ", but its files are of version ");
		strbuf_escaped_add(out, d->files_version, CELL_BYTES);
	}
	strbuf_char_add(out, '\n');
}

static void print_nodes(const char *label, const struct gpu_node_list *nodes, struct strbuf *out)
{
	if (!nodes->n)
		return;
	strbuf_printf(out, "  %s:\n", label);
	vec_foreach (const struct gpu_node, n, nodes) {
		strbuf_str_add(out, "    ");
		strbuf_escaped_add(out, n->node.path, CELL_BYTES);
		if (n->node.type)
			strbuf_printf(out, " %c %u:%u", n->node.type, n->node.major, n->node.minor);
		if (!n->node.exists)
			strbuf_str_add(out, " (missing)");
		strbuf_char_add(out, '\n');
	}
}

static void print_value(const char *label, const char *value, struct strbuf *out)
{
	strbuf_printf(out, "  %s: ", label);
	strbuf_escaped_add(out, value && value[0] ? value : "-", CELL_BYTES);
	strbuf_char_add(out, '\n');
}

static void print_gpu_details(const struct gpu *gpu, struct strbuf *out)
{
	char numa[16];

	strbuf_printf(out, "\nGPU %u\n", gpu->index);
	print_value("uuid", gpu->uuid, out);
	print_value("compute capability", gpu->compute_capability, out);
	(void)snprintf(numa, sizeof(numa), "%d", gpu->numa_node);
	print_value("NUMA node", gpu->numa_node >= 0 ? numa : NULL, out);
	if (gpu->state_reason)
		print_value("not usable", gpu->state_reason, out);
	print_nodes("nodes", &gpu->nodes, out);
	vec_foreach (const struct gpu_partition, p, &gpu->partitions) {
		char label[32];

		(void)snprintf(label, sizeof(label), "partition %u:%u", gpu->index, p->index);
		print_value(label, p->uuid, out);
	}
}

static void print_driver_details(const struct gpu_driver *d, struct strbuf *out)
{
	strbuf_printf(out, "\nDriver %s\n", d->name);
	print_nodes("common nodes", &d->common_nodes, out);
	if (!d->files.n)
		return;
	strbuf_str_add(out, "  files:\n");
	vec_foreach (const struct driver_file, f, &d->files) {
		strbuf_str_add(out, "    ");
		strbuf_escaped_add(out, f->host_path, 4 * CELL_BYTES);
		strbuf_char_add(out, '\n');
	}
}

int info_format_text(const struct inventory *inv, bool drivers, bool detailed, struct strbuf *out,
	struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct table table = { .arena = arena };

	if (!arena)
		return NVB_OOM(err);
	vec_foreach (const struct gpu, gpu, &inv->gpus)
		add_gpu(&table, gpu);
	if (table.failed)
		return NVB_OOM(err);
	if (drivers) {
		vec_foreach (const struct gpu_driver, d, &inv->drivers)
			print_driver(d, out);
		if (!inv->drivers.n)
			strbuf_str_add(out, "Driver: -\n");
		strbuf_char_add(out, '\n');
	}
	if (table.rows.n)
		print_table(&table, out);
	else
		strbuf_str_add(out, "No graphics device found\n");
	if (!detailed)
		return 0;
	vec_foreach (const struct gpu, gpu, &inv->gpus)
		print_gpu_details(gpu, out);
	vec_foreach (const struct gpu_driver, d, &inv->drivers)
		print_driver_details(d, out);
	return 0;
}

void info_format_wsl_text(const struct inventory *inv, struct strbuf *out)
{
	const struct gpu_driver *driver = NULL;

	vec_foreach (const struct gpu_driver, d, &inv->drivers)
		if (d->vendor == GPU_VENDOR_WSL)
			driver = d;
	strbuf_printf(out, "WSL2: %s\n", driver ? "yes" : "no");
	if (!driver)
		return;
	print_driver(driver, out);
	print_driver_details(driver, out);
	vec_foreach (const struct gpu, gpu, &inv->gpus)
		if (gpu->vendor == GPU_VENDOR_WSL)
			print_gpu_details(gpu, out);
}
