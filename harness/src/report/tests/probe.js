"use strict";
const report = { violations: [], errors: [] };
addEventListener("securitypolicyviolation", (event) => report.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
addEventListener("error", (event) => { if (event.message) report.errors.push(event.message); });
addEventListener("unhandledrejection", (event) => report.errors.push(String(event.reason)));
const all = (selector) => [...document.querySelectorAll(selector)];
const pick = (state) => {
  const radio = document.querySelector(`input[value=${state}]`);
  if (!radio) return [];
  radio.click();
  return all(".card").filter((card) => getComputedStyle(card).display !== "none").map((card) => card.classList[1]);
};
const type = async (text) => {
  const find = document.getElementById("find");
  find.value = text;
  find.dispatchEvent(new Event("input"));
  await new Promise((go) => setTimeout(go, 300));
  return all(".card:not([hidden])").length;
};
const audioSeconds = (audio) => new Promise((go) => {
  if (!audio) return go(null);
  audio.addEventListener("loadedmetadata", () => go(audio.duration));
  audio.querySelectorAll("source").forEach((source) => source.addEventListener("error", () => go("error")));
  audio.preload = "metadata";
  audio.load();
});
addEventListener("load", async () => {
  report.title = document.title;
  report.cards = all("article.card").length;
  report.scripts = document.scripts.length;
  report.handlers = all("*").filter((element) => [...element.attributes].some((attribute) => attribute.name.startsWith("on"))).length;
  report.foreign = all("img, iframe, object, embed, link, base, form").length;
  report.unlabelled = all("input").filter((input) => !input.closest("label")?.textContent.trim()).length;
  const width = document.documentElement.clientWidth;
  report.wider = all("body *:not(.unseen, .skip)").filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > width + 1)
    .map((element) => `${element.tagName}.${element.className.baseVal ?? element.className}`).slice(0, 5);
  report.failed_only = pick("failed");
  pick("all");
  report.searched = await type("lamps TIDE");
  const link = document.querySelector(".duplicate .reason a");
  if (link) {
    pick("duplicate");
    link.click();
    await new Promise((go) => setTimeout(go, 300));
    report.followed = document.querySelector(":target")?.checkVisibility() ?? false;
  }
  report.audio_seconds = await audioSeconds(document.querySelector("audio"));
  report.pwned = window.pwned ?? null;
  document.documentElement.dataset.probe = JSON.stringify(report);
});
