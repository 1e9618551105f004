/* SPDX-License-Identifier: Apache-2.0 */
#include "../host/scratch-tree.h"
#include "tiny-elf.h"

#include "hook/compat.h"

#define NOTE "{\"format\":1,\"CUDA version\":\"12.9\",\"driver\":[535,550,575]}"

static void test_rule(void **state)
{
	(void)state;
	/* Without a note: the major versions. */
	assert_true(compat_wins("575.57.08", "550.163.01", NULL));
	assert_false(compat_wins("550.200.01", "550.163.01", NULL));
	assert_false(compat_wins("470.256.02", "550.163.01", NULL));
	assert_true(compat_wins("1000.1", "999.99", NULL));
	/* With one: a driver that it lists, and any higher version. */
	assert_true(compat_wins("575.57.08", "550.163.01", NOTE));
	assert_true(compat_wins("575.57.08", "575.57.07", NOTE));
	assert_true(compat_wins("575.57.08", "575.57", NOTE));
	assert_false(compat_wins("575.57.08", "575.57.08", NOTE));
	assert_false(compat_wins("575.57.08", "575.57.8", NOTE));
	assert_false(compat_wins("575.57.08", "580.1", NOTE));
	assert_false(compat_wins("575.57.08", "560.1", NOTE));
	assert_false(compat_wins("575.57.08", "550.1", "{\"driver\":[]}"));
	assert_true(compat_wins("575.57.08", "550.1", "{\"Driver\":[550]}"));
	/* What is no note counts as none. */
	assert_true(compat_wins("575.57.08", "550.1", "{\"driver\":[535"));
	assert_true(compat_wins("575.57.08", "550.1", ""));
	assert_true(compat_wins("575.57.08", "550.1", "{}"));
	assert_false(compat_wins("575.57.08", "550.1", "{\"driver\":550}"));
	assert_false(compat_wins("575.57.08", "550.1", "{\"driver\":[\"550\",-550,5.5e2,null]}"));
}

static int choose(const struct scratch *s, const char *host, const char **ret)
{
	return compat_choose(s->tree.root_fd, host, s->arena, ret, NULL);
}

static void test_choose(void **state)
{
	const struct scratch *s = *state;
	const char *folder = NULL;
	struct tiny_elf elf;

	assert_int_equal(choose(s, "550.163.01", &folder), 0);
	scratch_write(s, "/usr/local/cuda-12.9/compat/libcuda.so.1", "no version in its name");
	assert_int_equal(symlinkat("/usr/local/cuda-12.9", s->tree.root_fd, "usr/local/cuda"), 0);
	assert_int_equal(choose(s, "550.163.01", &folder), 0);
	scratch_write(s, "/usr/local/cuda-12.9/compat/libcuda.so.575.57.08", "no ELF file");
	assert_int_equal(choose(s, "550.163.01", &folder), 1);
	assert_string_equal(folder, "/usr/local/cuda-12.9/compat");
	assert_int_equal(choose(s, "580.1", &folder), 0);
	/* Now its note decides: 560 is not in the list. */
	tiny_elf_make(&elf, EM_X86_64, NOTE);
	scratch_write_bytes(
		s, "/usr/local/cuda-12.9/compat/libcuda.so.575.57.08", &elf, sizeof(elf));
	assert_int_equal(choose(s, "550.163.01", &folder), 1);
	assert_int_equal(choose(s, "560.1", &folder), 0);
	/* Two of them: nobody knows which is meant. */
	scratch_write(s, "/usr/local/cuda-12.9/compat/libcuda.so.580.1", "");
	assert_int_equal(choose(s, "550.163.01", &folder), 0);
}

static void test_hostile(void **state)
{
	static const char *const names[] = {
		"libcuda.so.",
		"libcuda.so.1",
		"libcuda.so.5.",
		"libcuda.so.5..1",
		"libcuda.so.5.x",
		"libcuda.so.9999999999.1",
		"libcuda.so.-5.1",
		"xlibcuda.so.575.1",
	};
	const struct scratch *s = *state;
	const char *folder = NULL;
	struct tiny_elf elf;

	for (size_t i = 0; i < ELEMENTS(names); i++)
		scratch_write(s, arena_printf(s->arena, "/usr/local/cuda/compat/%s", names[i]), "");
	assert_int_equal(choose(s, "550.1", &folder), 0);
	tiny_elf_make(&elf, EM_X86_64, NOTE);
	elf.note.n_descsz = 0xffffffff;
	scratch_write_bytes(s, "/usr/local/cuda/compat/libcuda.so.575.1", &elf, sizeof(elf));
	/* A damaged note counts as none. */
	assert_int_equal(choose(s, "560.1", &folder), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule),
		TEST(test_choose),
		TEST(test_hostile),
	};

	return cmocka_run_group_tests_name("hook/compat", tests, NULL, NULL);
}
