/* The filter of the page of verdicts. Without this script the form stays hidden and every claim is
   shown. The choice is kept in the address, as #source=…&verdict=…, so that it can be linked to. */
(() => {
  const form = document.querySelector(".claim-filter");
  if (!form) return;
  const marks = [...document.querySelectorAll(".claim-mark")];
  const sections = new Set(marks.map(mark => mark.closest("section")));
  const status = form.querySelector("[role=status]");
  const select = form.elements.namedItem("source");
  const boxes = [...form.querySelectorAll("[name=verdict]")];

  const show = () => {
    const wanted = boxes.filter(box => box.checked).map(box => box.value);
    let shown = 0;
    for (const mark of marks) {
      const { source, verdict } = mark.dataset;
      const keep = (!select.value || source === select.value) &&
        (!wanted.length || wanted.includes(verdict));
      mark.closest("tr").hidden = !keep;
      shown += keep;
    }
    for (const section of sections)
      section.hidden = !section.querySelector("tr:not([hidden]) .claim-mark");
    status.textContent = shown === marks.length ?
      `All ${shown} claims are shown.` : `${shown} of ${marks.length} claims are shown.`;
  };

  const read = () => {
    const hash = decodeURIComponent(location.hash.slice(1));
    const choice = new URLSearchParams(hash.includes("=") ? hash : "");
    const source = choice.get("source") || "";
    select.value = [...select.options].some(option => option.value === source) ? source : "";
    for (const box of boxes) box.checked = choice.getAll("verdict").includes(box.value);
    show();
    if (choice.size) form.scrollIntoView();
    // A link to one claim shows it whatever was filtered before.
    const target = hash.startsWith("claim-") && document.getElementById(hash);
    if (target) target.scrollIntoView();
  };

  const write = () => {
    const choice = new URLSearchParams();
    if (select.value) choice.append("source", select.value);
    for (const box of boxes) if (box.checked) choice.append("verdict", box.value);
    const hash = choice.size ? `#${choice}` : location.pathname + location.search;
    history.replaceState(null, "", hash);
    show();
  };

  form.addEventListener("change", write);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(write)); // after the controls are cleared
  window.addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();
