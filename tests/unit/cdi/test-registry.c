/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>

#include "../host/scratch-tree.h"
#include "base/strbuf.h"
#include "cdi/registry.h"

static void write_spec(
	const struct scratch *s, const char *path, const char *kind, const char *device)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(4096);

	strbuf_printf(&b,
		"{\"cdiVersion\": \"0.5.0\", \"kind\": \"%s\", \"devices\": [{\"name\": \"%s\", "
		"\"containerEdits\": {\"env\": [\"FROM=%s\"]}}]}",
		kind, device, path);
	scratch_write(s, path, strbuf_str(&b));
}

static void add_directory(const struct scratch *s, struct string_list *list, const char *path)
{
	assert_int_equal(string_list_printf(s->arena, list, "%s%s", s->directory, path), 0);
}

static struct cdi_registry *read_two(const struct scratch *s)
{
	struct string_list directories = { 0 };
	struct cdi_registry *registry = NULL;

	add_directory(s, &directories, "/etc/cdi");
	add_directory(s, &directories, "/run/cdi");
	assert_int_equal(cdi_registry_read(&directories, &registry, NULL), 0);
	return registry;
}

static int resolve(const struct scratch *s, const struct cdi_registry *registry, const char *names,
	struct cdi_found_list *ret, struct nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(names);
	struct string_list list = { 0 };

	assert_non_null(copy);
	for (char *rest = copy, *name; (name = strsep(&rest, " "));)
		assert_int_equal(string_list_add(s->arena, &list, name), 0);
	return cdi_registry_resolve(registry, &list, s->arena, ret, err);
}

static void assert_from(const struct cdi_found *found, const char *path)
{
	assert_non_null(strstr(found->device->edits.env.items[0], path));
}

static void test_nothing(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = read_two(s);
	_cleanup_error_ struct nvb_error *err = NULL;
	struct cdi_found_list found = { 0 };

	assert_int_equal(registry->specs.n, 0);
	assert_int_equal(registry->problems.n, 0);
	assert_int_equal(resolve(s, registry, "a/b=c", &found, &err), NVB_ERR_NO_GPU);
	assert_non_null(strstr(nvb_error_message(err), "'a/b=c' is not defined"));
	assert_non_null(strstr(nvb_error_get_hint(err), "/etc/cdi, "));
	assert_int_equal(found.n, 0);
}

static void test_priority(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	struct cdi_found_list found = { 0 };

	write_spec(s, "/etc/cdi/a.json", "a.com/x", "0");
	write_spec(s, "/etc/cdi/b.yaml", "a.com/x", "1");
	write_spec(s, "/run/cdi/c.json", "a.com/x", "0");
	write_spec(s, "/etc/cdi/d.yml", "a.com/x", "2");
	write_spec(s, "/etc/cdi/below/e.json", "a.com/x", "3");
	scratch_directory(s, "/etc/cdi/f.json");
	registry = read_two(s);
	assert_int_equal(registry->problems.n, 0);
	assert_int_equal(registry->conflicts.n, 0);
	assert_int_equal(registry->specs.n, 3);
	assert_int_equal(registry->devices.n, 2);
	assert_string_equal(registry->devices.items[0].name, "a.com/x=0");
	assert_from(&registry->devices.items[0], "/run/cdi/c.json");
	assert_from(&registry->devices.items[1], "/etc/cdi/b.yaml");
	assert_int_equal(resolve(s, registry, "a.com/x=1 a.com/x=0 a.com/x=1", &found, NULL), 0);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.items[0].device->name, "1");
	assert_string_equal(found.items[1].device->name, "0");
	assert_ptr_equal(found.items[1].spec, registry->specs.items[2]);
}

