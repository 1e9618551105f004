/* SPDX-License-Identifier: Apache-2.0 */
/* The document while oci_edit_plan() edits it: shared by the edit*.c. */
#pragma once

#include "format/json.h"
#include "oci/edit.h"

struct edit {
	struct json_builder b;
	struct json_at root;
	const struct plan *plan;
	const struct oci_edit_options *options;
	/* Those of the last mount, and what they were made of: see edit_describe_mount(). */
	struct json_object *mount_options;
	struct string_list mount_options_of;
};

/* In place of the item at `index`, or behind the last one. */
void edit_put_item(
	struct edit *e, struct json_object *array, size_t index, struct json_object *take_item);
/*
 * An array with the place of each item by the text of one of its members, of several with the
 * same text the first: a plan may hold a thousand nodes.
 */
struct edit_items {
	struct json_object *array, *places; /* the array is borrowed */
};

void edit_items_init(
	struct edit *e, struct edit_items *items, struct json_object *array, const char *key);
void edit_items_done(struct edit_items *items);
/* The item's index, or the array's length. */
size_t edit_items_find(const struct edit_items *items, const char *text);
/* As edit_put_item(), of an item whose member is `text`. */
void edit_items_put(struct edit *e, struct edit_items *items, size_t index, const char *text,
	struct json_object *take_item);

/* The member as text; NULL: there is none. */
const char *edit_text_member(struct json_object *object, const char *key);
int edit_warn(struct edit *e, struct nvb_error **err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* In a user namespace no node can be made: a runtime would bind it, from where there is none. */
bool edit_node_is_left_out(const struct edit *e, const struct plan_node *node);
/* True if the node goes in as a mount rather than as an entry of linux.devices. */
bool edit_node_is_bound(const struct edit *e, const struct plan_node *node);

bool edit_node_has_rule(const struct edit *e, const struct plan_node *node);

/* The device cgroup's rules of the plan's nodes. */
int edit_rules(struct edit *e, const struct json_at *linux_at, struct nvb_error **err);
int edit_mounts(struct edit *e, struct nvb_error **err);

/* edit_mounts.c: what becomes a mount, in the plan's order. */
typedef int (*edit_mount_function)(
	void *user, const struct plan_mount *mount, struct nvb_error **err);
int edit_each_mount(
	struct edit *e, edit_mount_function each, void *user, struct nvb_error **err);
struct json_object *edit_describe_mount(struct edit *e, const struct plan_mount *m);
/* edit_own_mounts.c: adds the plan's where the document's stay, and stay visible. */
int edit_add_mounts(struct edit *e, const struct json_at *mounts, struct nvb_error **err);
