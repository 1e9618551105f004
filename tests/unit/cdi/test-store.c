/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are ours, and what happens to those that are not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cdi/store.h"

struct fixture {
	struct arena *a;
	char directory[64];
	struct cdi_store store;
	struct nvb_error *err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->a = arena_new();
	assert_non_null(f->a);
	(void)snprintf(f->directory, sizeof(f->directory), "/tmp/nvbind-store-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(
		cdi_store_open(arena_printf(f->a, "%s/state", f->directory), &f->store, NULL), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	cdi_store_done(&f->store);
	nvb_error_free(f->err);
	assert_int_equal(path_remove_tree(AT_FDCWD, f->directory), 0);
	arena_free(f->a);
	free(f);
	return 0;
}

static struct cdi_recipe recipe_of(struct fixture *f, const char *name)
{
	return (struct cdi_recipe){
		.path = arena_printf(f->a, "%s/%s", f->directory, name),
		.kind = "nvidia.com/gpu",
		.vendor = "nvidia",
		.host_root = "/",
		.capabilities = CAPABILITY_ALL,
		.names = 7,
		.all_device = true,
		.hook = "/usr/bin/nvbind-hook",
	};
}

static enum cdi_change put(struct fixture *f, const struct cdi_recipe *recipe, const char *text)
{
	enum cdi_change change = CDI_ABSENT;