static void test_conflict(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;
	struct cdi_found_list found = { 0 };

	write_spec(s, "/etc/cdi/a.json", "a.com/x", "0");
	write_spec(s, "/etc/cdi/b.json", "a.com/x", "0");
	write_spec(s, "/etc/cdi/c.json", "a.com/x", "1");
	write_spec(s, "/etc/cdi/d.json", "a.com/x", "2");
	write_spec(s, "/etc/cdi/e.json", "a.com/x", "2");
	write_spec(s, "/run/cdi/f.json", "a.com/x", "2");
	registry = read_two(s);
	assert_int_equal(registry->conflicts.n, 1);
	assert_string_equal(registry->conflicts.items[0].name, "a.com/x=0");
	assert_non_null(strstr(registry->conflicts.items[0].path, "/etc/cdi/a.json"));
	assert_non_null(strstr(registry->conflicts.items[0].other_path, "/etc/cdi/b.json"));
	/* All or none, and every reason. */
	assert_int_equal(resolve(s, registry, "a.com/x=1 a.com/x=0 a.com/x=9 x", &found, &err),
		NVB_ERR_NO_GPU);
	assert_int_equal(found.n, 0);
	assert_non_null(strstr(nvb_error_message(err), "'a.com/x=0' is defined twice, by '"));
	assert_non_null(strstr(nvb_error_message(err), "'a.com/x=9' is not defined"));
	assert_non_null(strstr(nvb_error_message(err), "'x' is not of the form"));
	assert_null(strstr(nvb_error_message(err), "x=1'"));
	assert_string_equal(nvb_error_get_hint(err), "known are a.com/x=1, a.com/x=2");
	assert_int_equal(resolve(s, registry, "a.com/x=2", &found, NULL), 0);
	assert_from(&found.items[0], "/run/cdi/f.json");
}

static void test_bad_files(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	_cleanup_error_ struct nvb_error *err = NULL;
	struct cdi_found_list found = { 0 };

	scratch_write(s, "/etc/cdi/a.json", "{");
	scratch_link(s, "/etc/cdi/b.json", "c.json");
	write_spec(s, "/etc/cdi/c.json", "a.com/x", "0");
	scratch_write(s, "/etc/cdi/d.yaml", "cdiVersion: 0.5.0\nfoo: bar\n");
	scratch_link(s, "/run/cdi/e.json", "nowhere");
	registry = read_two(s);
	assert_int_equal(registry->problems.n, 4);
	assert_non_null(strstr(registry->problems.items[0].path, "/etc/cdi/a.json"));
	assert_non_null(strstr(registry->problems.items[1].message, "a symbolic link"));
	assert_non_null(strstr(registry->problems.items[2].message, "/d.yaml:2: 'foo' must be"));
	assert_int_equal(registry->devices.n, 1);
	assert_int_equal(resolve(s, registry, "a.com/x=0", &found, NULL), 0);
	assert_int_equal(resolve(s, registry, "a.com/x=1", &found, &err), NVB_ERR_NO_GPU);
	assert_non_null(strstr(nvb_error_get_hint(err), "a.json' cannot be used"));
}

static void test_bad_directory(void **state)
{
	const struct scratch *s = *state;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;

	/* Root may read everything, so a file in the directory's place. */
	scratch_write(s, "/etc/cdi", "");
	write_spec(s, "/run/cdi/a.json", "a.com/x", "0");
	registry = read_two(s);
	assert_int_equal(registry->problems.n, 1);
	assert_string_equal(registry->problems.items[0].message, "Not a directory");
	assert_int_equal(registry->devices.n, 1);
}

static void test_host_directories(void **state)
{
	const struct scratch *s = *state;
	struct string_list list = { 0 };
	char expected[128];

	scratch_link(s, "/var/run", "/run");
	scratch_directory(s, "/run");
	assert_int_equal(cdi_host_directories(&s->tree, s->arena, &list, NULL), 0);
	assert_int_equal(list.n, 2);
	(void)snprintf(expected, sizeof(expected), "%s/etc/cdi", s->directory);
	assert_string_equal(list.items[0], expected);
	(void)snprintf(expected, sizeof(expected), "%s/run/cdi", s->directory);
	assert_string_equal(list.items[1], expected);
}

static void test_default_directories(void **state)
{
	const struct scratch *s = *state;
	struct string_list list = { 0 };

	assert_int_equal(cdi_default_directories(s->arena, &list, NULL), 0);
	assert_true(list.n >= 2);
	assert_string_equal(list.items[0], "/etc/cdi");
	assert_string_equal(list.items[1], "/var/run/cdi");
	if (geteuid() == 0)
		assert_int_equal(list.n, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_priority),
		TEST(test_conflict),
		TEST(test_bad_files),
		TEST(test_bad_directory),
		TEST(test_host_directories),
		TEST(test_default_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
