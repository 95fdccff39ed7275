"""The rules of the protocol as checks against any address: a sandbox's, or the service's own."""
