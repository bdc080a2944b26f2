/* What the search page shows of a page: its text. Sphinx would begin with the buttons and the contents
   above it, and quote the code that is folded away. What others claim is not quoted as if it were found: the
   card of a chapter is read without it, and a row of verdicts begins with the verdict. */
(() => {
  if (typeof Search === "undefined" || !Search.htmlToText) return;
  const whole = Search.htmlToText;
  Search.htmlToText = (source, anchor) => {
    const page = new DOMParser().parseFromString(source, "text/html");
    const article = page.querySelector("article.bd-article");
    if (!article) return whole(source, anchor);
    const part = anchor ? page.getElementById(anchor.slice(1)) : null;
    const shown = article.contains(part) ? part : article;
    // The heading is that of the entry above; formulas are read as they are written.
    const heading = shown.querySelector("h1, h2, h3, h4");
    for (const node of [heading, ...shown.querySelectorAll(".headerlink, script, style, details.hide")])
      if (node) node.remove();
    for (const name of shown.querySelectorAll(".opening-card dt"))
      if (name.textContent.startsWith("Claimed")) {
        name.nextElementSibling.remove();
        name.remove();
      }
    for (const badge of shown.querySelectorAll("td .verdict")) {
      const row = badge.closest("tr");
      row.prepend(badge.closest("td"));
    }
    for (const node of shown.querySelectorAll("p, li, dt, dd, th, td, h2, h3, h4, figcaption, pre")) node.append(" ");
    return shown.textContent.replace(/\\[()[\]]/g, "").replace(/\s+/g, " ").trim();
  };
})();
