/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in its text everything of a YAML document stands, for edits that keep what they do not
 * concern. Aliases stay aliases here: what a document means is yaml_parse()'s business.
 *
 * Offsets count bytes from the beginning of the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

enum yaml_node_kind {
	YAML_NODE_SCALAR,
	YAML_NODE_SEQUENCE,
	YAML_NODE_MAPPING,
	YAML_NODE_ALIAS,
};

enum yaml_node_style {
	YAML_STYLE_ABSENT, /* a null that is not written at all */
	YAML_STYLE_PLAIN,
	YAML_STYLE_SINGLE_QUOTED,
	YAML_STYLE_DOUBLE_QUOTED,
	YAML_STYLE_LINES, /* "|" and ">" */
	YAML_STYLE_BLOCK, /* a collection by indentation */
	YAML_STYLE_FLOW,  /* a collection in brackets */
};

struct yaml_node;

struct yaml_pair {
	struct yaml_node *key, *value;
};

struct yaml_node_list VEC(struct yaml_node *);
struct yaml_pair_list VEC(struct yaml_pair);

struct yaml_node {
	enum yaml_node_kind kind;
	enum yaml_node_style style;
	/*
	 * What it consists of, with quotes, brackets and "*", without anchor and tag. A collection
	 * in block style ends with the last byte of its last value; lines end without the line
	 * breaks behind them.
	 */
	size_t begin, end;
	size_t properties;	     /* begin of its anchor or tag, if it has one, else `begin` */
	size_t anchor_end;	     /* behind the anchor; 0: none */
	unsigned line;		     /* from 1; 0 is not known */
	const char *text;	     /* of a scalar: what it says; of an alias: the name */
	struct yaml_node_list items; /* of a sequence */
	struct yaml_pair_list pairs; /* of a mapping */
	struct yaml_node *target;    /* of an alias */
	/*
	 * True while a walk that follows aliases is under way and has been here: a document of 1
	 * KiB has 2^39 ways to one node. The walk ends with yaml_node_forget().
	 */
	bool visited;
};

/*
 * Locates the one document of a text that yaml_parse() accepts; the bounds are those of
 * yaml_parse(), which must come first. The nodes live in `a`.
 * Errors: NVB_ERR_FORMAT (not YAML, a second document, an unknown alias), NVB_ERR_LIMIT,
 * NVB_ERR_NO_MEMORY.
 */
int yaml_locate(const char *text, size_t length, struct arena *a, struct yaml_node **ret_root,
	struct nvb_error **err);

/* The node that an alias stands for; any other node is itself. */
struct yaml_node *yaml_node_resolve(struct yaml_node *node);

/* Ends a walk: what it visited from `node` on is as if it had not. */
void yaml_node_forget(struct yaml_node *node);

/* A member as the document means it: the mapping's own, or one that "<<" brings. */
struct yaml_member {
	struct yaml_node *mapping; /* that holds it, which "<<" may have brought */
	size_t index;		   /* in mapping->pairs */
};

/* False: the mapping, which may be an alias of one, has no such member. */
bool yaml_node_member(struct yaml_node *mapping, const char *key, struct yaml_member *ret);

/* True for a "<<" that merges. */
bool yaml_pair_is_merge(const struct yaml_pair *pair);
