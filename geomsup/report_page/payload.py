"""What a page is told: words as JSON, numbers as typed arrays, both in one compressed block.

Base64 has no sign that a browser takes for markup, so whatever a label holds, it is data.

The block is a zlib stream of: the length of the JSON text as uint32, the text, and the arrays one
after the other, each at a multiple of 8 bytes from the end of the text, itself padded to one.  All
is little-endian.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Payload"]

# What JavaScript has a typed array for.
_KINDS = {"f": "<f4", "i": "<i4", "u": "<u4", "b": "|u1"}
_ALIGNED = 8


class Payload:
    """Words and arrays of one page.

    Parameters
    ----------
    kind : str
        Which page it is; the front end has a module of that name.
    words : mapping
        What JSON can hold, every number finite.

    Examples
    --------
    >>> import numpy as np
    >>> payload = Payload("geometry", {"title": "mine"})
    >>> payload.add("norm", np.ones(3))
    >>> payload.arrays["norm"].dtype
    dtype('float32')
    """

    def __init__(self, kind: str, words: Mapping[str, Any]) -> None:
        self.words: dict[str, Any] = {"kind": kind, **words}
        self.arrays: dict[str, NDArray[Any]] = {}

    def add(self, name: str, values: Any, *, exact: bool = False) -> None:
        """Keep an array, as four bytes for each number, or one for each truth.

        Exact numbers take eight: those that a reader may copy from a table.
        """
        array = np.asarray(values)
        kind = "<f8" if exact else _KINDS[array.dtype.kind]
        self.arrays[name] = np.ascontiguousarray(array.astype(kind)).ravel()

    def encoded(self) -> str:
        """The block in base64."""
        places, blocks, start = {}, [], 0
        for name, array in self.arrays.items():
            raw = array.tobytes()
            places[name] = [array.dtype.str[1:], start, len(array)]
            blocks.append(raw + b"\0" * (-len(raw) % _ALIGNED))
            start += len(blocks[-1])
        said = {**self.words, "arrays": places}
        # Half of a surrogate pair, which a label may hold, is no text.
        text = json.dumps(said, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        text += b" " * (-(len(text) + 4) % _ALIGNED)
        head = np.array([len(text)], dtype="<u4").tobytes()
        whole = b"".join([head, text, *blocks])
        return base64.b64encode(zlib.compress(whole, 9)).decode("ascii")
