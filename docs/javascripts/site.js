/* What the pages need from scripts, beyond the theme: math, diagrams, the lightbox, and names for buttons
   that the theme makes without one. Everything is loaded from this site, and only by pages that use it. */
(() => {
  "use strict";
  const here = document.currentScript.src;
  const at = (path) => new URL(path, here).href;

  const loaded = new Map();
  const load = (path) => {
    if (!loaded.has(path)) {
      loaded.set(path, new Promise((resolve, reject) => {
        const css = path.endsWith(".css");
        const element = document.createElement(css ? "link" : "script");
        if (css) element.rel = "stylesheet";
        element[css ? "href" : "src"] = at(path);
        element.onload = resolve;
        element.onerror = () => reject(new Error(`can not load ${path}`));
        // Not into the head: on instant navigation the theme makes it equal to the next page's.
        document.body.append(element);
      }));
    }
    return loaded.get(path);
  };

  // Work that is done one piece at a time, so that the page answers in between. What is asked for last comes first.
  const oneByOne = (work, pause) => {
    let waiting = [];
    const next = () => {
      work(waiting.shift());
      if (waiting.length) pause(next);
    };
    return (some) => {
      const rests = !waiting.length;
      waiting = [...new Set([...some, ...waiting])];
      if (rests && waiting.length) pause(next);
    };
  };

  // Math: <span class="arithmatex">\(..\)</span> and <div class="arithmatex">\[..\]</div>, as pymdownx leaves them.
  const isSet = (element) => !element.isConnected || element.querySelector(".katex");
  const setFormula = (element) => {
    if (isSet(element)) return;
    const source = element.textContent.trim();
    const displayMode = source.startsWith("\\[");
    window.katex.render(source.slice(2, -2), element, { displayMode, throwOnError: false });
    if (displayMode) element.tabIndex = 0;
  };
  const withKatex = (work) => Promise.all([
    load("../assets/vendor/katex/katex.min.css"),
    load("../assets/vendor/katex/katex.min.js"),
  ]).then(work).catch((error) => console.error(error));
  const setFormulas = (root) => {
    const formulas = [...root.querySelectorAll(".arithmatex")];
    if (!formulas.length) return;
    const ask = oneByOne(setFormula, (next) => withKatex(() => setTimeout(next)));
    const near = new IntersectionObserver((entries) => {
      const arriving = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
      arriving.forEach((element) => near.unobserve(element));
      ask(arriving);
    }, { rootMargin: "100% 0px" });
    formulas.forEach((element) => near.observe(element));
    window.addEventListener("beforeprint", () => withKatex(() => formulas.forEach(setFormula)), { once: true });

    const begin = () => { if (!navigator.connection?.saveData) ask(formulas.filter((element) => !isSet(element))); };
    if (document.readyState === "complete") begin();
    else window.addEventListener("load", begin, { once: true });
  };

  // Diagrams: the theme asks for window.mermaid, and would fetch it from another host if there were none.
  let options = {};
  let mermaid = null;
  const real = () => {
    mermaid ??= load("../assets/vendor/mermaid/mermaid.tiny.js").then(() => {
      const library = window.mermaid;
      window.mermaid = standIn;
      return library;
    });
    return mermaid;
  };
  const standIn = {
    initialize: (given) => { options = given; },
    render: async (...args) => {
      const library = await real();
      library.initialize({ ...options, startOnLoad: false });
      return library.render(...args);
    },
  };
  window.mermaid = standIn;

  // Figures open large. The links are made by mkdocs-glightbox; its script is fetched at the first click.
  const shown = (link) => link.offsetParent !== null;
  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a.glightbox");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    event.stopPropagation();
    await Promise.all([
      load("../assets/stylesheets/glightbox.min.css"),
      load("../assets/javascripts/glightbox.min.js"),
    ]);
    const links = [...document.querySelectorAll("a.glightbox")].filter(shown);
    const elements = links.map((each) => {
      const image = each.querySelector("img");
      const caption = each.closest("figure")?.querySelector("figcaption");
      return { href: image.src, type: "image", alt: image.alt, description: caption?.innerHTML ?? "" };
    });
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const effect = still ? "none" : "fade";
    const box = window.GLightbox({ elements, openEffect: effect, closeEffect: effect, slideEffect: effect });
    box.on("close", () => link.focus());
    box.openAt(links.indexOf(link));
  }, true);

  // The theme gives its code buttons a title that its tooltips take away, and a landmark to every block of code.
  const nameButtons = (root) => {
    for (const nav of root.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "presentation");
    for (const button of root.querySelectorAll(".md-code__button[title]:not([aria-label])")) {
      button.setAttribute("aria-label", button.title);
    }
    for (const note of root.querySelectorAll(".md-annotation__index:not([aria-label])")) {
      note.setAttribute("aria-label", "Show the note");
      note.setAttribute("role", "button");
    }
  };
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      if (addedNodes.length && target.closest("pre, .annotate")) nameButtons(target);
    }
  }).observe(document.body, { childList: true, subtree: true });

  // The navigation of a narrow window, by keyboard: Enter and Space on its button open it, and the focus goes in. Escape
  // shuts it, and whoever leaves by Tab finds it shut behind them.
  const drawer = document.querySelector("[data-md-toggle=drawer]");
  const opener = document.querySelector("label.md-header__button[for=__drawer]");
  const enter = () => {
    const panel = [...document.querySelectorAll(".md-sidebar--primary .md-nav__toggle:checked ~ .md-nav")].pop();
    for (const title of document.querySelectorAll(".md-sidebar--primary .md-nav__title[for^=__nav]")) title.tabIndex = 0;
    (panel ?? document).querySelector(".md-nav__title[tabindex], .md-sidebar--primary .md-nav__link")?.focus();
  };
  opener?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    drawer.click();
    if (drawer.checked) setTimeout(enter, 300); // it slides in
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drawer?.checked) return;
    drawer.click();
    opener.focus();
  });
  document.addEventListener("focusin", ({ target }) => {
    if (drawer?.checked && target !== opener && !target.closest(".md-sidebar--primary")) drawer.click();
  });

  // A table that is wider than the window scrolls in its own box: the keyboard must get there, too. Measuring one that
  // is far away lays it out, so that waits until the browser has nothing else to do.
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  const reach = oneByOne((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }, idle);
  const reachTables = () => reach(document.querySelectorAll(".md-typeset__scrollwrap"));
  window.addEventListener("resize", reachTables);

  // Where the reader was. The browser keeps a number of pixels, which is not enough where heights are guesses (see the
  // end of book.css): the block of the page at the top of the window is kept beside it.
  const BLOCKS = [".md-content__inner > *", ".doc-object", ":is(.pdl-exercise, .pdl-checkpoint, .pdl-wrong) > *"];
  const blocks = () => [...document.querySelectorAll(BLOCKS.join(", "))];
  const key = () => `pdl-place ${location.pathname}`;
  const keepPlace = () => {
    const all = blocks();
    if (!all.length) return;
    const number = Math.max(all.findLastIndex((block) => block.getBoundingClientRect().top <= 0), 0);
    const place = JSON.stringify([number, all[number].getBoundingClientRect().top]);
    try { sessionStorage.setItem(key(), place); } catch { /* storage can be switched off */ }
  };
  const keptPlace = () => {
    try { return JSON.parse(sessionStorage.getItem(key())); } catch { return null; }
  };
  const toPlace = ([number, top]) => {
    const block = blocks()[number];
    if (block) window.scrollBy({ top: block.getBoundingClientRect().top - top, behavior: "instant" });
  };
  const toAnchor = () => document.getElementById(location.hash.slice(1))?.scrollIntoView({ behavior: "instant" });
  const kept = () => { const place = keptPlace(); return place ? () => toPlace(place) : toAnchor; };
  // Where the page is to stand, until the reader moves it: what comes near takes its true height, a few frames long.
  let goal = null;
  const settle = (frames = 4) => {
    if (!goal) return;
    goal();
    if (frames > 1) requestAnimationFrame(() => settle(frames - 1));
    else goal = null;
  };
  const arrive = () => setTimeout(() => requestAnimationFrame(() => settle()));
  const arrival = performance.getEntriesByType("navigation")[0]?.type;
  goal = ["reload", "back_forward"].includes(arrival) ? kept() : toAnchor;
  let standsAt = location.pathname;
  for (const moved of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    window.addEventListener(moved, () => { goal = null; }, { passive: true });
  }
  // The theme writes a state where a reader was, and on the same page it goes back there; a link to an anchor has none.
  window.addEventListener("popstate", ({ state }) => {
    const stays = location.pathname === standsAt;
    goal = state ? (stays ? null : kept()) : toAnchor;
    if (stays) arrive();
  });
  window.addEventListener("load", arrive, { once: true });
  window.addEventListener("pagehide", keepPlace);
  let still;
  window.addEventListener("scroll", () => { clearTimeout(still); still = setTimeout(keepPlace, 150); }, { passive: true });

  // The page for addresses that lead nowhere searches for the words of the address.
  const searchLost = (root) => {
    const place = root.querySelector("[data-pdl-lost]");
    const field = document.querySelector("input[data-md-component=search-query]");
    if (!place || !field) return;
    const below = decodeURIComponent(location.pathname).replace(new URL("../", here).pathname, "");
    const path = below.replace(/\.\w+$|index/g, "");
    const words = path.split(/[^\p{L}]+/u).filter((word) => word.length > 2 && word !== "learn").slice(-3).join(" ");
    if (!words) return;
    const search = () => { field.value = words; field.focus(); };
    const button = place.querySelector("button");
    button.textContent = `Search for \u201c${words}\u201d`;
    button.addEventListener("click", search);
    place.hidden = false;
    // Where the search would hide the page, the reader asks for it.
    if (matchMedia("(min-width: 60em)").matches) search();
  };

  const start = (root) => {
    standsAt = location.pathname;
    if (document.readyState === "complete") {
      if (location.hash) goal ??= toAnchor;
      arrive();
    }
    searchLost(root);
    reachTables();
    nameButtons(root);
    setFormulas(root);
  };
  if (window.document$) window.document$.subscribe(({ body }) => start(body));
  else start(document.body);
})();
