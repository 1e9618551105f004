/* SPDX-License-Identifier: Apache-2.0 */
/* The same where a container's own entries win, in a root that tells where they lead. */
#include "edit-sample.h"

struct keeping {
	struct sample *s;
	struct string_list warnings;
	bool user_namespace, makes_links;
	char asked[256]; /* the links that were asked for */
};

/* The root has /lib as a link to usr/lib, as the common distributions do. */
static int make_root(char *path)
{
	_cleanup_close_ int fd = -1;

	assert_non_null(mkdtemp(path));
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "usr", 0755), 0);
	assert_int_equal(mkdirat(fd, "usr/lib", 0755), 0);
	assert_int_equal(symlinkat("usr/lib", fd, "lib"), 0);
	return TAKE_FD(fd);
}

/* Says no to names with "no". */
static bool note_link(void *user, const struct plan_link *link)
{
	struct keeping *k = user;

	(void)snprintf(k->asked + strlen(k->asked), sizeof(k->asked) - strlen(k->asked), "%s>%s ",
		link->path, link->text);
	return !strstr(link->path, "no");
}

static void expect_kept(struct keeping *k, const char *before, const char *after)
{
	char path[] = "/tmp/nvbind-test-XXXXXX";
	_cleanup_close_ int root_fd = make_root(path);
	_cleanup_close_ int tmp_fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct oci_edit_options options = {
		.keep_own = true,
		.root_fd = root_fd,
		.bundle_fd = root_fd,
		.user_namespace = k->user_namespace,
		.make_link = k->makes_links ? note_link : NULL,
		.link_user = k,
		.arena = k->s->plan->arena,
		.warnings = &k->warnings,
	};
	_cleanup_free_ char *text = NULL;
	int r;

	k->warnings.n = 0;
	k->asked[0] = '\0';
	json_putp(&k->s->config);
	assert_int_equal(json_parse(before, strlen(before), &k->s->config, NULL), 0);
	r = oci_edit_plan_with(k->s->config, k->s->plan, &options, &k->s->err);
	assert_int_equal(path_remove_tree(tmp_fd, path_base_name(path)), 0);
	if (r < 0)
		fail_msg("%s", nvb_error_message(k->s->err));
	assert_int_equal(json_format(k->s->config, JSON_PLAIN, &text, NULL, NULL), 0);
	assert_string_equal(text, after);
}

#define OURS "{\"destination\":\"/usr/lib/x\",\"type\":\"bind\",\"source\":\"/s\",\"options\":[]}"

static void test_own_mounts(void **state)
{
	struct keeping k = { .s = *state };

	(void)add_mount(k.s, "/usr/lib/x", NULL);
	/* The order of its own mounts is the container's. */
	expect_kept(&k, "{\"mounts\": [{\"destination\": \"/b/c\"}, {\"destination\": \"/b\"}]}",
		"{\"mounts\":[{\"destination\":\"/b/c\"},{\"destination\":\"/b\"}," OURS "]}");
	/* Above ours, below ours: all stay visible. */
	expect_kept(&k,
		"{\"mounts\": [{\"destination\": \"/usr\"}, {\"destination\": \"/c\"}, "
		"{\"destination\": \"/usr/lib/x/y\"}]}",
		"{\"mounts\":[{\"destination\":\"/usr\"},{\"destination\":\"/c\"}," OURS
		",{\"destination\":\"/usr/lib/x/y\"}]}");
	/* What its volume would cover lies in the volume. */
	expect_kept(&k,
		"{\"mounts\": [{\"destination\": \"/usr/lib/x/y\"}, {\"destination\": \"/lib\"}]}",
		"{\"mounts\":[{\"destination\":\"/usr/lib/x/y\"},{\"destination\":\"/lib\"}," OURS
		"]}");
	assert_int_equal(k.warnings.n, 0);
	/* The same place, under another name. */
	expect_kept(&k, "{\"mounts\": [{\"destination\": \"/lib/x\", \"source\": \"/mine\"}]}",
		"{\"mounts\":[{\"destination\":\"/lib/x\",\"source\":\"/mine\"}]}");
	assert_int_equal(k.warnings.n, 1);
	assert_string_equal(k.warnings.items[0],
		"the container's own mount on '/usr/lib/x' stays, in place of '/s'");
	/* A directory of the user's: nothing is made in there. */
	expect_kept(&k,
		"{\"mounts\": [{\"destination\": \"/usr\", \"type\": \"bind\", \"source\": "
		"\"/var/empty\"}]}",
		"{\"mounts\":[{\"destination\":\"/usr\",\"type\":\"bind\",\"source\":\"/var/"
		"empty\"}]}");
	assert_string_equal(k.warnings.items[0], "'/usr/lib/x' is left out: the container's own "
						 "mount on '/usr' has no place for it");
	/* A relative source begins in the bundle: here that is the container's root itself. */
	(void)add_mount(k.s, "/data/lib", NULL);
	expect_kept(&k,
		"{\"mounts\": [{\"destination\": \"/data\", \"type\": \"bind\", \"source\": "
		"\"usr\"}]}",
		"{\"mounts\":[{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"usr\"},"
		"{\"destination\":\"/data/lib\",\"type\":\"bind\",\"source\":\"/"
		"s\",\"options\":[]}," OURS "]}");
	assert_int_equal(k.warnings.n, 0);
	k.s->plan->mounts.n--;
	/* Edited twice, nothing is there twice. */
	expect_kept(&k, "{\"mounts\":[" OURS "]}", "{\"mounts\":[" OURS "]}");
	assert_int_equal(k.warnings.n, 0);
	/* What is no mount at all is for the runtime to refuse. */
	expect_kept(&k, "{\"mounts\": [7, {\"destination\": 1}, {\"destination\": \"../x\"}]}",
		"{\"mounts\":[7,{\"destination\":1},{\"destination\":\"../x\"}," OURS "]}");
}

