"""Sessions of `requests` whose calls are limited as a whole."""

import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from companies import deadlines


class TooLate(requests.RequestException):
    """The whole answer took too long; trying again at once would only take as long again."""


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        deadlines.hold(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        deadlines.hold(self.sock)  # one that was kept from an earlier call
        super().request(*args, **kwargs)


class _Tls(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        deadlines.hold(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        deadlines.hold(self.sock)
        super().request(*args, **kwargs)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class Session(requests.Session):
    """Each call of it ends within `seconds`, or with TooLate. Who reads a stream does so inside `deadlines.within`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.mount("http://", _Adapter())
        self.mount("https://", _Adapter())

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            with deadlines.within(self.seconds):
                return super().request(*args, **kwargs)
        except TimeoutError as late:
            raise TooLate(str(late)) from late
