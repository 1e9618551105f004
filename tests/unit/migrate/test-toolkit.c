/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"
#include "migrate/toolkit.h"

struct result {
	struct arena *arena;
	char *policy;
	struct json_object *json;
	struct migrate_report report;
	struct nvb_error *error;
	int status;
};

static void migrate(struct result *r, const char *text)
{
	*r = (struct result){ .arena = arena_new() };
	r->status = toolkit_migrate(
		"config.toml", text, strlen(text), r->arena, &r->policy, &r->report, &r->error);
	if (r->status >= 0)
		assert_int_equal(json_parse(r->policy, strlen(r->policy), &r->json, NULL), 0);
}

static void result_done(struct result *r)
{
	free(r->policy);
	json_object_put(r->json);
	nvb_error_free(r->error);
	arena_free(r->arena);
}

static const char *policy_of(const struct result *r, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(r->json, key, &value))
		return NULL;
	return json_object_to_json_string_ext(value, 0);
}

static enum migrate_outcome outcome_of(const struct result *r, const char *name)
{
	vec_foreach (const struct migrate_entry, entry, &r->report.entries)
		if (strcmp(entry->name, name) == 0)
			return entry->outcome;
	fail_msg("nothing is said of '%s'", name);
	return MIGRATE_NOT_CONVERTED;
}

/* As the toolkit writes it at its installation, uncommented. */
static const char defaults[] =
	"disable-require = false\n"
	"swarm-resource = \"\"\n"
	"accept-nvidia-visible-devices-envvar-when-unprivileged = true\n"
	"accept-nvidia-visible-devices-as-volume-mounts = false\n"
	"supported-driver-capabilities = \"compat32,compute,display,graphics,ngx,utility,video\"\n"
	"[nvidia-container-cli]\n"
	"root = \"/\"\npath = \"/usr/bin/nvidia-container-cli\"\nenvironment = []\n"
	"debug = \"/var/log/nvidia-container-toolkit.log\"\nldcache = \"\"\nload-kmods = true\n"
	"no-cgroups = false\nuser = \"root:video\"\nldconfig = \"@/sbin/ldconfig\"\n"
	"[nvidia-container-runtime]\ndebug = \"/dev/null\"\nlog-level = \"info\"\n"
	"runtimes = [\"runc\", \"crun\"]\nmode = \"auto\"\n"
	"[nvidia-container-runtime.modes.csv]\n"
	"mount-spec-path = \"/etc/nvidia-container-runtime/host-files-for-container.d\"\n"
	"[nvidia-container-runtime.modes.cdi]\nannotation-prefixes = [\"cdi.k8s.io/\"]\n"
	"default-kind = \"nvidia.com/gpu\"\nspec-dirs = [\"/etc/cdi\", \"/var/run/cdi\"]\n"
	"[nvidia-container-runtime.modes.legacy]\ncuda-compat-mode = \"ldconfig\"\n"
	"[nvidia-container-runtime-hook]\npath = \"nvidia-container-runtime-hook\"\n"
	"skip-mode-detection = false\n"
	"[nvidia-ctk]\npath = \"nvidia-ctk\"\n";

static void the_defaults_lose_nothing(void **state)
{
	struct result r;

	(void)state;
	migrate(&r, defaults);
	assert_int_equal(r.status, 0);
	assert_true(migrate_report_complete(&r.report));
	assert_true(r.report.entries.n > 20);
	for (size_t i = 1; i < r.report.entries.n; i++)
		assert_true(r.report.entries.items[i - 1].line < r.report.entries.items[i].line);
	/* Only what differs from our own default is written. */
	assert_null(policy_of(&r, "accept_environment"));
	assert_null(policy_of(&r, "accept_annotations"));
	assert_null(policy_of(&r, "host_root"));
	assert_string_equal(policy_of(&r, "log_level"), "\"info\"");
	result_done(&r);
}

