"use strict";
// What no reading of the markup can tell of a report: whether its plots have a size, and its parts room.
const report = { errors: [] };
addEventListener("error", (event) => report.errors.push(event.message || event.target.tagName));
addEventListener("DOMContentLoaded", () => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const sized = (element) => element.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  report.plots = all("svg").map((svg) => [Math.round(sized(svg).width), Math.round(sized(svg).height)]);
  report.marks = all("svg rect, svg circle, svg polyline").length;
  report.tables = all("table").map((table) => table.rows.length);
  report.spoilt = all("svg *").filter((element) => [...element.attributes].some((one) => /NaN|inf/.test(one.value))).length;
  // A section scrolls where its table is wide.
  report.wider = all("body *").filter((element) => !element.parentElement.closest("section"))
    .filter((element) => sized(element).right > width + 1).slice(0, 5)
    .map((element) => `${element.tagName}.${element.className.baseVal ?? element.className}`);
  document.documentElement.dataset.probe = JSON.stringify(report);
});
