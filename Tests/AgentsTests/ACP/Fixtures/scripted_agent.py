"""An agent that plays a script: steps as JSON in the file that is its argument. What it is sent goes to a file beside
it, byte by byte. Standard library only."""

import json
import os
import signal
import sys
import time

script, record_path = sys.argv[1], sys.argv[2]
record = open(record_path, "ab", buffering=0)
session = "s-1"
asked = {}
answers = {}
numbers = {}
calls = 0


def write(text):
    sys.stdout.buffer.write(text.encode() if isinstance(text, str) else text)
    sys.stdout.buffer.flush()


def send(message):
    text = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
    write(text.replace("$SESSION", session) + "\n")


def receive():
    line = sys.stdin.buffer.readline()
    record.write(line)
    if not line:
        sys.exit(0)
    message = json.loads(line)
    if "method" in message:
        asked.setdefault(message["method"], []).append(message)
    else:
        answers[message["id"]] = message


def expect(method):
    while not asked.get(method):
        receive()
    return asked[method].pop(0)


def answer(message, result):
    send({"id": message["id"], "result": result})


def update(body):
    send({"method": "session/update", "params": {"sessionId": session, "update": body}})


def say(text, **more):
    update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}, **more})


def fill(value):
    """Puts members of earlier answers for words such as $t.terminalId."""
    if isinstance(value, dict):
        return {key: fill(part) for key, part in value.items()}
    if isinstance(value, list):
        return [fill(part) for part in value]
    if isinstance(value, str) and value.startswith("$") and "." in value:
        name, member = value[1:].split(".", 1)
        return answers[numbers[name]]["result"][member]
    return value


def play(steps):
    global session, calls
    for step in steps:
        kind, value = next(iter(step.items()))
        if kind == "hello":
            message = expect("initialize")
            answer(message, {"protocolVersion": 1, "agentCapabilities": value or {}, **step.get("more", {})})
        elif kind == "open":
            if value:
                session = value
            answer(expect("session/new"), {"sessionId": session, **step.get("more", {})})
        elif kind == "expect":
            message = expect(value)
            if "result" in step:
                answer(message, step["result"])
            if "error" in step:
                send({"id": message["id"], "error": step["error"]})
            if "keep" in step:
                numbers[step["keep"]] = message["id"]
        elif kind == "prompt":
            numbers["prompt"] = expect("session/prompt")["id"]
        elif kind == "done":
            send({"id": numbers["prompt"], "result": value or {"stopReason": "end_turn"}})
        elif kind == "fail":
            send({"id": numbers["prompt"], "error": value})
        elif kind == "say":
            say(value, **step.get("more", {}))
        elif kind == "update":
            update(value)
        elif kind == "chunks":
            for number in range(value):
                say(f"{number} ")
        elif kind == "call":
            calls += 1
            number = f"c{calls}"
            numbers[step.get("as", number)] = number
            send({"id": number, "method": value, "params": {"sessionId": session, **fill(step.get("params", {}))}})
        elif kind == "await":
            while numbers[value] not in answers:
                receive()
        elif kind == "tell":
            message = answers[numbers[value]]
            say(json.dumps(message.get("result", message.get("error")), sort_keys=True))
        elif kind == "take_back":
            send({"method": "$/cancel_request", "params": {"requestId": numbers[value]}})
        elif kind == "send":
            send(value)
        elif kind == "raw":
            write(value)
        elif kind == "big":
            say("x" * value)
        elif kind == "stderr":
            print(value, file=sys.stderr, flush=True)
        elif kind == "flood":
            for number in range(value):
                print(f"line {number}", file=sys.stderr)
            sys.stderr.flush()
        elif kind == "touch":
            open(value, "w").close()
        elif kind == "file":
            while not os.path.exists(value):
                time.sleep(0.002)
        elif kind == "pause":
            time.sleep(value)
        elif kind == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            if os.fork() == 0:
                while True:
                    time.sleep(1)
            while True:
                time.sleep(1)
        elif kind == "exit":
            sys.exit(value)
        elif kind == "kill":
            os.kill(os.getpid(), value)
        elif kind == "repeat":
            for _ in range(value):
                play(step["steps"])
        else:
            raise ValueError(kind)


starts = open(record_path + ".starts", "a")
starts.write("x")
starts.close()
scripts = json.load(open(script))
# Each start of the agent has a script of its own, the last one for all that follow.
play(scripts[min(os.path.getsize(record_path + ".starts"), len(scripts)) - 1])
while True:
    receive()
