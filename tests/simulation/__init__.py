"""Whole bots in simulated time, on a simulated network, before a simulated service.

All that is between the socket and the handler is the real thing. Only time, the network and the
service are made up: so hours pass in a second, anything may happen between any two events, and a
seed says what. ``world`` is the adversary and what must hold.
"""
