/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/cache_code.h"

#include <string.h>

#define NO_STRING UINT32_MAX

void cache_code_bytes(struct cache_code *c, void *data, size_t size)
{
	if (c->out) {
		strbuf_add(c->out, data, size);
		return;
	}
	if (c->failed || (size_t)(c->end - c->at) < size) {
		c->failed = true;
		memset(data, 0, size);
		return;
	}
	memcpy(data, c->at, size);
	c->at += size;
}

static void code_u32(struct cache_code *c, uint32_t *v)
{
	cache_code_bytes(c, v, sizeof(*v));
}

static void code_u64(struct cache_code *c, uint64_t *v)
{
	cache_code_bytes(c, v, sizeof(*v));
}

static void code_int(struct cache_code *c, int *v)
{
	cache_code_bytes(c, v, sizeof(*v));
}

static void code_unsigned(struct cache_code *c, unsigned *v)
{
	cache_code_bytes(c, v, sizeof(*v));
}

/* One of `count` values from 0 on; an enum without negative members is an unsigned int. */
static void code_choice(struct cache_code *c, unsigned *v, unsigned count)
{
	unsigned char byte = (unsigned char)*v;

	cache_code_bytes(c, &byte, 1);
	c->failed |= byte >= count;
	*v = c->failed ? 0 : byte;
}

static void code_bool(struct cache_code *c, bool *v)
{
	unsigned byte = *v;

	code_choice(c, &byte, 2);
	*v = byte;
}

void cache_code_string(struct cache_code *c, const char **s)
{
	uint32_t length = c->out && *s ? (uint32_t)strlen(*s) : NO_STRING;

	code_u32(c, &length);
	if (c->out) {
		if (*s)
			strbuf_add(c->out, *s, (size_t)length + 1);
		return;
	}
	*s = NULL;
	if (c->failed || length == NO_STRING)
		return;
	/* The NUL is in the buffer, too, and it is the first. */
	if (length >= (size_t)(c->end - c->at) ||
		memchr(c->at, '\0', (size_t)length + 1) != c->at + length) {
		c->failed = true;
		return;
	}
	*s = (const char *)c->at;
	c->at += (size_t)length + 1;
}

/* A string that is always there. */
static void code_text(struct cache_code *c, const char **s)
{
	cache_code_string(c, s);
	if (!c->out && !*s) {
		c->failed = true;
		*s = "";
	}
}

void cache_code_count(struct cache_code *c, size_t *n)
{
	uint32_t count = (uint32_t)*n;

	code_u32(c, &count);
	/* So the memory for them is bounded by the size of the file. */
	if (!c->out && count > (size_t)(c->end - c->at))
		c->failed = true;
	*n = c->failed ? 0 : count;
}

/* The count and, for a reader, room for the items. */
static void code_list(struct cache_code *c, void *list, size_t item_size)
{
	struct vec_any *vec = list;

	cache_code_count(c, &vec->n);
	if (c->out)
		return;
	vec->capacity = vec->n;
	vec->items = vec->n ? arena_alloc(c->arena, vec->n * item_size) : NULL;
	if (vec->n && !vec->items) {
		c->failed = true;
		vec->n = vec->capacity = 0;
	}
}

#define CODE_LIST(c, list, code_item)                                                              \
	do {                                                                                       \
		code_list((c), (list), sizeof(*(list)->items));                                    \
		for (size_t i_ = 0; i_ < (list)->n; i_++)                                          \
			code_item((c), &(list)->items[i_]);                                        \
	} while (0)

static void code_strings(struct cache_code *c, struct string_list *list)
{
	CODE_LIST(c, list, code_text);
}

static void code_node(struct cache_code *c, struct gpu_node *n)
{
	code_text(c, &n->node.path);
	code_text(c, &n->node.host_path);
	cache_code_bytes(c, &n->node.type, 1);
	code_bool(c, &n->node.exists);
	code_bool(c, &n->node.is_device);
	code_u32(c, &n->node.major);
	code_u32(c, &n->node.minor);
	code_u32(c, &n->node.mode);
	code_u32(c, &n->node.uid);
	code_u32(c, &n->node.gid);
	code_u32(c, &n->needed_for);
	code_bool(c, &n->optional);
	c->failed |= n->node.type && n->node.type != 'c' && n->node.type != 'b';
}

