/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json.h"
#include "nvbind/info.h"

struct machine {
	struct arena *arena;
	struct inventory inv;
};

static struct gpu *add_gpu(struct machine *m, enum gpu_vendor vendor, const char *driver)
{
	struct gpu *gpu = vec_push(m->arena, &m->inv.gpus);

	assert_non_null(gpu);
	gpu->index = (unsigned)(m->inv.gpus.n - 1);
	gpu->vendor = vendor;
	gpu->driver = driver;
	gpu->numa_node = -1;
	return gpu;
}

static void add_node(struct machine *m, struct gpu_node_list *list, const char *path, bool exists)
{
	struct gpu_node *n = vec_push(m->arena, list);

	assert_non_null(n);
	n->node.path = path;
	n->node.exists = exists;
}

static struct gpu_driver *add_driver(struct machine *m, enum gpu_vendor vendor, const char *name)
{
	struct gpu_driver *d = vec_push(m->arena, &m->inv.drivers);

	assert_non_null(d);
	d->vendor = vendor;
	d->name = name;
	return d;
}

/* A known GPU with a partition, one of which all is unknown, and one that is lost. */
static int setup(void **state)
{
	struct arena *arena = arena_new();
	struct machine *m = arena_new_object(arena, struct machine);
	struct gpu_partition *p;
	struct gpu_driver *d;
	struct gpu *gpu;

	m->arena = arena;
	d = add_driver(m, GPU_VENDOR_NVIDIA, "nvidia");
	d->version = d->files_version = "550.163.01";
	d->flavor = "open";
	d->brings_user_space = true;
	assert_non_null(vec_push(arena, &d->files));
	d->files.items[0].host_path = "/usr/lib/libcuda.so.550.163.01";
	gpu = add_gpu(m, GPU_VENDOR_NVIDIA, "nvidia");
	gpu->name = "Data Center GPU\033[31m GPU";
	gpu->uuid = "GPU-5e1f0000-1111-2222-3333-444444444444";
	gpu->pci_address = "0000:1b:00.0";
	gpu->memory_bytes = (uint64_t)81559 << 20;
	gpu->compute_capability = "9.0";
	gpu->render_node = "/dev/dri/renderD128";
	gpu->numa_node = 0;
	add_node(m, &gpu->nodes, "/dev/nvidia0", true);
	add_node(m, &gpu->nodes, "/dev/nvidia-absent", false);
	p = vec_push(arena, &gpu->partitions);
	assert_non_null(p);
	p->gi = 3;
	p->ci = -1;
	p->profile = "1g.10gb";
	(void)add_gpu(m, GPU_VENDOR_AMD, NULL);
	gpu = add_gpu(m, GPU_VENDOR_NVIDIA, "nvidia");
	gpu->state = GPU_LOST;
	gpu->state_reason = "fell off the bus";
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	arena_free(m->arena);
	return 0;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

/* Bolt counts the letters to count the GPUs; a name is shown as it is all the same. */
static void test_text_names_each_gpu_once(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(INFO_TEXT_BYTES);
	struct machine *m = *state;

	assert_int_equal(info_format_text(&m->inv, true, false, &text, NULL), 0);
	assert_int_equal(count(strbuf_str(&text), "GPU"), 3 + count(m->inv.gpus.items[0].name, "GPU"));
	assert_non_null(strstr(strbuf_str(&text), "Driver: nvidia 550.163.01 (open)\n"));
	assert_non_null(strstr(strbuf_str(&text), "81559 MiB"));
	assert_non_null(strstr(strbuf_str(&text), "\n  0:0  1g.10gb"));
	assert_null(strstr(strbuf_str(&text), "/dev/nvidia-absent"));
	assert_null(strchr(strbuf_str(&text), '\033'));
}

static void test_empty_text(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(INFO_TEXT_BYTES);
	const struct inventory empty = { 0 };

	(void)state;
	assert_int_equal(info_format_text(&empty, true, true, &text, NULL), 0);
	assert_int_equal(count(strbuf_str(&text), "GPU"), 0);
	assert_string_equal(strbuf_str(&text), "Driver: -\n\nNo graphics device found\n");
}

static void test_detailed_text(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(INFO_TEXT_BYTES);
	struct machine *m = *state;

	assert_int_equal(info_format_text(&m->inv, true, true, &text, NULL), 0);
	assert_non_null(
		strstr(strbuf_str(&text), "uuid: GPU-5e1f0000-1111-2222-3333-444444444444"));
	assert_non_null(strstr(strbuf_str(&text), "/dev/nvidia-absent (missing)"));
	assert_non_null(strstr(strbuf_str(&text), "not usable: fell off the bus"));
	assert_non_null(strstr(strbuf_str(&text), "/usr/lib/libcuda.so.550.163.01"));
}

static struct json_object *parse(const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_object *root = NULL;

	if (json_parse(text, strlen(text), &root, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return root;
}

/* The member as JSON text; "absent" if there is none. */
static const char *member(struct json_object *o, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value))
		return "absent";
	return json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void test_json(void **state)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	struct machine *m = *state;
	struct json_object *gpus, *gpu, *partition;
	static const char *const unknown[] = { "name", "uuid", "pci_address", "memory_mb", "driver",
		"render_node", "compute_capability", "numa_node", "state_reason" };

	assert_int_equal(info_format_json(&m->inv, &text, NULL), 0);
	root = parse(text);
	gpu = json_object_object_get(root, "driver");
	assert_string_equal(member(gpu, "vendor"), "\"nvidia\"");
	assert_string_equal(member(gpu, "version"), "\"550.163.01\"");
	assert_string_equal(member(gpu, "flavor"), "\"open\"");
	gpus = json_object_object_get(root, "gpus");
	assert_int_equal(json_object_array_length(gpus), 3);

	gpu = json_object_array_get_idx(gpus, 0);
	assert_string_equal(member(gpu, "index"), "0");
	assert_string_equal(member(gpu, "id"), "\"gpu0\"");
	assert_string_equal(member(gpu, "memory_mb"), "81559");
	assert_string_equal(member(gpu, "nodes"), "[\"/dev/nvidia0\"]");
	assert_string_equal(member(gpu, "render_node"), "\"/dev/dri/renderD128\"");
	assert_string_equal(member(gpu, "numa_node"), "0");
	partition = json_object_array_get_idx(json_object_object_get(gpu, "mig"), 0);
	assert_string_equal(member(partition, "id"), "\"0:0\"");
	assert_string_equal(member(partition, "gi"), "3");
	assert_string_equal(member(partition, "ci"), "null");
	assert_string_equal(member(partition, "uuid"), "null");
	assert_string_equal(member(partition, "memory_mb"), "null");

	gpu = json_object_array_get_idx(gpus, 1);
	for (size_t i = 0; i < ELEMENTS(unknown); i++)
		assert_string_equal(member(gpu, unknown[i]), "null");
	assert_string_equal(member(gpu, "nodes"), "[]");
	assert_string_equal(member(gpu, "mig"), "[]");
}

static void test_empty_json(void **state)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	const struct inventory empty = { 0 };

	(void)state;
	assert_int_equal(info_format_json(&empty, &text, NULL), 0);
	root = parse(text);
	assert_string_equal(member(root, "driver"), "null");
	assert_string_equal(member(root, "gpus"), "[]");
}

