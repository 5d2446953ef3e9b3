"""A gRPC server with the standard health service, on a port that it prints: [certificate key].

The service answers as its name says: "up", "down", "odd" (a status of tomorrow), "angry" (an error); the
empty name is the server itself, and up. With "none" for a certificate there is no health service.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

STATUS = {b"": 1, b"up": 1, b"down": 2, b"odd": 99}


def check(request: bytes, context: grpc.ServicerContext) -> bytes:
    assert not request or request[:1] == b"\x0a"
    service = request[2:]
    if service == b"angry":
        context.abort(grpc.StatusCode.UNAVAILABLE, "database is away: 100%")
    if service not in STATUS:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return b"\x08" + bytes([STATUS[service]])


arguments = sys.argv[1:]
server = grpc.server(ThreadPoolExecutor(4))
if arguments[:1] != ["none"]:
    method = grpc.unary_unary_rpc_method_handler(check)
    handler = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": method})
    server.add_generic_rpc_handlers((handler,))
if len(arguments) == 2:
    certificate, key = (Path(name).read_bytes() for name in arguments)
    credentials = grpc.ssl_server_credentials([(key, certificate)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
