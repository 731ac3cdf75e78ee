#!/usr/bin/env python3
"""Writes a manual page for each command, from what the command says of itself: man-pages.py SEESAW FOLDER

The pages are mdoc(7); what they say is the command's own help, as --experimental-dump-help gives it. Their date is that of
SOURCE_DATE_EPOCH, else today's.
"""
import datetime
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

MACROS = set("""Ac Ad An Ao Ap Aq Ar At Bc Bd Bf Bk Bl Bo Bq Brc Bro Brq Bsx Bt Bx Cd Cm Db Dc Dd Dl Do Dq Dt Dv Dx Ec Ed Ef
Ek El Em En Eo Er Es Ev Ex Fa Fc Fd Fl Fn Fo Fr Ft Fx Hf Ic In It Lb Li Lk Lp Ms Mt Nd Nm No Ns Nx Oc Oo Op Os Ot Ox Pa Pc
Pf Po Pp Pq Qc Ql Qo Qq Re Rs Rv Sc Sh Sm So Sq Ss St Sx Sy Ta Tg Tn Ud Ux Va Vt Xc Xo Xr""".split())
STATUSES = [
    ("0", "The work is done."),
    ("1", "The work failed, a check found something wrong, or a sample could not be answered."),
    ("2", "A bound that audit --fail-on asks for is met."),
    ("64", "The command line or the configuration is wrong."),
    ("66", "Data, weights or a run are not there, or cannot be read."),
    ("70", "A defect of Seesaw's own."),
    ("75", "Stopped by SIGTERM or SIGUSR1 with a checkpoint left behind."),
    ("130", "Stopped by Ctrl-C with a checkpoint left behind."),
]


def escaped(text):
    """Text that roff takes as it is: backslashes, and what is not ASCII."""
    text = text.replace("\\", "\\e")
    return "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)


def words(text):
    """Text in the line of a macro, where a word may be a macro or a delimiter."""
    found = []
    for word in escaped(text).split(" "):
        isMacro = word in MACROS or (word and all(c in ".,:;()[]?!|" for c in word))
        found.append("\\&" + word if isMacro or word.startswith('"') else word)
    return " ".join(found)


def paragraphs(text):
    """Running text, a sentence a line as mdoc wants it."""
    lines = []
    for place, part in enumerate(re.split(r"\n\s*\n", text.strip())):
        if place:
            lines.append(".Pp")
        for line in part.split("\n"):
            # A sentence ends at a full stop before a capital; "vs. x" and "e.g." do not occur before one.
            for sentence in re.split(r"(?<=[.?!]) +(?=[A-Z])", line.strip()):
                # No hyphen may be put into a path, an option or a setting.
                text = " ".join("\\%" + w if re.search(r"\w[/._=]\w|^-|^/", w) else w for w in escaped(sentence).split(" "))
                for row in textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False):
                    lines.append("\\&" + row if row[:1] in (".", "'") else row)
    return lines


def flag(name):
    spelling = name["name"]
    return f"Fl {spelling}" if name["kind"] == "short" else f"Fl -{spelling}"


def shown(command):
    """The arguments that help shows; a flag and its --no- are one, with the default."""
    found = []
    for argument in command.get("arguments") or []:
        if not argument.get("shouldDisplay", True):
            continue
        before = found[-1] if found else None
        if before and argument["kind"] == "flag" and argument.get("abstract") == before.get("abstract"):
            before["names"] = before["names"] + argument["names"]
            before["defaultValue"] = before.get("defaultValue") or argument.get("defaultValue")
        else:
            found.append(dict(argument))
    return found


def tag(argument):
    if argument["kind"] == "positional":
        return "Ar " + words(argument["valueName"])
    value = f" Ar {words(argument['valueName'])}" if argument["kind"] == "option" else ""
    return " , ".join(flag(name) + value for name in argument["names"])


def synopsis(argument):
    if argument["kind"] == "positional":
        text = "Ar " + words(argument["valueName"]) + (" ..." if argument["isRepeating"] else "")
    else:
        text = flag(argument["preferredName"])
        text += f" Ar {words(argument['valueName'])}" if argument["kind"] == "option" else ""
    return ".Op " + text if argument["isOptional"] else "." + text


def help_examples(program, path):
    """The examples at the end of a command's help."""
    text = subprocess.run([program, *path[1:], "--help"], capture_output=True, text=True, check=True).stdout
    return [line[2:] for line in text.partition("\nEXAMPLES:\n")[2].split("\n") if line.startswith("  ")]


def page(program, command, path, date):
    name = "-".join(path)
    abstract = command.get("abstract", "").strip()
    parts = re.split(r"(?<=\.) ", abstract, maxsplit=1)
    arguments = shown(command)
    own = [c for c in command.get("subcommands") or [] if c.get("shouldDisplay", True) and c["commandName"] != "help"]
    lines = [f".Dd {date}", f".Dt {name.upper()} 1", ".Os", ".Sh NAME", f".Nm {name}"]
    summary = parts[0].rstrip(".")
    lines.append(".Nd " + words(summary[:1].lower() + summary[1:]))
    lines += [".Sh SYNOPSIS", f".Nm {' '.join(path)}"]
    lines += [synopsis(a) for a in arguments if a["kind"] == "positional"]
    lines += [synopsis(a) for a in arguments if a["kind"] != "positional"]
    if own:
        lines += [".Ar command", ".Op Ar ..."]
    text = "\n\n".join(filter(None, [abstract, (command.get("discussion") or "").strip()]))
    lines += [".Sh DESCRIPTION"] + paragraphs(text)
    if own:
        lines += [".Pp", "The commands are:", ".Bl -tag -width Ds"]
        for inner in own:
            lines += [f".It Xr {'-'.join(path)}-{inner['commandName']} 1"] + paragraphs(inner.get("abstract", ""))
        lines.append(".El")
    if arguments:
        lines += [".Pp", "The arguments and options are:", ".Bl -tag -width Ds"]
        for argument in arguments:
            lines.append(".It " + tag(argument))
            lines += paragraphs(argument.get("abstract", ""))
            default = argument.get("defaultValue")
            if default and (argument["kind"] != "flag" or len(argument["names"]) > 1):
                lines += paragraphs(f"The default is {default}.")
            if argument.get("allValues"):
                lines += paragraphs(f"The values are {', '.join(argument['allValues'])}.")
        lines.append(".El")
    if len(path) == 1:
        lines += [".Sh EXIT STATUS", ".Bl -tag -width Ds"]
        for status, meaning in STATUSES:
            lines += [f".It {status}"] + paragraphs(meaning)
        lines.append(".El")
    examples = help_examples(program, path)
    if examples:
        lines += [".Sh EXAMPLES"]
        for example in examples:
            lines += [".Bd -literal -offset indent", escaped(example), ".Ed"]
    if len(path) > 1:
        lines += [".Sh SEE ALSO", f".Xr {'-'.join(path[:-1])} 1"]
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, folder = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    dump = subprocess.run([program, "--experimental-dump-help"], capture_output=True, text=True, check=True).stdout
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    zone = datetime.timezone.utc
    day = datetime.datetime.fromtimestamp(int(epoch), zone) if epoch else datetime.datetime.now(zone)
    date = f"{day:%B} {day.day}, {day.year}"
    written = 0

    def write(command, path):
        nonlocal written
        (folder / f"{'-'.join(path)}.1").write_text(
            page(program, command, path, date), encoding="utf-8")
        written += 1
        for inner in command.get("subcommands") or []:
            if inner.get("shouldDisplay", True) and inner["commandName"] != "help":
                write(inner, path + [inner["commandName"]])

    root = json.loads(dump)["command"]
    write(root, [root["commandName"]])
    print(f"man-pages: {written} pages in {folder}")


if __name__ == "__main__":
    main()
