"""An OTLP receiver made of the official packages: gRPC and HTTP/protobuf. Writes what it took as one JSON object a line.

Usage: otlp_receiver.py FILE; prints the two ports, gRPC and HTTP, and runs until its standard input ends.
"""

import json
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

LOCK = threading.Lock()
OUT = open(sys.argv[1], "w", encoding="utf-8")


def value(any_value):
    which = any_value.WhichOneof("value")
    if which == "array_value":
        return [value(item) for item in any_value.array_value.values]
    return getattr(any_value, which)


def attributes(items):
    return {item.key: value(item.value) for item in items}


def write(lines):
    with LOCK:
        for line in lines:
            OUT.write(json.dumps(line) + "\n")
        OUT.flush()


def take_logs(request):
    write(
        {
            "log": record.event_name,
            "trace": record.trace_id.hex(),
            "span": record.span_id.hex(),
            "time": record.time_unix_nano,
            "severity": record.severity_number,
            "body": record.body.string_value,
            "resource": attributes(resource.resource.attributes),
            "attributes": attributes(record.attributes),
        }
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    )
    return logs.ExportLogsServiceResponse()


def take_traces(request):
    write(
        {
            "span": span.name,
            "id": span.span_id.hex(),
            "trace": span.trace_id.hex(),
            "parent": span.parent_span_id.hex(),
            "start": span.start_time_unix_nano,
            "end": span.end_time_unix_nano,
            "error": span.status.code == 2,
            "attributes": attributes(span.attributes),
        }
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    )
    return traces.ExportTraceServiceResponse()


def take_metrics(request):
    write(
        {
            "metric": metric.name,
            "monotonic": metric.sum.is_monotonic,
            "temporality": metric.sum.aggregation_temporality,
            "points": [
                {"attributes": attributes(point.attributes), "value": point.as_int, "start": point.start_time_unix_nano}
                for point in metric.sum.data_points
            ],
        }
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
    return metrics.ExportMetricsServiceResponse()


class Logs(logs_grpc.LogsServiceServicer):
    def Export(self, request, context):
        return take_logs(request)


class Traces(traces_grpc.TraceServiceServicer):
    def Export(self, request, context):
        return take_traces(request)


class Metrics(metrics_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        return take_metrics(request)


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    PATHS = {
        "/v1/logs": (logs.ExportLogsServiceRequest, take_logs),
        "/v1/traces": (traces.ExportTraceServiceRequest, take_traces),
        "/v1/metrics": (metrics.ExportMetricsServiceRequest, take_metrics),
    }

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message, take = self.PATHS[self.path]
        answer = take(message.FromString(body)).SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    logs_grpc.add_LogsServiceServicer_to_server(Logs(), server)
    traces_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    http = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    print(port, http.server_address[1], flush=True)
    sys.stdin.read()
    server.stop(None)


main()
