#!/usr/bin/env python3
"""An executable model of the session (docs/protocol/ratchet.md), written from that page and not from the code.

    ratchet_model.py generate          writes the transcripts of ratchet.json to stdout
    ratchet_model.py verify FILE|-     replays transcripts: every message byte for byte, every answer

A transcript holds what both sides agreed on, and steps: seal, open, save and restore a side's state. Each step has all
the randomness that it draws. Needs PyCA cryptography (38 or later) for X25519 and ChaCha20-Poly1305; XChaCha20's subkey and
ML-KEM-768 are written out here. It is a model: not constant-time, not for use.
"""
import copy
import hashlib
import hmac
import json
import random
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# ---------------------------------------------------------------- ML-KEM-768 (FIPS 203)

Q, K, DU, DV = 3329, 3, 10, 4
ZETA = [pow(17, int(f"{i:07b}"[::-1], 2), Q) for i in range(128)]
GAMMA = [pow(17, 2 * int(f"{i:07b}"[::-1], 2) + 1, Q) for i in range(128)]


def ntt(f):
    f, i, length = f[:], 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            z, i = ZETA[i], i + 1
            for j in range(start, start + length):
                t = z * f[j + length] % Q
                f[j + length], f[j] = (f[j] - t) % Q, (f[j] + t) % Q
        length //= 2
    return f


def ntt_inverse(f):
    f, i, length = f[:], 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            z, i = ZETA[i], i - 1
            for j in range(start, start + length):
                t = f[j]
                f[j], f[j + length] = (t + f[j + length]) % Q, z * (f[j + length] - t) % Q
        length *= 2
    return [x * 3303 % Q for x in f]