static void what_is_set_comes_over(void **state)
{
	struct result r;

	(void)state;
	migrate(&r, "disable-require = true\nswarm-resource = \"DOCKER_RESOURCE_GPU, OTHER\"\n"
		    "accept-nvidia-visible-devices-envvar-when-unprivileged = false\n"
		    "accept-nvidia-visible-devices-as-volume-mounts = true\n"
		    "supported-driver-capabilities = \"compute,utility\"\n"
		    "nvidia-container-cli.root = \"/run/nvidia/driver\"\n"
		    "[nvidia-container-runtime]\ndebug = \"/var/log/x.log\"\nlog-level = \"warn\"\n"
		    "runtimes = [\"/opt/runc\", \"crun\"]\n"
		    "modes.cdi.annotation-prefixes = [\"cdi.k8s.io/\", \"example.com/\"]\n"
		    "[features]\nignore-imex-channel-requests = true\n");
	assert_int_equal(r.status, 0);
	assert_true(migrate_report_complete(&r.report));
	assert_string_equal(policy_of(&r, "disable_require"), "true");
	assert_string_equal(
		policy_of(&r, "swarm_resources"), "[\"DOCKER_RESOURCE_GPU\",\"OTHER\"]");
	assert_string_equal(policy_of(&r, "accept_environment"), "\"privileged\"");
	assert_string_equal(policy_of(&r, "accept_annotations"), "\"always\"");
	assert_string_equal(policy_of(&r, "accept_volume_mounts"), "\"always\"");
	assert_string_equal(policy_of(&r, "capabilities"), "\"compute,utility\"");
	assert_string_equal(policy_of(&r, "host_root"), "\"\\/run\\/nvidia\\/driver\"");
	assert_string_equal(policy_of(&r, "log_path"), "\"\\/var\\/log\\/x.log\"");
	assert_null(policy_of(&r, "log_level"));
	assert_string_equal(policy_of(&r, "low_level_runtimes"), "[\"\\/opt\\/runc\",\"crun\"]");
	assert_string_equal(
		policy_of(&r, "annotation_prefixes"), "[\"cdi.k8s.io\\/\",\"example.com\\/\"]");
	assert_string_equal(policy_of(&r, "ignore_imex_channels"), "true");
	result_done(&r);
}