static void code_nodes(struct cache_code *c, struct gpu_node_list *list)
{
	CODE_LIST(c, list, code_node);
}

static void code_partition(struct cache_code *c, struct gpu_partition *p)
{
	code_unsigned(c, &p->index);
	code_int(c, &p->gi);
	code_int(c, &p->ci);
	cache_code_string(c, &p->uuid);
	cache_code_string(c, &p->profile);
	cache_code_string(c, &p->render_node);
	code_u64(c, &p->memory_bytes);
	code_nodes(c, &p->nodes);
	code_bool(c, &p->standalone);
}

static void code_gpu(struct cache_code *c, struct gpu *g)
{
	code_unsigned(c, &g->index);
	code_choice(c, (unsigned *)&g->vendor, GPU_VENDOR_COUNT);
	code_choice(c, (unsigned *)&g->state, GPU_RESERVED + 1);
	cache_code_string(c, &g->state_reason);
	cache_code_string(c, &g->name);
	cache_code_string(c, &g->uuid);
	cache_code_string(c, &g->pci_address);
	code_u32(c, &g->pci_vendor);
	code_u32(c, &g->pci_device);
	cache_code_string(c, &g->driver);
	code_int(c, &g->minor);
	code_int(c, &g->numa_node);
	code_u64(c, &g->memory_bytes);
	cache_code_string(c, &g->compute_capability);
	cache_code_string(c, &g->render_node);
	cache_code_string(c, &g->card_node);
	code_bool(c, &g->mig_enabled);
	code_nodes(c, &g->nodes);
	CODE_LIST(c, &g->partitions, code_partition);
	code_nodes(c, &g->mig_nodes);
}

static void code_file(struct cache_code *c, struct driver_file *f)
{
	code_choice(c, (unsigned *)&f->kind, DRIVER_FILE_DATA + 1);
	code_u32(c, &f->needed_for);
	code_u32(c, &f->requires_all);
	code_text(c, &f->host_path);
	code_text(c, &f->target);
	code_strings(c, &f->aliases);
	cache_code_string(c, &f->soname);
	code_int(c, &f->elf_class);
}

static void code_driver(struct cache_code *c, struct gpu_driver *d)
{
	code_choice(c, (unsigned *)&d->vendor, GPU_VENDOR_COUNT);
	code_text(c, &d->name);
	cache_code_string(c, &d->version);
	cache_code_string(c, &d->flavor);
	cache_code_string(c, &d->files_version);
	code_nodes(c, &d->common_nodes);
	code_nodes(c, &d->mig_config_nodes);
	code_nodes(c, &d->mig_monitor_nodes);
	CODE_LIST(c, &d->files, code_file);
	cache_code_string(c, &d->files_prefix);
	code_strings(c, &d->environment);
	code_strings(c, &d->loader_folders);
	code_strings(c, &d->spec_environment);
	code_bool(c, &d->makes_nodes);
	code_bool(c, &d->brings_user_space);
}

#ifdef __LP64__
/* A new member needs its line above, a test in tests/unit/gpu/test-cache.c, and a number here. */
_Static_assert(sizeof(struct gpu_node) == 48, "code_node() must know every member");
_Static_assert(sizeof(struct gpu_partition) == 80, "code_partition() must know every member");
_Static_assert(sizeof(struct gpu) == 184, "code_gpu() must know every member");
_Static_assert(sizeof(struct driver_file) == 72, "code_file() must know every member");
_Static_assert(sizeof(struct gpu_driver) == 224, "code_driver() must know every member");
_Static_assert(sizeof(struct inventory) == 112, "cache_code_inventory() must know every member");
#endif

/* Companions are found later, by those who want them. */
void cache_code_inventory(struct cache_code *c, struct inventory *inv)
{
	code_text(c, &inv->host_prefix);
	CODE_LIST(c, &inv->gpus, code_gpu);
	CODE_LIST(c, &inv->drivers, code_driver);
	code_strings(c, &inv->warnings);
}
