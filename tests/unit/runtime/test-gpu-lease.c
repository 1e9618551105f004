/* SPDX-License-Identifier: Apache-2.0 */
/* Where a container's control group is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "runtime/gpu_lease.h"

static void check(const char *path, bool by_systemd, const char *expected)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *found = gpu_lease_cgroup(path, by_systemd, a);

	if (!expected)
		assert_null(found);
	else if (!found)
		fail_msg("'%s' is nothing, not '%s'", path, expected);
	else
		assert_string_equal(found, expected);
}

static void plain(void **state)
{
	(void)state;
	check(NULL, false, NULL);
	check("", false, NULL);
	check("/docker/0123", false, "/docker/0123");
	check("/kubepods/burstable/pod1/0123", false, "/kubepods/burstable/pod1/0123");
	check("below/0123", false, "0123");
	check("/a/../0123", false, "0123");
	check("/", false, NULL);
}

static void systemd(void **state)
{
	const bool root = geteuid() == 0;

	(void)state;
	check("system.slice:docker:0123", true,
		root ? "/system.slice/docker-0123.scope" : "docker-0123.scope");
	check("a-b-c.slice:cri:0123", true,
		root ? "/a.slice/a-b.slice/a-b-c.slice/cri-0123.scope" : "cri-0123.scope");
	check("machine.slice::0123", true, root ? "/machine.slice/0123.scope" : "0123.scope");
	check(":docker:0123", true, "docker-0123.scope");
	check("../x.slice:docker:0123", true, "docker-0123.scope");
	check("/docker/0123", true, NULL);
	check("a:b:", true, NULL);
	check("a:b", true, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(systemd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
