/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvbind-hook: the one hook of portable CDI specs, run by an OCI runtime as createContainer.
 *
 * A spec that must fit containers it has not seen cannot know where their loaders look. So it
 * mounts the driver's libraries under their host paths, and this program makes the links and
 * the ld.so.cache by which the container finds them. It never runs a program, and never
 * mounts anything of the container anywhere. Read hook/confine.h for its two phases.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "cdi/hook_arguments.h"
#include "hook/cache.h"
#include "hook/compat.h"
#include "hook/confine.h"
#include "hook/links.h"
#include "hook/params.h"
#include "hook/state.h"

static void say(const char *text)
{
	fprintf(stderr, HOOK_PROGRAM ": %s\n", text);
}

static int print_help(void)
{
	const char *line;

	printf("usage: " HOOK_PROGRAM " [OPTION]... <STATE\n\n"
	       "The createContainer hook of nvbind's CDI specs; see nvbind(1). It reads the OCI "
	       "state\n"
	       "of a container from standard input.\n\n");
	for (size_t i = 0; (line = hook_arguments_help(i)) != NULL; i++)
		fputs(line, stdout);
	return file_flush(stdout) < 0;
}

static int print_version(void)
{
	(void)puts(HOOK_PROGRAM " " NVBIND_VERSION);
	return file_flush(stdout) < 0;
}

static int make_links(int root_fd, const struct hook_arguments *arguments, struct nvb_error **err)
{
	_cleanup_(links_directory_done) struct links_directory last = LINKS_DIRECTORY_INIT;

	vec_foreach (struct hook_link, link, &arguments->links) {
		enum links_result result;
		int r = links_make(root_fd, link, &last, &result, err);

		if (r < 0)
			return r;
		if (result == LINKS_OCCUPIED)
			fprintf(stderr, HOOK_PROGRAM ": '%s' stays: it is no link\n", link->path);
	}
	return 0;
}

static int update_cache(int root_fd, const struct hook_arguments *arguments, struct arena *a,
	struct nvb_error **err)
{
	struct cache_request request = { .folders = &arguments->folders };
	int r = 0;

	if (!arguments->folders.n)
		return 0;
	switch (cache_find_loader(root_fd)) {
	case CACHE_LOADER_NONE:
		return 0;
	case CACHE_LOADER_MUSL:
		say("the container has musl, which cannot load the driver's libraries: they need "
		    "glibc");
		return 0;
	case CACHE_LOADER_GLIBC:
		break;
	}
	if (arguments->cuda_compat)
		r = compat_choose(
			root_fd, arguments->host_driver_version, a, &request.compat_folder, err);
	return r < 0 ? r : cache_update(root_fd, &request, a, err);
}

static int run(const struct hook_arguments *arguments, struct arena *a, struct nvb_error **err)
{
	_cleanup_close_ int outer_fd = -1, root_fd = -1;
	int r;

	r = confine_process(err);
	if (r >= 0)
		r = confine_to_mounting(err);
	if (r >= 0)
		r = state_open_root(STDIN_FILENO, arguments->root, &outer_fd, err);
	if (r >= 0 && arguments->disable_device_node_modification)
		r = params_disable_modification(outer_fd, err);
	if (r >= 0)
		r = confine_in_root(outer_fd, &root_fd, err);
	/* It still names the tree by the mounts outside. */
	closep(&outer_fd);
	if (r >= 0)
		r = make_links(root_fd, arguments, err);
	return r < 0 ? r : update_cache(root_fd, arguments, a, err);
}

static int report(const struct nvb_error *error)
{
	const char *hint = nvb_error_get_hint(error);

	say(nvb_error_message(error));
	if (hint)
		fprintf(stderr, "  hint: %s\n", hint);
	return nvb_status_exit_code(nvb_error_status(error));
}

int main(int argc, char *argv[])
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct hook_arguments arguments;
	int r = a ? hook_arguments_parse(argc, (const char *const *)argv, a, &arguments, &err)
		  : NVB_OOM(&err);

	if (r >= 0 && arguments.action == HOOK_HELP)
		return print_help();
	if (r >= 0 && arguments.action == HOOK_VERSION)
		return print_version();
	if (r >= 0)
		r = run(&arguments, a, &err);
	return r < 0 ? report(err) : 0;
}
