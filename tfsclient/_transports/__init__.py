"""Bytes over sockets: gRPC and HTTP, each for threads and for asyncio.

A transport sends a call's bytes and gives the answer's, or raises the error that the status says.
What the bytes mean does not concern it.
"""
