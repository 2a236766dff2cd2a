import Platform
import TestSupport

/// Small programs of others that speak with a server.
enum Programs {
  static let areThere = ["python3", "node", "tsc"].allSatisfy(Machine.has)

  /// `nc -U`, or what does the same: the script's input goes to the socket and what comes back to its output.
  static let shell = """
    if nc -h 2>&1 | grep -q -- -U; then exec nc -U "$1"; fi
    if command -v socat >/dev/null; then exec socat - "UNIX-CONNECT:$1"; fi
    exec python3 -c '
    import os, socket, sys, threading
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    def send():
        while piece := os.read(0, 65536):
            peer.sendall(piece)
    threading.Thread(target=send, daemon=True).start()
    while piece := peer.recv(65536):
        os.write(1, piece)
    ' "$1"
    """

  /// The client for Python; the home and the workspace follow as arguments.
  static let python = [
    "PYTHONPATH=\(Machine.repository)/clients/python/src", "python3", "-B", "-c",
    """
    import asyncio, json, sys
    import berth

    def say(**words):
        print(json.dumps(words), flush=True)

    def told(method, params):
        for event in params.get("events", []):
            say(saw=event["payload"]["path"])

    async def follow(client):
        async for event in client.events(types=["workspace.updated"]):
            say(saw=event["payload"]["name"])

    async def main(home, workspace):
        async with berth.connect(home=home, start=False, on_notification=told) as client:
            await client.file.watch(workspace, debounce_ms=0)
            following = asyncio.create_task(follow(client))
            say(wrote="")
            while path := (await asyncio.to_thread(sys.stdin.readline)).strip():
                await client.file.write(workspace, path, "python")
                say(wrote=path)
            following.cancel()

    asyncio.run(main(*sys.argv[1:]))
    """,
  ]

  /// The client for TypeScript, compiled; the home and the workspace follow as arguments.
  static func typescript() throws -> [String] {
    let compiled = try compiledClient.get()
    return [
      "node", "--input-type=module", "-e",
      """
      import { createInterface } from "node:readline";
      const [, library, home, workspace] = process.argv;
      const { connect } = await import(library);
      const say = (words) => console.log(JSON.stringify(words));
      const onNotification = (method, params) => {
        for (const event of params.events ?? []) say({ saw: event.payload.path });
      };
      const client = await connect({ home, start: false, onNotification });
      await client.file.watch({ workspace, debounceMs: 0 });
      (async () => {
        for await (const event of client.events({ types: ["workspace.updated"] })) say({ saw: event.payload.name });
      })();
      say({ wrote: "" });
      for await (const path of createInterface({ input: process.stdin })) {
        await client.file.write({ workspace, path, content: "typescript" });
        say({ wrote: path });
      }
      await client.close();
      """, "\(compiled)/src/index.js",
    ]
  }

  /// Where the client for TypeScript is compiled to, once for all tests.
  private static let compiledClient = Result {
    let folder = TestServer.berth + "-typescript"
    let code = try ChildProcess(
      "/usr/bin/env", ["tsc", "-p", Machine.repository + "/clients/typescript", "--outDir", folder],
      input: .null(), output: .null(), error: .null()
    ).wait()
    guard code == 0 else { throw ShellFailure(description: "tsc ended with \(code)") }
    try SmallFile.replace(folder + "/package.json", with: Array(#"{"type":"module"}"#.utf8))
    return folder
  }
}
