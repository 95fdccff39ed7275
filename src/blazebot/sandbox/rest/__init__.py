"""The service's REST, an endpoint group a file, and the page on which people authorise."""
