"""Pictures of finished results: directions, matrices, the interference graph, dimensionalities.

Nothing is computed here that a report does not hold already, and matplotlib is loaded only when
something is drawn.  Every function draws into ``ax``, or into a figure of its own, and returns the
axes, so that a caller keeps the last word on titles, sizes and files.

>>> from matplotlib.figure import Figure
>>> from geomsup import classify_geometry
>>> from geomsup.plotting import plot_interference_graph
>>> report = classify_geometry([[1, -1, 0, 0], [0, 0, 1, -1]])
>>> ax = plot_interference_graph(report, ax=Figure().add_subplot())
>>> sorted(text.get_text() for text in ax.texts if text.get_gid() == "component")
['digon', 'digon']
"""

from __future__ import annotations

from geomsup.plotting.atlas import plot_atlas
from geomsup.plotting.census import (
    plot_census,
    plot_cosine_histogram,
    plot_counts,
    plot_neighbours,
)
from geomsup.plotting.claims import plot_claim, plot_claim_controls, plot_claim_plane
from geomsup.plotting.comparison import plot_dictionary_comparison
from geomsup.plotting.dictionaries import plot_matched_cosines, plot_splitting_tree
from geomsup.plotting.dimensionality import plot_dimensionality
from geomsup.plotting.directions import plot_directions
from geomsup.plotting.discovery import plot_discovery, plot_found_shape
from geomsup.plotting.graph import plot_interference_graph
from geomsup.plotting.matrices import plot_cosines, plot_gram
from geomsup.plotting.neurons import neuron_legend, plot_motif, plot_neurons
from geomsup.plotting.optima import plot_comparison, plot_excess_energy, plot_optimum
from geomsup.plotting.overview import plot_report
from geomsup.plotting.pairs import plot_pair_losses, plot_pair_map, plot_pair_phases, strategy_color
from geomsup.plotting.phases import plot_family_losses, plot_phase_diagram
from geomsup.plotting.structures import plot_component, plot_forest
from geomsup.plotting.style import name_color
from geomsup.plotting.sweeps import plot_sweep
from geomsup.plotting.timeline import plot_timeline
from geomsup.plotting.vulnerability import plot_vulnerability

__all__ = [
    "name_color",
    "neuron_legend",
    "plot_atlas",
    "plot_census",
    "plot_claim",
    "plot_claim_controls",
    "plot_claim_plane",
    "plot_comparison",
    "plot_component",
    "plot_cosine_histogram",
    "plot_cosines",
    "plot_counts",
    "plot_dictionary_comparison",
    "plot_dimensionality",
    "plot_directions",
    "plot_discovery",
    "plot_excess_energy",
    "plot_family_losses",
    "plot_forest",
    "plot_found_shape",
    "plot_gram",
    "plot_interference_graph",
    "plot_matched_cosines",
    "plot_motif",
    "plot_neighbours",
    "plot_neurons",
    "plot_optimum",
    "plot_pair_losses",
    "plot_pair_map",
    "plot_pair_phases",
    "plot_phase_diagram",
    "plot_report",
    "plot_splitting_tree",
    "plot_sweep",
    "plot_timeline",
    "plot_vulnerability",
    "strategy_color",
]
