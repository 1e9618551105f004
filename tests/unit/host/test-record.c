/* SPDX-License-Identifier: Apache-2.0 */
/* What a record notes is what asking again answers; and no other after a change. */
#include "scratch-tree.h"

#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include "host/record.h"

static void start(struct scratch *s, struct host_record *record)
{
	*record = (struct host_record){ .arena = s->arena };
	s->tree.record = record;
}

/* Asks by the directory and by the path: exact ones, where the fact is, or as the tree has them. */
static uint64_t ask(struct scratch *s, const char *directory, enum host_question question,
	const char *name, bool is_exact)
{
	_cleanup_(host_place_done) struct host_place open = HOST_PLACE_INIT(&s->tree);
	struct host_place whole = HOST_PLACE_INIT(&s->tree);
	uint64_t answer;

	open.path = whole.path = directory;
	open.is_exact = whole.is_exact = is_exact;
	host_place_open(&open);
	answer = host_place_ask(&open, question, name);
	/* Some files of the kernel have another answer for everyone. */
	if (!host_tree_is_live(&s->tree))
		assert_true(answer == host_place_ask(&whole, question, name));
	return answer;
}

/* Ends the record and asks the one question of it again. */
static bool holds(struct scratch *s, const struct host_record *record)
{
	const struct host_fact *fact = &record->facts.items[0];
	bool is_directory = fact->question == HOST_DIRECTORY || fact->question == HOST_NAMES;
	const char *name = is_directory ? "" : path_base_name(fact->path);
	char *parent = arena_strdup(s->arena, fact->path);

	s->tree.record = NULL;
	assert_int_equal(record->facts.n, 1);
	assert_non_null(parent);
	if (!is_directory && name > fact->path)
		parent[name - fact->path - 1] = '\0';
	return ask(s, parent, fact->question, name, false) == fact->answer;
}

static const char *last_line;

static void read_line(struct scratch *s, const char *path)
{
	(void)host_tree_read_line(&s->tree, s->arena, path, &last_line);
}

static void read_all(struct scratch *s, const char *path)
{
	_cleanup_free_ char *text = NULL;

	(void)host_tree_read(&s->tree, path, 1 << 20, &text);
}

static void read_fixed(struct scratch *s, const char *path)
{
	uint64_t value;

	(void)host_tree_read_fixed_hex(&s->tree, path, &value);
}

static void look_for(struct scratch *s, const char *path)
{
	(void)host_tree_exists(&s->tree, path);
}

static void look_at(struct scratch *s, const char *path)
{
	struct stat st;

	(void)host_tree_stat(&s->tree, path, &st);
}

static void look_at_entry(struct scratch *s, const char *path)
{
	struct stat st;

	(void)host_tree_lstat(&s->tree, path, &st);
}

static void open_file(struct scratch *s, const char *path)
{
	_cleanup_close_ int fd = host_tree_open_file(&s->tree, path, 0);

	(void)fd;
}

static void list(struct scratch *s, const char *path)
{
	struct string_list names;

	(void)host_tree_list(&s->tree, s->arena, path, &names);
}

static void read_link(struct scratch *s, const char *path)
{
	const char *name;

	(void)host_tree_link_name(&s->tree, s->arena, path, &name);
}

static void look_at_node(struct scratch *s, const char *path)
{
	struct host_node node;

	(void)host_tree_node(&s->tree, s->arena, path, &node);
}

static void ask_module(struct scratch *s, const char *name)
{
	(void)host_tree_has_module(&s->tree, name);
}

