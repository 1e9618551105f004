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
	layer = (struct layer){ .lower_fd = root_open(r, "lower"), .upper_fd = root_open(r, "upper"),
		.beside_fd = r->fd };
	return 0;
}

static int tear_down(void **state)
{
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
		assert_int_equal(path_remove_tree(r->fd, "upper/lib"), 0);
		layer.beside_fd = -1;
	}
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
		cmocka_unit_test_setup_teardown(test_conflicts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_at_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places_of_the_runtime, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resolve, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
