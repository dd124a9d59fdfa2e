"use strict";
// The page works without this: players play, the filter filters, everything can be read. This adds
// search, seeking by a click into a waveform, and one player at a time.
(() => {
  const cards = [...document.querySelectorAll(".card")];
  const find = document.getElementById("find");
  const found = document.getElementById("found");
  const none = document.getElementById("none");

  // ---- long pages: the body of a card is text in a <noscript> until it comes near
  const build = (card) => {
    const later = card.querySelector("noscript");
    if (later) later.outerHTML = later.textContent;
  };
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      build(target);
    }
  }, { rootMargin: "1200px 0px" });
  for (const card of cards) if (card.querySelector("noscript")) near.observe(card);

  // ---- search: every word must occur somewhere in the card, accents and case aside
  const entities = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&amp;": "&" };
  const text = (card) => {
    const later = card.querySelector("noscript");
    if (!later) return card.textContent;
    const body = later.textContent.replace(/<[^>]*>/g, " ").replace(/&(lt|gt|quot|amp);/g, (name) => entities[name]);
    return `${card.querySelector("header").textContent} ${body}`;
  };
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  let texts;
  const search = () => {
    const words = plain(find.value).split(/\s+/).filter(Boolean);
    if (words.length) texts ??= cards.map((card) => plain(text(card)));
    const state = document.querySelector("input[name=state]:checked").value;
    let shown = 0;
    cards.forEach((card, i) => {
      const hit = words.every((word) => texts[i].includes(word));
      card.hidden = !hit;
      if (hit && (state === "all" || card.classList.contains(state))) shown += 1;
    });
    found.textContent = words.length ? `${shown} found` : "";
    none.hidden = shown > 0;
  };
  let soon;
  find.addEventListener("input", () => {
    clearTimeout(soon);
    if (cards.length < 500) search();
    else soon = setTimeout(search, 150);
  });
  for (const radio of document.querySelectorAll("input[name=state]")) radio.addEventListener("change", search);
  find.parentElement.hidden = false;
  addEventListener("keydown", (event) => {
    const typing = event.target.matches?.("input[type=search], textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      find.focus();
    }
  });
  // A reload may keep what was typed.
  search();

  // ---- a link to a card that the filter hides shows it again
  const reveal = () => {
    const card = document.getElementById(location.hash.slice(1));
    if (!card?.classList.contains("card") || card.checkVisibility()) return;
    find.value = "";
    document.querySelector("input[name=state][value=all]").checked = true;
    search();
    card.scrollIntoView();
  };
  addEventListener("hashchange", reveal);

  // ---- waveforms: a click into the preview plays from there, elsewhere from its start
  document.getElementById("episodes").addEventListener("click", (event) => {
    const wave = event.target.closest("svg.wave[data-start]");
    const audio = wave?.closest(".card").querySelector("audio");
    if (!audio) return;
    const box = wave.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * wave.dataset.seconds;
    const start = Number(wave.dataset.start);
    const inside = at >= start && at < Number(wave.dataset.end);
    seek(audio, inside ? at - start : 0);
  });
  const seek = (audio, seconds) => {
    const go = () => {
      audio.currentTime = seconds;
      // Refused when the file is missing; the player says so itself.
      audio.play().catch(() => {});
    };
    if (audio.readyState > 0) return go();
    audio.addEventListener("loadedmetadata", go, { once: true });
    audio.preload = "metadata";
    audio.load();
  };

  // ---- one player at a time, and a mark where it is
  document.addEventListener("play", (event) => {
    for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  }, true);
  document.addEventListener("timeupdate", (event) => {
    const wave = event.target.closest?.(".card")?.querySelector("svg.wave[data-start]");
    if (!wave) return;
    const { width, height } = wave.viewBox.baseVal;
    let head = wave.querySelector(".head");
    if (!head) {
      head = document.createElementNS(wave.namespaceURI, "path");
      head.setAttribute("class", "head");
      wave.append(head);
    }
    const at = Number(wave.dataset.start) + event.target.currentTime;
    const x = (Math.min(at, wave.dataset.end) / wave.dataset.seconds) * width;
    head.setAttribute("d", `M${x.toFixed(2)} 0v${height}`);
  }, true);
})();