def multiply(f, g):
    h = []
    for i in range(128):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h += [(a0 * b0 + a1 * b1 * GAMMA[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return h


def add(f, g):
    return [(a + b) % Q for a, b in zip(f, g)]


def dot(fs, gs):
    total = [0] * 256
    for f, g in zip(fs, gs):
        total = add(total, multiply(f, g))
    return total


def encode(f, d):
    return sum(x << (d * i) for i, x in enumerate(f)).to_bytes(32 * d, "little")


def decode(b, d):
    n = int.from_bytes(b, "little")
    return [n >> (d * i) & ((1 << d) - 1) for i in range(256)]


def compress(f, d):
    return [((x << d) + Q // 2) // Q % (1 << d) for x in f]


def decompress(f, d):
    return [(x * Q + (1 << (d - 1))) >> d for x in f]


def sample_ntt(seed):
    stream, f = hashlib.shake_128(seed).digest(3 * 600), []
    for i in range(0, len(stream), 3):
        a, b, c = stream[i : i + 3]
        f += [x for x in (a + 256 * (b % 16), b // 16 + 16 * c) if x < Q]
        if len(f) >= 256:
            return f[:256]
    raise AssertionError("an unlucky sample")


def noise(seed, n):
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([n])).digest(128), "little")
    bit = lambda i: bits >> i & 1
    return [(bit(4 * i) + bit(4 * i + 1) - bit(4 * i + 2) - bit(4 * i + 3)) % Q for i in range(256)]


def matrix(rho):
    return [[sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def parts(b, size):
    return [b[i : i + size] for i in range(0, len(b), size)]


def kem_key_pair(d, z):
    g = hashlib.sha3_512(d + bytes([K])).digest()
    a, s = matrix(g[:32]), [ntt(noise(g[32:], i)) for i in range(K)]
    e = [ntt(noise(g[32:], K + i)) for i in range(K)]
    ek = b"".join(encode(add(dot(a[i], s), e[i]), 12) for i in range(K)) + g[:32]
    return ek, b"".join(encode(f, 12) for f in s) + ek + hashlib.sha3_256(ek).digest() + z


def kem_is_reduced(ek):
    return all(x < Q for part in parts(ek[:-32], 384) for x in decode(part, 12))


def pke_encrypt(ek, m, r):
    t, a = [decode(part, 12) for part in parts(ek[:-32], 384)], matrix(ek[-32:])
    y = [ntt(noise(r, i)) for i in range(K)]
    u = [add(ntt_inverse(dot([a[j][i] for j in range(K)], y)), noise(r, K + i)) for i in range(K)]
    v = add(add(ntt_inverse(dot(t, y)), noise(r, 2 * K)), decompress(decode(m, 1), 1))
    return b"".join(encode(compress(f, DU), DU) for f in u) + encode(compress(v, DV), DV)


def kem_encapsulate(ek, m):
    g = hashlib.sha3_512(m + hashlib.sha3_256(ek).digest()).digest()
    return pke_encrypt(ek, m, g[32:]), g[:32]


def kem_decapsulate(dk, ct):
    s, ek, h, z = [decode(p, 12) for p in parts(dk[:1152], 384)], dk[1152:2336], dk[2336:2368], dk[2368:]
    u = [decompress(decode(p, DU), DU) for p in parts(ct[:960], 320)]
    v = decompress(decode(ct[960:], DV), DV)
    w = [(a - b) % Q for a, b in zip(v, ntt_inverse(dot(s, [ntt(f) for f in u])))]
    m = encode(compress(w, 1), 1)
    g = hashlib.sha3_512(m + h).digest()
    rejected = hashlib.shake_256(z + ct).digest(32)
    return g[:32] if pke_encrypt(ek, m, g[32:]) == ct else rejected


# ---------------------------------------------------------------- the other primitives


def mac(key, *data):
    return hmac.new(key, b"".join(data), hashlib.sha256).digest()


def hkdf(salt, ikm, info, length):
    prk, okm, block, i = mac(salt or bytes(32), ikm), b"", b"", 1
    while len(okm) < length:
        block, i = mac(prk, block, info, bytes([i])), i + 1
        okm += block
    return okm[:length]


def split(b, *lengths):
    out = []
    for n in lengths:
        out.append(b[:n])
        b = b[n:]
    assert not b
    return out


def hchacha20(key, nonce):
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    turn = lambda x, n: (x << n | x >> (32 - n)) & 0xFFFFFFFF
    rounds = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    rounds += [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in rounds * 10:
        for p, q, r, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[p] = (s[p] + s[q]) & 0xFFFFFFFF
            s[r] = turn(s[r] ^ s[p], n)
    return struct.pack("<8I", *s[:4], *s[12:])


def xchacha(key, nonce):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def public(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def agree(private, their):
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(their))
    except ValueError:
        raise Refused("BadHeader")


def is_canonical(u):
    return int.from_bytes(u, "little") < 2**255 - 19


class Refused(Exception):
    """A message that was not opened, and why."""


# ---------------------------------------------------------------- the session

SKIP, OLD, KEPT_MS = 2000, 5, 30 * 86_400_000


def root_step(rk, dh):
    return split(hkdf(rk, dh, b"privatus/root/v1", 96), 32, 32, 32)


def chain_step(ck):
    return mac(ck, b"\x01"), mac(ck, b"\x02")


def pq_keys(salt, secret, label):
    """R, C of both sides, A."""
    root, initiator, responder, authenticator = split(hkdf(salt, secret, label, 128), 32, 32, 32, 32)
    return root, (initiator, responder), authenticator


class Sending:
    """CKs, HKs, Ns of one chain, and what is the same in all its headers."""

    def __init__(self, ck, hk, dh, pn):
        self.ck, self.hk, self.dh, self.pn, self.n = ck, hk, dh, pn, 0


class Receiving:
    def __init__(self, ck, hk, header):
        self.ck, self.hk, self.n, self.ended = ck, hk, 0, False
        self.same = header.same()
        self.skipped = {}  # n -> (key, when); the post-quantum keys lie in the session


class Header:
    def __init__(self, dh, pn, n, pq_epoch, pq_n, pq_pn, slot):
        self.dh, self.pn, self.n, self.slot = dh, pn, n, slot
        self.pq_epoch, self.pq_n, self.pq_pn = pq_epoch, pq_n, pq_pn

    def same(self):
        return self.dh, self.pn, self.pq_epoch, self.pq_n - self.n, self.pq_pn, any(self.slot)

    def pack(self):
        numbers = struct.pack(">5I", self.pn, self.n, self.pq_epoch, self.pq_n, self.pq_pn)
        return self.dh + numbers + self.slot + b"\x01" + bytes(35)

    @classmethod
    def parse(cls, b):
        dh, numbers, slot, version, reserve = split(b, 32, 20, 1216, 1, 35)
        header = cls(dh, *struct.unpack(">5I", numbers), slot)
        if not is_canonical(dh) or version != b"\x01" or any(reserve) or header.pq_n < header.n:
            raise Refused("BadHeader")
        return header


class Session:
    def __init__(self, agreed, own, initiator):
        self.t, self.rk, self.role = agreed["transcript"], agreed["root"], 0 if initiator else 1
        keys = agreed["initiator_header"], agreed["responder_header"]
        self.nhks, self.nhkr = keys[self.role], keys[1 - self.role]
        self.dhs, self.sending, self.receiving, self.old = own, None, None, []
        root, chains, authenticator = pq_keys(b"", agreed["post_quantum"], b"privatus/pq/start/v1")
        self.r, self.a, self.e = root, authenticator, 1
        self.state, self.dk, self.slot, self.broken = "NOEK", None, bytes(1216), False
        # Chains of the post-quantum ratchet by epoch and direction, with the next number.
        self.pq_chains = {(0, role): (chains[role], 0) for role in (0, 1)}
        self.pq_skipped, self.pq_pn = {}, 0

    @classmethod
    def initiator(cls, agreed, their, draw):
        self = cls(agreed, draw(32), True)
        hks = self.nhks
        self.rk, ck, self.nhks = root_step(self.rk, agree(self.dhs, their))
        self.sending = Sending(ck, hks, public(self.dhs), 0)
        self.new_key(draw)
        return self

    @classmethod
    def responder(cls, agreed, own):
        return cls(agreed, own, False)

    # The post-quantum ratchet

    def new_key(self, draw):
        ek, self.dk = kem_key_pair(*split(draw(64), 32, 32))
        self.state = "EK"
        self.slot = ek + mac(self.a, b"privatus/pq/ek/v1", struct.pack(">I", self.e), ek)

    def epoch_keys(self, ss, ek, ct):
        info = b"ss" + struct.pack(">I", self.e) + hashlib.sha256(ek + ct).digest()
        return pq_keys(self.r, hkdf(b"", ss, info, 32), b"privatus/pq/root/v1")

    def enter(self, keys):
        self.r, chains, self.a = keys
        for role in (0, 1):
            self.pq_chains[self.e, role] = chains[role], 0

    def pq_check(self, header):
        empty, e = not any(header.slot), header.pq_epoch
        if self.state == "EK":
            good, stayed = e == self.e and not empty and not any(header.slot[1120:]), e == self.e and empty
        elif self.state == "NOEK":
            good, stayed = e == self.e and not empty, False
        else:
            good, stayed = e == self.e + 1 and empty, e == self.e and not empty
        if not good:
            raise Refused("Stalled" if stayed else "BadHeader")

    def pq_step(self, slot, draw):
        e = struct.pack(">I", self.e)
        if self.state == "CT":
            self.e += 1
            self.new_key(draw)
        elif self.state == "EK":
            ct, tag = slot[:1088], slot[1088:1120]
            keys = self.epoch_keys(kem_decapsulate(self.dk, ct), self.dk[1152:2336], ct)
            if mac(keys[2], b"privatus/pq/ct/v1", e, ct) != tag:
                self.broken = True
                return
            self.enter(keys)
            self.e, self.state, self.dk, self.slot = self.e + 1, "NOEK", None, bytes(1216)
        else:
            ek, tag = slot[:1184], slot[1184:]
            if mac(self.a, b"privatus/pq/ek/v1", e, ek) != tag or not kem_is_reduced(ek):
                self.broken = True
                return
            ct, ss = kem_encapsulate(ek, draw(32))
            self.enter(self.epoch_keys(ss, ek, ct))
            self.state = "CT"
            self.slot = ct + mac(self.a, b"privatus/pq/ct/v1", e, ct) + bytes(96)

    # Sealing

    def header(self):
        s, (_, pq_n) = self.sending, self.pq_chains[self.e - 1, self.role]
        return Header(s.dh, s.pn, s.n, self.e, pq_n, self.pq_pn, self.slot)

    def seal(self, content, length, draw, forge=None):
        if self.sending is None:
            raise Refused("CannotSend")
        header, random = self.header(), draw(24)
        if forge:
            forge(self, header)
        nonce = mac(self.sending.hk, b"privatus/hdr-nonce/v1", random, header.pack())[:24]
        aead, inner = xchacha(self.sending.hk, nonce)
        encrypted = nonce + aead.encrypt(inner, header.pack(), b"privatus/hdr/v1" + self.t)
        ec, self.sending.ck = chain_step(self.sending.ck)
        self.sending.n += 1
        chain, pq_n = self.pq_chains[self.e - 1, self.role]
        pq, chain = chain_step(chain)
        self.pq_chains[self.e - 1, self.role] = chain, pq_n + 1

        body = struct.pack(">H", len(content)) + content
        salt = mac(mac(pq, ec), b"privatus/salt/v1", draw(16), encrypted, body)[:16]
        key, nonce, commitment = split(hkdf(pq, ec, b"privatus/msg/v1" + salt, 76), 32, 12, 32)
        body += bytes(length - 1344 - 16 - 32 - 16 - len(body))
        ad = b"privatus/body/v1" + self.t + encrypted + salt + commitment
        return encrypted + salt + commitment + ChaCha20Poly1305(key).encrypt(nonce, body, ad)

    # Opening: on a copy that the caller takes in place of this state

    def open(self, message, now, draw):
        session = copy.deepcopy(self)
        encrypted, salt, commitment, body = split(message, 1344, 16, 32, len(message) - 1392)
        header, chain = session.find(encrypted)
        turns = chain is None
        if turns:
            chain = session.turn_receiving(header, now)
        ec, pq = session.keys(chain, header, now)
        key, nonce, expected = split(hkdf(pq, ec, b"privatus/msg/v1" + salt, 76), 32, 12, 32)
        if commitment != expected:
            raise Refused("BadCommitment")
        try:
            ad = b"privatus/body/v1" + self.t + encrypted + salt + commitment
            plain = ChaCha20Poly1305(key).decrypt(nonce, body, ad)
        except InvalidTag:
            raise Refused("BadBody")
        (length,) = struct.unpack(">H", plain[:2])
        if any(plain[2 + length :]) or length > len(plain) - 2:
            raise Refused("Malformed")
        if turns:
            session.turn_sending(header, draw)
        session.forget(now)
        return session, plain[2 : 2 + length]

    def find(self, encrypted):
        """The header, and its chain: None for one that begins."""
        current = [(self.receiving.hk, self.receiving)] if self.receiving else []
        for hk, chain in current + [(self.nhkr, None)] + [(chain.hk, chain) for chain in self.old]:
            aead, nonce = xchacha(hk, encrypted[:24])
            try:
                plain = aead.decrypt(nonce, encrypted[24:], b"privatus/hdr/v1" + self.t)
            except InvalidTag:
                continue
            header = Header.parse(plain)
            if chain and header.dh != chain.same[0]:
                raise Refused("RolledBack")
            if chain and header.same() != chain.same:
                raise Refused("BadHeader")
            return header, chain
        raise Refused("NoHeaderKey")

    def skip(self, chain, to, now):
        """Keeps the keys of both ratchets for the messages of a chain before number `to`."""
        _, _, epoch, base, _, _ = chain.same
        while chain.n < to:
            key, chain.ck = chain_step(chain.ck)
            pq = self.pq_key(epoch, base + chain.n)
            self.pq_skipped[epoch, base + chain.n] = pq
            chain.skipped[chain.n] = key, now
            chain.n += 1

    def pq_key(self, epoch, number):
        """The next key of the peer's chain that a sender in `epoch` uses."""
        chain, n = self.pq_chains[epoch - 1, 1 - self.role]
        assert n == number
        key, chain = chain_step(chain)
        self.pq_chains[epoch - 1, 1 - self.role] = chain, n + 1
        return key

    def keys(self, chain, header, now):
        if header.n < chain.n:
            if header.n not in chain.skipped or now - chain.skipped[header.n][1] > KEPT_MS:
                raise Refused("Used")
            return chain.skipped.pop(header.n)[0], self.pq_skipped.pop((header.pq_epoch, header.pq_n))
        if chain.ended:
            raise Refused("RolledBack")
        if header.n - chain.n > SKIP:
            raise Refused("TooManySkipped")
        self.skip(chain, header.n, now)
        key, chain.ck = chain_step(chain.ck)
        chain.n += 1
        return key, self.pq_key(header.pq_epoch, header.pq_n)

    def turn_receiving(self, header, now):
        before = self.receiving
        gap = max(0, header.pn - before.n) if before else 0
        if gap + header.n > SKIP:
            raise Refused("TooManySkipped")
        self.pq_check(header)
        length, pq_pn, epoch = 0, 0, None
        if before:
            if header.pn < before.n:
                raise Refused("RolledBack")
            self.skip(before, header.pn, now)
            before.ended = True
            self.old = [before] + self.old[: OLD - 1]
            _, _, epoch, base, pq_pn, _ = before.same
            length = base + header.pn
        elif header.pn:
            raise Refused("BadHeader")
        begins = epoch != header.pq_epoch
        if (header.pq_n - header.n, header.pq_pn) != ((0, length) if begins else (length, pq_pn)):
            raise Refused("BadHeader")
        hkr = self.nhkr
        self.rk, ck, self.nhkr = root_step(self.rk, agree(self.dhs, header.dh))
        self.receiving = Receiving(ck, hkr, header)
        return self.receiving

    def turn_sending(self, header, draw):
        pn = self.sending.n if self.sending else 0
        epoch, (_, length) = self.e, self.pq_chains[self.e - 1, self.role]
        self.dhs, hks = draw(32), self.nhks
        self.rk, ck, self.nhks = root_step(self.rk, agree(self.dhs, header.dh))
        self.pq_step(header.slot, draw)
        if self.e != epoch:
            self.pq_pn = length
        self.sending = Sending(ck, hks, public(self.dhs), pn)

    def forget(self, now):
        chains = self.old[::-1] + [self.receiving]
        for chain in chains:
            self.drop(chain, [n for n in chain.skipped if now - chain.skipped[n][1] > KEPT_MS])
        for chain in chains:
            surplus = max(0, sum(len(chain.skipped) for chain in chains) - SKIP)
            self.drop(chain, sorted(chain.skipped)[:surplus])

    def drop(self, chain, numbers):
        _, _, epoch, base, _, _ = chain.same
        for n in numbers:
            del chain.skipped[n], self.pq_skipped[epoch, base + n]


# ---------------------------------------------------------------- transcripts


class Draws:
    """Takes a step's randomness in order, and at the end all of it was taken."""

    def __init__(self, supply):
        self.supply, self.taken = supply, b""

    def __call__(self, length):
        drawn = self.supply(len(self.taken), length)
        assert len(drawn) == length, "the transcript holds too little randomness"
        self.taken += drawn
        return drawn


def given(data):
    return Draws(lambda at, length: data[at : at + length])


def from_seed(*seed):
    name = repr(seed).encode()
    return Draws(lambda at, length: hashlib.shake_256(name).digest(at + length)[at:])


AGREED = ("transcript", "root", "initiator_header", "responder_header", "post_quantum")


class Replay:
    """Both sides of a transcript, step by step."""

    def __init__(self, start, draw):
        agreed = {name: bytes.fromhex(start["agreed"][name]) for name in AGREED}
        prekey = bytes.fromhex(start["prekey"])
        self.sides = [Session.initiator(agreed, public(prekey), draw), Session.responder(agreed, prekey)]
        self.messages, self.saved = [], {}

    def take(self, step, draw, forge=None):
        """Does what a step says; returns what has to stand in it."""
        side, do = step["side"], step["do"]
        if do == "save":
            self.saved[step["as"]] = side, copy.deepcopy(self.sides[side])
            return {}
        if do == "restore":
            of, state = self.saved[step["as"]]
            assert of == side
            self.sides[side] = copy.deepcopy(state)
            return {}
        if do == "seal":
            message = self.sides[side].seal(bytes.fromhex(step["content"]), step["length"], draw, forge)
            # A forged header changes the message, not what its sender does next.
            message = bytes.fromhex(step.get("forged", message.hex()))
            self.messages.append(message)
            return {"random": draw.taken.hex(), "sha256": hashlib.sha256(message).hexdigest()}
        message = bytearray(self.messages[step["message"]])
        if "flip" in step:
            message[step["flip"]] ^= 1
        try:
            self.sides[side], content = self.sides[side].open(bytes(message), step["now"], draw)
            answer = {"content": content.hex(), "needs_repair": self.sides[side].broken}
        except Refused as refused:
            answer = {"error": str(refused)}
        return {"random": draw.taken.hex(), "answer": answer}


class Writer:
    """Makes up a transcript."""

    def __init__(self, name, why):
        draw = from_seed(name, "agreed")
        self.start = {"agreed": {key: draw(32).hex() for key in AGREED}, "prekey": draw(32).hex()}
        start = from_seed(name, "start")
        self.replay, self.name, self.steps, self.count = Replay(self.start, start), name, [], 0
        self.out = dict(name=name, why=why, **self.start, random=start.taken.hex(), steps=self.steps)
        self.now = 1_800_000_000_000

    def step(self, forge=None, **step):
        draw = from_seed(self.name, len(self.steps))
        step.update(self.replay.take(step, draw, forge))
        if forge:
            # No honest side writes it: whole, so that it can be opened without being made again.
            step["forged"] = self.replay.messages[-1].hex()
        self.steps.append(step)
        return step

    def seal(self, side, forge=None):
        self.count += 1
        content = f"text {self.count}".encode()
        self.step(forge, do="seal", side=side, content=content.hex(), length=1_480)
        return len(self.replay.messages) - 1

    def open(self, side, message, **more):
        self.now += 1_000
        return self.step(do="open", side=side, message=message, now=self.now, **more)["answer"]

    def pass_on(self, side, **more):
        return self.open(1 - side, self.seal(side), **more)


def in_order():
    w = Writer("in order", "Ten turns: both ratchets through all their states.")
    for turn in range(10):
        for _ in range(1 + turn % 3):
            assert "content" in w.pass_on(turn % 2)
    return w


def lost():
    w = Writer("lost", "Of each chain only the last message comes; of one, none until the next begins.")
    for turn in range(9):
        messages = [w.seal(turn % 2) for _ in range(3)]
        assert "content" in w.open(1 - turn % 2, messages[-1])
    return w


def reordered():
    w = Writer("reordered", "Messages come late across chains and epochs, each once.")
    late = []
    for turn in range(12):
        side = turn % 2
        first, second, third = (w.seal(side) for _ in range(3))
        w.open(1 - side, second)
        late += [(1 - side, third), (1 - side, first)]
        if turn > 3:
            assert "content" in w.open(*late.pop(0))
            assert "content" in w.open(*late.pop(-3))
    for side, message in reversed(late):
        w.open(side, message)
    return w


def duplicated():
    w = Writer("duplicated", "Each message twice, and all of them again at the end.")
    for turn in range(6):
        message = w.seal(turn % 2)
        assert "content" in w.open(1 - turn % 2, message)
        assert "error" in w.open(1 - turn % 2, message)
    for message in range(6):
        assert "error" in w.open(1 - message % 2, message)
    return w


def one_sided():
    w = Writer("one-sided", "Only one side speaks, once the other has spoken: no step of the post-quantum ratchet, and none stalls.")
    w.pass_on(0)
    w.pass_on(1)
    for _ in range(20):
        w.pass_on(0)
    for turn in range(4):
        assert "content" in w.pass_on(1 - turn % 2)
    return w


def restored():
    w = Writer("restored from an old state", "Each side goes back once: numbers repeat, and the peer tells it.")
    for turn in range(4):
        w.pass_on(turn % 2)
    w.step(do="save", side=0, **{"as": "old"})
    first, second = w.seal(0), w.seal(0)
    w.open(1, first)
    w.open(1, second)
    w.step(do="restore", side=0, **{"as": "old"})
    assert w.pass_on(0) == {"error": "Used"}
    w.pass_on(0), w.pass_on(0)
    assert "content" in w.pass_on(1)
    w.step(do="save", side=1, **{"as": "before"})
    message = w.seal(0)
    w.open(1, message)
    w.pass_on(1)
    w.step(do="restore", side=1, **{"as": "before"})
    assert "content" in w.open(1, message)
    assert w.pass_on(1) == {"error": "RolledBack"}
    return w


def altered():
    w = Writer("altered", "A byte flipped in each region of a message; then the message itself.")
    w.pass_on(0)
    message = w.seal(1)
    for at in (0, 23, 24, 60, 1_300, 1_343, 1_344, 1_359, 1_360, 1_391, 1_392, 1_463, 1_464, 1_479):
        assert "error" in w.open(0, message, flip=at)
    assert "content" in w.open(0, message)
    return w


def too_old():
    w = Writer("too old", "A skipped key after 30 days, a chain after five newer ones, a gap of 2,001.")
    w.pass_on(0)
    late, kept = w.seal(0), w.seal(0)
    w.pass_on(0)
    w.now += KEPT_MS - 1_000
    assert "content" in w.open(1, kept)
    w.now += 10_000
    w.pass_on(0)
    assert w.open(1, late) == {"error": "Used"}
    late, kept = w.seal(0), w.seal(0)
    w.pass_on(0)
    w.now += KEPT_MS - 1_000
    assert "content" in w.open(1, kept)
    # Nothing was said since, so nothing has dropped the key.
    w.now += 10_000
    assert w.open(1, late) == {"error": "Used"}
    w.pass_on(1)
    old = w.seal(0)
    for _ in range(6):
        w.pass_on(0)
        w.pass_on(1)
    assert "content" in w.pass_on(0)
    assert w.open(1, old) == {"error": "NoHeaderKey"}
    return w


def random_walk(seed, steps):
    w = Writer(f"random walk {seed}", "Sealed, lost, opened in any order, repeated, and sides put back to old states.")
    dice, waiting, done, saves = random.Random(seed), [], [], 0
    for _ in range(steps):
        side, what = dice.randrange(2), dice.random()
        if what < 0.45 and w.replay.sides[side].sending:
            waiting.append((1 - side, w.seal(side)))
        elif what < 0.85 and waiting:
            done.append(waiting.pop(dice.randrange(min(4, len(waiting)))))
            w.open(*done[-1])
        elif what < 0.90 and waiting:
            waiting.pop(dice.randrange(len(waiting)))
        elif what < 0.96 and done:
            w.open(*dice.choice(done))
        elif what < 0.98:
            saves += 1
            w.step(do="save", side=side, **{"as": str(saves)})
        elif saves and dice.random() < 0.5:
            name = str(dice.randint(1, saves))
            w.step(do="restore", side=w.replay.saved[name][0], **{"as": name})
    return w


def hostile(name, turns, forge, answer, then=()):
    """After `turns` honest messages in turn, the next speaker writes a header of its own making."""
    w = Writer(name, f"A peer's own making after {turns} turns.")
    for turn in range(turns):
        w.pass_on(turn % 2)
    side = turns % 2
    got = w.open(1 - side, w.seal(side, forge))
    assert got == answer or answer == "delivered" and got["needs_repair"], (name, got)
    for turn, expected in enumerate(then):
        got = w.pass_on((turns + 1 + turn) % 2)
        assert got.get("error") == expected, (name, got)
    return w


def change(**fields):
    def forge(_, header):
        for field, value in fields.items():
            setattr(header, field, value(getattr(header, field)))

    return forge


def flip(at):
    return change(slot=lambda slot: slot[:at] + bytes([slot[at] ^ 1]) + slot[at + 1 :])


def unreduced(session, header):
    ek = b"\xff\xff\xff" + header.slot[3:1184]
    header.slot = ek + mac(session.a, b"privatus/pq/ek/v1", struct.pack(">I", session.e), ek)


def hostile_ones():
    bad, stalled, empty = {"error": "BadHeader"}, {"error": "Stalled"}, change(slot=lambda _: bytes(1216))
    more, less = (lambda x: x + 1), (lambda x: x - 1)
    # Turn 0 of 6 shows EK, 1 CT, 2 NOEK, 3 EK of the other side, 4 CT, 5 NOEK.
    yield hostile("ek: another MAC", 0, flip(1200), "delivered", ["Stalled"])
    yield hostile("ek: another key", 3, flip(9), "delivered", ["Stalled"])
    yield hostile("ek: not reduced, its MAC right", 3, unreduced, "delivered", ["Stalled"])
    yield hostile("ct: another MAC", 1, flip(1100), "delivered", ["Stalled"])
    yield hostile("ct: another ciphertext", 4, flip(5), "delivered", ["Stalled"])
    yield hostile("ek left out", 0, empty, bad)
    yield hostile("ek left out later", 3, empty, bad)
    yield hostile("ct left out", 1, empty, stalled)
    yield hostile("ct left out later", 4, empty, stalled)
    yield hostile("ct with padding that is not zero", 1, flip(1120), bad)
    yield hostile("ct with its last byte not zero", 4, flip(1215), bad)
    yield hostile("noek with a slot", 2, flip(0), bad)
    yield hostile("the epoch stays", 2, change(pq_epoch=less, slot=lambda _: b"\x01" * 1216), stalled)
    yield hostile("the epoch stays, without a slot", 2, change(pq_epoch=less), bad)
    for turns in range(6):
        yield hostile(f"an epoch ahead, turn {turns}", turns, change(pq_epoch=more), bad)
        yield hostile(f"an epoch behind, turn {turns}", turns, change(pq_epoch=less), bad)
        yield hostile(f"pq_n ahead, turn {turns}", turns, change(pq_n=more), bad)
        yield hostile(f"pq_pn ahead, turn {turns}", turns, change(pq_pn=more), bad)
    yield hostile("pn before anything", 0, change(pn=more), bad)
    yield hostile("pn before anything, and pq_pn", 0, change(pn=more, pq_pn=more), bad)
    yield hostile("pn short", 2, change(pn=less, pq_pn=less), {"error": "RolledBack"})
    yield hostile("a key of small order", 2, change(dh=lambda _: bytes(32)), bad)
    yield hostile("a key in another form", 2, change(dh=lambda _: b"\xff" * 31 + b"\x7f"), bad)
    yield hostile("a gap of 2,001 in both chains", 2, change(pn=lambda n: n + 1_000, pq_pn=lambda n: n + 1_000, n=lambda n: n + 1_001, pq_n=lambda n: n + 1_001), {"error": "TooManySkipped"})
    for field, name in (("pn", "pn"), ("pq_epoch", "pq_epoch"), ("pq_n", "pq_n"), ("pq_pn", "pq_pn")):
        w = Writer(f"{name} changes inside a chain", "All headers of a chain are alike.")
        w.pass_on(0)
        assert w.open(1, w.seal(0, change(**{field: more}))) == bad
        yield w
    w = Writer("the slot empties inside a chain", "All headers of a chain are alike.")
    w.pass_on(0)
    assert w.open(1, w.seal(0, empty)) == bad
    yield w


def generate():
    made = [in_order(), lost(), reordered(), duplicated(), one_sided(), restored(), altered(), too_old()]
    made += [random_walk(seed, 150) for seed in range(3)] + list(hostile_ones())
    return {"source": "tests/vectors/ratchet_model.py generate", "transcripts": [w.out for w in made]}


def verify(document):
    for transcript in document["transcripts"]:
        draw = given(bytes.fromhex(transcript["random"]))
        replay = Replay(transcript, draw)
        assert draw.taken.hex() == transcript["random"]
        for at, step in enumerate(transcript["steps"]):
            draw = given(bytes.fromhex(step.get("random", "")))
            for name, value in replay.take(step, draw).items():
                assert step[name] == value, (transcript["name"], at, name, step[name], value)
        print(f"{transcript['name']}: {len(transcript['steps'])} steps", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:] == ["generate"]:
        json.dump(generate(), sys.stdout, indent=0, sort_keys=True)
        print()
    elif sys.argv[1:2] == ["verify"] and len(sys.argv) == 3:
        verify(json.load(sys.stdin if sys.argv[2] == "-" else open(sys.argv[2], encoding="utf-8")))
    else:
        sys.exit(__doc__)
