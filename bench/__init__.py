"""Benchmarks: Blazebot beside the bare loop of its libraries, against one stub service."""
