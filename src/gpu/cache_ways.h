/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to what an inventory was made from. For gpu/cache_facts.c alone.
 *
 * To follow links inside a tree that is not the machine's own takes an open of each path. So a
 * question about a path with links becomes questions about the text of each link and about the
 * path without them; and in such a tree each directory on the way is asked whether it is one, so
 * that no link has taken its place. Then the kernel's own way to the path is the tree's, and one
 * call answers. Many paths share these questions, and the times of a directory answer most of them.
 */
#pragma once

#include "host/record.h"

/*
 * Makes the facts of a record exact where they can be. Links are read now, later than the answers
 * were noted: what has changed meanwhile has another answer at its new place. Returns -1 when out
 * of memory, or where something is there by now that was missing.
 */
int cache_ways_add(const struct host_tree *tree, struct host_record *record);
