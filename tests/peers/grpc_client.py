"""A client of agentsh in Python, by grpcio: reads the whole journal as a stream and compares every field with the database.

    grpc_client.py --address HOST:PORT --database JOURNAL.db --messages generated|reflection [--proto DIR] [--key KEY] [--gzip]

The messages come from `proto/` by grpcio-tools, or from the server itself by reflection. What is read is compared with the rows that
SQLite gives: each column, each key of the payload, and that nothing is there that the row has not. Prints one JSON object with the
counts, and exits with 1 at the first difference, which it names.
"""

import argparse
import importlib
import json
import sqlite3
import sys
import tempfile
import uuid
from pathlib import Path

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor

PACKAGE = "agentsh.v1"
DEADLINE_SECONDS = 60
NUMBERS = (
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
)


class Differs(Exception):
    """What was read is not what the row says."""


class Generated:
    """Messages that grpcio-tools makes from the files of `proto/`."""

    def __init__(self, proto):
        from grpc_tools import protoc

        self.folder = tempfile.TemporaryDirectory()
        bundled = Path(importlib.import_module("grpc_tools").__file__).parent / "_proto"
        files = sorted(str(path.relative_to(proto)) for path in Path(proto).rglob("*.proto"))
        arguments = ["protoc", f"-I{proto}", f"-I{bundled}", f"--python_out={self.folder.name}", f"--grpc_python_out={self.folder.name}"]
        if protoc.main(arguments + files) != 0:
            raise Differs("grpcio-tools could not compile proto/")
        sys.path.insert(0, self.folder.name)
        self.modules = {file: importlib.import_module(file.removesuffix(".proto").replace("/", ".") + "_pb2") for file in files}

    def message(self, name):
        for module in self.modules.values():
            if hasattr(module, name):
                return getattr(module, name)
        raise Differs(f"{name} was not generated")

    def subscribe(self, channel, request, **call):
        services = importlib.import_module("agentsh.v1.event_service_pb2_grpc")
        return services.EventServiceStub(channel).Subscribe(request, timeout=DEADLINE_SECONDS, **call)


