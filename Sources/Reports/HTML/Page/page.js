(() => {
  "use strict";
  const root = document.documentElement;
  const key = "seesaw-theme";
  const remembered = (value) => {
    // A page opened from a file may have no memory.
    try {
      if (value) localStorage.setItem(key, value);
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const saved = remembered();
  if (saved === "dark" || saved === "light") root.dataset.theme = saved;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  // Tables that sort: by click and by keyboard, empty cells last.
  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const other = first === "descending" ? "ascending" : "descending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const keyOf = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
        const rows = [...body.rows].map((row) => ({ row, key: keyOf(row) }));
        rows.sort((a, b) => {
          if (a.key === "" || b.key === "") return (a.key === "" ? 1 : 0) - (b.key === "" ? 1 : 0);
          const [x, y] = [Number(a.key), Number(b.key)];
          return sign * (Number.isNaN(x) || Number.isNaN(y) ? a.key.localeCompare(b.key) : x - y);
        });
        body.append(...rows.map((one) => one.row));
      });
    });
  };

  // Colours by name, as the theme has them.
  let probe;
  const colour = (name, alpha) => {
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3);
    return alpha === undefined ? `rgb(${parts})` : `rgba(${parts},${alpha / 100})`;
  };
  const painted = (value, name) => {
    if (Array.isArray(value)) return value.map((one) => painted(one, name));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v, k)]));
    }
    const isColour = ["color", "fillcolor", "colorscale"].includes(name) && typeof value === "string";
    if (!isColour || !value.startsWith("@")) return value;
    const [token, alpha] = value.slice(1).split("/");
    return colour(token, alpha);
  };

  const layoutOf = (figure) => {
    const axis = {
      gridcolor: colour("line"), linecolor: colour("edge"), zerolinecolor: colour("line"), automargin: true,
      tickfont: { color: colour("muted"), size: 11 }, ticks: "", fixedrange: false,
    };
    const own = painted(figure.layout);
    const words = { font: { color: colour("muted"), size: 12 }, standoff: 8 };
    const axisOf = (mine) => ({ ...axis, ...mine, title: { ...words, ...mine.title } });
    return {
      ...own,
      xaxis: axisOf(own.xaxis),
      yaxis: axisOf(own.yaxis),
      annotations: (own.annotations ?? []).map((one) => ({ font: { color: colour("muted"), size: 11 }, ...one })),
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
      margin: { l: 44, r: 14, t: 10, b: 40 },
      legend: { orientation: "h", y: -0.2, yanchor: "top", x: 0, font: { size: 11.5 } },
      hoverlabel: {
        bgcolor: colour("sheet"), bordercolor: colour("edge"), align: "left", namelength: 40,
        font: { color: colour("ink"), size: 12 },
      },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    };
  };
  const dataOf = (figure) =>
    painted(figure.data).map((trace) => {
      if (trace.type !== "heatmap") return trace;
      const rows = figure.layout.yaxis.ticktext;
      const columns = figure.layout.xaxis.ticktext;
      const words = { tickfont: { color: colour("muted"), size: 11 } };
      const title = { ...trace.colorbar?.title, font: { color: colour("muted"), size: 11 }, side: "right" };
      return {
        ...trace,
        text: trace.text ?? trace.z.map((row, i) => row.map((_, j) => `${rows[i]}<br>${columns[j]}`)),
        colorbar: { ...trace.colorbar, ...words, title },
      };
    });
  const config = {
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
  };

  // Plotly comes when the first figure does.
  let coming;
  const plotly = () => {
    coming ??= new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = "plotly.min.js";
      script.onload = () => done(globalThis.Plotly);
      script.onerror = fail;
      document.head.append(script);
    });
    return coming;
  };

  const drawn = new Map();
  const draw = async (plot, figure) => {
    const Plotly = await plotly();
    let live = plot.querySelector(".live");
    if (!live) {
      live = document.createElement("div");
      live.className = "live";
      live.style.height = `${plot.dataset.height}px`;
      live.setAttribute("role", "group");
      live.setAttribute("aria-label", plot.querySelector(".still").getAttribute("aria-label"));
      plot.append(live);
      plot.classList.add("drawn");
    }
    drawn.set(plot, figure);
    await Plotly.react(live, dataOf(figure), layoutOf(figure), config);
    plot.dataset.drawn = "yes";
  };
  const repaint = () => drawn.forEach((figure, plot) => draw(plot, figure));

  // Confusion: counts are told once, as gaps and counts of what is not zero.
  const confusion = (box) => {
    const told = JSON.parse(box.querySelector(":scope > script").textContent);
    const size = told.classes.length;
    const plots = [...box.querySelectorAll(".plot")];
    const pickers = [...box.querySelectorAll("select")];
    const words = box.querySelector(".announce");
    const chosen = (side, what) =>
      pickers.find((one) => one.dataset.side === String(side) && one.dataset.what === what).value;
    const figureOf = (method, condition) => {
      const counts = Array.from({ length: size }, () => new Array(size).fill(0));
      const pairs = told.counts[method][condition];
      let place = -1;
      for (let i = 0; i < pairs.length; i += 2) {
        place += pairs[i];
        counts[Math.floor(place / size)][place % size] = pairs[i + 1];
      }
      const sums = counts.map((row) => row.reduce((a, b) => a + b, 0));
      const right = counts.reduce((sum, row, i) => sum + row[i], 0);
      const all = sums.reduce((a, b) => a + b, 0);
      const ticks = told.classes.map((_, i) => i);
      const text = counts.map((row, i) =>
        row.map((n, j) => `truth ${told.classes[i]}<br>taken for ${told.classes[j]}<br>${n} of ${sums[i]}`));
      const short = told.classes.map((name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name));
      const axis = (title) => ({
        title: { text: title }, tickvals: ticks, ticktext: short, zeroline: false, showgrid: false,
      });
      return {
        share: all ? (100 * right) / all : NaN,
        data: [{
          type: "heatmap", x: ticks, y: ticks, text, hovertemplate: "%{text}<extra></extra>", zmin: 0, zmax: 100,
          z: counts.map((row, i) => row.map((n) => (sums[i] ? Math.round((1000 * n) / sums[i]) / 10 : null))),
          colorscale: [[0, "@sheet"], [1, "@accent"]], xgap: size > 30 ? 0 : 1, ygap: size > 30 ? 0 : 1,
          colorbar: { title: { text: "% of the class" }, thickness: 10, outlinewidth: 0 },
        }],
        layout: {
          xaxis: { ...axis("taken for"), tickangle: -45, tickfont: { size: size > 30 ? 8 : 11 } },
          yaxis: { ...axis("truth"), autorange: "reversed", tickfont: { size: size > 30 ? 8 : 11 } },
          showlegend: false,
          hovermode: "closest",
        },
      };
    };
    const show = (side) => {
      const [method, condition] = [chosen(side, "method"), chosen(side, "condition")];
      const figure = figureOf(method, condition);
      const title = `${told.methods[method]}, ${told.conditions[condition]}: ${figure.share.toFixed(1)} % right`;
      plots[side].closest("figure").querySelector("figcaption").textContent = title;
      plots[side].querySelector(".live")?.setAttribute("aria-label", `Confusion matrix of ${title}`);
      draw(plots[side], figure);
      return title;
    };
    const pickersBox = box.querySelector(".pickers");
    if (pickersBox) pickersBox.hidden = false;
    pickers.forEach((one) =>
      one.addEventListener("change", () => (words.textContent = show(Number(one.dataset.side)))));
    return (plot) => {
      const side = plots.indexOf(plot);
      if (pickers.length) show(side);
      else draw(plot, figureOf(told.first[side][0], told.first[side][1]));
    };
  };

  // What a link leads to is opened, and all of it for paper.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    let isNew = false;
    for (let one = target.closest("details"); one; one = one.parentElement.closest("details")) {
      isNew ||= !one.open;
      one.open = true;
    }
    if (isNew) target.scrollIntoView();
  };
  const opened = [];
  const openAll = () => {
    document.querySelectorAll("details:not([open])").forEach((one) => {
      opened.push(one);
      one.open = true;
    });
  };
  const closeAgain = () => opened.splice(0).forEach((one) => (one.open = false));

  // A page of runs that still train is read again, with the same questions open: from a file every so often, and where
  // seesaw serves it, as soon as it is another.
  const isServed = ["localhost", "127.0.0.1"].includes(location.hostname);
  const follow = () => {
    // The server ends with the runs: what the page may want later is fetched while it is there.
    if (isServed) {
      document.querySelectorAll('img[loading="lazy"]').forEach((one) => (one.loading = "eager"));
      if (!isStill()) plotly().catch(() => missing());
    }
    const seconds = Number(document.querySelector('meta[name="live"]')?.content);
    const memory = "seesaw-open";
    const questions = [...document.querySelectorAll(".question")];
    try {
      const saved = JSON.parse(sessionStorage.getItem(memory) ?? "null");
      if ((seconds || isServed) && saved) questions.forEach((one) => (one.open = saved.includes(one.id)));
    } catch {
      // A page opened from a file may have no memory.
    }
    if (!seconds) return;
    const again = () => {
      try {
        sessionStorage.setItem(memory, JSON.stringify(questions.filter((one) => one.open).map((one) => one.id)));
      } catch {
        // Then the questions are open as at first.
      }
      location.reload();
    };
    if (!isServed) return void setTimeout(again, seconds * 1000);
    let before;
    let isAlone = false;
    const look = async () => {
      try {
        const text = await (await fetch(location.pathname, { cache: "no-cache" })).text();
        // The last page is live no more.
        const isLast = !/ name="live" content="[\d.]+"/.test(text);
        if (isAlone || isLast || (before ?? text) !== text) return again();
        before = text;
      } catch {
        if (!isAlone) notice("The command behind this page has ended. The page is also a file: report/index.html.");
        isAlone = true;
      }
      setTimeout(look, 1000);
    };
    setTimeout(look, 1000);
  };

  // A figure as a file: its still picture with the page's colours in it, text as text.
  const kept = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linecap",
    "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight"];
  const pictureOf = (figure) => {
    const source = figure.querySelector(".still svg");
    const copy = source.cloneNode(true);
    const inks = [...copy.querySelectorAll("*")];
    [...source.querySelectorAll("*")].forEach((one, place) => {
      const style = getComputedStyle(one);
      inks[place].removeAttribute("class");
      inks[place].setAttribute("style", kept.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    });
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.removeAttribute("aria-hidden");
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = figure.querySelector("figcaption").textContent;
    copy.prepend(title);
    return { text: new XMLSerializer().serializeToString(copy), box: source.viewBox.baseVal };
  };
  const hand = (name, address) => {
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
  };
  const save = (figure, form) => {
    if (form === "PDF") {
      figure.classList.add("alone");
      document.body.classList.add("one");
      print();
      return;
    }
    const picture = pictureOf(figure);
    const address = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture.text)}`;
    if (form === "SVG") return hand(`${figure.id}.svg`, address);
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      const scale = 3;
      [canvas.width, canvas.height] = [picture.box.width * scale, picture.box.height * scale];
      const context = canvas.getContext("2d");
      context.fillStyle = colour("sheet");
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      hand(`${figure.id}.png`, canvas.toDataURL("image/png"));
    };
    image.src = address;
  };
  const addSaving = (figure) => {
    if (!figure.querySelector(".still svg")) return;
    const words = document.createElement("p");
    words.className = "save";
    const what = { SVG: "Save as SVG", PNG: "Save as PNG", PDF: "Print, or save as PDF" };
    words.append(...Object.entries(what).map(([form, label]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = form;
      button.title = label;
      button.setAttribute("aria-label", `${form}: ${label}, ${figure.querySelector("figcaption").textContent}`);
      button.addEventListener("click", () => save(figure, form));
      return button;
    }));
    figure.append(words);
  };

  const begin = () => {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);

    const button = document.getElementById("theme");
    const words = document.getElementById("theme-words");
    const name = () => {
      words.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
    };
    button.hidden = false;
    name();
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remembered(root.dataset.theme);
      name();
      repaint();
    });
    system.addEventListener("change", () => {
      name();
      repaint();
    });

    document.querySelectorAll("table.sortable").forEach(makeSortable);
    document.querySelectorAll(".figure").forEach(addSaving);

    addEventListener("hashchange", reveal);
    addEventListener("beforeprint", openAll);
    addEventListener("afterprint", () => {
      closeAgain();
      document.body.classList.remove("one");
      document.querySelectorAll(".alone").forEach((one) => one.classList.remove("alone"));
    });
    reveal();
    follow();

    const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
    const seen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          links.forEach((a) => a.removeAttribute("aria-current"));
          links.get(entry.target.id)?.setAttribute("aria-current", "true");
        }
      },
      { rootMargin: "-15% 0px -75% 0px" });
    document.querySelectorAll("section[id]").forEach((section) => seen.observe(section));

    if (isStill()) return;
    const boxes = new Map([...document.querySelectorAll("[data-confusion]")].map((box) => [box, confusion(box)]));
    const near = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          near.unobserve(entry.target);
          const plot = entry.target;
          const box = plot.closest("[data-confusion]");
          const figure = box ? null : JSON.parse(plot.parentElement.querySelector("script").textContent);
          // Some figures are pictures and nothing else.
          if (!box && !figure) continue;
          plotly().then(
            () => (box ? boxes.get(box)(plot) : draw(plot, figure)),
            () => missing());
        }
      },
      { rootMargin: "400px 0px" });
    document.querySelectorAll(".plot").forEach((plot) => near.observe(plot));
  };

  const isStill = () => document.querySelector('meta[name="figures"]')?.content === "still";

  const notice = (sentence) => {
    const words = document.createElement("p");
    words.className = "notice";
    words.setAttribute("role", "status");
    words.textContent = sentence;
    document.querySelector(".hero").append(words);
  };

  // The file beside this one is gone: what is drawn already stays, and stands still.
  let isSaid = false;
  const missing = () => {
    if (isSaid) return;
    isSaid = true;
    notice("plotly.min.js is not beside this page, so its figures stand still.");
    document.querySelectorAll(".pickers").forEach((one) => (one.hidden = true));
  };

  document.addEventListener("DOMContentLoaded", begin);
})();