	if (cdi_store_put(&f->store, recipe, text, text ? strlen(text) : 0, false, &change,
		    &f->err) < 0)
		fail_msg("%s", nvb_error_message(f->err));
	return change;
}

static int try_put(struct fixture *f, const struct cdi_recipe *recipe, const char *text, bool force)
{
	enum cdi_change change;

	nvb_error_clear(&f->err);
	return cdi_store_put(&f->store, recipe, text, text ? strlen(text) : 0, force, &change,
		&f->err);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
}

static void assert_file(const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	int r = file_read_path(path, 1 << 20, &text, NULL);

	if (!expected) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	assert_int_equal(r, 0);
	assert_string_equal(text, expected);
}

static size_t count_recipes(struct fixture *f)
{
	struct cdi_recipe_list list = { 0 };
	struct string_list problems = { 0 };

	assert_int_equal(cdi_store_recipes(&f->store, f->a, &list, &problems, NULL), 0);
	assert_int_equal(problems.n, 0);
	return list.n;
}

static void test_life(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "a/b/spec.json");
	enum cdi_change change;
	struct stat before, after;
	mode_t mask = umask(077);

	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	(void)umask(mask);
	assert_file(recipe.path, "one");
	assert_int_equal(stat(recipe.path, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0644);
	assert_int_equal(put(f, &recipe, "one"), CDI_UNCHANGED);
	assert_int_equal(stat(recipe.path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(put(f, &recipe, "two"), CDI_REWRITTEN);
	assert_file(recipe.path, "two");
	assert_int_equal(cdi_store_owns(&f->store, recipe.path, NULL), 1);
	assert_int_equal(put(f, &recipe, NULL), CDI_REMOVED);
	assert_int_equal(put(f, &recipe, NULL), CDI_ABSENT);
	/* The wish stays. */
	assert_int_equal(count_recipes(f), 1);
	assert_int_equal(put(f, &recipe, "three"), CDI_CREATED);
	assert_int_equal(cdi_store_drop(&f->store, &recipe, false, &change, NULL), 0);
	assert_int_equal(change, CDI_REMOVED);
	assert_file(recipe.path, NULL);
	assert_int_equal(count_recipes(f), 0);
	assert_int_equal(cdi_store_owns(&f->store, recipe.path, NULL), 0);
}

static void test_foreign_file(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");

	write_file(recipe.path, "theirs");
	assert_int_equal(try_put(f, &recipe, "ours", false), NVB_ERR_FAILED);
	assert_non_null(strstr(nvb_error_message(f->err), "it is not nvbind's"));
	assert_non_null(strstr(nvb_error_get_hint(f->err), "--force"));
	assert_file(recipe.path, "theirs");
	assert_int_equal(count_recipes(f), 0);
	/* Where we have nothing to write, it is none of our business. */
	assert_int_equal(try_put(f, &recipe, NULL, false), 0);
	assert_file(recipe.path, "theirs");
	assert_int_equal(try_put(f, &recipe, "ours", true), 0);
	assert_file(recipe.path, "ours");
}

/* A file of the very bytes is ours, whoever wrote it. */
static void test_adoption(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");

	write_file(recipe.path, "same");
	assert_int_equal(put(f, &recipe, "same"), CDI_UNCHANGED);
	assert_int_equal(cdi_store_owns(&f->store, recipe.path, NULL), 1);
}

static void test_edited_file(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");
	enum cdi_change change;

	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	write_file(recipe.path, "edited");
	assert_int_equal(cdi_store_owns(&f->store, recipe.path, NULL), 0);
	assert_int_equal(try_put(f, &recipe, "two", false), NVB_ERR_FAILED);
	assert_non_null(strstr(nvb_error_message(f->err), "someone changed it"));
	nvb_error_clear(&f->err);
	assert_int_equal(
		cdi_store_drop(&f->store, &recipe, false, &change, &f->err), NVB_ERR_FAILED);
	assert_file(recipe.path, "edited");
	assert_int_equal(cdi_store_drop(&f->store, &recipe, true, &change, NULL), 0);
	assert_file(recipe.path, NULL);
}

/* Deleted by hand: it comes back, and removing it again is no error. */
static void test_deleted_file(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");
	enum cdi_change change;

	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	assert_int_equal(unlink(recipe.path), 0);
	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	assert_int_equal(unlink(recipe.path), 0);
	assert_int_equal(cdi_store_drop(&f->store, &recipe, false, &change, NULL), 0);
	assert_int_equal(change, CDI_ABSENT);
}

/* Killed after the recipe was written and before the file was: the old file is still ours. */
static void test_killed_between(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");

	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	assert_int_equal(put(f, &recipe, "two"), CDI_REWRITTEN);
	write_file(recipe.path, "one");
	assert_int_equal(put(f, &recipe, "two"), CDI_REWRITTEN);
	write_file(recipe.path, "one");
	assert_int_equal(put(f, &recipe, "three"), CDI_REWRITTEN);
	assert_int_equal(put(f, &recipe, "five"), CDI_REWRITTEN);
	write_file(recipe.path, "one"); /* too long ago */
	assert_int_equal(try_put(f, &recipe, "four", false), NVB_ERR_FAILED);
}

/* What the store remembers after `text` was to be written and was not. */
static void fail_to_put(struct fixture *f, const struct cdi_recipe *recipe, const char *text)
{
	_cleanup_free_ char *before = NULL;
	size_t length = 0;

	assert_int_equal(file_read_path(recipe->path, 1 << 20, &before, &length), 0);
	assert_int_equal(put(f, recipe, text), CDI_REWRITTEN);
	write_file(recipe->path, before);
}

/* Full disk, read-only directory: the file of last time is ours however often it goes wrong. */
static void test_failures_in_a_row(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");

	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	fail_to_put(f, &recipe, "two");
	fail_to_put(f, &recipe, "three");
	fail_to_put(f, &recipe, "two");
	assert_int_equal(cdi_store_owns(&f->store, recipe.path, NULL), 1);
	assert_int_equal(put(f, &recipe, "four"), CDI_REWRITTEN);
}

/* Never written: nothing that a refresh would make. */
static void test_first_write_fails(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");

	/* No file takes the place of a directory. */
	assert_int_equal(mkdir(recipe.path, 0755), 0);
	assert_true(try_put(f, &recipe, "one", true) < 0);
	assert_int_equal(count_recipes(f), 0);
}

/* Force takes the place of a file; it does not remove one where there is nothing to write. */
static void test_force_removes_nothing(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");

	write_file(recipe.path, "theirs");
	assert_int_equal(try_put(f, &recipe, NULL, true), 0);
	assert_file(recipe.path, "theirs");
	assert_int_equal(try_put(f, &recipe, "ours", true), 0);
	write_file(recipe.path, "edited");
	assert_int_equal(try_put(f, &recipe, NULL, true), 0);
	assert_file(recipe.path, "edited");
}

static void damage_recipe(struct fixture *f, const struct cdi_recipe *recipe)
{
	char digest[CDI_DIGEST_BYTES];

	cdi_digest(recipe->path, strlen(recipe->path), digest);
	write_file(arena_printf(f->a, "%s/%s.json", f->store.path, digest), "{");
}

static void test_damaged_recipe(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json"), other = recipe_of(f, "other.json");
	size_t n = 0;

	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	damage_recipe(f, &recipe);
	assert_int_equal(try_put(f, &recipe, "two", false), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_get_hint(f->err), "generate --force"));
	assert_file(recipe.path, "one");
	assert_int_equal(try_put(f, &recipe, "two", true), 0);
	assert_file(recipe.path, "two");
	assert_int_equal(count_recipes(f), 1);

	assert_int_equal(put(f, &other, "one"), CDI_CREATED);
	assert_int_equal(cdi_store_forget_damaged(&f->store, NULL, &n, NULL), 0);
	assert_int_equal(n, 0);
	damage_recipe(f, &recipe);
	damage_recipe(f, &other);
	assert_int_equal(cdi_store_forget_damaged(&f->store, other.path, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(cdi_store_forget_damaged(&f->store, NULL, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(count_recipes(f), 0);
	assert_file(recipe.path, "two");
}

static void test_link_in_place(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");
	const char *target = arena_printf(f->a, "%s/target", f->directory);
	struct stat st;

	write_file(target, "precious");
	assert_int_equal(symlink(target, recipe.path), 0);
	assert_int_equal(try_put(f, &recipe, "ours", false), NVB_ERR_FAILED);
	assert_int_equal(try_put(f, &recipe, "ours", true), 0);
	assert_file(target, "precious");
	assert_int_equal(lstat(recipe.path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_recipe_round_trip(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.yaml"), again = { 0 };
	_cleanup_free_ char *text = NULL, *text_again = NULL;
	size_t length;

	recipe.format = CDI_FORMAT_YAML;
	recipe.profile = "ai-ml";
	recipe.data_companions = recipe.annotate = recipe.no_library = true;
	recipe.companion = "nvidia.com/gds";
	recipe.driver_root = "/run/nvidia/driver";
	recipe.dev_root = "/";
	recipe.hookless = "fedora";
	recipe.digest = "0123456789abcdef";
	recipe.previous = "fedcba9876543210";
	assert_int_equal(cdi_recipe_format(&recipe, &text, &length, NULL), 0);
	assert_int_equal(cdi_recipe_parse(text, length, f->a, &again, NULL), 0);
	assert_int_equal(cdi_recipe_format(&again, &text_again, NULL, NULL), 0);
	assert_string_equal(text, text_again);
	assert_true(again.all_device && again.data_companions && again.format == CDI_FORMAT_YAML);
	assert_string_equal(again.hookless, "fedora");
}

#define UNKNOWN_FORMAT                                                                         \
	"{\"version\": 1, \"path\": \"/x\", \"kind\": \"a/b\", \"vendor\": \"v\", "           \
	"\"format\": 9, \"host_root\": \"/\", \"capabilities\": 1, \"names\": 1}"

static void test_bad_recipes(void **state)
{
	static const char *const texts[] = { "", "[]", "{}", "{\"version\": 2}",
		"{\"version\": 1, \"path\": 7}", "{\"version\": 1, \"path\": \"/x\"}",
		UNKNOWN_FORMAT };
	struct fixture *f = *state;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct cdi_recipe recipe = { .path = "untouched" };

		assert_int_equal(
			cdi_recipe_parse(texts[i], strlen(texts[i]), f->a, &recipe, NULL),
			NVB_ERR_FORMAT);
		assert_string_equal(recipe.path, "untouched");
	}
}

/* A damaged recipe is told of and does not hide the others; strange names are not looked at. */
static void test_damaged_store(void **state)
{
	struct fixture *f = *state;
	struct cdi_recipe recipe = recipe_of(f, "spec.json");
	struct cdi_recipe_list list = { 0 };
	struct string_list problems = { 0 };

	assert_int_equal(put(f, &recipe, "one"), CDI_CREATED);
	write_file(arena_printf(f->a, "%s/0000000000000000.json", f->store.path), "{");
	write_file(arena_printf(f->a, "%s/readme.json", f->store.path), "{");
	assert_int_equal(cdi_store_recipes(&f->store, f->a, &list, &problems, NULL), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(problems.n, 1);
	assert_non_null(strstr(problems.items[0], "0000000000000000.json"));
}

static void test_open_to_others(void **state)
{
	struct fixture *f = *state;
	struct cdi_store store = CDI_STORE_INIT;
	const char *dir = arena_printf(f->a, "%s/other", f->directory);

	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(mkdir(arena_printf(f->a, "%s/cdi", dir), 0777), 0);
	assert_int_equal(chmod(arena_printf(f->a, "%s/cdi", dir), 0777), 0);
	assert_int_equal(cdi_store_open(dir, &store, &f->err), NVB_ERR_PERMISSION);
	assert_int_equal(store.dir_fd, -1);
}

static void test_paths(void **state)
{
	struct fixture *f = *state;
	struct string_list directories = { 0 };
	const char *path, *note;

	assert_string_equal(cdi_store_path(f->a, "/etc/cdi", "nvidia.com/gpu-bolt", CDI_FORMAT_JSON),
		"/etc/cdi/nvidia.com_gpu-bolt.json");
	assert_string_equal(cdi_store_path(f->a, "/x", "amd.com/gpu", CDI_FORMAT_YAML),
		"/x/amd.com_gpu.yaml");

	/* A file in the way: the next one. */
	path = arena_printf(f->a, "%s/file", f->directory);
	write_file(path, "");
	(void)string_list_add(f->a, &directories, arena_printf(f->a, "%s/cdi", path));
	assert_int_equal(cdi_store_default_directory(&directories, f->a, &path, &note, NULL),
		NVB_ERR_PERMISSION);
	(void)string_list_add(f->a, &directories, arena_printf(f->a, "%s/second", f->directory));
	assert_int_equal(cdi_store_default_directory(&directories, f->a, &path, &note, NULL), 0);
	assert_string_equal(path, directories.items[1]);
	assert_non_null(strstr(note, directories.items[0]));
}

static const char spec_text[] = "{\"cdiVersion\": \"0.5.0\", \"kind\": \"nvidia.com/gpu\", \"devices\": "
				"[{\"name\": \"0\", \"containerEdits\": {\"env\": [\"A=B\"]}}]}";

static void test_rival(void **state)
{
	struct fixture *f = *state;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	const char *dir = arena_printf(f->a, "%s/specs", f->directory), *device = NULL;
	const char *theirs = arena_printf(f->a, "%s/theirs.json", dir);
	struct string_list directories = { 0 };
	const struct cdi_spec *rival;

	assert_int_equal(mkdir(dir, 0755), 0);
	write_file(theirs, spec_text);
	assert_int_equal(cdi_document_parse(spec_text, strlen(spec_text), CDI_FORMAT_JSON, NULL,
				 &spec, NULL),
		0);
	(void)string_list_add(f->a, &directories, dir);
	assert_int_equal(cdi_registry_read(&directories, &registry, NULL), 0);
	rival = cdi_store_rival(
		registry, spec, arena_printf(f->a, "%s/ours.json", dir), NULL, &device);
	assert_non_null(rival);
	assert_string_equal(rival->path, theirs);
	assert_string_equal(device, "0");
	/* The file that is to be replaced is no rival, and neither is another device. */
	assert_null(cdi_store_rival(registry, spec, theirs, NULL, &device));
	assert_null(cdi_store_rival(
		registry, spec, arena_printf(f->a, "%s/ours.json", dir), theirs, &device));
	spec->devices.items[0].name = "1";
	assert_null(cdi_store_rival(
		registry, spec, arena_printf(f->a, "%s/ours.json", dir), NULL, &device));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_foreign_file),
		TEST(test_adoption),
		TEST(test_edited_file),
		TEST(test_deleted_file),
		TEST(test_killed_between),
		TEST(test_failures_in_a_row),
		TEST(test_first_write_fails),
		TEST(test_force_removes_nothing),
		TEST(test_damaged_recipe),
		TEST(test_link_in_place),
		TEST(test_recipe_round_trip),
		TEST(test_bad_recipes),
		TEST(test_damaged_store),
		TEST(test_open_to_others),
		TEST(test_paths),
		TEST(test_rival),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
