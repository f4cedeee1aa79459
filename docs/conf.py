"""Sphinx: `make docs` builds docs/_build/html/index.html."""

import re

from homog import __version__

project, release = "homog", __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
exclude_patterns = ["_build"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
suppress_warnings = ["myst.xref_missing"]  # links to results/ and experiments/, which lie outside
nitpicky = False


def setup(app):
    """Docstrings mark code by single backticks, as Markdown does, and use bars for absolute values."""

    def read(app, what, name, obj, options, lines):
        lines[:] = [re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line).replace("|", r"\|") for line in lines]

    app.connect("autodoc-process-docstring", read)
