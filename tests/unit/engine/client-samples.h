/* SPDX-License-Identifier: Apache-2.0 */
/* What engines of several versions say of themselves, shortened to what is read and some of the
 * rest. */
#pragma once

#define DOCKER_20                                                                                  \
	"{\"ID\":\"A:B\",\"Containers\":2,\"Driver\":\"overlay2\",\"ServerVersion\":"              \
	"\"20.10.24+dfsg1\",\"Runtimes\":{\"io.containerd.runc.v2\":{\"path\":\"runc\"},"          \
	"\"runc\":{\"path\":\"runc\"}},\"DefaultRuntime\":\"runc\",\"SecurityOptions\":["          \
	"\"name=seccomp,profile=default\"],\"Warnings\":null,\"ClientInfo\":{\"Debug\":false,"     \
	"\"Context\":\"default\"}}\n"

#define DOCKER_20_NVBIND                                                                           \
	"{\"ServerVersion\":\"20.10.24+dfsg1\",\"Runtimes\":{\"nvbind\":{\"path\":"                \
	"\"/usr/bin/nvbind-runtime\",\"runtimeArgs\":[]},\"runc\":{\"path\":\"runc\"}},"           \
	"\"DefaultRuntime\":\"runc\",\"SecurityOptions\":[]}"

#define DOCKER_26_OFF                                                                              \
	"{\"ServerVersion\":\"26.1.5+dfsg1\",\"Runtimes\":{\"runc\":{\"path\":\"runc\","           \
	"\"status\":{\"org.opencontainers.runtime-spec.features\":\"{}\"}}},"                      \
	"\"SecurityOptions\":[\"name=seccomp,profile=builtin\",\"name=cgroupns\"],"                \
	"\"CDISpecDirs\":[]}"

#define DOCKER_28                                                                                  \
	"{\"ServerVersion\":\"28.2.2\",\"Runtimes\":{\"runc\":{\"path\":\"runc\"},\"gpus\":"       \
	"{\"path\":\"/opt/nvbind/nvbind-runtime\"}},\"SecurityOptions\":["                         \
	"\"name=seccomp,profile=builtin\",\"name=rootless\",\"name=cgroupns\"],"                   \
	"\"CDISpecDirs\":[\"/etc/cdi\",\"/var/run/cdi\"]}"

#define DOCKER_28_CDI                                                                              \
	"{\"ServerVersion\":\"28.2.2\",\"Runtimes\":{\"runc\":{\"path\":\"runc\"}},"               \
	"\"CDISpecDirs\":[\"/etc/cdi\",\"/var/run/cdi\"]}"

#define DOCKER_28_ROOTLESS                                                                         \
	"{\"ServerVersion\":\"28.2.2\",\"Runtimes\":{\"runc\":{\"path\":\"runc\"}},"               \
	"\"SecurityOptions\":[\"name=rootless\"],\"CDISpecDirs\":[]}"

#define DOCKER_FARAWAY                                                                             \
	"{\"ServerVersion\":\"28.2.2\",\"Runtimes\":{\"nvbind\":{\"path\":"                        \
	"\"/usr/bin/nvbind-runtime\"}},\"ClientInfo\":{\"Debug\":false,\"Context\":\"faraway\"}}"

/* Clients up to 27 without a daemon. */
#define DOCKER_NOT_RUNNING                                                                         \
	"{\"ID\":\"\",\"Containers\":0,\"ServerVersion\":\"\",\"Runtimes\":null,"                  \
	"\"SecurityOptions\":null,\"CDISpecDirs\":null,\"ServerErrors\":[\"Cannot connect to the " \
	"Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\"]}"

#define DOCKER_FORBIDDEN                                                                           \
	"{\"ServerVersion\":\"\",\"ServerErrors\":[\"permission denied while trying to connect "   \
	"to the Docker daemon socket at unix:///var/run/docker.sock\"]}"

#define PODMAN_4                                                                                   \
	"{\"host\":{\"arch\":\"amd64\",\"cgroupManager\":\"cgroupfs\",\"cgroupVersion\":\"v1\","   \
	"\"ociRuntime\":{\"name\":\"crun\",\"package\":\"crun_1.8.1\",\"path\":\"/usr/bin/crun\"," \
	"\"version\":\"crun version 1.8.1\"},\"serviceIsRemote\":false,\"security\":{"             \
	"\"rootless\":false,\"selinuxEnabled\":false}},\"store\":{},\"version\":{"                 \
	"\"APIVersion\":\"4.3.1\",\"Version\":\"4.3.1\",\"Built\":0}}"

#define PODMAN_5_ROOTLESS                                                                          \
	"{\"host\":{\"ociRuntime\":{\"name\":\"crun\",\"path\":\"/usr/bin/crun\"},"                \
	"\"serviceIsRemote\":false,\"rootlessNetworkCmd\":\"pasta\",\"security\":{"                \
	"\"rootless\":true}},\"version\":{\"Version\":\"5.4.2\"}}"

#define PODMAN_4_0 "{\"host\":{},\"version\":{\"Version\":\"4.0.3\"}}"

/* Of `podman --help`: with a service, the option is missing. */
#define PODMAN_HELP_LINE(runtime)                                                                  \
	"      --root string       Path to the root directory (default \"/r\")\n"                  \
	"      --runtime string    Path to the OCI-compatible binary" runtime                      \
	"\n      --runtime-flag stringArray   add flags\n"
#define PODMAN_HELP(runtime)                                                                       \
	"Manage pods\n\nOptions:\n" PODMAN_HELP_LINE(" (default \"" runtime "\")")
#define PODMAN_HELP_SERVICE "Manage pods\n\nOptions:\n      --url string   URL (default \"x\")\n"

#define PODMAN_SANDBOX                                                                             \
	"{\"host\":{\"ociRuntime\":{\"name\":\"runsc\",\"path\":\"/usr/bin/runsc\"}},"             \
	"\"version\":{\"Version\":\"5.4.2\"}}"

#define PODMAN_SERVICE                                                                             \
	"{\"host\":{\"serviceIsRemote\":true,\"ociRuntime\":{\"path\":\"/usr/bin/crun\"}},"        \
	"\"version\":{\"Version\":\"5.4.2\"}}"
