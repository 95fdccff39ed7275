"""Benchmarks: Blazebot beside the bare loop of its libraries, and the sandbox by itself."""
