/* SPDX-License-Identifier: Apache-2.0 */
/* What `nvbind ollama` chooses for which GPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "nvbind/ollama.h"

#define GIB  (UINT64_C(1) << 30)
#define GPUS 4

struct sample {
	struct arena *a;
	struct gpu gpus[GPUS];
	struct ollama_options options;
	struct ollama_preset preset;
	struct ollama_model model;
	struct ollama_gpu_list list;
	struct ollama_choice choice;
};

static int set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	s->a = arena_new();
	s->model = (struct ollama_model){
		.shown = "a",
		.directory = "/models",
		.directory_exists = true,
		.is_stored = true,
		.guess = { UINT64_C(8000000000), "Q4_K_M", 4890, false },
	};
	*state = s;
	return s->a ? 0 : -1;
}

static int tear_down(void **state)
{
	struct sample *s = *state;

	arena_free(s->a);
	free(s);
	return 0;
}

static void add_gpu(struct sample *s, enum gpu_vendor vendor, uint64_t bytes)
{
	struct gpu *gpu = &s->gpus[s->list.n];

	assert_true(s->list.n < GPUS);
	*gpu = (struct gpu){
		.index = (unsigned)s->list.n,
		.vendor = vendor,
		.memory_bytes = bytes,
	};
	*vec_push(s->a, &s->list) = (struct ollama_gpu){ .item.gpu = gpu, .bytes = bytes };
}

static const struct ollama_choice *choose(struct sample *s)
{
	const struct ollama_inputs in = { &s->options, &s->preset, &s->model, &s->list, s->a };
	_cleanup_error_ struct nvb_error *err = NULL;

	if (ollama_choose(&in, &s->choice, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return &s->choice;
}

static const char *setting(const struct ollama_choice *c, const char *name)
{
	vec_foreach (const struct ollama_setting, item, &c->settings)
		if (strcmp(item->name, name) == 0)
			return item->value;
	return NULL;
}

static bool has_note(const struct ollama_choice *c, const char *part)
{
	vec_foreach (const char *, note, &c->notes)
		if (strstr(*note, part))
			return true;
	return false;
}

static bool runs(const struct ollama_choice *c, const char *option, const char *value)
{
	for (size_t i = 0; i + 1 < c->run.n; i++)
		if (strcmp(c->run.items[i], option) == 0 && strcmp(c->run.items[i + 1], value) == 0)
			return true;
	return false;
}

/* About 6.6 GiB. The larger one, although the smaller would do. */
static void test_one(void **state)
{
	struct sample *s = *state;
	const struct ollama_choice *c;

	add_gpu(s, GPU_VENDOR_NVIDIA, 8 * GIB);
	add_gpu(s, GPU_VENDOR_NVIDIA, 24 * GIB);
	c = choose(s);
	assert_int_equal(c->fit, OLLAMA_FITS);
	assert_int_equal(c->gpus.n, 1);
	assert_int_equal(c->gpus.items[0].item.gpu->index, 1);
	assert_true(runs(c, "--gpu", "1"));
	assert_false(runs(c, "--gpu", "0"));
	assert_null(setting(c, "OLLAMA_SCHED_SPREAD"));
	assert_true(has_note(c, "in use is not known"));
	assert_string_equal(c->image, "docker.io/ollama/ollama");
}

static void test_several(void **state)
{
	struct sample *s = *state;
	const struct ollama_choice *c;

	for (size_t i = 0; i < 4; i++)
		add_gpu(s, GPU_VENDOR_NVIDIA, 4 * GIB + i);
	c = choose(s);
	assert_int_equal(c->fit, OLLAMA_FITS);
	assert_int_equal(c->gpus.n, 2);
	/* In the inventory's order. */
	assert_int_equal(c->gpus.items[0].item.gpu->index, 2);
	assert_int_equal(c->gpus.items[1].item.gpu->index, 3);
	assert_string_equal(setting(c, "OLLAMA_SCHED_SPREAD"), "1");
	s->options.parallel = 64;
	c = choose(s);
	assert_int_equal(c->fit, OLLAMA_FITS_NOT);
	assert_int_equal(c->gpus.n, 4);
	assert_true(has_note(c, "it fits with --context 8192"));
}

