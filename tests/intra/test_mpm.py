"""Test the most probable modes against the clauses of the standards, transcribed line by line, and against cases."""

import pytest

from codecnn.intra.mpm import hevc_mpms, hevc_table, vvc_mpms, vvc_table


def clause_of_vvc(a: int, b: int) -> list[int]:
    """H.266 8.4.2, equations in their order; the list after planar."""
    if a == b and a > 1:
        return [a, 2 + ((a + 61) % 64), 2 + ((a - 1) % 64), 2 + ((a + 60) % 64), 2 + (a % 64)]
    if a != b and (a > 1 or b > 1):
        low, high = min(a, b), max(a, b)
        if a > 1 and b > 1:
            if high - low == 1:
                return [a, b, 2 + ((low + 61) % 64), 2 + ((high - 1) % 64), 2 + ((low + 60) % 64)]
            if high - low >= 62:
                return [a, b, 2 + ((low - 1) % 64), 2 + ((high + 61) % 64), 2 + (low % 64)]
            if high - low == 2:
                return [a, b, 2 + ((low - 1) % 64), 2 + ((low + 61) % 64), 2 + ((high - 1) % 64)]
            return [a, b, 2 + ((low + 61) % 64), 2 + ((low - 1) % 64), 2 + ((high + 61) % 64)]
        return [high, 2 + ((high + 61) % 64), 2 + ((high - 1) % 64), 2 + ((high + 60) % 64), 2 + (high % 64)]
    return [1, 50, 18, 46, 54]


def clause_of_hevc(a: int, b: int) -> list[int]:
    """H.265 8.4.2."""
    if a == b:
        return [0, 1, 26] if a < 2 else [a, 2 + ((a + 29) % 32), 2 + ((a - 2 + 1) % 32)]
    if 0 not in (a, b):
        return [a, b, 0]
    return [a, b, 1] if 1 not in (a, b) else [a, b, 26]


def test_all_pairs_follow_the_clause() -> None:
    for a in range(67):
        for b in range(67):
            assert list(vvc_mpms(a, b)) == [0, *clause_of_vvc(a, b)] == vvc_table()[a, b].tolist()
    for a in range(35):
        for b in range(35):
            assert list(hevc_mpms(a, b)) == clause_of_hevc(a, b) == hevc_table()[a, b].tolist()


@pytest.mark.parametrize(
    ("left", "above", "expected"),
    [
        (0, 1, (0, 1, 50, 18, 46, 54)),
        (50, 50, (0, 50, 49, 51, 48, 52)),
        (2, 2, (0, 2, 65, 3, 64, 4)),
        (66, 66, (0, 66, 65, 3, 64, 4)),  # 66 is the angle of 2 on the other side
        (1, 18, (0, 18, 17, 19, 16, 20)),
        (30, 31, (0, 30, 31, 29, 32, 28)),
        (66, 2, (0, 66, 2, 3, 65, 4)),
        (40, 38, (0, 40, 38, 39, 37, 41)),
        (10, 50, (0, 10, 50, 9, 11, 49)),
    ],
)
def test_cases_of_vvc(left: int, above: int, expected: tuple[int, ...]) -> None:
    assert vvc_mpms(left, above) == expected


@pytest.mark.parametrize(
    ("left", "above", "expected"),
    [
        (1, 1, (0, 1, 26)),
        (0, 0, (0, 1, 26)),
        (26, 26, (26, 25, 27)),
        (2, 2, (2, 33, 3)),
        (34, 34, (34, 33, 3)),
        (10, 26, (10, 26, 0)),
        (0, 26, (0, 26, 1)),
        (1, 0, (1, 0, 26)),
    ],
)
def test_cases_of_hevc(left: int, above: int, expected: tuple[int, ...]) -> None:
    assert hevc_mpms(left, above) == expected


def test_no_mode_is_twice_in_a_list() -> None:
    for table in (vvc_table(), hevc_table()):
        for mpms in table.reshape(-1, table.shape[2]).tolist():
            assert len(set(mpms)) == len(mpms)
