#!/usr/bin/env python3
"""Lists every sentence that the command can print, with its place: string literals of Sources of four words or more.

  scripts/printed-sentences.py [WORD]     only those that hold WORD
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LITERAL = re.compile(r'"""(.*?)"""|"((?:[^"\\\n]|\\.)*)"', re.DOTALL)
wanted = sys.argv[1] if len(sys.argv) > 1 else ""
for path in sorted((ROOT / "Sources").rglob("*.swift")):
    text = "\n".join(
        "" if line.lstrip().startswith("//") else line for line in path.read_text("utf-8").split("\n"))
    # Pieces that are added up are one sentence.
    text = re.sub(r'"\s*\n?\s*\+\s*\n?\s*"', "", text)
    for match in LITERAL.finditer(text):
        words = " ".join((match[1] or match[2] or "").replace("\\\n", "").split())
        if len(re.findall(r"[A-Za-z]{2,}", words)) >= 4 and wanted in words:
            print(f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {words}")
