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
		.vendor_names = { words(*state, "GPU-1"), words(*state, "0x1 0000:01:00.0") },
	};

	expect(*state, &docker_client, &o, &gpus,
		"/bin/engine|run|--runtime|nvbind|-e|NVBIND_GPU=GPU-1,0000:01:00.0,v.com/c=d|-e|"
		"NVIDIA_VISIBLE_DEVICES=GPU-1|-e|AMD_VISIBLE_DEVICES=0x1,0000:01:00.0|image|"
		"-c|run|--|x");
	/* One of a vendor that nothing was selected of is closed, whatever the image says. */
	gpus.vendor_names[1] = (struct string_list){ 0 };
	gpus.profile = "gaming";
	gpus.capabilities = "graphics,video";
	gpus.choice.runtime = "/opt/nvbind-runtime";
	expect(*state, &podman_client, &o, &gpus,
		"/bin/engine|--runtime|/opt/nvbind-runtime|run|-e|"
		"NVBIND_GPU=GPU-1,0000:01:00.0,v.com/c=d|-e|NVIDIA_VISIBLE_DEVICES=GPU-1|-e|"
		"AMD_VISIBLE_DEVICES=void|-e|NVBIND_PROFILE=gaming|-e|"
		"NVIDIA_DRIVER_CAPABILITIES=graphics,video|image|-c|run|--|x");
	gpus.choice.method = CLIENT_METHOD_CDI;
	gpus.names = words(*state, "v.com/gpu=0 v.com/gpu=1:2");
	o.command = words(*state, "");
	expect(*state, &podman_client, &o, &gpus,
		"/bin/engine|run|--device|v.com/gpu=0|--device|v.com/gpu=1:2|-e|NVBIND_GPU=none|-e|"
		"NVIDIA_VISIBLE_DEVICES=void|-e|AMD_VISIBLE_DEVICES=void|image");
	/* An image that asks for all GPUs gets none. */
	gpus = (struct client_gpus){ .choice = { .method = CLIENT_METHOD_NOTHING } };
	expect(*state, &docker_client, &o, &gpus,
		"/bin/"
		"engine|run|-e|NVBIND_GPU=none|-e|NVIDIA_VISIBLE_DEVICES=void|-e|AMD_VISIBLE_"
		"DEVICES=void|image");
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
		.cpus = "0-3,8",
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
		.vendor_names = { words(*state, "all"), words(*state, "all") },
	};

	expect(*state, &docker_client, &o, &gpus,
		"/bin/engine|run|--runtime|nvbind|--rm|-d|-i|-t|--read-only|--name|n|--hostname|h|"
		"--workdir|/w|--user|1:2|--network|my-net|--restart|on-failure:3|--shm-size|1g|"
		"--cpuset-cpus|0-3,8|"
		"--entrypoint||--env-file|f|-e|A=1|-e|B|-v|v:/v|-v|./x:/x:ro,z|-p|80|-p|"
		"1.2.3.4:53:53/udp|--device|/dev/fuse|-e|NVBIND_GPU=all|-e|"
		"NVIDIA_VISIBLE_DEVICES=all|-e|AMD_VISIBLE_DEVICES=all|--init|--ulimit|"
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
	o.env = words(*state, "NVIDIA_VISIBLE_DEVICES=all");
	refuse(*state, &o, &gpus, "option '--env': 'NVIDIA_VISIBLE_DEVICES' is what '--gpu'");
	o.env = words(*state, "AMD_VISIBLE_DEVICES=");
	refuse(*state, &o, &gpus, "option '--env': 'AMD_VISIBLE_DEVICES' is what '--gpu'");
	o.env = words(*state, "NVBIND_PROFILE=x NVIDIA_DRIVER_CAPABILITIES=all NVBIND_GPUS=1");
	expect(*state, &docker_client, &o, &gpus,
		"/bin/engine|run|--runtime|nvbind|-e|NVBIND_PROFILE=x|-e|"
		"NVIDIA_DRIVER_CAPABILITIES=all|-e|NVBIND_GPUS=1|-e|NVBIND_GPU=0|-e|"
		"NVIDIA_VISIBLE_DEVICES=void|-e|AMD_VISIBLE_DEVICES=void|image");
	gpus.capabilities = "video";
	refuse(*state, &o, &gpus, "is what '--capabilities' decides");
	gpus.profile = "gaming";
	refuse(*state, &o, &gpus, "is what '--profile' decides");
}

