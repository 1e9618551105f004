/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile and damaged image layouts. The store has the image unpacked: nothing is executed. */
#include "root.h"

#include "engine/bolt/oci_layout.h"

#define MANIFEST "1111111111111111111111111111111111111111111111111111111111111111"
#define CONFIG	 "2222222222222222222222222222222222222222222222222222222222222222"
#define INDEX	 "3333333333333333333333333333333333333333333333333333333333333333"
#define OTHER	 "4444444444444444444444444444444444444444444444444444444444444444"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

#define ENTRY(digest, tag) \
	"{\"mediaType\":\"" MANIFEST_TYPE "\",\"digest\":\"sha256:" digest "\",\"size\":1," \
	"\"annotations\":{\"org.opencontainers.image.ref.name\":\"" tag "\"}}"
#define NESTED(digest) \
	"{\"mediaType\":\"" INDEX_TYPE "\",\"digest\":\"sha256:" digest "\",\"size\":1}"
#define MANIFESTS(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"

static const char manifest[] = "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":"
			       "\"sha256:" CONFIG "\",\"size\":2},\"layers\":[]}";
static const char config[] = "{\"architecture\":\"any\",\"os\":\"linux\",\"config\":{"
			     "\"Entrypoint\":[\"/bin/tool\",\"-x\"],\"Cmd\":[\"a b\",\"\"],"
			     "\"Env\":[\"PATH=/bin\",\"A=1\"],\"WorkingDir\":\"/work\",\"User\":\"1000\"}}";

static int store_fd = -1;
static struct image image;

static void put_blob(struct root *r, const char *hex, const char *text)
{
	root_file(r, arena_printf(r->a, "layout/blobs/sha256/%s", hex), text, 0644);
}

static void put_index(struct root *r, const char *text)
{
	root_file(r, "layout/index.json", text, 0644);
}

static int set_up(void **state)
{
	struct root *r;

	if (root_set_up(state) < 0)
		return -1;
	r = *state;
	image = (struct image)IMAGE_INIT;
	put_index(r, MANIFESTS(ENTRY(MANIFEST, "v1")));
	put_blob(r, MANIFEST, manifest);
	put_blob(r, CONFIG, config);
	root_dir(r, "store/images/" MANIFEST "/bundle/rootfs", 0755);
	store_fd = root_open(r, "store");
	return 0;
}

static int tear_down(void **state)
{
	image_done(&image);
	closep(&store_fd);
	return root_tear_down(state);
}

static int open_layout(struct root *r, const char *suffix)
{
	image_done(&image);
	image = (struct image)IMAGE_INIT;
	return oci_layout_open(r->a, arena_printf(r->a, "%s/layout%s", r->path, suffix), store_fd,
		arena_printf(r->a, "%s/store", r->path), &image, &r->err);
}

static void assert_bad(struct root *r, const char *suffix, const char *text)
{
	assert_raised(r, open_layout(r, suffix), NVB_ERR_IMAGE, text);
}

static void test_settings(void **state)
{
	struct root *r = *state;

	assert_success(r, open_layout(r, ":v1"));
	ASSERT_LIST(&image.entrypoint, "/bin/tool", "-x");
	ASSERT_LIST(&image.command, "a b", "");
	ASSERT_LIST(&image.env, "PATH=/bin", "A=1");
	assert_string_equal(image.cwd, "/work");
	assert_string_equal(image.user, "1000");
	assert_false(image.is_host);
	assert_true(image.root_fd >= 0);
	assert_non_null(strstr(image.root_path, "/store/images/" MANIFEST "/bundle/rootfs"));
}

static void test_relative_directory(void **state)
{
	struct root *r = *state;

	put_blob(r, CONFIG, "{\"config\":{\"WorkingDir\":\"app/x\"}}");
	assert_success(r, open_layout(r, ":v1"));
	assert_string_equal(image.cwd, "/app/x");
}

static void test_no_settings(void **state)
{
	static const char *const texts[] = { "{}", "{\"config\":null}", "{\"config\":{}}",
		"{\"config\":{\"Cmd\":null,\"Env\":null,\"User\":\"\"}}" };
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		put_blob(r, CONFIG, texts[i]);
		assert_success(r, open_layout(r, ":v1"));
		assert_int_equal(image.entrypoint.n + image.command.n + image.env.n, 0);
		assert_null(image.cwd);
		assert_null(image.user);
	}
}

