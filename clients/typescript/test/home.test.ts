import assert from "node:assert/strict";
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";

import { Home } from "../src/home.js";
import { temporaryFolder, test } from "./support.js";

const names = ["HOME", "BERTH_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"];

/** Replaces the environment until the test has ended. */
function environment(context: TestContext, variables: Record<string, string>): void {
  for (const name of names) {
    const before = process.env[name];
    set(name, variables[name]);
    context.after(() => set(name, before));
  }
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

test("the environment names the home", (context) => {
  const folder = temporaryFolder(context);
  environment(context, { HOME: folder });
  assert.equal(new Home().path, `${folder}/.local/state/berth`);
  environment(context, { HOME: folder, XDG_STATE_HOME: `${folder}/state` });
  assert.equal(new Home().path, `${folder}/state/berth`);
  environment(context, { HOME: folder, XDG_STATE_HOME: "relative" });
  assert.equal(new Home().path, `${folder}/.local/state/berth`);
  environment(context, { HOME: folder, BERTH_HOME: `${folder}/mine/`, XDG_STATE_HOME: "/x" });
  assert.equal(new Home().path, `${folder}/mine`);
  assert.equal(new Home(`${folder}/other`).path, `${folder}/other`);
});

test("links are resolved as far as the path exists", (context) => {
  const folder = temporaryFolder(context);
  mkdirSync(`${folder}/real`);
  symlinkSync("real", `${folder}/link`);
  assert.equal(new Home(`${folder}/link/a/b`).path, `${folder}/real/a/b`);
  assert.equal(new Home(`${folder}/link`).path, `${folder}/real`);
});

test("a relative path begins where the process is", () => {
  assert.equal(new Home("not-there").path, `${realpathSync.native(".")}/not-there`);
});

test("only the standard home has its socket in the runtime folder", (context) => {
  const folder = temporaryFolder(context);
  environment(context, { HOME: folder, XDG_RUNTIME_DIR: "/run/user/7" });
  assert.equal(new Home().socket, "/run/user/7/berth/berth.sock");
  assert.equal(new Home(`${folder}/other`).socket, `${folder}/other/berth.sock`);
  environment(context, { HOME: folder, XDG_RUNTIME_DIR: `/${"r".repeat(90)}` });
  assert.equal(new Home().socket, `${folder}/.local/state/berth/berth.sock`);
});

test("a long path gives way to a short name", (context) => {
  environment(context, { TMPDIR: `/${"t".repeat(50)}` });
  const { socket } = new Home(`/nowhere/${"h".repeat(100)}`);
  assert.match(socket, /^\/tmp\/berth-\d+\/[0-9a-f]{16}\.sock$/);
});

test("a record that cannot be read is none", (context) => {
  const folder = temporaryFolder(context);
  for (const text of ["", "{", "[]", '{"pid":1}']) {
    writeFileSync(`${folder}/lock`, text);
    assert.equal(new Home(folder).record, undefined);
  }
});
