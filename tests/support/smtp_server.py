"""aiosmtpd on a port of the kernel's choice, which it prints: [certificate key [at-once]]."""

import asyncio
import ssl
import sys
import warnings

warnings.simplefilter("ignore")

from aiosmtpd.handlers import Sink  # noqa: E402
from aiosmtpd.smtp import SMTP  # noqa: E402


async def main(certificate: str = "", key: str = "", at_once: str = "") -> None:
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Sink(), hostname="mail.example", tls_context=None if at_once else context),
        "127.0.0.1",
        0,
        ssl=context if at_once else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
