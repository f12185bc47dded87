"""A policy that does harm is found out: its guard falls back to greedy-estimated, counted in the report."""

import json
import re
from pathlib import Path

import pytest

from runner import check_refused


BUILT_IN = Path(__file__).parents[2] / "jobs" / "profiles" / "policy-default.toml"


def write_policy(widepipe, path, **constants):
    """As the one that is built in, but that all dials are constant; the checksum is what widepipe expects."""
    def constant(head):
        numbers = [constants.get(head[1], 0.0)] + [0.0] * head[2].count(",")
        return f"{head[1]} = [{', '.join(map(str, numbers))}]"
    text = re.sub(r"^(\w+) = \[([-0-9].*)\]$", constant, BUILT_IN.read_text(), flags=re.MULTILINE)
    path.write_text(text)
    refused = widepipe.run("simulate", "--policy", path.name, cwd=path.parent).expect(2)
    expected = re.search(r"expected (\w+), of the parameters in the file", refused.stderr)
    path.write_text(re.sub('checksum = ".*"', f'checksum = "{expected[1]}"', text))


@pytest.fixture
def saboteur(widepipe, tmp_path):
    write_policy(widepipe, tmp_path / "saboteur.toml", budget=-5.0, spare=-5.0, caution=5.0)
    return tmp_path


def test_in_a_simulation(widepipe, saboteur):
    result = widepipe.run("simulate", "--devices", "6", "--seconds", "12", "--load", "0.5", "--policy", "saboteur.toml",
                          "--report", "r.json", cwd=saboteur).expect(0)
    [run] = json.loads((saboteur / "r.json").read_text())["runs"]
    assert run["policy_comparisons"] >= 1 and run["policy_fallbacks"] == 1
    assert run["policy_fallback_seconds"] > 6
    assert "which then decided 1 times in its place" in result.stdout


@pytest.mark.parametrize("change, facts", [
    (('checksum = "', 'checksum = "0'), ["of the parameters in the file, found '0", "changed or damaged"]),
    (("budget = [-5.0", "budget = [nan"), ["budget", "finite"]),
    (("budget = [-5.0", "budget = [inf"), ["budget", "finite"]),
    (('"memory", ', ""), ["shared_features", "trained anew"]),
])
def test_a_damaged_one_is_refused(widepipe, saboteur, change, facts):
    text = (saboteur / "saboteur.toml").read_text()
    assert change[0] in text
    (saboteur / "damaged.toml").write_text(text.replace(*change))
    check_refused(widepipe.run("simulate", "--policy", "damaged.toml", cwd=saboteur), ["damaged.toml", *facts])
