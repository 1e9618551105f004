/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "nvbind/run_options.h"

#define MAX_WORDS 40

static char last_warning[256];

static void keep_warning(enum log_level level, const char *component, const char *text)
{
	(void)component;
	if (level == LOG_LEVEL_WARNING)
		(void)snprintf(last_warning, sizeof(last_warning), "%s", text);
}

static int setup(void **state)
{
	unsetenv("BOLT_GPU_ISOLATION");
	unsetenv("BOLT_WORKLOAD_TYPE");
	unsetenv("BOLT_GPU_ENABLED");
	/* No file of this machine counts here. */
	setenv("NVBIND_CONFIG", "/dev/null", 1);
	last_warning[0] = '\0';
	log_set_sink(keep_warning);
	*state = arena_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static int parse(
	struct arena *a, const char *words, struct run_options *ret, struct nvb_error **err)
{
	struct command_context context = { .host_root = "/" };
	char *copy = arena_strdup(a, words), *argv[MAX_WORDS], *word;
	int argc = 0;

	while ((word = strsep(&copy, " "))) {
		assert_true(argc < MAX_WORDS - 1);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return run_options_parse(a, &context, argc, argv, ret, err);
}

static struct run_options accept(struct arena *a, const char *words)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct run_options o;

	if (parse(a, words, &o, &err) != 1)
		fail_msg("%s: %s", words, nvb_error_message(err));
	return o;
}

static void refuse(struct arena *a, const char *words, int status, const char *message)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct run_options o;
	int r = parse(a, words, &o, &err);

	if (r != status)
		fail_msg("%s gives %d: %s", words, r, nvb_error_message(err));
	if (!strstr(nvb_error_message(err), message))
		fail_msg("%s: %s", words, nvb_error_message(err));
}