static void add_link(struct sample *s, const char *path, const char *text, const char *destination)
{
	struct plan_link *link = vec_push(s->plan->arena, &s->plan->links);

	assert_non_null(link);
	*link = (struct plan_link){
		.path = path, .text = text, .source = "/s", .destination = destination
	};
}

#define FILE_AT_OPTIONS(path, more)                                                                \
	"{\"destination\":\"" path "\",\"type\":\"bind\",\"source\":\"/s\",\"options\":["          \
	"\"ro\",\"nosuid\",\"nodev\",\"bind\"" more "]}"
#define FILE_AT(path) FILE_AT_OPTIONS(path, "")
#define OWN(path)     "{\"destination\":\"" path "\",\"source\":\"/mine\"}"

static void test_links(void **state)
{
	struct keeping k = { .s = *state, .makes_links = true };

	(void)add_mount(k.s, "/usr/lib/x", NULL);
	add_link(k.s, "/usr/lib/a", "x", "/usr/lib/a");
	add_link(k.s, "/usr/lib/no", "x", "/usr/lib/old");
	/* Another link to the same old file of the image. */
	add_link(k.s, "/usr/lib/no.1", "x", "/usr/lib/old");
	expect_kept(&k, "{}", "{\"mounts\":[" OURS "," FILE_AT("/usr/lib/old") "]}");
	assert_string_equal(k.asked, "/usr/lib/a>x /usr/lib/no>x /usr/lib/no.1>x ");
	/* The container's own mounts hide what lies in the root: nobody is asked. */
	expect_kept(&k, "{\"mounts\":[" OWN("/lib") "]}",
		"{\"mounts\":[" OWN("/lib") "," OURS "," FILE_AT("/usr/lib/a") "," FILE_AT(
			"/usr/lib/old") "]}");
	assert_string_equal(k.asked, "");
	/* One of them takes one name. */
	expect_kept(&k, "{\"mounts\":[" OWN("/lib/a") "]}",
		"{\"mounts\":[" OWN("/lib/a") "," OURS "," FILE_AT("/usr/lib/old") "]}");
	assert_string_equal(k.asked, "/usr/lib/no>x /usr/lib/no.1>x ");
	/* Or the file itself: the other names must not lead to it. */
	expect_kept(&k, "{\"mounts\":[" OWN("/lib/x") "]}",
		"{\"mounts\":[" OWN("/lib/x") "," FILE_AT("/usr/lib/a") "," FILE_AT(
			"/usr/lib/old") "]}");
	assert_string_equal(k.asked, "");
	/* Or what a link of the image leads to. */
	expect_kept(&k, "{\"mounts\":[" OWN("/lib/old") "]}",
		"{\"mounts\":[" OWN("/lib/old") "," OURS "]}");
	assert_string_equal(k.asked, "/usr/lib/a>x ");
	assert_int_equal(k.warnings.n, 2);
	/* Where nobody makes links. */
	k.makes_links = false;
	expect_kept(&k, "{}",
		"{\"mounts\":[" OURS "," FILE_AT("/usr/lib/a") "," FILE_AT("/usr/lib/old") "]}");
	expect(k.s, "{}",
		"{\"mounts\":[" OURS "," FILE_AT("/usr/lib/a") "," FILE_AT("/usr/lib/old") "]}");
}

