"""Traces: requests as they came somewhere, for simulations, and what they are made from."""

import json
import re

import h5py
import numpy as np
import pytest

from runner import check_refused

GOOD = {
    "models": np.array(["vgg16", "alexnet"], dtype="S"),
    "deadlines": np.array([0.02, 0.05]),
    "arrival": np.arange(400) * 0.005,
    "model": np.arange(400) % 2,
    "deadline_class": np.arange(400) // 2 % 2,
    "row": np.arange(400) % 7,
}
HEADER_2019 = "HashOwner,HashApp,HashFunction,Trigger," + ",".join(map(str, range(1, 1441)))
HEADER_2021 = "app,func,end_timestamp,duration"


def write_trace(path, **changes):
    with h5py.File(path, "w") as file:
        for name, values in {**GOOD, **changes}.items():
            if values is not None:
                file[name] = values


def changed(name, place, value):
    values = GOOD[name].copy()
    values[place] = value
    return {name: values}


def simulate(widepipe, folder, *options):
    widepipe.run("simulate", "--workload", "trace.h5", "--devices", "2", "--report", "r.json",
                 *options, cwd=folder).expect(0)
    [run] = json.loads((folder / "r.json").read_text())["runs"]
    return run


@pytest.mark.parametrize("strings", [None, h5py.string_dtype()], ids=["fixed", "variable"])
def test_a_trace_is_served_as_it_came(widepipe, tmp_path, strings):
    models = GOOD["models"] if strings is None else GOOD["models"].astype(object)
    with h5py.File(tmp_path / "trace.h5", "w") as file:
        for name, values in GOOD.items():
            if name == "models":
                file.create_dataset(name, data=models, dtype=strings)
            else:
                file[name] = values
    run = simulate(widepipe, tmp_path)
    assert [(one["stream"], one["requests"]) for one in run["streams"]] == [
        ("vgg16 20 ms", 100), ("vgg16 50 ms", 100), ("alexnet 20 ms", 100), ("alexnet 50 ms", 100)]
    assert run["requests_per_second"] == pytest.approx(200)
    assert run["all"]["in_time"] == 400, "that is not much for two NPUs"
    assert json.loads((tmp_path / "r.json").read_text())["seconds"] == pytest.approx(2)


def test_a_trace_is_played_faster_for_more_load(widepipe, tmp_path):
    write_trace(tmp_path / "trace.h5", row=None)
    run = simulate(widepipe, tmp_path, "--rate", "2000")
    assert run["all"]["requests"] == 400
    assert json.loads((tmp_path / "r.json").read_text())["seconds"] == pytest.approx(0.2)
    found = simulate(widepipe, tmp_path, "--find-goodput")
    assert 0.05 < found["share_of_bound"] < 1
    assert found["passes"]


def test_an_evaluation_tells_traces_apart_by_what_is_in_them(widepipe, tmp_path):
    command = ["evaluate", "--workloads", "trace.h5", "--policies", "greedy-estimated,static-lb",
               "--devices", "2", "--seeds", "1", "--evaluations", "5", "--report", "e.json"]
    write_trace(tmp_path / "trace.h5")
    first = widepipe.run(*command, cwd=tmp_path).expect(0)
    assert len(re.findall("of 2: trace", first.stderr)) == 2
    again = widepipe.run(*command, cwd=tmp_path).expect(0)
    assert again.stderr == "" and again.stdout == first.stdout
    write_trace(tmp_path / "trace.h5", **changed("arrival", 399, 2.5))
    other = widepipe.run(*command, cwd=tmp_path).expect(0)
    assert len(re.findall("of 2: trace", other.stderr)) == 2, "it is another trace now"


