"""Bad usage and bad input: exit code 2, one line that says what is wrong, nothing written,
nothing hanging; alone and under a launcher."""


import pytest

import bad_data  # noqa: F401  (they fill the table)
import bad_models  # noqa: F401
import bad_use  # noqa: F401
import data
from bad_table import CASES, Box
from runner import check_refused


# Open MPI's launcher waits a second for the other ranks when one ends with an error.
IMPATIENT = {"OMPI_MCA_odls_base_sigkill_timeout": "0"}


def label(ranks):
    return "plain" if ranks is None else f"ranks{ranks}"


@pytest.mark.parametrize("case, ranks", [
    pytest.param(case, ranks, id=f"{case.name}-{label(ranks)}")
    for case in CASES for ranks in case.ranks])
def test_refused(widepipe, lenet, tmp_path, case, ranks):
    folder = tmp_path / "box"
    folder.mkdir()
    model = folder / "model.onnx"
    model.write_bytes(lenet.read_bytes())
    box = Box(folder, model)
    arguments = case.arguments(box)
    before = data.snapshot(folder)
    result = widepipe.run(*arguments, ranks=ranks, timeout=40, cwd=folder, env=IMPATIENT,
                          prefix=case.prefix(box))
    check_refused(result, case.facts)
    after = data.snapshot(folder)
    assert sorted(after) == sorted(before), "files came or went"
    assert after == before, "a file was changed"


def test_control_is_accepted(widepipe, lenet, tmp_path):
    """The good box scores, so each case above fails for its own reason."""
    box = Box(tmp_path, lenet)
    widepipe.run(*box.score()).expect(0)
    assert data.read(box.output).shape == (20, 10)
    assert not (tmp_path / "out.h5.lock").exists()


@pytest.mark.parametrize("small_disk", [2], indirect=True)
def test_small_disk(widepipe, lenet, tmp_path, small_disk):
    """A real disk with too little room."""
    source = data.write(tmp_path / "in.h5", images=data.pixels(60_000))
    for ranks in (None, 3):
        result = widepipe.score(lenet, f"{source}:/images", f"{small_disk}/out.h5:/scores",
                                ranks=ranks)
        check_refused(result, (r"disk/out\.h5", "free", r"2\.. MiB|2\.. MB", "disk'"))
        assert list(small_disk.iterdir()) == []
