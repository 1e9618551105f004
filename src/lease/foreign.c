/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/foreign.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"

/* Far more than a GPU has; of a program with more descriptors all are looked at. */
#define LINK_BYTES 4096

/*
 * They have every GPU open as long as the machine runs, and compute nothing.
 * Source: nvidia-persistenced(1); NVIDIA DCGM documentation, "Getting Started".
 */
static const char *const watchers[] = { "nvidia-persistenced", "nv-hostengine", "dcgm-exporter",
	"nvidia-fabricmanager", "nv-fabricmanager" };

struct search {
	const struct host_tree *tree;
	struct arena *arena;
	struct gpu_node_list nodes;
	struct foreign_user_list users;
	size_t unseen;
};

static int add_nodes(struct search *s, const struct gpu_node_list *nodes, struct nvb_error **err)
{
	vec_foreach (struct gpu_node, node, nodes) {
		struct gpu_node *copy = node->node.exists ? vec_push(s->arena, &s->nodes) : NULL;

		if (node->node.exists && !copy)
			return NVB_OOM(err);
		if (copy)
			*copy = *node;
	}
	return 0;
}

/* A partition's neighbours have the GPU's own node open, too. */
static int collect_nodes(struct search *s, const struct selection *gpus, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < gpus->n; i++) {
		const struct selected_gpu *item = &gpus->items[i];

		r = add_nodes(
			s, item->partition ? &item->partition->nodes : &item->gpu->nodes, err);
	}
	return r;
}

/* A file system that does not answer must not stop us: what is known of the file is enough. */
static bool look(int dir_fd, const char *name, struct statx *ret)
{
	return statx(dir_fd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, ret) ==
	       0;
}

/* On the running machine by number, which no name can hide; elsewhere links are but texts. */
static const char *find_node(const struct search *s, int dir_fd, const char *name)
{
	const bool live = host_tree_is_live(s->tree);
	char text[LINK_BYTES];
	struct statx st = { 0 };
	ssize_t n = 0;

	if (live && (!look(dir_fd, name, &st) || !S_ISCHR(st.stx_mode)))
		return NULL;
	if (!live) {
		n = readlinkat(dir_fd, name, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
	}
	vec_foreach (struct gpu_node, node, &s->nodes) {
		const struct host_node *known = &node->node;

		if (live ? known->type == 'c' && known->major == st.stx_rdev_major &&
					known->minor == st.stx_rdev_minor
			 : strcmp(text, known->path) == 0)
			return known->path;
	}
	return NULL;
}

/* A user can mount nothing there, and put no file there that is root's. */
static bool is_installed(const char *path)
{
	static const char *const places[] = { "/usr/", "/opt/", "/nix/store/" };

	for (size_t i = 0; i < ELEMENTS(places); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	return false;
}

static bool is_watcher_name(const char *path)
{
	for (size_t i = 0; i < ELEMENTS(watchers); i++)
		if (strcmp(path_base_name(path), watchers[i]) == 0)
			return true;
	return false;
}

/*
 * The name alone proves nothing: anybody may call a program so, and in a container's image it may
 * be root's. It must be the very file that the machine has in that place.
 */
static bool is_watcher(const struct search *s, const char *exe)
{
	char text[LINK_BYTES];
	struct statx running, installed;
	ssize_t n;

	if (!host_tree_is_live(s->tree))
		return false;
	n = readlink(exe, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (!is_watcher_name(text) || !is_installed(text) || !look(AT_FDCWD, exe, &running) ||
		!look(AT_FDCWD, text, &installed))
		return false;
	return running.stx_ino == installed.stx_ino &&
	       running.stx_dev_major == installed.stx_dev_major &&
	       running.stx_dev_minor == installed.stx_dev_minor && running.stx_uid == 0 &&
	       !(running.stx_mode & (S_IWGRP | S_IWOTH));
}

static int add_user(struct search *s, pid_t pid, const char *node, struct nvb_error **err)
{
	char path[64];
	struct foreign_user *user;
	const char *command = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (is_watcher(s, path))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	(void)host_tree_read_line(s->tree, s->arena, path, &command);
	user = vec_push(s->arena, &s->users);
	if (!user)
		return NVB_OOM(err);
	*user = (struct foreign_user){ .pid = pid, .command = command, .node = node };
	return 0;
}

/* One node is enough; a process that ends meanwhile uses nothing. */
static int look_at(struct search *s, pid_t pid, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const char *node = NULL;
	struct dirent *entry;
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fd = host_tree_open_directory(s->tree, path);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		s->unseen += fd == -EACCES || fd == -EPERM;
		if (fd >= 0)
			closep(&fd);
		return 0;
	}
	while (!node && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			node = find_node(s, dirfd(dir), entry->d_name);
	return node ? add_user(s, pid, node, err) : 0;
}

int foreign_users_find(const struct host_tree *tree, const struct selection *gpus, struct arena *a,
	struct foreign_user_list *ret, size_t *ret_unseen, struct nvb_error **err)
{
	struct search s = { .tree = tree, .arena = a };
	struct string_list names = { 0 };
	errint_t e = host_tree_list(tree, a, "/proc", &names);
	int r;

	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "look for processes that use the GPUs");
	r = collect_nodes(&s, gpus, err);
	for (size_t i = 0; r >= 0 && s.nodes.n && i < names.n; i++) {
		uint64_t pid;

		if (number_parse(names.items[i], INT32_MAX, &pid) && (pid_t)pid != getpid())
			r = look_at(&s, (pid_t)pid, err);
	}
	if (r < 0)
		return r;
	*ret = s.users;
	*ret_unseen = s.unseen;
	return 0;
}
