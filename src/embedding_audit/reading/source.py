"""A user's file: found, unpacked, and told by its content what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from paper_utils.errors import UsageError

_HEAD = 1 << 16  # bytes by which a file is told

_MAGIC = (  # what a file begins with, and its kind
    (b"\x93NUMPY", "npy"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "feather"),
    (b"\xff\xff\xff\xff", "arrow stream"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"SQLite format 3\0", "sqlite"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "torch"),
    (b"GGUF", "gguf"),
    (b"Obj\x01", "avro"),
    (b"ORC", "orc"),
    (b"MATLAB 5.0", "matlab"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
)
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"(\xb5/\xfd": "zstd"}
_FAISS = re.compile(rb"I[A-Za-z][A-Za-z0-9]{2}..\0\0", re.DOTALL)  # name, then d < 65,536

_WAY_OUT = {  # kinds that are never read, and what to do instead
    "pickle": "is a pickle, which is never loaded: save the matrix with np.save('vectors.npy', …)",
    "torch": "is a PyTorch file (a pickle), which is never loaded: save the tensor with "
    "np.save('vectors.npy', tensor.numpy()) or safetensors.torch.save_file",
    "sqlite": "is an SQLite database: export the table of vectors as CSV or Parquet",
    "tensorboard": "is a log of TensorBoard: save the matrix with np.save('vectors.npy', …)",
    "gguf": "holds the weights of a model, not vectors: encode the texts with it and np.save them",
    "avro": "is an Avro file: save the table as Parquet",
    "orc": "is an ORC file: save the table as Parquet",
    "matlab": "is a MATLAB file: save scipy.io.loadmat(…)['name'] with np.save",
    "zip": "is a zip archive of other things than arrays: unpack it first",
    "excel": "is a workbook of Excel: save the table as CSV",
    "tar": "is a tar archive: unpack it and name the folder",
    "archive": "is an archive: unpack it first",
}

SUFFIXES = {  #: of each kind of content; another one is said
    "npy": (".npy",),
    "npz": (".npz",),
    "safetensors": (".safetensors",),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "arrow stream": (".arrow", ".arrows", ".ipc"),
    "feather": (".feather",),
    "hdf5": (".h5", ".hdf5", ".hdf"),
    "faiss": (".faiss", ".index", ".idx", ".ivf", ".bin"),
    "json": (".json", ".jsonl", ".ndjson"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "table": (".csv", ".tsv", ".txt", ".vec"),
}

DAMAGE = (  # what the parsers of damaged headers may raise; each becomes one line
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    MemoryError,
    RuntimeError,  # also RecursionError, NotImplementedError, and an encrypted .npz
    SyntaxError,
    tokenize.TokenError,
    OSError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class Source:
    """One file, on disk or (where it was packed) in memory."""

    name: str  # as messages call it
    path: Path
    kind: str  # by content; '' where nothing tells
    packed: str = ""  # how it was compressed
    content: bytes | None = field(default=None, repr=False)  # what was unpacked

    @property
    def size(self) -> int:
        """Bytes of what is read."""
        return self.path.stat().st_size if self.content is None else len(self.content)

    @property
    def suffix(self) -> str:
        """The last suffix that does not name a compression, in lower case."""
        suffixes = [one.lower() for one in self.path.suffixes]
        if self.packed and suffixes and suffixes[-1] in (".gz", ".bz2", ".xz", ".zst", ".zstd"):
            suffixes.pop()
        return suffixes[-1] if suffixes else ""

    def open(self) -> BinaryIO:
        """Return a stream of the bytes."""
        return self.path.open("rb") if self.content is None else io.BytesIO(self.content)

    def head(self, size: int = _HEAD) -> bytes:
        """Return the first bytes."""
        with self.open() as stream:
            return stream.read(size)

    def bytes(self) -> bytes:
        """Return all of it, where memory allows."""
        if self.content is not None:
            return self.content
        check_memory(self.name, self.size)
        with self.open() as stream:
            return stream.read()


def open_source(path: str | os.PathLike[str]) -> Source:
    """Find a file, unpack it and say what it is. UsageError: none, empty, never read."""
    file = existing(path)
    name = shown(path)
    with readable(name):
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
        packed = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), "")
        content = _unpacked(file, name, packed) if packed else None
        if content is not None:
            head = content[:_HEAD]
            if not head:
                raise UsageError(f"{name} is empty once unpacked")
        source = Source(name, file, "", packed, content)
        kind = _kind(head, source)
    if kind in _WAY_OUT:
        raise UsageError(f"{name} {_WAY_OUT[kind]}")
    return Source(name, file, kind, packed, content)


def _kind(head: bytes, source: Source) -> str:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return _zip_kind(source) if kind == "zip" else kind
    if "tfevents" in source.path.name:
        return "tensorboard"
    if head[257:262] == b"ustar":
        return "tar"
    if len(head) > 9 and 2 <= (size := struct.unpack("<Q", head[:8])[0]) <= source.size - 8:
        if head[8:9] == b"{" and (size > len(head) or head[8:].lstrip()[:2] in (b'{"', b"{}")):
            return "safetensors"
    if _FAISS.match(head) and source.size > 30:
        return "faiss"
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and _last(source) == b".":
        return "pickle"
    return _text_kind(head, source)


def _zip_kind(source: Source) -> str:
    with source.open() as stream, zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return "torch"
    if "xl/workbook.xml" in names:
        return "excel"
    return "npz" if names and all(name.endswith(".npy") for name in names) else "zip"


def _last(source: Source) -> bytes:
    with source.open() as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)


def _text_kind(head: bytes, source: Source) -> str:
    """Tell 'json', 'jsonl' and 'table' from each other; '' is no text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "table"  # UTF-16, as spreadsheets write it
    if b"\0" in head:
        return ""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 and source.suffix not in TEXT_SUFFIXES:
            return ""
        text = head.decode("latin-1")
    if text.lstrip()[:1] not in ("{", "["):
        return "table"
    with source.open() as stream:
        first = next((line for line in stream if line.strip(b" \t\r\n\xef\xbb\xbf")), b"")
        if not any(line.strip() for line in stream):
            return "json"
    line = first.decode("utf-8-sig", "replace").rstrip()
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        if re.fullmatch(r"\[[-+.\w\s]+\]", line):
            return "table"  # a row a line, as NumPy prints it
        # One document over several lines breaks off at the end of its first, damage anywhere.
        return "json" if error.pos >= len(line) - 1 else "jsonl"
    except RecursionError:
        return "json"
    return "jsonl"


TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".vec", ".qrels")


def _unpacked(file: Path, name: str, packed: str) -> bytes:
    """Unpack into memory, and stop where it would not fit."""
    import psutil

    most = 0.5 * psutil.virtual_memory().available
    if packed == "zstd":
        import pyarrow as pa

        opener: Any = lambda path: pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")  # noqa: E731
    else:
        opener = {"gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}[packed]
    parts, size = [], 0
    with opener(file) as stream:
        while part := stream.read(1 << 22):
            parts.append(part)
            size += len(part)
            if size > most:
                raise UsageError(f"{name} does not fit into memory once unpacked: unpack it first")
    return b"".join(parts)


def existing(path: str | os.PathLike[str]) -> Path:
    """Return `path` if a readable, non-empty file lies there; else UsageError."""
    text = os.fspath(path)
    if "\0" in text:
        raise UsageError(f"{text!r} is no path: it holds a zero character")
    file = Path(text).expanduser()
    try:
        if not file.exists():
            raise UsageError(f"{shown(path)}: no such file")
        if not file.is_file():
            raise UsageError(f"{shown(path)} is not a file")
        if file.stat().st_size == 0:
            raise UsageError(f"{shown(path)} is empty")
        with file.open("rb"):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{shown(path)} cannot be read: {reason(error)}") from None
    return file.absolute()


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as a message can show it, in one line.

    >>> shown("my file.npy"), shown("two\\nlines.npy")
    ('my file.npy', "'two\\\\nlines.npy'")
    """
    text = os.fspath(path)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 240 else f"{text[:120]}…{text[-110:]}"


def reason(error: BaseException) -> str:
    """Return the first line of an error's message, or its class where it has none."""
    text = str(getattr(error, "strerror", None) or error).strip()
    first = text.splitlines()[0] if text else type(error).__name__
    first = first if first.isprintable() else ascii(first)
    return first if len(first) <= 160 else first[:160] + "…"


@contextmanager
def readable(name: str, what: str = "") -> Iterator[None]:
    """Say in one line that a file is damaged, whatever its parser raises."""
    try:
        yield
    except UsageError:
        raise
    except DAMAGE as error:
        told = f"is no {what} file or is damaged" if what else "cannot be read"
        raise UsageError(f"{name} {told}: {reason(error)}") from None


def check_memory(name: str, size: float) -> None:
    """Refuse what would take more than 0.7 of the free memory."""
    import psutil

    free = psutil.virtual_memory().available
    if size > 0.7 * free:
        raise UsageError(
            f"{name} needs {size / 2**30:,.1f} GiB of memory and {free / 2**30:,.1f} are free: "
            "save it as .npy or .safetensors, which stay in the file"
        )
