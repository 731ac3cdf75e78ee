#!/usr/bin/env python3
"""Opens reports in Chromium and checks what a reader relies on.

  look.py REPORTS SHOTS     REPORTS holds folders with an index.html each; screenshots go to SHOTS
"""

import os
import pathlib
import sys
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

MOST_SECONDS = 1.0
MOST_BYTES = 8_000_000
# Heights of a page as it opens, in windows of 900 points, by methods.
MOST_SCREENS = {3: 5, 28: 8}
failures = []


def check(what, holds, found=""):
    if not holds:
        failures.append(f"{what}{f': {found}' if found != '' else ''}")
        print(f"  ✘ {failures[-1]}")


def wait_until(page, expression, seconds=180):
    """The page's policy lets no string be evaluated inside it, so it is asked from outside."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            check(f"in time: {expression}", False)
            return
        page.wait_for_timeout(100)


def scroll_through(page):
    """Slowly enough that every figure is drawn."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for y in range(0, height, 600):
        page.evaluate(f"window.scrollTo(0, {y})")
        page.wait_for_timeout(40)
    wait_until(
        page,
        "[...document.querySelectorAll('.plot')].every(p => p.dataset.drawn || !p.checkVisibility()"
        " || p.parentElement.querySelector('script').textContent === 'null')")
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(200)


def first_screen(page, where, height):
    """The verdict, three numbers and the command are seen without scrolling."""
    for what in ("h1", ".numbers-first", ".next"):
        box = page.locator(what).first.bounding_box() if page.locator(what).count() else None
        if box:
            check(f"{where}: {what} is on the first screen", box["y"] + box["height"] <= height, box)
    check(f"{where}: there is a verdict", len(page.locator("h1").text_content()) > 10)


def screens(page, where):
    methods = page.evaluate("document.querySelectorAll('#scores tbody tr, #methods .method').length")
    rows = page.evaluate("document.querySelectorAll('#methods .method').length")
    found = page.evaluate("document.documentElement.scrollHeight") / 900
    for most, limit in sorted(MOST_SCREENS.items()):
        if methods and rows <= most:
            check(f"{where}: {rows} methods open on {limit} screens", found <= limit, f"{found:.1f}")
            break


def folds(page, where):
    """A link opens what it leads to, the keyboard alone closes it again, paper has all."""
    link = page.locator('.contents a[href="#provenance"]').first
    if link.count() == 0:
        return
    page.evaluate("location.hash = '#provenance'")
    page.wait_for_timeout(200)
    check(f"{where}: a deep link opens its fold", page.locator("#provenance").is_visible())
    summary = page.locator("details:has(#provenance) > summary").first
    summary.focus()
    page.keyboard.press("Enter")
    check(f"{where}: Enter closes a fold", not page.locator("#provenance").is_visible())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    check(f"{where}: print opens all", page.evaluate("[...document.querySelectorAll('details')].every(d => d.open)"))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    check(f"{where}: and closes them again", not page.locator("#provenance").is_visible())
    page.evaluate("history.replaceState(null, '', location.pathname)")


def saving(page, where, shots):
    """Every figure is handed over as a file with its text as text."""
    button = page.locator(".figure:visible .save button").first
    if button.count() == 0:
        return
    for form in ("SVG", "PNG"):
        with page.expect_download() as download:
            page.locator(f".figure:visible .save button:has-text('{form}')").first.click()
        file = shots / download.value.suggested_filename
        download.value.save_as(file)
        data = file.read_bytes()
        if form == "SVG":
            check(f"{where}: an SVG has text", b"<text" in data and b"<title>" in data and b"class=" not in data)
        else:
            check(f"{where}: a PNG is one", data.startswith(b"\x89PNG") and len(data) > 1000)


def open_all(page):
    page.evaluate("document.querySelectorAll('details.question').forEach(d => (d.open = true))")


def overflow(page):
    """What reaches beyond the page and not into a box of its own that scrolls."""
    return page.evaluate("""() => {
      const width = document.documentElement.clientWidth;
      const inBox = (e) => e.closest('.scroll, .broad .still, pre, .js-plotly-plot, .unseen, caption, .skip, fieldset legend');
      return [...document.querySelectorAll('main *, header *')]
        .filter(e => !inBox(e) && e.getBoundingClientRect().right > width + 1)
        .map(e => e.tagName + '.' + e.className).slice(0, 3);
    }""")


def headings(page):
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))")
    check("one h1, first", levels[:1] == [1] and levels.count(1) == 1, levels[:5])
    check("no heading skips a level", all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels)


def tables(page):
    check("tables have captions", page.evaluate("[...document.querySelectorAll('table')].every(t => t.caption?.textContent)"))
    check("heads have scopes", page.evaluate("[...document.querySelectorAll('th')].every(t => t.scope)"))
    check("pictures have words", page.evaluate("[...document.querySelectorAll('img')].every(i => i.alt)"))
    check("figures have words", page.evaluate(
        "[...document.querySelectorAll('[role=img]')].every(f => f.getAttribute('aria-label')?.length > 3)"))


