"""Certificates of a server: several by the client's server name, folders of them, and certificates of clients."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.pairs import eventually

from socketworkers import App, ConnectionLost, Context, Env, Socket, TLSError, TlsInfo, TlsOptions, connect
from socketworkers.certificate_files import certificate_pairs, server_names
from socketworkers.certificates import Pair, make_authority, make_certificate, write_pair
from socketworkers.errors import StartupError
from socketworkers.process.provision import provision
from socketworkers.server import Server
from socketworkers.settings import Settings
from socketworkers.testing import serve_ephemeral

pytestmark = pytest.mark.usefixtures("any_loop")

AUTHORITY = make_authority()


def written(folder: Path, name: str, *names: str, authority: Pair = AUTHORITY, client: bool = False) -> tuple[str, str]:
    """A certificate and its key, as files."""
    pair = make_certificate(authority, names or [name], client=client)
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    write_pair(pair, certificate, key)
    return str(certificate), str(key)


def rsa(folder: Path, name: str) -> tuple[str, str]:
    """The same with an RSA key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa as keys

    key = keys.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_pair(Pair(made.public_bytes(serialization.Encoding.PEM), private), folder / "rsa.pem", folder / "rsa-key.pem")
    return str(folder / "rsa.pem"), str(folder / "rsa-key.pem")