static void test_tags(void **state)
{
	struct root *r = *state;

	/* The only image needs no tag. */
	assert_success(r, open_layout(r, ""));
	assert_bad(r, ":v2", "find the tag 'v2'");
	put_index(r, MANIFESTS(ENTRY(OTHER, "v1") "," ENTRY(MANIFEST, "v2")));
	assert_success(r, open_layout(r, ":v2"));
	assert_bad(r, "", "find the tag 'latest'");
	put_index(r, MANIFESTS(ENTRY(OTHER, "v1") "," ENTRY(MANIFEST, "latest")));
	assert_success(r, open_layout(r, ""));
	put_index(r, MANIFESTS(""));
	assert_bad(r, "", "find the tag 'latest'");
	assert_bad(r, ":v1", "index.json' tells which exist");
	assert_int_equal(renameat(r->fd, "layout", r->fd, "layout:v1"), 0);
	put_index(r, "not read");
	assert_int_equal(path_remove_tree(r->fd, "layout"), 0);
	root_file(r, "layout:v1/index.json", MANIFESTS(ENTRY(MANIFEST, "x")), 0644);
	assert_success(r, open_layout(r, ":v1"));
	assert_bad(r, ":none", "open the image directory");
}

/* Cut anywhere, each document is an error of the image: never a crash, never another exit code. */
static void assert_truncations_fail(struct root *r, const char *path, const char *text)
{
	char *copy = arena_strdup(r->a, text);

	for (size_t n = strlen(text); n-- > 0;) {
		copy[n] = '\0';
		root_file(r, path, copy, 0644);
		if (open_layout(r, ":v1") != NVB_ERR_IMAGE)
			fail_msg("'%s' of %zu bytes is not refused", path, n);
		nvb_error_clear(&r->err);
	}
	root_file(r, path, text, 0644);
}

static void test_truncated(void **state)
{
	struct root *r = *state;

	assert_truncations_fail(r, "layout/index.json", MANIFESTS(ENTRY(MANIFEST, "v1")));
	assert_truncations_fail(r, "layout/blobs/sha256/" MANIFEST, manifest);
	assert_truncations_fail(r, "layout/blobs/sha256/" CONFIG, config);
	assert_success(r, open_layout(r, ":v1"));
}

static void test_wrong_types(void **state)
{
	static const char *const indexes[] = { "[]", "1", "\"x\"", "{}", "{\"manifests\":{}}",
		"{\"manifests\":[1]}", "{\"manifests\":[null]}", "{\"manifests\":[{}]}",
		"{\"manifests\":[{\"digest\":1}]}", "{\"manifests\":[{\"digest\":null}]}",
		"{\"manifests\":[{\"annotations\":[]}]}", "{\"manifests\":[{\"platform\":1}]}",
		"{\"manifests\":[{\"digest\":\"sha256:" MANIFEST "\",\"size\":-1}]}",
		"{\"manifests\":[{\"digest\":\"sha256:" MANIFEST "\",\"mediaType\":{}}]}" };
	static const char *const configs[] = { "[]", "{\"config\":[]}",
		"{\"config\":{\"Cmd\":\"x\"}}", "{\"config\":{\"Cmd\":[1]}}",
		"{\"config\":{\"Cmd\":[null]}}", "{\"config\":{\"Env\":{}}}",
		"{\"config\":{\"User\":0}}", "{\"config\":{\"WorkingDir\":[]}}",
		"{\"config\":{\"Entrypoint\":[\"a\\u0000b\"]}}" };
	static const char *const manifests[] = { "[]", "{}", "{\"config\":[]}", "{\"config\":{}}",
		"{\"config\":{\"digest\":7}}" };
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(indexes); i++) {
		put_index(r, indexes[i]);
		assert_bad(r, "", "/layout'");
	}
	put_index(r, MANIFESTS(ENTRY(MANIFEST, "v1")));
	for (size_t i = 0; i < ELEMENTS(configs); i++) {
		put_blob(r, CONFIG, configs[i]);
		assert_bad(r, "", "/layout'");
	}
	for (size_t i = 0; i < ELEMENTS(manifests); i++) {
		put_blob(r, MANIFEST, manifests[i]);
		assert_bad(r, "", "/layout'");
	}
}

