"""The faces of the client: flows say what to send next; sync and aio drive them."""
