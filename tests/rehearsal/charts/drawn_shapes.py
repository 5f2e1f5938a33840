"""Reads a drawing back: the box of every shape and of every text, in the drawing's own units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
LETTER, HEIGHT = 5.9, 8.0
"""A letter's width at the drawing's size of text, on average, and a capital's height."""


class Drawn:
    """An SVG that is well-formed XML."""

    def __init__(self, svg: str) -> None:
        self.root = ElementTree.fromstring(svg)
        width, height = map(float, str(self.root.get("viewBox")).split()[2:])
        self.box: Box = (0.0, 0.0, width, height)

    def find_by_attribute(self, attribute: str) -> dict[str, Element]:
        return {found: each for each in self.root.iter() if (found := each.get(attribute))}

    def find_by_class(self, name: str) -> list[Element]:
        return [each for each in self.root.iter() if name in str(each.get("class")).split()]

    def titles(self) -> list[str]:
        return [str(each.text) for each in self.root.iter("title")]

    def shapes(self) -> Iterator[tuple[Element, Box]]:
        """What is drawn; patterns are not."""
        patterns = {part for pattern in self.root.iter("pattern") for part in pattern.iter()}
        for each in self.root.iter():
            if each in patterns or (each.tag == "path" and not each.get("d")):
                continue
            if each.tag == "path":
                yield each, path_box(str(each.get("d")))
            elif each.tag == "rect":
                x, y, width, height = (float(str(each.get(name))) for name in ("x", "y", "width", "height"))
                assert min(width, height) >= 0
                yield each, (x, y, x + width, y + height)

    def texts(self) -> Iterator[tuple[str, Box]]:
        """Words and about where they stand; the numbers within flags are left out."""
        for each in self.root.iter("text"):
            classes = str(each.get("class")).split()
            if "number" in classes:
                continue
            words = "".join(each.itertext())
            x, y, width = float(str(each.get("x"))), float(str(each.get("y"))), len(words) * LETTER
            left = x - width if "l" in classes else x - width / 2 if "m" in classes else x
            yield words, (left, y - HEIGHT, left + width, y)


def path_box(path: str) -> Box:
    """The box of a path of M, L, H, V, h, v, l, m and z."""
    x = y = 0.0
    seen: list[tuple[float, float]] = []
    for command, told in re.findall(r"([MLHVhvlmz])([^MLHVhvlmz]*)", path):
        values = [float(each) for each in re.findall(r"-?[\d.]+", told)]
        match command:
            case "M" | "L":
                x, y = values
            case "m" | "l":
                x, y = x + values[0], y + values[1]
            case "H":
                (x,) = values
            case "V":
                (y,) = values
            case "h":
                x += values[0]
            case "v":
                y += values[0]
            case _:
                continue
        seen.append((x, y))
    return min(a for a, _ in seen), min(b for _, b in seen), max(a for a, _ in seen), max(b for _, b in seen)


def within(inner: Box, outer: Box, slack: float = 0.11) -> bool:
    return (
        inner[0] >= outer[0] - slack
        and inner[1] >= outer[1] - slack
        and inner[2] <= outer[2] + slack
        and inner[3] <= outer[3] + slack
    )


def overlap(a: Box, b: Box, slack: float = 0.11) -> bool:
    return a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack
