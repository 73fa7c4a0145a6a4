"""The step `print-page`: a page of ours as PDF, without a screen and without a browser.

It runs in a process of its own, the only child that loads Qt: its layout breaks Chinese lines,
finds the fonts of any system and embeds what it uses of them.
"""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.report import Report
from edgekiln.core.reporting import PageToPrint, Printed, PrintPlan
from edgekiln.core.text import say


def print_page(inputs: PageToPrint, plan: PrintPlan, out_dir: Path, report: Report) -> Printed:
    """Write the PDF. UserError where Qt cannot be loaded, or no font has the page's characters."""
    del out_dir
    report(None, say("Setting the pages"))
    try:
        from edgekiln.printing.sheets import draw
    except ImportError as error:
        raise UserError(
            say("No PDF can be made here."),
            say("A library that draws it is missing: {reason}", reason=str(error)[:200]),
            say("Install libegl1 and libgl1, or write the report as HTML and print that."),
        ) from error
    data, sheets = draw(inputs)
    write_atomic(plan.path, data)
    return Printed(plan.path, sheets)
