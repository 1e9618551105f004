/* SPDX-License-Identifier: Apache-2.0 */
#include "base/runtime_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/state_dir.h"
#include "base/user_namespace.h"

/* What XDG_RUNTIME_DIR would say: cron, su and services may lack it. Source: pam_systemd(8). */
static bool has_session_dir(const char *path)
{
	struct stat st;

	return user_namespace_is_initial() && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid();
}

static int join(const char *directory, const char *name, char **ret_path, struct nvb_error **err)
{
	if (asprintf(ret_path, "%s%s%s", directory, name ? "/" : "", name ? name : "") >= 0)
		return 0;
	*ret_path = NULL;
	return NVB_OOM(err);
}

int runtime_dir_path(const char *name, char **ret_path, struct nvb_error **err)
{
	const char *session = secure_getenv("XDG_RUNTIME_DIR");
	char path[64];
	int n;

	if (session && session[0] != '/')
		session = NULL;
	/* Root without a session is asked no further: the directory shows whose it is. */
	if (geteuid() == 0 && (!session || state_dir_is_root()))
		return join(RUNTIME_DIR_SYSTEM, name, ret_path, err);
	if (!session) {
		n = snprintf(path, sizeof(path), "/run/user/%u", (unsigned)geteuid());
		if (n > 0 && has_session_dir(path))
			session = path;
	}
	if (session) {
		_cleanup_free_ char *own = NULL;
		int r = join(session, "nvbind", &own, err);

		return r < 0 ? r : join(own, name, ret_path, err);
	}
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
			"find a directory for '%s': no XDG_RUNTIME_DIR", name ? name : "nvbind"),
		"log in with a session of your own, or set XDG_RUNTIME_DIR");
}

bool runtime_dir_is_foreign(const char *path)
{
	return path_is_below(path, RUNTIME_DIR_SYSTEM) && !state_dir_is_root();
}

errint_t runtime_dir_read_boot_id(char ret_id[static BOOT_ID_LENGTH + 1])
{
	_cleanup_free_ char *text = NULL;
	errint_t e = file_read_path(BOOT_ID_PATH, 64, &text, NULL);

	if (e < 0)
		return e;
	if (strlen(text) < BOOT_ID_LENGTH)
		return -EINVAL;
	memcpy(ret_id, text, BOOT_ID_LENGTH);
	ret_id[BOOT_ID_LENGTH] = '\0';
	return 0;
}
