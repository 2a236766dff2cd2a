import assert from "node:assert/strict";

import { FrameReader, FramingError, frame } from "../src/framing.js";
import { test } from "./support.js";

const bodies = ["{}", '{"text":"höher ✓ 🚢"}', "", "\r\n\r\n", "x".repeat(5000)];
const stream = Buffer.from(bodies.map((body) => frame(body).text).join(""));

test("messages are found wherever the bytes are cut", () => {
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const reader = new FrameReader();
    const found = [...reader.feed(stream.subarray(0, cut)), ...reader.feed(stream.subarray(cut))];
    assert.deepEqual(found.map((body) => body.toString()), bodies, `cut at ${cut}`);
  }
});

test("messages are found byte by byte", () => {
  const reader = new FrameReader();
  const found: string[] = [];
  for (let at = 0; at < stream.length; at += 1) {
    found.push(...reader.feed(stream.subarray(at, at + 1)).map((body) => body.toString()));
  }
  assert.deepEqual(found, bodies);
});

test("header names may be of any case and in company", () => {
  const data = Buffer.from("content-LENGTH :  2 \r\nContent-Type: application/json\r\n\r\n{}");
  assert.deepEqual(new FrameReader().feed(data).map((body) => body.toString()), ["{}"]);
});

test("a faulty header block is refused", () => {
  for (const block of [
    "Content-Length: -1\r\n\r\n",
    "Content-Length: 99999999999999999999\r\n\r\n",
    "Content-Length: 9999999999\r\n\r\n",
    "Content-Length: two\r\n\r\n",
    "Content-Type: text\r\n\r\n",
    "no colon\r\n\r\n",
    "\r\n\r\n",
    `X: ${"y".repeat(9000)}`,
  ]) {
    assert.throws(() => new FrameReader().feed(Buffer.from(block)), FramingError);
  }
});
