/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile and broken files, and where they are. */
#include "lease-case.h"

#define GPU "0000:17:00.0"

static void assert_refused(int status, const char *words)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct lease *lease;

	assert_int_equal(try_take(GPU, NULL, LEASE_SHARED, "h", &lease, &err), status);
	if (!strstr(nvb_error_message(err), words))
		fail_msg("'%s' is not in '%s'", words, nvb_error_message(err));
}

static void write_in_dir(const char *name, const void *data, size_t length)
{
	_cleanup_close_ int fd = openat(dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, data, length), (int)length);
}

static void not_a_file(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", dir.fd, GPU), 0);
	assert_refused(NVB_ERR_FORMAT, "not a regular file");
	assert_int_equal(unlinkat(dir.fd, GPU, 0), 0);
	assert_int_equal(mkfifoat(dir.fd, GPU, 0600), 0);
	assert_refused(NVB_ERR_FORMAT, "not a regular file");
	assert_int_equal(unlinkat(dir.fd, GPU, 0), 0);
	assert_int_equal(mkdirat(dir.fd, GPU, 0700), 0);
	assert_refused(NVB_ERR_FORMAT, "not a regular file");
	assert_int_equal(unlinkat(dir.fd, GPU, AT_REMOVEDIR), 0);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
}

static void not_ours(void **state)
{
	struct lease_page page = { 0 };
	struct lease_file file = LEASE_FILE_INIT;

	(void)state;
	memset(&page, 'x', sizeof(page));
	write_in_dir(GPU, &page, sizeof(page));
	assert_refused(NVB_ERR_FORMAT, "not a lease file");
	assert_int_equal(unlinkat(dir.fd, GPU, 0), 0);
	assert_int_equal(lease_file_open(&dir, GPU, true, &file, NULL), 1);
	assert_int_equal(lease_file_read(&file, 0, &page, NULL), 1);
	(void)close(file.fd);
	page.header.version++;
	write_in_dir(GPU, &page, sizeof(page));
	assert_refused(NVB_ERR_FORMAT, "another version");
	page.header.version--;
	page.header.pages = 0;
	write_in_dir(GPU, &page, sizeof(page));
	assert_refused(NVB_ERR_FORMAT, "damaged");
}

/* Its maker died: no holder can be in it. */
static void cut_off(void **state)
{
	struct lease_page page = { 0 };

	(void)state;
	write_in_dir(GPU, &page, 0);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	write_in_dir(GPU, "nvblease", 8);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
}

static void others_show_but_do_not_hide(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct lease *lease = must_take(GPU, NULL, LEASE_SHARED, "h");
	struct lease_entry_list entries;
	struct string_list warnings = { 0 };

	(void)state;
	write_in_dir("0000:00:00.0", "nvblease", 8);
	assert_int_equal(mkfifoat(dir.fd, "0000:99:00.0", 0600), 0);
	assert_int_equal(mkfifoat(dir.fd, ".hidden", 0600), 0);
	assert_int_equal(lease_list(&dir, a, &entries, &warnings, NULL), 0);
	assert_int_equal(entries.n, 1);
	assert_string_equal(entries.items[0].holder, "h");
	assert_string_equal(entries.items[0].engine, "oci");
	assert_null(entries.items[0].partition);
	assert_int_equal(entries.items[0].pid, getpid());
	assert_int_equal(warnings.n, 1);
	lease_release(lease);
}

