"""A simulation for people and programs: a table for the terminal, lines of JSON, one HTML file."""

from canary_sims.report.lines import SCHEMA, to_lines
from canary_sims.report.page import to_html
from canary_sims.report.table import print_run

__all__ = ["SCHEMA", "print_run", "to_html", "to_lines"]
