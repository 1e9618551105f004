/* SPDX-License-Identifier: Apache-2.0 */
/* The formats that nvbind reads and writes: config.json, CDI specifications, ld.so.cache. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "cdi/document.h"
#include "cdi/generate.h"
#include "format/json.h"
#include "format/ldcache.h"
#include "micro.h"
#include "oci/edit.h"

#define KIND		"nvidia.com/gpu"
#define HOOK		"/usr/libexec/nvbind-hook"
#define CONFIG_NAME	"config.json"
#define IMAGE_LIBRARIES 200 /* about what a distribution's image for CUDA has */

static int edit(struct json_object *config, const struct micro *m, struct micro_result *ret,
	struct nvb_error **err)
{
	struct string_list warnings = { 0 };
	const struct oci_edit_options options = {
		.keep_own = true,
		.root_fd = m->root_fd,
		.arena = ret->arena,
		.warnings = &warnings,
	};

	return oci_edit_plan_with(config, m->plan, &options, err);
}

/* In memory: parse, edit, write. */
static int edit_text(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const struct micro_text *text = &m->configs[variant];
	int r = json_parse(text->data, text->length, &ret->json, err);

	if (r >= 0)
		r = edit(ret->json, m, ret, err);
	return r < 0 ? r : json_format(ret->json, JSON_PLAIN, &ret->text, &ret->length, err);
}

static int write_config(const struct micro *m, size_t variant, struct nvb_error **err)
{
	const struct micro_text *text = &m->configs[variant];
	_cleanup_close_ int dir = open(m->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	errint_t e = dir < 0 ? -errno
			     : file_replace_at(dir, CONFIG_NAME, text->data, text->length, 0644);

	return e < 0 ? NVB_RAISE(err, NVB_ERR_IO, -e, "write '%s/%s'", m->scratch, CONFIG_NAME) : 0;
}

/* The same from file to file, as the runtime does it. */
static int edit_file(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	int r = bundle_open(m->scratch, CONFIG_NAME, &ret->bundle, err);

	(void)variant;
	if (r >= 0)
		r = edit(ret->bundle.config, m, ret, err);
	return r < 0 ? r : bundle_replace(&ret->bundle, err);
}

static int generate_spec(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const struct cdi_generate_options options = {
		.kind = KIND,
		.vendor = GPU_VENDOR_NVIDIA,
		.capabilities = CAPABILITY_ALL,
		.names = CDI_NAME_ANY,
		.all_device = true,
		.hook_path = HOOK,
	};
	struct string_list warnings = { 0 };

	(void)variant;
	return cdi_generate(m->inv, &options, &ret->spec, &warnings, err);
}

static int write_spec(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	return cdi_document_write(m->spec, (enum cdi_format)variant, &ret->text, &ret->length, err);
}

static int parse_spec(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const struct micro_text *text = variant == CDI_FORMAT_JSON ? &m->cdi_json : &m->cdi_yaml;

	return cdi_document_parse(
		text->data, text->length, (enum cdi_format)variant, NULL, &ret->spec, err);
}

static int write_cache(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const void *data;

	(void)variant;
	return ldcache_write(m->libraries, m->n_libraries, ret->arena, &data, &ret->length, err);
}

static int merge_cache(
	const struct micro *m, size_t variant, struct micro_result *ret, struct nvb_error **err)
{
	const void *data;

	(void)variant;
	return ldcache_merge(m->older_cache, m->older_cache_size, m->libraries, m->n_libraries,
		ret->arena, &data, &ret->length, err);
}

static int collect_libraries(struct micro *m, struct nvb_error **err)
{
	const struct driver_file_list *files = &m->inv->drivers.items[0].files;

	m->libraries = arena_alloc(m->arena, (files->n + 1) * sizeof(*m->libraries));
	if (!m->libraries)
		return NVB_OOM(err);
	vec_foreach (const struct driver_file, file, files)
		if (file->kind == DRIVER_FILE_LIBRARY && file->soname)
			m->libraries[m->n_libraries++] = (struct ldcache_library){
				.soname = file->soname,
				.path = file->host_path,
				.abi = file->elf_class == 32 ? LDCACHE_I386 : LDCACHE_X86_64,
			};
	return 0;
}

static int make_image_cache(struct micro *m, struct nvb_error **err)
{
	struct ldcache_library libraries[IMAGE_LIBRARIES];

	for (size_t i = 0; i < IMAGE_LIBRARIES; i++) {
		libraries[i] = (struct ldcache_library){
			.soname = arena_printf(m->arena, "libimage%zu.so.%zu", i, i % 9),
			.path = arena_printf(m->arena, "/usr/lib/libimage%zu.so.%zu", i, i % 9),
			.abi = LDCACHE_X86_64,
		};
		if (!libraries[i].soname || !libraries[i].path)
			return NVB_OOM(err);
	}
	return ldcache_write(
		libraries, IMAGE_LIBRARIES, m->arena, &m->older_cache, &m->older_cache_size, err);
}

int micro_formats_init(struct micro *m, struct nvb_error **err)
{
	struct micro_result made = { 0 };
	int r = generate_spec(m, 0, &made, err);

	if (r >= 0 && !made.spec)
		r = NVB_RAISE(err, NVB_ERR_NO_GPU, 0, "make a specification of '%s'", m->host);
	if (r < 0)
		return r;
	m->spec = made.spec;
	m->spec->version = cdi_spec_minimum_version(m->spec);
	r = cdi_document_write(
		m->spec, CDI_FORMAT_JSON, &m->cdi_json.data, &m->cdi_json.length, err);
	if (r >= 0)
		r = cdi_document_write(
			m->spec, CDI_FORMAT_YAML, &m->cdi_yaml.data, &m->cdi_yaml.length, err);
	if (r >= 0)
		r = collect_libraries(m, err);
	return r < 0 ? r : make_image_cache(m, err);
}

/* Of every configuration, in memory and from file to file. */
static size_t edit_steps(const struct micro *m, struct micro_step *steps)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_configs; i++) {
		const size_t kb = (m->configs[i].length + 500) / 1000;

		steps[n++] = (struct micro_step){
			.key = arena_printf(m->arena, "edit_%zukB", kb),
			.name = arena_printf(
				m->arena, "edit a config.json of %zu kB, text to text", kb),
			.run = edit_text,
			.variant = i,
		};
		steps[n++] = (struct micro_step){
			.key = arena_printf(m->arena, "edit_file_%zukB", kb),
			.name = arena_printf(
				m->arena, "edit a config.json of %zu kB, file to file", kb),
			.run = edit_file,
			.prepare = write_config,
			.variant = i,
		};
	}
	return n;
}

size_t micro_formats_steps(const struct micro *m, struct micro_step *steps)
{
	const struct micro_step table[] = {
		{ "cdi_generate", "inventory to a CDI specification", .run = generate_spec },
		{ "cdi_write_json", "write it as JSON", .run = write_spec,
			.variant = CDI_FORMAT_JSON },
		{ "cdi_parse_json", "parse and validate it from JSON", .run = parse_spec,
			.variant = CDI_FORMAT_JSON },
		{ "cdi_parse_yaml", "parse and validate it from YAML", .run = parse_spec,
			.variant = CDI_FORMAT_YAML },
		{ "ldcache_write", "write an ld.so.cache of the driver's libraries",
			.run = write_cache },
		{ "ldcache_merge", "the same behind an image's cache of 200 entries",
			.run = merge_cache },
	};
	size_t n = edit_steps(m, steps);

	memcpy(steps + n, table, sizeof(table));
	return n + ELEMENTS(table);
}