class Reflected:
    """Messages that the server describes."""

    def __init__(self, channel):
        from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

        database = ProtoReflectionDescriptorDatabase(channel)
        self.services = sorted(database.get_services())
        self.pool = descriptor_pool.DescriptorPool(database)

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))

    def subscribe(self, channel, request, **call):
        method = self.pool.FindServiceByName(f"{PACKAGE}.EventService").methods_by_name["Subscribe"]
        subscribe = channel.unary_stream(
            f"/{PACKAGE}.EventService/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        return subscribe(request, timeout=DEADLINE_SECONDS, **call)


def health(channel, service, metadata):
    """Status of `grpc.health.v1.Health/Check`: 1 is SERVING. The messages have one field each, so they are written by hand."""
    name = service.encode()
    call = channel.unary_unary("/grpc.health.v1.Health/Check", request_serializer=bytes, response_deserializer=bytes)
    answer = call(b"\x0a" + bytes([len(name)]) + name if name else b"", timeout=DEADLINE_SECONDS, metadata=metadata)
    return answer[1] if len(answer) == 2 and answer[0] == 8 else 0


def same(what, read, stored):
    if read != stored:
        raise Differs(f"{what}: {read!r} was read, {stored!r} is stored")


def word(field, number):
    """The word of an enum's number: its name without the enum's, in lower case."""
    prefix = "".join("_" + ch if ch.isupper() else ch.upper() for ch in field.enum_type.name).lstrip("_") + "_"
    return field.enum_type.values_by_number[number].name.removeprefix(prefix).lower()


def value(field, read):
    """What a field's value is in the stored JSON."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return fields(read)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return word(field, read)
    if field.type in NUMBERS:
        return int(read)
    return read


def fields(message):
    """The object that the stored JSON has for a message: what is absent is left out, as it is there."""
    known = {}
    for field in message.DESCRIPTOR.fields:
        read = getattr(message, field.name)
        if field.is_repeated:
            if len(read):
                known[field.name] = [value(field, item) for item in read]
        elif not field.has_presence or message.HasField(field.name):
            known[field.name] = value(field, read)
    return known


def compare(event, row):
    """One event with its row of the `events` table."""
    where = f"event {row['seq']}"
    same(f"{where}: seq", event.seq, row["seq"])
    same(f"{where}: id", event.id, str(uuid.UUID(bytes=row["id"])))
    same(f"{where}: time_us", event.time_us, row["time_us"])
    for name in ("session_id", "command_id", "subject"):
        same(f"{where}: {name}", getattr(event, name) if event.HasField(name) else None, row[name])
    cause = str(uuid.UUID(bytes=row["cause"])) if row["cause"] is not None else None
    same(f"{where}: cause", event.cause if event.HasField("cause") else None, cause)
    same(f"{where}: severity", event.severity, row["severity"])
    same(f"{where}: attack", list(event.attack), json.loads(row["attack"] or "[]"))
    same(f"{where}: kind", word(event.DESCRIPTOR.fields_by_name["kind"], event.kind), row["kind"])
    same(f"{where}: payload's kind", event.WhichOneof("payload"), row["kind"])
    stored = json.loads(row["payload"])
    for name in ("actor", "sensor", "imported"):
        same(f"{where}: {name}", fields(getattr(event, name)) if event.HasField(name) else None, stored.pop(name, None))
    read = fields(getattr(event, row["kind"]))
    same(f"{where}: {row['kind']}", read, stored)
    return len(read)


class Rows:
    """The rows of the journal in their order. It may grow while it is read."""

    def __init__(self, journal):
        self.journal = journal
        self.seq = 0
        self.rows = iter(())

    def next(self):
        row = next(self.rows, None)
        if row is None:
            self.rows = self.journal.execute("SELECT * FROM events WHERE seq > ? ORDER BY seq", (self.seq,))
            row = next(self.rows, None)
        if row is not None:
            self.seq = row["seq"]
        return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--messages", choices=("generated", "reflection"), required=True)
    parser.add_argument("--proto")
    parser.add_argument("--key")
    parser.add_argument("--gzip", action="store_true")
    arguments = parser.parse_args()

    metadata = [("x-api-key", arguments.key)] if arguments.key else []
    compression = grpc.Compression.Gzip if arguments.gzip else grpc.Compression.NoCompression
    options = [("grpc.max_receive_message_length", 64 << 20)]
    channel = grpc.insecure_channel(arguments.address, options=options)
    grpc.channel_ready_future(channel).result(timeout=DEADLINE_SECONDS)

    status = {name: health(channel, name, metadata) for name in ("", f"{PACKAGE}.EventService")}
    reader = Generated(arguments.proto) if arguments.messages == "generated" else Reflected(channel)
    request = reader.message("SubscribeRequest")(from_start=True, end_at_head=True)

    journal = sqlite3.connect(f"file:{arguments.database}?mode=ro", uri=True)
    journal.row_factory = sqlite3.Row
    rows = Rows(journal)

    events, compared, kinds, batches, end, through = 0, 0, {}, 0, None, 0
    for response in reader.subscribe(channel, request, metadata=metadata, compression=compression):
        which = response.WhichOneof("message")
        if which == "end":
            end = json_format.MessageToDict(response.end, preserving_proto_field_name=True)
        if which != "batch":
            continue
        batches += 1
        through = response.batch.through_seq
        for event in response.batch.events:
            row = rows.next()
            if row is None:
                raise Differs(f"event {event.seq} was read and is not in the journal")
            compared += compare(event, row)
            events += 1
            kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1

    print(json.dumps({
        "events": events, "fields": compared, "kinds": kinds, "batches": batches, "through_seq": through, "end": end,
        "health": status, "services": getattr(reader, "services", []),
    }))


if __name__ == "__main__":
    try:
        main()
    except (Differs, grpc.RpcError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