/* Exactly the members that Bolt reads. */
static void test_gpus_json(void **state)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	struct machine *m = *state;
	struct json_object *gpu;

	assert_int_equal(info_format_gpus_json(&m->inv, &text, NULL), 0);
	root = parse(text);
	assert_true(json_object_is_type(root, json_type_array));
	assert_int_equal(json_object_array_length(root), 3);
	gpu = json_object_array_get_idx(root, 0);
	assert_int_equal(json_object_object_length(gpu), 6);
	assert_string_equal(member(gpu, "id"), "\"gpu0\"");
	assert_string_equal(member(gpu, "memory_mb"), "81559");
	assert_string_equal(member(gpu, "compute_capability"), "\"9.0\"");
	assert_string_equal(member(gpu, "driver_version"), "\"550.163.01\"");
	assert_string_equal(member(gpu, "uuid"), "\"GPU-5e1f0000-1111-2222-3333-444444444444\"");
	gpu = json_object_array_get_idx(root, 1);
	assert_string_equal(member(gpu, "driver_version"), "null");
}

static void test_wsl(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(INFO_TEXT_BYTES);
	_cleanup_(json_putp) struct json_object *root = NULL, *other = NULL;
	_cleanup_free_ char *json = NULL, *other_json = NULL;
	struct machine *m = *state;

	info_format_wsl_text(&m->inv, &text);
	assert_string_equal(strbuf_str(&text), "WSL2: no\n");
	assert_int_equal(info_format_wsl_json(&m->inv, &json, NULL), 0);
	root = parse(json);
	assert_string_equal(member(root, "wsl2"), "false");
	assert_string_equal(member(root, "gpus"), "[]");

	(void)add_driver(m, GPU_VENDOR_WSL, "dxg");
	(void)add_gpu(m, GPU_VENDOR_WSL, "dxg");
	strbuf_truncate(&text, 0);
	info_format_wsl_text(&m->inv, &text);
	assert_memory_equal(strbuf_str(&text), "WSL2: yes\n", 10);
	assert_int_equal(info_format_wsl_json(&m->inv, &other_json, NULL), 0);
	other = parse(other_json);
	assert_string_equal(member(other, "wsl2"), "true");
	assert_int_equal(json_object_array_length(json_object_object_get(other, "gpus")), 1);
}

static void test_driver_works(void **state)
{
	struct machine *m = *state;
	struct gpu_driver *d = &m->inv.drivers.items[0];
	const char *reason;

	assert_true(info_driver_works(&m->inv, &m->inv.gpus.items[0], &reason));
	assert_null(reason);
	assert_false(info_driver_works(&m->inv, &m->inv.gpus.items[1], &reason));
	assert_string_equal(reason, "no driver");
	assert_false(info_driver_works(&m->inv, &m->inv.gpus.items[2], &reason));
	assert_string_equal(reason, "fell off the bus");
	d->files_version = "535.183.01";
	assert_false(info_driver_works(&m->inv, &m->inv.gpus.items[0], &reason));
	assert_non_null(strstr(reason, "another version"));
	d->files.n = 0;
	assert_false(info_driver_works(&m->inv, &m->inv.gpus.items[0], &reason));
	assert_non_null(strstr(reason, "not installed"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_text_names_each_gpu_once),
		TEST(test_empty_text),
		TEST(test_detailed_text),
		TEST(test_json),
		TEST(test_empty_json),
		TEST(test_gpus_json),
		TEST(test_wsl),
		TEST(test_driver_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
