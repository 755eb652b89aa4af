"use strict";
// samples: rows that share the steps, from the input down to the output

function inputRows(sample) {
  return Object.entries(sample.inputs).map(([name, events]) => {
    const z = Array.from({ length: report.samples.inputs[name] }, () => new Array(report.samples.steps).fill(null));
    events.steps.forEach((t, i) => { z[events.channels[i]][t] = events.values[i]; });
    const trace = { type: "heatmap", z, colorscale: [[0, "rgba(47,134,201,0.08)"], [1, "rgba(47,134,201,1)"]], zmin: 0, showscale: false, hoverongaps: false, hovertemplate: `${name}, step %{x}, channel %{y}: event of %{z}<extra></extra>` };
    return { title: name, height: 130, traces: [trace], axis: { rangemode: "tozero" } };
  });
}

function rasterRows(sample) {
  return Object.entries(sample.rasters).map(([name, raster]) => {
    const kinds = [["both", color.same, "in both"], ["only_float", color.float, "in floats only"], ["only_fixed", color.fixed, "in integers only"]];
    const traces = kinds.map(([kind, hue, said]) => ({
      x: raster[kind].steps, y: raster[kind].channels, mode: "markers", marker: { color: hue, size: kind === "both" ? 3 : 4.5, symbol: "square" },
      hovertemplate: `${name}, neuron %{y}, step %{x}: spike ${said}<extra></extra>`,
    }));
    return { title: name, height: 150, traces, axis: { range: [-1, report.samples.populations[name].neurons] } };
  });
}

function outputRow(sample, name) {
  const shown = report.samples.populations[name];
  const decided = sample.decisions.fixed;
  const traces = sample.membranes[name].map((m, i) => {
    const hue = m.neuron === sample.label ? color.truth : m.neuron === decided ? color.fixed : color.same;
    const said = m.neuron === sample.label ? ", the truth" : m.neuron === decided ? ", decided" : "";
    return { y: inFloats(m, shown, i), mode: "lines", line: { color: hue, width: hue === color.same ? 1 : 2.4 }, hovertemplate: `${name} ${m.neuron}${said}, fixed, step %{x}: %{y:.3g}<extra></extra>` };
  });
  return { title: name, height: 170, traces, axis: {} };
}

const inFloats = (membrane, shown, i) => membrane.v_fixed.map((v) => v / (shown.unit ? shown.unit[i] : 1));

function membraneRows(sample, name) {
  const shown = report.samples.populations[name];
  return sample.membranes[name].map((m, i) => {
    const line = (y, kind, dash) => ({ y, mode: "lines", line: { color: color[kind], width: 1.6, dash }, hovertemplate: `${name} ${m.neuron}, ${machine[kind].toLowerCase()}, step %{x}: v = %{y:.3g}<extra></extra>` });
    const traces = [line(m.v_float, "float", "solid"), line(inFloats(m, shown, i), "fixed", "dot")];
    if (shown.threshold) traces.push({ x: [0, report.samples.steps - 1], y: [shown.threshold[i], shown.threshold[i]], mode: "lines", line: { color: color.same, width: 1, dash: "dash" }, hovertemplate: `threshold of ${name} ${m.neuron}: %{y:.3g}<extra></extra>` });
    return { title: `v of ${m.neuron}`, height: 84, traces, axis: { nticks: 3 } };
  });
}

function samplesPlot(index, population) {
  const sample = report.samples.samples[index];
  const outputs = Object.keys(sample.membranes).filter((name) => !report.samples.populations[name].spikes);
  const rows = [...inputRows(sample), ...rasterRows(sample), ...outputs.map((name) => outputRow(sample, name)), ...(population ? membraneRows(sample, population) : [])];
  const gap = 16, margin = { t: 6, b: 44 };
  const inner = rows.reduce((sum, row) => sum + row.height + gap, -gap);
  const layout = { height: inner + margin.t + margin.b, margin, hovermode: "closest" };
  let top = inner;
  const traces = rows.flatMap((row, i) => {
    const n = i === 0 ? "" : i + 1, last = i === rows.length - 1;
    layout[`yaxis${n}`] = axis({ domain: [(top - row.height) / inner, top / inner], title: { text: row.title, font: { size: 12 } }, anchor: `x${n}`, ...row.axis });
    layout[`xaxis${n}`] = axis({ anchor: `y${n}`, matches: i === 0 ? undefined : "x", showticklabels: last, range: [-0.5, report.samples.steps - 0.5], ...(last ? { title: { text: `step of ${+(1000 * report.samples.dt_s).toPrecision(4)} ms` } } : {}) });
    top -= row.height + gap;
    return row.traces.map((trace) => ({ ...trace, xaxis: `x${n}`, yaxis: `y${n}` }));
  });
  return draw("samples-plot", traces, layout);
}

function samples() {
  const buttons = [...document.querySelectorAll("#sample-choice button")];
  const choice = document.getElementById("population-choice");
  const names = Object.entries(report.samples.populations).filter(([name, p]) => p.spikes && report.samples.samples.every((s) => name in s.membranes)).map(([name]) => name);
  names.forEach((name) => choice.add(new Option(name)));
  choice.parentElement.hidden = names.length === 0;
  let current = 0;
  const show = (index) => {
    current = index;
    const sample = report.samples.samples[index];
    buttons.forEach((b, i) => b.setAttribute("aria-checked", String(i === index)));
    const sound = document.getElementById("sound");
    sound.hidden = sample.audio === null;
    if (sample.audio !== null) sound.src = `data:audio/flac;base64,${sample.audio}`;
    document.getElementById("sample-text").textContent = words(sample, index);
    return samplesPlot(index, choice.value);
  };
  buttons.forEach((button, i) => button.addEventListener("click", () => show(i)));
  choice.addEventListener("change", () => samplesPlot(current, choice.value));
  return show(0);
}

function words(sample, index) {
  const decided = Object.entries(sample.decisions).map(([name, said]) => `${machine[name].toLowerCase()} says ${said}`);
  const first = present("parting") ? report.parting.first[index] : null;
  const apart = first ? `Spikes part first at step ${first.step}, ${first.population} ${first.neuron}.` : "All spikes are equal.";
  return `${sample.label === null ? "" : `Truth ${sample.label}; `}${decided.join(", ")}. ${present("parting") ? apart : ""} Lava: ${sample.on_lava ? "run" : "not run"} on this sample.`;
}
