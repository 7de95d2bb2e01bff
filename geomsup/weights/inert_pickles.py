"""Pickles read as data: nothing that a pickle names is imported, and nothing of it is called.

A pickle is a small program that asks for classes by name and calls them. Here names are looked up
in a table of stand-ins, which build plain records or throw away what is no array; a name that is
not in the table ends the reading. The machine is Python's own (`pickle._Unpickler`) with the
instructions that torch and numpy use, and with the three that create objects replaced.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from mmap import mmap
from typing import IO, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from geomsup.errors import WeightsError, shorten

__all__ = ["HARMLESS", "OPAQUE", "Maker", "PickledArray", "read_pickle"]

_OPCODES = [
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE",
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "SHORT_BINSTRING", "BINSTRING",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS",
    "EMPTY_DICT", "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GLOBAL",
    "STACK_GLOBAL", "BINPERSID"
]  # fmt: skip
_DTYPE = re.compile(r"[?bBhHiIlLqQefdgFDGOSUVmMuc]\d{0,9}")


class _Opaque:
    """Something harmless that holds no weights."""

    __slots__ = ()


OPAQUE = _Opaque()


class Maker:
    """A stand-in for a class or function that a pickle may name."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self.make = make


Known: TypeAlias = Mapping[tuple[str, str], object]


@dataclass(kw_only=True, eq=False)
class _Dtype:
    text: str
    order: str = "="

    def take(self, state: Any) -> None:
        """The state of a pickled dtype: only its byte order matters for numbers."""
        if state[1] in ("<", ">"):
            self.order = state[1]

    def numpy(self) -> np.dtype[Any]:
        if not _DTYPE.fullmatch(self.text):
            raise WeightsError(f"expected the dtype of numbers, got {shorten(self.text)}")
        return np.dtype(self.text).newbyteorder(self.order)  # type: ignore[arg-type]  # < > =


@dataclass(kw_only=True, eq=False)
class PickledArray:
    """A numpy array inside a pickle: shape and dtype as stated, and the bytes."""

    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype("O"))
    fortran: bool = False
    content: object = b""

    def take(self, state: Any) -> None:
        """The state of a pickled array: (version, shape, dtype, order, bytes)."""
        _, shape, dtype, fortran, content = state
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise WeightsError(f"a pickled array has the shape {shorten(shape)}")
        self.shape, self.dtype, self.fortran = shape, dtype.numpy(), bool(fortran)
        self.content = content

    def numpy(self) -> npt.NDArray[Any]:
        """The array.

        Raises
        ------
        WeightsError
            If it holds Python objects, or another number of bytes than its shape asks for.
        """
        if self.dtype.hasobject:
            raise WeightsError("expected numbers, got an array of Python objects")
        needed = math.prod(self.shape) * self.dtype.itemsize
        if not isinstance(self.content, bytes) or len(self.content) != needed:
            raise WeightsError(f"a pickled array does not hold the {needed} bytes of its shape")
        flat = np.frombuffer(self.content, dtype=self.dtype)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def read_pickle(stream: IO[bytes] | mmap, known: Known, storage: Callable[[Any], object]) -> Any:
    """The next pickle of a stream, as dicts, lists, tuples, plain values and records.

    Parameters
    ----------
    stream : binary file
    known : mapping of (module, name) to object
        Stand-ins, `Maker` where the pickle may call them.
    storage : callable
        Turns a persistent id into a record.

    Raises
    ------
    WeightsError
        If the pickle asks for anything else.
    Exception
        Of almost any type, if the pickle is damaged.
    """
    return _Machine(stream, known, storage).load()