static void what_has_no_equivalent_is_said(void **state)
{
	static const struct {
		const char *text, *key;
	} lost[] = {
		{ "nvidia-container-runtime.mode = \"csv\"", "nvidia-container-runtime.mode" },
		{ "nvidia-container-runtime.modes.cdi.spec-dirs = [\"/x\"]",
			"nvidia-container-runtime.modes.cdi.spec-dirs" },
		{ "nvidia-container-runtime.modes.cdi.default-kind = \"a.com/b\"",
			"nvidia-container-runtime.modes.cdi.default-kind" },
		{ "nvidia-container-runtime.modes.legacy.cuda-compat-mode = \"disabled\"",
			"nvidia-container-runtime.modes.legacy.cuda-compat-mode" },
		{ "nvidia-container-cli.ldcache = \"/x\"", "nvidia-container-cli.ldcache" },
		{ "nvidia-container-cli.root = \"a/../b\"", "nvidia-container-cli.root" },
		{ "nvidia-container-runtime.debug = \"x.log\"", "nvidia-container-runtime.debug" },
		{ "nvidia-container-runtime.runtimes = [\"./runc\"]",
			"nvidia-container-runtime.runtimes" },
		{ "nvidia-container-runtime.log-level = \"loud\"",
			"nvidia-container-runtime.log-level" },
		{ "supported-driver-capabilities = \"compute,flying\"",
			"supported-driver-capabilities" },
		{ "features.allow-ldconfig-from-container = true",
			"features.allow-ldconfig-from-container" },
		{ "features.allow-cuda-compat-libs-from-container = true",
			"features.allow-cuda-compat-libs-from-container" },
		{ "features.no-additional-gids-for-device-nodes = true",
			"features.no-additional-gids-for-device-nodes" },
		{ "new-key = 1", "new-key" },
		{ "[new-table]\nkey = 1", "new-table" },
		{ "[features]\nnew = true", "features.new" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(lost); i++) {
		struct result r;

		migrate(&r, lost[i].text);
		assert_int_equal(r.status, 0);
		assert_int_equal(outcome_of(&r, lost[i].key), MIGRATE_NOT_CONVERTED);
		assert_false(migrate_report_complete(&r.report));
		assert_int_equal(json_object_object_length(r.json), 0);
		result_done(&r);
	}
}

/* The keys of the toolkit's own structures: none is forgotten, and there are no others. */
static void every_key_of_the_toolkit_is_known(void **state)
{
	static const char *const known[] = {
		"disable-require",
		"swarm-resource",
		"accept-nvidia-visible-devices-envvar-when-unprivileged",
		"accept-nvidia-visible-devices-as-volume-mounts",
		"supported-driver-capabilities",
		"nvidia-container-cli.root",
		"nvidia-container-cli.path",
		"nvidia-container-cli.environment",
		"nvidia-container-cli.debug",
		"nvidia-container-cli.ldcache",
		"nvidia-container-cli.load-kmods",
		"nvidia-container-cli.no-pivot",
		"nvidia-container-cli.no-cgroups",
		"nvidia-container-cli.user",
		"nvidia-container-cli.ldconfig",
		"nvidia-container-runtime.debug",
		"nvidia-container-runtime.log-level",
		"nvidia-container-runtime.runtimes",
		"nvidia-container-runtime.mode",
		"nvidia-container-runtime.modes.csv.mount-spec-path",
		"nvidia-container-runtime.modes.csv.compat-container-root",
		"nvidia-container-runtime.modes.cdi.spec-dirs",
		"nvidia-container-runtime.modes.cdi.default-kind",
		"nvidia-container-runtime.modes.cdi.annotation-prefixes",
		"nvidia-container-runtime.modes.jit-cdi.nvcdi-feature-flags",
		"nvidia-container-runtime.modes.jit-cdi.nvcdi-disable-hooks",
		"nvidia-container-runtime.modes.legacy.cuda-compat-mode",
		"nvidia-container-runtime-hook.path",
		"nvidia-container-runtime-hook.skip-mode-detection",
		"nvidia-ctk.path",
		"features.allow-cuda-compat-libs-from-container",
		"features.allow-ldconfig-from-container",
		"features.allow-unknown-oci-spec-fields",
		"features.disable-cuda-compat-lib-hook",
		"features.disable-imex-channel-creation",
		"features.ignore-imex-channel-requests",
		"features.no-additional-gids-for-device-nodes",
	};

	(void)state;
	assert_int_equal(toolkit_key_count(), ELEMENTS(known));
	for (size_t i = 0; i < ELEMENTS(known); i++)
		assert_string_equal(toolkit_key_name(i), known[i]);
}

static void assert_raised(const char *text, const char *part)
{
	struct result r;

	migrate(&r, text);
	assert_int_equal(r.status, NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(r.error), "config.toml"));
	if (!strstr(nvb_error_message(r.error), part))
		fail_msg("'%s' does not say '%s'", nvb_error_message(r.error), part);
	assert_null(r.policy);
	result_done(&r);
}

static void bad_input_is_refused(void **state)
{
	(void)state;
	assert_raised("disable-require = \"yes\"\n", "'disable-require' must be true or false");
	assert_raised("swarm-resource = [1]\n", "'swarm-resource' must be a text");
	assert_raised("[nvidia-container-runtime]\nruntimes = 1\n",
		"'nvidia-container-runtime.runtimes' must be a text");
	assert_raised("[nvidia-container-runtime]\nmode = true\n", "must be a text");
	assert_raised("a = \n", "config.toml:1");
	assert_raised("x = 1\n[open\n", "config.toml:2");
}

static void an_empty_file_is_all_default(void **state)
{
	struct result r;

	(void)state;
	migrate(&r, "# nothing\n");
	assert_int_equal(r.status, 0);
	assert_int_equal(json_object_object_length(r.json), 0);
	assert_int_equal(r.report.entries.n, 0);
	assert_int_equal(r.report.remarks.n, 1);
	result_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_lose_nothing),
		cmocka_unit_test(what_is_set_comes_over),
		cmocka_unit_test(what_has_no_equivalent_is_said),
		cmocka_unit_test(every_key_of_the_toolkit_is_known),
		cmocka_unit_test(bad_input_is_refused),
		cmocka_unit_test(an_empty_file_is_all_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
