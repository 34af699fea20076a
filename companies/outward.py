"""Calls to other machines: never followed elsewhere, limited as a whole, and into our own network only where we chose it."""

import http.client
import ipaddress
import socket
import ssl
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from companies import deadlines
from companies.errors import Invalid

TIMEOUT = 10  # seconds that one step may take
WHOLE = 20  # seconds for all steps together: a receiver that drips its answer byte by byte holds nobody
KEPT = "/%:@!$&'()*+,;=?~-._"  # what an address may hold as it is; the rest is escaped, as a browser does
UNICAST = ipaddress.ip_network("2000::/3")  # all that is given out of IPv6 (RFC 4291, IANA)
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address as a network without IPv4 sees it (RFC 6052)


class AddressRefused(Invalid):
    """Not an https address on the public Internet."""

    code = "address_refused"
    message = _("Give an https address that can be reached from the Internet, such as https://erp.example.fr/erb.")
    field = "url"


def addresses_of(url: str) -> tuple[Any, list[str]]:
    """The parts of an address and the IP addresses behind it, all of them public; raises `AddressRefused`.

    Who connects must use one of these, not ask the name again: it may answer differently the second time.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(parts.hostname or "", port, type=socket.SOCK_STREAM)
    except (ValueError, OSError, UnicodeError) as error:
        raise AddressRefused from error
    hosts = sorted({str(row[4][0]) for row in found})
    private_allowed = settings.WEBHOOK_PRIVATE_ADDRESSES
    schemes = {"https", "http"} if private_allowed else {"https"}
    if parts.scheme not in schemes or parts.username or parts.password or not hosts:
        raise AddressRefused
    if not private_allowed and not all(is_public(host) for host in hosts):
        raise AddressRefused
    return parts, hosts


def is_public(host: str) -> bool:
    """Whether an IP address is one machine on the Internet; an address that carries another one is judged by that.

    >>> is_public("1.1.1.1"), is_public("10.0.0.8"), is_public("64:ff9b::10.0.0.8"), is_public("224.0.0.1")
    (True, False, False, False)
    """
    address = ipaddress.ip_address(host.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address not in UNICAST or address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Send a body and return the status. Raises `AddressRefused`, or `OSError` when nobody answered in time."""
    parts, hosts = addresses_of(url)
    return _exchange("POST", parts, hosts[0], body, headers, 1_000)[0]


def ask(method: str, url: str, body: bytes, headers: dict[str, str], *, most: int = 100_000) -> tuple[int, bytes]:
    """Call an address of our own settings: its status and the begin of its answer. `OSError` when nobody answered in time."""
    parts = urlsplit(url)
    return _exchange(method, parts, parts.hostname or "", body, headers, most)


def _exchange(method: str, parts: Any, host: str, body: bytes, headers: dict[str, str], most: int) -> tuple[int, bytes]:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = http.client.HTTPConnection(parts.hostname, port, timeout=TIMEOUT)
    try:
        with deadlines.within(WHOLE):
            connection.sock = socket.create_connection((host, port), timeout=TIMEOUT)
            deadlines.hold(connection.sock)
            if parts.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(connection.sock, server_hostname=parts.hostname)
            path = quote(parts.path or "/", safe=KEPT) + (f"?{quote(parts.query, safe=KEPT)}" if parts.query else "")
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(most)
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error
    finally:
        connection.close()