class _Machine(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _OPCODES
    }
    stack: list[Any]

    def __init__(
        self, stream: IO[bytes] | mmap, known: Known, storage: Callable[[Any], object]
    ) -> None:
        super().__init__(stream, encoding="latin1")
        self._known, self._storage = known, storage

    def find_class(self, module: str, name: str) -> Any:
        found = self._known.get((_MODULES.get(module, module), name))
        if found is None:
            raise WeightsError(
                f"expected nothing but tensors, got the pickled Python object "
                f"{shorten(f'{module}.{name}')}, and geomsup runs nothing from a file; save "
                "torch.save(model.state_dict(), path)"
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        return self._storage(pid)

    def _call(self) -> None:
        arguments, maker = self.stack.pop(), self.stack.pop()
        if type(maker) is not Maker or type(arguments) is not tuple:
            raise WeightsError("a pickle calls what is no constructor of tensors: damaged")
        self.stack.append(maker.make(*arguments))

    def _call_with_names(self) -> None:
        self.stack.pop()
        self._call()

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, (_Dtype, PickledArray)):
            target.take(state)
        # What a dict or an unread object has beside its items are notes, such as the versions
        # that a state dict carries.
        elif type(target) is not dict and target is not OPAQUE:
            raise WeightsError("a pickle changes what is no object: damaged")

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise WeightsError("a pickle fills what is no dict: damaged")
        target.update(_dict(zip(items[::2], items[1::2], strict=True)))

    def _set_one(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _set_many(self) -> None:
        self._set(self.pop_mark())  # type: ignore[attr-defined]  # not in the stubs

    def _push_opaque(self) -> None:
        self.stack.append(OPAQUE)

    def _forget_marked(self) -> None:
        self.pop_mark()  # type: ignore[attr-defined]  # not in the stubs

    def _push_bytes(self) -> None:
        size = int.from_bytes(self.read(8), "little")  # type: ignore[attr-defined]  # as above
        self.stack.append(self.read(size))  # type: ignore[attr-defined]  # as above

    def _opaque_of_marked(self) -> None:
        self._forget_marked()
        self._push_opaque()

    dispatch |= {
        pickle.REDUCE[0]: _call,
        pickle.NEWOBJ[0]: _call,
        pickle.NEWOBJ_EX[0]: _call_with_names,
        pickle.BUILD[0]: _build,
        pickle.BYTEARRAY8[0]: _push_bytes,
        pickle.SETITEM[0]: _set_one,
        pickle.SETITEMS[0]: _set_many,
        # Hashing what a hostile file nests can overflow the stack of the interpreter, so its sets
        # are not made.
        pickle.EMPTY_SET[0]: _push_opaque,
        pickle.FROZENSET[0]: _opaque_of_marked,
        pickle.ADDITEMS[0]: _forget_marked,
    }


# Names of Python 2, which pickles of protocol 2 use, and of numpy before 2.0.
_MODULES = {
    "__builtin__": "builtins",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
}


def _dict(items: Any = ()) -> dict[Any, Any]:
    """A dict of pairs whose keys are plain; of others nothing is kept."""
    return {k: v for k, v in items if k is None or isinstance(k, (str, bytes, int, float))}


def _from_buffer(content: object, dtype: Any, shape: Any, order: Any, *_axes: Any) -> PickledArray:
    """How arrays are written in protocol 5."""
    array = PickledArray()
    array.take((1, shape, dtype, order == "F", content))
    return array


def _latin1(text: str, _encoding: str = "latin1") -> bytes:
    """How bytes are written in protocol 2."""
    return text.encode("latin1")


def _opaque(*_: object) -> _Opaque:
    return OPAQUE


_UNREAD = {
    "builtins": "set frozenset complex bytearray list dict tuple int float str bool bytes slice",
    "argparse": "Namespace",
    "types": "SimpleNamespace",
    "collections": "Counter",
    "pathlib": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
    "datetime": "datetime date time timedelta timezone",
    "fractions": "Fraction",
    "decimal": "Decimal",
    "uuid": "UUID",
    "numpy._core.multiarray": "scalar",
    "numpy": "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 "
    "float64 longdouble str_ bytes_ complex64 complex128",
}
HARMLESS: dict[tuple[str, str], object] = {
    **{
        (module, name): Maker(_opaque)
        for module, names in _UNREAD.items()
        for name in names.split()
    },
    ("collections", "OrderedDict"): Maker(_dict),
    ("collections", "defaultdict"): Maker(lambda _factory=None: {}),
    ("_codecs", "encode"): Maker(_latin1),
    ("numpy", "ndarray"): OPAQUE,
    ("numpy", "dtype"): Maker(lambda text, *_: _Dtype(text=str(text))),
    ("numpy._core.multiarray", "_reconstruct"): Maker(lambda *_: PickledArray()),
    ("numpy._core.numeric", "_frombuffer"): Maker(_from_buffer),
}
