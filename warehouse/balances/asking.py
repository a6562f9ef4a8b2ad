"""Both sides of every balance, from the warehouse: the newest state of each window, and the calls that name it."""

from __future__ import annotations

from datetime import datetime

from warehouse.balances.checking import Balance, Balances, Named, Spent, judge
from warehouse.client import Client

CHARGED_WITHIN_S = 60
"""A call that was stored more than so many seconds before a state was published is in that state: its cost and its charges
are published together."""

_STATES = """SELECT name, window, argMax(spent_usd, at), argMax(status, at), max(changed_at), max(inserted_at),
  argMax(window, at) = any(newest_window)
FROM (SELECT *, tuple(changed_at, kafka_offset) AS at, argMax(window, tuple(changed_at, kafka_offset)) OVER
        (PARTITION BY name) AS newest_window FROM budget_states FINAL)
GROUP BY name, window"""

# A call that names as many windows as budgets names balances; one of before they were recorded names budgets alone.
_CALLS = f"""SELECT c.name, c.window, count(), sum(cost_usd),
  sumIf(cost_usd, inserted_at > s.changed_at - toIntervalSecond({CHARGED_WITHIN_S})), countIf(version > 1), max(inserted_at)
FROM (SELECT (arrayJoin(arrayZip(budgets, budget_windows)) AS balance).1 AS name, balance.2 AS window, cost_usd,
        version, inserted_at
      FROM calls WHERE notEmpty(budgets) AND length(budgets) = length(budget_windows)) AS c
LEFT JOIN (SELECT name, window, max(changed_at) AS changed_at FROM budget_states GROUP BY name, window) AS s
  ON c.name = s.name AND c.window = s.window
GROUP BY c.name, c.window"""

_UNNAMED = """SELECT count(), arraySort(groupUniqArrayArray(budgets)) FROM calls
WHERE notEmpty(budgets) AND length(budgets) != length(budget_windows)"""

_WAITING = """SELECT count() FROM pipeline_progress FINAL
WHERE stage IN ('load llm.costs', 'load budget.states') AND position < log_end"""


def check_balances(client: Client, settled: datetime) -> Balances:
    """Compare every balance with its calls. Blocks; reads every call once."""
    states = {(name, window): Spent(*rest) for name, window, *rest in client.rows(_STATES)}
    named = {(name, window): Named(*rest) for name, window, *rest in client.rows(_CALLS)}
    ((unnamed, unknown),) = client.rows(_UNNAMED)
    ((waiting,),) = client.rows(_WAITING)
    known = {name for name, _ in states}
    balances = [
        Balance(*key, states.get(key), named.get(key), key[0] in known)
        for key in sorted(states.keys() | named.keys())
    ]
    return judge(balances, settled, is_loading=waiting > 0, unnamed=unnamed, unknown=unknown)
