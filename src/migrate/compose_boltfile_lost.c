/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_boltfile_lost.h"

#include <string.h>

#include "migrate/compose_vendor.h"

const char compose_no_boltfile_key[] = "nvbind knows no key of a Boltfile for it";

struct losing {
	struct migrate_report *report; /* of the file, or NULL: */
	struct migrate_entry *entry;   /* of a service */
	struct arena *arena;
	struct nvb_error **err;
};

static int lose(struct losing *l, const char *path, const char *why)
{
	if (!path)
		return NVB_OOM(l->err);
	if (!l->report)
		return migrate_remark(l->arena, l->entry, MIGRATE_LOST, 0, l->err,
			"'%.256s' is left out: %s", path, why);
	l->report->lossy = true;
	return string_list_printf(
		       l->arena, &l->report->remarks, "'%.256s' is left out: %s", path, why) < 0
		       ? NVB_OOM(l->err)
		       : 0;
}

/* All members but one, which is looked at on its own; *ret is that, or NULL. */
static int lose_others(struct losing *l, struct json_object *value, const char *path,
	const char *but, struct json_object **ret)
{
	int r = 0;

	*ret = NULL;
	if (!json_object_is_type(value, json_type_object))
		return 0;
	json_object_object_foreach(value, name, member)
	{
		if (strcmp(name, but) == 0)
			*ret = member;
		else if (r >= 0)
			r = lose(l, arena_printf(l->arena, "%s.%s", path, name),
				compose_no_boltfile_key);
	}
	return r;
}

static struct json_object *member_of(const struct compose_service *service, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(service->json, name, &value) ? value : NULL;
}

static bool has_other_requests(const struct compose_service *service)
{
	vec_foreach (const struct compose_reservation, request, &service->reserved)
		if (!compose_is_gpu_request(request, COMPOSE_TO_BOLTFILE))
			return true;
	return false;
}

/* The requests for GPUs have a place, and nothing else of it. */
static int lose_deploy(struct losing *l, const struct compose_service *service)
{
	struct json_object *at = NULL;
	int r = lose_others(l, member_of(service, "deploy"), "deploy", "resources", &at);

	if (r >= 0)
		r = lose_others(l, at, "deploy.resources", "reservations", &at);
	if (r >= 0)
		r = lose_others(l, at, "deploy.resources.reservations", "devices", &at);
	if (r >= 0 && has_other_requests(service))
		r = lose(l, "deploy.resources.reservations.devices",
			"only requests for GPUs have a place in a Boltfile");
	return r;
}

static int lose_build(struct losing *l, const struct compose_service *service)
{
	struct json_object *build = member_of(service, "build"), *context;

	if (build && member_of(service, "image"))
		return lose(l, "build", "a service of a Boltfile has an image or a build");
	return lose_others(l, build, "build", "context", &context);
}

int compose_lost_of_service(const struct compose_service *service, struct migrate_entry *entry,
	struct arena *a, struct nvb_error **err)
{
	struct losing l = { .entry = entry, .arena = a, .err = err };
	int r = lose_deploy(&l, service);

	return r < 0 ? r : lose_build(&l, service);
}

/* A network or a volume has its name and its driver. */
static int lose_settings(struct losing *l, const char *table, struct json_object *value)
{
	struct json_object *driver;
	int r = 0;

	if (!json_object_is_type(value, json_type_object))
		return 0;
	json_object_object_foreach(value, name, settings)
	{
		const char *path = arena_printf(l->arena, "%s.%s", table, name);

		if (!path)
			return NVB_OOM(l->err);
		if (r >= 0)
			r = lose_others(l, settings, path, "driver", &driver);
	}
	return r;
}

static bool is_in(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

int compose_lost_of_file(struct json_object *root, struct migrate_report *report, struct arena *a,
	struct nvb_error **err)
{
	static const char *const tables[] = { "networks", "volumes", NULL };
	/* The version says nothing any more, and what is included is said elsewhere. */
	static const char *const done[] = { "services", "name", "version", "include", NULL };
	struct losing l = { .report = report, .arena = a, .err = err };
	int r = 0;

	json_object_object_foreach(root, name, value)
	{
		if (r < 0 || !value || is_in(done, name) || strncmp(name, "x-", 2) == 0)
			continue;
		r = is_in(tables, name) ? lose_settings(&l, name, value)
					: lose(&l, name, compose_no_boltfile_key);
	}
	return r;
}
