/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "model/store.h"

#define A64   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TYPE  "application/vnd.ollama.image."
#define PLACE "manifests/registry.ollama.ai/library/llama3"

struct sample {
	struct arena *a;
	char path[64];
	int fd;
	struct stored_model model;
	struct nvb_error *err;
};

static void write_file(struct sample *s, const char *dir, const char *name, const char *text)
{
	_cleanup_close_ int fd = path_mkdir_all_in(s->fd, dir, 0755), dir_fd = -1;

	assert_true(fd >= 0);
	dir_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace_at(dir_fd, name, text, strlen(text), 0644), 0);
}

static int set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	s->a = arena_new();
	(void)snprintf(s->path, sizeof(s->path), "/tmp/nvbind-store-XXXXXX");
	if (!s->a || !mkdtemp(s->path))
		return -1;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->model.fd = -1;
	*state = s;
	return s->fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct sample *s = *state;
	_cleanup_close_ int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	stored_model_done(&s->model);
	nvb_error_free(s->err);
	(void)path_remove_tree(tmp, path_base_name(s->path));
	closep(&s->fd);
	arena_free(s->a);
	free(s);
	return 0;
}

static int find(struct sample *s, const char *text)
{
	struct model_name name;

	assert_int_equal(model_name_parse(s->a, text, &name, NULL), 0);
	stored_model_done(&s->model);
	nvb_error_clear(&s->err);
	return model_store_find(s->fd, &name, s->a, &s->model, &s->err);
}

static void assert_refused(struct sample *s, const char *manifest, const char *part)
{
	int r;

	write_file(s, PLACE, "8b", manifest);
	r = find(s, "llama3:8b");
	if (r != NVB_ERR_FORMAT || !strstr(nvb_error_message(s->err), part))
		fail_msg("%d: '%s' does not say '%s'", r,
			s->err ? nvb_error_message(s->err) : "no error", part);
}

static void test_found(void **state)
{
	struct sample *s = *state;

	write_file(s, "blobs", "sha256-" A64, "12345");
	write_file(s, "blobs", "sha256-" B64, "123");
	write_file(s, PLACE, "8b",
		"{\"schemaVersion\":2,\"layers\":["
		"{\"mediaType\":\"" TYPE "license\",\"digest\":\"sha256:zz\",\"size\":1},"
		"{\"mediaType\":\"" TYPE "projector\",\"digest\":\"sha256:" B64 "\",\"size\":3},"
		"{\"mediaType\":\"" TYPE "model\",\"digest\":\"sha256:" A64 "\",\"size\":5}]}");
	assert_int_equal(find(s, "llama3:8b"), 1);
	assert_int_equal(s->model.weights_bytes, 8);
	assert_int_equal(s->model.projector_bytes, 3);
	assert_string_equal(s->model.model_file, "blobs/sha256-" A64);
	assert_true(s->model.fd >= 0);
	assert_int_equal(find(s, "llama3:70b"), 0);
}

static void test_refused(void **state)
{
	struct sample *s = *state;

	write_file(s, "blobs", "sha256-" A64, "12345");
	assert_refused(s, "", "manifest");
	assert_refused(s, "[]", "object");
	assert_refused(s, "{}", "layers");
	assert_refused(s, "{\"layers\":[]}", "names no model");
	assert_refused(s,
		"{\"layers\":[{\"mediaType\":\"" TYPE "model\",\"size\":5,\"digest\":"
		"\"sha256:../../../etc/passwd\"}]}",
		"digest");
	assert_refused(s,
		"{\"layers\":[{\"mediaType\":\"" TYPE "model\",\"size\":5,\"digest\":"
		"\"sha256:" B64 "\"}]}",
		"open 'blobs/sha256-bb");
	assert_refused(s,
		"{\"layers\":[{\"mediaType\":\"" TYPE "model\",\"size\":6,\"digest\":"
		"\"sha256:" A64 "\"}]}",
		"has 5 bytes");
	assert_refused(s,
		"{\"layers\":[{\"mediaType\":\"" TYPE "model\",\"digest\":"
		"\"sha256:" A64 "\",\"size\":99999999999999999999}]}",
		"");
}

/* A link in the store does not lead out of it. */
static void test_links(void **state)
{
	struct sample *s = *state;

	write_file(s, PLACE, "8b",
		"{\"layers\":[{\"mediaType\":\"" TYPE "model\",\"size\":5,"
		"\"digest\":\"sha256:" A64 "\"}]}");
	write_file(s, "blobs", "x", "");
	assert_int_equal(symlinkat("/etc/passwd", s->fd, "blobs/sha256-" A64), 0);
	assert_int_equal(find(s, "llama3:8b"), NVB_ERR_FORMAT);
	assert_int_equal(symlinkat("/", s->fd, "manifests/out"), 0);
	assert_int_equal(find(s, "out/etc/passwd:x"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_found), TEST(test_refused),
		TEST(test_links) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
