"""docs/runtimes.md is about the models and runtimes that there are."""

import re

from seqir.runtimes import NAMES
from seqir.verification import OutputReport, RuntimeReport
from tools import runtimes_page


def test_the_page_has_a_row_for_each_model_and_a_column_for_each_runtime() -> None:
    text = runtimes_page.PAGE.read_text()
    assert text.startswith(runtimes_page.HEAD), "stale: python -m tools.runtimes_page"
    table = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    stale = "the page is stale: python -m tools.runtimes_page"
    assert cells[0] == ["model", *runtimes_page.COLUMNS], stale
    assert [row[0] for row in cells[2:]] == list(runtimes_page.ROWS), stale
    assert set(NAMES) <= set(cells[0])
    used = set(re.findall(r"\[(\w+)\] \|", text))
    assert used == set(re.findall(r"^- \[(\w+)\]", text, re.M))


def test_a_cell_is_a_number_or_the_letter_of_a_reason() -> None:
    def shown(*outputs: OutputReport, reason: str = "") -> str:
        wrong = "right" if all(o.right for o in outputs) else "wrong"
        verdict = "refused" if reason else wrong
        report = RuntimeReport("it", verdict, "1", reason, outputs=[*outputs])
        return runtimes_page.cell(report, reasons)

    reasons: list[str] = []
    good = OutputReport("y", "f32[1]", 0, 1e-6, 0, 1e-3)
    bad = OutputReport("y", "f32[1]", 0, 0.25, 0, 1e-3)
    assert shown(good) == "1e-06"
    assert shown(good, bad) == "**0.2**"
    assert shown(reason="no") == "[a]"
    assert shown(OutputReport("y", "f32[1]", 0, 0, 0, 0, "is missing")) == "[b]"
    assert shown(reason="no") == "[a]"
    assert reasons == ["it: no", "it: is missing"]
    assert runtimes_page.cell(RuntimeReport("it", "absent"), reasons) == ""
    assert runtimes_page.letter(27) == "b1"
    assert runtimes_page.plain("it: a `b` | c") == "it: `a 'b' / c`"
