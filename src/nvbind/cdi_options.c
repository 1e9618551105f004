/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/cdi_options.h"

#include <string.h>
#include <sys/stat.h>

#include "cdi/generate.h"
#include "cdi/hook_arguments.h"
#include "nvbind/sibling.h"

#define PATH_BYTES  4096
#define BOLT_PREFIX "bolt-"

/* Removes "." and empty components, and those that ".." takes back. Links are not followed. */
static void normalize(char *path)
{
	char *out = path;

	for (const char *in = path; *in;) {
		const char *name = in + strspn(in, "/");
		size_t length = strcspn(name, "/");

		in = name + length;
		if (!length || (length == 1 && name[0] == '.'))
			continue;
		if (length == 2 && memcmp(name, "..", 2) == 0) {
			while (out > path && *--out != '/')
				;
			continue;
		}
		*out++ = '/';
		memmove(out, name, length);
		out += length;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

const char *cdi_absolute_path(struct arena *a, const char *path)
{
	char directory[PATH_BYTES];
	char *absolute;

	if (path[0] == '/')
		absolute = arena_strdup(a, path);
	else if (getcwd(directory, sizeof(directory)))
		absolute = arena_printf(a, "%s/%s", directory, path);
	else
		return NULL;
	if (absolute)
		normalize(absolute);
	return absolute;
}

static int set_path(
	struct cdi_options *o, const char **place, const char *value, struct nvb_error **err)
{
	*place = cdi_absolute_path(o->arena, value);
	return *place ? 0 : NVB_OOM(err);
}

/* A name that ends as a file's does, and is no directory: "gpu.yml". "DIR.d/" is one. */
static bool looks_like_file(const char *value)
{
	const char *name = path_base_name(value), *dot = strrchr(name, '.');
	struct stat st;

	if (!dot || dot == name || !dot[1] || strcmp(name, "..") == 0)
		return false;
	return stat(value, &st) < 0 || !S_ISDIR(st.st_mode);
}

static int set_directory(struct cdi_options *o, const char *value, struct nvb_error **err)
{
	if (!looks_like_file(value))
		return set_path(o, &o->directory, value, err);
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'--output %.256s': the name of a CDI file ends in .json or .yaml", value),
		"if it is to be a directory, write '%.256s/'", value);
}

static int set_output(struct cdi_options *o, const char *value, struct nvb_error **err)
{
	enum cdi_format format;

	if (!value[0])
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'--output' needs a directory, a file or '-'");
	o->directory = o->file = NULL;
	o->to_stdout = strcmp(value, "-") == 0;
	if (o->to_stdout)
		return 0;
	if (!cdi_format_of_path(value, &format))
		return set_directory(o, value, err);
	if (!o->has_format)
		o->base.format = format;
	return set_path(o, &o->file, value, err);
}

static int set_profile(struct cdi_options *o, const char *value, struct nvb_error **err)
{
	int profile, r = vocabulary_parse(&vocabulary_profile, value, &profile, err);

	if (r < 0 && err && !nvb_error_get_hint(*err))
		return NVB_HINT(err, r,
			"'" BOLT_PREFIX "gaming' and '" BOLT_PREFIX
			"ai-ml' make only the specification of kind gpu-bolt");
	if (r < 0)
		return r;
	o->bolt_only = strncmp(value, BOLT_PREFIX, strlen(BOLT_PREFIX)) == 0;
	o->base.profile = vocabulary_name(&vocabulary_profile, profile);
	o->base.data_companions = false;
	switch ((enum workload_profile)profile) {
	case PROFILE_DEFAULT:
	case PROFILE_SHARED:
		o->base.profile = NULL;
		break;
	case PROFILE_GAMING:
		break;
	case PROFILE_AI_ML:
		o->base.data_companions = true;
		break;
	}
	return 0;
}

/* What the spec's containers will ask for is not known: all there is, but the 32-bit set, which
 * few need and which doubles the mounts. */
static capability_set capabilities_of(const struct cdi_options *o)
{
	int profile = PROFILE_DEFAULT;

	if (!o->base.profile ||
		vocabulary_parse(&vocabulary_profile, o->base.profile, &profile, NULL) < 0)
		return CAPABILITY_ALL & ~(capability_set)CAPABILITY_COMPAT32;
	return profile_capabilities((enum workload_profile)profile);
}

static unsigned name_strategy(const char *word)
{
	if (strcmp(word, "index") == 0)
		return CDI_NAME_INDEX;
	return strcmp(word, "uuid") == 0 ? CDI_NAME_UUID : CDI_NAME_TYPE_INDEX;
}

static int set_flag(struct cdi_options *o, int id)
{
	switch (id) {
	case OPTION_CDI_GENERATE_NO_ALL_DEVICE:
		o->base.all_device = false;
		break;
	case OPTION_CDI_GENERATE_ANNOTATE:
		o->base.annotate = true;
		break;
	case OPTION_CDI_GENERATE_FORCE:
		o->force = true;
		break;
	case OPTION_CDI_GENERATE_NO_LIBRARY:
		o->base.no_library = true;
		break;
	default:
		break;
	}
	return 0;
}

static int set_hookless(struct cdi_options *o, const char *value, struct nvb_error **err)
{
	for (const char *const *layout = container_root_layouts; *layout; layout++) {
		if (strcmp(*layout, value) == 0) {
			o->base.hookless = *layout;
			return 0;
		}
	}
	if (!strchr(value, '/') && strcmp(value, ".") != 0)
		return container_root_assume_layout(value, NULL, NULL, err);
	return set_path(o, &o->base.hookless, value, err);
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct cdi_options *o = target;

	switch (id) {
	case OPTION_CDI_GENERATE_OUTPUT:
		return set_output(o, value, err);
	case OPTION_CDI_GENERATE_FORMAT:
		o->has_format = true;
		o->base.format = strcmp(value, "yaml") == 0 ? CDI_FORMAT_YAML : CDI_FORMAT_JSON;
		return 0;
	case OPTION_CDI_GENERATE_PROFILE:
		return set_profile(o, value, err);
	case OPTION_CDI_GENERATE_CAPABILITIES:
		return capability_parse(value, &o->base.capabilities, err);
	case OPTION_CDI_GENERATE_VENDOR:
		o->vendor = value;
		return 0;
	case OPTION_CDI_GENERATE_CLASS:
		o->class_name = value;
		return 0;
	case OPTION_CDI_GENERATE_MODE:
		o->management = strcmp(value, "management") == 0;
		return 0;
	case OPTION_CDI_GENERATE_DEVICE_NAME_STRATEGY:
		o->base.names |= name_strategy(value);
		return 0;
	case OPTION_CDI_GENERATE_DRIVER_ROOT:
		return set_path(o, &o->base.driver_root, value, err);
	case OPTION_CDI_GENERATE_DEV_ROOT:
		return set_path(o, &o->base.dev_root, value, err);
	case OPTION_CDI_GENERATE_HOOKLESS:
		return set_hookless(o, value, err);
	case OPTION_CDI_GENERATE_HOOK_PATH:
		return set_path(o, &o->base.hook, value, err);
	default:
		return set_flag(o, id);
	}
}

static int find_hook(struct cdi_options *o, struct nvb_error **err)
{
	return o->base.hook ? 0 : sibling_path(o->arena, HOOK_PROGRAM, &o->base.hook, NULL, err);
}

static int check(const struct cdi_options *o, struct nvb_error **err)
{
	if (o->class_name && !cdi_is_class(o->class_name, strlen(o->class_name)))
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'%.64s' is not the name of a class", o->class_name);
	/* The format allows it, but Docker 26 does not start where a specification has one. */
	if (o->class_name && strlen(o->class_name) < 2)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'%s' is too short for a class: Docker needs two letters", o->class_name);
	if (o->management && o->class_name)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'--mode management' has a kind of its own: leave '--class' out");
	if (o->file && o->has_format) {
		enum cdi_format format = CDI_FORMAT_JSON;

		(void)cdi_format_of_path(o->file, &format);
		if (format != o->base.format)
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"'%s' does not end as its format does", o->file);
	}
	return 0;
}

int cdi_options_parse(struct arena *a, const struct command_context *context, int argc, char **argv,
	struct cdi_options *ret, struct nvb_error **err)
{
	struct cdi_options o = {
		.context = *context,
		.arena = a,
		.vendor = "all",
		.base = { .all_device = true, .format = CDI_FORMAT_JSON },
	};
	int r = command_parse(
		COMMAND_CDI_GENERATE, &o.context, argc, argv, set_option, &o, NULL, err);

	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_CDI_GENERATE, r, argc, argv, err);
	if (r >= 0)
		r = check(&o, err);
	if (r >= 0)
		r = set_path(&o, &o.base.host_root, o.context.host_root, err);
	if (r >= 0)
		r = find_hook(&o, err);
	if (r < 0)
		return r;
	if (!o.base.names)
		o.base.names = CDI_NAME_ANY;
	if (!o.base.capabilities)
		o.base.capabilities = capabilities_of(&o);
	*ret = o;
	return 1;
}