def sorting(page):
    """By keyboard alone: the first column of numbers of the first table that is seen, both ways."""
    table = page.locator("table.sortable:visible").first
    if table.count() == 0:
        return
    heads = table.locator("thead tr").last.locator("th")
    place = heads.evaluate_all("heads => heads.findIndex(h => h.classList.contains('number'))")
    head = heads.nth(place)
    head.locator("button").focus()

    def values():
        cells = table.locator(f"tbody tr td:nth-child({place + 1})")
        return [float(value) for value in cells.evaluate_all("cells => cells.map(c => c.dataset.value)") if value]

    for expected, reverse in (("descending", True), ("ascending", False)):
        page.keyboard.press("Enter")
        check("aria-sort says how", head.get_attribute("aria-sort") == expected, head.get_attribute("aria-sort"))
        check("rows are in order", values() == sorted(values(), reverse=reverse), values()[:4])
    check("one column is sorted", table.locator("[aria-sort]").count() == 1)


def theme(page):
    button = page.locator("#theme")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    button.focus()
    page.keyboard.press("Space")
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    check("the button turns the theme", before != after, before)
    page.reload()
    open_all(page)
    check("the theme is remembered", page.evaluate("getComputedStyle(document.body).backgroundColor") == after)
    page.evaluate("localStorage.clear()")
    page.reload()


def pickers(page):
    select = page.locator(".confusion select[data-what=condition]").first
    if select.count() == 0 or not select.is_visible():
        return
    wait_until(page, "document.querySelector('.confusion .plot').dataset.drawn === 'yes'")
    before = page.locator(".confusion figcaption").first.text_content()
    select.select_option(index=1)
    page.wait_for_timeout(300)
    check("the matrix follows its picker", page.locator(".confusion figcaption").first.text_content() != before, before)
    check("what is chosen is announced", "right" in (page.locator(".announce").first.text_content() or ""))


def skip(page):
    page.reload()
    page.keyboard.press("Tab")
    check("the first stop is the skip link", page.evaluate("document.activeElement.className") == "skip")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    check("focus is seen", outline not in ("none", ""), outline)


def look(browser, axe, folder, shots):
    name = folder.name
    url = (folder / "index.html").resolve().as_uri()
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{name}: {size / 1e6:.1f} MB")
    check(f"{name} is under {MOST_BYTES / 1e6:.0f} MB", size < MOST_BYTES, size)
    for width in (1440, 390):
        for scheme in ("light", "dark"):
            where = f"{name}, {width} px, {scheme}"
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = context.new_page()
            said, asked = [], []
            page.on("console", lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda e: said.append(str(e)))
            page.on("request", lambda r: asked.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None)
            page.on("dialog", lambda d: (said.append(f"dialog: {d.message}"), d.dismiss()))
            begun = time.perf_counter()
            page.goto(url, wait_until="load")
            seconds = time.perf_counter() - begun
            paint = page.evaluate("performance.getEntriesByType('paint').map(p => p.startTime).pop() ?? 0") / 1000
            if width == 1440 and scheme == "light":
                print(f"  opens in {seconds:.2f} s, first paint after {paint:.2f} s")
            check(f"{where}: opens in {MOST_SECONDS} s", seconds < MOST_SECONDS, f"{seconds:.2f} s")
            first_screen(page, where, 900 if width == 1440 else 844)
            if width == 1440 and scheme == "light":
                screens(page, where)
                page.screenshot(path=shots / f"{name}-first.png")
                folds(page, where)
                saving(page, where, shots)
            open_all(page)
            scroll_through(page)
            plots = page.locator(".plot").count()
            drawn = page.locator(".plot[data-drawn] .main-svg").count()
            check(f"{where}: figures are drawn", plots == 0 or drawn > 0, f"{drawn} of {plots}")
            check(f"{where}: nothing reaches beyond the page", overflow(page) == [], overflow(page))
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            check(f"{where}: the page does not scroll sideways", wide <= 0, wide)
            found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
            for violation in found.response["violations"]:
                targets = [str(node["target"][0])[:80] for node in violation["nodes"][:3]]
                check(f"{where}: {violation['id']}", False, f"{violation['help']} {targets}")
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": min(height, 9000)})
            page.wait_for_timeout(400)
            page.screenshot(path=shots / f"{name}-{width}-{scheme}.png")
            page.set_viewport_size({"width": width, "height": 900})
            if scheme == "light":
                headings(page)
                tables(page)
                pickers(page)
                sorting(page)
                skip(page)
                theme(page)
            if width == 1440 and scheme == "light":
                page.pdf(path=shots / f"{name}.pdf", format="A4")
            check(f"{where}: the console is quiet", said == [], said[:3])
            check(f"{where}: nothing is asked of the network", asked == [], asked[:3])
            context.close()


def main():
    reports, shots = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"])
        for folder in sorted(reports.iterdir()):
            look(browser, Axe(), folder, shots)
        browser.close()
    print(f"{len(failures)} failed" if failures else "all well")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