static void expect_list(const struct string_list *list, size_t n, const char *const *expected)
{
	assert_int_equal(list->n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(list->items[i], expected[i]);
}

#define EXPECT_LIST(list, ...)                                                                     \
	expect_list(&(list), ELEMENTS(((const char *const[]){ __VA_ARGS__ })),                     \
		(const char *const[]){ __VA_ARGS__ })

static void test_defaults(void **state)
{
	struct run_options o = accept(*state, "run host");

	assert_string_equal(o.engine, "bolt");
	assert_string_equal(o.image, "host");
	assert_string_equal(o.context.host_root, "/");
	EXPECT_LIST(o.gpus, "all");
	assert_false(o.gpus_given);
	assert_int_equal(o.capabilities, CAPABILITY_DEFAULT);
	assert_int_equal(o.capabilities_source, SOURCE_DEFAULT);
	assert_int_equal(o.isolation, ISOLATION_SHARED);
	assert_int_equal(o.isolation_source, SOURCE_DEFAULT);
	assert_int_equal(o.profile, PROFILE_DEFAULT);
	assert_int_equal(o.driver, DRIVER_AUTO);
	assert_int_equal(o.network, NETWORK_HOST);
	assert_int_equal(o.command.n, 0);
	assert_int_equal(o.env.n, 0);
	assert_null(o.rootfs);
	assert_null(o.name);
	assert_false(o.interactive || o.tty || o.read_only || o.dry_run || o.json || o.rootless);
}

static void test_image_and_command(void **state)
{
	struct run_options o;

	o = accept(*state, "run image a --version -- b");
	assert_string_equal(o.image, "image");
	EXPECT_LIST(o.command, "a", "--version", "--", "b");
	o = accept(*state, "run image --benchmark");
	EXPECT_LIST(o.command, "--benchmark");
	o = accept(*state, "run image -- cmd");
	EXPECT_LIST(o.command, "cmd");
	o = accept(*state, "run image -- -- cmd");
	EXPECT_LIST(o.command, "--", "cmd");
	o = accept(*state, "run -- image cmd");
	assert_string_equal(o.image, "image");
	EXPECT_LIST(o.command, "cmd");
	o = accept(*state, "run --rootfs /r -- cmd arg");
	assert_null(o.image);
	assert_string_equal(o.rootfs, "/r");
	EXPECT_LIST(o.command, "cmd", "arg");
	o = accept(*state, "run --rootfs /r label -- cmd");
	assert_string_equal(o.image, "label");
	EXPECT_LIST(o.command, "cmd");
	o = accept(*state, "run --rootfs /r cmd arg");
	assert_null(o.image);
	EXPECT_LIST(o.command, "cmd", "arg");
	o = accept(*state, "run --rootfs /r");
	assert_null(o.image);
	assert_int_equal(o.command.n, 0);
	refuse(*state, "run", NVB_ERR_USAGE, "'nvbind run' needs an IMAGE");
	refuse(*state, "run --", NVB_ERR_USAGE, "'nvbind run' needs an IMAGE");
	refuse(*state, "run  cmd", NVB_ERR_USAGE, "'nvbind run' needs an IMAGE");
}

/* Every line that documents or programs in use write, as far as this version has its options. */
static void test_known_lines(void **state)
{
	static const char *const lines[] = {
		"run --runtime bolt container:latest",
		"run --runtime bolt --gpu all ubuntu:22.04 nvidia-smi",
		"run --runtime bolt --gpu all --profile gaming --isolate steam:latest",
		"run --runtime bolt --gpu all --profile gaming winehq/wine:stable wine --version",
		"run --runtime bolt --gpu all --profile ai-ml pytorch/pytorch:latest python "
		"train.py",
		"run --runtime bolt --gpu all --config isolation_level=shared container1:latest",
		"run --runtime bolt --gpu all --config isolation_level=exclusive --isolate "
		"game:latest",
		"run --runtime bolt --gpu gpu0 container:latest",
		"run --runtime bolt --gpu gpu0,gpu1 ai-training:latest",
		"run --runtime bolt --gpu all --profile gaming u/superposition:latest --benchmark",
		"run --runtime bolt --gpu all --profile gaming --verbose container:latest",
		"run --runtime bolt --profile gaming --gpu all ubuntu nvidia-smi",
		"run --name c1 --runtime bolt --profile ultra --driver nvidia-open --gpu gpu0 "
		"--gpu gpu1 "
		"--rootfs /r --env A=1 --env B=2 --gaming --isolation exclusive image -- cmd arg",
		"run --name c1 --runtime bolt --profile balanced --driver auto --gpu 0 --rootfs /r "
		"image",
		"run --name c1 --runtime bolt --profile development --driver nouveau --rootfs /r "
		"image",
		"run --name c1 --runtime bolt --profile ai --driver nvidia-proprietary image -- "
		"cmd",
	};

	for (size_t i = 0; i < ELEMENTS(lines); i++)
		(void)accept(*state, lines[i]);
}

static void test_profile(void **state)
{
	struct run_options o;

	o = accept(*state, "run --profile balanced --gaming x");
	assert_int_equal(o.profile, PROFILE_GAMING);
	assert_int_equal(o.capabilities, profile_capabilities(PROFILE_GAMING));
	assert_int_equal(o.capabilities_source, SOURCE_PROFILE);
	o = accept(*state, "run --gaming --capabilities video x");
	assert_int_equal(o.capabilities, CAPABILITY_VIDEO);
	assert_int_equal(o.capabilities_source, SOURCE_COMMAND_LINE);
	assert_int_equal(setenv("BOLT_WORKLOAD_TYPE", "ai-ml", 1), 0);
	o = accept(*state, "run x");
	assert_int_equal(o.profile, PROFILE_AI_ML);
	assert_int_equal(o.profile_source, SOURCE_ENVIRONMENT);
	o = accept(*state, "run --profile shared x");
	assert_int_equal(o.profile, PROFILE_SHARED);
	assert_int_equal(o.isolation_source, SOURCE_PROFILE);
	assert_int_equal(setenv("BOLT_WORKLOAD_TYPE", "gamming", 1), 0);
	refuse(*state, "run x", NVB_ERR_USAGE, "variable 'BOLT_WORKLOAD_TYPE'");
	assert_int_equal(setenv("BOLT_WORKLOAD_TYPE", "", 1), 0);
	assert_int_equal(accept(*state, "run x").profile, PROFILE_DEFAULT);
	/* Who asks for DLSS by name gets what it needs, unless he says what he wants. */
	o = accept(*state, "run --config dlss_enabled=true x");
	assert_int_equal(o.capabilities, profile_capabilities(PROFILE_GAMING));
	assert_int_equal(o.capabilities_source, SOURCE_BOLTFILE);
	o = accept(*state, "run --config dlss_enabled=false x");
	assert_int_equal(o.capabilities, CAPABILITY_DEFAULT);
	o = accept(*state, "run --config performance_profile=balanced x");
	assert_int_equal(o.capabilities, profile_capabilities(PROFILE_GAMING));
	o = accept(*state, "run --config rt_cores_enabled=true --profile ai-ml x");
	assert_int_equal(o.capabilities, profile_capabilities(PROFILE_AI_ML));
	o = accept(*state, "run --config rt_cores_enabled=true --capabilities compute x");
	assert_int_equal(o.capabilities, CAPABILITY_COMPUTE);
	refuse(*state, "run --profile gamming x", NVB_ERR_USAGE, "option '--profile'");
	refuse(*state, "run --capabilities sound x", NVB_ERR_USAGE, "option '--capabilities'");
	refuse(*state, "run --driver foo x", NVB_ERR_USAGE, "option '--driver'");
}

static void test_isolation(void **state)
{
	struct run_options o;

	o = accept(*state, "run --isolate x");
	assert_int_equal(o.isolation, ISOLATION_EXCLUSIVE);
	assert_int_equal(o.isolation_source, SOURCE_COMMAND_LINE);
	assert_string_equal(last_warning, "");
	o = accept(*state, "run --isolate --isolation shared x");
	assert_int_equal(o.isolation, ISOLATION_SHARED);
	assert_string_equal(last_warning, "'--isolate' has no effect: '--isolation' says 'shared'");
	o = accept(*state, "run --config isolation_level=gpu-virtual --isolation virtual x");
	assert_int_equal(o.isolation, ISOLATION_VIRTUAL);
	refuse(*state, "run --config isolation=shared --isolation virtual x", NVB_ERR_USAGE,
		"option '--isolation' says 'virtual', but '--config' says 'shared'");
	refuse(*state, "run --config isolatoin=shared x", NVB_ERR_USAGE,
		"option '--config': unknown key 'isolatoin'");
	refuse(*state, "run --config isolation x", NVB_ERR_USAGE, "no '='");
	refuse(*state, "run --config = x", NVB_ERR_USAGE, "unknown key ''");
	refuse(*state, "run --config isolation=some x", NVB_ERR_USAGE, "unknown isolation mode");
	assert_int_equal(setenv("BOLT_GPU_ISOLATION", "virtual", 1), 0);
	o = accept(*state, "run x");
	assert_int_equal(o.isolation, ISOLATION_VIRTUAL);
	assert_int_equal(o.isolation_source, SOURCE_ENVIRONMENT);
	o = accept(*state, "run --isolate x");
	assert_int_equal(o.isolation, ISOLATION_EXCLUSIVE);
}

/* A file that says everything, and what stands above it. */
static char *write_config(struct arena *a, const char *text)
{
	char path[] = "/tmp/nvbind-config-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
	return arena_strdup(a, path);
}

static void test_configuration(void **state)
{
	const char *path = write_config(*state,
		"[runtime]\ndefault_runtime = \"docker\"\ndefault_profile = \"mine\"\n"
		"[runtime.nvbind]\ndriver = \"open\"\ndevices = [\"gpu:1\", \"2\"]\n"
		"[bolt.capsule]\nisolation_level = \"exclusive\"\ncompute_limit = \"50%\"\n"
		"[profiles.mine]\ninherits = \"ai-ml\"\nbatch_size = 4\ncompute_limit = \"10%\"\n"
		"[services.web.gpu.gaming]\nframe_rate_target = 60\n");
	struct run_options o;

	assert_int_equal(setenv("NVBIND_CONFIG", path, 1), 0);
	o = accept(*state, "run --name web image");
	assert_string_equal(o.engine, "docker");
	assert_int_equal(o.profile, PROFILE_AI_ML);
	assert_string_equal(o.profile_name, "mine");
	assert_int_equal(o.profile_source, SOURCE_CONFIG);
	assert_int_equal(o.driver, DRIVER_NVIDIA_OPEN);
	assert_int_equal(o.isolation, ISOLATION_EXCLUSIVE);
	assert_int_equal(o.isolation_source, SOURCE_CONFIG);
	EXPECT_LIST(o.gpus, "gpu:1", "2");
	assert_true(o.gpus_given);
	assert_int_equal(o.settings.of[KNOB_BATCH_SIZE].number, 4);
	assert_int_equal(o.settings.of[KNOB_BATCH_SIZE].source, SOURCE_PROFILE);
	assert_int_equal(o.settings.of[KNOB_COMPUTE_LIMIT].number, 50);
	assert_int_equal(o.settings.of[KNOB_FRAME_RATE_TARGET].source, SOURCE_BOLTFILE);

	assert_int_equal(setenv("BOLT_GPU_ISOLATION", "shared", 1), 0);
	assert_int_equal(setenv("BOLT_WORKLOAD_TYPE", "gaming", 1), 0);
	o = accept(*state, "run --runtime bolt --gpu 0 --driver auto --config compute_limit=20% x");
	assert_string_equal(o.engine, "bolt");
	assert_int_equal(o.profile, PROFILE_GAMING);
	assert_string_equal(o.profile_name, "gaming");
	assert_int_equal(settings_bool(&o.settings, KNOB_SHADER_CACHE), 1);
	assert_int_equal(o.driver, DRIVER_AUTO);
	assert_int_equal(o.isolation, ISOLATION_SHARED);
	assert_int_equal(o.isolation_source, SOURCE_ENVIRONMENT);
	EXPECT_LIST(o.gpus, "0");
	assert_null(settings_get(&o.settings, KNOB_DEVICES));
	assert_int_equal(o.settings.of[KNOB_COMPUTE_LIMIT].number, 20);
	assert_int_equal(o.settings.of[KNOB_COMPUTE_LIMIT].source, SOURCE_COMMAND_LINE);
	o = accept(*state, "run --profile mine --isolate x");
	assert_int_equal(o.profile, PROFILE_AI_ML);
	assert_int_equal(o.isolation, ISOLATION_EXCLUSIVE);
	assert_int_equal(unlink(path), 0);
}

static void test_configuration_files(void **state)
{
	const char *one = write_config(*state, "[runtime]\ndefault_profile = \"nobody\"\n");
	const char *two = write_config(*state, "[bolt.capsule]\ncompute_limit = \"0%\"\n");
	const char *unknown = write_config(*state, "[runtime]\ndefault_runtime = \"dokcer\"\n");
	struct run_options o;

	o = accept(*state, arena_printf(*state, "run --config %s x", one));
	assert_int_equal(o.profile, PROFILE_DEFAULT);
	assert_int_equal(o.profile_source, SOURCE_DEFAULT);
	assert_non_null(strstr(last_warning, ":2:1: default_profile: unknown profile 'nobody'"));
	refuse(*state, arena_printf(*state, "run --config %s --config %s x", one, two),
		NVB_ERR_FORMAT, ":2:1: 'bolt.capsule.compute_limit': '0%' is too small");
	refuse(*state, arena_printf(*state, "run --config %s x", unknown), NVB_ERR_USAGE,
		"default_runtime: unknown engine 'dokcer'");
	refuse(*state, "run --config /tmp/nvbind-absent.toml x", NVB_ERR_NOT_FOUND,
		"'/tmp/nvbind-absent.toml' (--config)");
	refuse(*state, "run --profile nobody x", NVB_ERR_USAGE, "option '--profile'");
	refuse(*state, "run --config compute_limit=140% x", NVB_ERR_USAGE,
		"option '--config': key 'compute_limit': '140%' is too large");
	o = accept(*state, "run --config compute_limit=10% --config compute_limit=20% --wsl2 x");
	assert_int_equal(o.settings.of[KNOB_COMPUTE_LIMIT].number, 20);
	assert_int_equal(settings_bool(&o.settings, KNOB_WSL2_ENABLED), 1);
	assert_int_equal(setenv("BOLT_GPU_ENABLED", "0", 1), 0);
	o = accept(*state, "run x");
	EXPECT_LIST(o.gpus, "none");
	o = accept(*state, "run --gpu 0 x");
	EXPECT_LIST(o.gpus, "0");
	assert_int_equal(unlink(one) | unlink(two) | unlink(unknown), 0);
}

static void test_environment(void **state)
{
	char path[] = "/tmp/nvbind-env-XXXXXX";
	static const char text[] =
		"# comment\n\nA=file\r\n  B=2 two\nNVBIND_TEST_SET\nNVBIND_UNSET";
	_cleanup_close_ int fd = mkstemp(path);
	struct run_options o;

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
	assert_int_equal(setenv("NVBIND_TEST_SET", "here", 1), 0);
	unsetenv("NVBIND_UNSET");
	o = accept(*state, arena_printf(*state,
				   "run -e A=cli --env NVBIND_TEST_SET -e NVBIND_UNSET -e C= "
				   "--env-file %s x",
				   path));
	EXPECT_LIST(o.env, "A=file", "B=2 two", "NVBIND_TEST_SET=here", "A=cli",
		"NVBIND_TEST_SET=here", "C=");
	refuse(*state, "run -e =x y", NVB_ERR_USAGE, "it has no name");
	refuse(*state, "run --env-file /nonexistent x", NVB_ERR_IO, "'/nonexistent'");
	refuse(*state, "run --env-file /tmp x", NVB_ERR_IO, "'/tmp'");
	assert_int_equal(pwrite(fd, "\0", 1, 3), 1);
	refuse(*state, arena_printf(*state, "run --env-file %s x", path), NVB_ERR_FORMAT,
		"is not a text file");
	assert_int_equal(pwrite(fd, "\n=", 2, 2), 2);
	refuse(*state, arena_printf(*state, "run --env-file %s x", path), NVB_ERR_USAGE, "line 2");
	assert_int_equal(unlink(path), 0);
}

static void test_rest(void **state)
{
	struct run_options o;

	o = accept(*state,
		"run --gpu 0 --gpu 1:2,gpu3 -v /a:/b:ro -v /c:/d -w /w -u 1:2 --name n.1 "
		"--hostname h -it --read-only --rm --network none --driver amdgpu "
		"--host-root /h --dry-run --format json x");
	EXPECT_LIST(o.gpus, "0", "1:2,gpu3");
	assert_true(o.gpus_given);
	assert_int_equal(o.volumes.n, 2);
	assert_true(o.volumes.items[0].read_only);
	assert_string_equal(o.volumes.items[1].destination, "/d");
	assert_string_equal(o.workdir, "/w");
	assert_string_equal(o.user, "1:2");
	assert_string_equal(o.name, "n.1");
	assert_string_equal(o.hostname, "h");
	assert_string_equal(o.context.host_root, "/h");
	assert_true(o.interactive && o.tty && o.read_only && o.dry_run && o.json);
	assert_int_equal(o.network, NETWORK_NONE);
	assert_int_equal(o.driver, DRIVER_AMDGPU);
}

static void test_bad_values(void **state)
{
	refuse(*state, "run --gpu x i", NVB_ERR_USAGE, "select GPU 'x'");
	refuse(*state, "run -v a:b i", NVB_ERR_USAGE, "volume 'a:b'");
	refuse(*state, "run -w rel i", NVB_ERR_USAGE, "'rel' is not absolute");
	refuse(*state, "run --name ../x i", NVB_ERR_USAGE, "'../x' is not a name");
	refuse(*state, "run --name .x i", NVB_ERR_USAGE, "'.x' is not a name");
	refuse(*state, "run --name a/b i", NVB_ERR_USAGE, "'a/b' is not a name");
	refuse(*state, "run --name= i", NVB_ERR_USAGE, "'' is not a name");
	refuse(*state, "run --hostname a_b i", NVB_ERR_USAGE, "'a_b' is not a name");
	refuse(*state, "run --user= i", NVB_ERR_USAGE, "option '--user': it is empty");
	refuse(*state, "run --rootfs= i", NVB_ERR_USAGE, "option '--rootfs': it is empty");
	refuse(*state, "run --format json i", NVB_ERR_USAGE, "for '--dry-run' only");
	refuse(*state, "run --runtime lxc i", NVB_ERR_USAGE,
		"unknown engine 'lxc'; known are 'bolt', 'docker', 'podman', 'auto'");
	refuse(*state, "run --network bridge i", NVB_ERR_USAGE,
		"'bolt' has no network 'bridge', only 'host' and 'none'");
	refuse(*state, "run --network= i", NVB_ERR_USAGE, "has no network ''");
	if (geteuid() == 0)
		refuse(*state, "run --rootless i", NVB_ERR_USAGE, "option '--rootless'");
	else
		assert_true(accept(*state, "run --rootless i").rootless);
}

/* What an engine cannot do is refused, never read over. */
static void test_options_of_engines(void **state)
{
	static const char *const others[] = { "-p 80", "--publish 80:80", "--port 80", "-d",
		"--detach", "--restart always", "--shm-size 1g", "--engine-opt --init",
		"--entrypoint sh" };

	for (size_t i = 0; i < ELEMENTS(others); i++) {
		refuse(*state, arena_printf(*state, "run %s image", others[i]), NVB_ERR_USAGE,
			"the built-in engine 'bolt' does not have it");
		refuse(*state, arena_printf(*state, "run --runtime auto %s host", others[i]),
			NVB_ERR_USAGE, "the built-in engine 'bolt' does not have it");
		(void)accept(*state, arena_printf(*state, "run --runtime docker %s image", others[i]));
		(void)accept(*state, arena_printf(*state, "run %s --runtime podman image", others[i]));
		(void)accept(*state, arena_printf(*state, "run --runtime auto %s image", others[i]));
	}
	refuse(*state, "run --runtime docker --rootfs /r image", NVB_ERR_USAGE,
		"option '--rootfs': an engine other than 'bolt' does not have it");
	refuse(*state, "run --rootfs /r --runtime podman -- sh", NVB_ERR_USAGE, "'--rootfs'");
	refuse(*state, "run --runtime docker -e =x image", NVB_ERR_USAGE, "it has no name");
}

static void test_words_of_engines(void **state)
{
	struct run_options o = accept(*state,
		"run --runtime docker -e A=1 -e NVBIND_UNSET --env-file /nonexistent -v name:/a "
		"-v ./b:/b:ro,z -p 80 --port 90:91/udp --network net --engine-opt --ulimit "
		"--engine-opt nofile=1 -d --rm --restart no image -- cmd");

	assert_string_equal(o.engine, "docker");
	assert_false(o.engine_is_auto);
	EXPECT_LIST(o.words.env, "A=1", "NVBIND_UNSET");
	EXPECT_LIST(o.words.env_files, "/nonexistent");
	EXPECT_LIST(o.words.volumes, "name:/a", "./b:/b:ro,z");
	EXPECT_LIST(o.words.ports, "80", "90:91/udp");
	EXPECT_LIST(o.words.engine, "--ulimit", "nofile=1");
	assert_string_equal(o.words.network, "net");
	assert_string_equal(o.words.restart, "no");
	assert_true(o.detach && o.remove);
	assert_int_equal(o.env.n, 0);
	assert_int_equal(o.volumes.n, 0);
	EXPECT_LIST(o.command, "cmd");
}

static void test_auto(void **state)
{
	static const char *const bolt[] = { "host", "oci:/dir:tag", "--rootfs /r" };
	struct run_options o;

	for (size_t i = 0; i < ELEMENTS(bolt); i++) {
		o = accept(*state, arena_printf(*state, "run --runtime auto %s", bolt[i]));
		assert_string_equal(o.engine, "bolt");
		assert_true(o.engine_is_auto);
	}
	o = accept(*state, "run --runtime auto ubuntu:22.04");
	assert_string_equal(o.engine, "auto");
	assert_true(o.engine_is_auto);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_image_and_command),
		TEST(test_known_lines),
		TEST(test_profile),
		TEST(test_isolation),
		TEST(test_configuration),
		TEST(test_configuration_files),
		TEST(test_environment),
		TEST(test_rest),
		TEST(test_bad_values),
		TEST(test_options_of_engines),
		TEST(test_words_of_engines),
		TEST(test_auto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
