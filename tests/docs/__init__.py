"""The documentation site: built, looked at and searched."""
