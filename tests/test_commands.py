"""How every report command ends when it is interrupted."""

from types import ModuleType
from typing import NoReturn

import pytest

from experiments import (
    export_onnx,
    quantise,
    report,
    report_codecs,
    report_complexity,
    report_labels,
    report_training,
    report_where,
)


@pytest.mark.parametrize(
    ("command", "name", "arguments"),
    [
        (export_onnx, "export-onnx", ["rdn_s"]),
        (quantise, "quantise-filter", ["rdn_s", "--data", "data"]),
        (report, "report-gain", ["rdn_s", "--data", "data"]),
        (report_codecs, "report-codecs", ["data"]),
        (report_complexity, "report-complexity", ["rdn_s"]),
        (report_labels, "report-labels", ["data"]),
        (report_training, "report-training", ["run"]),
        (report_where, "report-where", ["rdn_s", "--data", "data"]),
    ],
)
def test_an_interruption_is_one_line_and_exit_code_130(
    command: ModuleType,
    name: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run", interrupted)
    assert command.main([*arguments, "--out", "out"]) == 130
    assert capsys.readouterr().err == f"{name}: interrupted\n"
