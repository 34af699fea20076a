/** Keeps the plain list of offers for when there is no network. Searches are never kept. */
const CACHE = "erb-offers-1";
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/me/offers/") event.respondWith(page(request, url));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});
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
