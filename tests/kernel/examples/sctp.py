"""Associations over SCTP: a server that says who it is and whom it sees, and a client that asks.

``python sctp.py serve NAME ADDRESS PORT``, and ``python sctp.py ask ADDRESS PORT COUNT SOURCE...``, which
prints a JSON list. Each end has one address: IPVS follows one pair.
"""

import contextlib
import json
import select
import socket
import subprocess
import sys

SECONDS = 30.0  # one association may take
WAIT = 120.0  # all may


def opened(address, port):
    """Return a socket that is bound to one address, so that no other is told of (RFC 4960, 5.1.2)."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    return made


def serve(name, address, port):
    with opened(address, port) as listener:
        listener.listen(64)
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        while True:
            connection, (client, _) = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(SECONDS)
                connection.recv(64)
                connection.sendall(json.dumps({"server": name, "client": client}).encode())
                connection.recv(64)


def associate(address, port, source):
    with opened(source, 0) as connection:
        connection.settimeout(SECONDS)
        connection.connect((address, port))
        connection.sendall(b"WHO")
        return {"source": source, **json.loads(connection.recv(4096))}


def inside(namespace, *words):
    return ["ip", "netns", "exec", namespace, sys.executable, __file__, *map(str, words)]


@contextlib.contextmanager
def serving(namespaces, address, port):
    """Have a server in each of these namespaces."""
    with contextlib.ExitStack() as stack:
        for name in namespaces:
            words = inside(name, "serve", name, address, port)
            process = stack.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE))
            stack.callback(process.kill)
            assert select.select([process.stdout], [], [], WAIT)[0], f"{name} does not listen"
            assert process.stdout.readline(), f"{name} cannot listen"
        yield


def ask(namespace, address, port, sources, count):
    """Return the answers to a number of associations from a namespace."""
    words = inside(namespace, "ask", address, port, count, *sources)
    done = subprocess.run(words, stdout=subprocess.PIPE, timeout=WAIT, check=True)
    return json.loads(done.stdout)


def main():
    what, *words = sys.argv[1:]
    if what == "serve":
        name, address, port = words
        serve(name, address, int(port))
    address, port, count, *sources = words
    answers = [associate(address, int(port), sources[n % len(sources)]) for n in range(int(count))]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
