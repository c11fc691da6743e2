#!/usr/bin/env python3
"""What else is derived, hashed, sealed or signed under a label: computed from docs/protocol, and not with the code.

    label_model.py generate          writes labels.json to stdout

Needs PyCA cryptography. A fixed input named 0x11 is 32 (or as many as its field has) bytes of it. The bundle, and who signs, are those
of the vectors for an invite and an address in pqxdh.json.
"""
import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ratchet_model import agree, hkdf, mac, public, xchacha

ISSUED = struct.pack(">Q", 1_800_000_000_000)


def fill(byte, length=32):
    return bytes([byte]) * length


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def derive(secret, label):
    return hkdf(b"", secret, label, 32)


def proquint(pair):
    n = int.from_bytes(pair, "big")
    consonant, vowel = (lambda at: "bdfghjklmnprstvz"[n >> at & 15]), (lambda at: "aiou"[n >> at & 3])
    return consonant(12) + vowel(10) + consonant(6) + vowel(4) + consonant(0)


def words(data):
    return " ".join(proquint(data[at : at + 2]) for at in range(0, len(data), 2))


def short_digits(data):
    number = f"{int.from_bytes(data, 'big') % 10**8:08}"
    return number[:4] + " " + number[4:]


def signs(vector, label, message):
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["in"]["b-ed"])).sign(label + message)


def device_list(vector):
    """Of the number 1, as in these vectors."""
    body = b"\x01" + ISSUED + b"\x01\x01" + public(bytes.fromhex(vector["in"]["b-x"]))
    return body + signs(vector, b"privatus/devices/v1", body)


def offer():
    return fill(0x21) + fill(0x22, 24) + public(fill(0x23)) + public(fill(0x24)) + fill(0x25)


def link():
    body = b"\x01\x01" + fill(0x11) + fill(0x12) + struct.pack(">I", 1_800_000_000) + b"\x00"
    whole = body + sha(b"privatus/link/v1", body)[:4]
    return "privatus:i#" + base64.urlsafe_b64encode(whole).rstrip(b"=").decode()


def blob(vector):
    secret = fill(0x11)
    key, blob_id = (derive(secret, b"privatus/invite/%s/v1" % use) for use in (b"blob-key", b"blob-id"))
    plain = bytes.fromhex(vector["bundle"]) + device_list(vector) + fill(0x31, 24)
    plain += public(fill(0x32)) + public(fill(0x33))
    plain += bytes(4096 - 41 - len(plain))
    nonce = mac(key, b"privatus/invite/blob-nonce/v1", fill(0x34, 24), plain)[:24]
    aead, inner = xchacha(key, nonce)
    sealed = aead.encrypt(inner, plain, b"\x01" + blob_id)
    return b"\x01" + nonce + sealed[-16:] + sealed[:-16]


def frame():
    """Two offers, a repair section that says something and has no bundle, a content."""
    section = struct.pack(">IB", 0x41424344, 1)
    parts = b"", section, b"text"
    return b"\x01\x02" + offer() * 2 + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def address_record(vector):
    body = b"\x01" + ISSUED + bytes.fromhex(vector["bundle"]) + device_list(vector) + offer()
    return body + signs(vector, b"privatus/address-record/v1", body)


def values(invite, address):
    low, high, nonce_a, nonce_b = fill(0x51), fill(0x52), fill(0x53), fill(0x54)
    string = sha(b"privatus/sas/string/v1", low, high, nonce_a, nonce_b)
    code = b"\x01" + low + high
    code += sha(b"privatus/verification-code/v1", code)[:4]
    safety = sha(b"privatus/safety/v1", low, high)
    psk = derive(fill(0x11), b"privatus/invite/psk/v1")
    prefix = bytes.fromhex(invite["prefix"])
    command_key = hkdf(b"", agree(fill(0x61), public(fill(0x62))), b"privatus/mbx/sender/v1" + fill(0x63, 24), 32)
    return {
        "invite/blob-id": derive(fill(0x11), b"privatus/invite/blob-id/v1"),
        "invite/read-key": derive(fill(0x11), b"privatus/invite/read-key/v1"),
        "invite/psk": psk,
        "invite/replica-secret": derive(psk, b"privatus/invite/replica-secret/v1"),
        "invite/blob": sha(blob(invite)),
        "invite/link": link(),
        "replay": sha(b"privatus/replay/v1", prefix[177:]),
        "safety/words": words(safety[16:]),
        "sas/commitment": sha(b"privatus/sas/commitment/v1", low, high, nonce_a),
        "sas/digits": short_digits(string[:8]),
        "sas/words": words(string[8:12]),
        "verification-code": "privatus:v#" + base64.urlsafe_b64encode(code).rstrip(b"=").decode(),
        "address-record": sha(address_record(address)),
        "frame": frame(),
        "outer-nonce": mac(fill(0x71), b"privatus/outer-nonce/v1", fill(0x72, 24), fill(0x73))[:24],
        "mailbox/sender-key": command_key,
    }


def generate():
    text = (Path(__file__).parent / "pqxdh.json").read_text()
    invite, address = json.loads(text)["vectors"][:2]
    of = lambda value: value if isinstance(value, str) else value.hex()
    made = {name: of(value) for name, value in values(invite, address).items()}
    json.dump({"source": "tests/vectors/label_model.py generate", "values": made}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    if sys.argv[1:] != ["generate"]:
        sys.exit(__doc__)
    generate()
