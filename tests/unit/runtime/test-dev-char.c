/* SPDX-License-Identifier: Apache-2.0 */
/* Links of device numbers, in a directory in place of /dev: a link to /dev/null stands for a node.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/path.h"
#include "runtime/dev_char.h"

/* Of /dev/null. Source: Linux, Documentation/admin-guide/devices.txt. */
#define MAJOR 1
#define MINOR 3
#define LINK  "char/1:3"

struct dev {
	char path[32];
	int fd;
	struct plan *plan;
};

static unsigned n_warnings;
static char last_warning[256];

static void note_warning(enum log_level level, const char *component, const char *text)
{
	(void)component;
	assert_int_equal(level, LOG_LEVEL_WARNING);
	n_warnings++;
	(void)snprintf(last_warning, sizeof(last_warning), "%s", text);
}

static int set_up(void **state)
{
	struct dev *dev = calloc(1, sizeof(*dev));

	assert_non_null(dev);
	strncpy(dev->path, "/tmp/nvbind-dev.XXXXXX", sizeof(dev->path) - 1);
	assert_non_null(mkdtemp(dev->path));
	dev->fd = open(dev->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(dev->fd >= 0);
	dev->plan = plan_new();
	assert_non_null(dev->plan);
	n_warnings = 0;
	log_set_sink(note_warning);
	*state = dev;
	return 0;
}

static int tear_down(void **state)
{
	struct dev *dev = *state;

	log_set_sink(NULL);
	assert_int_equal(path_remove_tree(AT_FDCWD, dev->path), 0);
	(void)close(dev->fd);
	plan_free(dev->plan);
	free(dev);
	return 0;
}

static struct plan_node *add_node(struct dev *dev, const char *host_path)
{
	struct plan_node *node = vec_push(dev->plan->arena, &dev->plan->nodes);

	assert_non_null(node);
	*node = (struct plan_node){ .path = host_path,
		.host_path = host_path,
		.type = 'c',
		.major = MAJOR,
		.minor = MINOR,
		.exists = true,
		.is_device = true };
	return node;
}

static void assert_link(struct dev *dev, const char *expected)
{
	char target[128];
	ssize_t n = readlinkat(dev->fd, LINK, target, sizeof(target) - 1);

	assert_true(n > 0);
	target[n] = '\0';
	assert_string_equal(target, expected);
}

/* How many names are in char/. */
static unsigned count_links(struct dev *dev)
{
	_cleanup_close_ int fd = openat(dev->fd, "char", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	unsigned n = 0;
	DIR *dir;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	dir = fdopendir(TAKE_FD(fd));
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(dir);
	return n;
}

static void test_missing(void **state)
{
	mode_t mask = umask(077);
	struct dev *dev = *state;

	assert_int_equal(symlinkat("/dev/null", dev->fd, "nvidia0"), 0);
	(void)add_node(dev, "/dev/nvidia0");
	dev_char_link_nodes_in(dev->fd, dev->plan);
	(void)umask(mask);
	assert_link(dev, "../nvidia0");
	assert_int_equal(count_links(dev), 1);
	/* Once more: nothing to do. */
	dev_char_link_nodes_in(dev->fd, dev->plan);
	assert_link(dev, "../nvidia0");
	assert_int_equal(count_links(dev), 1);
	assert_int_equal(n_warnings, 0);
}

static void test_in_a_folder(void **state)
{
	struct dev *dev = *state;

	assert_int_equal(mkdirat(dev->fd, "nvidia-caps", 0755), 0);
	assert_int_equal(symlinkat("/dev/null", dev->fd, "nvidia-caps/nvidia-cap1"), 0);
	(void)add_node(dev, "/dev/nvidia-caps/nvidia-cap1");
	dev_char_link_nodes_in(dev->fd, dev->plan);
	assert_link(dev, "../nvidia-caps/nvidia-cap1");
}

static void test_right_link_stays(void **state)
{
	struct dev *dev = *state;

	assert_int_equal(mkdirat(dev->fd, "char", 0755), 0);
	assert_int_equal(symlinkat("/dev/null", dev->fd, "nvidia0"), 0);
	assert_int_equal(symlinkat("/dev/null", dev->fd, LINK), 0);
	(void)add_node(dev, "/dev/nvidia0");
	dev_char_link_nodes_in(dev->fd, dev->plan);
	assert_link(dev, "/dev/null");
}

static void test_wrong_link_is_replaced(void **state)
{
	static const char *wrong[] = { "../zero", "../none", "1:3", "/dev/zero" };
	struct dev *dev = *state;

	assert_int_equal(mkdirat(dev->fd, "char", 0755), 0);
	assert_int_equal(symlinkat("/dev/null", dev->fd, "nvidia0"), 0);
	assert_int_equal(symlinkat("/dev/zero", dev->fd, "zero"), 0);
	(void)add_node(dev, "/dev/nvidia0");
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		(void)unlinkat(dev->fd, LINK, 0);
		assert_int_equal(symlinkat(wrong[i], dev->fd, LINK), 0);
		dev_char_link_nodes_in(dev->fd, dev->plan);
		assert_link(dev, "../nvidia0");
		assert_int_equal(count_links(dev), 1);
	}
	assert_int_equal(n_warnings, 0);
}

/* What is no link is somebody's, and a failure is one warning. */
static void test_no_link(void **state)
{
	struct dev *dev = *state;

	assert_int_equal(mkdirat(dev->fd, "char", 0755), 0);
	assert_int_equal(mkdirat(dev->fd, LINK, 0755), 0);
	assert_int_equal(symlinkat("/dev/null", dev->fd, "nvidia0"), 0);
	(void)add_node(dev, "/dev/nvidia0");
	(void)add_node(dev, "/dev/nvidia0");
	dev_char_link_nodes_in(dev->fd, dev->plan);
	assert_int_equal(n_warnings, 1);
	assert_non_null(strstr(last_warning, "'/dev/nvidia0'"));
	assert_int_equal(unlinkat(dev->fd, LINK, AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(dev->fd, "char", AT_REMOVEDIR), 0);
	/* A link that leads out of the directory. */
	assert_int_equal(symlinkat("/tmp", dev->fd, "char"), 0);
	dev_char_link_nodes_in(dev->fd, dev->plan);
	assert_int_equal(n_warnings, 2);
	assert_int_equal(faccessat(dev->fd, LINK, F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* Nodes that are not this machine's, or not what the plan says. */
static void test_others(void **state)
{
	struct dev *dev = *state;

	assert_int_equal(symlinkat("/dev/null", dev->fd, "nvidia0"), 0);
	assert_int_equal(symlinkat("/dev/zero", dev->fd, "nvidia1"), 0);
	(void)add_node(dev, "/host/dev/nvidia0");
	(void)add_node(dev, "/dev/none");
	(void)add_node(dev, "/dev/nvidia1");
	(void)add_node(dev, "/dev/");
	add_node(dev, "/dev/nvidia0")->type = 'b';
	add_node(dev, "/dev/nvidia0")->type = 0;
	add_node(dev, "/dev/nvidia0")->minor = 5;
	dev_char_link_nodes_in(dev->fd, dev->plan);
	assert_int_equal(count_links(dev), 0);
	assert_int_equal(n_warnings, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_missing),
		TEST(test_in_a_folder),
		TEST(test_right_link_stays),
		TEST(test_wrong_link_is_replaced),
		TEST(test_no_link),
		TEST(test_others),
	};

	return cmocka_run_group_tests_name("runtime/dev-char", tests, NULL, NULL);
}
