#!/usr/bin/env python3
"""The archive in an .rpm, uncompressed, to standard output: rpm2cpio FILE | cpio -t

A lead of 96 bytes, the signature's header padded to eight bytes, the header, the compressed archive.
"""

import gzip
import lzma
import subprocess
import sys


def header_end(data: bytes, at: int) -> int:
    if data[at : at + 3] != b"\x8e\xad\xe8":
        raise ValueError(f"no header at {at}")
    entries = int.from_bytes(data[at + 8 : at + 12])
    size = int.from_bytes(data[at + 12 : at + 16])
    return at + 16 + 16 * entries + size


def archive(data: bytes) -> bytes:
    signature = header_end(data, 96)
    packed = data[header_end(data, (signature + 7) // 8 * 8) :]
    if packed[:2] == b"\x1f\x8b":
        return gzip.decompress(packed)
    if packed[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=packed, stdout=subprocess.PIPE, check=True).stdout
    return lzma.decompress(packed)


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as package:
        sys.stdout.buffer.write(archive(package.read()))
