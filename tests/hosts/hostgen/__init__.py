# SPDX-License-Identifier: Apache-2.0
"""Builds simulated machines for tests: see ../README.md."""