/* A mount of a specification has the name. */
static void test_link_of_a_mount(void **state)
{
	struct keeping k = { .s = *state, .makes_links = true };

	(void)add_mount(k.s, "/usr/lib/x", NULL);
	add_link(k.s, "/usr/lib/x", "y", "/usr/lib/x");
	expect_kept(&k, "{}", "{\"mounts\":[" OURS "]}");
	assert_string_equal(k.asked, "");
}

/* A container that will not start gets no links. */
static void test_no_link_after_an_error(void **state)
{
	struct keeping k = { .s = *state };
	char path[] = "/tmp/nvbind-test-XXXXXX";
	_cleanup_close_ int root_fd = make_root(path);
	const struct oci_edit_options options = {
		.keep_own = true,
		.root_fd = root_fd,
		.bundle_fd = root_fd,
		.make_link = note_link,
		.link_user = &k,
		.arena = k.s->plan->arena,
		.warnings = &k.warnings,
	};

	add_link(k.s, "/usr/lib/a", "x", "/usr/lib/a");
	/* A file on a directory. */
	*add_mount(k.s, "/usr/lib", NULL) = plan_link_mount(&k.s->plan->links.items[0]);
	k.s->plan->mounts.items[0].destination = "/usr/lib";
	assert_int_equal(json_parse("{}", 2, &k.s->config, NULL), 0);
	assert_int_equal(oci_edit_plan_with(k.s->config, k.s->plan, &options, &k.s->err),
		NVB_ERR_UNSAFE_PATH);
	assert_string_equal(k.asked, "");
	/* Hooks that are none. */
	k.s->plan->mounts.n = 0;
	nvb_error_clear(&k.s->err);
	*(struct plan_hook *)vec_push(k.s->plan->arena, &k.s->plan->hooks) =
		(struct plan_hook){ .name = "createContainer", .path = "/h" };
	json_putp(&k.s->config);
	assert_int_equal(json_parse("{\"hooks\":7}", 11, &k.s->config, NULL), 0);
	assert_int_equal(
		oci_edit_plan_with(k.s->config, k.s->plan, &options, &k.s->err), NVB_ERR_FORMAT);
	assert_string_equal(k.asked, "");
	assert_int_equal(path_remove_tree(AT_FDCWD, path), 0);
}

/* What a container mounts over our file must not show up on the machine. */
static void test_propagation(void **state)
{
	static const struct {
		const char *propagation;
		bool spreads;
	} cases[] = { { "private", false }, { "rprivate", false }, { "slave", false },
		{ "rslave", false }, { "", false }, { "shared", true }, { "rshared", true },
		{ "unbindable", true }, { "new word", true } };
	struct keeping k = { .s = *state };

	add_link(k.s, "/usr/lib/a", "x", "/usr/lib/a");
	(void)add_mount(k.s, "/usr/lib/x", NULL);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *before = NULL, *after = NULL;

		assert_true(asprintf(&before, "{\"linux\":{\"rootfsPropagation\":\"%s\"}}",
				    cases[i].propagation) > 0);
		assert_true(asprintf(&after,
				    "{\"linux\":{\"rootfsPropagation\":\"%s\"},\"mounts\":[%s]}",
				    cases[i].propagation,
				    cases[i].spreads ? OURS
					    "," FILE_AT_OPTIONS("/usr/lib/a", ",\"private\"")
						     : OURS "," FILE_AT("/usr/lib/a")) > 0);
		expect_kept(&k, before, after);
	}
	expect_kept(&k, "{\"linux\":7}",
		"{\"linux\":7,\"mounts\":[" OURS "," FILE_AT("/usr/lib/a") "]}");
}

/* Where a mount leads: through links of the root, also those of its last name. */
static void test_places(void **state)
{
	struct keeping k = { .s = *state };

	(void)add_mount(k.s, "/lib/x", NULL);
	expect_kept(
		&k, "{\"mounts\":[" OWN("/usr/lib/x") "]}", "{\"mounts\":[" OWN("/usr/lib/x") "]}");
	assert_int_equal(k.warnings.n, 1);
	k.s->plan->mounts.items[0].destination = "/lib";
	expect_kept(&k, "{\"mounts\":[" OWN("/usr/lib") "]}", "{\"mounts\":[" OWN("/usr/lib") "]}");
	assert_int_equal(k.warnings.n, 1);
	k.s->plan->mounts.items[0].destination = "/new/dir/x";
	expect_kept(
		&k, "{\"mounts\":[" OWN("/new/dir/x") "]}", "{\"mounts\":[" OWN("/new/dir/x") "]}");
	assert_int_equal(k.warnings.n, 1);
	/* What lies below its own mount is named as it is. */
	k.s->plan->mounts.items[0].destination = "/usr/lib/x";
	expect_kept(&k, "{\"mounts\":[" OWN("/lib") "," OWN("/usr/lib/x") "]}",
		"{\"mounts\":[" OWN("/lib") "," OWN("/usr/lib/x") "]}");
	assert_int_equal(k.warnings.n, 1);
}

