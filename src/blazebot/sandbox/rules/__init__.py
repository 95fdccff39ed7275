"""The rules of the service, apart from how it is asked."""