def test_whatever_changes_in_a_large_trace_it_is_another_one(widepipe, tmp_path):
    """In its place, in the midst of a file of which hashes of inputs see samples only."""
    padding = np.zeros(35 << 20, "u1")
    with h5py.File(tmp_path / "trace.h5", "w") as file:
        file["before"] = padding
        for name, values in GOOD.items():
            file[name] = values
        file["behind"] = padding
    command = ["evaluate", "--workloads", "trace.h5", "--policies", "greedy-estimated",
               "--devices", "2", "--seeds", "1", "--report", "e.json"]
    made = lambda: "1 of 1: trace" in widepipe.run(*command, cwd=tmp_path).expect(0).stderr
    assert made()
    for name, place, value in [("models", 1, b"vgg19"), ("deadlines", 1, 0.04), ("arrival", 7, 0.036),
                               ("model", 200, 1), ("deadline_class", 200, 1), ("row", 200, 77)]:
        assert not made()
        with h5py.File(tmp_path / "trace.h5", "r+") as file:
            assert file[name][place] != value
            file[name][place] = value
        assert made(), f"/{name} has changed"


@pytest.mark.parametrize("changes, message", [
    (changed("arrival", 7, -0.5), "trace.h5:/arrival[7] is -0.5, expected a time from 0 on"),
    (changed("arrival", 7, np.nan), "trace.h5:/arrival[7] is nan, expected a time from 0 on"),
    (changed("arrival", 7, 9.0), "trace.h5:/arrival[8] is 0.04, before the one in front of it, 9: "
                                 "expected times in their order"),
    (changed("models", 1, b"lenet"), "trace.h5:/models: model 'lenet' is not in the profile 'npu', "
                                     "which has alexnet, "),
    (changed("models", 1, b"vgg16"), "trace.h5:/models[1] is 'vgg16', which is there twice"),
    (changed("deadlines", 1, 0.0), "trace.h5:/deadlines[1] is 0 s, expected a time after the "
                                   "arrival"),
    (changed("deadlines", 0, -1.0), "trace.h5:/deadlines[0] is -1 s, expected a time after"),
    (changed("model", 3, 2), "trace.h5:/model[3] is 2, but /models has 2"),
    (changed("model", 3, -1), "trace.h5:/model[3] is -1, but /models has 2"),
    (changed("deadline_class", 5, 4), "trace.h5:/deadline_class[5] is 4, but /deadlines has 2"),
    (changed("row", 0, -3), "trace.h5:/row[0] is -3, expected 0 or more"),
    ({"model": GOOD["model"][:9]}, "trace.h5:/model has 9 entries, but /arrival has 400"),
    ({"row": GOOD["row"][:9]}, "trace.h5:/row has 9 entries, but /arrival has 400"),
    ({"deadline_class": GOOD["deadline_class"][:9]},
     "trace.h5:/deadline_class has 9 entries, but /arrival has 400"),
    ({"arrival": np.zeros(0)}, "trace.h5:/arrival: has no rows: its shape is [0]"),
    ({"arrival": np.zeros((400, 2))}, "trace.h5:/arrival has shape [400, 2], expected one number"),
    ({"arrival": None}, "trace.h5: has no data set '/arrival'; its data sets: /deadline_class (i64 "),
    ({"models": None}, "trace.h5: data set '/models' is missing, the names of the models"),
    (changed("arrival", 399, 1.7e9), "trace.h5:/arrival[399] is 1700000000, expected seconds from "
                                     "the start of the trace, at most 2000000"),
    ({"models": h5py.ExternalLink("other.h5", "/models")},
     "trace.h5:/models is a link into another file, expected a list of strings"),
    ({"models": h5py.SoftLink("/nowhere")},
     "trace.h5:/models is no data set, expected a list of strings, the names of the models"),
    ({"models": np.arange(3)}, "trace.h5:/models is no list of strings, expected the names"),
    ({"model": GOOD["model"].astype("f8")},
     "trace.h5:/model: is stored as f64 and cannot be read as i64: fractions would be lost"),
])
def test_a_bad_trace_is_named(widepipe, tmp_path, changes, message):
    write_trace(tmp_path / "trace.h5", **changes)
    result = widepipe.run("simulate", "--workload", "trace.h5", "--report", "r.json",
                          cwd=tmp_path)
    check_refused(result, [re.escape(message)])
    assert not (tmp_path / "r.json").exists()