def trusting(*pairs: tuple[str, str]) -> ssl.SSLContext:
    """A client's context, with the certificates that it shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=AUTHORITY.certificate.decode())
    for certificate, key in pairs:
        context.load_cert_chain(certificate, key)
    return context


def recorder() -> tuple[App, list[TlsInfo]]:
    seen: list[TlsInfo] = []
    app = App("app", port=0)

    @app.connect
    async def handle(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        if socket.info.tls is None:
            await socket.readable.get_reader().read(1)
            await socket.start_tls(context=ctx.tls_context)
        assert socket.info.tls is not None
        seen.append(socket.info.tls)
        await socket.writable.get_writer().write(b"ok")

    return app, seen


def secure(server: Server) -> tuple[str, int]:
    listener = next(listener for listener in server.listeners if listener.tls == "implicit")
    return listener.host, listener.port


async def shown(server: Server, name: str | None, context: ssl.SSLContext | None = None) -> frozenset[str]:
    """The names of the certificate that a client gets who asks for ``name``."""
    import tempfile

    context = context or trusting()
    context.check_hostname = False
    async with connect(secure(server), tls=TlsOptions(context=context, sni=name or "")) as socket:
        assert await socket.readable.get_reader().read() == b"ok"
        assert socket.info is not None
        assert socket.info.tls is not None
        assert socket.info.tls.peer_certificate is not None
        pem = ssl.DER_cert_to_PEM_cert(socket.info.tls.peer_certificate)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(pem)
        file.flush()
        return server_names(file.name)[0]


# -- several certificates ------------------------------------------------------------------------------------------


async def test_the_clients_server_name_chooses(tmp_path: Path) -> None:
    """RFC 6066 §3; a wildcard stands for one label (RFC 6125 §6.4.3); who asks for nothing known gets the first."""
    pairs = [
        written(tmp_path, "one", "one.example", "127.0.0.1"),
        written(tmp_path, "two", "two.example", "*.two.example"),
        written(tmp_path, "deep", "x.two.example"),
    ]
    app, _ = recorder()
    options = {"tls_cert": tuple(pair[0] for pair in pairs), "tls_key": tuple(pair[1] for pair in pairs)}
    async with serve_ephemeral(app, tls_port=0, **options) as server:
        one, two = {"one.example"}, {"two.example", "*.two.example"}
        assert await shown(server, "one.example") == one
        assert await shown(server, "TWO.example") == two
        assert await shown(server, "a.two.example") == two
        assert await shown(server, "x.two.example") == {"x.two.example"}, "the exact name goes before the wildcard"
        assert await shown(server, "a.b.two.example") == one
        assert await shown(server, "other.example") == one
        assert await shown(server, None) == one


async def test_two_kinds_of_keys_for_one_name(tmp_path: Path) -> None:
    """A client that cannot verify the one gets the other."""
    pairs = [written(tmp_path, "one", "one.example"), rsa(tmp_path, "one.example")]
    app, _ = recorder()
    options = {"tls_cert": tuple(pair[0] for pair in pairs), "tls_key": tuple(pair[1] for pair in pairs)}
    async with serve_ephemeral(app, tls_port=0, **options) as server:
        serials = set()
        for ciphers in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
            async with connect(secure(server), tls=TlsOptions(context=context, sni="one.example")) as socket:
                assert await socket.readable.get_reader().read() == b"ok"
                assert socket.info is not None
                assert socket.info.tls is not None
                assert socket.info.tls.cipher == ciphers
                serials.add(socket.info.tls.peer_certificate)
        assert len(serials) == 2


async def test_the_certificate_that_the_server_showed(tmp_path: Path) -> None:
    """RFC 5929 §4: both ends speak of the one that SNI chose; of two kinds of keys for one name none is named."""
    pairs = [written(tmp_path, "one", "one.example"), written(tmp_path, "two", "two.example")]
    both = [*pairs, rsa(tmp_path, "two.example")]
    for given, names in ((pairs, ("two.example", "one.example", "other.example")), (both, ("two.example",))):
        app, seen = recorder()
        options = {"tls_cert": tuple(pair[0] for pair in given), "tls_key": tuple(pair[1] for pair in given)}
        async with serve_ephemeral(app, tls_port=0, **options) as server:
            for name in names:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                async with connect(secure(server), tls=TlsOptions(context=context, sni=name)) as socket:
                    assert await socket.readable.get_reader().read() == b"ok"
                    assert socket.info is not None
                    client = socket.info.tls
                assert client is not None
                assert client.server_certificate == client.peer_certificate
                assert set(client.channel_bindings) == {"tls-server-end-point"}
                if given is pairs:
                    assert seen[-1].server_certificate == client.server_certificate
                    assert seen[-1].channel_bindings == client.channel_bindings
                else:
                    assert seen[-1].server_certificate is None
                    assert seen[-1].channel_bindings == {}


async def test_a_folder_and_what_comes_into_it_until_the_reload(tmp_path: Path) -> None:
    written(tmp_path, "a", "a.example")
    app, _ = recorder()
    async with serve_ephemeral(app, tls_port=0, tls_cert=str(tmp_path)) as server:
        assert await shown(server, "b.example") == {"a.example"}
        written(tmp_path, "b", "b.example")
        server.reload_tls()
        assert await shown(server, "b.example") == {"b.example"}
        assert await shown(server, "a.example") == {"a.example"}
        (tmp_path / "b.pem").write_text("broken")
        with pytest.raises(StartupError, match="cannot read the certificate"):
            server.reload_tls()
        assert await shown(server, "b.example") == {"b.example"}, "with an error nothing changes"


def test_what_a_folder_holds(tmp_path: Path) -> None:
    """certbot's and Kubernetes' pairs, ``socketworkers cert``'s files; never an authority."""
    for folder, certificate, key in (("x", "fullchain.pem", "privkey.pem"), ("y", "tls.crt", "tls.key")):
        write_pair(make_certificate(AUTHORITY, [folder]), tmp_path / folder / certificate, tmp_path / folder / key)
    write_pair(AUTHORITY, tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    written(tmp_path, "mail")
    both = make_certificate(AUTHORITY, ["whole"])
    (tmp_path / "whole.pem").write_bytes(both.key + both.certificate)
    (tmp_path / "README").write_text("not a certificate")
    (tmp_path / ".hidden.pem").write_text("neither")
    found = certificate_pairs([str(tmp_path)], [])
    assert [(Path(certificate).name, Path(key).name) for certificate, key in found] == [
        ("mail.pem", "mail-key.pem"),
        ("whole.pem", "whole.pem"),
        ("fullchain.pem", "privkey.pem"),
        ("tls.crt", "tls.key"),
    ]
    assert certificate_pairs([str(tmp_path / "x"), str(tmp_path / "mail.pem")], [str(tmp_path / "mail-key.pem")]) == [
        (str(tmp_path / "x" / "fullchain.pem"), str(tmp_path / "x" / "privkey.pem")),
        (str(tmp_path / "mail.pem"), str(tmp_path / "mail-key.pem")),
    ]


def test_mistakes(tmp_path: Path) -> None:
    certificate, key = written(tmp_path, "a")
    empty = tmp_path / "empty"
    empty.mkdir()
    app = App("app", port=0)

    def refusal(**options: object) -> list[str]:
        with pytest.raises(StartupError) as caught:
            provision(app, Settings(data=":memory:", **options))  # type: ignore[arg-type]
        return caught.value.lines()

    assert refusal(tls_cert=str(empty)) == [
        f"cannot read the certificate or key {empty}",
        "the folder holds no certificate",
        "both are PEM files; for a throwaway certificate: --tls auto",
    ]
    assert refusal(tls_cert=certificate, tls_key=(key, key)) == [
        "there is a --tls-key more than certificates",
        f"{key} belongs to none; in a folder the keys lie beside their certificates",
        "give each --tls-cert FILE its --tls-key FILE, in the same order",
    ]
    assert refusal(tls_client_ca=certificate) == [
        "--tls-client-ca needs a certificate",
        "clients show theirs inside TLS only, and neither --tls-cert nor --tls is given",
        "for a throwaway certificate: --tls auto",
    ]
    assert refusal(tls="auto", tls_client_ca=str(tmp_path / "none")) == [
        f"cannot use the authorities of {tmp_path / 'none'}",
        "no such file or directory",
        "--tls-client-ca FILE takes a PEM file",
    ]
    assert refusal(tls="auto", tls_client_ca=key) == [
        f"cannot use the authorities of {key}",
        "it holds no certificate of an authority in PEM form",
        "--tls-client-ca FILE takes a PEM file",
    ]


# -- certificates of clients ---------------------------------------------------------------------------------------


def refused_by_server(server: Server) -> Callable[[ssl.SSLContext], Awaitable[None]]:
    async def check(context: ssl.SSLContext) -> None:
        failed = server.telemetry.tls_failed
        with pytest.raises((TLSError, ConnectionLost)):
            # with TLS 1.3 the client is done before the server has looked
            async with connect(secure(server), tls=TlsOptions(context=context, sni="one.example")) as socket:
                await socket.readable.get_reader().read()
        await eventually(lambda: server.telemetry.tls_failed == failed + 1)

    return check


@pytest.mark.catalogue("T1")
async def test_clients_need_a_certificate(tmp_path: Path) -> None:
    one = written(tmp_path, "one", "one.example")
    two = written(tmp_path, "two", "two.example")
    (tmp_path / "clients.pem").write_bytes(AUTHORITY.certificate)
    app, seen = recorder()
    options = {
        "tls_cert": (one[0], two[0]),
        "tls_key": (one[1], two[1]),
        "tls_client_ca": str(tmp_path / "clients.pem"),
    }
    async with serve_ephemeral(app, tls_port=0, **options) as server:
        alice = trusting(written(tmp_path, "alice", client=True))
        assert await shown(server, "one.example", alice) == {"one.example"}
        assert await shown(server, "two.example", alice) == {"two.example"}, "also with the second certificate"
        assert [info.peer_common_name for info in seen] == ["alice", "alice"]
        async with connect(("127.0.0.1", server.listeners[0].port)) as socket:  # STARTTLS
            await socket.writable.get_writer().write(b"!")
            await socket.start_tls(context=alice, server_hostname="one.example")
            assert await socket.readable.get_reader().read() == b"ok"
        assert len(seen) == 3
        refused = refused_by_server(server)
        await refused(trusting())
        other = make_authority()
        await refused(trusting(written(tmp_path, "mallory", authority=other, client=True)))
        await refused(trusting(one))  # a server's certificate is not for clients
        two_is_default = trusting()
        two_is_default.check_hostname = False
        with pytest.raises((TLSError, ConnectionLost)):
            await shown(server, "two.example", two_is_default)
        assert len(seen) == 3


@pytest.mark.catalogue("T1")
async def test_a_revoked_client_after_a_reload(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    one = written(tmp_path, "one", "one.example")
    clients = tmp_path / "clients.pem"
    clients.write_bytes(AUTHORITY.certificate)
    alice, bob = (written(tmp_path, name, client=True) for name in ("alice", "bob"))
    app, seen = recorder()
    async with serve_ephemeral(app, tls_port=0, tls_cert=one[0], tls_key=one[1], tls_client_ca=str(clients)) as server:
        context = trusting(alice)
        assert await shown(server, "one.example", context) == {"one.example"}
        key = serialization.load_pem_private_key(AUTHORITY.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        authority = x509.load_pem_x509_certificate(AUTHORITY.certificate)
        revoked = x509.load_pem_x509_certificate(Path(alice[0]).read_bytes()).serial_number
        now = datetime.now(UTC)
        crl = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.subject)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=1))
            .add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(revoked)
                .revocation_date(now - timedelta(hours=1))
                .build()
            )
            .sign(key, hashes.SHA256())
        )
        clients.write_bytes(AUTHORITY.certificate + crl.public_bytes(serialization.Encoding.PEM))
        server.reload_tls()
        await refused_by_server(server)(context)
        assert await shown(server, "one.example", trusting(bob)) == {"one.example"}
        assert [info.peer_common_name for info in seen] == ["alice", "bob"]


