/**
 * Starts the till without network. It keeps the till's page and its files; what the server answers is never kept here, and
 * what the till knows lies in its own store.
 */
const CACHE = "erb-till-1";
const PATIENCE_MS = 2500;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("erb-till-") && name !== CACHE;
  event.waitUntil(
    caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
  );
});

// All or nothing is what counts: a page with a file missing would start and fail later.
self.addEventListener("message", (event) => {
  if (!Array.isArray(event.data?.keep)) return;
  const own = event.data.keep.filter((url) => new URL(url).origin === self.location.origin);
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll(own)).then(() => event.ports[0]?.postMessage("all"), () => event.ports[0]?.postMessage("some")),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.href.split("#")[0] === self.registration.scope) event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/") && request.mode !== "navigate") event.respondWith(file(event, request));
});

async function page(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(self.registration.scope);
  const fresh = fetch(request).then(async (response) => {
    if (response.ok) await cache.put(self.registration.scope, response.clone());
    return response.ok || !kept ? response : kept;
  });
  if (!kept) return fresh;
  fresh.catch(() => {});
  const late = new Promise((done) => setTimeout(() => done(kept), PATIENCE_MS));
  return Promise.race([fresh.catch(() => kept), late]);
}

async function file(event, request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (!kept) return fetch(request);
  event.waitUntil(fetch(request).then((response) => response.ok && cache.put(request, response)).catch(() => {}));
  return kept;
}
