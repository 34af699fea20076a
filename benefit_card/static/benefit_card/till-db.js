/** The till's own store (IndexedDB): documents, the device's keys, the queue, what was sent. A promise resolves when it is on disk. */
const NAME = "erb-till";
const STORES = { keep: "name", queue: "client_id", sent: "client_id" };
let opening = null;

function open() {
  opening ??= new Promise((done, fail) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      for (const [name, keyPath] of Object.entries(STORES)) request.result.createObjectStore(name, { keyPath });
    };
    request.onsuccess = () => {
      request.result.onclose = () => { opening = null; };
      done(request.result);
    };
    request.onerror = () => fail(request.error);
  });
  opening.catch(() => { opening = null; });
  return opening;
}

/** change(["queue"], (stores) => …): all of it, or nothing; resolves after the commit with what `job` returned. */
export async function change(names, job) {
  const database = await open();
  return new Promise((done, fail) => {
    const transaction = database.transaction(names, "readwrite", { durability: "strict" });
    const result = job(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
    transaction.oncomplete = () => done(result instanceof IDBRequest ? result.result : result);
    transaction.onabort = transaction.onerror = () => fail(transaction.error);
  });
}

async function read(name, ask) {
  const database = await open();
  return new Promise((done, fail) => {
    const request = ask(database.transaction(name, "readonly").objectStore(name));
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

export const get = async (name) => (await read("keep", (store) => store.get(name)))?.value;
export const put = (name, value) => change(["keep"], ({ keep }) => keep.put({ name, value }));
export const all = (name) => read(name, (store) => store.getAll());
