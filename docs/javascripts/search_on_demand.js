/* When is the index of the search fetched? When a reader turns to the search, not with each page: it weighs
   more than a chapter. Comes before the theme's script, which asks for the index at once; it is made to wait. */
(() => {
  "use strict";
  const turned = new Promise((resolve) => {
    const asked = new URLSearchParams(location.search); // ?q= opens the search, ?h= marks the words that were found
    if (asked.has("q") || asked.has("h")) resolve();
    for (const kind of ["focusin", "pointerover", "touchstart", "change"]) {
      document.addEventListener(kind, ({ target }) => {
        if (target instanceof Element && target.closest("#__search, .md-search, [for=__search]")) resolve();
      }, { capture: true, passive: true });
    }
  });

  const { open, send } = XMLHttpRequest.prototype;
  const waiting = new WeakSet();
  XMLHttpRequest.prototype.open = function (method, address, ...rest) {
    const { pathname } = new URL(address, location.href);
    if (pathname.endsWith("/search/search_index.json")) waiting.add(this);
    return open.call(this, method, address, ...rest);
  };
  XMLHttpRequest.prototype.send = function (...body) {
    if (!waiting.delete(this)) return send.apply(this, body);
    turned.then(() => { if (this.readyState === XMLHttpRequest.OPENED) send.apply(this, body); });
  };
})();