static void a_directory_for_others(void **state)
{
	_cleanup_(lease_dir_done) struct lease_dir other = LEASE_DIR_INIT;
	char path[128], link[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/open", case_path);
	(void)snprintf(link, sizeof(link), "%s/link", case_path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(lease_dir_open_path(path, &other, NULL), NVB_ERR_PERMISSION);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(lease_dir_open_path(path, &other, NULL), 0);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(lease_dir_open_path(link, &other, NULL), NVB_ERR_IO);
	if (geteuid() == 0) {
		lease_dir_done(&other);
		assert_int_equal(chown(path, 61234, 61234), 0);
		assert_int_equal(lease_dir_open_path(path, &other, NULL), NVB_ERR_PERMISSION);
	}
}

static void where_it_is(void **state)
{
	_cleanup_(lease_dir_done) struct lease_dir found = LEASE_DIR_INIT;
	char path[128];

	(void)state;
	assert_int_equal(setenv("NVBIND_LEASE_DIR", "relative", 1), 0);
	assert_int_equal(lease_dir_open(&found, NULL), NVB_ERR_USAGE);
	(void)snprintf(path, sizeof(path), "%s/a/b", case_path);
	assert_int_equal(setenv("NVBIND_LEASE_DIR", path, 1), 0);
	assert_int_equal(lease_dir_open_existing(&found, NULL), 0);
	assert_int_equal(lease_dir_open(&found, NULL), 0);
	lease_dir_done(&found);
	assert_int_equal(lease_dir_open_existing(&found, NULL), 1);
	assert_int_equal(strncmp(found.path, path, strlen(path)), 0);
	assert_int_equal(unsetenv("NVBIND_LEASE_DIR"), 0);
}

/* On a disk, leases of an earlier boot go with the first of the next one. */
static void another_boot(void **state)
{
	_cleanup_(lease_dir_done) struct lease_dir found = LEASE_DIR_INIT;
	char path[128], stale[160];
	const char *boot = strstr(dir.path, "/boot-");

	(void)state;
	/* A tmpfs ends with the boot. */
	if (!boot)
		return;
	(void)snprintf(path, sizeof(path), "%s/next", case_path);
	(void)snprintf(stale, sizeof(stale), "%s/boot-0000", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(stale, 0700), 0);
	assert_int_equal(lease_dir_open_path(path, &found, NULL), 0);
	assert_string_equal(strstr(found.path, "/boot-"), boot);
	assert_int_equal(faccessat(AT_FDCWD, stale, F_OK, 0), -1);
	lease_dir_done(&found);
	assert_int_equal(lease_dir_open_path(path, &found, NULL), 0);
}

/* Who could exchange a directory on the way is refused each time, and nothing is made for him. */
static void a_way_for_others(void **state)
{
	_cleanup_(lease_dir_done) struct lease_dir found = LEASE_DIR_INIT;
	char open_way[128], path[160];

	(void)state;
	(void)snprintf(open_way, sizeof(open_way), "%s/open", case_path);
	(void)snprintf(path, sizeof(path), "%s/a/leases", open_way);
	assert_int_equal(mkdir(open_way, 0700), 0);
	assert_int_equal(chmod(open_way, 0777), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(lease_dir_open_path(path, &found, NULL), NVB_ERR_PERMISSION);
	(void)snprintf(path, sizeof(path), "%s/a", open_way);
	assert_int_equal(faccessat(AT_FDCWD, path, F_OK, 0), -1);
	/* Also where it exists. */
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(lease_dir_open_path(path, &found, NULL), NVB_ERR_PERMISSION);
	assert_int_equal(chmod(open_way, 0755), 0);
	assert_int_equal(lease_dir_open_path(path, &found, NULL), 0);
}

static void names(void **state)
{
	(void)state;
	assert_true(lease_file_is_name("0000:17:00.0"));
	assert_true(lease_file_is_name("wsl-0"));
	assert_false(lease_file_is_name(""));
	assert_false(lease_file_is_name("."));
	assert_false(lease_file_is_name("a/b"));
	assert_false(lease_file_is_name("0000:17:00.0\n"));
	assert_false(lease_file_is_name(
		"0123456789012345678901234567890123456789012345678901234567890123"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(not_a_file, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(not_ours, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(cut_off, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(
			others_show_but_do_not_hide, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_directory_for_others, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(where_it_is, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(another_boot, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_way_for_others, case_setup, case_teardown),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
