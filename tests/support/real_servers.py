"""Servers that people really run, as members on ports of the kernel's choice."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stream_members import free_port

SUPPORT = Path(__file__).parent

NGINX_CONF = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    default_type text/html;
    client_body_temp_path tmp; proxy_temp_path tmp;
    fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{secure} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        root {root};
        location = /ok {{ return 200 "all is well"; }}
        location = /host {{ return 200 "$host $http_user_agent $http_x_probe $request_method"; }}
        location = /down {{ return 503 "maintenance"; }}
        location = /elsewhere {{ return 301 https://elsewhere.example/; }}
        location = /weight {{ add_header X-Weight 37; return 200 ""; }}
        location = /chunked.html {{ ssi on; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(root: Path, certificate: str, key: str) -> Iterator[tuple[int, int]]:
    """Run nginx with a directory of files; yield its ports for plain HTTP and for HTTPS."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("needs the Debian package nginx")
    (root / "tmp").mkdir(exist_ok=True)
    conf = root / "nginx.conf"
    with (root / "nginx.log").open("wb") as log:
        for _ in range(10):  # another program may take a port between our choosing it and nginx's using it
            plain, secure = free_port(), free_port()
            conf.write_text(
                NGINX_CONF.format(plain=plain, secure=secure, certificate=certificate, key=key, root=root)
            )
            process = subprocess.Popen(
                [program, "-p", str(root), "-c", str(conf), "-e", "stderr"], stderr=log
            )
            if _listening(process, secure):
                break
    try:
        yield plain, secure
    finally:
        _end(process)


@contextlib.contextmanager
def script(name: str, *arguments: str) -> Iterator[int]:
    """Run one of the servers beside this file, which prints its port; yield that."""
    process = subprocess.Popen(
        [sys.executable, str(SUPPORT / name), *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        _end(process)


def _listening(process: subprocess.Popen, port: int) -> bool:
    """Wait until a port is open; False if the process ends before."""
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        time.sleep(0.02)
    return False


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
