/**
 * Opens the card without network. Only the card's page and our static files are kept; the till, other pages and every
 * answer of the API go to the network as always, so nothing personal is stored here.
 */
const CACHE = "erb-card-1";
const PATIENCE_MS = 700; // a bad network must not make somebody wait at a till

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// The page says which files it is made of; they are fetched once more so that the first visit is enough.
self.addEventListener("message", (event) => {
  if (Array.isArray(event.data?.keep)) {
    const own = event.data.keep.filter((url) => new URL(url).origin === self.location.origin);
    event.waitUntil(caches.open(CACHE).then((cache) => Promise.allSettled(own.map((url) => cache.add(url)))));
  }
  if (event.data === "forget") event.waitUntil(caches.delete(CACHE));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/card/") event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/") && request.mode !== "navigate") event.respondWith(file(event, request));
});

/** The network first, the kept page after a short patience. A redirect (signed out) ends what is kept. */
async function page(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match("/card/");
  const fresh = fetch(request).then(async (response) => {
    if (response.ok && !response.redirected) await cache.put("/card/", response.clone());
    else if (response.type === "opaqueredirect" || response.redirected) await cache.delete("/card/");
    return response;
  });
  if (!kept) return fresh;
  fresh.catch(() => {});
  const late = new Promise((done) => setTimeout(() => done(kept), PATIENCE_MS));
  return Promise.race([fresh.catch(() => kept), late]);
}

/** The kept file at once, renewed behind the scenes; only files the card asked to keep. */
async function file(event, request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (!kept) return fetch(request);
  event.waitUntil(fetch(request).then((response) => response.ok && cache.put(request, response)).catch(() => {}));
  return kept;
}
