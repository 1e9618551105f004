/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gpu/discover.h"
#include "gpu/enrich.h"
#include "host/tree.h"
#include "nvbind/command.h"
#include "nvbind/info.h"

struct info_options {
	bool detailed, json, gpus, driver_check, wsl2, no_nvml;
};

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct info_options *o = target;

	(void)err;
	switch (id) {
	case OPTION_INFO_DETAILED:
		o->detailed = true;
		break;
	case OPTION_INFO_JSON:
		o->json = true;
		break;
	case OPTION_INFO_GPUS:
		o->gpus = true;
		break;
	case OPTION_INFO_FORMAT:
		o->json = strcmp(value, "json") == 0;
		break;
	case OPTION_INFO_DRIVER_CHECK:
		o->driver_check = true;
		break;
	case OPTION_INFO_WSL2:
		o->wsl2 = true;
		break;
	case OPTION_INFO_NO_NVML:
		o->no_nvml = true;
		break;
	default:
		break;
	}
	return 0;
}

/* Names and the vendor library's knowledge. What it cannot tell stays unknown. */
static int complete(struct inventory *inv, const struct info_options *o, struct nvb_error **err)
{
	int r = inventory_name_gpus(inv, err);

	return r < 0 || o->no_nvml ? r : inventory_ask_library(inv, err);
}

static int discover(const char *host_root, struct inventory **ret_inv, struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	int r;

	r = host_tree_open(host_root, &tree, err);
	return r < 0 ? r : inventory_discover(&tree, ret_inv, err);
}

/* One line on standard output either way: Bolt shows it. */
static int check_driver(const struct inventory *inv)
{
	const struct gpu_driver *driver = NULL;
	const char *reason = NULL;
	size_t working = 0;

	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		const char *why;

		if (!info_driver_works(inv, gpu, &why)) {
			reason = reason ? reason : why;
			continue;
		}
		working++;
		driver = driver ? driver : inventory_driver(inv, gpu);
	}
	if (working) {
		printf("driver %s %s works: %zu of %zu GPUs\n", driver->name,
			driver->version ? driver->version : "-", working, inv->gpus.n);
		return 0;
	}
	printf("no working driver: %s\n", reason ? reason : "no GPU");
	return nvb_status_exit_code(NVB_ERR_DRIVER);
}

static int format_json(const struct inventory *inv, const struct info_options *o, char **ret_text,
	struct nvb_error **err)
{
	if (o->wsl2)
		return info_format_wsl_json(inv, ret_text, err);
	if (o->gpus)
		return info_format_gpus_json(inv, ret_text, err);
	return info_format_json(inv, ret_text, err);
}

static int print(const struct inventory *inv, const struct info_options *o, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(INFO_TEXT_BYTES);
	_cleanup_free_ char *json = NULL;
	int r;

	if (o->json) {
		r = format_json(inv, o, &json, err);
		if (r >= 0)
			fputs(json, stdout);
		return r < 0 ? r : 0;
	}
	if (o->wsl2)
		info_format_wsl_text(inv, &text);
	r = o->wsl2 ? 0 : info_format_text(inv, !o->gpus, o->detailed, &text, err);
	if (r < 0)
		return r;
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	fputs(strbuf_str(&text), stdout);
	return 0;
}

int cmd_info(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	struct command_context local = *context;
	struct info_options o = { 0 };
	int r;

	r = command_parse(COMMAND_INFO, &local, argc, argv, set_option, &o, NULL, err);
	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_INFO, r, argc, argv, err);
	if (r < 0)
		return r;
	if (o.gpus + o.driver_check + o.wsl2 > 1)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"only one of '--gpus', '--driver-check' and '--wsl2' can be shown");
	r = discover(local.host_root, &inv, err);
	if (r >= 0 && o.driver_check)
		return check_driver(inv);
	if (r >= 0)
		r = complete(inv, &o, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &inv->warnings)
		log_warning("%s", *warning);
	return print(inv, &o, err);
}
