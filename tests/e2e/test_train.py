"""`widepipe train`: the same policy on any number of ranks, whatever interrupts it; and its use."""

import csv
import json
import re
import signal
import time
import tomllib

import pytest

from runner import check_refused

# One generation on plain devices, then one on any, and one on few of one core.
SMALL = ["--candidates", "4", "--scenarios", "2", "--plain", "1", "--held-out", "1"]
POOL = ["--pool", "2"]


def parameters(path):
    """Text of a policy file without what differs from run to run: how long it took."""
    return [line for line in path.read_text().splitlines() if not line.startswith("minutes")]


def train(widepipe, folder, *options, ranks=None, code=0):
    return widepipe.run("train", *SMALL, *POOL, *options, cwd=folder, ranks=ranks, timeout=300).expect(code)


@pytest.mark.parametrize("ranks", [None, 3])
def test_what_cannot_be_written_ends_it_on_all_ranks(widepipe, tmp_path, ranks):
    (tmp_path / "p.toml.checkpoint.part").mkdir()
    result = train(widepipe, tmp_path, "--save", "p.toml", "--generations", "1", ranks=ranks, code=4)
    assert any("p.toml.checkpoint' cannot be written" in line for line in result.errors), result.story()


@pytest.fixture(scope="module")
def trained(widepipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    result = train(widepipe, folder, "--save", "p.toml", "--generations", "3", "--report", "r.json")
    return folder, result


def test_what_it_writes_and_says(trained):
    folder, result = trained
    assert "3 generations" in result.stdout and "--policy p.toml" in result.stdout
    report = json.loads((folder / "r.json").read_text())
    assert [point["generation"] for point in report["generations"]] == [1, 2, 3]
    for point in report["generations"]:
        assert set(point) == {"generation", "minutes", "load", "mean", "best"}
        assert 0.9 < point["load"] < 1.1 and point["mean"] <= point["best"]
    assert report["policy"] in (folder / "p.toml").read_text()


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_any_number_of_ranks_learns_the_same(widepipe, trained, tmp_path, ranks):
    train(widepipe, tmp_path, "--save", "p.toml", "--generations", "3", ranks=ranks)
    assert parameters(tmp_path / "p.toml") == parameters(trained[0] / "p.toml")


def test_it_goes_on_exactly(widepipe, trained, tmp_path):
    train(widepipe, tmp_path, "--save", "p.toml", "--generations", "1")
    assert parameters(tmp_path / "p.toml") != parameters(trained[0] / "p.toml")
    train(widepipe, tmp_path, "--save", "p.toml", "--generations", "3")
    assert parameters(tmp_path / "p.toml") == parameters(trained[0] / "p.toml")


def test_what_is_done_is_told_again(widepipe, trained, tmp_path):
    first = train(widepipe, tmp_path, "--save", "p.toml", "--generations", "3").stdout.splitlines()[-1]
    policy = (tmp_path / "p.toml").read_text()
    (tmp_path / "p.toml").unlink()
    again = train(widepipe, tmp_path, "--save", "p.toml", "--generations", "3").stdout.splitlines()[-1]
    told = re.compile(r"policy \w+: 3 generations, .* minutes, (\S+) beside greedy")
    assert told.match(again)[1] == told.match(first)[1] != "+0.000"
    assert parameters(tmp_path / "p.toml") == parameters(trained[0] / "p.toml") and "gain" in policy


def test_a_signal_stops_it_and_it_goes_on(widepipe, tmp_path):
    command = ["train", *SMALL, *POOL, "--save", "p.toml", "--minutes", "30"]
    job = widepipe.start(*command, cwd=tmp_path)
    while not list(tmp_path.glob("p.toml*")):
        assert job.running()
        time.sleep(0.05)
    assert job.signal(signal.SIGTERM, widepipe.program)
    job.finish(120).expect(3)
    assert "generations" in (tmp_path / "p.toml").read_text()
    train(widepipe, tmp_path, "--save", "p.toml", "--generations", "1")


def test_policies_are_used_by_name_and_by_file(widepipe, trained):
    folder, _ = trained
    for policy in ("learned", "p.toml", "./p.toml"):
        result = widepipe.run("simulate", "--devices", "8", "--seconds", "1", "--policy", policy,
                              "--report", "s.json", cwd=folder).expect(0)
        assert f"policy {policy}" in result.stdout
        [run] = json.loads((folder / "s.json").read_text())["runs"]
        assert run["policy_fallbacks"] == 0 and run["all"]["attainment"] > 0.9


def test_it_follows_a_change_within_a_second(widepipe, tmp_path):
    """Halfway through F devices fail, and others get slow."""
    widepipe.run("simulate", "--workload", "F", "--devices", "48", "--load", "0.6", "--policy", "learned", "--plans",
                 "p.csv", cwd=tmp_path).expect(0)
    with open(tmp_path / "p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {float(row["fallback_s"]) for row in rows} == {0}, "it is not the guard that follows"

    def missed(begin, end):
        """The share of requests between these seconds."""
        mine = [row for row in rows if begin <= float(row["at_s"]) < end]
        count = {what: sum(int(row[what]) for row in mine) for what in ("missed", "in_time")}
        assert count["in_time"] > 1000
        return count["missed"] / (count["missed"] + count["in_time"])
    assert missed(1, 5) < 0.01
    at_first = missed(5, 5.7)
    assert at_first > 0.01, "or there is nothing to follow"
    for second in range(6, 10):
        assert missed(second, second + 1) < min(0.5 * at_first, 0.01)


def test_an_evaluation_knows_when_the_policy_has_changed(widepipe, trained, tmp_path):
    policy = tmp_path / "q.toml"
    policy.write_text((trained[0] / "p.toml").read_text())
    command = ["evaluate", "--workloads", "A5", "--policies", "greedy-estimated,q.toml", "--devices", "4",
               "--seconds", "0.3", "--seeds", "1", "--precision", "0.1", "--report", "e.json"]

    def made():
        return widepipe.run(*command, cwd=tmp_path).expect(0).stderr.count(" of the bound")

    def ratio():
        results = json.loads((tmp_path / "e.json").read_text())["results"]
        return {result["policy"]: result["ratio"] for result in results}["q.toml"]
    first = made()
    assert made() < first and ratio() > 0
    train(widepipe, tmp_path, "--save", "q2.toml", "--generations", "1")
    policy.write_text((tmp_path / "q2.toml").read_text())
    assert 0 < made() < first and ratio() > 0


@pytest.mark.parametrize("ranks", [None, 2])
def test_a_policy_that_learns_on_is_kept(widepipe, tmp_path, ranks):
    run = (["simulate", "--devices", "8", "--seconds", "12"] if ranks is None else
           ["replay", "--devices-per-rank", "4", "--seconds", "12", "--time-scale", "2"])
    load = "0.68" if ranks is None else "0.1"  # that a busy machine keeps up with
    result = widepipe.run(*run, "--load", load, "--policy", "learned", "--learn", "on.toml",
                          "--report", "r.json", cwd=tmp_path, ranks=ranks).expect(0)
    [report] = json.loads((tmp_path / "r.json").read_text())["runs"]
    assert report["policy_fallbacks"] == 0
    steps = report["policy_steps"]
    assert steps >= 2 and f"the policy took {steps} steps of learning" in result.stdout
    kept = tomllib.loads((tmp_path / "on.toml").read_text())
    assert kept["recipe"]["online_steps"] == steps and kept["recipe"]["start"]
    widepipe.run("simulate", "--devices", "4", "--seconds", "0.2", "--policy", "on.toml", cwd=tmp_path).expect(0)


@pytest.mark.parametrize("ranks", [None, 2])
@pytest.mark.parametrize("options, facts", [
    (["--learn", "on.toml"], ["--learn: policy 'greedy-estimated' does not learn", "'learned'"]),
    (["--policy", "learned-without-speeds", "--learn", "on.toml"], ["does not learn"]),
    (["--policy", "learned", "--learn", "on"], ["--learn 'on'", "NAME.toml"]),
    (["--policy", "learned", "--learn", "no/on.toml"], ["no/on.toml", "--learn"]),
    (["--policy", "learned", "--learn", "on.toml", "--set", "budget=1"], ["--set", "--learn"]),
    (["--policy", "learned", "--learn", "on.toml", "--report", "on.toml"], ["on.toml", "--report"]),
])
def test_what_cannot_learn_on(widepipe, tmp_path, ranks, options, facts):
    verb = "simulate" if ranks is None else "replay"
    check_refused(widepipe.run(verb, *options, cwd=tmp_path, ranks=ranks), facts)
    assert not list(tmp_path.iterdir())


def changed(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("ranks", [None, 3])
@pytest.mark.parametrize("options, facts", [
    ([], ["--save is required"]),
    (["--save", "no/p.toml"], ["no/p.toml", "--save"]),
    (["--save", "q.toml", "--minutes", "0"], ["--minutes"]),
    (["--save", "q.toml", "--candidates", "3"], ["--candidates", "4"]),
    (["--save", "q.toml", "--minutes", "1", "--generations", "1"], ["--minutes", "--generations"]),
    (["--save", "q.toml", "--profile", "gpu"], ["profile 'gpu' is not known", "npu"]),
    (["--save", "q.toml", "--start", "best"], ["policy 'best' is not known", "default"]),
    (["--save", "q.toml", "--start", "none.toml"], ["none.toml"]),
    (["--save", "q.toml", "--start", "damaged.toml"], ["damaged.toml", "changed or damaged"]),
    (["--save", "p.toml", "--seed", "2"], ["checkpoint 'p.toml.checkpoint'", "another training"]),
    (["--save", "d.toml"], ["checkpoint 'd.toml.checkpoint'", "damaged"]),
    (["--save", "q.toml", "--report", "q.toml"], ["q.toml", "--report"]),
    (["--save", "q.toml", "--report", "q.toml.checkpoint"], ["q.toml.checkpoint", "--report"]),
    (["--save", "e.toml"], ["checkpoint 'e.toml.checkpoint'", "empty"]),
    (["--save", "o.toml"], ["checkpoint 'o.toml.checkpoint'", "another training"]),
    (["--save", "policy"], ["--save 'policy'", "NAME.toml"]),
    (["--save", "q.toml", "--pool", "1"], ["--scenarios 2", "pool, 1"]),
])
def test_bad_input(widepipe, trained, tmp_path, ranks, options, facts):
    text = (trained[0] / "p.toml").read_text()
    (tmp_path / "damaged.toml").write_text(re.sub(r"budget = \[[^,]*,", "budget = [0.125,", text))
    checkpoint = (trained[0] / "p.toml.checkpoint").read_text()
    (tmp_path / "p.toml.checkpoint").write_text(checkpoint)
    (tmp_path / "d.toml.checkpoint").write_text(checkpoint[:-9])
    (tmp_path / "e.toml.checkpoint").write_text("")
    layout = int(re.match(r"widepipe-training (\d+) ", checkpoint)[1])
    (tmp_path / "o.toml.checkpoint").write_text(
        changed(checkpoint, f"widepipe-training {layout}", f"widepipe-training {layout - 1}"))
    before = sorted(path.name for path in tmp_path.iterdir())
    pool = [] if "--pool" in options else POOL
    check_refused(widepipe.run("train", *SMALL, *pool, *options, cwd=tmp_path, ranks=ranks), facts)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("verb", ["simulate", "replay"])
@pytest.mark.parametrize("policy, options, facts", [
    ("none.toml", [], ["policy", "none.toml"]),
    ("old.toml", [], ["old.toml:", "expected format 2, found 1", "trained anew"]),
    ("other.toml", [], ["other.toml:", "features", "trained anew"]),
    ("learnt", [], ["policy 'learnt' is not known", "learned"]),
    ("learned", ["--set", "budget=1"], ["learned", "no parameters to set"]),
    ("p.toml", ["--report", "p.toml"], ["--report", "p.toml"]),
])
def test_bad_policies(widepipe, trained, tmp_path, verb, policy, options, facts):
    text = (trained[0] / "p.toml").read_text()
    (tmp_path / "p.toml").write_text(text)
    (tmp_path / "old.toml").write_text(changed(text, "format = 2", "format = 1"))
    (tmp_path / "other.toml").write_text(changed(text, '"tight", ', ""))
    check_refused(widepipe.run(verb, "--policy", policy, *options, cwd=tmp_path), facts)