static void test_vendors(void **state)
{
	struct sample *s = *state;
	const struct ollama_choice *c;

	add_gpu(s, GPU_VENDOR_NVIDIA, 2 * GIB);
	add_gpu(s, GPU_VENDOR_AMD, 24 * GIB);
	c = choose(s);
	assert_int_equal(c->gpus.n, 1);
	assert_int_equal(c->gpus.items[0].item.gpu->index, 1);
	assert_string_equal(c->image, "docker.io/ollama/ollama:rocm");
	s->options.image = "mine";
	assert_string_equal(choose(s)->run.items[c->run.n - 1], "mine");
}

static void test_given(void **state)
{
	struct sample *s = *state;
	const struct ollama_choice *c;

	add_gpu(s, GPU_VENDOR_NVIDIA, 24 * GIB);
	add_gpu(s, GPU_VENDOR_NVIDIA, 4 * GIB);
	string_list_add(s->a, &s->options.gpus, "0,1");
	c = choose(s);
	assert_int_equal(c->gpus.n, 2);
	assert_int_equal(c->fit, OLLAMA_FITS);
	assert_null(setting(c, "OLLAMA_SCHED_SPREAD"));
	s->options.parallel = 8;
	s->list.items[0].bytes = 12 * GIB;
	s->list.items[1].bytes = 12 * GIB;
	assert_string_equal(setting(choose(s), "OLLAMA_SCHED_SPREAD"), "1");
}

static void test_unknown(void **state)
{
	struct sample *s = *state;
	const struct ollama_choice *c;

	add_gpu(s, GPU_VENDOR_NVIDIA, 0);
	add_gpu(s, GPU_VENDOR_NVIDIA, 0);
	c = choose(s);
	assert_int_equal(c->gpus.n, 2);
	assert_int_equal(c->fit, OLLAMA_FIT_UNKNOWN);
	assert_true(c->has_estimate);
	s->model.guess.parameters = 0;
	s->list.items[0].bytes = s->list.items[1].bytes = 8 * GIB;
	c = choose(s);
	assert_false(c->has_estimate);
	assert_int_equal(c->gpus.n, 2);
	assert_int_equal(c->fit, OLLAMA_FIT_UNKNOWN);
}

/* A limit of a preset is what Ollama leaves free, counted from the end. */
static void test_limit(void **state)
{
	struct sample *s = *state;

	s->preset = (struct ollama_preset){ .name = "p", .origin = "x", .limit_bytes = 12 * GIB };
	add_gpu(s, GPU_VENDOR_NVIDIA, 24 * GIB);
	assert_string_equal(setting(choose(s), "OLLAMA_GPU_OVERHEAD"), "12884901888");
	s->gpus[0].memory_bytes = 8 * GIB;
	assert_null(setting(choose(s), "OLLAMA_GPU_OVERHEAD"));
	s->gpus[0].memory_bytes = 0;
	assert_null(setting(choose(s), "OLLAMA_GPU_OVERHEAD"));
	assert_true(has_note(&s->choice, "limit of 12.0 GiB is not set"));
}

static void test_formats(void **state)
{
	struct sample *s = *state;
	const struct ollama_inputs in = { &s->options, &s->preset, &s->model, &s->list, s->a };
	_cleanup_free_ char *text = NULL, *json = NULL;

	add_gpu(s, GPU_VENDOR_NVIDIA, 24 * GIB);
	s->model.shown = "a\x1b[2J";
	string_list_add(s->a, &s->options.command, "it's");
	(void)choose(s);
	assert_int_equal(ollama_format_text(&in, &s->choice, &text, NULL), 0);
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "'it'\\''s'"));
	assert_non_null(strstr(text, "guess"));
	assert_int_equal(ollama_format_json(&in, &s->choice, &json, NULL), 0);
	assert_non_null(strstr(json, "\"memory_is\": \"total\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one),
		TEST(test_several),
		TEST(test_vendors),
		TEST(test_given),
		TEST(test_unknown),
		TEST(test_limit),
		TEST(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
