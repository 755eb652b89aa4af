"use strict";
// Draws every section that has a source; "ready" is said when all are drawn.
const drawings = { accuracy, parting, samples, rounding, energy, fit };
Promise.all(Object.entries(drawings).filter(([id]) => present(id)).map(([, drawing]) => drawing())).then(() => {
  document.documentElement.dataset.ready = performance.now().toFixed(0);
});
