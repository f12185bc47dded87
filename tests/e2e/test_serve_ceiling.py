"""The ceiling of scripts/evidence/serve_ceiling.py, by trying all subsets."""

import itertools
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "evidence"))
import serve_ceiling  # noqa: E402


def all_in_time(requests, slo):
    end = 0.0
    for at, work in requests:
        end = max(end, at) + work
        if end - at > slo:
            return False
    return True


def fewest_by_trial(requests, slo):
    for dropped in range(len(requests) + 1):
        if any(all_in_time(kept, slo) for kept in itertools.combinations(requests, len(requests) - dropped)):
            return dropped
    raise AssertionError("none at all are in time")


def test_no_choice_drops_fewer():
    chance = random.Random(1)
    seen = set()
    for _ in range(300):
        requests = sorted((chance.uniform(0, 5), chance.choice((0.2, 0.9, 1.4))) for _ in range(7))
        fewest = fewest_by_trial(requests, 1.5)
        seen.add(fewest)
        assert serve_ceiling.fewest_dropped(requests, 1.5) == fewest, requests
    assert len(seen) > 2
