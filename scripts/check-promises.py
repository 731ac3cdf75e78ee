#!/usr/bin/env python3
"""Every test and every verb of the Makefile that reliability.md and hostile-input.md name is there, and holds something."""
import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
wrong = []
named = 0
verbs = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.M))
for page in [root / "Documentation/reliability.md", root / "Documentation/hostile-input.md"]:
    text = page.read_text(encoding="utf-8")
    # `Tests/…/File.swift`: "title", "title"
    for match in re.finditer(r'`((?:Tests|Fuzz)/[^`]+)`(?::((?:\s*"[^"]+",?)+))?', text):
        path, titles = root / match[1], re.findall(r'"([^"]+)"', match[2] or "")
        line = text[: match.start()].count("\n") + 1
        if not path.exists():
            wrong.append(f"{page.relative_to(root)}:{line}: there is no {match[1]}")
            continue
        source = path.read_text(encoding="utf-8") if path.is_file() else ""
        declared = set(re.findall(r'@(?:Test|Suite)\(\s*"((?:[^"\\]|\\.)*)"', source))
        declared |= set(re.findall(r"func `([^`]+)`", source))
        for title in titles:
            title = re.sub(r"\s+", " ", title)
            named += 1
            if title not in declared:
                wrong.append(f"{page.relative_to(root)}:{line}: no test is called '{title}' in {match[1]}")
    for verb in re.findall(r"`make ([a-z-]+)`", text):
        if verb not in verbs:
            wrong.append(f"{page.relative_to(root)}: 'make {verb}' is no verb of the Makefile")
    for block in re.split(r"^- \*\*", text.split("\n## What is not promised")[0], flags=re.M)[1:]:
        promise = block.split("**")[0]
        body = block.split("\n## ")[0]
        if not re.search(r'`(Tests|Fuzz)/|`make ', body):
            wrong.append(f"{page.relative_to(root)}: nothing holds the promise '{' '.join(promise.split())}'")
if not named:
    wrong.append("the two pages name no test")
print("\n".join(wrong) if wrong else f"promises: {named} tests named, each there", file=sys.stderr if wrong else sys.stdout)
sys.exit(bool(wrong))