def test_the_name_of_a_peer(tmp_path: Path) -> None:
    """RFC 5280 §4.1.2.6: none or several common names say nothing for certain."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def info(*names: str) -> TlsInfo:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name) for name in names])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        return TlsInfo("TLSv1.3", "x", peer_certificate=made.public_bytes(serialization.Encoding.DER))

    assert info("alice").peer_common_name == "alice"
    assert info("älice\0bob").peer_common_name == "älice\0bob"
    assert info().peer_common_name == ""
    assert info("alice", "bob").peer_common_name == ""
    assert TlsInfo("TLSv1.3", "x").peer_common_name == ""
    assert TlsInfo("TLSv1.3", "x", peer_certificate=b"junk").peer_common_name == ""


#: a certificate signed with SHA-1, which ``cryptography`` makes no more
SHA1_SIGNED = """
MIIBbTCCARSgAwIBAgIUMKO7w3hiIFAbNO6zoCeLk22Or8swCQYHKoZIzj0EATAMMQowCAYDVQQDDAF4MCAXDTI2MTEyNjA5NTA0
OVoYDzIxMjYxMTAyMDk1MDQ5WjAMMQowCAYDVQQDDAF4MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1vPqKJYOISAIoOjDo7Xe
1m6Gmv2mYoCYT0g6Pb5UrYJCuf/eTvQhAqYI6/nUnWiKBx+oYPaN7hSgRex2udmWgKNTMFEwHQYDVR0OBBYEFNgVRdERgjrZtPv7
7IxuKplyw3Y0MB8GA1UdIwQYMBaAFNgVRdERgjrZtPv77IxuKplyw3Y0MA8GA1UdEwEB/wQFMAMBAf8wCQYHKoZIzj0EAQNIADBF
AiB5PpXTaCRpIqqVSzA5NttI7iXXDBOHPVtcWappplzsRgIhALbTpV+8bFcuUNAozHvdkOe4ItnDhoJWX/8UvAF+E+Fd
"""


def signed(key: Any, algorithm: Any) -> bytes:
    """A certificate in DER, signed by ``key`` with a hash."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


def test_the_hash_of_tls_server_end_point_rfc_5929_4_1() -> None:
    """The hash of the certificate's own signature, but SHA-256 for the broken ones; undefined without one."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    curve = ec.generate_private_key(ec.SECP256R1())
    for der, name in (
        (signed(curve, hashes.SHA256()), "sha256"),
        (signed(curve, hashes.SHA384()), "sha384"),
        (base64.b64decode(SHA1_SIGNED), "sha256"),
    ):
        bindings = TlsInfo("TLSv1.3", "x", server_certificate=der).channel_bindings
        assert bindings == {"tls-server-end-point": hashlib.new(name, der).digest()}
    der = signed(ed25519.Ed25519PrivateKey.generate(), None)
    assert TlsInfo("TLSv1.3", "x", server_certificate=der).channel_bindings == {}
    assert TlsInfo("TLSv1.3", "x", server_certificate=b"junk").channel_bindings == {}
    assert TlsInfo("TLSv1.3", "x").channel_bindings == {}
    assert TlsInfo("TLSv1.3", "x", exporter=b"e").channel_bindings == {"tls-exporter": b"e"}
