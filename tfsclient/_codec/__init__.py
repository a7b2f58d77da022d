"""Arrays and requests to bytes and back: protobuf's wire format and TF Serving's JSON; no I/O."""
