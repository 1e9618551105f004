/* SPDX-License-Identifier: Apache-2.0 */
/* Where a value came from, for the reasons that a plan gives. A higher one wins. */
#pragma once

enum request_source {
	SOURCE_DEFAULT,
	SOURCE_PROFILE,
	SOURCE_CONFIG,
	SOURCE_BOLTFILE,
	SOURCE_ENVIRONMENT,
	SOURCE_COMMAND_LINE,
};
