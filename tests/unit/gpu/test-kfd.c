/* SPDX-License-Identifier: Apache-2.0 */
#include "../host/scratch-tree.h"

#include "gpu/amd/kfd.h"

static void test_properties(void **state)
{
	static const char text[] = "cpu_cores_count 0\nsimd_count 304\nsimd_count_x 9\n"
				   "gfx_target_version 90402\nlocation_id 1280\ndomain 1\n"
				   "drm_render_minor 128\nunique_id 18446744073709551615\n";
	struct kfd_node node = { 0 };

	(void)state;
	kfd_properties_parse(text, strlen(text), &node);
	assert_int_equal(node.simd_count, 304);
	assert_int_equal(node.gfx_target_version, 90402);
	assert_int_equal(node.location_id, 1280);
	assert_int_equal(node.domain, 1);
	assert_int_equal(node.drm_render_minor, 128);
	assert_true(node.unique_id == UINT64_MAX);
}

static void test_bad_properties(void **state)
{
	static const char text[] = "simd_count\nsimd_count \nsimd_count x\nsimd_count -1\n"
				   "simd_count 18446744073709551616\nsimd_count  1\nsimd_count 1 \n"
				   " simd_count 1\n\ndrm_render_minor 12\n";
	struct kfd_node node = { 0 };

	(void)state;
	kfd_properties_parse(text, strlen(text), &node);
	assert_int_equal(node.simd_count, 0);
	assert_int_equal(node.drm_render_minor, 12);
	for (size_t length = 0; length < sizeof(text); length++) {
		_cleanup_free_ char *part = malloc(length ? length : 1);

		memcpy(part, text, length);
		node = (struct kfd_node){ 0 };
		kfd_properties_parse(part, length, &node);
		assert_int_equal(node.drm_render_minor, length >= sizeof(text) - 1 ? 12 : 0);
	}
}

static void test_texts(void **state)
{
	struct scratch *s = *state;

	assert_string_equal(kfd_gfx_name(s->arena, 90402), "gfx942");
	assert_string_equal(kfd_gfx_name(s->arena, 90010), "gfx90a");
	assert_string_equal(kfd_gfx_name(s->arena, 110000), "gfx1100");
	assert_string_equal(kfd_gfx_name(s->arena, 120001), "gfx1201");
	assert_string_equal(kfd_gfx_name(s->arena, 80003), "gfx803");
	assert_null(kfd_gfx_name(s->arena, 0));
	assert_null(kfd_gfx_name(s->arena, UINT64_MAX));
	assert_string_equal(kfd_uuid(s->arena, 0xabc), "GPU-0000000000000abc");
	assert_null(kfd_uuid(s->arena, 0));
}

static void test_is_at(void **state)
{
	struct kfd_node node = { .location_id = 0x0500, .domain = 0 };

	(void)state;
	assert_true(kfd_is_at(&node, "0000:05:00.0"));
	assert_false(kfd_is_at(&node, "0001:05:00.0"));
	assert_false(kfd_is_at(&node, "0000:05:01.0"));
	assert_false(kfd_is_at(&node, "0000:06:00.0"));
	node.location_id = 0x0507; /* partition 7, where the function would be */
	assert_true(kfd_is_at(&node, "0000:05:00.0"));
	node.location_id = 0x70000500; /* partition 7 in bits 31..28 */
	assert_true(kfd_is_at(&node, "0000:05:00.0"));
}

static void test_nodes_and_memory(void **state)
{
	struct scratch *s = *state;
	struct inventory inv = { .arena = s->arena };
	struct gpu_discovery d = { .tree = &s->tree, .inv = &inv };
	struct kfd_node_list nodes = { 0 };

	assert_int_equal(kfd_read_nodes(&d, &nodes, NULL), 0);
	assert_int_equal(nodes.n, 0);
#define NODES "/sys/class/kfd/kfd/topology/nodes"
	scratch_write(s, NODES "/0/properties", "cpu_cores_count 96\nsimd_count 0\n");
	scratch_write(s, NODES "/10/properties", "simd_count 8\ndrm_render_minor 129\n");
	scratch_write(s, NODES "/2/properties", "simd_count 8\ndrm_render_minor 128\n");
	scratch_write(s, NODES "/3/properties", "simd_count 8\n");
	scratch_directory(s, NODES "/4");
	scratch_write(s, NODES "/odd/properties", "simd_count 8\ndrm_render_minor 130\n");
	scratch_directory(s, NODES "/5/properties");
	assert_int_equal(kfd_read_nodes(&d, &nodes, NULL), 0);
	assert_int_equal(nodes.n, 2);
	assert_int_equal(nodes.items[0].number, 2);
	assert_int_equal(nodes.items[1].number, 10);
	/* Node 5 cannot be read, and that is said. */
	assert_int_equal(inv.warnings.n, 1);
	scratch_write(s, NODES "/2/mem_banks/0/properties", "heap_type 1\nsize_in_bytes 100\n");
	scratch_write(s, NODES "/2/mem_banks/1/properties", "size_in_bytes 11\nheap_type 2\n");
	scratch_write(s, NODES "/2/mem_banks/2/properties", "heap_type 0\nsize_in_bytes 1000\n");
	assert_int_equal(kfd_read_memory_bytes(&d, &nodes.items[0]), 111);
	assert_int_equal(kfd_read_memory_bytes(&d, &nodes.items[1]), 0);
	scratch_write(s, NODES "/2/mem_banks/3/properties",
		"heap_type 1\nsize_in_bytes 18446744073709551615\n");
	assert_int_equal(kfd_read_memory_bytes(&d, &nodes.items[0]), 0);
#undef NODES
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_properties),
		TEST(test_bad_properties),
		TEST(test_texts),
		TEST(test_is_at),
		TEST(test_nodes_and_memory),
	};

	return cmocka_run_group_tests_name("gpu kfd", tests, NULL, NULL);
}
