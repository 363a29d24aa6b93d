"""The marks that end and divide sentences in the languages that Bark speaks, and a few more."""

# ruff: noqa: RUF001 - these characters are meant as they are

from __future__ import annotations

import re

STOPS = ".!?…‼⁇⁈⁉։؟۔"
WIDE_STOPS = "。！？｡．।॥"  # no white space need follow
CLOSERS = "\"'”’»)]}›」』）】〉》〕］｝*_"
STRONG_MARKS = ";:；："
WEAK_MARKS = ",、，､"
WIDE_MARKS = "、，､；："
DASHES = "—–"
BULLET = re.compile(r"[-*•·–—]\s|\d{1,2}[.)]\s")
BULLET_STARTS = "-*•·–—0123456789"
BULLET_CHARACTERS = 4