/* What each way to ask notes of a thing, and whether that sees each change of it. */
static const struct {
	void (*ask)(struct scratch *s, const char *path);
	const char *path;
	enum host_question question;
	bool sees_content, sees_removal;
} cases[] = {
	{ read_line, "/etc/text", HOST_FILE, true, true },
	{ read_line, "/proc/text", HOST_FILE, true, true },
	{ read_all, "/etc/text", HOST_FILE, true, true },
	{ read_all, "/etc/link", HOST_FILE, true, true },
	{ read_all, "/sys/text", HOST_FILE, true, true },
	{ read_all, "/sys/long", HOST_FILE, true, true },
	{ read_all, "/proc/absolute", HOST_FILE, true, true },
	{ read_all, "/proc/missing", HOST_CONTENT, true, true },
	{ read_all, "/no/such/place", HOST_FILE, false, true },
	{ read_fixed, "/sys/text", HOST_FILE, true, true },
	{ look_for, "/etc/text", HOST_EXISTS, false, true },
	{ look_for, "/etc/absolute", HOST_EXISTS, false, true },
	{ look_at, "/etc/text", HOST_FILE, true, true },
	{ look_at, "/etc/absolute", HOST_FILE, true, true },
	{ look_at, "/etc", HOST_FILE, false, false },
	{ look_at_entry, "/etc/text", HOST_ENTRY, true, true },
	{ look_at_entry, "/etc/link", HOST_ENTRY, false, false },
	{ open_file, "/etc/text", HOST_FILE, true, true },
	{ list, "/etc", HOST_DIRECTORY, false, true },
	{ list, "/sys", HOST_DIRECTORY, false, true },
	{ list, "/no/such/place", HOST_DIRECTORY, false, true },
	{ read_link, "/sys/driver", HOST_LINK, false, false },
	{ look_at_node, "/etc/text", HOST_FILE, true, true },
	{ ask_module, "text", HOST_MODULE, false, false },
};

static const char *const files[] = { "/etc/text", "/proc/text", "/sys/text", "/sys/long" };

static void make_tree(struct scratch *s)
{
	_cleanup_free_ char *data = malloc(100000);

	assert_non_null(data);
	memset(data, 'x', 100000);
	for (size_t i = 0; i < ELEMENTS(files); i++)
		scratch_write_bytes(s, files[i], data, i == 3 ? 100000 : 8);
	scratch_link(s, "/etc/link", "text");
	scratch_link(s, "/etc/absolute", "/etc/text");
	scratch_link(s, "/proc/absolute", "/proc/text");
	scratch_link(s, "/sys/driver", "../../bus/drivers/x");
}

static void change_content(struct scratch *s)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 15000000 }, NULL);
	for (size_t i = 0; i < ELEMENTS(files); i++) {
		_cleanup_close_ int fd = path_open_in(s->tree.root_fd, files[i], O_WRONLY, 0);

		assert_int_equal(pwrite(fd, "y", 1, 5), 1);
	}
	scratch_write(s, "/proc/missing", "x");
}

static void remove_all(struct scratch *s)
{
	for (size_t i = 0; i < ELEMENTS(files); i++)
		assert_int_equal(unlinkat(s->tree.root_fd, files[i] + 1, 0), 0);
	assert_int_equal(unlinkat(s->tree.root_fd, "proc/missing", 0), 0);
	scratch_directory(s, "/no/such/place");
}

/* The caller's question; then a change of content; then the files are gone. */
static void test_every_question(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct host_record record;
		struct scratch *s;
		void *own = NULL;

		assert_int_equal(scratch_setup(&own), 0);
		s = own;
		make_tree(s);
		start(s, &record);
		cases[i].ask(s, cases[i].path);
		s->tree.record = NULL;
		assert_int_equal(record.facts.items[0].question, cases[i].question);
		assert_null(record.unprovable);
		assert_true(holds(s, &record));
		change_content(s);
		if (holds(s, &record) == cases[i].sees_content)
			fail_msg("case %zu: a change of content", i);
		remove_all(s);
		if (!cases[i].sees_content && holds(s, &record) == cases[i].sees_removal)
			fail_msg("case %zu: a removal", i);
		assert_int_equal(scratch_teardown(&own), 0);
	}
}

