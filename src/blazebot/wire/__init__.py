"""What both ends of the wire agree on: pure functions and structs.

No sockets, no files, no asyncio and no clock here.
"""
