"""``python -m tfsclient.server``, and where ``tfsclient serve`` starts."""

import os

# gRPC reads this when it is imported.  Its C++ code would log every failed handshake, and repeat in
# its own words what our errors say.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from tfsclient.server.cli import serve

__all__ = ["serve"]

if __name__ == "__main__":
    serve(prog_name="tfsclient serve")
