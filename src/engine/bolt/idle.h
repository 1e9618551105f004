/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Gives back what a process holds that is about to wait for as long as a container runs: free
 * memory, and the mapped pages of programs and libraries. They come back when they are touched.
 */
void idle_release_memory(void);
