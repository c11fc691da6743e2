#!/usr/bin/env python3
"""A file's chunks: computed from docs/protocol/file.md, and not with the code.

    file_model.py generate          writes file.json to stdout

Needs PyCA cryptography. BLAKE3 is written out here, from its paper. It is a model: slow, not for use.
"""
import hashlib
import json
import struct
import sys

from ratchet_model import xchacha

# ---------------------------------------------------------------- BLAKE3

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL = 1, 2, 4, 8, 16, 32, 64


def compress(chain, words, counter, length, flags):
    v = list(chain) + list(IV[:4]) + [counter & 0xFFFFFFFF, counter >> 32, length, flags]

    def mix(a, b, c, d, x, y):
        for word, first, second in ((x, 16, 12), (y, 8, 7)):
            v[a] = v[a] + v[b] + word & 0xFFFFFFFF
            v[d] ^= v[a]
            v[d] = (v[d] >> first | v[d] << 32 - first) & 0xFFFFFFFF
            v[c] = v[c] + v[d] & 0xFFFFFFFF
            v[b] ^= v[c]
            v[b] = (v[b] >> second | v[b] << 32 - second) & 0xFFFFFFFF

    for _ in range(7):
        for column in range(4):
            mix(column, column + 4, column + 8, column + 12, *words[2 * column : 2 * column + 2])
        for row in range(4):
            mix(row, 4 + (row + 1) % 4, 8 + (row + 2) % 4, 12 + (row + 3) % 4, *words[8 + 2 * row : 10 + 2 * row])
        words = [words[at] for at in ORDER]
    return [v[at] ^ v[at + 8] for at in range(8)]


class Tree:
    """Over `data`, from the chunk of 1,024 B numbered `first`; `is_root`: nothing stands above it."""

    def __init__(self, key=IV, flags=0):
        self.key, self.flags = key, flags

    def chunk(self, data, counter, is_root):
        chain, blocks = self.key, range(0, max(len(data), 1), 64)
        for at in blocks:
            block, last = data[at : at + 64], at == blocks[-1]
            flags = self.flags | (CHUNK_START if at == 0 else 0)
            flags |= (CHUNK_END | (ROOT if is_root else 0)) if last else 0
            words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
            chain = compress(chain, words, counter, len(block), flags)
        return chain

    def above(self, left, right, is_root):
        return compress(self.key, left + right, 0, 64, self.flags | PARENT | (ROOT if is_root else 0))

    def hash(self, data, first=0, is_root=True):
        if len(data) <= 1024:
            return self.chunk(data, first, is_root)
        left = 1024 << ((len(data) - 1) // 1024).bit_length() - 1
        parts = self.hash(data[:left], first, False), self.hash(data[left:], first + left // 1024, False)
        return self.above(*parts, is_root)


def to_bytes(words):
    return struct.pack("<8I", *words)


def derive_key(context, material):
    key = Tree(flags=CONTEXT).hash(context.encode())
    return to_bytes(Tree(tuple(key), MATERIAL).hash(material))


def keyed(key, message):
    return to_bytes(Tree(struct.unpack("<8I", key), KEYED).hash(message))


# ---------------------------------------------------------------- docs/protocol/file.md

PIECE = 65_536
ROUND = 0x44556677


def pieces_of(size):
    return max(1, -(-size // PIECE))


def chunks_of(pieces):
    return 1 << (pieces - 1).bit_length() if pieces <= 16 else -(-pieces // 16) * 16


def way(tree, data, number):
    """The hashes beside the way from a piece to the root, by the definition: from the root down."""

    def below(first, last, is_root):
        if last - first == 1:
            return []
        left = first + (1 << (last - first - 1).bit_length() - 1)
        here, other = ((first, left), (left, last)) if number - 1 < left else ((left, last), (first, left))
        beside = tree.hash(data[other[0] * PIECE : other[1] * PIECE], other[0] * 64, False)
        return below(*here, False) + [to_bytes(beside)]

    return below(0, pieces_of(len(data)), True)


def chunk(file, key, data, queue, number, again):
    tree, size = Tree(), len(data)
    root = to_bytes(tree.hash(data))
    chunks = chunks_of(pieces_of(size))
    material = key + root + struct.pack(">Q", size) + queue
    name = keyed(derive_key("privatus/file/chunk-id/v1", material), struct.pack(">II", number, again))[:16]
    hashes = way(tree, data, number) if number <= pieces_of(size) else []
    inside = b"".join(hashes).ljust(512, b"\0") + data[(number - 1) * PIECE : number * PIECE].ljust(PIECE, b"\0")
    associated = b"\1" + file + struct.pack(">II", number, chunks)
    cipher, nonce = xchacha(derive_key("privatus/file/chunk/v1", material), bytes(16) + struct.pack(">II", again, number))
    sealed = b"\1" + cipher.encrypt(nonce, inside, associated)
    assert len(sealed) == 66_065
    return {"number": number, "id": name.hex(), "sha256": hashlib.sha256(sealed).hexdigest()}


def data_of(size):
    """Bytes that anybody can make again."""
    return b"".join(hashlib.sha256(struct.pack(">Q", at)).digest() for at in range(-(-size // 32)))[:size]


def generate():
    assert to_bytes(Tree().hash(b"")).hex().startswith("af1349b9f5f9a1a6a0404dea36dcc949"), "BLAKE3 of nothing"
    files = []
    for size in (0, 65_536, 65_537, 300_000):
        data = data_of(size)
        numbers = range(1, chunks_of(pieces_of(size)) + 1)
        queues = [{"queue": queue.hex(), "chunks": [chunk(bytes(range(16)), b"\x11" * 32, data, queue, number, ROUND) for number in numbers]}
                  for queue in (b"\x22" * 24, b"\x33" * 24)]
        files.append({"size": size, "root": to_bytes(Tree().hash(data)).hex(), "queues": queues})
    return {
        "source": "file_model.py, written from docs/protocol/file.md",
        "file": bytes(range(16)).hex(),
        "key": "11" * 32,
        "round": ROUND,
        "files": files,
    }


if __name__ == "__main__":
    if sys.argv[1:] != ["generate"]:
        sys.exit(__doc__)
    json.dump(generate(), sys.stdout, indent=1)
    print()
