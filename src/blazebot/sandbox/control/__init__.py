"""The control API: HTTP and socket."""
