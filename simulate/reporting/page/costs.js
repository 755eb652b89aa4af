"use strict";
// Energy by layer, and cores filled.
function entry(name, c) {
  const value = c.grade === "none" ? "not published" : `${c.interval ? c.interval.join(" to ") : c.value} ${c.unit}`;
  return `${name} ${value}, ${c.grade}`;
}

// the constants that price a layer, with their sources, three to a line: a tooltip that is too high is not shown
function sources(said, layer) {
  return said.tables.filter((t) => Object.keys(t.energy).length).map((table) => {
    const used = Object.entries(table.energy).filter(([name]) => name in layer);
    const constants = used.map(([name, c], i) => entry(name, c) + (i === used.length - 1 ? "" : i % 3 === 2 ? ";<br>" : "; "));
    return `<b>${table.name}</b> (${[...new Set(used.map(([, c]) => c.source))].join("; ")})<br>${constants.join("")}`;
  }).join("<br>");
}

function energy() {
  const devices = Object.entries(report.energy.devices).filter(([, said]) => said.per_inference_j);
  const bars = devices.flatMap(([device, said]) => ["at least", "at most"].map((bound, end) => ({ device, said, bound, end }))).filter((bar) => bar.said.per_inference_j[bar.end] !== null);
  const names = Object.keys(devices[0]?.[1].layers ?? {});
  const traces = names.map((name, i) => ({
    type: "bar", orientation: "h", name, width: 0.62, marker: { color: layers[i % layers.length] },
    x: bars.map((bar) => micro(bar.said.layers[name].energy_j[bar.end])),
    y: bars.map((bar) => `${device[bar.device]}, ${bar.bound}`),
    text: bars.map((bar) => {
      const layer = bar.said.layers[name];
      const counts = `${count(layer.syn_ops)} syn_ops, ${count(layer.dendrite_updates_active)} active and ${count(layer.dendrite_updates_inactive)} inactive updates, ${count(layer.spikes_out)} spikes`;
      return `${counts}<br>${sources(bar.said, layer)}`;
    }),
    textposition: "none", hovertemplate: `<b>${name}</b>, %{y}: %{x:.3g} µJ<br>%{text}<extra></extra>`,
  }));
  return draw("energy-plot", traces, { height: 110 + 48 * bars.length, hoverlabel: { align: "left", font: { size: 12 } }, barmode: "stack", showlegend: true, legend: { orientation: "h", y: 1.03, yanchor: "bottom", x: 0, traceorder: "normal" }, margin: { t: 34, l: 120 }, xaxis: axis({ title: { text: "energy per inference, µJ" } }), yaxis: axis({ autorange: "reversed", showgrid: false }) });
}

function fit() {
  return Promise.all(Object.entries(report.fit.devices).map(([name, said]) => {
    const filled = report.fit.filled[name], wide = document.getElementById(`fit-plot-${name}`).clientWidth;
    const words = (limit) => limit.replace("_per_core", "").replaceAll("_", " ");
    const trace = {
      type: "heatmap", x: filled.cores.map(String), y: filled.limits.map(words), z: filled.shares.map((row) => row.map((share) => 100 * share)),
      zmin: 0, zmax: 100, xgap: 2, ygap: 2, showscale: false, colorscale: [[0, "rgba(117,98,194,0.07)"], [1, "rgba(117,98,194,0.6)"]],
      texttemplate: wide / filled.cores.length > 75 ? "%{z:.1f} %" : undefined,
      text: filled.limits.map((limit) => said.cores.map((core) => {
        const from = said.table.limits[limit], held = core.pieces.slice(0, 4).map(([p, low, high]) => `${p} ${low} to ${high - 1}`).join(", ");
        return `${count(core[limit.replace("_per_core", "")])} of ${count(from.value)} ${from.unit}<br>holds ${held}<br>limit: ${from.source}, ${from.table} (grade ${from.grade})`;
      })),
      hovertemplate: "core %{x}, %{y}: %{z:.1f} %<br>%{text}<extra></extra>",
    };
    return draw(`fit-plot-${name}`, [trace], { height: 60 + 26 * filled.limits.length, margin: { l: 120 }, xaxis: axis({ showgrid: false, type: "category", title: { text: "core" } }), yaxis: axis({ showgrid: false, autorange: "reversed" }) });
  }));
}
