/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: Wine, Proton, DXVK, shader caches. */
#include <inttypes.h>
#include <string.h>

#include "host/session.h"
#include "plan/knob_rule.h"

#define TEXT_BYTES 1024
/* What Wine's esync and many games with big asset packs open. Source: esync, README. */
#define WINE_OPEN_FILES 524288
/* Source: SteamOS and Fedora set it for games that map much. */
#define GAME_MAP_COUNT 1048576
/* /dev/ntsync came with Linux 6.14. Source: Linux, Documentation/userspace-api/ntsync.rst. */
#define NTSYNC_MAJOR 6
#define NTSYNC_MINOR 14

#define SHADER_PLACE "/var/cache/nvbind/shaders"

static bool has_ntsync_kernel(const struct session_facts *s)
{
	return s->kernel_major > NTSYNC_MAJOR ||
	       (s->kernel_major == NTSYNC_MAJOR && s->kernel_minor >= NTSYNC_MINOR);
}

static int add_ntsync(
	struct plan_build *b, struct strbuf *done, struct strbuf *missing, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;

	if (s->ntsync) {
		knob_add_part(done, "/dev/ntsync");
		return knob_node(b, s->ntsync, err);
	}
	if (!s->kernel_major || has_ntsync_kernel(s))
		strbuf_str_add(missing, "; no /dev/ntsync: 'modprobe ntsync' on the host makes "
					"Wine 11 and Proton 11 faster");
	else
		strbuf_printf(missing,
			"; no /dev/ntsync: it needs Linux %d.%d, this is %u.%u (Wine and Proton "
			"use fsync meanwhile)",
			NTSYNC_MAJOR, NTSYNC_MINOR, s->kernel_major, s->kernel_minor);
	return 0;
}

static int raise_open_files(
	struct plan_build *b, struct strbuf *done, struct strbuf *missing, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;

	if (!s->can_raise_limits && !s->nofile_hard) {
		strbuf_str_add(missing, "; the limit on open files is not known, and stays");
		return 0;
	}
	if (!s->can_raise_limits && s->nofile_hard < WINE_OPEN_FILES) {
		strbuf_printf(missing,
			"; your limit on open files, %" PRIu64 ", stays: raise it to %d in "
			"/etc/security/limits.conf",
			s->nofile_hard, WINE_OPEN_FILES);
		return 0;
	}
	knob_add_part(done, "RLIMIT_NOFILE");
	return knob_rlimit(b, "RLIMIT_NOFILE", WINE_OPEN_FILES, err);
}

static int resolve_wine(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf done = STRBUF_INIT(TEXT_BYTES);
	_cleanup_(strbuf_done) struct strbuf missing = STRBUF_INIT(TEXT_BYTES);
	const struct session_facts *s = b->req->session;
	int r;

	if (!value->number)
		return knob_report(b, err, KNOB_WINE_OPTIMIZATIONS, KNOB_APPLIED,
			"no NTSYNC node and no limit is added", "%s", "");
	if (!s)
		return knob_report(b, err, KNOB_WINE_OPTIMIZATIONS, KNOB_UNSUPPORTED, NULL,
			"nothing is known of the machine's NTSYNC and limits here");
	r = add_ntsync(b, &done, &missing, err);
	if (r >= 0)
		r = raise_open_files(b, &done, &missing, err);
	if (r < 0)
		return r;
	if (s->max_map_count && s->max_map_count < GAME_MAP_COUNT)
		strbuf_printf(&missing,
			"; some games need 'sysctl vm.max_map_count=%d' on the host (it is %" PRIu64
			")",
			GAME_MAP_COUNT, s->max_map_count);
	if (!knob_parts(b, &done) || strbuf_failed(&missing))
		return NVB_OOM(err);
	/* Each of what is missing begins with "; ". */
	if (!done.length)
		return knob_report(b, err, KNOB_WINE_OPTIMIZATIONS, KNOB_UNSUPPORTED, NULL, "%s",
			strbuf_str(&missing) + 2);
	return knob_report(b, err, KNOB_WINE_OPTIMIZATIONS, KNOB_APPLIED, knob_parts(b, &done),
		"Proton finds these itself, and switches on fsync without a variable%s",
		strbuf_str(&missing));
}

static int resolve_async(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	(void)value;
	return knob_report(b, err, KNOB_DXVK_ASYNC, KNOB_NONE, NULL,
		"DXVK itself never had it: a patch did. DXVK 2.0 and newer compile pipelines ahead "
		"by themselves where the driver has VK_EXT_graphics_pipeline_library");
}

static int name_shader_cache(struct plan_build *b, struct nvb_error **err)
{
	int r = knob_env_set(b, err, "DXVK_SHADER_CACHE_PATH", SHADER_PLACE);

	if (r >= 0)
		r = knob_env_set(b, err, "VKD3D_SHADER_CACHE_PATH", SHADER_PLACE);
	if (r >= 0 && knob_has_nvidia(b))
		r = knob_env_set(b, err, "__GL_SHADER_DISK_CACHE_PATH", SHADER_PLACE);
	/* Else the driver deletes what it did not use lately above 1 GiB. */
	if (r >= 0 && knob_has_nvidia(b))
		r = knob_env_set(b, err, "__GL_SHADER_DISK_CACHE_SKIP_CLEANUP", "1");
	if (r >= 0 && knob_has_mesa(b))
		r = knob_env_set(b, err, "MESA_SHADER_CACHE_DIR", SHADER_PLACE);
	return r;
}

static int resolve_shader_cache(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct session_facts *s = b->req->session;
	const char *directory, *reason;
	int r;

	if (!value->number)
		return knob_report(b, err, KNOB_SHADER_CACHE, KNOB_APPLIED,
			"no directory is mounted",
			"shaders are compiled again in every new container");
	if (!s || !s->cache_dir)
		return knob_report(b, err, KNOB_SHADER_CACHE, KNOB_UNSUPPORTED, NULL,
			"there is no place for it: HOME is not set");
	directory = knob_cache_directory(b, "shaders", &reason);
	if (!directory)
		return knob_report(b, err, KNOB_SHADER_CACHE, KNOB_UNSUPPORTED, NULL, "%s", reason);
	r = knob_mount(b, err, directory, SHADER_PLACE, true);
	if (r >= 0)
		r = name_shader_cache(b, err);
	if (r < 0)
		return r;
	return knob_report(b, err, KNOB_SHADER_CACHE, KNOB_APPLIED,
		"bind mount on '" SHADER_PLACE "'", "kept in '%s', for this image alone",
		directory);
}

static const struct knob_rule rules[] = {
	{ KNOB_WINE_OPTIMIZATIONS, resolve_wine },
	{ KNOB_DXVK_ASYNC, resolve_async, knob_inert },
	{ KNOB_SHADER_CACHE, resolve_shader_cache },
};

const struct knob_rule_table knob_rules_wine = { rules, ELEMENTS(rules) };
