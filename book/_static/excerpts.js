/* What the search page shows of a page: its text. Sphinx would begin with the buttons and the contents
   above it, and quote the code that is folded away. What others claim is not quoted as if it were found: a
   chapter is shown with what it found, and a row of verdicts begins with the verdict. */
(() => {
  if (typeof Search === "undefined" || !Search.htmlToText) return;
  // A Russian word is looked for without its ending: Sphinx also finds words that hold what is asked.
  const ending = /(?:[иы]ми|[аяи]ми|ого|его|ому|ему|и?[яе]м|[аяи]х|[ое]в|[ауыоеияю]?[йю]|[аоуыеиоюя]{1,2}|[аяое]м|ь)$/;
  const words = splitQuery;
  splitQuery = (query) => words(query).map((word) => /^[а-яё]{5,}$/i.test(word) ? word.toLowerCase().replace(ending, "") : word);
  const whole = Search.htmlToText, summary = Search.makeSearchSummary;
  Search.makeSearchSummary = (source, ...rest) => {
    const excerpt = summary(source, ...rest);
    const page = new DOMParser().parseFromString(source, "text/html");
    const about = page.querySelector(".opening-card") && page.querySelector("meta[name=description]");
    if (!excerpt || !about) return excerpt;
    const found = document.createElement("p"), both = document.createElement("div");
    found.className = "context";
    found.textContent = about.content;
    both.append(found, excerpt);
    return both;
  };
  Search.htmlToText = (source, anchor) => {
    const page = new DOMParser().parseFromString(source, "text/html");
    const article = page.querySelector("article.bd-article");
    if (!article) return whole(source, anchor);
    const part = anchor ? page.getElementById(anchor.slice(1)) : null;
    const shown = article.contains(part) ? part : article;
    // The heading is that of the entry above.
    const heading = shown.querySelector("h1, h2, h3, h4");
    for (const node of [heading, ...shown.querySelectorAll(".headerlink, script, style, details.hide")])
      if (node) node.remove();
    for (const name of shown.querySelectorAll(".opening-card dt"))
      if (!name.textContent.startsWith("Found")) {
        name.nextElementSibling.remove();
        name.remove();
      }
    for (const badge of shown.querySelectorAll("td .verdict")) badge.closest("tr").firstElementChild.prepend(badge, " ");
    for (const formula of shown.querySelectorAll(".math")) formula.textContent = "…";
    for (const node of shown.querySelectorAll("p, li, dt, dd, th, td, h2, h3, h4, figcaption, pre")) node.append(" ");
    return shown.textContent.replace(/\s+/g, " ").trim();
  };
})();