static void test_own_nodes(void **state)
{
	struct keeping k = { .s = *state };
	static const char rules[] = "\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\","
				    "\"major\":195,\"minor\":1,\"access\":\"rw\"}]}";
	_cleanup_free_ char *text = NULL;

	(void)add_node(k.s, "/dev/a", 'c');
	assert_true(asprintf(&text,
			    "{\"linux\":{\"devices\":[{\"path\":\"/dev/a\",\"type\":\"c\","
			    "\"major\":195,\"minor\":1}],%s}}",
			    rules) > 0);
	expect_kept(&k,
		"{\"linux\": {\"devices\": [{\"path\": \"/dev/a\", \"type\": \"c\", \"major\": "
		"195, "
		"\"minor\": 1}]}}",
		text);
	assert_int_equal(k.warnings.n, 0);
	expect_kept(&k, text, text);
	free(text);
	assert_true(
		asprintf(&text, "{\"linux\":{\"devices\":[{\"path\":\"/dev/a\",\"major\":1}],%s}}",
			rules) > 0);
	expect_kept(&k, "{\"linux\": {\"devices\": [{\"path\": \"/dev/a\", \"major\": 1}]}}", text);
	assert_int_equal(k.warnings.n, 1);
	assert_string_equal(
		k.warnings.items[0], "the container's own node '/dev/a' stays: it is not 195:1");
}

/* A runtime binds there, from the path that the node has in the container. */
static void test_user_namespace(void **state)
{
	struct keeping k = { .s = *state, .user_namespace = true };

	(void)add_node(k.s, "/dev/a", 'c');
	add_node(k.s, "/dev/b", 'c')->host_path = "/dev/b";
	expect_kept(&k, "{}",
		"{\"linux\":{\"devices\":[{\"path\":\"/dev/b\",\"type\":\"c\",\"major\":195,"
		"\"minor\":1,\"fileMode\":432,\"uid\":0,\"gid\":44}],"
		"\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":195,"
		"\"minor\":1,\"access\":\"rw\"}]}},"
		"\"mounts\":[{\"destination\":\"/dev/a\",\"type\":\"bind\",\"source\":\"/host/"
		"node\","
		"\"options\":[\"bind\",\"nosuid\",\"noexec\"]}]}");
}

/* What is not there cannot be bound; elsewhere it is made by number. */
static void test_user_namespace_without_node(void **state)
{
	struct keeping k = { .s = *state, .user_namespace = true };
	struct plan_node *node = add_node(k.s, "/dev/a", 'c');

	node->exists = false;
	expect_kept(&k, "{}", "{}");
	assert_int_equal(k.warnings.n, 1);
	assert_non_null(strstr(k.warnings.items[0], "'/host/node' is not on this machine"));
	(void)add_node(k.s, "/dev/b", 'p');
	k.s->plan->nodes.items[1].exists = false;
	(void)add_node(k.s, "/dev/c", 'c');
	k.s->plan->nodes.items[2].host_path = "/dev/c";
	expect_kept(&k, "{}",
		"{\"linux\":{\"devices\":[{\"path\":\"/dev/c\",\"type\":\"c\",\"major\":195,"
		"\"minor\":1,\"fileMode\":432,\"uid\":0,\"gid\":44}],"
		"\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":195,"
		"\"minor\":1,\"access\":\"rw\"}]}}}");
	assert_int_equal(k.warnings.n, 1);
	assert_non_null(strstr(k.warnings.items[0], "2 device nodes are not on this machine"));
	assert_int_equal(try_edit(k.s, "{}"), 0);
	assert_int_equal(json_object_array_length(devices_of(k.s)), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own_mounts),
		TEST(test_links),
		TEST(test_link_of_a_mount),
		TEST(test_no_link_after_an_error),
		TEST(test_propagation),
		TEST(test_places),
		TEST(test_own_nodes),
		TEST(test_user_namespace),
		TEST(test_user_namespace_without_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
