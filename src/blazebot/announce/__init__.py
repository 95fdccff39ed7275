"""Announcements: one content, or a template, to many people, each exactly once."""
