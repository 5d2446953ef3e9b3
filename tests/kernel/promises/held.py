"""Connections that are held one by one, from any host of the lab: ``python held.py`` there.

A request is a line of JSON: ``[protocol, source, address, port]`` opens a connection and asks who is there,
``[number]`` asks that connection again, and a number closes it. So is the answer: what the server has said,
null after closing, or an ``error``. Of UDP a connection is a socket that has its port.
"""

import contextlib
import json
import socket
import subprocess
import sys

SECONDS = 1.2  # a connection to a member on the same machine takes milliseconds


def opened(protocol, source, address, port):
    """Return a connection that has been answered, and the answer; OSError without one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    try:
        connection.settimeout(SECONDS)
        connection.bind((source, 0))
        connection.connect((address, port))
        return connection, asked(connection)
    except OSError:
        connection.close()
        raise


def asked(connection):
    """Return what a connection's server says of itself; OSError without an answer."""
    connection.sendall(b"WHO\n")
    answer = b""
    while not answer.endswith(b"\n"):
        data = connection.recv(4096)
        if not data:
            raise ConnectionResetError("closed")
        answer += data
    return json.loads(answer)


def main():
    held = []
    for line in sys.stdin:
        request = json.loads(line)
        told = None
        if isinstance(request, int):
            held[request].close()
        else:
            try:
                if len(request) == 1:
                    told = asked(held[request[0]])
                else:
                    connection, told = opened(*request)
                    held.append(connection)
            except OSError as error:
                told = {"error": type(error).__name__}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


class Holder:
    """Holds connections from a namespace; ``held`` are the servers' names in order, None for one closed."""

    def __init__(self, namespace):
        words = ["ip", "netns", "exec", namespace, sys.executable, __file__]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.held = []

    def ask(self, source, address, port, protocol="tcp"):
        """Open a connection and hold it; return the whole answer, with ``error`` alone when there is none."""
        answer = self._say([protocol, source, address, port])
        if "error" not in answer:
            self.held.append(answer["server"])
        return answer

    def again(self, number):
        """Ask a connection that is held, from 0, once more; return the whole answer, or an ``error``."""
        return self._say([number])

    def open(self, source, address, port, protocol="tcp"):
        """Open a connection and hold it; return the server's name, None when there is no answer."""
        return self.ask(source, address, port, protocol).get("server")

    def visit(self, source, address, port, protocol="tcp"):
        """Open a connection and close it; return the server's name."""
        name = self.open(source, address, port, protocol)
        if name is not None:
            self.close(len(self.held) - 1)
        return name

    def close(self, number):
        """Close the connection that was opened as this one, from 0."""
        self._say(number)
        self.held[number] = None

    def close_all(self):
        """Close what is held."""
        for number, name in enumerate(self.held):
            if name is not None:
                self.close(number)

    def end(self):
        """End the process."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def _say(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        answer = self._process.stdout.readline()
        assert answer, "the process that holds connections has ended"
        return json.loads(answer)


if __name__ == "__main__":
    main()
