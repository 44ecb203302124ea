# SPDX-License-Identifier: MIT
"""The parts of the test lab. The command is tests/lab/lab; its head comment is the manual."""
