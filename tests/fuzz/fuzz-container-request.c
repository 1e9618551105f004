/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One container, a fact per line: "e" an entry of the environment, "m" a mount of /dev/null, "a" an
 * annotation of the prefix, "s" the name of a resource of Swarm, "p" a privileged container, "v" a
 * policy that takes mounts, "n" one that takes no environment, "l" one that Podman made.
 */
#include "fuzz.h"

#include "request/container_request.h"
#include "request/selector.h"
#include "request/selector_item.h"

struct input {
	struct string_list env;
	struct container_pair_list mounts, annotations;
	struct container_policy policy;
	bool privileged, podman;
};

static void add_pair(
	struct arena *a, struct container_pair_list *list, const char *key, const char *value)
{
	struct container_pair *pair = vec_push(a, list);

	CHECK(pair);
	*pair = (struct container_pair){ key, value };
}

static void read_line(struct input *input, struct arena *a, char *line)
{
	switch (line[0]) {
	case 'e':
		CHECK(string_list_add(a, &input->env, line + 1) == 0);
		break;
	case 'm':
		add_pair(a, &input->mounts, line + 1, "/dev/null");
		break;
	case 'a':
		add_pair(a, &input->annotations, "cdi.k8s.io/x", line + 1);
		break;
	case 's':
		CHECK(string_list_add(a, &input->policy.swarm_resources, line + 1) == 0);
		break;
	case 'p':
		input->privileged = true;
		break;
	case 'l':
		input->podman = true;
		break;
	case 'v':
		input->policy.accept_volume_mounts = POLICY_ALWAYS;
		break;
	case 'n':
		input->policy.accept_environment = POLICY_NEVER;
		break;
	}
}

static int check_item(void *user, const struct item *item, struct nvb_error **err)
{
	size_t *items = user;

	(void)err;
	CHECK(item->kind != ITEM_NONE);
	++*items;
	return 0;
}

/* Each is one item of the grammar, and no other selector is like it. */
static void check_selectors(const struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t items = 0;

		CHECK(item_for_each(list->items[i], check_item, &items, NULL) == 0);
		CHECK(items == 1);
		/* All pairs of a long list would take the time of the whole run. */
		for (size_t k = 0; k < i && k < 64; k++)
			CHECK(strcmp(list->items[k], list->items[i]) != 0);
	}
}

static void check_request(const struct container_request *r, const struct input *input)
{
	const bool asks = r->selectors.n || r->optional_selectors.n || r->driver_only;

	CHECK(asks == (r->source != CONTAINER_SOURCE_NONE));
	CHECK(asks || (!r->capabilities && !r->requirements.n && !r->companions.n));
	CHECK(!r->driver_only || !r->selectors.n);
	CHECK(!r->optional_selectors.n || (!r->selectors.n && !r->driver_only));
	CHECK((!r->mig_config && !r->mig_monitor) || input->privileged);
	CHECK(!(r->capabilities & ~input->policy.capabilities));
	CHECK(input->policy.accept_environment != POLICY_NEVER ||
		r->source <= CONTAINER_SOURCE_MOUNTS);
	CHECK(!r->refused || (!asks && r->warnings.n));
	CHECK(!asks || r->asker);
	CHECK(!r->bounds.n || (asks && r->source != CONTAINER_SOURCE_VENDORS));
	vec_foreach (const struct container_bound, bound, &r->bounds)
		check_selectors(&bound->selectors);
	check_selectors(&r->selectors);
	check_selectors(&r->optional_selectors);
	check_selectors(&r->companions);
	vec_foreach (const char *, warning, &r->warnings)
		CHECK(!strpbrk(*warning, "\n\x1b"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct input input = { .policy = container_policy_default };
	struct container_facts facts = { &input.env, &input.annotations, &input.mounts, false };
	struct container_request request;
	char *rest = text;
	int r;

	CHECK(a);
	while (rest)
		read_line(&input, a, strsep(&rest, "\n"));
	input.policy.capabilities = CAPABILITY_ALL & ~CAPABILITY_NGX;
	facts.privileged = input.privileged;
	facts.podman = input.podman;
	r = container_request_make(&facts, &input.policy, a, &request, &err);
	CHECK((r < 0) == (err != NULL));
	CHECK(!err || !strpbrk(nvb_error_message(err), "\n\x1b"));
	if (r >= 0)
		check_request(&request, &input);
	return 0;
}
