"""``geomsup neurons``: which neurons of a hidden ReLU layer compute which features.

A run of ``geomsup train`` says itself what was asked of its models; of any other file the matrices
into and out of the neurons are named.
"""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser
from geomsup.cli.output import (
    UsageError,
    add_picture,
    checked_picture,
    complain,
    print_json,
    say,
)
from geomsup.cli.sources import is_run, load_matrix, model_of
from geomsup.errors import GeomsupError
from geomsup.weights import matrix_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.neurons import MotifReport, NeuronReport
    from geomsup.training import ToyModelConfig, TrainedModel

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "say which neurons of a ReLU layer compute which features"
DESCRIPTION: str = """\
Say which neurons of a hidden ReLU layer h = ReLU(Wx), y = g(V^T h + b) compute which features, how
features share neurons, and with --motifs what keeps features that share one from disturbing each
other.

A file of geomsup train with hidden-activation relu says all else itself. Of any other file the
matrices are named: rows of both are neurons and columns are features; --out-feature-axis 0 says
that the second has features as rows, as the weight of a torch.nn.Linear out of the neurons does."""

_MAX_CODES = 3
_MAX_NAMES = 6
# Rectangles that a picture can show.
_MAX_DRAWN = 10_000
_WIDTH = 100
# The space between a feature and the signs of its neurons, as in "-20 [+00]".
_WORD = re.compile(r"([+-]?\d+) (?=\[)")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """Weights of one model, and what they are asked to compute."""

    W: Any
    V: Any
    b: Any = None
    signed: bool = False
    pairs: bool = False

    @property
    def tied(self) -> bool:
        return bool(self.W.shape == self.V.shape and (self.W == self.V).all())

    def report(self) -> NeuronReport:
        from geomsup.neurons import and_report, neuron_report

        if self.pairs:
            return and_report(self.W, self.V, self.b)
        return neuron_report(self.W, self.V, signed=self.signed)


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("run.safetensors", "all models of a file of geomsup train, and the report on the best"),
    ("mlp.pt --key fc1.weight --out-key fc2.weight --out-feature-axis 0", "two Linear layers"),
    ("layer.npz --key W --out-key V --signed --motifs", "absolute values, and who inhibits whom"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file()
    parser.add_argument("--key", metavar="NAME", help="the matrix into the neurons, W")
    parser.add_argument(
        "--out-key", metavar="NAME", help="the matrix out of them, V (default: that into them)"
    )
    for option, which in (("--feature-axis", "W"), ("--out-feature-axis", "V")):
        parser.add_feature_axis(option, f"columns of {which}")
    parser.add_argument(
        "--signed",
        action="store_true",
        help="features take both signs, and the outputs are their absolute values",
    )
    parser.add_instance("which model of several, from 0")
    parser.add_argument(
        "--motifs", action="store_true", help="look for asymmetric superposition with inhibition"
    )
    parser.add_plot("the weights")


def run(args: argparse.Namespace) -> int:
    """Report on one layer, or on all the models of a run."""
    checked_picture(args.plot)
    if is_run(args.file):
        return _of_run(args)
    layer = _layer_in(args)
    if args.motifs:
        _refuse_motifs(layer.tied, layer.pairs)
    _show(args, layer, layer.report(), args.instance)
    return 0


def _of_run(args: argparse.Namespace) -> int:
    from geomsup.cli.models import ranked, settings_of
    from geomsup.training import TrainingRun

    for name, unset in (
        ("key", None), ("out_key", None), ("feature_axis", -1), ("out_feature_axis", -1),
        ("signed", False),
    ):  # fmt: skip
        if getattr(args, name) != unset:
            raise UsageError(
                f"a file of geomsup train says all this itself; drop --{name.replace('_', '-')}"
            )
    loaded = TrainingRun.load(args.file)
    _check_task(args.file, loaded.config)
    if args.motifs:
        _refuse_motifs(loaded.config.tied, loaded.config.target == "minimum")
    if args.instance is not None:
        model = model_of(loaded, args.instance)
        if not args.json:
            say(f"{model}\n")
        layer = _layer_of(model, loaded.config)
        report = layer.report()
        _show(args, layer, report, model.instance, [(model, report)])
        return 0
    alike = settings_of(loaded) == 1
    if args.plot is not None and not alike:
        raise UsageError("--plot draws one model; choose it with --instance K")
    models = ranked(loaded.model(k) for k in range(len(loaded.losses)))
    layers = [_layer_of(model, loaded.config) for model in models]
    reports = [layer.report() for layer in layers]
    rows = list(zip(models, reports, strict=True))
    command = shlex.join(["geomsup", "neurons", args.file, "--instance", "K"])
    if not args.json:
        from geomsup.cli.train import title_of

        say(f"{title_of(loaded)}\nloss: summed over features; lowest first\n")
        say("\n".join(_table(rows)))
    if alike:
        if not args.json:
            say(f"\nlowest loss: instance {models[0].instance} ({command} for another)\n")
        _show(args, layers[0], reports[0], models[0].instance, rows)
    elif args.json:
        _print_record(args, None, None, None, rows)
    else:
        say(
            "\nthe models learned different tasks, so none is the best; the report on one: "
            f"{command}"
        )
    return 0


def _check_task(path: str, config: ToyModelConfig) -> None:
    if config.hidden_activation != "relu":
        raise GeomsupError(
            f"the hidden layer of the models in {path!r} is linear, so it can be turned and has no "
            f"neurons of its own; {shlex.join(['geomsup', 'classify', path])} names its geometry"
        )
    if config.target == "identity" and config.signed:
        raise GeomsupError(
            f"the models in {path!r} copy features of both signs, and a ReLU neuron passes one; "
            "neurons reads layers that copy features ≥ 0, or compute |x| or the AND of pairs"
        )


def _layer_of(model: TrainedModel, config: ToyModelConfig) -> _Layer:
    return _Layer(
        W=model.W,
        V=model.V,
        b=model.b,
        signed=config.signed,
        pairs=config.target == "minimum",
    )


def _layer_in(args: argparse.Namespace) -> _Layer:
    from geomsup.weights import list_arrays

    if args.out_key is None and args.out_feature_axis != -1:
        raise UsageError("--out-feature-axis is about the matrix that --out-key names")

    infos = list_arrays(args.file)
    matrices = [info for info in infos if len(info.shape) >= 2]
    if args.key is None and len(matrices) > 1:
        names = ", ".join(f"{info.name!r} {info.shape}" for info in matrices[:_MAX_NAMES])
        raise UsageError(
            f"{args.file!r} holds {len(matrices)} matrices; name the one into the neurons with "
            f"--key, and the one out of them with --out-key: {names}"
            f"{', …' if len(matrices) > _MAX_NAMES else ''}"
        )

    def matrix(key: str | None, feature_axis: int) -> Any:
        # Layers may be wider than their inputs: |x| takes two neurons for each feature.
        return load_matrix(args.file, key, args.instance, feature_axis, matrix_of)

    W = matrix(args.key, args.feature_axis)
    V = W if args.out_key is None else matrix(args.out_key, args.out_feature_axis)
    if W.shape != V.shape:
        raise UsageError(
            f"{args.key!r} has {W.shape[0]} neurons and {W.shape[1]} features, but "
            f"{args.out_key!r} {V.shape[0]} and {V.shape[1]}; a layer that answers each of its "
            "inputs has one output for each, and --feature-axis 0 or --out-feature-axis 0 says "
            "that rows are features"
        )
    biases = [info.name for info in infos if len(info.shape) == 1]
    if biases:
        complain(
            "warning",
            f"biases are left out: the report is about h = ReLU(Wx), y = Vᵀh, and {args.file!r} "
            f"holds {', '.join(map(repr, biases[:_MAX_NAMES]))}",
        )
    return _Layer(W=W, V=V, signed=args.signed)


def _table(rows: list[tuple[TrainedModel, NeuronReport]]) -> list[str]:
    from geomsup.cli.models import model_table

    header = ["instance", "computed", "mono", "poly", "unused", "codes"]
    cells = [
        [
            str(model.instance),
            str(len(report.computed_features)),
            *map(str, report.counts().values()),
            _codes(report),
        ]
        for model, report in rows
    ]
    return model_table(header, cells, [model for model, _ in rows])


def _codes(report: NeuronReport) -> str:
    """The most frequent codes in one line."""
    counted = Counter(code.name for code in report.codes).most_common()
    words = [name if n == 1 else f"{n} × {name}" for name, n in counted[:_MAX_CODES]]
    rest = sum(n for _, n in counted[_MAX_CODES:])
    return " + ".join([*words, *([f"{rest} more"] if rest else [])]) or "nothing computed"


def _show(
    args: argparse.Namespace,
    layer: _Layer,
    report: NeuronReport,
    instance: int | None,
    rows: list[tuple[TrainedModel, NeuronReport]] | None = None,
) -> None:
    if args.plot is not None:
        _refuse_picture(layer)
    motifs = None
    if args.motifs:
        from geomsup.neurons import asymmetric_motifs

        motifs = asymmetric_motifs(layer.W, layer.V, signed=layer.signed)
    if args.json:
        _print_record(args, report, instance, motifs, rows)
    else:
        _say(layer, report, motifs, single=rows is None)
    add_picture(args, lambda: _drawn(layer, report))


def _say(layer: _Layer, report: NeuronReport, motifs: MotifReport | None, *, single: bool) -> None:
    if layer.pairs:
        say("pair 0 is the AND of inputs 0 and 1, and so on; pictures number inputs")
    if layer.tied and single:
        say("tied: the weights out of the neurons are those into them")
    say("\n".join(map(_wrapped, str(report).splitlines())))
    if not report.members.any():
        say(f"largest sum of gains: {report.sums.max():.2f}, and 0.5 would count as computed")
    elif report.most_omitted > 0.0:
        say(
            f"margin: who takes part has ≥ {report.least_kept:.2f} of the largest gain of the "
            f"feature, the others ≤ {report.most_omitted:.2f}; the line is at 0.25"
        )
    if motifs is not None:
        say(f"\n{motifs}")


def _refuse_motifs(tied: bool, pairs: bool) -> None:
    if pairs:
        raise UsageError("--motifs is not about layers that compute pairs; drop it")
    if tied:
        raise UsageError(
            "--motifs compares weights into and out of the neurons, which are the same here; it "
            "needs models trained with --no-tied, or --out-key"
        )


def _wrapped(line: str) -> str:
    """A line of a report in lines of bearable length; a feature stays with its word."""
    numbers, colon, words = line.partition(": ")
    words = _WORD.sub("\\1\u00a0", words)
    filled = textwrap.fill(
        numbers + colon + words, _WIDTH, subsequent_indent="  ", break_on_hyphens=False
    )
    return filled.replace("\u00a0", " ")


def _refuse_picture(layer: _Layer) -> None:
    if layer.W.size > _MAX_DRAWN:
        m, n = layer.W.shape
        raise UsageError(
            f"--plot shows at most {_MAX_DRAWN:,} weights, and this layer has {m} × {n}; draw some "
            "of its rows with geomsup.plotting.plot_neurons"
        )


def _drawn(layer: _Layer, report: NeuronReport) -> Figure:
    from matplotlib.figure import Figure

    from geomsup.plotting import neuron_legend, plot_neurons
    from geomsup.plotting.neurons import neuron_order

    width = min(max(7.0, 0.3 * len(report.kinds)), 24.0)
    figure = Figure(figsize=(width, 4.5), layout="constrained")
    axes = plot_neurons(layer.W, report, rescale=not layer.tied, ax=figure.add_subplot())
    order = neuron_order(report)
    axes.set_xticks(range(len(order)), [str(k) for k in order])
    axes.tick_params(axis="x", length=0, labelsize=8)
    neuron_legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    return figure


def _print_record(
    args: argparse.Namespace,
    report: NeuronReport | None,
    instance: int | None,
    motifs: MotifReport | None,
    rows: list[tuple[TrainedModel, NeuronReport]] | None,
) -> None:
    from geomsup.cli.models import model_dict

    instances = None
    if rows is not None:
        instances = [
            {
                **model_dict(model),
                "computed_features": list(found.computed_features),
                "counts": found.counts(),
                "code_names": [code.name for code in found.codes],
            }
            for model, found in rows
        ]
    record = {
        "file": args.file,
        "key": args.key,
        "out_key": args.out_key,
        "instance": instance,
        "instances": instances,
        "motifs": None if motifs is None else motifs.to_dict(),
        "plot": args.plot,
    }
    print_json(record if report is None else {**record, **report.to_dict()})
