"""Write points as a spreadsheet with anchor and test side by side, as contributions to JVET do."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from math import isfinite
from statistics import fmean

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from codecnn.metrics import bd_rate_or_reason
from experiments.reports.gain.points import BASELINE, UNFILTERED, Point
from experiments.reports.shared.means import grouped

FIGURES = {
    "kbps": "kbps", "psnr_y": "Y PSNR", "psnr_u": "U PSNR", "psnr_v": "V PSNR", "psnr_yuv": "YUV PSNR", "ssim": "SSIM",
    "ms_ssim": "MS-SSIM", "vmaf": "VMAF", "flicker": "flicker", "seconds": "filter s/frame",
}  # fmt: skip
RATES = {"psnr_y": "Y", "psnr_u": "U", "psnr_v": "V", "psnr_yuv": "YUV"}
BITS = {"psnr_y": "bits"}  # of the frames in the means; those of the others are `bits_chroma`
FIRST_ROW = 4  # below the headings
BOLD = Font(bold=True)


def to_spreadsheet(points: Sequence[Point], about: Mapping[str, str], encoders: Mapping[str, str]) -> bytes:
    """Return an .xlsx file: what was measured, and a sheet for each codec and picture against the baseline.

    encoders: in words, by codec.
    """
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)
    first.title = "about"
    for line in about.items():
        first.append([*map(_text, line)])
    first.column_dimensions["A"].width = 28
    for (codec,), of_codec in grouped(points, "codec"):
        anchors = {(point.source, point.qp): point for point in of_codec if point.picture == BASELINE}
        pictures = dict.fromkeys(point.picture for point in of_codec if point.picture != BASELINE)
        for picture in sorted(pictures, key=lambda name: name == UNFILTERED):  # what is tested comes first
            sheet = book.create_sheet(_title(book, f"{codec} {picture}"))
            tests = [point for point in of_codec if point.picture == picture]
            _fill(sheet, [(anchors[test.source, test.qp], test) for test in tests], encoders[codec], picture)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _fill(sheet: Worksheet, pairs: Sequence[tuple[Point, Point]], anchor: str, test: str) -> None:
    """Write the headings, a row for each clip and QP, the means of the BD-rates, and of how many clips they are."""
    used = [name for name in FIGURES if any(isfinite(getattr(p, name)) for pair in pairs for p in pair)]
    rates = [name for name in RATES if name in used]
    places = (3, 3 + len(used), 3 + 2 * len(used))  # the first columns of anchor, test and BD-rates
    for column, heading in zip(places, (f"Anchor: {anchor}", f"Test: {test}", "BD-rate, PCHIP"), strict=True):
        sheet.cell(2, column, _text(heading)).font = BOLD
    headings = ["Sequence", "QP", *2 * [FIGURES[name] for name in used], *(RATES[name] for name in rates)]
    for column, title in enumerate(headings, start=1):
        cell = sheet.cell(FIRST_ROW - 1, column, title)
        cell.font, cell.alignment = BOLD, Alignment(horizontal="left" if column == 1 else "right")
        sheet.column_dimensions[get_column_letter(column)].width = 32 if column == 1 else 14
    clips = grouped([test for _, test in pairs], "source")
    row, found = FIRST_ROW, {name: list[float]() for name in rates}
    for (source,), of_clip in clips:
        of_clip = sorted(of_clip, key=lambda point: point.qp)
        anchors = {test.qp: anchor for anchor, test in pairs if test.source == source}
        for offset, point in enumerate(of_clip):
            sheet.cell(row + offset, 1, "" if offset else _text(source))
            sheet.cell(row + offset, 2, point.qp)
            for place, one in zip(places, (anchors[point.qp], point), strict=False):
                for column, name in enumerate(used, start=place):
                    _number(sheet, row + offset, column, getattr(one, name), "0.0000")
        for column, name in enumerate(rates, start=places[2]):
            curves = [
                [getattr(one, field) for one in curve]
                for curve in ([anchors[point.qp] for point in of_clip], of_clip)
                for field in (BITS.get(name, "bits_chroma"), name)
            ]
            rate = bd_rate_or_reason(*curves).percent
            found[name] += [rate] * isfinite(rate)
            _number(sheet, row, column, rate / 100, "0.00%")
        row += len(of_clip)
    sheet.cell(row, 1, "Overall").font = BOLD
    if rates:
        sheet.cell(row + 1, 1, f"clips with a BD-rate, of {len(clips)}")
    for column, name in enumerate(rates, start=places[2]):
        sheet.cell(row + 1, column, len(found[name]))
        if found[name]:
            _number(sheet, row, column, fmean(found[name]) / 100, "0.00%")
    sheet.freeze_panes = f"C{FIRST_ROW}"


def _number(sheet: Worksheet, row: int, column: int, value: float, form: str) -> None:
    if isfinite(value):
        sheet.cell(row, column, value).number_format = form


def _text(text: str) -> str:
    """Return a text that a spreadsheet takes as a text: no formula, and no control characters."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return f"'{shown}" if shown.startswith("=") else shown


def _title(book: Workbook, name: str) -> str:
    """Return a title of a sheet: at most 31 characters, none that is not allowed, and not that of another sheet."""
    plain = "".join("_" if character in "[]:*?/\\'" else character for character in _text(name))
    titles = [plain[:31], *(f"{plain[:28]} {number}" for number in range(2, 100))]
    return next(title for title in titles if title.lower() not in {other.lower() for other in book.sheetnames})