static void test_newest(void **state)
{
	struct scratch *s = *state;
	struct host_record record;
	struct stat st;

	scratch_write(s, "/etc/text", "x");
	assert_int_equal(path_stat_in(s->tree.root_fd, "/etc/text", &st), 0);
	start(s, &record);
	look_at(s, "/etc/text");
	assert_true(
		record.newest_ns == (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec);
	/* A directory's names, which do matter, and a directory itself, whose times do not. */
	start(s, &record);
	look_at(s, "/etc");
	assert_true(record.newest_ns == 0);
	list(s, "/etc");
	assert_true(record.newest_ns > 0);
	s->tree.record = NULL;
}

/* The running machine's: procfs is real there. */
static void test_real_kernel_files(void **state)
{
	struct scratch *s = *state;
	struct host_record record;
	struct scratch live = { .arena = s->arena, .tree = HOST_TREE_INIT };

	assert_int_equal(host_tree_open("/", &live.tree, NULL), 0);
	start(&live, &record);
	read_all(&live, "/proc/sys/kernel/random/boot_id");
	assert_true(holds(&live, &record));
	start(&live, &record);
	list(&live, "/proc/sys/kernel");
	assert_true(holds(&live, &record));
	/* Another one each time. */
	start(&live, &record);
	read_all(&live, "/proc/sys/kernel/random/uuid");
	assert_false(holds(&live, &record));
	/* Times of procfs prove nothing: so nothing may rest on them. */
	start(&live, &record);
	look_at(&live, "/proc/version");
	assert_non_null(record.unprovable);
	/* Nor on what is read without a note. */
	start(&live, &record);
	open_file(&live, "/proc/version");
	assert_non_null(record.unprovable);
	/* What proves nothing is not worth noting any more. */
	record.facts.n = 0;
	read_all(&live, "/proc/version");
	look_for(&live, "/proc/version");
	assert_int_equal(record.facts.n, 0);
	live.tree.record = NULL;
	host_tree_done(&live.tree);
}

static bool is_sysfs_here(const struct scratch *live)
{
	return host_tree_is_on(&live->tree, "/sys", SYSFS_MAGIC) &&
	       host_tree_is_on(&live->tree, "/proc", PROC_SUPER_MAGIC);
}

/* What a change of a real kernel file does to its content: there are no times to tell. */
static void test_kernel_content(void **state)
{
	struct scratch *s = *state;
	struct host_record record;
	struct scratch live = { .arena = s->arena, .tree = HOST_TREE_INIT };

	assert_int_equal(host_tree_open("/", &live.tree, NULL), 0);
	start(&live, &record);
	read_all(&live, "/proc/self/comm");
	assert_int_equal(record.facts.items[0].question, HOST_CONTENT);
	assert_true(holds(&live, &record));
	assert_int_equal(prctl(PR_SET_NAME, "another"), 0);
	assert_false(holds(&live, &record));
	/* More than a page, which takes more than one read. */
	start(&live, &record);
	read_all(&live, "/proc/kallsyms");
	if (record.facts.items[0].answer != host_answer_error(-ENOENT) &&
		record.facts.items[0].answer != host_answer_error(-EFBIG))
		assert_true(holds(&live, &record));
	live.tree.record = NULL;
	host_tree_done(&live.tree);
}

static void list_directories(struct scratch *s, const char *path)
{
	struct string_list names;

	(void)host_tree_list_directories(&s->tree, s->arena, path, &names);
}

/* Of real procfs and sysfs: what stands for more than it seems to. */
static void test_kernel_witnesses(void **state)
{
	struct scratch *s = *state;
	struct host_record record;
	struct scratch live = { .arena = s->arena, .tree = HOST_TREE_INIT };
	struct string_list names, plain;

	assert_int_equal(host_tree_open("/", &live.tree, NULL), 0);
	if (!is_sysfs_here(&live)) {
		host_tree_done(&live.tree);
		print_message("no sysfs and procfs of the machine's own\n");
		skip();
	}
	start(&live, &record);
	list_directories(&live, "/proc/tty/driver");
	assert_int_equal(record.facts.items[0].question, HOST_CHILDREN);
	assert_true(holds(&live, &record));
	/* Here there are some: how many does not tell which. */
	start(&live, &record);
	list_directories(&live, "/proc/tty");
	assert_int_equal(record.facts.items[0].question, HOST_NAMES);
	assert_true(holds(&live, &record));
	/* The class answers for its devices' directories. */
	start(&live, &record);
	assert_int_equal(host_tree_list_class(&live.tree, s->arena, "/sys/devices/virtual/mem",
				 "/sys/class/mem", &names),
		0);
	assert_int_equal(record.facts.n, 1);
	assert_string_equal(record.facts.items[0].path, "/sys/class/mem");
	assert_true(holds(&live, &record));
	assert_int_equal(
		host_tree_list(&live.tree, s->arena, "/sys/devices/virtual/mem", &plain), 0);
	assert_int_equal(names.n, plain.n);
	/* Without the class the directory answers for itself. */
	start(&live, &record);
	(void)host_tree_list_class(
		&live.tree, s->arena, "/sys/devices/virtual/mem", "/sys/class/none", &names);
	assert_string_equal(
		record.facts.items[record.facts.n - 1].path, "/sys/devices/virtual/mem");
	/* What is the device's for ever needs no note. */
	start(&live, &record);
	read_fixed(&live, "/sys/kernel/uevent_seqnum");
	assert_int_equal(record.facts.n, 0);
	live.tree.record = NULL;
	host_tree_done(&live.tree);
}

/* The directories of a simulated machine have times. */
static void test_simulated_witnesses(void **state)
{
	struct scratch *s = *state;
	struct host_record record;
	struct string_list names;

	scratch_directory(s, "/proc/driver/nvidia/capabilities/gpu0/mig");
	scratch_directory(s, "/sys/class/drm");
	scratch_directory(s, "/sys/devices/x/drm/card0");
	start(s, &record);
	list_directories(s, "/proc/driver/nvidia/capabilities/gpu0/mig");
	assert_int_equal(record.facts.items[0].question, HOST_DIRECTORY);
	assert_true(holds(s, &record));
	(void)nanosleep(&(struct timespec){ .tv_nsec = 15000000 }, NULL);
	scratch_directory(s, "/proc/driver/nvidia/capabilities/gpu0/mig/gi1");
	assert_false(holds(s, &record));
	start(s, &record);
	assert_int_equal(host_tree_list_class(&s->tree, s->arena, "/sys/devices/x/drm",
				 "/sys/class/drm", &names),
		0);
	assert_int_equal(names.n, 1);
	assert_int_equal(record.facts.n, 1);
	assert_string_equal(record.facts.items[0].path, "/sys/devices/x/drm");
	s->tree.record = NULL;
}

/* An exact path follows nothing at its end. */
static void test_exact(void **state)
{
	struct scratch *s = *state;
	struct host_record record;

	scratch_write(s, "/etc/real", "x");
	scratch_link(s, "/etc/link", "real");
	start(s, &record);
	look_at(s, "/etc/real");
	s->tree.record = NULL;
	assert_true(ask(s, "/etc", HOST_FILE, "real", true) == record.facts.items[0].answer);
	assert_true(ask(s, "/etc", HOST_FILE, "link", true) != record.facts.items[0].answer);
	assert_true(ask(s, "/etc", HOST_FILE, "link", false) == record.facts.items[0].answer);
	assert_true(ask(s, "/etc", HOST_CONTENT, "link", true) == host_answer_error(-ELOOP));
	assert_true(ask(s, "/etc", HOST_NAMES, "real", true) == host_answer_error(-ENOTDIR));
	assert_true(ask(s, "/etc", HOST_KIND, "real", true) ==
		    ask(s, "/etc", HOST_KIND, "link", false));
	assert_true(
		ask(s, "/etc", HOST_KIND, "real", true) != ask(s, "/etc", HOST_KIND, "link", true));
	assert_true(ask(s, "", HOST_DIRECTORY, "", true) == ask(s, "", HOST_DIRECTORY, "", false));
	assert_true(ask(s, "/no", HOST_FILE, "name", true) == host_answer_error(-ENOENT));
}

/* A module that is loaded again has other major numbers, and its nodes have, too. */
static void test_renumbered_node(void **state)
{
	struct scratch *s = *state;
	struct host_record record;
	int root = s->tree.root_fd;

	scratch_directory(s, "/dev");
	if (mknodat(root, "dev/uvm", S_IFCHR | 0666, makedev(511, 0)) < 0) {
		print_message("only root of the machine makes nodes\n");
		skip();
	}
	start(s, &record);
	look_at_node(s, "/dev/uvm");
	assert_true(holds(s, &record));
	assert_int_equal(unlinkat(root, "dev/uvm", 0), 0);
	assert_int_equal(mknodat(root, "dev/uvm", S_IFCHR | 0666, makedev(510, 0)), 0);
	assert_false(holds(s, &record));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_question),
		TEST(test_newest),
		TEST(test_real_kernel_files),
		TEST(test_kernel_content),
		TEST(test_kernel_witnesses),
		TEST(test_simulated_witnesses),
		TEST(test_exact),
		TEST(test_renumbered_node),
	};

	return cmocka_run_group_tests_name("host record", tests, NULL, NULL);
}
