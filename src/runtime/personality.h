/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that this one is, by the name under which it is called. Each gets all of its
 * arguments and returns the exit status.
 */
#pragma once

/* nvbind-runtime, nvidia-container-runtime: an OCI runtime. */
int runtime_main(int argc, char **argv);
/* nvidia-container-runtime-hook, nvidia-container-toolkit: a prestart hook. In hook_main.c. */
int hook_main(int argc, char **argv);
/* nvidia-container-cli. In cli_main.c. */
int cli_main(int argc, char **argv);
