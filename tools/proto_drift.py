#!/usr/bin/env python3
"""Compares our subset of the client's protocol with the protocol of an installed client release.

    PYTHON tools/proto_drift.py            what we have is as that release has it, or that release lacks it
    PYTHON tools/proto_drift.py --newest   what we have is as that release has it, and create requests lack nothing

PYTHON is an interpreter in whose environment the `modal` package is installed. Every difference is named, one a line; the
exit status is 1 when there is one. A field that a release lacks must not have its number used for another there.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from google.protobuf import descriptor_pb2
from modal_proto import api_pb2, task_command_router_pb2

ROOT = Path(__file__).resolve().parent.parent
# Our files, and what the client has of each.
PROTOS = {"modal_client/api.proto": api_pb2, "modal_client/task_command_router.proto": task_command_router_pb2}


def our_file(path: str) -> descriptor_pb2.FileDescriptorProto:
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        command = ["protoc", "-I", str(ROOT / "proto"), "--descriptor_set_out", out.name, str(ROOT / "proto" / path)]
        subprocess.run(command, check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(Path(out.name).read_bytes())
    return next(file for file in files.file if file.name == path)


def their_file(path: str) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    PROTOS[path].DESCRIPTOR.CopyToProto(file)
    return file


def messages_of(file):
    """Full name -> message, nested ones included."""
    found = {}

    def visit(scope, messages):
        for message in messages:
            found[f"{scope}.{message.name}"] = message
            visit(f"{scope}.{message.name}", message.nested_type)

    visit(f".{file.package}", file.message_type)
    return found


def enums_of(file):
    found = {f".{file.package}.{enum.name}": enum for enum in file.enum_type}
    for name, message in messages_of(file).items():
        found.update({f"{name}.{enum.name}": enum for enum in message.enum_type})
    return found


def shape(message, field):
    """What must be equal for two fields to be one on the wire and in the generated code."""
    group = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    oneof = "" if field.proto3_optional else group
    return {
        "number": field.number,
        "type": descriptor_pb2.FieldDescriptorProto.Type.Name(field.type),
        "label": descriptor_pb2.FieldDescriptorProto.Label.Name(field.label),
        "type name": field.type_name,
        "optional": field.proto3_optional,
        "oneof": oneof,
    }


def compare_message(name, ours, theirs, strict):
    by_name = {field.name: field for field in theirs.field}
    by_number = {field.number: field for field in theirs.field}
    for field in ours.field:
        other = by_name.get(field.name)
        if other is None:
            if field.number in by_number:
                yield f"{name}.{field.name}: its number {field.number} is {by_number[field.number].name} there"
            elif strict:
                yield f"{name}.{field.name}: not there"
            continue
        mine, yours = shape(ours, field), shape(theirs, other)
        for key in mine:
            if mine[key] != yours[key]:
                yield f"{name}.{field.name}: {key} is {mine[key]!r} here, {yours[key]!r} there"


def compare_enum(name, ours, theirs, strict):
    by_name = {value.name: value.number for value in theirs.value}
    by_number = {value.number: value.name for value in theirs.value}
    for value in ours.value:
        if value.name in by_name:
            if by_name[value.name] != value.number:
                yield f"{name}.{value.name}: {value.number} here, {by_name[value.name]} there"
        elif value.number in by_number:
            yield f"{name}.{value.name}: its number {value.number} is {by_number[value.number]} there"
        elif strict:
            yield f"{name}.{value.name}: not there"


def compare_services(ours, theirs, strict):
    by_name = {(service.name, method.name): method for service in theirs.service for method in service.method}
    for service in ours.service:
        for method in service.method:
            other = by_name.get((service.name, method.name))
            if other is None:
                if strict:
                    yield f"rpc {method.name}: not there"
                continue
            for key in ("input_type", "output_type", "client_streaming", "server_streaming"):
                if getattr(method, key) != getattr(other, key):
                    yield f"rpc {method.name}: {key} is {getattr(method, key)!r} here, {getattr(other, key)!r} there"


def compare_all(kind, ours, theirs, compare, strict):
    for name, mine in ours.items():
        if name in theirs:
            yield from compare(name, mine, theirs[name], strict)
        elif strict:
            yield f"{kind} {name}: not there"


def differences(ours, theirs, strict):
    yield from compare_all("message", messages_of(ours), messages_of(theirs), compare_message, strict)
    yield from compare_all("enum", enums_of(ours), enums_of(theirs), compare_enum, strict)
    yield from compare_services(ours, theirs, strict)


# Requests whose unknown fields we refuse by number: a supported client must be able to send nothing that we would not know.
CLOSED_REQUESTS = [
    "FunctionPrecreateRequest",
    "FunctionCreateRequest",
    "ClassCreateRequest",
    "EnvironmentCreateRequest",
    "EnvironmentUpdateRequest",
    "SecretGetOrCreateRequest",
]


def missing_fields(ours, theirs):
    """Fields that the release has in closed requests, at any depth, and we have not."""
    mine, yours = messages_of(ours), messages_of(theirs)
    pending, seen = [f".{ours.package}.{name}" for name in CLOSED_REQUESTS], set()
    while pending:
        name = pending.pop()
        if name in seen or name not in yours or name not in mine:
            continue
        seen.add(name)
        known = {field.name for field in mine[name].field}
        for field in yours[name].field:
            if field.name not in known:
                yield f"{name}.{field.name} ({field.number}): there, but not here, in a request that we read whole"
            pending.append(field.type_name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--newest", action="store_true", help="everything that we have must be there")
    strict = parser.parse_args().newest
    found, messages = [], 0
    for path in PROTOS:
        ours, theirs = our_file(path), their_file(path)
        found += differences(ours, theirs, strict)
        if strict:  # an older release has fields that the newest dropped; nobody sets them any more
            found += missing_fields(ours, theirs)
        messages += len(messages_of(ours))
    for line in found:
        print(line)
    print(f"{messages} messages, {len(found)} differences from modal {version('modal')}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
