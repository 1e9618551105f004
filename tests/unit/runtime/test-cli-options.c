/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/cli_options.h"

#define MAX_WORDS 32

static struct arena *arena;
static struct nvb_error *err;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return arena ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	nvb_error_clear(&err);
	return 0;
}

/* `line` is split at blanks; an underscore stands for a blank in a word. */
static int parse(const char *line, struct cli_options *ret)
{
	char *argv[MAX_WORDS + 1] = { arena_strdup(arena, "/usr/bin/nvidia-container-cli") };
	char *copy = arena_strdup(arena, line), *save = NULL;
	int argc = 1;

	for (char *c = copy; *c; c++)
		*c = *c == ' ' ? '\n' : *c;
	for (char *word = strtok_r(copy, "\n", &save); word && argc < MAX_WORDS;
		word = strtok_r(NULL, "\n", &save)) {
		for (char *c = word; *c; c++)
			*c = *c == '_' ? ' ' : *c;
		argv[argc++] = word;
	}
	nvb_error_clear(&err);
	memset(ret, 0, sizeof(*ret));
	return cli_options_parse(argc, argv, arena, ret, &err);
}

static void expect(const char *line, struct cli_options *ret)
{
	int r = parse(line, ret);

	if (r < 0)
		print_error("%s: %s\n", line, nvb_error_message(err));
	assert_int_equal(r, 0);
}

static void test_configure_long(void **state)
{
	struct cli_options o;

	(void)state;
	expect("--load-kmods --no-pivot --debug=/dev/stderr --root=/run/nvidia --ldcache "
	       "/etc/ld.so.cache "
	       "--user=1000:1000 --no-create-imex-channels configure --ldconfig=@/sbin/ldconfig "
	       "--no-cgroups --device=0,GPU-1 --device 2 --mig-config=all --mig-monitor all "
	       "--imex-channel=0,1 --compute --utility --compat32 --require=cuda>=12.0_brand=tesla "
	       "--require driver>=535 --pid=4711 --cuda-compat-mode=disabled --no-cntlibs /root/fs",
		&o);
	assert_int_equal(o.command, CLI_CONFIGURE);
	assert_true(o.load_kmods && o.no_pivot && o.no_create_imex_channels && o.no_cgroups);
	assert_true(o.no_cntlibs);
	assert_string_equal(o.debug_path, "/dev/stderr");
	assert_string_equal(o.root, "/run/nvidia");
	assert_string_equal(o.ldcache, "/etc/ld.so.cache");
	assert_string_equal(o.user, "1000:1000");
	assert_string_equal(o.ldconfig, "@/sbin/ldconfig");
	assert_int_equal(o.devices.n, 2);
	assert_string_equal(o.devices.items[0], "0,GPU-1");
	assert_string_equal(o.devices.items[1], "2");
	assert_int_equal(o.requirements.n, 2);
	assert_string_equal(o.requirements.items[0], "cuda>=12.0 brand=tesla");
	assert_int_equal(o.imex_channels.n, 1);
	assert_int_equal(o.pid, 4711);
	assert_string_equal(o.cuda_compat_mode, "disabled");
	assert_string_equal(o.rootfs, "/root/fs");
	assert_int_equal(cli_options_capabilities(&o),
		CAPABILITY_COMPUTE | CAPABILITY_UTILITY | CAPABILITY_COMPAT32);
}

/* The same letters mean other things before the command and behind it. */
static void test_letters(void **state)
{
	struct cli_options o;

	(void)state;
	expect("-k -n -u -r /drv -l /cache -d /log configure -p 7 -d all -r cuda>1 -l @/ldconfig "
	       "-cuvgDn /fs",
		&o);
	assert_true(o.load_kmods && o.no_pivot);
	assert_string_equal(o.user, "");
	assert_string_equal(o.root, "/drv");
	assert_string_equal(o.ldcache, "/cache");
	assert_string_equal(o.debug_path, "/log");
	assert_int_equal(o.pid, 7);
	assert_string_equal(o.devices.items[0], "all");
	assert_string_equal(o.requirements.items[0], "cuda>1");
	assert_string_equal(o.ldconfig, "@/ldconfig");
	assert_int_equal(cli_options_capabilities(&o), CAPABILITY_ALL & ~CAPABILITY_COMPAT32);
	expect("list -l -b -i -f -d 0", &o);
	assert_true(o.libraries && o.binaries && o.ipcs && o.firmwares && o.any);
	assert_null(o.ldconfig);
}

static void test_user_takes_no_next_word(void **state)
{
	struct cli_options o;

	(void)state;
	expect("--user configure /fs", &o);
	assert_int_equal(o.command, CLI_CONFIGURE);
	assert_string_equal(o.user, "");
	expect("configure /fs", &o);
	assert_null(o.user);
}

