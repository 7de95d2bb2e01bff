"""``geomsup neurons``: which neurons of a hidden ReLU layer compute which features.

A run of ``geomsup train`` says itself what was asked of its models; of any other file the matrices
into and out of the neurons are named.
"""

from __future__ import annotations

import argparse
import re
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from geomsup.cli.arguments import VerbParser
from geomsup.cli.output import (
    UsageError,
    add_picture,
    complain,
    empty_figure,
    filled,
    print_json,
    say,
)
from geomsup.cli.sources import is_run, load_matrix, model_of
from geomsup.errors import GeomsupError, counted
from geomsup.weights import ArrayInfo, list_arrays, matrix_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from geomsup.neurons import MotifReport, NeuronReport
    from geomsup.neurons.chance import OwnOutputs
    from geomsup.neurons.layer import Layer
    from geomsup.survey.record import Comparison
    from geomsup.training import ToyModelConfig, TrainedModel, TrainingRun

    # A model of a run, and who computes what in it.
    Row = tuple[TrainedModel, NeuronReport]

__all__ = ["DESCRIPTION", "EXAMPLES", "SUMMARY", "add_arguments", "run"]

SUMMARY: str = "say which neurons of a ReLU layer compute which features"
DESCRIPTION: str = """\
Say which neurons of a hidden ReLU layer h = ReLU(Wx), y = g(V^T h + b) compute which features, how
features share neurons, and with --motifs what keeps features that share one from disturbing each
other.

A file of geomsup train with hidden-activation relu says all else itself. Of any other file the
matrices are named: rows of both are neurons and columns are features; --out-feature-axis 0 says
that the second has features as rows, as the weight of a torch.nn.Linear out of the neurons does.

In a layer of a larger network, such as a transformer, no output belongs to an input. Then this is
said, and its neurons are read as directions."""

_MAX_NAMES = 6
# Rectangles that a picture can show.
_MAX_DRAWN = 10_000
# Where inputs are columns, neurons are rows.
_OTHER_AXIS = {-1: 0, 0: -1}
# The space between a feature and the signs of its neurons, as in "-20 [+00]".
_WORD = re.compile(r"([+-]?\d+) (?=\[)")


EXAMPLES: tuple[tuple[str, str], ...] = (
    ("run.safetensors", "all models of a file of geomsup train, and the report on the best"),
    ("mlp.pt --key fc1.weight --out-key fc2.weight --out-feature-axis 0", "two Linear layers"),
    ("W.npy --out-file V.npy --signed --motifs", "absolute values, and who inhibits whom"),
)


def add_arguments(parser: VerbParser) -> None:
    """Declare the options."""
    parser.add_file()
    parser.add_argument("--key", metavar="NAME", help="the matrix into the neurons, W")
    parser.add_argument(
        "--out-key", metavar="NAME", help="the matrix out of them, V (default: that into them)"
    )
    parser.add_argument("--out-file", metavar="FILE", help="the file of V, if it is another")
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


def run(args: argparse.Namespace) -> None:
    """Report on one layer, or on all the models of a run."""
    if is_run(args.file):
        _of_run(args)
        return
    layer = _layer_in(args)
    _check_options(args, layer)
    own = layer.own_outputs()
    if own is not None and own.is_chance:
        _show_directions(args, layer, own)
    else:
        _show(args, layer, layer.report(), args.instance, own=own)


def _of_run(args: argparse.Namespace) -> None:
    from geomsup.training.ranking import n_tasks, ranked

    loaded = _readable_run(args)
    alike = args.instance is not None or n_tasks(loaded) == 1
    if args.plot is not None and not alike:
        raise UsageError("--plot draws one model; choose it with --instance K")
    models = ranked(loaded) if args.instance is None else [model_of(loaded, args.instance)]
    layers = [_layer_of(model, loaded.config) for model in models]
    _check_options(args, layers[0])
    rows = [(model, layer.report()) for model, layer in zip(models, layers, strict=True)]
    if not args.json:
        _say_models(args, loaded, rows, alike)
    if alike:
        _show(args, layers[0], rows[0][1], models[0].instance, rows)
    elif args.json:
        _print_record(args, None, None, None, rows)


def _readable_run(args: argparse.Namespace) -> TrainingRun:
    """The run in a file, whose models have neurons and say themselves what they compute."""
    from geomsup.training import TrainingRun

    for name, unset in (
        ("key", None), ("out_key", None), ("out_file", None), ("feature_axis", -1),
        ("out_feature_axis", -1), ("signed", False),
    ):  # fmt: skip
        if getattr(args, name) != unset:
            raise UsageError(
                f"a file of geomsup train says all this itself; drop --{name.replace('_', '-')}"
            )
    loaded = TrainingRun.load(args.file)
    if loaded.config.hidden_activation != "relu":
        raise GeomsupError(
            f"the hidden layer of the models in {args.file!r} is linear, so it can be turned and "
            f"has no neurons of its own; {_command('classify', args.file)} names its geometry"
        )
    if loaded.config.target == "identity" and loaded.config.signed:
        raise GeomsupError(
            f"the models in {args.file!r} copy features of both signs, and a ReLU neuron passes "
            "one; neurons reads layers that copy features ≥ 0, or compute |x| or the AND of pairs"
        )
    return loaded


