"""How the documentation is built: ``make docs``, with every warning an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import outcrop

project = "Outcrop"
author = "The Outcrop developers"
release = version = outcrop.__version__
html_title = "Outcrop"

extensions = [
    "commands",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["_build", "_ext"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
# Options are written with two hyphens.
smartquotes = False
suppress_warnings = ["config.cache"]

# The headings of every page can be linked to, as on the code host.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

# The tutorial is run each time; an error in it ends the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_execution_in_temp = True
nb_merge_streams = True
# Nothing is asked for from elsewhere.
nb_ipywidgets_js = {}

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["outcrop.css"]
html_show_sourcelink = False
html_copy_source = False
# Pages without pages below them have the whole width.
html_sidebars = {name: [] for name in ("index", "start", "tutorial")}
html_theme_options = {
    "logo": {"text": "Outcrop"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copyright = "The Outcrop developers, BSD-3-Clause"
