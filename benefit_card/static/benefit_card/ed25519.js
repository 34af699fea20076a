/**
 * Ed25519 signatures, checked by the browser itself (0.2 ms) or, where it cannot yet, by @noble/ed25519 (2 ms).
 * Strict either way: one accepted spelling of a signature.
 */
let engine = null;

async function native() {
  const zero = new Uint8Array(32);
  zero[0] = 1; // the neutral point is a valid encoding; what counts is that the import is understood
  await crypto.subtle.importKey("raw", zero, { name: "Ed25519" }, false, ["verify"]);
  const known = new Map();
  return async (key, message, signature) => {
    const name = key.join();
    if (!known.has(name)) known.set(name, await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]));
    return crypto.subtle.verify({ name: "Ed25519" }, known.get(name), signature, message);
  };
}

async function fallback(url) {
  const noble = await import(url);
  return (key, message, signature) => noble.verifyAsync(signature, message, key, { zip215: false }).catch(() => false);
}

/** Choose the engine once; `url` is where the fallback lies, `forced` is for tests. */
export function prepare(url, forced = false) {
  engine ??= forced ? fallback(url) : native().catch(() => fallback(url));
  return engine;
}

/** verify(key: 32 bytes, message, signature: 64 bytes) -> Promise<boolean>; a broken key or signature is false */
export async function verify(key, message, signature) {
  try {
    return await (await engine)(key, message, signature);
  } catch {
    return false;
  }
}