static void test_order(void **state)
{
	struct cli_options o;

	(void)state;
	expect("configure /fs --device=1 --utility", &o);
	assert_string_equal(o.rootfs, "/fs");
	assert_int_equal(o.devices.n, 1);
	expect("configure --utility -- /fs", &o);
	assert_string_equal(o.rootfs, "/fs");
	expect("list", &o);
	assert_false(o.any);
	expect("info --csv", &o);
	assert_true(o.csv);
	/* Abbreviations, as long as they are unique. */
	expect("configure --dev=1 --util /fs", &o);
	assert_true(o.utility);
}

static void test_help_and_version(void **state)
{
	static const char *const lines[] = { "--help", "-?", "--usage", "configure --help",
		"list -?", "configure --bogus-free --help" };
	struct cli_options o;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		expect(lines[i], &o);
		assert_true(o.help);
	}
	assert_int_equal(parse(lines[5], &o), NVB_ERR_USAGE);
	expect("-V", &o);
	assert_true(o.version);
	expect("--version", &o);
	assert_true(o.version);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *line, *message;
	} table[] = {
		{ "", "a command is missing" },
		{ "--no-pivot", "a command is missing" },
		{ "frobnicate", "'frobnicate'" },
		{ "--bogus list", "'--bogus'" },
		{ "--csv info", "'--csv'" },
		{ "info --device=0", "'--device=0'" },
		{ "-z list", "'-z'" },
		{ "list -z", "'-z'" },
		{ "list -lz", "'-z'" },
		{ "--debug", "'--debug' needs a value" },
		{ "configure /fs --pid", "'--pid' needs a value" },
		{ "configure /fs -p", "'-p' needs a value" },
		{ "info --csv=1", "'--csv' takes no value" },
		{ "configure --no /fs", "'--no'" },
		{ "list operand", "'operand'" },
		{ "info operand", "'operand'" },
		{ "configure", "root directory" },
		{ "configure /a /b", "root directory" },
		{ "configure relative", "'relative'" },
		{ "configure /", "'/'" },
		{ "configure ///", "'///'" },
		{ "configure --pid=0 /fs", "'0'" },
		{ "configure --pid=-1 /fs", "'-1'" },
		{ "configure --pid=1x /fs", "'1x'" },
		{ "configure --pid=99999999999 /fs", "'99999999999'" },
		{ "configure --pid= /fs", "''" },
		{ "configure --mig-config=0 /fs", "--mig-config" },
		{ "configure --mig-monitor=GPU-1 /fs", "--mig-monitor" },
	};
	struct cli_options o;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(table); i++) {
		int r = parse(table[i].line, &o);

		if (r != NVB_ERR_USAGE || !strstr(nvb_error_message(err), table[i].message))
			print_error("'%s': %d %s\n", table[i].line, r,
				r < 0 ? nvb_error_message(err) : "");
		assert_int_equal(r, NVB_ERR_USAGE);
		assert_non_null(strstr(nvb_error_message(err), table[i].message));
	}
}

static void test_near_name(void **state)
{
	struct cli_options o;

	(void)state;
	assert_int_equal(parse("configure --no-cgroup5 /fs", &o), NVB_ERR_USAGE);
	assert_non_null(nvb_error_get_hint(err));
	assert_non_null(strstr(nvb_error_get_hint(err), "'--no-cgroups'"));
}

/* Every option of the help texts is understood, by its name and by its letter. */
static void test_help_is_true(void **state)
{
	static const struct {
		enum cli_command command;
		const char *before, *after;
	} table[] = { { CLI_NONE, "", " list" }, { CLI_INFO, "info ", "" },
		{ CLI_LIST, "list ", "" }, { CLI_CONFIGURE, "configure ", " /fs" } };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(table); i++) {
		char *text = NULL, *save = NULL;
		size_t length = 0, options = 0;
		FILE *f = open_memstream(&text, &length);

		assert_non_null(f);
		cli_options_print_help(table[i].command, f);
		assert_int_equal(fclose(f), 0);
		for (char *line = strtok_r(text, "\n", &save); line;
			line = strtok_r(NULL, "\n", &save)) {
			char *name = strstr(line, "--");
			struct cli_options o;
			const char *value = "";

			assert_true(strlen(line) <= 110);
			if (strncmp(line, "  -", 3) != 0 && strncmp(line, "      --", 8) != 0)
				continue;
			options++;
			if (name[strcspn(name, " =[")] == '=')
				value = strncmp(name, "--pid", 5) == 0 ? "=1" : "=all";
			name[strcspn(name, " =[")] = '\0';
			expect(arena_printf(arena, "%s%s%s%s", table[i].before, name, value,
				       table[i].after),
				&o);
			if (line[2] == '-')
				expect(arena_printf(arena, "%s-%c%s%s%s", table[i].before, line[3],
					       *value ? " " : "", *value ? value + 1 : "",
					       table[i].after),
					&o);
		}
		assert_true(options >= 4);
		free(text);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_configure_long),
		TEST(test_letters),
		TEST(test_user_takes_no_next_word),
		TEST(test_order),
		TEST(test_help_and_version),
		TEST(test_mistakes),
		TEST(test_near_name),
		TEST(test_help_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
