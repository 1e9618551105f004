/* SPDX-License-Identifier: Apache-2.0 */
/* Places for mounts: made in the upper layer whatever the image has there, and only there. */
#include "root.h"

#include "engine/bolt/layer.h"

static struct layer layer;

static int set_up(void **state)
{
	struct root *r;

	if (root_set_up(state) < 0)
		return -1;
	r = *state;
	root_dir(r, "lower", 0755);
	root_dir(r, "upper", 0755);
	root_dir(r, "outside", 0755);
	layer = (struct layer)LAYER_INIT;
	layer.lower_fd = root_open(r, "lower");
	layer.upper_fd = root_open(r, "upper");
	layer.beside_fd = r->fd;
	return 0;
}

static int tear_down(void **state)
{
	layer_done(&layer);
	closep(&layer.lower_fd);
	closep(&layer.upper_fd);
	return root_tear_down(state);
}

static void test_parents_look_like_the_image(void **state)
{
	struct root *r = *state;

	root_dir(r, "lower/usr", 0751);
	root_dir(r, "lower/usr/lib", 01777);
	assert_success(r, layer_add_place(&layer, "/usr/lib/new/libcuda.so.1", false, &r->err));
	assert_int_equal(root_mode(r, "upper/usr"), S_IFDIR | 0751);
	assert_int_equal(root_mode(r, "upper/usr/lib"), S_IFDIR | 01777);
	assert_int_equal(root_mode(r, "upper/usr/lib/new"), S_IFDIR | 0755);
	assert_true(S_ISREG(root_mode(r, "upper/usr/lib/new/libcuda.so.1")));
	assert_int_equal(root_mode(r, "lower/usr/lib/new"), 0);
}

/* The caller's umask must not decide whether the container's users can read. */
static void test_umask(void **state)
{
	struct root *r = *state;
	mode_t mask = umask(077);
	int result;

	result = layer_add_place(&layer, "/opt/data", true, &r->err);
	(void)umask(mask);
	assert_success(r, result);
	assert_int_equal(root_mode(r, "upper/opt"), S_IFDIR | 0755);
	assert_int_equal(root_mode(r, "upper/opt/data"), S_IFDIR | 0755);
}

/* Fedora's /usr/lib64 forbids writing even to its owner, which stops all but root. */
static void test_read_only_directories(void **state)
{
	struct root *r = *state;

	root_dir(r, "lower/usr/lib64", 0555);
	assert_success(r, layer_add_place(&layer, "/usr/lib64/a/libcuda.so.1", false, &r->err));
	assert_success(r, layer_add_place(&layer, "/usr/lib64/libcuda.so", false, &r->err));
	assert_int_equal(root_mode(r, "upper/usr/lib64"), S_IFDIR | 0755);
	layer.keep_owner = true;
	root_dir(r, "lower/usr/bin", 0555);
	assert_success(r, layer_add_place(&layer, "/usr/bin", true, &r->err));
	assert_int_equal(root_mode(r, "upper/usr/bin"), S_IFDIR | 0555);
}

static void test_owner(void **state)
{
	struct root *r = *state;
	struct stat st;

	if (geteuid() != 0) {
		print_message("only root gives files away\n");
		skip();
	}
	root_dir(r, "lower/home/me", 0700);
	assert_int_equal(fchownat(r->fd, "lower/home/me", 1234, 4321, 0), 0);
	layer.keep_owner = true;
	assert_success(r, layer_add_place(&layer, "/home/me/v", true, &r->err));
	assert_int_equal(fstatat(r->fd, "upper/home/me", &st, 0), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 4321);
	assert_int_equal(st.st_mode & 07777, 0700);
}

