"""Byte channels under a socket: the kernel's (TCP, Unix), TLS on top of any, and memory."""
