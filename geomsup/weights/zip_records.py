"""Records of a zip archive, each held against its own header before a byte of it is believed.

A zip archive says everything twice: in the directory at its end and in a header before each
record. What numpy and torch write agrees in both, no two records share a name or a byte, and every
record has a checksum; an archive in which that is not so was damaged or made to deceive.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from geomsup.errors import WeightsError, shorten

__all__ = ["Record", "read_record", "zip_records"]

# Deflate cannot shrink anything further than this (zlib's own technical notes), so a record
# that announces more is lying.
_DEFLATE_LIMIT = 1032
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _UTF8 = 0x1, 0x800


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record: where it lies in the archive, and what it holds when unpacked.

    ``crc`` is None where the writer left checksums out.
    """

    name: str
    start: int
    stored: int
    size: int
    deflated: bool
    crc: int | None


def zip_records(path: Path) -> dict[str, Record]:
    """All records of an archive by name, in the order of its directory.

    Raises
    ------
    WeightsError
        If two records share a name or overlap, a header contradicts the directory, or a record is
        encrypted or compressed by another method than deflate.
    zipfile.BadZipFile, OSError
        If it is no archive at all.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        end = archive.start_dir
    # torch can be told to leave checksums out (torch.serialization.set_crc32_options).
    has_sums = any(member.CRC for member in members)
    records: dict[str, Record] = {}
    places = []
    with path.open("rb") as stream:
        for member in members:
            start = _data_start(stream, member)
            places.append((member.header_offset, start + member.compress_size))
            if member.filename in records:
                raise WeightsError(
                    f"expected one record for each name, got two called "
                    f"{shorten(member.filename)}; save it again"
                )
            records[member.filename] = _record(member, start, has_sums)
    places.sort()
    if any(stop > after for (_, stop), (after, _) in pairwise([*places, (end, end)])):
        raise WeightsError(
            "expected records that follow each other, got some that overlap: damaged, or made to "
            "deceive"
        )
    return records


def read_record(path: Path, record: Record, head: int | None = None) -> bytes:
    """What a record holds, unpacked and checked; or its first `head` bytes, unchecked.

    Raises
    ------
    WeightsError
        If it does not unpack to the announced size or misses its checksum.
    """
    with path.open("rb") as stream:
        stream.seek(record.start)
        wanted = record.stored if head is None else min(record.stored, head)
        content = stream.read(wanted)
    if record.deflated:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        # One byte more than announced tells a record that goes on from one that ends.
        content = unpacker.decompress(content, record.size + 1 if head is None else head)
        if head is None and not unpacker.eof:
            raise WeightsError(f"record {shorten(record.name)} does not end where it should")
    if head is not None:
        return content
    if len(content) != record.size:
        raise WeightsError(
            f"expected {record.size} bytes in {shorten(record.name)}, got {len(content)}: "
            "truncated or damaged, save it again"
        )
    if record.crc is not None and zlib.crc32(content) != record.crc:
        raise WeightsError(
            f"record {shorten(record.name)} misses its checksum (CRC-32): damaged, save it again"
        )
    return content


def _record(member: zipfile.ZipInfo, start: int, has_sums: bool) -> Record:
    deflated = member.compress_type == zipfile.ZIP_DEFLATED
    if not deflated and member.compress_type != zipfile.ZIP_STORED:
        raise WeightsError(
            f"expected records stored or deflated, got {shorten(member.filename)} compressed in "
            "a way that numpy and torch never write; save it again"
        )
    if member.flag_bits & _ENCRYPTED:
        raise WeightsError(f"record {shorten(member.filename)} is encrypted; save it openly")
    most = member.compress_size * (_DEFLATE_LIMIT if deflated else 1)
    least = 0 if deflated else member.compress_size
    if not least <= member.file_size <= most:
        raise WeightsError(
            f"record {shorten(member.filename)} announces {member.file_size} bytes, which "
            f"{member.compress_size} stored bytes cannot hold: truncated or damaged"
        )
    return Record(
        name=member.filename,
        start=start,
        stored=member.compress_size,
        size=member.file_size,
        deflated=deflated,
        crc=member.CRC if has_sums else None,
    )


def _data_start(stream: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Where the bytes of a record begin, by its own header, which must name it alike."""
    stream.seek(member.header_offset)
    header = stream.read(_LOCAL_HEADER.size)
    if len(header) == _LOCAL_HEADER.size:
        signature, _, flags, method, *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        name = stream.read(name_length)
        expected = member.orig_filename.encode("utf-8" if flags & _UTF8 else "cp437")
        if signature == b"PK\x03\x04" and name == expected and method == member.compress_type:
            return stream.tell() + int(extra_length)
    raise WeightsError(
        f"the header of record {shorten(member.filename)} contradicts the archive's directory: "
        "damaged, save it again"
    )
