/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/setup_options.h"

#include <string.h>

#include "base/state_dir.h"
#include "nvbind/cdi_options.h"

#define RUNTIME_PATH NVBIND_BINDIR "/nvbind-runtime"

static int set_path(struct setup_command *c, const char *option, const char **place,
	const char *value, struct nvb_error **err)
{
	if (!value[0])
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s': the path is empty", option);
	if (value[0] != '/')
		c->relative = option;
	*place = cdi_absolute_path(c->arena, value);
	return *place ? 0 : NVB_OOM(err);
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct setup_command *c = target;

	switch (id) {
	case OPTION_SETUP_DEFAULT:
		c->options.set_default = true;
		break;
	case OPTION_SETUP_CDI:
		c->options.cdi = true;
		break;
	case OPTION_SETUP_STAND_IN:
		c->options.stand_in = true;
		break;
	case OPTION_SETUP_UNDO:
		c->undo = true;
		break;
	case OPTION_SETUP_DRY_RUN:
		c->dry_run = true;
		break;
	case OPTION_SETUP_CHECK:
		c->check = true;
		break;
	case OPTION_SETUP_JSON:
		c->json = true;
		break;
	case OPTION_SETUP_CONFIG:
		return set_path(c, "--config", &c->options.config, value, err);
	case OPTION_SETUP_RUNTIME_PATH:
		return set_path(c, "--runtime-path", &c->options.runtime_path, value, err);
	default:
		break;
	}
	return 0;
}

static int find_engine(struct setup_command *c, const char *name, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf names = STRBUF_INIT(256);

	c->engine = setup_engine_find(name);
	if (c->engine)
		return 0;
	for (size_t i = 0; setup_engine_at(i); i++)
		strbuf_printf(&names, "%s%s", i ? ", " : "", setup_engine_name(setup_engine_at(i)));
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0, "set up '%.64s': it is no engine", name),
		"known are %s", strbuf_str(&names));
}

/* Where an ordinary user's engines keep what is his. */
static int find_user_config(struct setup_command *c, struct nvb_error **err)
{
	const char *config_home = secure_getenv("XDG_CONFIG_HOME");
	const char *home = secure_getenv("HOME");

	if (state_dir_is_root() || strcmp(c->context.host_root, "/") != 0)
		return 0;
	if (config_home && config_home[0] == '/')
		c->options.user_config = config_home;
	else if (home && home[0] == '/')
		c->options.user_config = arena_printf(c->arena, "%s/.config", home);
	else
		return 0;
	return c->options.user_config ? 0 : NVB_OOM(err);
}

static int check_together(const struct setup_command *c, struct nvb_error **err)
{
	const struct setup_options *o = &c->options;

	if (c->check && (c->undo || c->dry_run || o->set_default || o->cdi || o->stand_in))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '--check': it changes nothing and stands alone");
	if (c->undo && (o->set_default || o->cdi || o->stand_in))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '--undo': it takes everything back and needs no other option");
	if (c->json && !c->check)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--json': it goes with --check");
	if (!c->engine && !c->check)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "set up an engine: none is named"),
			"for example 'nvbind setup docker --dry-run'");
	/* The working directory is that of the running machine. */
	if (c->relative && strcmp(c->context.host_root, "/") != 0)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '%s': with --host-root it is an absolute path below that",
			c->relative);
	if (o->config && !c->engine)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--config': name the engine too");
	return 0;
}

int setup_options_parse(struct arena *a, const struct command_context *context, int argc,
	char **argv, struct setup_command *ret, struct nvb_error **err)
{
	struct setup_command c = { .context = *context, .arena = a };
	int first, r = 0;

	c.options.runtime_path = RUNTIME_PATH;
	first = command_parse(COMMAND_SETUP, &c.context, argc, argv, set_option, &c, NULL, err);
	if (first <= 0)
		return first;
	if (first < argc) {
		r = find_engine(&c, argv[first], err);
		if (r < 0)
			return r;
		/* Options may stand behind the engine too. */
		argc -= first;
		argv += first;
		first = command_parse(
			COMMAND_SETUP, &c.context, argc, argv, set_option, &c, NULL, err);
		if (first <= 0)
			return first;
		r = command_no_operands(COMMAND_SETUP, first, argc, argv, err);
	}
	if (r >= 0)
		r = check_together(&c, err);
	if (r >= 0)
		r = find_user_config(&c, err);
	if (r < 0)
		return r;
	*ret = c;
	return 1;
}
