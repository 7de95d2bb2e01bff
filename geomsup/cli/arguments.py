"""The options that verbs share, and a parser in whose lists the words after the numbers are free.

One vocabulary for all verbs: the same thing has the same option everywhere, lists are separated by
spaces, and names of before stay as aliases.  An option's ``dest`` is what the library calls it, so
that a message of the library can be said in the words that were typed.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from geomsup.cli.output import UsageError, complain
from geomsup.weights.formats import suffixes

if TYPE_CHECKING:
    from geomsup.theory import FeatureModel

__all__ = [
    "OneLineParser",
    "VerbParser",
    "at_least",
    "features_of",
    "is_finite_above_zero",
    "one_or_all",
    "reader",
]

T = TypeVar("T")

_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_NUMBERS = re.compile(rf"{_NUMBER}(,{_NUMBER})*")
# What argparse says of words that it does not know.
_NO_CHOICE = re.compile(r"invalid choice: '([^']+)' \(choose from (.+)\)")
_NO_OPTION = re.compile(r"unrecognized arguments: (--[\w-]+)")
# Calls of the library that a message recommends, and the verbs that make them.
_AS_VERBS = {
    "best_configuration": "geomsup optimum",
    "list_shapes()": "geomsup shapes",
    "pair_phases": "geomsup phases with --together or --equal-values",
}


class OneLineParser(argparse.ArgumentParser):
    """A parser that refuses words in one line; all the options are in its help."""

    def error(self, message: str) -> NoReturn:
        """Say what argparse found, what may have been meant, and where the options are."""
        near = self._nearest(message)
        meant = f"did you mean {near}? " if near else ""
        self.refuse(f"{message}; {meant}see {self.prog} --help")

    def _nearest(self, message: str) -> str | None:
        """The option, or the word of a choice, that is closest to one that there is not."""
        choice = _NO_CHOICE.search(message)
        if choice is not None:
            word, known = choice[1], re.findall(r"'([^']+)'", choice[2])
        else:
            option = _NO_OPTION.search(message)
            if option is None:
                return None
            word, known = (
                option[1],
                [flag for flag in self._option_string_actions if flag[:2] == "--"],
            )
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
        return near[0] if near else None

    def refuse(self, message: str) -> NoReturn:
        """Say what is wrong and how to mend it, and end with status 2."""
        complain("error", message, program=self.prog)
        self.exit(2)


class VerbParser(OneLineParser):
    """The parser of one verb.

    argparse gives an option with a list every word that follows, ``verify --p .3 W.npy`` its file
    too.  Here a list ends where the numbers end, and positional words may stand anywhere.
    """

    def __init__(self, **options: Any) -> None:
        self._flags: dict[str, str] = {}
        self._lists: set[str] = set()
        super().__init__(**options)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Declare an option, and remember how it is typed."""
        action = super().add_argument(*names, **options)
        if action.option_strings:
            self._flags[action.dest] = action.option_strings[0]
        return action

    def add_number(self, *names: str, metavar: str, help: str) -> None:
        """Declare an option with one number."""
        self.add_argument(*names, type=float, metavar=metavar, help=help)

    def add_numbers(
        self, *names: str, metavar: str, kind: Callable[[str], float] = float, **options: Any
    ) -> None:
        """Declare an option with one or more numbers, which arrive as a list."""
        shown = f"{metavar} [{metavar} ...]"
        self.add_argument(*names, type=_several(kind), metavar=shown, **options)
        self._lists.update(names)

    def add_file(self, help_text: str = "") -> None:
        """Declare FILE; without words of its own, any weight file."""
        *others, last = suffixes()
        kinds = f"a {', '.join(others)} or {last} file; nothing in it is executed"
        self.add_argument("file", metavar="FILE", help=help_text or kinds)

    def add_matrix(self) -> None:
        """Declare FILE, and which of its matrices is meant, features as columns or as rows."""
        self.add_file()
        self._add_key()
        self.add_instance("which matrix of a stack, from 0")
        self.add_feature_axis("--feature-axis", "columns")

    def _add_key(self) -> None:
        self.add_argument("--key", metavar="NAME", help="which array, when the file has several")

    def add_published(self) -> None:
        """Declare FILE, which may be a published dictionary or model, and its matrix."""
        self.add_file("a weight file, or the file or folder of a published dictionary or model")
        self._add_key()
        self.add_argument(
            "--layer", type=at_least(0), metavar="K", help="which layer, when there are several"
        )
        self.add_argument(
            "--feature-axis",
            type=int,
            choices=(-1, 0),
            help="-1: columns are features; 0: rows are; not needed where the layout is known",
        )

    def add_preparation(self) -> None:
        """Declare what is done to the features of a large matrix first, and their names."""
        self.add_argument(
            "--remove-components",
            type=at_least(0),
            default=0,
            metavar="N",
            help="remove so many principal components",
        )
        self.add_argument(
            "--fold-norms", action="store_true", help="divide each feature by its norm first"
        )
        self.add_labels("names of the features")

    def add_labels(self, what: str) -> None:
        """Declare where the names of the features are."""
        how = "one on each line, or a .csv with a column label"
        self.add_argument("--labels", metavar="FILE", help=f"{what}: {how}")

    def add_instance(self, help_text: str) -> None:
        """Declare which model or matrix of several is meant."""
        self.add_argument("--instance", type=at_least(0), metavar="K", help=help_text)

    def add_feature_axis(self, name: str, columns: str) -> None:
        """Declare whether columns or rows are features."""
        self.add_argument(
            name,
            type=int,
            choices=(-1, 0),
            default=-1,
            help=f"-1: {columns} are features (default); 0: rows are",
        )

    def add_size(self, *, hidden_required: bool, features_required: bool = True) -> None:
        """Declare the size of a model."""
        size = at_least(1)
        self.add_argument(
            "--features",
            dest="n_features",
            type=size,
            required=features_required,
            metavar="N",
            help="features" if features_required else "features; those of --pairs or --sets",
        )
        self.add_argument(
            "--hidden",
            dest="n_hidden",
            type=size,
            required=hidden_required,
            metavar="M",
            help="dimensions" if hidden_required else "dimensions, without SHAPES",
        )

    def add_sets(self, *, several: bool = False) -> None:
        """Declare who is present together, and with what values; read by :func:`features_of`.

        With `several` values that a line or a map goes through.
        """
        number: Callable[..., object] = self.add_numbers if several else self.add_number
        self.add_argument(
            "--pairs",
            dest="n_pairs",
            type=at_least(1),
            metavar="K",
            help="features in K pairs that are present together",
        )
        self.add_argument(
            "--sets",
            dest="of_sets",
            type=_n_by_size,
            metavar="NxSIZE",
            help="features in N sets of SIZE that are present together, such as 2x3",
        )
        number(
            "--together",
            metavar="C",
            help="with this probability one gate decides for a set, otherwise each of its features "
            "is present by itself (default: 1)",
        )
        number(
            "--equal-values",
            metavar="RHO",
            help="with this probability the present features of a set have one value (default: 0)",
        )
        self.add_argument(
            "--exclusive", action="store_true", help="at most one feature of a set is present"
        )

    def add_weight_decay(self) -> None:
        """Declare what weights cost."""
        self.add_argument(
            "--weight-decay",
            type=float,
            default=0.0,
            metavar="LAMBDA",
            help="add LAMBDA times the sum of all squared weights to the loss (default: 0)",
        )

    def add_data(self) -> None:
        """Declare the data of a model, and the search for its best configuration."""
        self.add_numbers(
            "--p",
            "--feature-probability",
            dest="feature_probability",
            required=True,
            metavar="P",
            help="feature probability, one for all or one for each feature",
        )
        self.add_numbers(
            "--importance",
            default=[1.0],
            metavar="I",
            help="importance, one for all or one for each feature (default: 1)",
        )
        self.add_starts(100, "random starts")
        self.add_seed()

    def add_starts(self, default: int, help_text: str) -> None:
        """Declare the number of starts of a search."""
        self.add_argument(
            "--starts",
            dest="n_starts",
            type=at_least(1),
            default=default,
            metavar="K",
            help=f"{help_text} (default: {default})",
        )

    def add_seed(self) -> None:
        """Declare the seed."""
        self.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="default: 0")

    def add_plot(self, what: str) -> None:
        """Declare where a picture goes."""
        self.add_argument("--plot", metavar="FILE.png", help=f"draw {what} (also .pdf, .svg)")

    def add_page(self) -> None:
        """Declare where an interactive page goes."""
        self.add_argument("--html", metavar="FILE.html", help="write an interactive page, one file")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Read the words after the verb."""
        # What stands behind "--" may begin like an option, which the other way of parsing drops.
        parse = self.parse_args if "--" in words else self.parse_intermixed_args
        return parse(self._joined(words))

    def in_own_words(self, message: str) -> str:
        """A message of the library with options where it names arguments."""
        for name, flag in self._flags.items():
            # A name with an underscore is nothing but a name; "noise" may be an English word.
            follows = "" if "_" in name else r"(?=\s*=|\s+(must|needs|cannot)\b|\s+')"
            start = r"(?<![\w.-])"
            assigned = rf"{start}{name}\s*=\s*(?=[^\s,;.)])"
            message = re.sub(assigned, f"{flag} ", message)
            message = re.sub(rf"{start}{name}=(?=[\s,;.)]|$)", flag, message)
            message = re.sub(rf"{start}{name}\b(?![\w(.]){follows}", flag, message)
        for call, verb in _AS_VERBS.items():
            message = message.replace(call, verb)
        return message

    def _joined(self, words: Sequence[str]) -> list[str]:
        """The words with each list of numbers joined to its option by commas."""
        joined: list[str] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                return [*joined, word, *rest]
            name, assigned, first = word.partition("=")
            if name not in self._lists:
                joined.append(word)
                continue
            values = [first] if assigned else []
            if not assigned and rest and not _is_option(rest[0]):
                values.append(rest.pop(0))
            while values and rest and _NUMBERS.fullmatch(rest[0]):
                values.append(rest.pop(0))
            joined.append(f"{name}={','.join(values)}" if values else name)
        return joined


def _is_option(word: str) -> bool:
    return word.startswith("-") and not _NUMBERS.fullmatch(word)


def _several(kind: Callable[[str], float]) -> Callable[[str], list[float]]:
    """An argparse type: one or more numbers; commas separate them too."""

    def numbers(text: str) -> list[float]:
        try:
            return [kind(word) for word in text.split(",")]
        except ValueError:
            shown = text.replace(",", " ")
            what = "whole numbers" if kind is int else "numbers"
            raise argparse.ArgumentTypeError(
                f"expected {what} separated by spaces, got {shown!r}"
            ) from None

    return numbers


def features_of(args: argparse.Namespace, n_features: int | None) -> FeatureModel | None:
    """The feature model of the options of ``add_sets``; None where no sets were asked for.

    Parameters
    ----------
    args : Namespace
        With `feature_probability` too, one number.
    n_features : int or None
        What the sets must hold, if that is known.
    """
    from geomsup.theory import FeatureModel

    given = [("--pairs", args.n_pairs), ("--sets", args.of_sets)]
    names = [name for name, value in given if value is not None]
    if not names:
        options = {
            "--together": args.together is not None,
            "--equal-values": args.equal_values is not None,
            "--exclusive": args.exclusive,
        }
        if alone := [name for name, is_there in options.items() if is_there]:
            raise UsageError(f"{alone[0]} says how sets are; give --pairs or --sets too")
        return None
    if len(names) == 2:
        raise UsageError("give --pairs or --sets, not both")
    n_sets, size = args.of_sets or (args.n_pairs, 2)
    if n_features not in (None, n_sets * size):
        raise UsageError(
            f"{names[0]} makes {n_sets} × {size} = {n_sets * size} features, but there are "
            f"{n_features}"
        )
    if len(args.feature_probability) > 1:
        raise UsageError(f"with {names[0]} give one --p: all sets are alike")
    if args.exclusive and args.together is not None:
        raise UsageError("give --exclusive or --together, not both")
    return FeatureModel.equal_sets(
        n_sets,
        size,
        args.feature_probability[0],
        presence="exclusive" if args.exclusive else "together",
        together=1.0 if args.together is None else args.together,
        equal_values=args.equal_values or 0.0,
    )


def _n_by_size(text: str) -> tuple[int, int]:
    """An argparse type: numbers of sets and of features in each, "2x3"."""
    found = re.fullmatch(r"(\d{1,9})[x×*](\d{1,9})", text)
    if not found or 0 in map(int, found.groups()):
        raise argparse.ArgumentTypeError(
            f"expected a number of sets and their size, such as 2x3, got {text!r}"
        )
    return int(found[1]), int(found[2])


def one_or_all(values: list[float]) -> float | list[float]:
    """A single number stands for all features."""
    return values[0] if len(values) == 1 else values


def reader(read: Callable[[str], T], fits: Callable[[T], bool], wanted: str) -> Callable[[str], T]:
    """An argparse type: what ``read`` makes of a word, if it fits."""

    def value(text: str) -> T:
        try:
            found = read(text)
            if fits(found):
                return found
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"expected {wanted}, got {text!r}")

    return value


def at_least(least: int) -> Callable[[str], int]:
    """An argparse type: whole numbers from a bound on."""
    return reader(int, lambda number: number >= least, f"a whole number ≥ {least}")


def is_finite_above_zero(number: float) -> bool:
    """Whether a number is above zero and no infinity."""
    return 0.0 < number < float("inf")
