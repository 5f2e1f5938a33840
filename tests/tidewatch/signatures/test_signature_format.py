"""The statement, its encoding and the bundle: in the form of OpenSSF Model Signing, and in no other."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.tidewatch.signatures.signing_key import SigningKey
from tidewatch.signatures import (
    Bundle,
    InvalidBundle,
    InvalidKey,
    Statement,
    decode_bundle,
    decode_statement,
    encode_bundle,
    encode_pae,
    encode_statement,
    open_signature,
    parse_public_key,
)

KEY = SigningKey()
DIGESTS = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("model.tar.gz", "card.md", "manifest.json")}
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
)
digests = st.dictionaries(names, st.binary(min_size=32, max_size=32).map(bytes.hex))


def test_the_statement_is_that_of_model_signing() -> None:
    payload = json.loads(encode_statement(Statement("flights/4", DIGESTS)))
    ordered = sorted(DIGESTS)
    assert payload == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": "flights/4",
                "digest": {
                    "sha256": hashlib.sha256(b"".join(bytes.fromhex(DIGESTS[name]) for name in ordered)).hexdigest()
                },
            }
        ],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": [{"name": name, "algorithm": "sha256", "digest": DIGESTS[name]} for name in ordered],
        },
    }


def test_the_bundle_is_sigstores_with_a_key_and_no_log() -> None:
    bundle = json.loads(KEY.sign("flights/4", DIGESTS))
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert bundle["verificationMaterial"] == {
        "publicKey": {"hint": hashlib.sha256(KEY.pem.encode()).hexdigest()},
        "tlogEntries": [],
    }
    assert bundle["dsseEnvelope"]["payloadType"] == "application/vnd.in-toto+json"
    assert [signature["keyid"] for signature in bundle["dsseEnvelope"]["signatures"]] == [""]


def test_what_is_signed_is_dsses_encoding() -> None:
    assert encode_pae(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"
    # The example of the protocol's own document.
    assert encode_pae(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(), st.text(), st.binary(), st.text())
def test_two_payloads_have_two_encodings(payload: bytes, kind: str, other: bytes, other_kind: str) -> None:
    same = (payload, kind) == (other, other_kind)
    assert (encode_pae(payload, kind) == encode_pae(other, other_kind)) == same


@given(st.text(st.characters(exclude_categories=["Cs"])), digests)
def test_a_statement_is_read_as_it_was_written(subject: str, files: dict[str, str]) -> None:
    statement = Statement(subject, files)
    assert decode_statement(encode_statement(statement), "it") == statement


@given(digests)
def test_the_order_of_the_files_changes_no_byte(files: dict[str, str]) -> None:
    backwards = dict(reversed(files.items()))
    assert encode_statement(Statement("flights/4", files)) == encode_statement(Statement("flights/4", backwards))


@given(st.binary(), st.binary(), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_bundle_is_read_as_it_was_written(payload: bytes, signature: bytes, hint: str) -> None:
    bundle = Bundle(payload, signature, hint)
    assert decode_bundle(encode_bundle(bundle), "it") == bundle


@given(st.data())
def test_no_bit_of_what_is_signed_can_be_changed(data: st.DataObject) -> None:
    signed = decode_bundle(KEY.sign("flights/4", DIGESTS), "it")
    assert open_signature(encode_bundle(signed), "it", [KEY.pin()]).statement == Statement("flights/4", DIGESTS)
    bit = data.draw(st.integers(0, len(signed.payload) * 8 - 1))
    changed = bytearray(signed.payload)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidBundle, match="forged or changed"):
        open_signature(encode_bundle(Bundle(bytes(changed), signed.signature, signed.key_hint)), "it", [KEY.pin()])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_bundle_are_refused_as_a_sentence(raw: bytes) -> None:
    with pytest.raises(InvalidBundle, match=r"^model\.sig is not a Sigstore bundle"):
        open_signature(raw, "model.sig", [KEY.pin()])


def _edit(document: Any, path: str, value: object) -> bytes:
    *folders, last = path.split("/")
    part = document
    for name in folders:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[int(last) if isinstance(part, list) else last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1", "no statement"),
        ("predicateType", "https://slsa.dev/provenance/v1", "no statement"),
        ("predicate/serialization/method", "shards", "no statement"),
        ("predicate/resources/0/algorithm", "blake2", "no statement"),
        ("predicate/resources/0/name", "../card.md", "not a plain path"),
        ("predicate/resources/0/name", "/card.md", "not a plain path"),
        ("predicate/resources/0/name", "./card.md", "not a plain path"),
        ("predicate/resources/0/name", "manifest.json", "twice"),
        ("predicate/resources/0/digest", "00", "not a sha256"),
        ("predicate/resources/0/digest", "ab" * 32, "digest of the whole"),
        ("subject", [], "digest of the whole"),
    ],
)
def test_a_signed_statement_of_another_form_is_refused(path: str, value: object, why: str) -> None:
    payload = _edit(json.loads(encode_statement(Statement("flights/4", DIGESTS))), path, value)
    with pytest.raises(InvalidBundle, match=why):
        open_signature(KEY.sign_payload(payload), "model.sig", [KEY.pin()])


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("mediaType", "application/json", "media type"),
        ("dsseEnvelope/payloadType", "text/plain", "payload type"),
        ("dsseEnvelope/signatures", [], "0 signatures"),
        ("verificationMaterial", {"certificate": {}}, "not a Sigstore bundle signed by a key"),
    ],
)
def test_a_bundle_of_another_form_is_refused(path: str, value: object, why: str) -> None:
    with pytest.raises(InvalidBundle, match=why):
        open_signature(_edit(json.loads(KEY.sign("flights/4", DIGESTS)), path, value), "model.sig", [KEY.pin()])


@pytest.mark.parametrize(
    ("curve", "digest"),
    [(ec.SECP256R1(), hashes.SHA256()), (ec.SECP384R1(), hashes.SHA384()), (ec.SECP521R1(), hashes.SHA512())],
    ids=lambda part: part.name,
)
def test_keys_of_three_curves_sign(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm) -> None:
    key = SigningKey(ec.generate_private_key(curve), digest)
    assert open_signature(key.sign("flights/4", DIGESTS), "it", [KEY.pin(), key.pin()]).pinned == key.pin()


def test_openssl_accepts_the_signature_over_the_encoding(tmp_path: Path) -> None:
    envelope = json.loads(KEY.sign("flights/4", DIGESTS))["dsseEnvelope"]
    (tmp_path / "message").write_bytes(encode_pae(base64.b64decode(envelope["payload"])))
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "key.pem").write_text(KEY.pem)
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "message"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Verified OK", done.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a public key in PEM"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a public key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "keep it secret"),
        ("ssh-ed25519 AAAA", "not a public key in PEM"),
    ],
)
def test_what_is_no_public_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidKey, match=why):
        parse_public_key(text)


def test_a_key_on_another_curve_is_refused() -> None:
    other = SigningKey(ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(InvalidKey, match="P-256, P-384 or P-521"):
        parse_public_key(other.pem)


def test_a_key_has_one_fingerprint_however_its_pem_is_written() -> None:
    assert parse_public_key(f"  \n{KEY.pem.strip()}\n\n").fingerprint == KEY.public.fingerprint