def test_a_deadline_that_nobody_can_meet_does_not_hang(widepipe, tmp_path):
    write_trace(tmp_path / "trace.h5", deadlines=np.array([1e-6, 0.05]))
    run = simulate(widepipe, tmp_path, "--find-goodput")
    assert run["share_of_bound"] == 0
    run = simulate(widepipe, tmp_path)
    assert run["all"]["in_time"] == 200, "those with the other deadline"


def test_a_trace_that_is_no_hdf5_is_named(widepipe, tmp_path):
    (tmp_path / "trace.h5").write_text("arrival,model\n")
    check_refused(widepipe.run("simulate", "--workload", "trace.h5", cwd=tmp_path),
                  ["trace.h5: is not an HDF5 file: expected the signature 89 48 44 46 "])
    check_refused(widepipe.run("simulate", "--workload", "none.h5", cwd=tmp_path),
                  ["none.h5: no such file"])


def counts_2019(*functions):
    """Invocations of each function in the first minutes of a day."""
    lines = [HEADER_2019]
    for number, counts in enumerate(functions):
        lines.append(f"o,a,f{number},http," + ",".join(map(str, counts + [0] * (1440 - len(counts)))))
    return "\n".join(lines) + "\n"


def test_azure_2019(widepipe, tmp_path):
    (tmp_path / "d01.csv").write_text(counts_2019([1, 2, 3], [0, 20, 30], [0, 0, 0], [4, 5, 6]))
    result = widepipe.run("trace", "d01.csv", "t.h5", "--models", "vgg16,alexnet",
                          "--first-minute", "2", "--minutes", "2", "--rows", "9",
                          "--slo-factor", "4", cwd=tmp_path).expect(0)
    assert result.stdout.startswith("t.h5: 66 requests of 3 functions for 2 models, ")
    with h5py.File(tmp_path / "t.h5") as file:
        assert list(file["models"].asstr()) == ["vgg16", "alexnet"]
        assert file["deadlines"][:] == pytest.approx([4 * 3.20e-3, 4 * 1.41e-3])
        arrival, model = file["arrival"][:], file["model"][:]
        assert (file["deadline_class"][:] == model).all()
        assert file["row"][:].min() >= 0 and 5 < file["row"][:].max() < 9
    assert (np.diff(arrival) >= 0).all()
    # The most invoked asks for the first model, the next for the second, then the first again.
    for which, minutes in ((0, [20 + 2, 30 + 3]), (1, [5, 6])):
        at = arrival[model == which]
        assert [((at >= 60 * m) & (at < 60 * (m + 1))).sum() for m in range(2)] == minutes
    widepipe.run("simulate", "--workload", "t.h5", "--devices", "1", cwd=tmp_path).expect(0)
    widepipe.run("trace", "d01.csv", "same.h5", "--models", "vgg16,alexnet", "--first-minute", "2",
                 "--minutes", "2", "--rows", "9", "--slo-factor", "4", cwd=tmp_path).expect(0)
    with h5py.File(tmp_path / "same.h5") as file:
        assert (file["arrival"][:] == arrival).all(), "the same seed, the same trace"


def test_azure_2021(widepipe, tmp_path):
    (tmp_path / "t.txt").write_text(
        f"{HEADER_2021}\r\na,f,100.5,0.5\r\na,g,103.25,0.25\na,f,170,1\na,f,130,0\n")
    result = widepipe.run("trace", "t.txt", "t.h5", "--minutes", "1", cwd=tmp_path).expect(0)
    assert result.stdout.startswith("t.h5: 3 requests of 2 functions for 10 models, ")
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["arrival"][:] == pytest.approx([0, 3, 30])
        assert list(file["model"][:]) == [0, 1, 0]