/* Words for the engine stand behind ours, and would win. */
static void test_engine_words(void **state)
{
	static const char *const refused[] = {
		"--gpus=all",
		"--gpus all",
		"--device=nvidia.com/gpu=all",
		"--device nvidia.com/gpu=0",
		"--device NVIDIA.com/pgpu=0",
		"--device=amd.com/gpu=0",
		"--device intel.com/gpu=0",
		"-e NVBIND_GPU=all",
		"-eNVBIND_GPU=all",
		"-e=NVBIND_GPU",
		"-ite NVBIND_GPU=all",
		"-iteNVBIND_GPU=all",
		"--env NVIDIA_VISIBLE_DEVICES=all",
		"--env=AMD_VISIBLE_DEVICES=all",
		"--init --env=NVBIND_GPU=all",
		"--env-merge=NVBIND_GPU=1",
		"--unsetenv NVIDIA_VISIBLE_DEVICES",
	};
	static const char *const fine[] = {
		"--device=/dev/fuse",
		"--device v.com/c=d",
		"--device nvidia.com/gpu",
		"--env A=1",
		"-eA=NVBIND_GPU",
		"-h NVBIND_GPU=all",
		"--label NVBIND_GPU=all",
		"-e",
		"--device",
		"-hostname",
		"--gpus-of-mine=1",
		"--runtimes=1",
		"-",
		"--",
		"-it",
		"-e NVIDIA_DRIVER_CAPABILITIES=all",
	};
	static const char *const runtimes[] = { "--runtime=runc", "--runtime runc", "--runtime",
		"--init --runtime=" };
	struct client_options o = { .image = "image" };
	struct client_gpus gpus = {
		.choice = { .method = CLIENT_METHOD_RUNTIME, .runtime = "nvbind" },
		.names = words(*state, "0"),
	};
	struct string_list argv = { 0 };

	for (size_t i = 0; i < ELEMENTS(refused); i++) {
		o.words = words(*state, refused[i]);
		refuse(*state, &o, &gpus, "is what '--gpu' decides");
	}
	for (size_t i = 0; i < ELEMENTS(fine); i++) {
		o.words = words(*state, fine[i]);
		if (client_argv(&docker_client, "docker", &o, &gpus, *state, &argv, NULL) < 0)
			fail_msg("%s is refused", fine[i]);
	}
	gpus.capabilities = "video";
	refuse(*state, &o, &gpus,
		"'--engine-opt': 'NVIDIA_DRIVER_CAPABILITIES' is what '--capabilities' decides");
	gpus.capabilities = NULL;
	for (size_t i = 0; i < ELEMENTS(runtimes); i++) {
		o.words = words(*state, runtimes[i]);
		refuse(*state, &o, &gpus, "'--runtime' would replace 'nvbind'");
	}
	o.words = words(*state, "--device nvidia.com/gpu=\x1b[31m");
	refuse(*state, &o, &gpus, "'--device nvidia.com/gpu=\\x1b[31m'");
	/* Where another one gives the GPUs, or nobody does, the runtime is free. */
	gpus.choice.method = CLIENT_METHOD_NOTHING;
	o.words = words(*state, "--runtime=runsc");
	assert_int_equal(client_argv(&docker_client, "docker", &o, &gpus, *state, &argv, NULL), 0);
	o.words = words(*state, "--gpus=all");
	refuse(*state, &o, &gpus, "'--gpus' is what '--gpu' decides");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_methods),
		TEST(test_options),
		TEST(test_refusals),
		TEST(test_engine_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
