"""Apple's push service in small: HTTP/2 over TLS, and only for callers with the certificate of the passes."""

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded


class PushDouble:
    """Answers every push with `answer` and keeps in `asked` its path, its topic and the certificate's common name."""

    def __init__(self, folder: Path, authority: bytes) -> None:
        self.answer, self.connections = 200, 0
        self.asked: list[tuple[str, str, str]] = []
        self.certificate = folder / "push.pem"
        self.certificate.write_bytes(_self_signed())
        (folder / "callers.pem").write_bytes(authority)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate)
        self.tls.load_verify_locations(folder / "callers.pem")
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.tls.set_alpn_protocols(["h2"])
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _address = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            line = self.tls.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, OSError):  # a caller without the certificate
            plain.close()
            return
        caller = x509.load_der_x509_certificate(line.getpeercert(binary_form=True) or b"")
        name = caller.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        spoken = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        spoken.initiate_connection()
        line.sendall(spoken.data_to_send())
        self.connections += 1
        while data := line.recv(65_536):
            for event in spoken.receive_data(data):
                if isinstance(event, RequestReceived):
                    headers = {str(key): str(value) for key, value in event.headers}
                    self.asked.append((headers[":path"], headers["apns-topic"], str(name)))
                elif isinstance(event, StreamEnded) and event.stream_id:
                    spoken.send_headers(event.stream_id, [(":status", str(self.answer))], end_stream=True)
            line.sendall(spoken.data_to_send())
        line.close()


def _self_signed() -> bytes:
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "push double")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM) + secret
