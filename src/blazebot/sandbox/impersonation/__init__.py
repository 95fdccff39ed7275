"""The service's own names: certificates, trust, and the hosts file."""
