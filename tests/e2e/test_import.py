"""A real hour of production calls comes in twice and counts once: on the log, in the warehouse, to the last place."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Look
from tests.fixtures.processes import PROJECT_ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

TRACE = PROJECT_ROOT.parent / "shared" / "data" / "azure_llm_trace_code_2023.csv"
TEAM = "imported-code"
# What gpt-4o cost in list prices, USD for a million tokens; written down here, so that two sources must agree.
INPUT_USD, OUTPUT_USD = Decimal("2.50"), Decimal("10.00")
SUMS = """SELECT count() AS calls, uniqExact(call_id) AS ids, sum(input_tokens) AS input, sum(output_tokens) AS output,
    sum(cost_usd) AS cost, countIf(is_priced) AS priced FROM calls WHERE team = '{team}' AND user = ''"""


def spendstream_import(look: Look, path: Path, *words: str) -> None:
    command = [
        sys.executable,
        "-c",
        "from ingest.command import main; main()",
        "import",
        str(path),
        "--team",
        TEAM,
    ]
    environment = {**os.environ, "SPENDSTREAM_KAFKA": look.stack.kafka}
    done = subprocess.run(
        [*command, *words], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_the_real_trace_twice(look: Look, tmp_path: Path) -> None:
    if not TRACE.exists():
        pytest.skip("the Azure trace is not there (shared/data beside the project)")
    with TRACE.open(newline="") as file:
        rows = [(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(file)]
    cost = (sum(i for i, _ in rows) * INPUT_USD + sum(o for _, o in rows) * OUTPUT_USD) / 1_000_000
    last = tmp_path / "last.csv"
    last.write_text("time,prompt_tokens\n2023-11-17,1\n")

    for number in (1, 2):
        spendstream_import(look, TRACE, "--model", "gpt-4o")
        # The same team, so the same partition: once this call is stored, all before it were looked at.
        spendstream_import(look, last, "--model", "gpt-4o", "--user", f"last-{number}")
        marker = f"SELECT call_id FROM calls WHERE team = '{TEAM}' AND user = 'last-{number}'"
        look.until("the last call", partial(look.rows, marker), deadline_s=120)
        (found,) = look.rows(SUMS.format(team=TEAM))
        assert int(found["calls"]) == int(found["ids"]) == int(found["priced"]) == len(rows)
        assert int(found["input"]) == sum(i for i, _ in rows)
        assert int(found["output"]) == sum(o for _, o in rows)
        assert Decimal(found["cost"]) == cost

    sums = f"SELECT sum(calls) AS calls, sum(cost_usd) AS cost FROM spend_hourly WHERE team = '{TEAM}'"
    one_more = INPUT_USD / 1_000_000

    def rolled_up() -> bool:
        (hourly,) = look.rows(sums)
        return int(hourly["calls"]) == len(rows) + 2 and Decimal(hourly["cost"]) == cost + 2 * one_more

    look.until("the rollup", rolled_up)
