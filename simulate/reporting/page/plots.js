"use strict";
// Draws what is in the document; no number is computed that is not in it, but for units.
const report = JSON.parse(document.getElementById("report").textContent);
const color = { float: "#2f86c9", fixed: "#dd7d12", lava: "#1b9e77", same: "#87909a", truth: "#7562c2" };
// told apart with any kind of color vision, on light and on dark (after Okabe and Ito)
const layers = ["#7562c2", "#c28fc9", "#3f8f9b", "#9ccbbd", "#a58b3f", "#dcc893", "#87909a", "#b9c0c6"];
const device = { loihi1: "Loihi 1", loihi2: "Loihi 2" };
const machine = { float: "Float", fixed: "Fixed", lava: "Lava" };
const config = { displayModeBar: false, responsive: true };
const count = (n) => n.toLocaleString("en-US", { maximumFractionDigits: 0 });
const micro = (j) => j * 1e6;
const present = (id) => !("missing" in report[id]);

function draw(id, traces, layout) {
  const base = {
    margin: { l: 70, r: 12, t: 8, b: 44 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13 }, hoverlabel: { align: "left", font: { size: 13 } }, dragmode: "zoom", showlegend: false,
  };
  document.getElementById(id).style.height = `${layout.height}px`; // a resized plot takes that of its place
  return Plotly.react(id, traces, { ...base, ...layout, margin: { ...base.margin, ...layout.margin } }, config);
}

const axis = (more) => ({ zeroline: false, gridcolor: "#ccc", ticks: "", ...more, ...(more.title ? { title: { font: { size: 13 }, ...more.title } } : {}) });

function accuracy() {
  const names = Object.keys(report.accuracy.scores).reverse();
  const traces = names.map((name) => {
    const s = report.accuracy.scores[name];
    return {
      x: [100 * s.accuracy], y: [machine[name]], mode: "markers", marker: { color: color[name], size: 11 }, cliponaxis: false,
      error_x: { type: "data", symmetric: false, array: [100 * (s.interval[1] - s.accuracy)], arrayminus: [100 * (s.accuracy - s.interval[0])], color: color[name], thickness: 2, width: 6 },
      hovertemplate: `${machine[name]}: %{x:.1f} % of ${count(s.samples)} samples<br>95 %: ${(100 * s.interval[0]).toFixed(1)} to ${(100 * s.interval[1]).toFixed(1)} %<extra></extra>`,
    };
  });
  return draw("accuracy-plot", traces, { height: 70 + 42 * names.length, xaxis: axis({ title: { text: "decisions that are right, %" } }), yaxis: axis({ showgrid: false, range: [-0.6, names.length - 0.4] }) });
}

function parting() {
  const traces = report.parting.layers.map((layer, i) => ({
    x: layer.by_step.map((_, t) => t), y: layer.by_step.map((share) => 100 * share), name: layer.name, mode: "lines",
    line: { color: layers[i % layers.length], width: 2 }, hovertemplate: `${layer.name}, step %{x}: %{y:.2f} % of neurons<extra></extra>`,
  }));
  return draw("parting-plot", traces, { height: 260, showlegend: true, legend: { orientation: "h", y: 1.12, x: 0 }, margin: { t: 28 }, xaxis: axis({ title: { text: "step" } }), yaxis: axis({ title: { text: "spikes that differ, %" }, rangemode: "tozero" }) });
}

function rounding() {
  const all = report.rounding.connections, wide = document.getElementById("rounding-plot").clientWidth;
  const columns = Math.max(1, Math.min(all.length, Math.floor(wide / 300))), rows = Math.ceil(all.length / columns);
  const layout = { grid: { rows, columns, pattern: "independent", ygap: 0.35, xgap: 0.14 }, height: 60 + 230 * rows, barmode: "overlay", bargap: 0, margin: { t: 30 }, annotations: [] };
  const traces = all.flatMap((one, i) => {
    const n = i === 0 ? "" : i + 1;
    const middles = one.floats.map((_, k) => (one.edges[k] + one.edges[k + 1]) / 2);
    const width = one.edges[1] - one.edges[0];
    layout[`xaxis${n}`] = axis({ showgrid: false, title: { text: i + columns >= all.length ? "weight on the grid" : "" } });
    layout[`yaxis${n}`] = axis({ title: { text: i % columns === 0 ? "weights" : "" }, rangemode: "tozero" });
    layout.annotations.push({ text: one.name, xref: `x${n} domain`, yref: `y${n} domain`, x: 0, y: 1.02, yanchor: "bottom", showarrow: false, font: { size: 13 } });
    return [
      { type: "bar", x: one.integers, y: one.counts, width: one.step, marker: { color: color.fixed, opacity: 0.55, line: { width: 0 } }, xaxis: `x${n}`, yaxis: `y${n}`, hovertemplate: `${one.name}<br>integer %{x}: %{y} weights<extra></extra>` },
      { x: middles, y: one.floats.map((f) => (f * one.step) / width), mode: "lines", line: { color: color.float, width: 1.5, shape: "hvh" }, xaxis: `x${n}`, yaxis: `y${n}`, hovertemplate: `${one.name}<br>floats near %{x}: %{y:.1f} a step of the grid<extra></extra>` },
    ];
  });
  return draw("rounding-plot", traces, layout);
}
