"""Show text from outside, such as the name of a file, on a terminal."""

import unicodedata

_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}  # categories: control characters, parts of characters, ends of lines
_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # they can turn round what follows


def printable(text: str) -> str:
    r"""Return a text in one line, with control characters written as \n, \x1b or \u202e."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    hidden = unicodedata.category(character) in _CONTROLS or unicodedata.bidirectional(character) in _DIRECTIONS
    return character.encode("unicode_escape").decode() if hidden else character
