/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an OCI runtime's command line says, without changing it: the low-level runtime gets the
 * same words. Options that are not known here are its own business.
 * Source: runc(8), crun(1).
 */
#pragma once

#include <stdbool.h>

/* X(command, whether it makes a container from a bundle). */
#define RUNTIME_COMMANDS(X)                                                                        \
	X("create", true)                                                                          \
	X("run", true)                                                                             \
	X("restore", true)                                                                         \
	X("checkpoint", false)                                                                     \
	X("delete", false)                                                                         \
	X("events", false)                                                                         \
	X("exec", false)                                                                           \
	X("features", false)                                                                       \
	X("kill", false)                                                                           \
	X("list", false)                                                                           \
	X("mounts", false)                                                                         \
	X("pause", false)                                                                          \
	X("ps", false)                                                                             \
	X("resume", false)                                                                         \
	X("spec", false)                                                                           \
	X("start", false)                                                                          \
	X("state", false)                                                                          \
	X("update", false)

struct runtime_arguments {
	const char *command;	    /* "create"; NULL: there is none */
	const char *bundle;	    /* of create, run and restore; NULL: the current directory */
	const char *config;	    /* name of the configuration in the bundle, crun's --config */
	const char *pid_file;	    /* of the same; NULL: not said */
	const char *id;		    /* the container's: the first word behind the command; NULL: none */
	const char *log;	    /* NULL: no file */
	const char *log_format;	    /* "json", "text"; NULL: not said */
	const char *cgroup_manager; /* --systemd-cgroup is "systemd"; NULL: not said */
	bool version, help;	    /* without a command */
};

/* Never fails: what it cannot understand, it leaves to the low-level runtime to refuse. */
void runtime_arguments_scan(int argc, char **argv, struct runtime_arguments *ret);

/* True for the commands that make a container from a bundle. */
bool runtime_arguments_make_container(const struct runtime_arguments *arguments);

/* True if systemd is to guard the container's devices. */
bool runtime_arguments_use_systemd(const struct runtime_arguments *arguments);
