/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the plan of a request that no command line makes, as nvbind-runtime makes it of a
 * container's environment.
 *
 * usage: plan-request HOST ROOT [driver-only | mig-config | mig-monitor | gpu=SELECTOR |
 *                                capabilities=LIST | beside=KIND=DEVICE]...
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "gpu/discover.h"
#include "plan/plan.h"

struct words {
	struct request request;
	struct string_list selectors;
};

static const char *value_of(const char *word, const char *key)
{
	size_t length = strlen(key);

	return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static int take_word(struct words *w, struct arena *a, const char *word, struct nvb_error **err)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "driver-only", &w->request.driver_only },
		{ "mig-config", &w->request.mig_config },
		{ "mig-monitor", &w->request.mig_monitor },
	};
	const char *value;

	for (size_t i = 0; i < ELEMENTS(flags); i++) {
		if (strcmp(word, flags[i].name) == 0) {
			*flags[i].flag = true;
			return 0;
		}
	}
	value = value_of(word, "gpu");
	if (value)
		return string_list_add(a, &w->selectors, value) < 0 ? NVB_OOM(err) : 0;
	value = value_of(word, "beside");
	if (value)
		return string_list_add(a, &w->request.companions, value) < 0 ? NVB_OOM(err) : 0;
	value = value_of(word, "capabilities");
	if (value)
		return capability_parse(value, &w->request.capabilities, err);
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "understand '%s'", word);
}

static int read_host(const char *host, struct inventory **ret_inv, struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	const struct discover_trees trees = { .machine = &tree };
	int r = host_tree_open(host, &tree, err);

	if (r >= 0)
		r = inventory_discover_in(&trees, ret_inv, err);
	if (r >= 0)
		r = inventory_find_companions(*ret_inv, &trees, err);
	return r < 0 ? r : inventory_find_mig_control(*ret_inv, &trees, err);
}

static int inspect(const char *path, const struct inventory *inv, const struct request *request,
	struct arena *a, struct container_root **ret_root, struct nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct string_list dirs, names;
	int r = plan_questions(inv, request, a, &dirs, &names, err);

	return r < 0 ? r : container_root_inspect(fd, &dirs, &names, ret_root, err);
}

static int run(int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	_cleanup_(container_root_freep) struct container_root *root = NULL;
	_cleanup_(plan_freep) struct plan *plan = NULL;
	_cleanup_free_ char *text = NULL;
	struct words w = { .request = { .engine = "runtime",
				   .gpus = { .none = true },
				   .capabilities = CAPABILITY_DEFAULT } };
	int r = argc < 3 ? NVB_RAISE(err, NVB_ERR_USAGE, 0, "HOST and ROOT are missing") : 0;

	for (int i = 3; i < argc && r >= 0; i++)
		r = take_word(&w, a, argv[i], err);
	if (r >= 0)
		r = read_host(argv[1], &inv, err);
	if (r >= 0 && w.selectors.n)
		r = selector_resolve(&w.selectors, inv, a, &w.request.gpus, err);
	if (r >= 0)
		r = inspect(argv[2], inv, &w.request, a, &root, err);
	if (r >= 0)
		r = plan_make(inv, &w.request, root, &plan, err);
	if (r >= 0)
		r = plan_format_json(plan, &text, err);
	if (r >= 0)
		(void)fputs(text, stdout);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	int r = run(argc, argv, &err);

	if (r >= 0)
		return 0;
	(void)fprintf(stderr, "%s\n", nvb_error_message(err));
	if (nvb_error_get_hint(err))
		(void)fprintf(stderr, "  hint: %s\n", nvb_error_get_hint(err));
	return nvb_status_exit_code(r);
}
