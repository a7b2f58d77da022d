"""Rebuild tfsclient/_codec/protos.binpb: python codegen/dev/protos.py [--check].

It is read from the official wheels `tensorflow` and `tensorflow-serving-api`.  The result is a
FileDescriptorSet of the messages that tfsclient speaks, without comments or source positions; it is
data, and no code is generated.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool

TARGET = Path(__file__).parents[2] / "tfsclient" / "_codec" / "protos.binpb"

# The files whose messages are used by name; what they import comes along.
ROOTS = [
    "tensorflow_serving/apis/prediction_service.proto",
    "tensorflow_serving/apis/model_service.proto",
    "tensorflow_serving/apis/prediction_log.proto",
    "tensorflow_serving/config/model_server_config.proto",
    "tensorflow/core/protobuf/saved_model.proto",
    "tensorflow/core/example/example.proto",
]


def build() -> bytes:
    """The serialized FileDescriptorSet, dependencies before their users."""
    for root in ROOTS:
        import_module(root.removesuffix(".proto").replace("/", ".") + "_pb2")
    pool = descriptor_pool.Default()
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(name: str) -> None:
        if name in files:
            return
        proto = descriptor_pb2.FileDescriptorProto()
        pool.FindFileByName(name).CopyToProto(proto)
        for dependency in proto.dependency:
            add(dependency)
        proto.ClearField("source_code_info")
        files[name] = proto

    for root in ROOTS:
        add(root)
    together = descriptor_pb2.FileDescriptorSet(file=files.values())
    data: bytes = together.SerializeToString(deterministic=True)
    return data


def main() -> int:
    """Write the file, or with --check compare it."""
    data = build()
    if "--check" in sys.argv:
        if TARGET.read_bytes() == data:
            return 0
        print(f"{TARGET.name} is stale: run python codegen/dev/protos.py", file=sys.stderr)
        return 1
    TARGET.write_bytes(data)
    print(f"{TARGET.name}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
