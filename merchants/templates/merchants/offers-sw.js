/** Keeps the plain list of offers for when there is no network. Searches are never kept. */
const CACHE = "erb-offers-1";
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim().then(first).catch(() => {})));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/me/offers/") event.respondWith(page(request, url));
  else if (/^\/(static|offers\/pictures)\//.test(url.pathname)) event.respondWith(file(request));
});
/** The first visit was loaded before this worker was there: keep what it showed, so that one visit is enough. */
async function first() {
  const cache = await caches.open(CACHE);
  const answer = await fetch("/me/offers/", { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  await cache.put("/me/offers/", answer.clone());
  const parts = [...(await answer.text()).matchAll(/(?:href|src)="(\/(?:static|offers\/pictures)\/[^"]+)"/g)].map((found) => found[1]);
  await Promise.allSettled([...new Set(parts)].map((part) => cache.add(part)));
}
async function page(request, url) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.redirected || answer.type === "opaqueredirect") await caches.delete(CACHE); // signed out: nothing stays
    else if (answer.ok && url.search === "") await cache.put("/me/offers/", answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match("/me/offers/");
    if (kept) return kept;
    throw error;
  }
}
async function file(request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw error;
  }
}
