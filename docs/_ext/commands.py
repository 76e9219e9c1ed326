"""A directive that writes down every command of the command line, from the program itself."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Commands(SphinxDirective):
    """Writes a section for each command: what it does, its usage, its arguments and options."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        import typer

        from outcrop.cli import app

        self.env.note_reread()  # the program may have changed where this page has not
        group: Any = typer.main.get_command(app)
        return [self._section(name, group.commands[name]) for name in group.list_commands(None)]

    def _section(self, name: str, command: Any) -> nodes.section:
        full = f"outcrop {name}"
        section = nodes.section(ids=[nodes.make_id(full)], names=[full])
        section += nodes.title("", "", nodes.literal("", full))
        for paragraph in (command.help or "").split("\n\n"):
            section += self._parsed(paragraph)
        context = command.make_context(full, [], resilient_parsing=True)
        usage = " ".join(command.collect_usage_pieces(context))
        section += nodes.literal_block("", f"{full} {usage}", language="text")
        rows = [row for p in command.params if (row := p.get_help_record(context))]
        if rows:
            section += self._table(rows)
        return section

    def _parsed(self, text: str) -> list[nodes.Node]:
        holder = nodes.Element()
        lines = StringList([" ".join(text.split())], source="outcrop.cli")
        self.state.nested_parse(lines, 0, holder)
        return list(holder.children)

    def _table(self, rows: list[tuple[str, str]]) -> nodes.table:
        body = nodes.tbody()
        widths = (nodes.colspec(colwidth=35), nodes.colspec(colwidth=65))
        for names, words in rows:
            left = nodes.entry("", nodes.paragraph("", "", nodes.literal("", names)))
            right = nodes.entry("", nodes.paragraph("", " ".join(words.split())))
            body += nodes.row("", left, right)
        return nodes.table("", nodes.tgroup("", *widths, body, cols=2), classes=["options"])


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive ``commands``."""
    app.add_directive("commands", Commands)
    return {"version": "1", "parallel_read_safe": True}
