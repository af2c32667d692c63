import assert from "node:assert/strict";
import test from "node:test";

const PAGE = 200;
const TOTAL = 100 * PAGE;

const asked = [];
globalThis.fetch = (url) => new Promise((answer) => {
  const offset = Number(new URL(url, "http://127.0.0.1").searchParams.get("offset"));
  const rows = Array.from({ length: PAGE }, (_, index) => [offset + index]);
  asked.push({ page: offset / PAGE, send: () => answer({ ok: true, json: async () => ({ columns: ["lines"], rows, total: TOTAL }) }) });
});
const { RowSource } = await import("../../../src/kymflow_view/static/app/row_source.js");

const arrived = () => new Promise(setImmediate);

async function send(page) {
  const at = asked.findIndex((request) => request.page === page);
  assert.ok(at >= 0, `page ${page} was not asked for`);
  asked.splice(at, 1)[0].send();
  await arrived();
}

async function started() {
  asked.length = 0;
  const source = new RowSource("images", () => {}, (error) => assert.fail(error));
  const begun = source.start({}, ["lines"]);
  await send(0);
  await begun;
  return source;
}

test("a page that comes late takes the place of none that is in view", async () => {
  const source = await started();
  for (let page = 1; page <= 80; page += 1) source.need(page * PAGE, page * PAGE + 10);
  await send(80);
  for (let page = 1; page < 80; page += 1) await send(page);

  assert.equal(source.value(80 * PAGE + 3, "lines"), 80 * PAGE + 3);
  assert.ok(!source.has(0) && !source.has(1));
});

test("what was needed last is kept, and not asked for again", async () => {
  const source = await started();
  for (let page = 1; page <= 70; page += 1) {
    source.need(page * PAGE, page * PAGE + 10);
    await send(page);
  }
  source.need(69 * PAGE, 70 * PAGE + 10);

  assert.deepEqual(asked, []);
  assert.ok(!source.has(0));
});

test("a page that is on its way is not asked for twice", async () => {
  const source = await started();
  source.need(PAGE, PAGE + 10);
  source.need(PAGE, PAGE + 20);

  assert.deepEqual(asked.map(({ page }) => page), [1]);
  assert.equal(source.value(PAGE, "lines"), undefined);
  await send(1);
  assert.equal(source.value(PAGE, "lines"), PAGE);
});