/* A link in each position of the path: the upper layer hides it, nothing is followed. */
static void test_links_are_hidden(void **state)
{
	static const char *const targets[] = { "/outside", "../outside", "../../../../../../tmp",
		"/proc/self/root/tmp", "nowhere", "a" };
	static const char *const positions[] = { "a", "a/b", "a/b/c" };
	struct root *r = *state;

	for (size_t t = 0; t < ELEMENTS(targets); t++) {
		for (size_t p = 0; p < ELEMENTS(positions); p++) {
			char lower[64], base[64];

			(void)snprintf(base, sizeof(base), "lower/%s", positions[p]);
			*strrchr(base, '/') = '\0';
			root_dir(r, base, 0755);
			(void)snprintf(lower, sizeof(lower), "lower/%s", positions[p]);
			root_link(r, targets[t], lower);
			assert_success(r, layer_add_place(&layer, "/a/b/c", p == 0, &r->err));
			assert_true(S_ISDIR(root_mode(r, "upper/a")));
			assert_true(S_ISDIR(root_mode(r, "upper/a/b")));
			assert_true(p == 0 ? S_ISDIR(root_mode(r, "upper/a/b/c")) :
					     S_ISREG(root_mode(r, "upper/a/b/c")));
			assert_true(S_ISLNK(root_mode(r, lower)));
			layer_done(&layer);
			assert_int_equal(path_remove_tree(r->fd, "upper/a"), 0);
			assert_int_equal(path_remove_tree(r->fd, "lower/a"), 0);
		}
	}
	assert_int_equal(root_mode(r, "outside/b"), 0);
}

/* What the image has there now may be a link by the time of the mount. */
static void test_existing_places_are_covered(void **state)
{
	struct root *r = *state;

	root_file(r, "lower/etc/hosts", "the image's", 0644);
	root_dir(r, "lower/data", 0750);
	assert_success(r, layer_add_place(&layer, "/etc/hosts", false, &r->err));
	assert_success(r, layer_add_place(&layer, "/data", true, &r->err));
	assert_true(S_ISREG(root_mode(r, "upper/etc/hosts")));
	assert_int_equal(root_mode(r, "upper/data"), S_IFDIR | 0750);
}

static void test_odd_files_in_the_way(void **state)
{
	struct root *r = *state;

	root_file(r, "lower/file", "", 0644);
	assert_int_equal(mkfifoat(r->fd, "lower/fifo", 0644), 0);
	assert_success(r, layer_add_place(&layer, "/file/below", false, &r->err));
	assert_success(r, layer_add_place(&layer, "/fifo/below", true, &r->err));
	assert_success(r, layer_add_place(&layer, "/fifo", true, &r->err));
	assert_true(S_ISDIR(root_mode(r, "upper/file")));
	assert_true(S_ISDIR(root_mode(r, "upper/fifo/below")));
	assert_true(S_ISREG(root_mode(r, "lower/file")));
}

