/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "engine/client/argv.h"

static int setup(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

/* Words of one text, in a list. */
static struct string_list words(struct arena *a, const char *text)
{
	struct string_list list = { 0 };
	char *copy = arena_strdup(a, text), *word;

	while ((word = strsep(&copy, " ")))
		if (*word)
			assert_int_equal(string_list_add(a, &list, word), 0);
	return list;
}

static void expect(struct arena *a, const struct client_ops *ops,
	const struct client_options *options, const struct client_gpus *gpus, const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096);
	_cleanup_error_ struct nvb_error *err = NULL;
	struct string_list argv = { 0 };

	if (client_argv(ops, "/bin/engine", options, gpus, a, &argv, &err) < 0)
		fail_msg("%s: %s", expected, nvb_error_message(err));
	vec_foreach (const char *, word, &argv)
		strbuf_printf(&text, "%s%s", text.length ? "|" : "", *word);
	assert_string_equal(strbuf_str(&text), expected);
}

static void refuse(struct arena *a, const struct client_options *options,
	const struct client_gpus *gpus, const char *message)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct string_list argv = { 0 };

	assert_int_equal(client_argv(&docker_client, "docker", options, gpus, a, &argv, &err),
		NVB_ERR_USAGE);
	if (!strstr(nvb_error_message(err), message))
		fail_msg("%s", nvb_error_message(err));
	assert_int_equal(argv.n, 0);
}

static void test_methods(void **state)
{
	struct client_options o = { .image = "image", .command = words(*state, "-c run -- x") };
	struct client_gpus gpus = {
		.choice = { .method = CLIENT_METHOD_RUNTIME, .runtime = "nvbind" },
		.names = words(*state, "GPU-1 0000:01:00.0 v.com/c=d"),
	};

	expect(*state, &docker_client, &o, &gpus,
		"/bin/engine|run|--runtime|nvbind|-e|NVBIND_GPU=GPU-1,0000:01:00.0,v.com/c=d|image|"
		"-c|run|--|x");
	gpus.profile = "gaming";
	gpus.capabilities = "graphics,video";
	gpus.choice.runtime = "/opt/nvbind-runtime";
	expect(*state, &podman_client, &o, &gpus,
		"/bin/engine|--runtime|/opt/nvbind-runtime|run|-e|"
		"NVBIND_GPU=GPU-1,0000:01:00.0,v.com/c=d|-e|NVBIND_PROFILE=gaming|-e|"
		"NVIDIA_DRIVER_CAPABILITIES=graphics,video|image|-c|run|--|x");
	gpus.choice.method = CLIENT_METHOD_CDI;
	gpus.names = words(*state, "v.com/gpu=0 v.com/gpu=1:2");
	o.command = words(*state, "");
	expect(*state, &podman_client, &o, &gpus,
		"/bin/engine|run|--device|v.com/gpu=0|--device|v.com/gpu=1:2|-e|NVBIND_GPU=none|-e|"
		"NVIDIA_VISIBLE_DEVICES=void|image");
	/* An image that asks for all GPUs gets none. */
	gpus = (struct client_gpus){ .choice = { .method = CLIENT_METHOD_NOTHING } };
	expect(*state, &docker_client, &o, &gpus,
		"/bin/engine|run|-e|NVBIND_GPU=none|-e|NVIDIA_VISIBLE_DEVICES=void|image");
}

static void test_options(void **state)
{
	const struct client_options o = {
		.image = "image",
		.command = words(*state, "sh"),
		.name = "n",
		.hostname = "h",
		.workdir = "/w",
		.user = "1:2",
		.network = "my-net",
		.restart = "on-failure:3",
		.shm_size = "1g",
		.entrypoint = "",
		.env = words(*state, "A=1 B"),
		.env_files = words(*state, "f"),
		.volumes = words(*state, "v:/v ./x:/x:ro,z"),
		.ports = words(*state, "80 1.2.3.4:53:53/udp"),
		.devices = words(*state, "/dev/fuse"),
		.words = words(*state, "--init --ulimit nofile=1:2"),
		.interactive = true,
		.tty = true,
		.detach = true,
		.remove = true,
		.read_only = true,
	};
	const struct client_gpus gpus = {
		.choice = { .method = CLIENT_METHOD_RUNTIME, .runtime = "nvbind" },
		.names = words(*state, "all"),
	};

	expect(*state, &docker_client, &o, &gpus,
		"/bin/engine|run|--runtime|nvbind|--rm|-d|-i|-t|--read-only|--name|n|--hostname|h|"
		"--workdir|/w|--user|1:2|--network|my-net|--restart|on-failure:3|--shm-size|1g|"
		"--entrypoint||--env-file|f|-e|A=1|-e|B|-v|v:/v|-v|./x:/x:ro,z|-p|80|-p|"
		"1.2.3.4:53:53/udp|--device|/dev/fuse|-e|NVBIND_GPU=all|--init|--ulimit|"
		"nofile=1:2|image|sh");
}

static void test_refusals(void **state)
{
	struct client_options o = { .image = "--privileged" };
	struct client_gpus gpus = {
		.choice = { .method = CLIENT_METHOD_RUNTIME, .runtime = "nvbind" },
		.names = words(*state, "0"),
	};

	refuse(*state, &o, &gpus, "'--privileged' is not the name of an image");
	o.image = "image";
	o.env = words(*state, "A=1 NVBIND_GPU=all");
	refuse(*state, &o, &gpus, "'NVBIND_GPU' is what '--gpu' decides");
	o.env = words(*state, "NVBIND_GPU");
	refuse(*state, &o, &gpus, "'NVBIND_GPU' is what '--gpu' decides");
	o.env = words(*state, "NVBIND_PROFILE=x NVIDIA_DRIVER_CAPABILITIES=all NVBIND_GPUS=1");
	expect(*state, &docker_client, &o, &gpus,
		"/bin/engine|run|--runtime|nvbind|-e|NVBIND_PROFILE=x|-e|"
		"NVIDIA_DRIVER_CAPABILITIES=all|-e|NVBIND_GPUS=1|-e|NVBIND_GPU=0|image");
	gpus.capabilities = "video";
	refuse(*state, &o, &gpus, "is what '--capabilities' decides");
	gpus.profile = "gaming";
	refuse(*state, &o, &gpus, "is what '--profile' decides");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_methods),
		TEST(test_options),
		TEST(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