def _layer_of(model: TrainedModel, config: ToyModelConfig) -> Layer:
    from geomsup.neurons.layer import Layer

    pairs = config.target == "minimum"
    return Layer(W=model.W, V=model.V, b=model.b, signed=config.signed, pairs=pairs)


def _layer_in(args: argparse.Namespace) -> Layer:
    """The layer whose matrices the options name."""
    from geomsup.neurons.layer import Layer

    has_own = args.out_key is not None or args.out_file is not None
    if not has_own and args.out_feature_axis != -1:
        raise UsageError(
            "--out-feature-axis is about the matrix that --out-key or --out-file names"
        )
    infos = list_arrays(args.file)
    _check_that_named(args, [info for info in infos if len(info.shape) >= 2])

    def matrix(file: str, key: str | None, feature_axis: int) -> Any:
        # Layers may be wider than their inputs: |x| takes two neurons for each feature.
        return load_matrix(file, key, args.instance, feature_axis, matrix_of)

    V = W = matrix(args.file, args.key, args.feature_axis)
    if has_own:
        V = matrix(args.out_file or args.file, args.out_key, args.out_feature_axis)
    if W.shape != V.shape:
        raise UsageError(
            f"the matrix into the neurons has {W.shape[0]} neurons and {W.shape[1]} features, but "
            f"that out of them {V.shape[0]} and {V.shape[1]}; a layer that answers each of its "
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
    return Layer(W=W, V=V, signed=args.signed)


def _check_that_named(args: argparse.Namespace, matrices: list[ArrayInfo]) -> None:
    if args.key is None and len(matrices) > 1:
        names = ", ".join(f"{info.name!r} {info.shape}" for info in matrices[:_MAX_NAMES])
        raise UsageError(
            f"{args.file!r} holds {len(matrices)} matrices; name the one into the neurons with "
            f"--key, and the one out of them with --out-key: {names}"
            f"{', …' if len(matrices) > _MAX_NAMES else ''}"
        )


def _check_options(args: argparse.Namespace, layer: Layer) -> None:
    """Refuse what --motifs and --plot cannot do with a layer."""
    if args.motifs and layer.pairs:
        raise UsageError("--motifs is not about layers that compute pairs; drop it")
    if args.motifs and layer.tied:
        raise UsageError(
            "--motifs compares weights into and out of the neurons, which are the same here; it "
            "needs models trained with --no-tied, or --out-key or --out-file"
        )
    if args.plot is not None and layer.W.size > _MAX_DRAWN:
        m, n = layer.W.shape
        raise UsageError(
            f"--plot shows at most {_MAX_DRAWN:,} weights, and this layer has {m} × {n}; draw some "
            "of its rows with geomsup.plotting.plot_neurons"
        )


def _say_models(
    args: argparse.Namespace, loaded: TrainingRun, rows: list[Row], alike: bool
) -> None:
    from geomsup.cli.train import title_of

    best = rows[0][0]
    if args.instance is not None:
        say(f"{best}\n")
        return
    say(f"{title_of(loaded)}\nloss: summed over features; lowest first\n")
    say("\n".join(_table(rows)))
    command = _command("neurons", args.file, "--instance", "K")
    if alike:
        say(f"\nlowest loss: instance {best.instance} ({command} for another)\n")
    else:
        say(
            "\nthe models learned different tasks, so none is the best; the report on one: "
            f"{command}"
        )


def _table(rows: list[Row]) -> list[str]:
    from geomsup.cli.models import model_table
    from geomsup.neurons.layer import frequent_codes

    header = ["instance", "computed", "mono", "poly", "unused", "codes"]
    cells = [
        [
            str(model.instance),
            str(len(report.computed_features)),
            *map(str, report.counts().values()),
            frequent_codes(report),
        ]
        for model, report in rows
    ]
    return model_table(header, cells, [model for model, _ in rows])


def _show(
    args: argparse.Namespace,
    layer: Layer,
    report: NeuronReport,
    instance: int | None,
    rows: list[Row] | None = None,
    own: OwnOutputs | None = None,
) -> None:
    motifs = layer.motifs() if args.motifs else None
    basis = layer.random_basis(report)
    if args.json:
        chance = {"own_outputs": own, "random_basis": basis}
        _print_record(args, report, instance, motifs, rows, chance)
    else:
        _say(layer, report, motifs, single=rows is None)
        if own is not None and 2 * own.n_own < own.n_features:
            say(str(own))
        if basis is not None:
            say(filled(f"codes of this size have no words to read; {basis}"))
            if rows is None and layer.tied:
                say(
                    "a layer of a larger network has other weights out of its neurons, and inputs "
                    f"that are no features;\nits neurons as directions: {_census_of(args)}"
                )
    add_picture(args, lambda: _drawn(layer, report))


def _show_directions(args: argparse.Namespace, layer: Layer, own: OwnOutputs) -> None:
    """What can be said of a layer whose outputs belong to no inputs."""
    if args.motifs or args.plot is not None:
        raise GeomsupError(
            f"{own}, so there is nothing for {'--motifs' if args.motifs else '--plot'} to show; "
            f"{_census_of(args)} reads the neurons as directions"
        )
    pairs = _pairs_in_both(layer)
    if args.json:
        found = {"own_outputs": own, "pairs_in_both": [one.to_dict() for one in pairs]}
        _print_record(args, None, args.instance, None, None, found)
        return
    n_neurons, n_features = layer.W.shape
    say(f"{counted(n_neurons, 'neuron')}, {counted(n_features, 'input')}\n{own}")
    say(
        filled(
            "so this is no layer that answers each input at an output of its own, and which "
            "neurons compute which cannot be asked of it"
        )
    )
    if pairs:
        say("\npairs of neurons by what they read and write, and how many if one side is permuted")
        width = max(len(f"{one.found:,.0f}") for one in pairs)
        for one in pairs:
            by_chance = f"({one.null_mean:.1f} ± {one.null_sd:.1f})"
            say(f"  {one.found:>{width},.0f}  {one.name}  {by_chance}")
    say(f"\nmore about its neurons as directions: {_census_of(args)}")


def _pairs_in_both(layer: Layer) -> tuple[Comparison, ...]:
    """Pairs of neurons that are far out in both matrices; none if there are too many to count."""
    from geomsup import census

    with suppress(GeomsupError):
        found = census(
            layer.W, feature_axis=0, partner=layer.V, null="isotropic", n_draws=0, components=False
        )
        return found.partner
    return ()


def _census_of(args: argparse.Namespace) -> str:
    """The command that reads the neurons of a layer as directions."""
    words = ["census", args.file, *(("--key", args.key) if args.key is not None else ())]
    words += ["--feature-axis", str(_OTHER_AXIS[args.feature_axis])]
    if args.out_file is not None and args.out_key is None:
        words += ["--partner", args.out_file]
        words += ["--partner-axis", str(_OTHER_AXIS[args.out_feature_axis])]
    return _command(*words)


def _say(layer: Layer, report: NeuronReport, motifs: MotifReport | None, *, single: bool) -> None:
    from geomsup.neurons.layer import clarity

    if layer.pairs:
        say("pair 0 is the AND of inputs 0 and 1, and so on; pictures number inputs")
    if layer.tied and single:
        say(
            "tied: the weights out of the neurons are those into them "
            "(--out-key or --out-file names others)"
        )
    say("\n".join(map(_wrapped, str(report).splitlines())))
    if how_clear := clarity(report):
        say(how_clear)
    if motifs is not None:
        say(f"\n{motifs}")


def _wrapped(line: str) -> str:
    """A line of a report in lines of bearable length; a feature stays with its word."""
    numbers, colon, words = line.partition(": ")
    words = _WORD.sub("\\1\u00a0", words)
    return filled(numbers + colon + words, indent="  ").replace("\u00a0", " ")


def _drawn(layer: Layer, report: NeuronReport) -> Figure:
    from geomsup.plotting import neuron_legend, plot_neurons
    from geomsup.plotting.neurons import neuron_order

    figure = empty_figure((min(max(7.0, 0.3 * len(report.kinds)), 24.0), 4.5))
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
    rows: list[Row] | None,
    chance: dict[str, Any] | None = None,
) -> None:
    from geomsup.cli.models import model_dict
    from geomsup.restoring import plain

    instances = [
        {
            **model_dict(model),
            "computed_features": list(found.computed_features),
            "counts": found.counts(),
            "code_names": [code.name for code in found.codes],
        }
        for model, found in rows or ()
    ]
    record: dict[str, Any] = {
        "file": args.file,
        "key": args.key,
        "out_key": args.out_key,
        "instance": instance,
        "instances": None if rows is None else instances,
        "motifs": None if motifs is None else motifs.to_dict(),
        "plot": args.plot,
        **plain(chance or {}),
    }
    print_json(record if report is None else {**record, **report.to_dict()})


def _command(*words: str) -> str:
    return shlex.join(["geomsup", *words])