/* One empty file serves all; without one, or where links end, each place is a file of its own. */
static void test_places_are_links(void **state)
{
	struct root *r = *state;
	struct stat one, two;

	for (int i = 0; i < 2; i++) {
		assert_success(r, layer_add_place(&layer, "/lib/one", false, &r->err));
		assert_success(r, layer_add_place(&layer, "/lib/two", false, &r->err));
		assert_int_equal(fstatat(r->fd, "upper/lib/one", &one, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(fstatat(r->fd, "upper/lib/two", &two, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(one.st_ino == two.st_ino, i == 0);
		assert_int_equal(two.st_size, 0);
		layer_done(&layer);
		assert_int_equal(path_remove_tree(r->fd, "upper/lib"), 0);
		layer.beside_fd = -1;
	}
}

/* Neighbours are made without a walk from the root; nobody sees the difference. */
static void test_directories_take_turns(void **state)
{
	static const char *const places[] = { "/a/b/one", "/a/b/two", "/a/three", "/a/b/four", "/five",
		"/a/b/c/six", "/a/bb/seven" };
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(places); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "upper%s", places[i]);
		assert_success(r, layer_add_place(&layer, places[i], false, &r->err));
		assert_true(S_ISREG(root_mode(r, path)));
	}
}

static void assert_text(struct root *r, const char *path, const char *text)
{
	_cleanup_free_ char *found = NULL;

	assert_int_equal(file_read_in(r->fd, path, 1000, &found, NULL), 0);
	assert_string_equal(found, text);
}

static void test_files(void **state)
{
	struct root *r = *state;
	mode_t mask = umask(077);
	int result;

	root_file(r, "lower/etc/hosts", "the image's", 0600);
	root_link(r, "/outside/x", "lower/etc/resolv.conf");
	result = layer_add_file(&layer, "/etc/hosts", "ours\n", &r->err);
	(void)umask(mask);
	assert_int_equal(result, 1);
	assert_text(r, "upper/etc/hosts", "ours\n");
	assert_int_equal(root_mode(r, "upper/etc/hosts"), S_IFREG | 0644);
	assert_text(r, "lower/etc/hosts", "the image's");
	assert_int_equal(layer_add_file(&layer, "/etc/resolv.conf", "", &r->err), 1);
	assert_true(S_ISREG(root_mode(r, "upper/etc/resolv.conf")));
	assert_int_equal(root_mode(r, "outside/x"), 0);
}

/* What is written to a place would be in all of them. */
static void test_files_where_a_mount_will_be(void **state)
{
	struct root *r = *state;

	assert_success(r, layer_add_place(&layer, "/etc/hosts", false, &r->err));
	assert_success(r, layer_add_place(&layer, "/etc/other", false, &r->err));
	assert_int_equal(layer_add_file(&layer, "/etc/hosts", "text", &r->err), 0);
	assert_text(r, "upper/etc/hosts", "");
	assert_text(r, "upper/etc/other", "");
	assert_int_equal(layer_add_file(&layer, "/proc/hosts", "text", &r->err), 0);
	assert_int_equal(root_mode(r, "upper/proc"), 0);
	assert_null(r->err);
}

static void assert_link(struct root *r, const char *path, const char *text)
{
	char found[64] = "";

	assert_true(readlinkat(r->fd, path, found, sizeof(found) - 1) > 0);
	assert_string_equal(found, text);
}

/* Whatever the image has of that name is hidden, be it a link, a file or a directory. */
static void test_links(void **state)
{
	struct root *r = *state;

	root_file(r, "lower/lib/libcuda.so", "", 0644);
	root_dir(r, "lower/lib/libdir.so", 0755);
	root_link(r, "/outside/libcuda.so.0", "lower/lib/libcuda.so.1");
	assert_int_equal(layer_add_link(&layer, "/lib/libcuda.so", "libcuda.so.5", &r->err), 1);
	assert_int_equal(layer_add_link(&layer, "/lib/libcuda.so.1", "libcuda.so.5", &r->err), 1);
	assert_int_equal(layer_add_link(&layer, "/lib/libdir.so", "libcuda.so.5", &r->err), 1);
	assert_link(r, "upper/lib/libcuda.so", "libcuda.so.5");
	assert_link(r, "upper/lib/libcuda.so.1", "libcuda.so.5");
	assert_link(r, "upper/lib/libdir.so", "libcuda.so.5");
	assert_link(r, "lower/lib/libcuda.so.1", "/outside/libcuda.so.0");
	assert_true(S_ISREG(root_mode(r, "lower/lib/libcuda.so")));
}

static void test_links_where_a_mount_will_be(void **state)
{
	struct root *r = *state;

	assert_success(r, layer_add_place(&layer, "/lib/libcuda.so.1", false, &r->err));
	assert_success(r, layer_add_place(&layer, "/lib/dir", true, &r->err));
	assert_int_equal(layer_add_link(&layer, "/lib/libcuda.so.1", "other", &r->err), 0);
	assert_int_equal(layer_add_link(&layer, "/lib/dir", "other", &r->err), 0);
	assert_int_equal(layer_add_link(&layer, "/sys/lib", "other", &r->err), 0);
	assert_true(S_ISREG(root_mode(r, "upper/lib/libcuda.so.1")));
	assert_true(S_ISDIR(root_mode(r, "upper/lib/dir")));
	assert_null(r->err);
	assert_raised(r, layer_add_link(&layer, "/lib/libcuda.so.1/x", "other", &r->err),
		NVB_ERR_ENGINE, "'libcuda.so.1' is the target of another mount");
	assert_raised(r, layer_add_link(&layer, "/lib/", "other", &r->err), NVB_ERR_ENGINE, "'/lib/'");
}

static void test_conflicts(void **state)
{
	struct root *r = *state;

	assert_success(r, layer_add_place(&layer, "/mnt/one", false, &r->err));
	assert_success(r, layer_add_place(&layer, "/mnt/one", false, &r->err));
	assert_raised(r, layer_add_place(&layer, "/mnt/one/below", false, &r->err), NVB_ERR_ENGINE,
		"'one' is the target of another mount");
	assert_raised(r, layer_add_place(&layer, "/mnt/one", true, &r->err), NVB_ERR_ENGINE,
		"'/mnt/one'");
	assert_success(r, layer_add_place(&layer, "/mnt/two/three", true, &r->err));
	assert_success(r, layer_add_place(&layer, "/mnt/two", true, &r->err));
}

static void test_names_at_the_limit(void **state)
{
	struct root *r = *state;
	char destination[300] = "/";

	memset(destination + 1, 'n', 255);
	assert_success(r, layer_add_place(&layer, destination, false, &r->err));
	destination[256] = 'n';
	assert_raised(r, layer_add_place(&layer, destination, false, &r->err), NVB_ERR_ENGINE,
		"File name too long");
	assert_raised(r, layer_add_place(&layer, destination, true, &r->err), NVB_ERR_ENGINE,
		"File name too long");
}

static void test_places_of_the_runtime(void **state)
{
	static const char *const theirs[] = { "/dev/nvidia0", "/dev", "/proc/x", "/sys/a/b" };
	static const char *const ours[] = { "/device", "/process/x", "/system" };
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(theirs); i++)
		assert_success(r, layer_add_place(&layer, theirs[i], false, &r->err));
	assert_int_equal(root_mode(r, "upper/dev"), 0);
	assert_int_equal(root_mode(r, "upper/proc"), 0);
	assert_int_equal(root_mode(r, "upper/sys"), 0);
	for (size_t i = 0; i < ELEMENTS(ours); i++)
		assert_success(r, layer_add_place(&layer, ours[i], true, &r->err));
	assert_true(S_ISDIR(root_mode(r, "upper/process/x")));
}

static void assert_resolved(struct root *r, const char *destination, const char *expected)
{
	const char *resolved = NULL;

	assert_success(r, layer_resolve(&layer, r->a, destination, &resolved, &r->err));
	assert_string_equal(resolved, expected);
}

static void test_resolve(void **state)
{
	static const char *const unsafe[] = { "/", "//", "/.", "/slash", "/up", "/loop", "/loop/x",
		"/file/x", "/tofile/x", "/none/../x" };
	struct root *r = *state;
	const char *resolved = NULL;

	root_file(r, "lower/file", "", 0644);
	root_dir(r, "lower/run/resolve", 0755);
	root_link(r, "/", "lower/slash");
	root_link(r, "../../..", "lower/up");
	root_link(r, "loop", "lower/loop");
	root_link(r, "/file", "lower/tofile");
	root_link(r, "/run", "lower/torun");
	root_link(r, "../../../../outside", "lower/escape");
	root_link(r, "../run/resolve/stub.conf", "lower/run/resolv.conf");
	for (size_t i = 0; i < ELEMENTS(unsafe); i++)
		assert_raised(r, layer_resolve(&layer, r->a, unsafe[i], &resolved, &r->err),
			NVB_ERR_UNSAFE_PATH, unsafe[i]);
	assert_null(resolved);
	assert_resolved(r, "/torun/resolve", "/run/resolve");
	assert_resolved(r, "/torun/resolv.conf", "/run/resolve/stub.conf");
	assert_resolved(r, "/escape/x", "/outside/x");
	assert_resolved(r, "/new//a/./b/", "/new/a/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parents_look_like_the_image, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_umask, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read_only_directories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links_are_hidden, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_existing_places_are_covered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_odd_files_in_the_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places_are_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directories_take_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_where_a_mount_will_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links_where_a_mount_will_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_conflicts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_at_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places_of_the_runtime, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resolve, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