@pytest.mark.parametrize("text, options, message", [
    ("", [], "in.csv: line 1 is '', expected 'HashOwner,"),
    ("time,function\n1,2\n", [], "in.csv: line 1 is 'time,function', expected 'HashOwner,"),
    (f"{HEADER_2021}\na,f,1\n", [], "in.csv: line 2: 3 fields, expected 4"),
    (f"{HEADER_2021}\na,f,x,1\n", [], "in.csv: line 2: end_timestamp is 'x', expected a number"),
    (f"{HEADER_2021}\na,f,3,-1\n", [], "in.csv: line 2: ends at 3 after -1 s, expected finite"),
    (f"{HEADER_2021}\na,f,nan,1\n", [], "in.csv: line 2: ends at nan after 1 s, expected finite"),
    (f"{HEADER_2021}\n", [], "in.csv: no invocation in the 60 minutes from minute 1 on"),
    (counts_2019([1, -2]), [], "in.csv: line 2: the count of minute 2 is -2, expected 0 to"),
    (counts_2019([1, "many"]), [], "in.csv: line 2: the count of minute 2 is 'many', expected a n"),
    (counts_2019([1]) + "o,a,f,http,1\n", [], "in.csv: line 3: 5 fields, expected 1444"),
    (f"{HEADER_2021}\na,f,-1e308,1e308\n", [], "in.csv: line 2: ends at -1e308 after 1e308 s"),
    (counts_2019([60_000_000, 60_000_000]), [], "in.csv: line 2: more than 100000000 invocations"),
    (counts_2019([1]), ["--first-minute", "1441"], "has 1440 minutes, and 1441 is asked for"),
    (counts_2019([1]), ["--first-minute", "9"], "no invocation in the 60 minutes from minute 9"),
    (counts_2019([1]), ["--models", "vgg16,lenet"], "--models: 'lenet' is not in the profile"),
    (counts_2019([1]), ["--models", "vgg16,vgg16"], "--models: 'vgg16' is there twice"),
])
def test_a_bad_public_trace_is_named(widepipe, tmp_path, text, options, message):
    (tmp_path / "in.csv").write_text(text)
    result = widepipe.run("trace", "in.csv", "out.h5", *options, cwd=tmp_path)
    check_refused(result, [re.escape(message)])
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_trace_does_not_take_the_place_of_another_file(widepipe, tmp_path):
    (tmp_path / "in.csv").write_text(counts_2019([3]))
    (tmp_path / "out.h5").write_text("mine")
    check_refused(widepipe.run("trace", "in.csv", "out.h5", cwd=tmp_path), ["out.h5.*there already"])
    assert (tmp_path / "out.h5").read_text() == "mine"
    (tmp_path / "new.h5.part").write_text("mine")
    (tmp_path / "link.h5.part").symlink_to("nowhere")
    for name in ("new", "link"):
        check_refused(widepipe.run("trace", "in.csv", f"{name}.h5", cwd=tmp_path),
                      [f"'{name}.h5.part' is there already, in which '{name}.h5' is made: choose "
                       "another file"])
        assert not (tmp_path / f"{name}.h5").exists()
    assert (tmp_path / "new.h5.part").read_text() == "mine"
    assert (tmp_path / "link.h5.part").is_symlink()
    (tmp_path / "in.csv").rename(tmp_path / "other.h5.part")
    check_refused(widepipe.run("trace", "other.h5.part", "other.h5", cwd=tmp_path),
                  ["'other.h5.part' is there already"])
    assert (tmp_path / "other.h5.part").read_text() == counts_2019([3])
    (tmp_path / "other.h5.part").rename(tmp_path / "in.csv")
    check_refused(widepipe.run("trace", "none.csv", "fresh.h5", cwd=tmp_path),
                  ["none.csv.*cannot be read"])
    check_refused(widepipe.run("trace", "in.csv", "no/folder/out.h5", cwd=tmp_path),
                  ["cannot write to folder 'no/folder'"])


def test_a_trace_has_a_name_by_which_it_is_known(widepipe, tmp_path):
    (tmp_path / "in.csv").write_text(counts_2019([3]))
    for name in ("out", "out.hdf", "out.h5.bak", "h5"):
        check_refused(widepipe.run("trace", "in.csv", name, cwd=tmp_path),
                      [f"trace {name}: expected a name that ends in .h5 or .hdf5"])
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    for name in ("out.h5", "out.hdf5"):
        widepipe.run("trace", "in.csv", name, cwd=tmp_path).expect(0)
        widepipe.run("simulate", "--workload", name, "--devices", "1", cwd=tmp_path).expect(0)