static void test_digests(void **state)
{
	static const char *const digests[] = { "", "sha256:", "sha256:../../../../etc/passwd",
		"../../index.json", "sha512:" MANIFEST, "sha256:" MANIFEST "0", "sha256:" MANIFEST "/",
		"sha256:111111111111111111111111111111111111111111111111111111111111111",
		"sha256:../1111111111111111111111111111111111111111111111111111111111111",
		"sha256:A111111111111111111111111111111111111111111111111111111111111111",
		"SHA256:" MANIFEST, " sha256:" MANIFEST, "sha25", "x" };
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(digests); i++) {
		put_index(r, arena_printf(r->a, "{\"manifests\":[{\"digest\":\"%s\",\"size\":1}]}",
				     digests[i]));
		assert_bad(r, "", "is no sha256 digest");
		put_index(r, MANIFESTS(ENTRY(MANIFEST, "v1")));
		put_blob(r, MANIFEST, arena_printf(r->a, "{\"config\":{\"digest\":\"%s\"}}", digests[i]));
		assert_bad(r, "", "is no sha256 digest");
		put_blob(r, MANIFEST, manifest);
	}
	put_index(r, MANIFESTS(ENTRY(OTHER, "v1")));
	assert_bad(r, "", "No such file");
}

static void test_nested(void **state)
{
	struct root *r = *state;

	put_index(r, MANIFESTS(NESTED(INDEX)));
	put_blob(r, INDEX, MANIFESTS(ENTRY(MANIFEST, "")));
	assert_success(r, open_layout(r, ""));
	/* An index that names itself ends. */
	put_blob(r, INDEX, MANIFESTS(NESTED(INDEX)));
	assert_bad(r, "", "nests its indexes");
	put_blob(r, INDEX, MANIFESTS(""));
	assert_bad(r, "", "no variant");
	put_blob(r, INDEX, "{\"manifests\":[{\"digest\":\"sha256:" OTHER "\",\"platform\":"
			   "{\"architecture\":\"s390\",\"os\":\"linux\"}},{\"digest\":\"sha256:" OTHER
			   "\",\"platform\":{\"os\":\"windows\"}}]}");
	assert_bad(r, "", "no variant");
	put_blob(r, INDEX, "{\"manifests\":[{\"digest\":\"sha256:" OTHER "\",\"platform\":"
			   "{\"architecture\":\"s390\"}},{\"digest\":\"sha256:" MANIFEST
			   "\",\"platform\":{\"os\":\"linux\"}}]}");
	assert_success(r, open_layout(r, ""));
}

static void test_files_that_are_none(void **state)
{
	struct root *r = *state;
	int fd;

	assert_int_equal(unlinkat(r->fd, "layout/index.json", 0), 0);
	root_link(r, "../../../../../../../../../../etc/passwd", "layout/index.json");
	assert_bad(r, "", "No such file");
	assert_int_equal(unlinkat(r->fd, "layout/index.json", 0), 0);
	assert_int_equal(mkfifoat(r->fd, "layout/index.json", 0644), 0);
	assert_bad(r, "", "index.json");
	assert_int_equal(unlinkat(r->fd, "layout/index.json", 0), 0);
	root_dir(r, "layout/index.json", 0755);
	assert_bad(r, "", "Is a directory");
	assert_int_equal(unlinkat(r->fd, "layout/index.json", AT_REMOVEDIR), 0);
	put_index(r, "{");
	fd = openat(r->fd, "layout/index.json", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	closep(&fd);
	assert_bad(r, "", "File too large");
}

/* What an unpacking that was killed left goes away with the next use of the store. */
static void test_partial_is_removed(void **state)
{
	struct root *r = *state;

	root_file(r, "store/images/.part-" OTHER "-77/bundle/rootfs/file", "", 0000);
	assert_success(r, open_layout(r, ":v1"));
	assert_int_equal(root_mode(r, "store/images/.part-" OTHER "-77"), 0);
	assert_true(S_ISDIR(root_mode(r, "store/images/" MANIFEST)));
}

/* The store is ours, but a link in it is not followed out of it. */
static void test_linked_store(void **state)
{
	struct root *r = *state;

	assert_int_equal(renameat(r->fd, "store/images", r->fd, "elsewhere"), 0);
	root_link(r, "../elsewhere", "store/images");
	assert_bad(r, ":v1", "images'");
	assert_int_equal(unlinkat(r->fd, "store/images", 0), 0);
	assert_int_equal(renameat(r->fd, "elsewhere", r->fd, "store/images"), 0);
	assert_int_equal(path_remove_tree(r->fd, "store/images/" MANIFEST "/bundle/rootfs"), 0);
	root_link(r, "/", "store/images/" MANIFEST "/bundle/rootfs");
	assert_bad(r, ":v1", "rootfs'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_settings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_relative_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_settings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tags, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_truncated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_types, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_digests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nested, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_that_are_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_partial_is_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_linked_store, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
