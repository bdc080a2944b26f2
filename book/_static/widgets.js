/* Small calculators in the chapters: knobs for the closed forms of the package, drawn as SVG. They fill
   an empty <div class="paper-widget" data-widget="…">; without this script nothing of them is seen, and
   the figures stand where they stand. A test compares the functions with those of the package. */
(() => {
  /* -------------------------------------------------------------------------- special functions */

  const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
    1.5056327351493116e-7];

  function logGamma(x) {
    if (x > 1e3) { // Stirling's series, where Lanczos' sum would lose digits
      const r = 1 / (x * x);
      return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + (1 / 12 - r * (1 / 360 - r / 1260)) / x;
    }
    let sum = LANCZOS[0];
    for (let i = 1; i < 9; i++) sum += LANCZOS[i] / (x - 1 + i);
    const t = x + 6.5;
    return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
  }

  const density = x => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);

  /* Distribution of the standard normal: a series in the middle, a continued fraction in the tails. */
  function normal(x) {
    if (x > 3) return 1 - normal(-x);
    if (x > -3) {
      let term = x, sum = x;
      for (let i = 3; Math.abs(term) > 1e-17 * Math.abs(sum); i += 2) sum += term *= x * x / i;
      return 0.5 + density(x) * sum;
    }
    let fraction = 0;
    for (let i = 120; i > 0; i--) fraction = i / (-x + fraction);
    return density(x) / (-x + fraction);
  }

  function bisect(f, low, high) {
    const rising = f(high) > f(low);
    for (let i = 0; i < 200; i++) {
      const middle = (low + high) / 2;
      if (middle === low || middle === high) break;
      if ((f(middle) > 0) === rising) high = middle; else low = middle;
    }
    return (low + high) / 2;
  }

  /* By logarithms: in the tails the share itself is too flat to be solved. */
  const quantile = share => share > 0.5 ? -quantile(1 - share) :
    bisect(x => Math.log(normal(x)) - Math.log(share), -38, 0.1);

  /* Regularized incomplete beta function, by Lentz' continued fraction. */
  function beta(a, b, x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta(b, a, 1 - x);
    const scale = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
    let c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), h = d;
    for (let m = 1; m < 10000; m++) {
      let step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / (1 + step * d); c = 1 + step / c; h *= d * c;
      step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / (1 + step * d); c = 1 + step / c; h *= d * c;
      if (Math.abs(d * c - 1) < 1e-15) break;
    }
    return scale * h / a;
  }

  function legendre(n) { // nodes and weights of Gauss
    const found = [];
    for (let i = 1; i <= n; i++) {
      let x = Math.cos(Math.PI * (i - 0.25) / (n + 0.5)), slope = 1;
      for (let round = 0; round < 20; round++) {
        let before = 0, now = 1;
        for (let j = 1; j <= n; j++) [before, now] = [now, ((2 * j - 1) * x * now - (j - 1) * before) / j];
        slope = n * (x * now - before) / (x * x - 1);
        x -= now / slope;
      }
      found.push([x, 2 / ((1 - x * x) * slope * slope)]);
    }
    return found;
  }
  const NODES = legendre(16);

  /* ------------------------------------------------------------------- formulas of the package */

  /* geometry.norm_growth.expected_cosine */
  const expectedCosine = (k, rho, other = k, between = rho) =>
    between * Math.sqrt(k * other / ((1 + (k - 1) * rho) * (1 + (other - 1) * rho)));

  /* theory.margin: log_subsets, largest_margin, packing_margin, cap_margin, margin_ceiling; the dimension of
     a precision is paper_chapters.margin's */
  function logSubsets(n, k) {
    let sum = 0;
    for (let i = 1; i <= Math.min(k, n - k); i++) sum += Math.log((n - Math.min(k, n - k) + i) / i);
    return sum;
  }
  const largestGap = (n, k) => n / Math.sqrt(k * (n - 1) * (n - k));
  const packingGap = (n, k, d) => 2 / Math.expm1(logSubsets(n, k) / d);
  function capGap(n, k, d) {
    const share = -logSubsets(n, k);
    const excess = angle => Math.log(0.5 * beta((d - 1) / 2, 0.5, Math.sin(angle) ** 2)) - share;
    if (excess(Math.PI / 2) <= 0) return 2;
    return 2 * Math.sin(bisect(excess, 0, Math.PI / 2));
  }
  const gapCeiling = (n, k, d) => d < 2 * k && n >= 3 * k ? 0 :
    Math.min(largestGap(n, k), packingGap(n, k, d), d > 1 ? capGap(n, k, d) : 2);
  const SPACINGS = { float32: 2 ** -23, float16: 2 ** -10, bfloat16: 2 ** -7, int8: 1 / 127 };
  const precisionDimension = (n, k, format) => logSubsets(n, k) / Math.log1p(2 / SPACINGS[format]);

  /* geometry.stability: expected_margin of scores that spread by sd, swap_probability */
  const expectedMargin = (sd, nDocs, k) => sd / nDocs / density(quantile(k / nDocs));
  const swapProbability = (margin, noise) => normal(-margin / (noise * Math.SQRT2));

  /* codes.additive.AdditiveLaw, documents drawn from a vocabulary, two relevant ones of a query */
  function additiveRecall(d, nDocs, length, k, vocabulary) {
    const chi = Math.SQRT2 * Math.exp(logGamma((d + 1) / 2) - logGamma(d / 2));
    const effective = length * (1 - length / vocabulary);
    const own = (length - 1) * (1 - (length - 1) / vocabulary);
    const shared = 1 / vocabulary + Math.max(d - chi * chi, 0);
    const signal = chi / Math.sqrt(effective), tau = Math.sqrt((own + shared) / effective);
    const trials = nDocs - 2;
    const atMost = (j, p) => j < 0 ? 0 : j >= trials ? 1 : beta(trials - j, j + 1, 1 - p);
    const share = Math.min(Math.max(k / trials, 1e-300), 1 - 1e-12), level = quantile(share);
    const width = Math.min(1, Math.sqrt(share * (1 - share) / trials) / (density(level) * tau));
    const edges = [-12, -8, -5, -3, -2, -1, 0, 1, 2, 3, 5, 8, 12]
      .map(x => Math.min(9, Math.max(-9, (-level - signal) / tau + width * x)));
    for (let x = -9; x <= 9; x++) edges.push(x);
    edges.sort((a, b) => a - b);
    let sum = 0;
    for (let i = 1; i < edges.length; i++) {
      const half = (edges[i] - edges[i - 1]) / 2;
      if (!half) continue;
      for (const [node, weight] of NODES) {
        const z = edges[i - 1] + half * (1 + node);
        const beaten = normal(-(signal + tau * z));
        const behind = normal(-z * Math.sqrt(own / (own + 2 * shared))); // the other relevant one is above
        sum += half * weight * density(z) *
          ((1 - behind) * atMost(k - 1, beaten) + (k > 1 ? behind * atMost(k - 2, beaten) : 0));
      }
    }
    return Math.min(sum, 1);
  }
  function additiveDimension(recall, nDocs, length, k, vocabulary) {
    const gap = x => additiveRecall(Math.exp(x), nDocs, length, k, vocabulary) - recall;
    let low = Math.log(64), high = low;
    while (gap(low) > 0 && low > -14) low -= 1.4;
    while (gap(high) < 0 && high < 20) high += 1.4;
    if (low <= -14) return 0;
    if (high >= 20) return Infinity;
    // Regula falsi with the Illinois rule: a slider must not wait for forty halvings.
    let below = gap(low), above = gap(high), side = 0;
    for (let i = 0; i < 60 && high - low > 1e-9; i++) {
      const middle = (low * above - high * below) / (above - below), value = gap(middle);
      if (Math.abs(value) < 1e-9) return Math.exp(middle);
      if (value > 0) {
        [high, above] = [middle, value];
        if (side === 1) below /= 2;
        side = 1;
      } else {
        [low, below] = [middle, value];
        if (side === -1) above /= 2;
        side = -1;
      }
    }
    return Math.exp((low + high) / 2);
  }

  /* codes.capacity.critical_dimension, without a margin */
  function criticalDimension(vocabulary, length) {
    const f = length / vocabulary;
    const second = x => (1 + x * x) * normal(x) + x * density(x);
    const first = x => x * normal(x) + density(x);
    const u = bisect(x => f * first(x) - (1 - f) * first(-x), -9, 9);
    return vocabulary * (f * second(u) + (1 - f) * second(-u));
  }

  /* theory.construction: document `at` of n equal angles on the trigonometric curve in four dimensions, by
     the unit query of documents i and j */
  function pairScore(n, i, j, at) {
    const turn = x => Math.cos(2 * Math.PI * x / n), shared = turn(i - j);
    return (1 + shared / 2 - (1 - turn(at - i)) * (1 - turn(at - j))) / Math.sqrt(2 * (2.25 + 2 * shared));
  }

  /* paper_chapters.margin.plane: unit vectors at angles in degrees; the two documents that a query returns of
     three, the margin of their scores, and the widest margin of any query, how far the third is from their segment */
  const onCircle = degrees => [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
  const dot = ([a, b], [c, d]) => a * c + b * d;
  function planeTop(query, ...documents) {
    const scores = documents.map(at => dot(onCircle(at), onCircle(query)));
    const order = [0, 1, 2].sort((i, j) => scores[j] - scores[i]);
    return { scores, order, margin: scores[order[1]] - scores[order[2]] };
  }
  const planeMargin = (query, ...documents) => planeTop(query, ...documents).margin;
  function widestQuery(first, second, third) { // from the third to the nearest point of the segment, not scaled
    const [a, b, c] = [first, second, third].map(onCircle);
    const along = [b[0] - a[0], b[1] - a[1]], length = dot(along, along);
    const share = length ? Math.min(1, Math.max(0, dot([c[0] - a[0], c[1] - a[1]], along) / length)) : 0;
    return [0, 1].map(i => a[i] + share * along[i] - c[i]);
  }
  const widestMargin = (...documents) => Math.hypot(...widestQuery(...documents));

  globalThis.paperWidgets = { normal, quantile, beta, expectedCosine, gapCeiling, precisionDimension,
    expectedMargin, swapProbability, additiveRecall, additiveDimension, criticalDimension, pairScore,
    planeMargin, widestMargin };
  if (typeof document === "undefined") return; // a test without a page

  /* --------------------------------------------------------------------------- what they look like */

  let count = 0;
  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const draw = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const whole = x => x.toLocaleString("en", { maximumFractionDigits: 0 });
  const short = x => x >= 1e6 ? `${+(x / 1e6).toPrecision(3)} M` : x >= 1e4 ? `${+(x / 1e3).toPrecision(3)} k` :
    (+x.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });

  /* A slider and a number that say the same. On a logarithmic scale the slider holds the logarithm. */
  function knob(title, { from, to, step = 1, start, log = false }, onChange) {
    const id = `paper-knob-${++count}`;
    const forth = x => log ? Math.log10(x) : x, back = x => log ? 10 ** x : x;
    const tidy = x => Math.min(to, Math.max(from, +(Math.round(x / step) * step).toFixed(6)));
    const number = make("input", { type: "number", id, min: from, max: to, step, value: start });
    const slider = make("input", { type: "range", "aria-label": `${title}, slider`, min: forth(from),
      max: forth(to), step: log ? 0.01 : step, value: forth(start) });
    const state = { value: start, node: make("div", { class: "knob" }, make("label", { for: id }, title), slider, number) };
    const told = () => slider.setAttribute("aria-valuetext", `${state.value}`);
    state.move = value => { // what a drag in the picture does
      number.value = state.value = tidy(value);
      number.removeAttribute("aria-invalid");
      slider.value = forth(state.value);
      told(); onChange();
    };
    slider.addEventListener("input", () => {
      const value = back(+slider.value);
      state.value = tidy(log && value > 100 ? +value.toPrecision(2) : value);
      number.value = state.value;
      told(); onChange();
    });
    number.addEventListener("input", () => {
      const value = number.valueAsNumber;
      const fits = value >= from && value <= to;
      number.toggleAttribute("aria-invalid", !fits);
      if (!fits) return; // half of a number while it is typed
      state.value = tidy(value);
      slider.value = forth(state.value);
      told(); onChange();
    });
    number.addEventListener("change", () => { number.value = state.value; number.removeAttribute("aria-invalid"); });
    told();
    return state;
  }

  /* Lines over one axis, with large dots at the values `at` and small ones at `marks` */
  function plot({ x, logX = false, y, logY = false, lines, at, marks = [], xName, yName }) {
    const W = 360, H = 210, left = 46, right = 12, top = 26, bottom = 40;
    const place = (value, [low, high], log, a, b) => {
      const f = log ? Math.log : v => v;
      return a + (b - a) * (f(value) - f(low)) / (f(high) - f(low));
    };
    const X = value => place(value, x, logX, left, W - right);
    const Y = value => place(Math.min(y[1], Math.max(y[0], value)), y, logY, H - bottom, top);
    const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, "aria-hidden": "true", focusable: "false" });
    const ticks = ([low, high], log) => {
      if (!log) {
        const about = (high - low) / 4, power = 10 ** Math.floor(Math.log10(about));
        const step = power * [1, 2, 5, 10].find(size => about / power < 1.5 * size);
        const found = [];
        for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
        return found;
      }
      const found = [];
      for (let p = Math.ceil(Math.log10(low) - 1e-9); p <= Math.log10(high) + 1e-9; p++) found.push(10 ** p);
      return found.filter((_, i) => i % Math.ceil(found.length / 6) === 0);
    };
    for (const value of ticks(y, logY)) {
      svg.append(draw("line", { class: "grid", x1: left, x2: W - right, y1: Y(value), y2: Y(value) }),
        draw("text", { x: left - 6, y: Y(value) + 4, "text-anchor": "end" }, short(value)));
    }
    for (const value of ticks(x, logX))
      svg.append(draw("text", { x: X(value), y: H - bottom + 16,
        "text-anchor": X(value) > W - right - 8 ? "end" : "middle" }, short(value)));
    svg.append(draw("text", { class: "name", x: (left + W - right) / 2, y: H - 6, "text-anchor": "middle" }, xName),
      draw("text", { class: "name", x: 2, y: 10 }, yName));
    lines.forEach(({ f, points }, i) => {
      const path = [];
      for (const value of points || Array.from({ length: 81 }, (_, j) => logX ?
        x[0] * (x[1] / x[0]) ** (j / 80) : x[0] + (x[1] - x[0]) * j / 80)) {
        const height = f(value);
        if (Number.isFinite(height)) path.push(`${X(value).toFixed(1)},${Y(height).toFixed(1)}`);
      }
      svg.append(draw("polyline", { class: `line line-${i}`, points: path.join(" ") }));
      for (const [values, r] of [[marks, 3], [[at].flat(), 5]])
        for (const value of values) {
          const here = f(value);
          if (Number.isFinite(here))
            svg.append(draw("circle", { class: `dot line-${r === 3 ? 1 : i}`, cx: X(value), cy: Y(here), r }));
        }
    });
    return svg;
  }

  /* A circle of three documents and a query, each to be dragged: the knob of its name follows */
  const PLANE = { width: 360, height: 280, x: 180, y: 140, radius: 100 };
  function plane(query, documents, { scores, order, margin }, best) {
    const { width, height, x, y, radius } = PLANE;
    const at = ([a, b], scale = 1) => [x + radius * scale * a, y - radius * scale * b];
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", focusable: "false" });
    const line = (kind, [x1, y1], [x2, y2]) => svg.append(draw("line", { class: kind, x1, y1, x2, y2 }));
    const way = onCircle(query), foot = i => at(way, scores[i]);
    svg.append(draw("circle", { class: "grid", cx: x, cy: y, r: radius, fill: "none" }));
    line("grid", at(way, -1.15), at(way, 1.15));
    if (best) {
      line("line line-1", at([0, 0]), at(best, 0.92));
      svg.append(draw("text", { x: at(best, 0.6)[0] + 5, y: at(best, 0.6)[1] - 5 }, "widest"));
    }
    if (margin) line("margin", foot(order[2]), foot(order[1]));
    line("line", at([0, 0]), at(way));
    const grip = (name, [cx, cy]) => draw("circle", { class: "grip", "data-knob": name, cx, cy, r: 20 });
    documents.map(onCircle).forEach((place, i) => {
      const [cx, cy] = at(place), out = i === order[2];
      line("shadow", at(place), foot(i));
      svg.append(out ? draw("rect", { class: "dot", x: cx - 7, y: cy - 7, width: 14, height: 14 }) :
        draw("circle", { class: "dot line-1", cx, cy, r: 8 }));
      const [tx, ty] = at(place, 1.24);
      svg.append(draw("text", { class: "name", x: tx, y: ty + 4, "text-anchor": "middle" }, `${i + 1}`));
    });
    const [tip, left, right] = [at(way), at(onCircle(query + 7), 0.87), at(onCircle(query - 7), 0.87)];
    svg.append(draw("polygon", { class: "dot", points: [tip, left, right].join(" ") }),
      draw("text", { class: "name", x: at(way, 1.22)[0], y: at(way, 1.22)[1] + 4, "text-anchor": "middle" }, "query"));
    const names = ["first", "second", "third"];
    svg.append(...names.map((name, i) => grip(name, at(onCircle(documents[i])))),
      grip("query", at(way, 0.95))); // last, so that it can be had where it meets a document
    return svg;
  }
  const turned = (x, y) => (Math.round(Math.atan2(PLANE.y - y, x - PLANE.x) * 180 / Math.PI) + 360) % 360;

  /* ------------------------------------------------------------------------------- the calculators */

  const DIMENSIONS = [...new Set(Array.from({ length: 121 }, (_, i) => Math.round(2 * 2048 ** (i / 120))))];
  const kinds = {
    cosine: {
      title: "Try it: the cosine that subword tokens alone produce",
      knobs: {
        k: ["subword tokens of one word, k", { from: 1, to: 50, start: 5 }],
        l: ["tokens of the other, l", { from: 1, to: 50, start: 5 }],
        rho: ["mean cosine of two tokens, ρ", { from: 0, to: 1, step: 0.01, start: 0.1 }],
      },
      show({ k, l, rho }) {
        const found = expectedCosine(k, rho, l);
        return {
          say: `Words of ${k} and of ${l} tokens have a cosine of ${found.toFixed(3)} on average, where single tokens have ${rho.toFixed(2)}.`,
          svg: plot({ x: [1, 50], y: [0, 1], at: k, xName: "k (the other word stays as it is)", yName: "expected cosine",
            lines: [{ f: x => expectedCosine(x, rho, l) }] }),
        };
      },
    },
    noise: {
      title: "Try it: noise against the gap at the edge of a list",
      knobs: {
        n: ["documents, n", { from: 100, to: 1e7, start: 5000, log: true }],
        k: ["length of the list, k", { from: 1, to: 49, start: 10 }],
        dEff: ["effective dimension", { from: 2, to: 1000, start: 60, log: true }],
        noise: ["noise per coordinate, % of the norm", { from: 0.01, to: 10, step: 0.01, start: 1, log: true }],
      },
      show({ n, k, dEff, noise }) {
        const margin = expectedMargin(1 / Math.sqrt(dEff), n, k), chance = swapProbability(margin, noise / 100);
        return {
          say: `At place ${k} of ${whole(n)} the next score is ${margin.toPrecision(2)} lower on average, if scores are normal and ` +
            `spread by 1/√${dEff}. The noise moves each score of a unit vector by ${(noise / 100).toPrecision(2)}. Two documents ` +
            `that far apart change places with probability ${chance.toFixed(chance < 0.01 ? 4 : 2)}; one half would be pure chance.`,
          svg: plot({ x: [0.01, 10], logX: true, y: [0, 0.5], at: noise, xName: "noise per coordinate, % of the norm",
            yName: "probability that the two change places", lines: [{ f: x => swapProbability(margin, x / 100) }] }),
        };
      },
    },
    gap: {
      title: "Try it: the largest margin that dimensions can buy",
      knobs: {
        n: ["documents, n", { from: 10, to: 1e9, start: 50000, log: true }],
        k: ["relevant ones, k", { from: 1, to: 20, start: 2 }],
        d: ["dimensions, d", { from: 2, to: 4096, start: 384, log: true }],
      },
      show({ n, k, d }) {
        if (n <= k) return { say: "There must be more documents than relevant ones.", svg: "" };
        const gap = gapCeiling(n, k, d);
        const least = format => Math.max(2 * k, Math.ceil(precisionDimension(n, k, format)));
        const ceiling = largestGap(n, k);
        return {
          say: gap === 0 ? `With d below 2k = ${2 * k} some sets of ${k} cannot be returned at all.` :
            `In ${whole(d)} dimensions unit vectors keep every set of ${k} out of ${whole(n)} apart by ${gap.toPrecision(3)} at most` +
            `${gap > ceiling * (1 - 1e-9) ? "; more dimensions would not raise this bound" : ""}. If a margin must be one step of ` +
            `the scores, this asks for ${least("float32")} dimensions in float32 and ${least("bfloat16")} in bfloat16 at least. ` +
            "These are bounds: real vectors may reach less.",
          svg: plot({ x: [2, 4096], logX: true, y: [0, Math.max(0.2, Math.ceil(ceiling * 5) / 5)], at: d, xName: "d", yName: "bound on the margin",
            lines: [{ f: x => gapCeiling(n, k, x), points: DIMENSIONS }] }),
        };
      },
    },
    pair: {
      title: "Try it: four numbers a document, and any pair on top",
      knobs: {
        n: ["documents, n", { from: 3, to: 60, start: 12 }],
        first: ["one of the pair", { from: 1, to: 60, start: 6 }],
        second: ["the other", { from: 1, to: 60, start: 8 }],
      },
      show({ n, first, second }) {
        if (first === second || Math.max(first, second) > n)
          return { say: `Choose two different documents from 1 to ${n}.`, svg: "" };
        const score = at => pairScore(n, first, second, at);
        const documents = Array.from({ length: n }, (_, i) => i + 1);
        const next = documents.filter(at => at !== first && at !== second)
          .reduce((best, at) => score(at) > score(best) ? at : best);
        return {
          say: `Documents ${first} and ${second} score ${score(first).toFixed(4)}; the next best, document ${next}, ` +
            `scores ${(score(first) - score(next)).toPrecision(2)} less. All ${n} stand at equal angles on a curve in ` +
            "four dimensions; every pair has such a query, and the more documents there are, the smaller the gap.",
          svg: plot({ x: [1, n], y: [-1, 1], at: [first, second], marks: documents, xName: "document",
            yName: "score by the query of the pair", lines: [{ f: score }] }),
        };
      },
    },
    plane: {
      title: "Try it: drag the query or a document, and watch the margin",
      knobs: {
        query: ["direction of the query, degrees", { from: 0, to: 359, start: 110 }],
        first: ["document 1", { from: 0, to: 359, start: 150 }],
        second: ["document 2", { from: 0, to: 359, start: 30 }],
        third: ["document 3", { from: 0, to: 359, start: 270 }],
      },
      turned,
      show({ query, first, second, third }) {
        const documents = [first, second, third], found = planeTop(query, ...documents), { order, scores } = found;
        const [a, b] = order.slice(0, 2).sort();
        const way = widestQuery(...order.map(i => documents[i])), widest = Math.hypot(...way);
        const best = widest > 1e-9 ? way.map(part => part / widest) : null;
        const listed = scores.map((score, i) => `${i + 1}: ${score.toFixed(2).replace("-", "−")}`).join(", ");
        return {
          say: `Scores: ${listed}. ` + (!best ? "Two documents stand in one place: no query tells them apart." :
            found.margin < 1e-9 ? "The second and the third tie: the margin is zero, and chance decides which is returned." :
            `Documents ${a + 1} and ${b + 1} are returned, with a margin of ${found.margin.toFixed(3)}. ` +
            `The best query for them, dashed, has ${widest.toFixed(3)}.`),
          svg: plane(query, documents, found, best),
        };
      },
    },
    catalogue: {
      title: "Try it: sums and set codes for a catalogue",
      knobs: {
        n: ["documents, N", { from: 100, to: 1e7, start: 50000, log: true }],
        length: ["attributes of each, L", { from: 2, to: 200, start: 45 }],
        vocabulary: ["attributes in all, V", { from: 300, to: 1e5, start: 1848, log: true }],
        k: ["cut-off, k", { from: 2, to: 100, start: 2 }],
        recall: ["recall wanted, %", { from: 5, to: 99, start: 90 }],
      },
      show({ n, length, vocabulary, k, recall }) {
        if (k >= n / 2) return { say: "The cut-off must be less than half of the documents.", svg: "" };
        const sum = additiveDimension(recall / 100, n, length, k, vocabulary);
        const code = criticalDimension(vocabulary, length);
        const dimension = x => x === 0 ? "chance is enough for this" : `about ${whole(x)} numbers a document`;
        return {
          say: `For a recall@${k} of ${recall}%, a sum of random vectors: ${dimension(sum)}. A code that lists exactly its ` +
            `${length} of ${whole(vocabulary)} attributes answers every query from about ${whole(code)} numbers on, ` +
            "whatever the number of documents; a third more leaves a margin.",
          svg: plot({ x: [100, 1e7], logX: true, y: [10, 1e5], logY: true, at: n, xName: "N", yName: "dimensions: sum (solid), set code (dashed)",
            lines: [
              { f: x => x < 2.5 * k ? NaN : additiveDimension(recall / 100, Math.round(x), length, k, vocabulary) || NaN,
                points: Array.from({ length: 11 }, (_, i) => 10 ** (2 + i / 2)) },
              { f: () => code, points: [100, 1e7] },
            ] }),
        };
      },
    },
  };

  for (const box of document.querySelectorAll(".paper-widget")) {
    const kind = kinds[box.dataset.widget];
    if (!kind) continue;
    const figure = make("div", { class: "picture" });
    const status = make("p", { role: "status" });
    const knobs = {};
    const update = () => {
      const { say, svg } = kind.show(Object.fromEntries(Object.entries(knobs).map(([name, one]) => [name, one.value])));
      status.textContent = say;
      figure.replaceChildren(svg);
    };
    // A slider moves faster than a curve is computed: one drawing a frame.
    let waiting = false;
    const later = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; update(); });
    };
    const form = make("form");
    for (const [name, [title, options]] of Object.entries(kind.knobs)) {
      knobs[name] = knob(title, options, later);
      form.append(knobs[name].node);
    }
    form.addEventListener("submit", event => event.preventDefault());
    // The frame holds the pointer, because each drawing replaces what was taken hold of.
    if (kind.turned) {
      let held = null;
      figure.addEventListener("touchstart", event => { // or the browser takes it for scrolling
        if (event.target.dataset.knob) event.preventDefault();
      }, { passive: false });
      figure.addEventListener("pointerdown", event => {
        held = knobs[event.target.dataset.knob] || null;
        if (held) { figure.setPointerCapture(event.pointerId); event.preventDefault(); }
      });
      figure.addEventListener("pointermove", event => {
        if (!held) return;
        const box = figure.firstChild.getBoundingClientRect(), scale = PLANE.width / box.width;
        held.move(kind.turned((event.clientX - box.left) * scale, (event.clientY - box.top) * scale));
      });
      for (const end of ["pointerup", "pointercancel"]) figure.addEventListener(end, () => { held = null; });
    }
    const heading = make("p", { class: "title", id: `paper-widget-${++count}` }, kind.title);
    box.setAttribute("role", "group");
    box.setAttribute("aria-labelledby", heading.id);
    box.append(heading, form, figure, status);
    update();
  }
})();
